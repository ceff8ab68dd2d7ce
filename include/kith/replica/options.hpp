// The bounds of one lane's replica, and what it has to know of a cache. All bounds are the lane's:
// what is promised for a member is divided by the number of lanes.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/change_notice.hpp>
#include <kith/replica/store_write.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace kith::replica {

/// A mutation that would get a higher number is refused: what counts versions must never wrap.
inline constexpr sequence sequence_max{std::uint64_t{1} << 63};

struct replica_options {
  /// Lane `lane` of `lanes` holds the partitions with index % lanes == lane.
  std::uint32_t lane = 0;
  std::uint32_t lanes = 16;

  /// An owner serves while the coordinator's newest echo is not older than this (F), nor than the
  /// cache's max_staleness.
  duration serve_window = std::chrono::seconds{4};
  /// For caches that this member never opened.
  duration staleness_default = std::chrono::seconds{3};
  /// The lane's share of 64 MiB, for the same caches.
  std::uint64_t cache_bytes_default = std::uint64_t{4} << 20;

  /// Invalidations of a partition kept for replay; at most 32 bytes each, so 32 KiB.
  std::size_t log_entries = 1024;
  /// A batch of invalidations leaves when it has this many keys, or is this old, and at once when
  /// none left within that time or all were acknowledged.
  std::size_t batch_keys = 64;
  duration batch_delay = std::chrono::milliseconds{1};
  /// Keys under way to one member and not acknowledged; beyond it the streams collapse. With 16
  /// lanes 64 k keys a member, which is 1 MiB at 16 bytes a key on the wire.
  std::size_t backlog_keys = 4096;
  /// How long a reader of a strong cache may trust what it was told (core/lease.hpp).
  duration lease = std::chrono::seconds{3};
  /// A listener that has not acknowledged a strong write after `lease_patience` gets no lease for
  /// `parole`, nor does one whose acknowledgements took longer so many times in a row. So a write
  /// waits for no longer than the patience and a lease.
  duration parole = std::chrono::seconds{30};
  duration lease_patience = std::chrono::milliseconds{100};
  std::uint32_t slow_acknowledgements = 8;
  /// Writes of strong caches that are hidden at a time.
  std::size_t hidden_writes = 4096;
  /// A strong write that waits for this owner's fence looks again after so long.
  duration fence_retry = std::chrono::milliseconds{50};
  /// Digests to a member leave at least this often, and not closer than the gap.
  duration digest_interval = std::chrono::seconds{1};
  duration digest_gap = std::chrono::milliseconds{100};

  /// Answers kept for one member's operations on one partition, and the bytes of their results.
  std::size_t operations_kept = 4096;
  std::size_t operation_bytes_kept = std::size_t{1} << 20;

  /// Copies on other members. What one copy may be sent before it acknowledges, and how large its
  /// messages are.
  std::size_t feed_window = std::size_t{256} << 10;
  std::size_t feed_message = std::size_t{32} << 10;
  /// Bytes of the lane that wait for the acknowledgements of copies; above it no write begins, and
  /// copies that nobody waits for are given up. With 16 lanes 256 MiB.
  std::size_t feed_bytes = std::size_t{16} << 20;
  /// Copies of the lane that are made at a time.
  std::size_t copies_at_once = 8;
  /// Not acknowledged by then: sent again; twice as late each time, up to the longest.
  duration feed_retry_first = std::chrono::milliseconds{50};
  duration feed_retry_longest = std::chrono::seconds{1};
  /// A copy that acknowledged nothing for so long is to leave its row: writes wait for it no longer
  /// than this and a change of the view.
  duration copy_patience = std::chrono::seconds{2};
  /// After that it is not made again for so long.
  duration copy_pause = std::chrono::seconds{5};
  /// What an owner says of copies for the next view is said again after so long.
  duration claim_again = std::chrono::seconds{1};

  std::size_t loads = 4096;
  std::size_t load_waiters = 1024;
  /// A loader that has not answered by then has failed.
  duration load_time = std::chrono::seconds{30};
  /// A ticket that was not filled by then goes to the next caller.
  duration ticket_time = std::chrono::seconds{5};

