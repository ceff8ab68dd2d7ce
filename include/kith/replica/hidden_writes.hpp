// Writes of strong caches between their application and their answer. The entry has its new value
// already, and so have the copies; readers get what was there before, without leave to keep it,
// until nobody can have an older value and all who may be the next owner have the new one. So a
// value that was seen is never gone again, and one that was overwritten is never seen again.
//
// One write of a key at a time: later ones queue. A mutation of many keys hides the whole cache in
// its partition instead, whose reads and writes are asked again.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/feed_table.hpp>
#include <kith/replica/operation.hpp>
#include <kith/replica/processor.hpp>
#include <kith/replica/work.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <utility>

namespace kith::replica {

/// What a key had before the write that is hidden.
struct value_before {
  kith::version version;
  bytes value;
  time_point ends = never;
};

struct hidden_key {
  work_key at;
  /// Absent: there was nothing.
  std::optional<value_before> before;
  byte_charge charge{};
  /// Writes of the key that came since.
  std::deque<pending_write> queue{};
};
using hidden_table = work_table<hidden_key>;

/// One write that waits to be shown.
struct hidden_write {
  /// Its copies, and its place in the stream of invalidations.
  std::optional<feed_table::must_wait> copies;
  std::uint64_t place = 0;
  time_point since;
  /// Of the hidden_key; 0: it hides `cache`.
  std::uint64_t number = 0;
  cache_id cache{};
  member_id from;
  std::uint64_t operation = 0;
  mutation_answer answer;
};

/// The hidden writes of one partition, in their order.
struct hidden_queue {
  /// A list: there is one for each partition, and it is mostly empty.
  std::list<hidden_write> writes{};
  /// Caches that are hidden as a whole, and by how many writes.
  std::map<cache_id, std::size_t> caches{};

  [[nodiscard]] bool hides(cache_id cache) const { return caches.contains(cache); }
  void unhide(cache_id cache) {
    const auto at = caches.find(cache);
    if (at != caches.end() && --at->second == 0) caches.erase(at);
  }
};

}  // namespace kith::replica
