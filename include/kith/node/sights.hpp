// What one look at a lane brings (lane_sights.hpp): plain values.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/key_events.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/store/counters.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace kith::node {

struct key_place {
  partition_id partition{};
  cache_id cache{};
  std::uint64_t hash = 0;
  byte_view key;
};

/// What the key's lane knows of it.
struct key_sight {
  struct owned_entry {
    bool present = false;
    /// The entry's; where there is none, the partition's newest.
    kith::version version;
  };
  /// Where this member is the owner; then also who may keep it near.
  std::optional<owned_entry> owned;
  std::vector<member_id> listeners;
  /// Oldest first.
  std::vector<key_event_record> events;
};

/// What a member owns of a cache.
struct owned_share {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  /// What they take, with room for entries that were there and may come again.
  std::uint64_t allocated = 0;
  store::counters store;
};

}  // namespace kith::node
