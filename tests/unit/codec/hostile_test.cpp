// Bytes from a peer that are wrong, and how much memory they can make a decoder take.
#include "golden.hpp"

#include <kith/codec_boost.hpp>
#include <kith/core/random.hpp>

#include <doctest/doctest.h>

#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>

#include <support/allocations.hpp>

#include <algorithm>
#include <cstdint>
#include <string>

namespace {

using kith::decode;
using kith::encode;
using kith::test::calls_of;
using kith::test::peak_of;

/// What an exception and a small buffer of a container may take besides.
constexpr std::size_t small_change = 4096;

struct line {
  std::string sku;
  std::int32_t pieces = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & sku & pieces;
  }
};

struct order {
  std::string customer;
  std::vector<line> lines;
  std::vector<std::int32_t> history;
  std::map<std::string, std::int64_t> totals;
  std::unordered_map<std::int32_t, std::string> notes;
  std::optional<std::string> voucher;
  std::variant<std::monostate, std::int64_t, std::vector<std::string>> extra;
  std::deque<std::uint16_t> steps;
  std::vector<bool> flags;
  std::set<std::int32_t> seen;
  bool paid = false;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & customer & lines & history & totals & notes & voucher & extra & steps & flags & seen;
    archive & paid;
  }
};

order sample() {
  order o;
  o.customer = "somebody with a long enough name";
  for (int i = 0; i < 6; ++i) o.lines.push_back({"sku-" + std::to_string(1000000 + i), i});
  o.history.assign(20, 7);
  for (int i = 0; i < 4; ++i) o.totals["total of the year " + std::to_string(2000 + i)] = i;
  o.notes = {{1, "left at the door, as agreed"}, {2, "rang twice, nobody there"}};
  o.voucher = "ten percent off on everything";
  o.extra = std::vector<std::string>{"gift wrap", "a card with a text"};
  o.steps = {1, 2, 3};
  o.flags.assign(50, true);
  o.seen = {1, 2, 3};
  o.paid = true;
  return o;
}

TEST_CASE("codec: hostile: every truncation of a large value is refused within the memory bound") {
  const kith::bytes data = encode(sample());
  for (std::size_t i = 0; i < data.size(); ++i) {
    const kith::byte_view part = kith::byte_view{data}.first(i);
    const std::size_t peak = peak_of([&] { CHECK_FALSE(decode<order>(part)); });
    CHECK(peak <= 8 * data.size() + small_change);
  }
}

TEST_CASE("codec: hostile: random corruptions are refused or read, within the memory bound") {
  const kith::bytes good = encode(sample());
  kith::random_source random{20260401};
  std::size_t refused = 0;
  for (int run = 0; run < 3000; ++run) {
    kith::bytes data = good;
    const std::uint64_t changes = random.between(1, 4);
    for (std::uint64_t i = 0; i < changes; ++i) {
      data[random.below(data.size())] = static_cast<std::byte>(random.next() & 0xFF);
    }
    order into;
    bool read = false;
    const std::size_t peak = peak_of([&] { read = decode(data, into); });
    CHECK(peak <= 8 * data.size() + small_change);
    refused += !read;
    if (read) CHECK(decode<order>(encode(into)).has_value());
  }
  CHECK(refused > 300);
  CHECK(refused < 3000);
}

TEST_CASE("codec: hostile: random bytes are refused or read, within the memory bound") {
  kith::random_source random{7};
  for (int run = 0; run < 3000; ++run) {
    kith::bytes data(random.below(300));
    for (std::byte& b : data) b = static_cast<std::byte>(random.next() & 0x83);
    order into;
    const std::size_t peak = peak_of([&] { static_cast<void>(decode(data, into)); });
    CHECK(peak <= 8 * data.size() + small_change);
  }
}

/// A count of `count`, and `left` bytes of 0xFF behind it.
kith::bytes bomb(std::uint64_t count, std::size_t left) {
  kith::byte_sink out;
  out.put_length(count);
  kith::bytes data = kith::to_bytes(out.view());
  data.resize(data.size() + left, std::byte{0xFF});
  return data;
}

template <class T>
void check_bombs() {
  const auto everything = std::uint64_t{0} - 1;
  for (const std::uint64_t count : {std::uint64_t{100'000}, std::uint64_t{1} << 40, everything}) {
    for (const std::size_t left : {std::size_t{0}, std::size_t{16}, std::size_t{99'999}}) {
      const kith::bytes data = bomb(count, left);
      T into;
      const std::size_t peak = peak_of([&] { CHECK_FALSE(decode(data, into)); });
      CHECK(peak <= 8 * data.size() + small_change);
    }
  }
}

TEST_CASE("codec: hostile: a count alone takes no memory, whatever it counts") {
  check_bombs<std::vector<int>>();
  check_bombs<std::vector<bool>>();
  check_bombs<std::vector<std::string>>();
  check_bombs<std::vector<line>>();
  check_bombs<std::vector<std::array<std::int64_t, 100>>>();
  check_bombs<std::deque<line>>();
  check_bombs<std::list<line>>();
  check_bombs<std::map<std::string, line>>();
  check_bombs<std::unordered_map<std::string, line>>();
  check_bombs<std::set<std::string>>();
  check_bombs<std::unordered_set<std::string>>();
  check_bombs<std::pair<std::string, int>>();
  check_bombs<std::wstring>();
}

struct deep_tree {
  std::vector<deep_tree> children;
  std::array<char, 100> weight{};
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & children;
  }
};

// Each level claims as many children as bytes are left; levels must not multiply what is reserved.
TEST_CASE("codec: hostile: nested counts share one reserve") {
  kith::bytes data;
  const std::size_t size = 1 << 16;
  while (data.size() < size) {
    kith::byte_sink out;
    out.put_length(0);  // the class version
    out.put_length((size - data.size()) / 2);
    const kith::byte_view level = out.view();
    data.insert(data.end(), level.begin(), level.end());
  }
  deep_tree into;
  const std::size_t peak = peak_of([&] { CHECK_FALSE(decode(data, into)); });
  CHECK(peak <= 8 * data.size() + 64 * small_change);
}

TEST_CASE("codec: values that are small when encoded and large in memory are read all the same") {
  const std::vector<std::string> empty(10'000);
  CHECK(decode<std::vector<std::string>>(encode(empty)) == empty);
  const std::vector<std::optional<std::array<int, 50>>> absent(10'000);
  CHECK(decode<std::vector<std::optional<std::array<int, 50>>>>(encode(absent)) == absent);
}

struct flat {
  std::uint64_t id = 1;
  std::string name = "short";
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & id & name;
  }
};

TEST_CASE("codec: nothing is allocated besides what the value holds") {
  const std::string key = "a text that is too long for the inline buffer of a string";
  CHECK(calls_of([&] {
          const kith::encoded_key<std::string> a{key.c_str()};
          const kith::encoded_key<std::int64_t> b{7};
          const kith::encoded_key<std::pair<int, std::string>> c{
              std::pair<int, std::string>{1, "x"}};
          CHECK((a.hash() ^ b.hash() ^ c.hash()) != 0);
        }) == 0);

  flat value;
  kith::byte_sink out;
  CHECK(calls_of([&] { kith::encode(value, out); }) == 0);
  CHECK(calls_of([&] { CHECK(decode(out.view(), value)); }) == 0);
  CHECK(calls_of([&] { CHECK(encode(value).size() == 15); }) == 1);
}

}  // namespace
