// What the reader's side of one lane knows, and the steps that fills and streams share: to apply an
// invalidation, to drop everything of a partition, to end a fill.
//
// The lane's lock is held by whoever calls. Gates and tables are written here and nowhere else.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/hash_map.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/key_events.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/near/counters.hpp>
#include <kith/near/effect.hpp>
#include <kith/near/fills.hpp>
#include <kith/near/gates.hpp>
#include <kith/near/stream.hpp>
#include <kith/near/table.hpp>
#include <kith/wire/packet.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace kith::near {

struct coherence_options {
  /// Lane `lane` of `lanes` holds the partitions with index % lanes == lane.
  std::uint32_t lane = 0;
  std::uint32_t lanes = 16;

  /// The lane's share of 64 k pending fills a member.
  std::size_t fills_max = 4096;
  std::size_t followers_max = 1024;

  /// Beats leave at this interval, or at a third of the smallest max_staleness, but no faster than
  /// beat_fastest.
  duration beat_interval = std::chrono::seconds{1};
  duration beat_fastest = std::chrono::milliseconds{100};
  /// A partition of which nothing was held for so many beats is unsubscribed.
  std::uint32_t idle_beats_max = 2;
  /// A subscription without an answer for so many beats is given up.
  std::uint32_t resubscribe_beats_max = 5;
  /// A view is pulled at most this often, whoever speaks of higher epochs.
  duration pull_interval = std::chrono::milliseconds{200};

  /// Dead entries are looked for at this interval, so many slots of each cache at a time.
  duration sweep_interval = std::chrono::milliseconds{100};
  std::uint32_t sweep_slots = 1024;
  /// What was kept of partitions that moved stays for so long after the last of them did, unseen:
  /// the new owner may say that it is still so (near_cache::recall).
  duration moved_kept = std::chrono::seconds{60};
};

struct peer {
  std::uint32_t sid = 0;
  /// When the newest beat of this session left; never_heard: none did. A later echo is a lie.
  time_point beat_sent = never_heard;
};

class lane_state {
 public:
  lane_state(member_id its_self, gates& shared, const coherence_options& its_options)
      : self{its_self},
        options{its_options},
        gate_array{shared},
        streams(partition_count / its_options.lanes),
        fills(streams.size()) {
    KITH_ASSERT(options.lane < options.lanes && partition_count % options.lanes == 0);
    // The gates may be those of a former life of the member, whose entries nobody watches any more.
    for (std::size_t slot = 0; slot < streams.size(); ++slot) close(slot);
  }

  struct attachment {
    near::table* table = nullptr;
    /// Of a strong cache: its lease.
    duration max_staleness{};
    bool strong = false;
  };

  [[nodiscard]] bool in_lane(partition_id p) const {
    return index_of(p) % options.lanes == options.lane;
  }
  [[nodiscard]] std::size_t slot_of(partition_id p) const {
    KITH_ASSERT(in_lane(p));
    return index_of(p) / options.lanes;
  }
  [[nodiscard]] partition_id partition_at(std::size_t slot) const {
    return static_cast<partition_id>(slot * options.lanes + options.lane);
  }
  [[nodiscard]] partition_gate& gate(std::size_t slot) const {
    return gate_array.partitions[index_of(partition_at(slot))];
  }
  [[nodiscard]] std::uint32_t sid_of(const member_id& who) const {
    const auto at = peers.find(who);
    return at == peers.end() ? 0 : at->second.sid;
  }
  [[nodiscard]] table* table_of(cache_id cache) const {
    const auto at = tables.find(cache);
    return at == tables.end() ? nullptr : at->second.table;
  }

  /// What is kept of the cache is read under leases.
  [[nodiscard]] bool strong(cache_id cache) const {
    const auto at = tables.find(cache);
    return at != tables.end() && at->second.strong;
  }

  /// Something is kept, or may soon be: the owner has to go on telling.
  [[nodiscard]] bool holds(std::size_t slot) const {
    return gate_array.entries(partition_at(slot)) > 0 || !fills.empty(slot);
  }

  /// Publishes whether the stream may be trusted. After everything that led to it.
  void publish_suspicion(std::size_t slot) const {
    gate(slot).suspect.store(streams[slot].suspected != suspicion::none, std::memory_order_release);
  }
  /// Publishes that the owner answered, behind its invalidations, what left at `sent`. After those
  /// were applied, and after suspicion was published.
  void renew(std::size_t slot, time_point sent) const { raise(gate(slot).fresh, sent); }
  /// The answer came with a lease too.
  void renew_lease(std::size_t slot, time_point sent) const { raise(gate(slot).leased, sent); }

  /// Nothing is known of the partition: its entries die, and none is served.
  void close(std::size_t slot) const {
    gate_array.flush(partition_at(slot));
    set_heard(slot, never_heard);
    publish_suspicion(slot);
  }
  /// What is known of the owner is of then.
  void set_heard(std::size_t slot, time_point when) const {
    gate(slot).fresh.store(when.time_since_epoch().count(), std::memory_order_release);
    gate(slot).leased.store(when.time_since_epoch().count(), std::memory_order_release);
  }
  void flush(time_point now, std::size_t slot);
  /// The same because of a new owner.
  void flush_moved(time_point now, std::size_t slot);
  void invalidate(cache_id cache, std::uint64_t hash, version at);
  void clear(time_point now, std::size_t slot, cache_id cache, version at);
  void end_tag(time_point now, std::size_t slot, cache_id cache, std::uint64_t tag, version at);
  void expect_dead(time_point now);
  void drop_fills(std::size_t slot, outbox& out);
  void reissue_followers(fill& of, outbox& out);

