// A bit of a chunk that is turned over on its way: damage that TCP's checksum did not see.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/time.hpp>

#include <cstddef>
#include <cstdint>

namespace kith::sim {

/// Strikes once.
struct damage {
  /// Which bit of the chunk, counted round and round.
  std::uint64_t bit = 0;
  time_point until{};

  /// Returns whether it struck the chunk, which is not empty, at `now`.
  bool strike(time_point now, bytes& chunk) {
    if (now >= until) return false;
    until = {};
    const std::uint64_t which = bit % (8 * chunk.size());
    chunk[which / 8] ^= std::byte{1} << which % 8;
    return true;
  }
};

}  // namespace kith::sim
