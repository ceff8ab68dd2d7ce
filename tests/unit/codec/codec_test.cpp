#include "golden.hpp"

#include <kith/codec.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>

namespace {

enum class colour : std::uint16_t { red = 1, green = 0x0203 };
enum class flag : bool { off, on };

struct point {
  std::int32_t x = 0;
  std::int32_t y = 0;
  bool operator==(const point&) const = default;
};
struct padded {
  std::int64_t wide = 0;
  std::int8_t narrow = 0;
};
struct unclaimed {
  int value = 0;
};

struct price {
  std::int64_t cents = 0;
  std::string currency;
  bool operator==(const price&) const = default;
};
class percentage {
 public:
  static std::optional<percentage> make(int value) {
    if (value < 0 || value > 100) return std::nullopt;
    return percentage{value};
  }
  int value() const { return value_; }
  bool operator==(const percentage&) const = default;

 private:
  explicit percentage(int value) : value_{value} {}
  int value_;
};
struct thrower {
  int value = 0;
};

}  // namespace

template <>
inline constexpr bool kith::trivially_encoded<point> = true;
template <>
inline constexpr bool kith::trivially_encoded<padded> = true;

template <>
struct kith::codec<price> {
  static constexpr std::string_view tag = "price 1";
  static constexpr bool canonical = true;
  static void write(const price& p, byte_sink& out) {
    out.put(p.cents);
    out.put(p.currency);
  }
  static bool read(byte_source& in, price& p) { return in.take(p.cents) && in.take(p.currency); }
};

template <>
struct kith::codec<percentage> {
  static constexpr std::string_view tag = "percentage";
  static constexpr bool canonical = true;
  static void write(percentage p, byte_sink& out) { out.put(static_cast<std::uint8_t>(p.value())); }
  static std::optional<percentage> read(byte_source& in) {
    std::uint8_t value = 0;
    if (!in.take(value)) return std::nullopt;
    return percentage::make(value);
  }
};

template <>
struct kith::codec<thrower> {
  static constexpr std::string_view tag = "thrower";
  static void write(const thrower&, byte_sink&) { throw std::runtime_error("write"); }
  static bool read(byte_source&, thrower&) { throw 7; }
};

