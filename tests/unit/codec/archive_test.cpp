#include "golden.hpp"

#include <kith/codec_boost.hpp>

#include <doctest/doctest.h>

#include <boost/optional.hpp>
#include <boost/serialization/base_object.hpp>
#include <boost/serialization/binary_object.hpp>
#include <boost/serialization/boost_unordered_map.hpp>
#include <boost/serialization/map.hpp>
#include <boost/serialization/optional.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/variant.hpp>
#include <boost/serialization/vector.hpp>
#include <boost/variant.hpp>

#include <cstdint>
#include <string>

namespace {

using kith::codec_tag;
using kith::decode;
using kith::encode;
using test::golden;
using test::packed;
using test::unhex;

struct product {
  std::string name;
  std::int64_t cents = 0;
  bool operator==(const product&) const = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & name & cents;
  }
};

/// Equal after a round trip, and every shorter piece of the bytes is refused.
template <class T>
void check_round_trip(const T& value) {
  const kith::bytes data = encode(value);
  const auto back = decode<T>(data);
  REQUIRE(back);
  CHECK(*back == value);
  CHECK(encode(*back) == data);
  for (std::size_t i = 0; i < data.size(); ++i) {
    CHECK_FALSE(decode<T>(kith::byte_view{data}.first(i)));
  }
  kith::bytes longer = data;
  longer.push_back(std::byte{0});
  CHECK_FALSE(decode<T>(longer));
}

static_assert(codec_tag<product>() == "class v0");
static_assert(codec_tag<std::vector<std::pair<std::string, long>>>() ==
              "sequence(tuple(string,i64))");
static_assert(codec_tag<std::map<std::string, product>>() == "map(string,class v0)");

static_assert(kith::encodable_key<std::pair<std::string, int>>);
static_assert(kith::encodable_key<std::tuple<int, std::vector<std::string>>>);
static_assert(kith::encodable_key<std::map<int, std::set<std::string>>>);
static_assert(kith::encodable_key<product>);
static_assert(kith::encodable_key<std::variant<int, std::string>>);
static_assert(!kith::encodable_key<std::vector<double>>);
static_assert(!kith::encodable_key<std::pair<int, float>>);
static_assert(!kith::encodable_key<std::optional<double>>);
static_assert(!kith::encodable_key<std::unordered_map<int, int>>);
static_assert(!kith::encodable_key<std::unordered_set<std::string>>);
static_assert(!kith::encodable_key<std::map<int, std::unordered_set<int>>>);

TEST_CASE("codec: the encodings of standard types are fixed") {
  CHECK(golden(std::vector<std::uint16_t>{1, 2}) == "0201000200");
  CHECK(golden(std::vector<std::string>{"a", "bc"}) == packed("02 0161 026263"));
  CHECK(golden(std::vector<bool>{1, 0, 1, 0, 0, 0, 0, 0, 1}) == packed("09 0501"));
  CHECK(golden(std::bitset<9>{0x105}) == "0501");
  CHECK(golden(std::list<std::int8_t>{-1}) == "01ff");
  CHECK(golden(std::deque<std::uint8_t>{1, 2}) == "020102");
  CHECK(golden(std::forward_list<std::uint8_t>{1, 2}) == "020102");
  CHECK(golden(std::map<std::string, std::uint8_t>{{"b", 2}, {"a", 1}}) ==
        packed("02 016101 016202"));
  CHECK(golden(std::multimap<std::uint8_t, std::uint8_t>{{1, 9}, {1, 8}}) == "0201090108");
  CHECK(golden(std::set<std::uint8_t>{3, 1}) == "020103");
  CHECK(golden(std::unordered_map<std::uint8_t, bool>{{7, true}}) == "010701");
  CHECK(golden(std::array<std::uint8_t, 3>{1, 2, 3}) == "010203");
  CHECK(golden(std::pair<std::uint8_t, std::string>{1, "x"}) == "010178");
  CHECK(golden(std::tuple<std::uint8_t, bool, std::string>{1, true, "x"}) == "01010178");
  CHECK(golden(std::optional<std::uint8_t>{}) == "00");
  CHECK(golden(std::optional<std::uint8_t>{5}) == "0105");
  CHECK(golden(std::variant<std::monostate, std::uint8_t>{}) == "00");
  CHECK(golden(std::variant<std::monostate, std::uint8_t>{std::uint8_t{5}}) == "0105");
  CHECK(golden(std::u16string{u"h"}) == "016800");
  CHECK(golden(std::chrono::milliseconds{1}) == "0100000000000000");
  CHECK(golden(std::complex<float>{1.5F, 0}) == "0000c03f00000000");
  CHECK(golden(product{"tea", 499}) == packed("00 03746561 f301000000000000"));
  CHECK(golden(std::vector<product>{{"a", 1}}) == packed("01 00 0161 0100000000000000"));
}

