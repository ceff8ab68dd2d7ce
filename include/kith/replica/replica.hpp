// What the owner of partitions does, for one lane's 64 of them: it answers gets (reads.hpp),
// applies mutations (writes.hpp), and tells those who keep near entries what changed
// (audience.hpp).
//
// In an eventual cache a mutation is visible at once, and its invalidation leaves at once or within
// a millisecond; in a strong one it is hidden until all that it waits for has come. Its caller is
// answered when the copies that its cache asks for are made (feeding.hpp). Of partitions of other
// owners the lane keeps the copies that the view gives it (copies.hpp): with these it begins when
// it becomes the owner.
//
// A deterministic machine: inputs push, effects append to the outbox, next_timeout() is the one
// deadline. It has no clock, no lock and no thread; its driver serialises the calls. Before each
// input the driver tells how fresh the coordinator's newest echo is.
//
// Handlers of messages return false when the peer broke the protocol: its connection is to be
// closed. Requests of callers in this process come with `from` == self and are answered by answer_*
// effects.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/copies.hpp>
#include <kith/replica/counters.hpp>
#include <kith/replica/dirty_values.hpp>
#include <kith/replica/effect.hpp>
#include <kith/replica/feeding.hpp>
#include <kith/replica/holdings.hpp>
#include <kith/replica/options.hpp>
#include <kith/replica/reads.hpp>
#include <kith/replica/write_behind.hpp>
#include <kith/replica/writes.hpp>
#include <kith/wire/coherence_messages.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/feed_messages.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace kith::replica {

/// What an owner has of a key, whether it may serve it or not.
struct holding {
  bool present = false;
  /// The entry's; where there is none, the partition's newest.
  kith::version version;
};

/// What one lane's replica holds at present, beside what is said in replica_options. A `most` is of
/// one key, one member or one partition.
struct occupancy {
  std::size_t loads = 0;
  std::size_t load_waiters_most = 0;
  std::size_t processors = 0;
  std::size_t hidden_writes = 0;
  std::size_t pending_writes_most = 0;
  std::size_t pending_write_bytes = 0;
  std::size_t operations_most = 0;
  audience::occupancy told;
  /// Of all caches, the bytes above their bounds.
  std::uint64_t bytes_over = 0;
};

/// What this member's copy of another owner's partition says of a key.
struct copy_answer {
  /// Everything up to here is in it.
  version as_of;
  /// Nullptr: absent. Valid until the next input.
  const stored* found = nullptr;
};

class replica {
 public:
  replica(const member_id& self, const replica_options& options)
      : held_{self, options},
        reads_{held_},
        writes_{held_, reads_},
        behind_{held_},
        feeding_{held_},
        copies_{options} {}

  /// The cache may have entries already: an owner that never opened it stores with defaults.
  void open_cache(const cache_settings& settings) {
    held_.open_cache(settings);
    held_.tell_own = held_.tell_own || settings.near_local;
  }

  /// The partition's row of a view that was just installed. A lower epoch is ignored.
  void on_row(time_point now, partition_id partition, const row& told, outbox& out);
  void on_ownership(time_point now, partition_id partition, const member_id& owner,
                    const kith::epoch& began, outbox& out) {
    on_row(now, partition, {owner, began}, out);
  }
  /// The caches of the view, and how many copies they have. To be told before its rows.
  void on_caches(std::span<const cache_copies> all) {
    held_.feeds.on_caches(all);
    held_.audience.set_leasing(held_.feeds.any_strong());
  }
  /// `members` is sorted. To be told before the view's rows.
  void on_view(time_point now, view_number number, std::span<const member_id> members, outbox& out);
  /// A connection to `peer` opened, or was lost (`sid` 0).
  void on_session(time_point now, const member_id& peer, std::uint32_t sid, outbox& out);
  /// How fresh the coordinator's newest echo is, and until when this member is surely one.
  void set_standing(time_point fresh, time_point fence = time_point::min()) {
    held_.coordinator_fresh = fresh;
    held_.fence = fence;
  }
  /// Whether this member is cut off from the majority.
  void on_quorum(bool lost) { held_.cut_off = lost; }
  /// Others may go on without this member, as after a cut; or none any more.
  void on_cut(time_point now, bool cut) { held_.dirty.on_cut(now, cut); }
  /// What a cut's other side must not go on with; nothing is noted of it any more.
  [[nodiscard]] std::vector<dirty_cache> take_dirty(time_point now) {
    return take_dirty_of(held_, now);
  }
  /// All members of this view have installed it, and those that are not in it are fenced.
  void on_stable(view_number number) {
    held_.stable = std::max(held_.stable, std::optional{number});
  }
  /// Before an input: how full the member is. Evicts a bounded part of `told.excess`.
  void set_memory(time_point now, const store::memory_state& told) {
    held_.memory = told;
    held_.relieve(now);
  }
  void set_cache_bytes(cache_id id, std::uint64_t max_bytes) {
    held_.set_cache_bytes(id, max_bytes);
  }

