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
  /// Only on a connection that the sender has sent so many bytes of before.
  std::uint64_t behind = 0;
  time_point until{};

  /// Returns whether it struck the chunk, which is not empty, at `now`.
  bool strike(time_point now, std::uint64_t sent_before, bytes& chunk) {
    if (now >= until || sent_before < behind) return false;
    until = {};
    const std::uint64_t which = bit % (8 * chunk.size());
    chunk[which / 8] ^= std::byte{1} << which % 8;
    return true;
  }
};

}  // namespace kith::sim
