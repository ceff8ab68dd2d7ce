#include "zipf.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <stdexcept>
#include <vector>

using catalog::random_numbers;
using catalog::zipf_sampler;

// Each rank is drawn about as often as its weight says. The bound is six standard deviations of a
// binomial count, so a right sampler fails for no seed that anyone will meet.
TEST_CASE("zipf: ranks are drawn in proportion to one over their number") {
  constexpr std::size_t ranks = 50;
  constexpr std::uint64_t draws = 200'000;
  const zipf_sampler zipf{ranks};
  random_numbers chance{7};
  std::vector<std::uint64_t> seen(ranks);
  for (std::uint64_t i = 0; i < draws; ++i) ++seen.at(zipf.draw(chance));

  double harmonic = 0;
  for (std::size_t rank = 1; rank <= ranks; ++rank) harmonic += 1.0 / static_cast<double>(rank);
  for (std::size_t rank = 1; rank <= ranks; ++rank) {
    const double share = 1.0 / static_cast<double>(rank) / harmonic;
    const double expected = share * static_cast<double>(draws);
    const double off = static_cast<double>(seen[rank - 1]) - expected;
    CHECK(off * off < 36 * expected * (1 - share));
  }
}

TEST_CASE("zipf: one seed draws the same ranks everywhere") {
  const zipf_sampler zipf{60'000};
  random_numbers chance{1};
  std::vector<std::size_t> drawn;
  for (int i = 0; i < 8; ++i) drawn.push_back(zipf.draw(chance));
  // splitmix64 and the cumulative weights worked out in Python's integers.
  CHECK(drawn == std::vector<std::size_t>{7787, 23696, 25, 248, 475, 21, 164, 0});
}

TEST_CASE("zipf: one rank is always drawn, none and too many are refused") {
  const zipf_sampler one{1};
  random_numbers chance{3};
  for (int i = 0; i < 100; ++i) CHECK(one.draw(chance) == 0);
  CHECK_THROWS_AS(zipf_sampler{0}, std::invalid_argument);
  CHECK_THROWS_AS(zipf_sampler{zipf_sampler::ranks_max + 1}, std::invalid_argument);
}