  bool on_get(time_point now, const member_id& from, std::uint64_t rid, partition_id partition,
              const wire::get& message, outbox& out) {
    const bool fine = reads_.on_get(now, from, rid, partition, message, out);
    return feeding_.flush(now, out), fine;
  }
  bool on_mutate(time_point now, const member_id& from, std::uint64_t rid, partition_id partition,
                 const wire::mutate& message, outbox& out) {
    const bool fine = writes_.on_mutate(now, from, rid, partition, message, out);
    return feeding_.flush(now, out), fine;
  }
  bool on_count(time_point now, const member_id& from, std::uint64_t rid, partition_id partition,
                const wire::count& message, outbox& out) {
    return reads_.on_count(now, from, rid, partition, message, out);
  }
  void on_return_ticket(time_point now, const member_id& from, const wire::return_ticket& message,
                        outbox& out) {
    reads_.on_return_ticket(now, from, message, out);
  }

  bool on_feed(time_point now, const member_id& from, partition_id partition,
               const wire::feed& message, outbox& out);
  bool on_feed_ack(time_point now, const member_id& from, partition_id partition,
                   const wire::feed_ack& message, outbox& out);
  bool on_feed_end(const member_id& from, partition_id partition, const wire::feed_end& message);

  bool on_invalidate_ack(time_point now, const member_id& from, std::uint32_t sid,
                         partition_id partition, const wire::invalidate_ack& message, outbox& out);
  bool on_replay_request(time_point now, const member_id& from, std::uint32_t sid,
                         partition_id partition, const wire::replay_request& message, outbox& out);
  /// These two name the lane by its lowest partition.
  bool on_subscribe(time_point now, const member_id& from, std::uint32_t sid,
                    partition_id partition, const wire::subscribe& message, outbox& out);
  bool on_beat(time_point now, const member_id& from, std::uint32_t sid, partition_id partition,
               const wire::beat& message, outbox& out);

  void on_load_done(time_point now, const load_ticket& ticket, load_result result, outbox& out) {
    reads_.on_load_done(now, ticket, std::move(result), out);
    feeding_.flush(now, out);
  }
  void on_processor_done(time_point now, const processor_ticket& ticket, processor_result result,
                         outbox& out) {
    writes_.on_processor_done(now, ticket, std::move(result), out);
    feeding_.flush(now, out);
  }

  void on_write_done(time_point now, const write_ticket& ticket, write_result result, outbox& out) {
    if (!behind_.on_write_done(now, ticket, result, out)) {
      writes_.on_write_done(now, ticket, std::move(result), out);
    }
    feeding_.flush(now, out);
  }

  /// Work is bounded; what is left over keeps next_timeout() in the past.
  void on_timeout(time_point now, outbox& out);
  [[nodiscard]] time_point next_timeout() const;

  /// For listeners, in the order of the changes, since it was called last.
  [[nodiscard]] std::vector<change_notice> take_notices() {
    return held_.notices.empty() ? std::vector<change_notice>{} : std::exchange(held_.notices, {});
  }