namespace {

using kith::decode;
using kith::encode;
using test::golden;
using test::unhex;

static_assert(kith::encodable<double> && !kith::encodable_key<double>);
static_assert(kith::encodable_key<bool> && kith::encodable_key<int> && kith::encodable_key<colour>);
static_assert(kith::encodable_key<std::string> && kith::encodable_key<kith::bytes>);
static_assert(kith::encodable_key<point>);
static_assert(kith::encodable<padded> && !kith::encodable_key<padded>);
static_assert(kith::encodable_key<price>);
static_assert(kith::encodable<thrower> && !kith::encodable_key<thrower>, "canonical is opt-in");
static_assert(!kith::encodable<long double> && !kith::encodable<int*> && !kith::encodable<void>);

static_assert(kith::codec_tag<long>() == kith::codec_tag<std::int64_t>());
static_assert(kith::codec_tag<std::int32_t>() == "i32" && kith::codec_tag<colour>() == "u16");
static_assert(kith::codec_tag<bool>() == "bool" && kith::codec_tag<float>() == "f32");
static_assert(kith::codec_tag<std::string>() == "string" && kith::codec_tag<point>() == "raw8");
static_assert(kith::codec_tag<price>() == "price 1");

static_assert(kith::key_like<const char*, std::string>);
static_assert(kith::key_like<char[4], std::string>);
static_assert(kith::key_like<std::string_view, std::string>);
static_assert(!kith::key_like<int, std::string> && !kith::key_like<std::nullptr_t, std::string>);
static_assert(kith::key_like<int, std::uint64_t> && kith::key_like<std::uint64_t, int>);
static_assert(!kith::key_like<bool, int> && !kith::key_like<double, int>);
static_assert(!kith::key_like<int, colour> && kith::key_like<colour, colour>);
static_assert(!kith::key_like<double, double>, "a float is no key");
static_assert(kith::key_like<kith::byte_view, kith::bytes>);

TEST_CASE("codec: the built-in encodings are fixed") {
  CHECK(golden(true) == "01");
  CHECK(golden(std::uint8_t{7}) == "07");
  CHECK(golden(std::int32_t{-2}) == "feffffff");
  CHECK(golden(std::uint64_t{0x0102030405060708}) == "0807060504030201");
  CHECK(golden(colour::green) == "0302");
  CHECK(golden(1.0) == "000000000000f03f");
  CHECK(golden(1.5F) == "0000c03f");
  CHECK(golden(std::string{"abc"}) == "616263");
  CHECK(golden(std::string{}).empty());
  CHECK(golden(unhex("00ff")) == "00ff");
  CHECK(golden(point{1, -1}) == "01000000ffffffff");
  CHECK(golden(price{499, "EUR"}) == "f30100000000000003455552");
}

TEST_CASE("codec: what was written is read") {
  CHECK(decode<std::int16_t>(encode(std::int16_t{-300})) == -300);
  CHECK(decode<colour>(encode(colour::red)) == colour::red);
  CHECK(decode<flag>(encode(flag::on)) == flag::on);
  CHECK(decode<double>(encode(-0.25)) == -0.25);
  CHECK(decode<std::string>(encode(std::string(1000, 'x'))) == std::string(1000, 'x'));
  CHECK(decode<kith::bytes>(encode(unhex("000102"))) == unhex("000102"));
  CHECK(decode<point>(encode(point{3, 4})) == point{3, 4});
  CHECK(decode<price>(encode(price{-1, "JPY"})) == price{-1, "JPY"});
}

TEST_CASE("codec: missing and trailing bytes are refused") {
  CHECK_FALSE(decode<std::uint32_t>(unhex("010203")));
  CHECK_FALSE(decode<std::uint32_t>(unhex("0102030405")));
  CHECK_FALSE(decode<bool>({}));
  CHECK_FALSE(decode<point>(unhex("01000000ffffff")));
  CHECK_FALSE(decode<point>(unhex("01000000ffffffff00")));
  CHECK_FALSE(decode<price>(unhex("f301000000000000034555")));
  CHECK_FALSE(decode<price>(unhex("f3010000000000000345555200")));
}

TEST_CASE("codec: a bool is 0 or 1") {
  CHECK(decode<bool>(unhex("00")) == false);
  CHECK_FALSE(decode<bool>(unhex("02")));
  CHECK_FALSE(decode<flag>(unhex("ff")));
}

TEST_CASE("codec: a length has one form and is checked before memory is taken") {
  CHECK_FALSE(decode<price>(unhex("f301000000000000 8300 455552")));
  CHECK_FALSE(decode<price>(unhex("f301000000000000 ffffffffffffffffff01")));
  CHECK_FALSE(decode<price>(unhex("f301000000000000 ffffffffffffffffffff01")));
}

TEST_CASE("codec: what an own codec throws is a refusal") {
  thrower into;
  CHECK_FALSE(decode(unhex("00"), into));
  CHECK_THROWS_AS(static_cast<void>(encode(into)), std::runtime_error);
}

TEST_CASE("codec: a type without a default constructor makes its values in read()") {
  static_assert(kith::encodable_key<percentage>);
  const percentage half = *percentage::make(50);
  CHECK(golden(half) == "32");
  CHECK(decode<percentage>(encode(half)) == half);
  CHECK_FALSE(decode<percentage>(unhex("65")));
  CHECK_FALSE(decode<percentage>(unhex("3200")));
  CHECK_FALSE(decode<percentage>({}));
  percentage into = half;
  CHECK(decode(unhex("07"), into));
  CHECK(into.value() == 7);
}

TEST_CASE("codec: a failed source stays failed") {
  const kith::bytes data = unhex("0102030405060708");
  kith::byte_source in{data};
  std::string text;
  std::uint8_t byte = 0;
  CHECK(in.take(byte));
  CHECK(in.take(text));
  CHECK(text == "\x03\x04");
  std::uint64_t wide = 0;
  CHECK_FALSE(in.take(wide));
  CHECK(in.failed());
  CHECK_FALSE(in.take(byte));
  CHECK(in.take_rest().empty());
  CHECK_FALSE(in.finished());
}

TEST_CASE("codec: a sink grows from its own buffer to the heap and keeps what it has") {
  kith::byte_sink out;
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    out.put(static_cast<std::uint8_t>(i));
    expected += static_cast<char>(i);
  }
  CHECK(kith::as_text(out.view()) == expected);
  out.clear();
  CHECK(out.view().empty());
  out.put_length(127);
  out.put_length(128);
  out.put_length(std::numeric_limits<std::uint64_t>::max());
  CHECK(test::hex(out.view()) == "7f8001ffffffffffffffffff01");
}

