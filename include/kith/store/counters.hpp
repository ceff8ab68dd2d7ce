// What happened in one shard, since it was made. Plain numbers: whoever drives the shard reads and
// publishes them.
#pragma once

#include <cstdint>

namespace kith::store {

struct counters {
  std::uint64_t hits = 0;
  /// find() of an absent or expired key.
  std::uint64_t misses = 0;
  std::uint64_t inserts = 0;
  std::uint64_t updates = 0;
  std::uint64_t evictions = 0;
  std::uint64_t expirations = 0;
  std::uint64_t erased = 0;
  /// Entries that are larger than the whole budget.
  std::uint64_t refused = 0;

  friend bool operator==(const counters&, const counters&) = default;
};

}  // namespace kith::store