  /// After a load that failed, no other one of the key begins for so long where there is an old
  /// value to answer.
  duration failure_pause = std::chrono::seconds{1};

  std::size_t processors = 1024;
  /// Writes of one key that wait while a processor runs on it.
  std::size_t pending_writes = 256;
  /// Bytes of all writes of the lane that wait so.
  std::size_t pending_write_bytes = std::size_t{16} << 20;
  duration processor_time = std::chrono::seconds{30};

  /// Keys with a write under way to a store, or whose last one has an uncertain end.
  std::size_t store_writes = 2048;
  /// Batches of writes behind that are under way, and when one that could not begin is looked at
  /// again.
  std::size_t store_batches = 4;
  duration store_pause = std::chrono::milliseconds{100};

  /// Ended tags that a cache of the lane remembers; see store/tag_ends.hpp.
  std::size_t tags_kept = 16384;

  /// Written keys of a cache that are remembered for the other side of a cut. With 16 lanes 64 k.
  std::size_t dirty_keys = 4096;
  /// Of values that are told with them; the rest are left out. With 16 lanes 64 MiB.
  std::size_t dirty_bytes = std::size_t{4} << 20;
  /// A cut is noticed sooner than this, by far.
  duration dirty_period = std::chrono::seconds{10};

  /// Units of expiry work in one turn (store/timer_wheel.hpp): calls wait for some 20 us at most.
  std::size_t expiry_work = 64;
  /// Secret of the process; see store::shard_config.
  std::uint64_t salt = 0;
  /// Where the sequence of a new epoch begins.
  sequence first_sequence;
};

/// How the entries of a cache end, and how they are renewed. What is absent or zero is off. All of
/// it is decided by the owner's own settings.
struct lifetime_settings {
  /// The cache's default time to live is shortened by up to this; see jittered().
  duration ttl_jitter = {};
  /// An entry that was not read or written at its owner for so long ends.
  std::optional<duration> idle = std::nullopt;
  /// How long the owner remembers that the loader found nothing.
  std::optional<duration> negative_ttl = std::nullopt;
  /// A read of an entry that was written so long ago starts a refresh, and has the old value.
  std::optional<duration> refresh_after = std::nullopt;
  /// For so long after its end a value is answered at once, while it is loaded anew.
  duration stale_while_revalidate = {};
  /// For so long after its end a value is answered when loading it anew fails or takes long.
  duration stale_if_error = {};
  /// A read that waits so long for a load is answered with the stale value, if there is one.
  std::optional<duration> soft_timeout = std::nullopt;
  /// A read waits no longer than this for a load.
  std::optional<duration> hard_timeout = std::nullopt;
  /// The factor of early refreshes, in parts of random_source::exponential_one; 0: none.
  std::uint64_t early_refresh = 0;

  /// How long a value is kept beyond its end.
  [[nodiscard]] duration stale_for() const {
    return std::max(stale_while_revalidate, stale_if_error);
  }
  /// More has to be known of an entry than its end.
  [[nodiscard]] bool tracked() const {
    return idle || refresh_after || early_refresh > 0 || stale_for() > duration::zero();
  }
};

struct cache_settings {
  cache_id id{};
  std::string name;
  /// This lane's share.
  std::uint64_t max_bytes = std::uint64_t{4} << 20;
  std::optional<std::uint64_t> max_entries;
  /// How long an entry lives that was put without a time of its own; absent: until it is evicted.
  std::optional<duration> ttl;
  duration max_staleness = std::chrono::seconds{3};
  /// Entries are read under leases (docs/coherence.md, "Strong caches").
  bool strong = false;
  /// This process keeps near entries of what it owns: own_mutation tells of each change.
  bool near_local = false;
  /// This member can load absent keys itself.
  bool has_loader = false;
  /// While it is cut off from the majority it goes on answering reads, and writes, of its own
  /// callers.
  bool reads_cut_off = false;
  bool writes_cut_off = false;
  /// Its keys that were written are told to the other side of a cut, if that survives.
  bool tells_dirty = false;
  /// And with them what they were given.
  bool tells_values = false;
  lifetime_settings life;
  store_settings store;
  /// What this member's listeners want to hear; null: there are none.
  std::shared_ptr<const watch_level> watched;
};

}  // namespace kith::replica
