// Draws ranks as people choose pages: the second is asked for half as often as the first, the third
// a third as often, and so on (Zipf's law with exponent 1). In whole numbers only, so that one seed
// draws the same ranks on every machine.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace catalog {

/// splitmix64 (Sebastiano Vigna): the whole state is one number.
class random_numbers {
 public:
  explicit constexpr random_numbers(std::uint64_t seed) : state_{seed} {}

  constexpr std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

  /// Uniform in [0, bound), but for a bias below bound / 2^64. Requires bound > 0.
  constexpr std::uint64_t below(std::uint64_t bound) { return next() % bound; }

 private:
  std::uint64_t state_;
};

class zipf_sampler {
 public:
  /// More ranks would overflow the sum of their weights.
  static constexpr std::size_t ranks_max = std::size_t{1} << 22;

  explicit zipf_sampler(std::size_t ranks) {
    if (ranks == 0 || ranks > ranks_max) throw std::invalid_argument{"zipf: number of ranks"};
    cumulative_.reserve(ranks);
    std::uint64_t sum = 0;
    for (std::size_t rank = 1; rank <= ranks; ++rank) {
      sum += (std::uint64_t{1} << 40) / rank;
      cumulative_.push_back(sum);
    }
  }

  /// A rank from 0, the most popular, to ranks() - 1.
  [[nodiscard]] std::size_t draw(random_numbers& chance) const {
    const std::uint64_t point = chance.below(cumulative_.back());
    const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), point);
    return static_cast<std::size_t>(found - cumulative_.begin());
  }

  [[nodiscard]] std::size_t ranks() const { return cumulative_.size(); }

 private:
  /// Invariant: strictly growing; entry i is the sum of the weights of ranks 0 to i.
  std::vector<std::uint64_t> cumulative_;
};

}  // namespace catalog