  /// `visit(byte_view key, const stored&)` for what this owner has of the cache in `slots_max`
  /// slots from `from` on. Returns where to go on, no_handle at the end. Between two calls all may
  /// change: an entry that is there throughout is visited once.
  template <class Visit>
  [[nodiscard]] store::handle scan(time_point now, cache_id cache, store::handle from,
                                   std::uint32_t slots_max, Visit&& visit) const {
    const entries* known = held_.find_cache(cache);
    return known == nullptr ? store::no_handle : known->scan(now, from, slots_max, visit);
  }

  [[nodiscard]] bool owns(partition_id partition);
  /// Leaves no trace. Absent where this member is not the owner.
  [[nodiscard]] std::optional<holding> peek(time_point now, partition_id partition, cache_id cache,
                                            std::uint64_t hash, byte_view key) const;
  /// Now; of the lane's partitions, and of what runs for them.
  [[nodiscard]] std::size_t partitions_owned() const;
  [[nodiscard]] std::size_t loads() const { return held_.loads.size(); }
  [[nodiscard]] std::size_t processors() const { return held_.busy.size(); }
  /// Keys that a store has not been written of.
  [[nodiscard]] std::size_t owed_writes() const { return held_.owed.size(); }
  /// They are to be written without delay.
  void hurry_writes(time_point now) { held_.owed.hurry(now); }
  [[nodiscard]] const latency_histogram& applied_times() const {
    return held_.audience.applied_times();
  }
  /// Of the copy that this member keeps for the partition's owner; absent where it keeps none that
  /// may be read (copy_reads.hpp). `max_age`: how long ago the coordinator may have confirmed it.
  [[nodiscard]] std::optional<copy_answer> read_copy(time_point now, partition_id partition,
                                                     cache_id cache, std::uint64_t hash,
                                                     byte_view key, duration max_age) const;
  /// The members that may keep near entries of the partition.
  [[nodiscard]] std::vector<member_id> listeners(partition_id partition) const {
    const owned_partition* in = held_.partition(partition);
    return in == nullptr ? std::vector<member_id>{} : held_.audience.listeners(in->slot);
  }
  [[nodiscard]] const key_events& events() const { return held_.events; }
  /// What the entries of all caches are charged. Cost: O(caches).
  [[nodiscard]] std::uint64_t owned_bytes() const;
  /// What is remembered beside them (store/memory_model.hpp), and copies of other owners' entries.
  /// Cost: looks at every partition.
  [[nodiscard]] std::uint64_t directory_bytes() const;
  /// For checkers: looks at every partition.
  [[nodiscard]] occupancy held() const;
  [[nodiscard]] const replica_options& options() const { return held_.options; }
  [[nodiscard]] const kith::replica::counters& counters() const { return held_.counters; }
  [[nodiscard]] const copies& kept() const { return copies_; }
  /// `visit(partition_id, const feed_out&)` for each feed of the lane.
  template <class Visit>
  void each_feed(Visit&& visit) const {
    for (const owned_partition& in : held_.partitions()) {
      for (const feed_out& each : held_.feeds.at(in.slot).feeds) visit(in.id, each);
    }
  }
  /// What they keep until it is acknowledged.
  [[nodiscard]] std::size_t feed_bytes() const { return held_.feeds.bytes(); }
  /// Nullptr when no entry of the cache ever came and nobody opened it.
  [[nodiscard]] const entries* cache(cache_id id) const { return held_.find_cache(id); }

 private:
  void end_epoch(owned_partition& in, const kith::epoch& began, outbox& out);
  void adopt(time_point now, owned_partition& in);
  void note_settled(owned_partition& in);
  void show_hidden(time_point now, owned_partition& in, outbox& out);
  void drop_ended(const owned_partition& in);
  /// Nullptr, counted, for a partition of another lane.
  owned_partition* checked(partition_id partition);
  bool lane_message(partition_id partition);
  [[nodiscard]] bool renews(cache_id cache) const;
  bool known(const member_id& from);

  holdings held_;
  reads reads_;
  writes writes_;
  write_behind behind_;
  feeding feeding_;
  copies copies_;
};

// --- implementation ---