TEST_CASE("codec: standard containers come back as they were") {
  check_round_trip(std::vector<int>{1, 2, 3});
  check_round_trip(std::vector<std::string>{"", "a", std::string(300, 'x')});
  check_round_trip(std::vector<bool>(77, true));
  check_round_trip(std::list<double>{0.5, 2});
  check_round_trip(std::deque<std::string>{"a", "b"});
  check_round_trip(std::forward_list<std::string>{"a", "b"});
  check_round_trip(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
  check_round_trip(std::multimap<int, std::string>{{1, "b"}, {1, "a"}, {2, "c"}});
  check_round_trip(std::set<std::string>{"a", "b"});
  check_round_trip(std::multiset<int>{1, 1, 2});
  check_round_trip(std::array<std::string, 2>{"a", "b"});
  check_round_trip(std::array<int, 4>{1, 2, 3, 4});
  check_round_trip(std::bitset<13>{0x1234});
  check_round_trip(std::wstring{L"wide"});
  check_round_trip(std::pair<int, std::string>{1, "x"});
  check_round_trip(std::tuple<int, std::string, bool>{1, "x", true});
  check_round_trip(std::optional<std::string>{"x"});
  check_round_trip(std::variant<int, std::string, product>{product{"tea", 1}});
  check_round_trip(std::chrono::system_clock::time_point{std::chrono::seconds{5}});
  check_round_trip(std::vector<std::optional<std::pair<int, bool>>>{{}, {{1, true}}});
}

TEST_CASE("codec: unordered containers come back as they were") {
  const std::unordered_map<std::string, int> map{{"a", 1}, {"b", 2}, {"c", 3}};
  CHECK(decode<std::unordered_map<std::string, int>>(encode(map)) == map);
  const std::unordered_set<int> set{1, 2, 3};
  CHECK(decode<std::unordered_set<int>>(encode(set)) == set);
  const std::unordered_multimap<int, int> pairs{{1, 1}, {1, 2}};
  CHECK(decode<std::unordered_multimap<int, int>>(encode(pairs)) == pairs);
  const std::unordered_multiset<int> bag{1, 1};
  CHECK(decode<std::unordered_multiset<int>>(encode(bag)) == bag);
}

// --- what Boost.Serialization lets a class do ---

struct named {
  std::string name;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& boost::serialization::make_nvp("name", name);
  }
};

enum class kind : std::uint8_t { small, large };

class everything : public named {
 public:
  int numbers[3] = {};
  std::string words[2];
  kind size = kind::small;
  std::vector<std::uint16_t> raw;

 private:
  friend class boost::serialization::access;
  template <class Archive>
  void serialize(Archive& archive, const unsigned) {
    archive& boost::serialization::make_nvp("base",
                                            boost::serialization::base_object<named>(*this));
    archive& BOOST_SERIALIZATION_NVP(numbers) & words & size;
    std::size_t count = raw.size();
    archive & count;
    raw.resize(count < 100 ? count : 100);
    archive& boost::serialization::make_array(raw.data(), raw.size());
  }
};

TEST_CASE("codec: base classes, names, C arrays, enums and array wrappers") {
  everything value;
  value.name = "n";
  value.numbers[2] = 7;
  value.words[1] = "w";
  value.size = kind::large;
  value.raw = {1, 2};
  CHECK(golden(value) ==
        packed("00 00016e 000000000000000007000000 000177 01 0200000000000000 01000200"));
  const auto back = decode<everything>(encode(value));
  REQUIRE(back);
  CHECK(back->name == "n");
  CHECK(back->numbers[2] == 7);
  CHECK(back->words[1] == "w");
  CHECK(back->size == kind::large);
  CHECK(back->raw == value.raw);
}

struct split {
  int value = 0;
  template <class Archive>
  void save(Archive& archive, unsigned) const {
    archive << std::string(static_cast<std::size_t>(value), 'i');
  }
  template <class Archive>
  void load(Archive& archive, unsigned) {
    std::string text;
    archive >> text;
    value = static_cast<int>(text.size());
  }
  BOOST_SERIALIZATION_SPLIT_MEMBER()
};

struct foreign {
  int value = 0;
};
template <class Archive>
void serialize(Archive& archive, foreign& value, unsigned) {
  archive & value.value;
}

