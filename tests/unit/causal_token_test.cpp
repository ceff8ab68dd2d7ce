// The text form of causal tokens: what is written is read, and what is not whole is refused.
#include <kith/causal_token.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

using namespace kith;

namespace {

const causal_token token{0x9F86D081884C7D65u,
                         partition_id{345},
                         {{view_number{18}, 7}, sequence{991}}};

/// Why the text is refused; empty: it is not.
std::string refusal(const std::string& text) {
  try {
    static_cast<void>(parse_causal_token(text));
  } catch (const error& wrong) {
    CHECK(wrong.code() == errc::invalid_argument);
    return wrong.what();
  }
  return {};
}

bool says(const std::string& text, const std::string& why) {
  return refusal(text).find(why) != std::string::npos;
}

/// `fields` with the checksum that they should have.
std::string summed(const std::string& fields) {
  std::string digits;
  for (std::uint32_t sum = crc32c(as_bytes(fields)); sum > 0; sum /= 16) {
    digits.insert(digits.begin(), "0123456789abcdef"[sum % 16]);
  }
  return fields + '.' + digits;
}

}  // namespace

TEST_CASE("causal_token: the text is the one that other releases read") {
  CHECK(to_string(token) == summed("kith1.9f86d081884c7d65.159.12.7.3df"));
}

TEST_CASE("causal_token: what was written is read") {
  CHECK(parse_causal_token(to_string(token)) == token);
  CHECK(parse_causal_token(to_string(causal_token{})) == causal_token{});
  const causal_token largest{UINT64_MAX,
                             partition_id{partition_count - 1},
                             {{view_number{UINT64_MAX}, UINT32_MAX}, sequence{UINT64_MAX}}};
  CHECK(parse_causal_token(to_string(largest)) == largest);
  CHECK(to_string(largest).size() <= 98);
}

TEST_CASE("causal_token: a text that was cut off or changed is refused") {
  const std::string text = to_string(token);
  for (std::size_t size = 0; size < text.size(); ++size) {
    CHECK_FALSE(refusal(text.substr(0, size)).empty());
  }
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] = changed[at] == '1' ? '2' : '1';
    CHECK_FALSE(refusal(changed).empty());
  }
  CHECK(says(text + "0", "checksum"));
  CHECK(says(text + " ", "follows"));
}

TEST_CASE("causal_token: a refusal names the field") {
  CHECK(says("", "kith1"));
  CHECK(says("kith1", "cache: missing"));
  CHECK(says("kith1.x", "cache: no hexadecimal number"));
  CHECK(says("kith1.1.11111111111111111", "partition: no hexadecimal number of 64 bits"));
  CHECK(says("kith1.1.2.-3", "view: no hexadecimal number"));
  CHECK(says(summed("kith1.1.400.1.0.1"), "partition: too high"));
  CHECK(says(summed("kith1.1.1.1.100000000.1"), "branch: too high"));
  CHECK(refusal(summed("kith1.1.3ff.1.ffffffff.1")).empty());
}
