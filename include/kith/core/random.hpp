// The one source of chance in the core: seeded, so that a run is replayed by its seed, and the same
// on every compiler and library, which the standard's distributions are not.
//
// xoshiro256** 1.0 by David Blackman and Sebastiano Vigna (2018), seeded through splitmix64 as its
// authors recommend. Not for secrets.
#pragma once

#include <kith/core/assert.hpp>

#include <bit>
#include <cstdint>

namespace kith {

/// The next value of the splitmix64 generator, whose whole state is `state`.
[[nodiscard]] constexpr std::uint64_t splitmix64(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

class random_source {
 public:
  explicit constexpr random_source(std::uint64_t seed) {
    for (std::uint64_t& word : state_) word = splitmix64(seed);
  }

  /// Uniform over all 64-bit values.
  constexpr std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// Uniform in [0, bound). Requires bound > 0. Rejects the uneven tail, so it has no bias.
  constexpr std::uint64_t below(std::uint64_t bound) {
    KITH_ASSERT(bound > 0);
    const std::uint64_t uneven = (0 - bound) % bound;
    for (;;) {
      if (const std::uint64_t drawn = next(); drawn >= uneven) return drawn % bound;
    }
  }

  /// Uniform in [low, high]. Requires low <= high and high - low < 2^64 - 1.
  constexpr std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    KITH_ASSERT(low <= high);
    return low + below(high - low + 1);
  }

  /// True in `per_million` of a million draws.
  constexpr bool one_in_million(std::uint32_t per_million) {
    return below(1'000'000) < per_million;
  }

  /// What exponential() has as its 1.
  static constexpr std::uint64_t exponential_one = std::uint64_t{1} << 16;

  /// Exponentially distributed with mean 1, in parts of exponential_one; at most 45 times that.
  ///
  /// -ln(u) for a uniform u, with the logarithm to base 2 found bit by bit: the square of x has
  /// twice its logarithm, and whether that is 1 or more is the next bit.
  constexpr std::uint64_t exponential() {
    const std::uint64_t drawn = next() | 1;
    const auto zeros = static_cast<std::uint64_t>(std::countl_zero(drawn));
    std::uint64_t x = (drawn << zeros) >> 32;  // in [1, 2), with 31 bits behind the point
    std::uint64_t fraction = 0;
    for (int bit = 0; bit < 16; ++bit) {
      x = (x * x) >> 31;
      fraction <<= 1;
      if ((x >> 32) == 0) continue;
      x >>= 1;
      fraction |= 1;
    }
    constexpr std::uint64_t ln2 = 45426;  // in parts of 2^16
    return ((((zeros + 1) << 16) - fraction) * ln2) >> 16;
  }

  /// A generator of its own stream: draws from it leave this one's later draws as they are.
  constexpr random_source fork() { return random_source{next()}; }

 private:
  std::uint64_t state_[4] = {};
};

}  // namespace kith