inline void replica::on_row(time_point now, partition_id partition, const row& told, outbox& out) {
  owned_partition* in = held_.partition(partition);
  KITH_ASSERT(in != nullptr);
  const bool mine = told.owner == held_.self;
  if (told.began < in->epoch) return;
  const bool goes_on = told.began == in->epoch && mine == in->owned;
  if (!goes_on) end_epoch(*in, told.began, out);
  in->row = told;
  if (goes_on && !mine) return drop_ended(*in);
  if (!goes_on) {
    in->owned = mine;
    if (!mine) {
      // Who is not in the row is no successor: what it was sent by the last owner is of no use.
      if (!told.position_of(held_.self)) copies_.drop(in->slot);
      return held_.audience.close(in->slot, told.began);
    }
    in->seq = held_.options.first_sequence;
    if (told.inherits) adopt(now, *in);
    copies_.drop(in->slot);
    for (const auto& cache : held_.caches()) cache->note_arrival(partition);
    held_.audience.open(in->slot, told.began, in->seq);
  }
  feeding_.on_row(now, *in, told, out);
  note_settled(*in);
  writes_.confirm(now, *in, out);
  feeding_.flush(now, out);
}

inline void replica::note_settled(owned_partition& in) {
  if (in.owned && !in.settled) in.settled = held_.feeds.row_in_sync(in.slot);
}

/// What the copy has is this owner's from now on.
inline void replica::adopt(time_point now, owned_partition& in) {
  if (!copies_.of(in.slot).held()) {
    ++held_.counters.copies_missing;
    return;
  }
  const wire::feed_scope scope = copies_.of(in.slot).scope;
  copy had = copies_.take(
      now, in.slot,
      [&](cache_id id, std::uint64_t hash, byte_view key, stored& entry, time_point ends) {
        // No write waited for what it had of other caches: it may be of before.
        const bool vouched = scope == wire::whole_scope || held_.feeds.copies_of(id).all() > scope;
        entries* to = vouched ? held_.use_cache(id) : nullptr;
        if (to == nullptr) return;
        std::vector<std::uint64_t> tags;
        if (entry.tags) tags = entry.tags->tags;
        to->put(now, hash, key, {std::move(entry.value), entry.version}, ends, tags);
      });
  ++(had.complete ? held_.counters.copies_adopted : held_.counters.copies_adopted_early);
  in.seq = std::max(in.seq, had.seq);
  behind_.adopt(now, in, had.owed);
  in.windows = std::move(had.windows);
  std::erase_if(in.windows, [&](const auto& item) { return held_.stranger(item.first); });
  in.terms = std::move(had.terms);
  in.terms.push_back({had.epoch, had.seq, had.scope});
  if (in.terms.size() > wire::terms_max) in.terms.erase(in.terms.begin());
}

/// Who owned it does so no more: what it had is where the row says.
inline void replica::end_epoch(owned_partition& in, const kith::epoch& began, outbox& out) {
  if (in.owned) ++held_.counters.epochs_ended;
  in.owned = in.settled = false;
  in.epoch = began;
  in.seq = {};
  in.terms.clear();
  in.fenced = {};
  feeding_.on_epoch_end(in);
  reads_.on_epoch_end(in, out);
  writes_.on_epoch_end(in, out);
  for (const auto& cache : held_.caches()) cache->drop(in.slot);
}

inline void replica::on_view(time_point now, view_number number, std::span<const member_id> members,
                             outbox& out) {
  if (held_.view && number < *held_.view) return;
  KITH_ASSERT(std::is_sorted(members.begin(), members.end()));
  held_.members.assign(members.begin(), members.end());
  held_.view = number;
  held_.audience.on_members(members);
  writes_.on_members();
  reads_.on_members(now, out);
}

inline void replica::on_session(time_point now, const member_id& peer, std::uint32_t sid,
                                outbox& out) {
  if (held_.audience.session_of(peer) == sid) return;
  held_.audience.on_session(peer, sid);
  reads_.on_session(now, peer, out);
  if (sid != 0) feeding_.on_session(peer);
  feeding_.flush(now, out);
}

inline owned_partition* replica::checked(partition_id partition) {
  owned_partition* in = held_.partition(partition);
  if (in == nullptr) ++held_.counters.violations;
  return in;
}

