#include <kith/sim/key_choice.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>

using namespace kith::sim;

namespace {

constexpr std::uint32_t keys = 6;
constexpr std::uint64_t draws = 60'000;

std::array<std::uint64_t, keys> counts_of(key_shape shape) {
  kith::random_source random{1};
  const key_choice choice{shape, keys};
  std::array<std::uint64_t, keys> counts{};
  for (std::uint64_t i = 0; i < draws; ++i) ++counts.at(choice.draw(random));
  return counts;
}

/// Within a twentieth; the draws are the same in every run.
bool about(std::uint64_t seen, std::uint64_t expected) {
  return seen * 20 > expected * 19 && seen * 20 < expected * 21;
}

TEST_CASE("key_choice: even draws every key alike") {
  for (const std::uint64_t seen : counts_of(key_shape::even)) CHECK(about(seen, draws / keys));
}

TEST_CASE("key_choice: zipf draws the second key half as often as the first and so on") {
  const auto counts = counts_of(key_shape::zipf);
  for (std::size_t key = 1; key < keys; ++key) CHECK(about(counts[key] * (key + 1), counts[0]));
}

TEST_CASE("key_choice: nine of ten draws are the hot key which has one writer") {
  const auto counts = counts_of(key_shape::hot);
  CHECK(about(counts[0], draws * 9 / 10 + draws / 10 / keys));
  const key_choice hot{key_shape::hot, keys};
  CHECK(hot.may_write(0, 0));
  CHECK_FALSE(hot.may_write(1, 0));
  CHECK(hot.may_write(1, 1));
  CHECK(key_choice{key_shape::zipf, keys}.may_write(1, 0));
}

}  // namespace