TEST_CASE("codec: split members and free functions") {
  CHECK(golden(split{3}) == "0003696969");
  CHECK(decode<split>(encode(split{3}))->value == 3);
  CHECK(golden(foreign{3}) == "0003000000");
  CHECK(decode<foreign>(encode(foreign{3}))->value == 3);
}

struct coin {
  bool heads = false;
};
template <class Archive>
void save(Archive& archive, const coin& c, unsigned) {
  const char side = c.heads ? 'h' : 't';
  archive << side;
}
template <class Archive>
void load(Archive& archive, coin& c, unsigned) {
  char side = 0;
  archive >> side;
  c.heads = side == 'h';
}
template <class Archive>
void serialize(Archive& archive, coin& c, const unsigned version) {
  boost::serialization::split_free(archive, c, version);
}

/// A container by inheritance, an array of arrays, and a block of memory.
struct mixed : std::vector<std::uint8_t> {
  std::uint8_t grid[2][2] = {};
  std::array<std::vector<bool>, 2> bits;
  char block[3] = {};
  coin flip;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& boost::serialization::base_object<std::vector<std::uint8_t>>(*this);
    archive & grid & bits& boost::serialization::make_binary_object(block, sizeof block) & flip;
  }
};

TEST_CASE("codec: free splits, containers as bases, arrays of arrays, blocks of memory") {
  mixed value;
  value.push_back(9);
  value.grid[1][0] = 5;
  value.bits[1] = {true};
  value.block[2] = 'c';
  value.flip.heads = true;
  CHECK(golden(value) == packed("00 0109 00000500 00 0101 000063 0068"));
  const auto back = decode<mixed>(encode(value));
  REQUIRE(back);
  CHECK(back->at(0) == 9);
  CHECK(back->grid[1][0] == 5);
  CHECK(back->bits[1].at(0));
  CHECK(back->block[2] == 'c');
  CHECK(back->flip.heads);
}

struct boosted {
  boost::optional<int> maybe;
  boost::variant<int, std::string> either;
  boost::unordered_map<int, std::string> table;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & maybe & either & table;
  }
};

TEST_CASE("codec: Boost's own types run through the headers that Boost has for them") {
  boosted value;
  value.maybe = 5;
  value.either = std::string{"x"};
  value.table[1] = "one";
  const kith::bytes data = encode(value);
  const auto back = decode<boosted>(data);
  REQUIRE(back);
  CHECK(back->maybe.value() == 5);
  CHECK(back->either == value.either);
  CHECK(back->table == value.table);
  for (std::size_t i = 0; i < data.size(); ++i) {
    CHECK_FALSE(decode<boosted>(kith::byte_view{data}.first(i)));
  }
}

}  // namespace

// --- class versions ---

namespace {

struct versioned {
  int first = 0;
  int second = -1;
  template <class Archive>
  void serialize(Archive& archive, unsigned version) {
    archive & first;
    if (version >= 2) archive & second;
  }
};
struct plain {
  int first = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & first;
  }
};
struct nothing {
  template <class Archive>
  void serialize(Archive&, unsigned) {}
};

}  // namespace

BOOST_CLASS_VERSION(versioned, 2)
BOOST_CLASS_IMPLEMENTATION(plain, boost::serialization::object_serializable)
BOOST_CLASS_IMPLEMENTATION(nothing, boost::serialization::object_serializable)

namespace {

static_assert(codec_tag<versioned>() == "class v2");
static_assert(codec_tag<plain>() == "class");

TEST_CASE("codec: a class version travels, an older one is read, a newer one refused") {
  CHECK(golden(versioned{1, 2}) == packed("02 01000000 02000000"));
  CHECK(decode<versioned>(unhex("02 01000000 02000000"))->second == 2);
  CHECK(decode<versioned>(unhex("01 01000000"))->second == -1);
  CHECK_FALSE(decode<versioned>(unhex("01 01000000 02000000")));
  CHECK_FALSE(decode<versioned>(unhex("03 01000000 02000000")));
  CHECK(golden(plain{1}) == "01000000");
}

TEST_CASE("codec: items that take no bytes are bounded by their number") {
  CHECK(decode<std::vector<nothing>>(encode(std::vector<nothing>(1000)))->size() == 1000);
  CHECK(decode<std::vector<std::monostate>>(unhex("8008"))->size() == 1024);
  CHECK_THROWS_AS(static_cast<void>(encode(std::vector<nothing>(65537))), std::length_error);
  CHECK_FALSE(decode<std::vector<nothing>>(unhex("818004")));
  CHECK(decode<std::vector<plain>>(encode(std::vector<plain>(100000)))->size() == 100000);
  // Many containers share one bound.
  std::vector<std::vector<nothing>> nested(3, std::vector<nothing>(30000));
  CHECK_THROWS_AS(static_cast<void>(encode(nested)), std::length_error);
  CHECK(decode<std::vector<std::vector<nothing>>>(unhex("02 b0ea01 b0ea01")));
  CHECK_FALSE(decode<std::vector<std::vector<nothing>>>(unhex("03 b0ea01 b0ea01 b0ea01")));
}

struct tree {
  std::vector<tree> children;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & children;
  }
};