inline bool replica::lane_message(partition_id partition) {
  if (index_of(partition) == held_.options.lane) return true;
  return ++held_.counters.violations, false;
}

inline bool replica::known(const member_id& from) {
  if (!held_.stranger(from)) return true;
  return ++held_.counters.strangers, false;
}

inline bool replica::on_invalidate_ack(time_point now, const member_id& from, std::uint32_t sid,
                                       partition_id partition, const wire::invalidate_ack& message,
                                       outbox& out) {
  owned_partition* in = checked(partition);
  if (in == nullptr) return false;
  if (!known(from)) return true;
  if (!held_.audience.on_ack(now, from, sid, in->slot, message, out)) return false;
  show_hidden(now, *in, out);
  return true;
}

inline void replica::show_hidden(time_point now, owned_partition& in, outbox& out) {
  if (in.hidden.writes.empty()) return;
  writes_.confirm(now, in, out);
  feeding_.flush(now, out);
}

inline bool replica::on_replay_request(time_point, const member_id& from, std::uint32_t sid,
                                       partition_id partition, const wire::replay_request& message,
                                       outbox& out) {
  const owned_partition* in = checked(partition);
  if (in == nullptr) return false;
  return !known(from) || held_.audience.on_replay_request(from, sid, in->slot, message, out);
}

inline bool replica::on_subscribe(time_point now, const member_id& from, std::uint32_t sid,
                                  partition_id partition, const wire::subscribe& message,
                                  outbox& out) {
  if (!lane_message(partition)) return false;
  if (!known(from)) return true;
  if (!held_.audience.on_subscribe(now, from, sid, message, out)) return false;
  for (owned_partition& in : held_.partitions()) show_hidden(now, in, out);
  return true;
}

inline bool replica::on_beat(time_point now, const member_id& from, std::uint32_t sid,
                             partition_id partition, const wire::beat& message, outbox& out) {
  if (!lane_message(partition)) return false;
  if (!known(from)) return true;
  held_.audience.on_beat(now, from, sid, message);
  const bool vouches = held_.vouches(now);
  held_.audience.on_timeout(now, vouches ? audience::echo::allowed : audience::echo::held_back,
                            out);
  return true;
}

inline void replica::on_timeout(time_point now, outbox& out) {
  const bool vouches = held_.vouches(now);
  held_.audience.on_timeout(now, vouches ? audience::echo::allowed : audience::echo::held_back,
                            out);
  reads_.on_timeout(now, out);
  writes_.on_timeout(now, out);
  behind_.on_timeout(now, out);
  held_.uncertain.expire(now, held_.options.expiry_work);
  for (const auto& cache : held_.caches()) {
    cache->expire(now, held_.options.expiry_work);
    held_.commit_idle_ends(now, *cache, out);
  }
  copies_.expire(now, held_.options.expiry_work);
  for (owned_partition& in : held_.partitions()) writes_.confirm(now, in, out);
  feeding_.on_timeout(now, out);
  feeding_.flush(now, out);
}

inline time_point replica::next_timeout() const {
  time_point next =
      std::min({held_.audience.next_timeout(), held_.loads.next_deadline(),
                held_.busy.next_deadline(), held_.uncertain.next_deadline(), behind_.next_timeout(),
                writes_.next_timeout(), feeding_.next_timeout(), copies_.next_timeout()});
  for (const auto& cache : held_.caches()) next = std::min(next, cache->next_timeout());
  return next;
}

inline std::optional<holding> replica::peek(time_point now, partition_id partition, cache_id cache,
                                            std::uint64_t hash, byte_view key) const {
  const owned_partition* in = std::as_const(held_).partition(partition);
  if (in == nullptr || !in->owned) return std::nullopt;
  const entries* known = held_.find_cache(cache);
  if (known == nullptr) return holding{false, in->newest()};
  const auto found = known->peek(now, hash, key);
  return found ? holding{true, found->value().version} : holding{false, in->newest()};
}

}  // namespace kith::replica

#include <kith/replica/copy_reads.hpp>
#include <kith/replica/replica_feeds.hpp>
#include <kith/replica/replica_gauges.hpp>