  template <class Message>
  void send(const member_id& to, partition_id p, const Message& message, outbox& out) const {
    out.push_back(wire::send{to, wire::make_packet(message, p, 0, sid_of(to))});
  }
  void pull(time_point now, const member_id& from, outbox& out);
  /// Counts a breach of the protocol, for which the connection is to be closed.
  bool violation() { return ++counters.violations, false; }

  // Constant after construction.
  const member_id self;
  const coherence_options options;
  gates& gate_array;

  // The lane's. Maps that are iterated are ordered: what leaves must not depend on a hash.
  std::vector<reader_stream> streams;
  /// How many of them each member owns: in a large cluster most own none of a lane's.
  hash_map<member_id, std::uint32_t> owners;
  fill_table fills;
  std::map<member_id, peer> peers;
  std::map<cache_id, attachment> tables;
  coherence_counters counters;
  key_events events;
  time_point next_beat = never;
  time_point next_sweep = never;
  /// When entries of partitions that moved are to be looked for.
  time_point moved_until = never;
  time_point next_pull = never_heard;

 private:
  static void raise(std::atomic<duration::rep>& known, time_point sent) {
    const duration::rep newest = sent.time_since_epoch().count();
    if (known.load(std::memory_order_relaxed) < newest) {
      known.store(newest, std::memory_order_release);
    }
  }
  static void poison(fill& one, version at, coherence_counters& counted);
  void poison_cache(std::size_t slot, cache_id cache, version at);
  [[nodiscard]] bool end_generation(time_point now, std::size_t slot);
};

// --- implementation ---

inline void lane_state::expect_dead(time_point now) {
  for (auto& [id, one] : tables) one.table->expect_dead();
  next_sweep = std::min(next_sweep, now + options.sweep_interval);
}

/// Everything that is kept of the partition dies, and no fill under way may be installed. Returns
/// whether anything was.
inline bool lane_state::end_generation(time_point now, std::size_t slot) {
  const bool had = gate_array.entries(partition_at(slot)) > 0;
  gate_array.flush(partition_at(slot));
  ++counters.generation_flushes;
  if (had) events.record({now, key_event::near_flushed, {}, partition_at(slot), {}, {}});
  return had;
}

inline void lane_state::flush(time_point now, std::size_t slot) {
  if (end_generation(now, slot)) expect_dead(now);
}

inline void lane_state::flush_moved(time_point now, std::size_t slot) {
  if (end_generation(now, slot)) moved_until = now + options.moved_kept;
}

inline void lane_state::poison(fill& one, version at, coherence_counters& counted) {
  if (one.joinable || one.poison < at) ++counted.fills_poisoned;
  one.poison = std::max(one.poison, at);
  one.joinable = false;
}

/// F2: an entry that is older goes, and fills under way learn what they must not be older than.
inline void lane_state::invalidate(cache_id cache, std::uint64_t hash, version at) {
  if (table* const kept = table_of(cache)) kept->erase_older(hash, at);
  fills.for_key(cache, hash, [&](fill& one) { poison(one, at, counters); });
}

inline void lane_state::clear(time_point now, std::size_t slot, cache_id cache, version at) {
  if (table* const kept = table_of(cache)) {
    kept->clear(partition_at(slot));
    next_sweep = std::min(next_sweep, now + options.sweep_interval);
  }
  poison_cache(slot, cache, at);
  ++counters.clears_applied;
  events.record({now, key_event::near_cleared, cache, partition_at(slot), {}, at});
}

/// The tags of what is under way are not known yet: none of it may be installed.
inline void lane_state::end_tag(time_point now, std::size_t slot, cache_id cache, std::uint64_t tag,
                                version at) {
  if (table* const kept = table_of(cache)) {
    kept->end_tag(tag);
    next_sweep = std::min(next_sweep, now + options.sweep_interval);
  }
  poison_cache(slot, cache, at);
  ++counters.tags_ended;
  events.record({now, key_event::near_tag_ended, cache, partition_at(slot), {}, at});
}

inline void lane_state::poison_cache(std::size_t slot, cache_id cache, version at) {
  fills.for_partition(slot, [&](fill& one) {
    if (one.cache == cache) poison(one, at, counters);
  });
}

inline void lane_state::reissue_followers(fill& of, outbox& out) {
  for (const std::uint64_t waiter : of.followers) out.push_back(reissue{waiter});
  counters.followers_reissued += of.followers.size();
  of.followers.clear();
}

/// The gets are lost, or their answers would mean nothing. A leader whose answer is here has its
/// value; it is only not installed.
inline void lane_state::drop_fills(std::size_t slot, outbox& out) {
  std::vector<const fill*> dropped;
  fills.for_partition(slot, [&](fill& one) {
    if (!one.answered) out.push_back(retry{one.rid});
    reissue_followers(one, out);
    dropped.push_back(&one);
  });
  for (const fill* one : dropped) fills.remove(slot, *one);
  counters.fills_dropped += dropped.size();
}

inline void lane_state::pull(time_point now, const member_id& from, outbox& out) {
  ++counters.higher_epochs_seen;
  if (now < next_pull) return;
  next_pull = now + options.pull_interval;
  ++counters.views_pulled;
  out.push_back(pull_view{from});
}

}  // namespace kith::near
