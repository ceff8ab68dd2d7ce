// Seeds are written down to replay runs, so the sequence of a seed never changes. The vectors were
// computed from the authors' published C code.
#include <kith/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace kith {

TEST_CASE("splitmix64: the published sequence") {
  std::uint64_t state = 1234567;
  CHECK(splitmix64(state) == 6457827717110365317u);
  CHECK(splitmix64(state) == 3203168211198807973u);
  CHECK(splitmix64(state) == 9817491932198370423u);
}

TEST_CASE("random_source: a seed has one sequence for ever") {
  random_source zero{0};
  for (const std::uint64_t expected :
       {0x99EC5F36CB75F2B4u, 0xBF6E1F784956452Au, 0x1A5F849D4933E6E0u, 0x6AA594F1262D2D2Cu,
        0xBBA5AD4A1F842E59u, 0xFFEF8375D9EBCACAu}) {
    CHECK(zero.next() == expected);
  }
  random_source other{42};
  for (const std::uint64_t expected :
       {0x15780B2E0C2EC716u, 0x6104D9866D113A7Eu, 0xAE17533239E499A1u, 0xECB8AD4703B360A1u}) {
    CHECK(other.next() == expected);
  }
  for (int i = 4; i < 999; ++i) other.next();
  CHECK(other.next() == 0x8DE5848C61AB8968u);
}

TEST_CASE("random_source: draws below a bound have one sequence for ever") {
  random_source random{7};
  for (const std::uint64_t expected :
       {4u, 4u, 8u, 4u, 4u, 1u, 6u, 6u, 8u, 9u, 3u, 6u, 7u, 1u, 0u, 3u, 5u, 4u, 5u, 7u}) {
    CHECK(random.below(10) == expected);
  }
}

TEST_CASE("random_source: draws keep to their range and reach its ends") {
  random_source random{1};
  std::array<int, 6> seen{};
  for (int i = 0; i < 6000; ++i) ++seen[random.between(10, 15) - 10];
  for (const int count : seen) {
    CHECK(count > 850);
    CHECK(count < 1150);
  }
  CHECK(random.below(1) == 0);
  CHECK(random.between(9, 9) == 9);
  const std::uint64_t large = (std::uint64_t{1} << 63) + 1;
  for (int i = 0; i < 100; ++i) CHECK(random.below(large) < large);
}

TEST_CASE("random_source: a chance of none never comes and one of a million always") {
  random_source random{1};
  int hits = 0;
  for (int i = 0; i < 10'000; ++i) {
    CHECK_FALSE(random.one_in_million(0));
    CHECK(random.one_in_million(1'000'000));
    hits += random.one_in_million(250'000) ? 1 : 0;
  }
  CHECK(hits > 2300);
  CHECK(hits < 2700);
}

TEST_CASE("random_source: exponential draws have their mean and their tail") {
  random_source random{3};
  std::uint64_t sum = 0;
  int above_two = 0;
  std::uint64_t most = 0;
  constexpr int draws = 100'000;
  for (int i = 0; i < draws; ++i) {
    const std::uint64_t drawn = random.exponential();
    sum += drawn;
    most = std::max(most, drawn);
    above_two += drawn > 2 * random_source::exponential_one ? 1 : 0;
  }
  const std::uint64_t mean = sum / draws;
  CHECK(mean > random_source::exponential_one * 99 / 100);
  CHECK(mean < random_source::exponential_one * 101 / 100);
  CHECK(above_two > draws * 133 / 1000);  // e^-2 = 0.1353
  CHECK(above_two < draws * 138 / 1000);
  CHECK(most < 45 * random_source::exponential_one);
}

TEST_CASE("random_source: what a fork draws does not move its parent") {
  random_source idle{5};
  random_source busy{5};
  random_source first = idle.fork();
  random_source second = busy.fork();
  for (int i = 0; i < 10; ++i) CHECK(first.next() == second.next());
  for (int i = 0; i < 100; ++i) second.next();
  for (int i = 0; i < 10; ++i) CHECK(idle.next() == busy.next());
}

}  // namespace kith
