// What every thread of a member may read to judge a near entry: a few atomics a partition, written
// by the partition's lane. A hit reads them and writes none, so readers share clean cache lines.
//
// The order of the reads bears weight. A reader takes, in this order,
//   1. the permit: how fresh what it knows of the owner is, and whether the stream is whole;
//   2. the entry;
//   3. the generation, which must be the entry's.
// With the entry first this would happen: a reader finds an old value; the lane applies the
// invalidation, erases the entry, and publishes the freshness that the invalidation made true; the
// reader judges the old value by the new freshness. With the generation before the entry, a flush
// between the two would go unseen. The lane writes in the opposite order: it applies, it flushes,
// it marks suspicion, and only then publishes freshness or ends suspicion.
//
// A reader of a strong cache takes its lease and the member's fence for a permit, and reads the
// clock last: at the instant at which it loaded the entry the lease was good, so no newer write had
// completed. However long it stands still afterwards, its read was then.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace kith::near {

/// A freshness older than every bound: nothing was heard yet.
inline constexpr time_point never_heard{duration{INT64_MIN / 4}};

/// A bound on age that every entry meets, also one whose stream has a gap or no connection
/// (`serve_stale`, while this member is cut off).
inline constexpr duration any_age = duration::max();

/// One partition, as readers see it. Written under the lane's lock. Stores release, loads acquire:
/// who sees a value sees all that the lane did before.
struct alignas(32) partition_gate {
  /// Grows when all near entries of the partition die at once. An entry of another generation is
  /// invisible.
  std::atomic<std::uint32_t> generation{0};
  /// The stream has a gap or no connection: entries may have missed an invalidation.
  std::atomic<bool> suspect{true};
  /// My send time of the newest thing that the owner answered behind its invalidations.
  std::atomic<duration::rep> fresh{never_heard.time_since_epoch().count()};
  /// The same of what came with a lease.
  std::atomic<duration::rep> leased{never_heard.time_since_epoch().count()};
};

/// What a reader must have read before it reads the entry.
struct permit {
  time_point fresh = never_heard;
  bool suspect = true;

  /// True when an entry read after this permit may be served at `now`.
  [[nodiscard]] bool allows(time_point now, duration max_age) const {
    if (max_age == any_age) return true;
    return !suspect && now - fresh <= max_age;
  }
};

/// The same for an entry of a strong cache.
struct lease_permit {
  time_point leased = never_heard;
  time_point fence = never_heard;
  bool suspect = true;

  /// Until when an entry read after this permit may be served; `lease` is how long one lasts.
  [[nodiscard]] time_point until(duration lease) const {
    if (suspect) return never_heard;
    return std::min(leased >= never ? never : leased + lease, fence);
  }
};

struct gates {
  std::array<partition_gate, partition_count> partitions;

  /// Control's: how fresh the coordinator's echo is, and how long this member's fence.
  void set_standing(time_point fresh, time_point fenced_until) {
    fence.store(fenced_until.time_since_epoch().count(), std::memory_order_release);
    coordinator_fresh.store(fresh.time_since_epoch().count(), std::memory_order_release);
  }

  /// My send time of the newest heartbeat that the coordinator echoed under my view. Written by
  /// control (release).
  alignas(64) std::atomic<duration::rep> coordinator_fresh{never_heard.time_since_epoch().count()};

  /// This member is cut off from the majority (quorum = majority). Written by control's driver.
  std::atomic<bool> cut_off{false};

  [[nodiscard]] bool is_cut_off() const { return cut_off.load(std::memory_order_acquire); }

  [[nodiscard]] permit permit_for(partition_id p) const {
    const partition_gate& gate = partitions[index_of(p)];
    const duration::rep fresh = gate.fresh.load(std::memory_order_acquire);
    const duration::rep coordinator = coordinator_fresh.load(std::memory_order_acquire);
    const bool suspect = gate.suspect.load(std::memory_order_acquire);
    return {time_point{duration{std::min(fresh, coordinator)}}, suspect};
  }

  /// My fence: until then I am surely still a member, and own what my view says. Written by control
  /// (release).
  std::atomic<duration::rep> fence{never_heard.time_since_epoch().count()};

  [[nodiscard]] lease_permit lease_for(partition_id p) const {
    const partition_gate& gate = partitions[index_of(p)];
    const duration::rep leased = gate.leased.load(std::memory_order_acquire);
    const duration::rep fenced = fence.load(std::memory_order_acquire);
    const bool suspect = gate.suspect.load(std::memory_order_acquire);
    return {time_point{duration{leased}}, time_point{duration{fenced}}, suspect};
  }
  [[nodiscard]] time_point fenced() const {
    return time_point{duration{fence.load(std::memory_order_acquire)}};
  }

  [[nodiscard]] std::uint32_t generation(partition_id p) const {
    return partitions[index_of(p)].generation.load(std::memory_order_acquire);
  }

  [[nodiscard]] time_point coordinator() const {
    return time_point{duration{coordinator_fresh.load(std::memory_order_acquire)}};
  }

  /// The lane's: all entries of `p` die. Returns the new generation.
  std::uint32_t flush(partition_id p) {
    const std::uint32_t next = generation(p) + 1;
    partitions[index_of(p)].generation.store(next, std::memory_order_release);
    population_[index_of(p)].store(packed(next, 0), std::memory_order_release);
    return next;
  }

  /// Near entries of `p` that are alive, over all caches.
  [[nodiscard]] std::uint32_t entries(partition_id p) const {
    return static_cast<std::uint32_t>(population_[index_of(p)].load(std::memory_order_acquire));
  }

  /// Counts entries that came (by the partition's lane alone).
  void add_entries(partition_id p, std::uint32_t generation, std::uint32_t count) {
    change(p, generation, static_cast<std::int64_t>(count));
  }
  /// Counts entries that left. Any lane may evict another's entry, so this may race with a flush:
  /// entries of a generation that is over are counted no more.
  void remove_entries(partition_id p, std::uint32_t generation, std::uint32_t count) {
    change(p, generation, -static_cast<std::int64_t>(count));
  }

 private:
  static constexpr std::uint64_t packed(std::uint32_t generation, std::uint32_t count) {
    return std::uint64_t{generation} << 32 | count;
  }
  void change(partition_id p, std::uint32_t generation, std::int64_t difference);

  /// Generation and count in one word, so that a count is never booked on another generation. Apart
  /// from the gates: it changes with every installation, and readers of hits do not need it.
  std::array<std::atomic<std::uint64_t>, partition_count> population_{};
};

// --- implementation ---

inline void gates::change(partition_id p, std::uint32_t generation, std::int64_t difference) {
  std::atomic<std::uint64_t>& cell = population_[index_of(p)];
  std::uint64_t seen = cell.load(std::memory_order_relaxed);
  std::uint64_t wanted = 0;
  do {
    if (seen >> 32 != generation) return;
    const auto count = static_cast<std::int64_t>(seen & UINT32_MAX) + difference;
    KITH_ASSERT(count >= 0 && count <= std::int64_t{UINT32_MAX});
    wanted = packed(generation, static_cast<std::uint32_t>(count));
  } while (!cell.compare_exchange_weak(seen, wanted, std::memory_order_acq_rel,
                                       std::memory_order_relaxed));
}

}  // namespace kith::near
