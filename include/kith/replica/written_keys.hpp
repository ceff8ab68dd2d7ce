// Which keys of strong caches are written more than they are read. A reader that may keep such a
// key costs each write an invalidation and an acknowledgement, and saves hardly a read: so its
// reads are answered without leave to keep them for a while.
//
// Counted are the writes of a key, and its reads that got a lease, since it was first written; of
// the keys that were written last, up to a bound. A copy does not pay when a write meets fewer
// leased reads than half of its listeners.
#pragma once

#include <kith/core/hash_map.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/core/time.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace kith::replica {

class written_keys {
 public:
  static constexpr std::size_t keys_max = 1024;
  /// Fewer writes within the time say nothing.
  static constexpr std::uint32_t writes_least = 16;
  static constexpr duration counted_for = std::chrono::seconds{10};
  static constexpr duration bypassed_for = std::chrono::seconds{10};

  /// The key is written, while so many members listen to its partition.
  void on_write(time_point now, cache_id cache, std::uint64_t hash, std::size_t listeners);
  /// The key is read, and a copy is to be kept. False: it had better not be.
  [[nodiscard]] bool on_read(time_point now, cache_id cache, std::uint64_t hash);

 private:
  struct count {
    time_point since{};
    std::uint64_t number = 0;
    std::uint32_t writes = 0;
    std::uint32_t reads = 0;
    time_point bypass_until = time_point::min();
  };
  struct place {
    std::uint64_t name = 0;
    std::uint64_t number = 0;
  };
  [[nodiscard]] static std::uint64_t name_of(cache_id cache, std::uint64_t hash) {
    return stable_hash_combine(hash, static_cast<std::uint64_t>(cache));
  }
  count& begin(time_point now, std::uint64_t name);

  /// Two keys of one name are counted as one.
  hash_map<std::uint64_t, count> counts_;
  /// Oldest first; a place whose number is not its name's is over.
  std::deque<place> order_;
  std::uint64_t numbers_ = 0;
};

// --- implementation ---

inline auto written_keys::begin(time_point now, std::uint64_t name) -> count& {
  while (order_.size() >= keys_max) {
    const auto oldest = counts_.find(order_.front().name);
    if (oldest != counts_.end() && oldest->second.number == order_.front().number) {
      counts_.erase(oldest);
    }
    order_.pop_front();
  }
  order_.push_back({name, ++numbers_});
  count& fresh = counts_[name];
  const time_point bypass = fresh.bypass_until;
  fresh = {now, numbers_};
  fresh.bypass_until = bypass;
  return fresh;
}

inline void written_keys::on_write(time_point now, cache_id cache, std::uint64_t hash,
                                   std::size_t listeners) {
  const std::uint64_t name = name_of(cache, hash);
  const auto known = counts_.find(name);
  const bool counts = known != counts_.end() && now < known->second.since + counted_for;
  count& of = counts ? known->second : begin(now, name);
  ++of.writes;
  if (of.writes < writes_least || 2 * of.reads >= listeners * of.writes) return;
  of.bypass_until = now + bypassed_for;
}

inline bool written_keys::on_read(time_point now, cache_id cache, std::uint64_t hash) {
  const auto known = counts_.find(name_of(cache, hash));
  if (known == counts_.end()) return true;
  if (now < known->second.bypass_until) return false;
  ++known->second.reads;
  return true;
}

}  // namespace kith::replica
