// The processor of a simulated run's clients.
#pragma once

#include <kith/handle/entry.hpp>

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace kith::sim {

/// By 0 it throws.
struct addition {
  std::int64_t by = 1;
  std::int64_t operator()(entry<std::uint32_t, std::int64_t>& at) const {
    if (by == 0) throw std::runtime_error{"adds nothing"};
    const std::int64_t sum = (at.exists() ? at.value() : 0) + by;
    at.set(sum);
    return sum;
  }
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive & by;
  }
};

/// A rolling deploy that never ends: one in three members is of an older release. What the others
/// invoke there, they have to run themselves.
[[nodiscard]] constexpr bool knows_addition(std::size_t member) { return member % 3 != 2; }

}  // namespace kith::sim