TEST_CASE("codec: nesting has a bound, both ways") {
  tree root;
  tree* at = &root;
  for (unsigned depth = 1; depth < kith::archive::depth_max; ++depth) {
    at = &at->children.emplace_back();
  }
  const kith::bytes data = encode(root);
  CHECK(decode<tree>(data));
  at->children.emplace_back();
  CHECK_THROWS_AS(static_cast<void>(encode(root)), std::length_error);
  // A class version and one child, level below level; the innermost has none.
  std::string levels;
  for (unsigned depth = 1; depth < kith::archive::depth_max; ++depth) levels += "0001";
  CHECK(unhex(levels + "0000") == data);
  CHECK_FALSE(decode<tree>(unhex("0001" + levels + "0000")));
}

TEST_CASE("codec: what a standard type cannot hold is refused") {
  CHECK_FALSE(decode<std::vector<bool>>(unhex("0907ff")));
  CHECK_FALSE(decode<std::optional<int>>(unhex("02")));
  CHECK_FALSE(decode<std::variant<int, bool>>(unhex("0201")));
  CHECK_FALSE(decode<std::set<std::uint8_t>>(unhex("020101")));
  CHECK_FALSE(decode<std::map<std::uint8_t, bool>>(unhex("0201000100")));
  CHECK_FALSE(decode<std::vector<bool>>(unhex("ffffffffffffffffff01")));
  CHECK_FALSE(decode<std::vector<int>>(unhex("ffffffffffffffffff01")));
  CHECK_FALSE(decode<std::vector<std::string>>(unhex("ffffffffffffffffff01")));
  CHECK_FALSE(decode<std::vector<int>>(unhex("0200000040")));
}

struct stubborn {
  int first = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    try {
      archive & first;
    } catch (const std::exception&) {
      first = 1;
    }
  }
};

struct failing {
  template <class Archive>
  void serialize(Archive&, unsigned) {
    throw std::runtime_error("no");
  }
};

TEST_CASE("codec: users' exceptions are a refusal, and swallowing the archive's does not help") {
  CHECK_FALSE(decode<stubborn>(unhex("00")));
  CHECK(decode<stubborn>(unhex("0001000000")));
  CHECK_FALSE(decode<failing>(unhex("00")));
}

}  // namespace

// --- choice of codec ---

namespace {

struct chosen {
  int value = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & value;
  }
};
struct copied {
  std::uint8_t a = 0;
  std::uint8_t b = 0;
  template <class Archive>
  void serialize(Archive&, unsigned);
};
struct holder {
  chosen own;
  copied raw;
  std::vector<copied> many;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & own & raw & many;
  }
};

}  // namespace

template <>
inline constexpr bool kith::trivially_encoded<copied> = true;

template <>
struct kith::codec<chosen> {
  static constexpr std::string_view tag = "chosen 1";
  static void write(const chosen& c, byte_sink& out) {
    out.put(static_cast<std::uint8_t>(c.value));
  }
  static bool read(byte_source& in, chosen& c) {
    std::uint8_t small = 0;
    if (!in.take(small)) return false;
    c.value = small;
    return true;
  }
};

namespace {

TEST_CASE("codec: an own codec and the raw opt-in win over serialize(), also inside other values") {
  CHECK(golden(chosen{5}) == "05");
  CHECK(golden(copied{1, 2}) == "0102");
  CHECK(golden(holder{{5}, {1, 2}, {{3, 4}, {5, 6}}}) == packed("00 0105 0102 02 03040506"));
  const auto back = decode<holder>(encode(holder{{5}, {1, 2}, {{3, 4}}}));
  REQUIRE(back);
  CHECK(back->own.value == 5);
  CHECK(back->many.at(0).b == 4);
  CHECK_FALSE(
      decode<holder>(unhex("00 020500"
                           "0102 00")));
}

TEST_CASE("codec: a class with serialize() is a key by its bytes") {
  const product key{"tea", 499};
  CHECK(kith::key_hash<product>(key) == kith::stable_hash(encode(key)));
  CHECK(kith::equal(kith::encoded_key<product>{key}.view(), encode(key)));
}

}  // namespace
