// What was said on one connection, said again on a later one between the same two: what a broken
// middle box, or somebody who recorded it, would do.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/time.hpp>
#include <kith/wire/handshake.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace kith::sim {

/// Records one chunk, and strikes once.
struct replay {
  enum class did : std::uint8_t { nothing, recorded, struck };

  /// The listener's records of the handshake; without its last one the dialler's are fewer bytes.
  static constexpr std::size_t begins_behind = wire::challenge::size + wire::verdict::size;

  time_point until{};
  /// The connection of what was recorded; 0 while nothing was.
  std::uint64_t of = 0;
  bytes recorded{};

  /// Sees a chunk behind the handshake of a connection, at `now`. Where it strikes, what was
  /// recorded stands in front of the chunk.
  did see(time_point now, std::uint64_t connection, bytes& chunk) {
    if (now >= until || connection == of) return did::nothing;
    if (of == 0) {
      of = connection;
      recorded = chunk;
      return did::recorded;
    }
    recorded.insert(recorded.end(), chunk.begin(), chunk.end());
    chunk = std::exchange(recorded, {});
    until = {};
    return did::struck;
  }
};

}  // namespace kith::sim
