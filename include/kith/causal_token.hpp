// What a write leaves behind for the reads that must not miss it: a small value that may be handed
// to another thread, process or machine, as text too.
//
//   const kith::causal_token mine = pages.token("/", pages.put("/", page));
//   ...elsewhere, with kith::parse_causal_token(text)...
//   pages.get("/", {.after = mine});   // nothing older than that put
//
// It names a version of a partition, so it holds for every key of that partition, and for no other.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/crc32c.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/error.hpp>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace kith {

struct causal_token {
  /// stable_hash of the cache's name.
  std::uint64_t cache = 0;
  partition_id partition{};
  /// Reads see at least this; the oldest version asks for nothing.
  kith::version version;

  friend bool operator==(const causal_token&, const causal_token&) = default;
};

/// Seven fields with dots between them, at most 98 characters, all of which may stand in a header
/// or an address: "kith1", the cache, the partition, the version's view, branch and sequence, and a
/// checksum, so that a text that was cut off is not taken for an older token. Numbers are
/// hexadecimal.
[[nodiscard]] std::string to_string(const causal_token& token);

/// The token that to_string wrote. Throws kith::error(invalid_argument), which says what is wrong.
[[nodiscard]] causal_token parse_causal_token(std::string_view text);

// --- implementation ---

inline constexpr std::string_view causal_token_mark = "kith1";

inline std::string to_string(const causal_token& token) {
  const kith::version& at = token.version;
  const std::array<std::uint64_t, 5> fields{token.cache, index_of(token.partition),
                                            at.epoch.view.value(), at.epoch.branch, at.seq.value()};
  std::string text{causal_token_mark};
  const auto append = [&text](std::uint64_t number) {
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16);
    text.append(1, '.').append(digits.data(), end.ptr);
  };
  for (const std::uint64_t field : fields) append(field);
  append(crc32c(as_bytes(text)));
  return text;
}

inline causal_token parse_causal_token(std::string_view text) {
  const auto require = [](bool holds, const std::string& why) {
    if (!holds) throw error{errc::invalid_argument, "causal token: " + why};
  };
  constexpr std::array<const char*, 6> names{"cache",  "partition", "view",
                                             "branch", "sequence",  "checksum"};
  std::array<std::uint64_t, names.size()> fields{};
  require(text.starts_with(causal_token_mark), "does not begin with kith1");
  std::size_t at = causal_token_mark.size();
  std::size_t before_sum = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    require(at < text.size() && text[at] == '.', std::string{names[i]} + ": missing");
    before_sum = at++;
    const char* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data() + at, end, fields[i], 16);
    require(read.ec == std::errc{}, std::string{names[i]} + ": no hexadecimal number of 64 bits");
    at = static_cast<std::size_t>(read.ptr - text.data());
  }
  require(at == text.size(), "something follows the checksum");
  require(fields[5] == crc32c(as_bytes(text.substr(0, before_sum))), "the checksum is wrong");
  require(fields[1] < partition_count, "partition: too high");
  require(fields[3] <= UINT32_MAX, "branch: too high");
  return {fields[0],
          static_cast<partition_id>(fields[1]),
          {{view_number{fields[2]}, static_cast<std::uint32_t>(fields[3])}, sequence{fields[4]}}};
}

}  // namespace kith
