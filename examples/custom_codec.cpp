// An own codec: the bytes of a value are yours to choose. This one is smaller than what serialize()
// gives, checks what it reads, and also makes the type a key.
#include "support.hpp"

#include <kith/kith.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iomanip>
#include <iostream>
#include <string>
#include <string_view>

struct price {
  std::int64_t cents = 0;
  std::array<char, 3> currency{};

  friend bool operator==(const price&, const price&) = default;
};

// A sensor and an hour: two numbers that are one key. Keys are compared.
struct reading_key {
  std::uint32_t sensor = 0;
  std::uint32_t hour = 0;

  friend bool operator==(const reading_key&, const reading_key&) = default;
};

template <>
struct kith::codec<price> {
  // Names the encoding. Members that open one cache with different tags are told so, instead of
  // reading each other's bytes wrongly: a new layout is a new tag.
  static constexpr std::string_view tag = "price 1";

  static void write(const price& value, kith::byte_sink& out) {
    out.put(value.cents);
    out.put_raw(value.currency.data(), value.currency.size());
  }
  static bool read(kith::byte_source& in, price& value) {
    kith::byte_view letters;
    if (!in.take(value.cents) || !in.take_raw(value.currency.size(), letters)) return false;
    std::ranges::copy(kith::as_text(letters), value.currency.begin());
    return std::ranges::all_of(value.currency, [](char c) { return c >= 'A' && c <= 'Z'; });
  }
};

template <>
struct kith::codec<reading_key> {
  static constexpr std::string_view tag = "reading_key 1";
  // Keys are found by their bytes. This says that equal keys have equal ones.
  static constexpr bool canonical = true;

  static void write(const reading_key& key, kith::byte_sink& out) {
    out.put(key.sensor);
    out.put(key.hour);
  }
  static bool read(kith::byte_source& in, reading_key& key) {
    return in.take(key.sensor) && in.take(key.hour) && key.hour < 24;
  }
};

void show(const char* what, const kith::bytes& encoded) {
  std::cout << what << ':' << std::hex << std::setfill('0');
  for (const std::byte each : encoded) {
    std::cout << ' ' << std::setw(2) << std::to_integer<int>(each);
  }
  std::cout << std::dec << '\n';
}

int main() {
  const price tea{499, {'E', 'U', 'R'}};
  const kith::bytes stored = kith::encode(tea);
  show("4.99 EUR", stored);
  expect(kith::decode<price>(stored) == tea, "what was written is read again");

  kith::bytes damaged = stored;
  damaged.back() = std::byte{'?'};
  expect(!kith::decode<price>(damaged), "a currency is three capital letters");
  damaged = stored;
  damaged.push_back(std::byte{0});
  expect(!kith::decode<price>(damaged), "bytes that nobody read are an error");

  kith::member member({.cluster = "example-custom-codec"});
  auto prices = member.cache<reading_key, price>("prices");
  prices.put(reading_key{.sensor = 7, .hour = 13}, tea);
  const kith::ref<price> found = prices.get(reading_key{.sensor = 7, .hour = 13});
  expect(found && *found == tea, "the value is found by its key");
  expect(!prices.get(reading_key{.sensor = 7, .hour = 14}), "and by no other key");
  std::cout << "sensor 7 at 13:00 reads " << found->cents << ' '
            << std::string_view{found->currency.data(), 3} << '\n';

  // The same cache with another encoding of its values is refused by name.
  try {
    (void)member.cache<reading_key, std::string>("prices");
    expect(false, "another value type is refused");
  } catch (const kith::error& wrong) {
    expect(wrong.code() == kith::errc::config_mismatch, "the error says that options differ");
    std::cout << "as text: refused\n";
  }
}