TEST_CASE("codec: a key's bytes and hash do not depend on what it is looked up by") {
  using kith::encoded_key;
  using kith::key_hash;
  const std::string text = "sku-1";
  const std::uint64_t hash = kith::stable_hash(kith::as_bytes(text));
  CHECK(key_hash<std::string>("sku-1") == hash);
  CHECK(key_hash<std::string>(std::string_view{"sku-1"}) == hash);
  CHECK(key_hash<std::string>(text) == hash);
  CHECK(encoded_key<std::string>{text}.view().data() ==
        reinterpret_cast<const std::byte*>(text.data()));

  const kith::bytes number = encode(std::int64_t{-5});
  CHECK(key_hash<std::int64_t>(-5) == kith::stable_hash(number));
  CHECK(key_hash<std::int64_t>(short{-5}) == kith::stable_hash(number));
  CHECK(kith::equal(encoded_key<std::int64_t>{-5}.view(), number));
  CHECK(key_hash<colour>(colour::red) == kith::stable_hash(encode(colour::red)));
  CHECK(key_hash<bool>(true) == kith::stable_hash(encode(true)));
  CHECK(key_hash<price>(price{1, "EUR"}) == kith::stable_hash(encode(price{1, "EUR"})));
  CHECK(key_hash<point>(point{1, 2}) == kith::stable_hash(encode(point{1, 2})));
}

TEST_CASE("codec: the hash of a number is the hash of its bytes, for every width") {
  const auto check = [](auto number) {
    CHECK(kith::stable_hash_number(number) == kith::stable_hash(encode(number)));
  };
  for (int i = -1000; i < 1000; i += 37) {
    check(static_cast<std::int8_t>(i));
    check(static_cast<std::uint8_t>(i));
    check(static_cast<std::int16_t>(i));
    check(static_cast<std::uint16_t>(i));
    check(static_cast<std::int32_t>(i * 1000003));
    check(static_cast<std::uint32_t>(i * 1000003));
    check(static_cast<std::int64_t>(i) * 1000000000039);
  }
}

TEST_CASE("codec: an integer that the key type cannot hold is refused, not wrapped") {
  using kith::encoded_key;
  CHECK_THROWS_AS(encoded_key<std::uint64_t>{-1}, std::out_of_range);
  CHECK_THROWS_AS(encoded_key<std::int64_t>{std::uint64_t{1} << 63}, std::out_of_range);
  CHECK_THROWS_AS(encoded_key<std::uint8_t>{256}, std::out_of_range);
  CHECK_THROWS_AS(encoded_key<std::int8_t>{-129}, std::out_of_range);
  CHECK(kith::key_hash<std::uint8_t>(255) == kith::key_hash<std::uint8_t>(std::uint8_t{255}));
  CHECK(kith::key_hash<std::int8_t>(-128LL) == kith::key_hash<std::int8_t>(std::int8_t{-128}));
}

}  // namespace
