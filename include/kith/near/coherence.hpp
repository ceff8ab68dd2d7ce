// The reader's side of one lane: whether what a get brings may be kept, and what every message of
// the coherence protocol does to what is kept.
//
// A machine without clock, lock or socket; its driver holds the lane's lock. It writes the gates
// that readers look at and calls the near caches that were attached. Rules are cited by their names
// in docs/coherence.md.
//
// One fill, from miss to hit:
//   begin           leads, follows a get that is under way, or goes alone
//   on_reply        may the leader return it, and may it be kept as far as is known now?
//   (decode)        with no lock held
//   install         is it still so? then the table keeps it and followers get it, else they begin
//                   again; or abandon, when decoding failed or the leader gave up
//
// A value that the reader had before, as after a restart, goes the same way: its get names it, the
// owner may answer "not modified", and then what is decoded is the reader's own bytes. Nothing else
// differs: until then it is in no near cache.
//
// Strong caches differ in three things. Readers look at a lease and at the member's fence instead
// of freshness (gates.hpp); F4 asks for both too, because followers get what their leader brought,
// which may be older than they; and acknowledgements, which leave after their invalidations were
// applied, are waited for at the owner.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/near/cell.hpp>
#include <kith/near/counters.hpp>
#include <kith/near/effect.hpp>
#include <kith/near/fills.hpp>
#include <kith/near/freshness.hpp>
#include <kith/near/gates.hpp>
#include <kith/near/lane_state.hpp>
#include <kith/near/listener.hpp>
#include <kith/near/stream.hpp>
#include <kith/near/table.hpp>
#include <kith/wire/coherence_messages.hpp>
#include <kith/wire/data_messages.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

namespace kith::near {

enum class begin_result : std::uint8_t {
  /// Send the get, with `near` set.
  lead,
  /// An answer comes as serve, refuse or reissue.
  joined,
  /// Send the get, without `near`; its answer goes to on_bypass_reply.
  bypass,
};

enum class reply_verdict : std::uint8_t {
  /// Decode, then install; the value may be returned whatever install says.
  deliver_and_install,
  deliver,
  /// The answer means nothing: begin again, under a new rid.
  retry,
  /// Nobody waits for it.
  ignore,
};

class coherence {
 public:
  coherence(member_id self, gates& shared, const coherence_options& options)
      : lane_{self, shared, options} {}
  coherence(const coherence&) = delete;
  coherence& operator=(const coherence&) = delete;

  /// Connects the near cache of one cache. It must stay until it was detached.
  void attach(cache_id cache, table& kept, duration max_staleness);
  /// The same of a strong cache, with how long a lease lasts.
  void attach_strong(cache_id cache, table& kept, duration lease);
  void detach(cache_id cache) { lane_.tables.erase(cache); }

  // Membership.

  /// The partition's row changed (E1). `owner` may be this member, or nobody.
  void on_ownership(time_point now, partition_id p, const member_id& owner, const epoch& began,
                    outbox& out);
  void on_view(std::span<const member_id> members, outbox& out) {
    freshness_.on_view(members, out);
  }
  /// Must come before the driver sends anything of the lane on a new connection.
  void on_session(time_point now, const member_id& peer, std::uint32_t sid, outbox& out) {
    freshness_.on_session(now, peer, sid, out);
  }

  /// The member is about to leave: nothing is kept any more, and owners are told so, that no write
  /// of theirs waits for a lease.
  void retire(time_point now, outbox& out);

  // Reads and writes of this member.

  begin_result begin(time_point now, const fill_request& read);
  reply_verdict on_reply(time_point now, const member_id& from, std::uint64_t rid,
                         const wire::get_reply& reply, outbox& out);
  /// The answer to a get that went without a fill. Never ignore, never deliver_and_install.
  reply_verdict on_bypass_reply(time_point now, const member_id& from, partition_id p,
                                cache_id cache, std::uint64_t hash, const wire::get_reply& reply,
                                outbox& out);
  /// Keeps the decoded value if F4 still allows. Returns whether it was kept.
  bool install(time_point now, std::uint64_t rid, const counted_cell& draft, outbox& out);
  /// Ends a fill without a result: its followers begin again. No effect on an unknown rid.
  void abandon(std::uint64_t rid, outbox& out);

  /// F7 (coherence_copies.hpp): may a copy be read that has all of its epoch up to `as_of`?
  [[nodiscard]] bool may_read_copy(partition_id p, const version& as_of) const;
  /// It was, and the version `found` was there, or nothing.
  void on_copy_read(partition_id p, cache_id cache, std::uint64_t hash, const version& as_of,
                    const std::optional<version>& found);

  /// F6: a write of this member was applied. Before its caller is told.
  void on_mutation_reply(partition_id p, cache_id cache, std::uint64_t hash, version applied);
  /// The whole cache was cleared in `p` by this member.
  void on_clear_reply(time_point now, partition_id p, cache_id cache, version applied);
  void on_end_tag_reply(time_point now, partition_id p, cache_id cache, std::uint64_t tag,
                        version applied);
  /// This member applied a mutation of a partition that it owns, whoever asked for it. With the
  /// lane's lock held from the mutation on, so its own near entries have no stream and no gap.
  void on_own_mutation(time_point now, partition_id p, const epoch& in,
                       const wire::invalidation& entry);
  /// A write ended without an answer: it may be applied at any time, or was.
  void poison(cache_id cache, std::uint64_t hash) { lane_.invalidate(cache, hash, newest_version); }
  /// The same of a clear.
  void poison_all(time_point now, partition_id p, cache_id cache) {
    lane_.clear(now, lane_.slot_of(p), cache, newest_version);
  }
  /// And of the end of a tag.
  void poison_tag(time_point now, partition_id p, cache_id cache, std::uint64_t tag) {
    lane_.end_tag(now, lane_.slot_of(p), cache, tag, newest_version);
  }

  // The stream. False: the peer broke the protocol, close its connection.

  bool on_invalidate(time_point now, const member_id& from, std::uint32_t sid, partition_id p,
                     const wire::invalidate& message, outbox& out) {
    return listener_.on_invalidate(now, from, sid, p, message, out);
  }
  bool on_invalidate_all(time_point now, const member_id& from, std::uint32_t sid, partition_id p,
                         const wire::invalidate_all& message, outbox& out) {
    return listener_.on_invalidate_all(now, from, sid, p, message, out);
  }
  bool on_digest(time_point now, const member_id& from, std::uint32_t sid,
                 const wire::digest& message, outbox& out) {
    return freshness_.on_digest(now, from, sid, message, out);
  }
  bool on_replay(time_point now, const member_id& from, std::uint32_t sid, partition_id p,
                 const wire::replay& message, outbox& out) {
    return listener_.on_replay(now, from, sid, p, message, out);
  }
  bool on_subscribed(time_point now, const member_id& from, std::uint32_t sid, partition_id p,
                     const wire::subscribed& message, outbox& out) {
    return listener_.on_subscribed(now, from, sid, p, message, out);
  }

  void on_timeout(time_point now, outbox& out) { freshness_.on_timeout(now, out); }
  [[nodiscard]] time_point next_timeout() const {
    return std::min({lane_.next_beat, lane_.next_sweep, lane_.moved_until});
  }

  /// Remembers for who asks later what happened to the key.
  void note(time_point now, key_event what, cache_id cache, std::uint64_t hash, version at) {
    lane_.events.record({now, what, cache, partition_of(hash), hash, at});
  }
  [[nodiscard]] const key_events& events() const { return lane_.events; }
  [[nodiscard]] const coherence_counters& counters() const { return lane_.counters; }
  /// For tests and checkers.
  [[nodiscard]] const reader_stream& stream(partition_id p) const {
    return lane_.streams[lane_.slot_of(p)];
  }
  [[nodiscard]] std::size_t fills() const { return lane_.fills.size(); }
  [[nodiscard]] std::size_t followers_most() const { return lane_.fills.followers_most(); }
  [[nodiscard]] const coherence_options& options() const { return lane_.options; }

 private:
  [[nodiscard]] bool may_join(time_point now, const fill_request& read, const fill& under_way);
  [[nodiscard]] bool speaks_of_now(time_point now, const member_id& from, std::size_t slot,
                                   const wire::get_reply& reply, outbox& out);
  void follow_numbers(time_point now, const fill& answered, const wire::get_reply& reply,
                      outbox& out);
  [[nodiscard]] bool may_install(time_point now, const fill& answered);
  [[nodiscard]] time_point leased_until(const fill& answered) const;
  reply_verdict on_failure(fill& failed, const wire::get_reply& reply, outbox& out);
  void serve_followers(fill& of, const counted_cell& value, outbox& out);
  /// A caller is about to be told, of a partition with all up to `as_of`, this version, or that
  /// nothing is left. Nothing older may be seen after it (F7).
  void forget_older(std::size_t slot, cache_id cache, std::uint64_t hash, const version& as_of,
                    const std::optional<version>& found);
  void end(fill& ended, outbox& out);

  bool retired_ = false;
  lane_state lane_;
  listener listener_{lane_};
  freshness freshness_{lane_, listener_};
};

// --- implementation ---

inline void coherence::attach(cache_id cache, table& kept, duration max_staleness) {
  const bool fresh =
      lane_.tables.emplace(cache, lane_state::attachment{&kept, max_staleness}).second;
  KITH_ASSERT(fresh);
  kept.expect_dead();
}

inline void coherence::attach_strong(cache_id cache, table& kept, duration lease) {
  attach(cache, kept, lease);
  lane_.tables.at(cache).strong = true;
}

inline void coherence::on_ownership(time_point now, partition_id p, const member_id& owner,
                                    const epoch& began, outbox& out) {
  const std::size_t slot = lane_.slot_of(p);
  reader_stream& s = lane_.streams[slot];
  if (s.owner == owner && s.epoch == began) return;
  lane_.flush_moved(now, slot);
  lane_.drop_fills(slot, out);
  const auto before = lane_.owners.find(s.owner);
  if (before != lane_.owners.end() && --before->second == 0) lane_.owners.erase(before);
  ++lane_.owners[owner];
  s.restart(owner, began);
  if (!owner.nobody() && owner != lane_.self && lane_.sid_of(owner) != 0) s.trust();
  // What this member owns itself it knows as well as it knows that it is still the owner, which is
  // what the coordinator's gate says.
  const bool own = owner == lane_.self;
  if (own) s.trust();
  lane_.set_heard(slot, own ? never : never_heard);
  lane_.publish_suspicion(slot);
}

inline void coherence::retire(time_point now, outbox& out) {
  retired_ = true;
  for (std::size_t slot = 0; slot < lane_.streams.size(); ++slot) {
    lane_.flush(now, slot);
    lane_.drop_fills(slot, out);
    lane_.streams[slot].subscribed = lane_.streams[slot].confirmed = false;
  }
  lane_.moved_until = now;
  for (const auto& [owner, known] : lane_.peers) {
    if (known.sid != 0) lane_.send(owner, lane_.partition_at(0), wire::subscribe{}, out);
  }
}

// Reads.

inline bool coherence::may_join(time_point now, const fill_request& read, const fill& under_way) {
  // The coordinator too: a member that is cut off from it may ask an owner that is no more.
  const time_point known = std::min(under_way.sent_at, lane_.gate_array.coordinator());
  const bool young = read.max_age == any_age || now - known <= read.max_age;
  const bool room = under_way.followers.size() < lane_.options.followers_max;
  if (!young || !room) ++lane_.counters.joins_refused;
  return young && room;
}

inline begin_result coherence::begin(time_point now, const fill_request& read) {
  KITH_ASSERT(read.partition == partition_of(read.hash));
  const std::size_t slot = lane_.slot_of(read.partition);
  const std::uint32_t generation = lane_.gate_array.generation(read.partition);
  fill* const under_way = read.may_follow ? lane_.fills.find_joinable(read, generation) : nullptr;
  if (under_way != nullptr && may_join(now, read, *under_way)) {
    under_way->followers.push_back(read.rid);
    ++lane_.counters.joins;
    note(now, key_event::fill_joined, read.cache, read.hash, {});
    return begin_result::joined;
  }
  if (retired_ || lane_.fills.size() >= lane_.options.fills_max) {
    ++lane_.counters.bypasses;
    return begin_result::bypass;
  }
  fill led;
  led.rid = read.rid;
  led.partition = read.partition;
  led.cache = read.cache;
  led.hash = read.hash;
  led.key = to_bytes(read.key);
  led.load = read.load;
  led.joinable = read.may_be_followed;
  led.sent_at = now;
  led.generation = generation;
  led.floor = lane_.streams[slot].floor;
  lane_.fills.add(slot, std::move(led));
  if (lane_.streams[slot].owner != lane_.self) freshness_.expect_entries(now, slot);
  ++lane_.counters.fills;
  note(now, key_event::fill_begun, read.cache, read.hash, {});
  return begin_result::lead;
}

/// F3: the answer is of the owner and epoch that this member believes in.
inline bool coherence::speaks_of_now(time_point now, const member_id& from, std::size_t slot,
                                     const wire::get_reply& reply, outbox& out) {
  const reader_stream& s = lane_.streams[slot];
  if (reply.epoch == s.epoch && from == s.owner) return true;
  ++lane_.counters.replies_of_other_epoch;
  if (reply.epoch > s.epoch) lane_.pull(now, from, out);
  return false;
}

/// What the answer says of the stream. The owner flushed the partition's invalidations before it,
/// so they were processed, or they are lost.
inline void coherence::follow_numbers(time_point now, const fill& answered,
                                      const wire::get_reply& reply, outbox& out) {
  if (!reply.cacheable) return;
  const std::size_t slot = lane_.slot_of(answered.partition);
  reader_stream& s = lane_.streams[slot];
  s.confirmed = true;
  if (reply.n_last < s.contiguous) {
    listener_.on_numbers_back(now, slot, reply.n_last);
  } else if (reply.n_last > s.contiguous && reply.n_last.value() < number_max) {
    listener_.on_missing(slot, reply.n_last, out);
  }
  if (s.suspected == suspicion::none && reply.n_last == s.contiguous) {
    lane_.renew(slot, answered.sent_at);
    if (lane_.strong(answered.cache)) lane_.renew_lease(slot, answered.sent_at);
  }
}

/// What the fill brought may be read until then, as an entry of a strong cache.
inline time_point coherence::leased_until(const fill& answered) const {
  const auto table = lane_.tables.find(answered.cache);
  if (table == lane_.tables.end() || !table->second.strong) return never;
  return std::min(answered.sent_at + table->second.max_staleness, lane_.gate_array.fenced());
}

/// F4, apart from the answer's own `cacheable`. Counts the reason where it says no.
inline bool coherence::may_install(time_point now, const fill& answered) {
  const reader_stream& s = lane_.streams[lane_.slot_of(answered.partition)];
  coherence_counters& counted = lane_.counters;
  if (s.suspected != suspicion::none) return ++counted.refused_suspect, false;
  if (answered.generation != lane_.gate_array.generation(answered.partition)) {
    return ++counted.refused_generation, false;
  }
  if (version{s.epoch, answered.as_of} < answered.poison) {
    return ++counted.refused_poisoned, false;
  }
  const time_point end = leased_until(answered);
  if (end < never && now >= end) return ++counted.refused_lapsed, false;
  KITH_ASSERT(answered.as_of >= answered.floor);
  return true;
}

inline void coherence::forget_older(std::size_t slot, cache_id cache, std::uint64_t hash,
                                    const version& as_of, const std::optional<version>& found) {
  lane_.streams[slot].raise_floor(as_of.seq);
  // What is absent has no version of its own.
  if (table* const kept = lane_.table_of(cache)) {
    kept->erase_older(hash, found.value_or(version{as_of.epoch, as_of.seq.next()}));
  }
  // A get of the key that left earlier, and whose answer is decoded slowly, must not put back what
  // this caller will have seen the successor of.
  lane_.fills.for_key(cache, hash, [&](fill& one) {
    one.poison = std::max(one.poison, found.value_or(as_of));
  });
}

inline reply_verdict coherence::on_reply(time_point now, const member_id& from, std::uint64_t rid,
                                         const wire::get_reply& reply, outbox& out) {
  fill* const f = lane_.fills.find(rid);
  const bool expected =
      f != nullptr && !f->answered && lane_.streams[lane_.slot_of(f->partition)].owner == from;
  if (!expected) return ++lane_.counters.replies_unknown, reply_verdict::ignore;
  const bool present = wire::is_present(reply.status);
  const bool good = present || reply.status == wire::get_status::absent;
  if (!speaks_of_now(now, from, lane_.slot_of(f->partition), reply, out)) {
    end(*f, out);
    return reply_verdict::retry;
  }
  if (!good) return on_failure(*f, reply, out);
  if (reply.as_of < f->floor) {
    // F7: whoever answered lags behind what this member has seen.
    ++lane_.counters.replies_behind_floor;
    end(*f, out);
    return reply_verdict::retry;
  }
  follow_numbers(now, *f, reply, out);
  const version as_of{reply.epoch, reply.as_of};
  const auto found = present ? std::optional{reply.version} : std::nullopt;
  forget_older(lane_.slot_of(f->partition), f->cache, f->hash, as_of, found);
  f->answered = true;
  f->validated = reply.status == wire::get_status::not_modified;
  f->as_of = reply.as_of;
  f->answer = found.value_or(as_of);
  if (!reply.cacheable) ++lane_.counters.refused_not_cacheable;
  const bool keep = reply.cacheable && may_install(now, *f);
  if (keep && present) return reply_verdict::deliver_and_install;
  if (!keep) note(now, key_event::fill_refused, f->cache, f->hash, f->answer);
  if (keep) serve_followers(*f, {}, out);
  end(*f, out);
  return reply_verdict::deliver;
}

/// No value: the owner refused, or the loader failed. Who would only ask the same again shares the
/// failure; where the caller has to route anew or to load itself, everyone does, and what is wrong
/// with the leader's token is its own affair.
inline reply_verdict coherence::on_failure(fill& failed, const wire::get_reply& reply,
                                           outbox& out) {
  using wire::get_status;
  const bool again = reply.status == get_status::wrong_epoch || reply.status == get_status::retry;
  const bool of_leader = reply.status == get_status::ticket ||
                         reply.status == get_status::lost_write ||
                         reply.status == get_status::unknown_version;
  if (!again && !of_leader) {
    for (const std::uint64_t waiter : failed.followers) {
      out.push_back(refuse{waiter, reply.status, to_bytes(reply.value)});
    }
    failed.followers.clear();
  }
  end(failed, out);
  return again ? reply_verdict::retry : reply_verdict::deliver;
}

inline reply_verdict coherence::on_bypass_reply(time_point now, const member_id& from,
                                                partition_id p, cache_id cache, std::uint64_t hash,
                                                const wire::get_reply& reply, outbox& out) {
  using wire::get_status;
  const std::size_t slot = lane_.slot_of(p);
  if (!speaks_of_now(now, from, slot, reply, out)) return reply_verdict::retry;
  switch (reply.status) {
    case get_status::wrong_epoch:
    case get_status::retry: return reply_verdict::retry;
    case get_status::hit:
    case get_status::not_modified:
    case get_status::absent:
      forget_older(slot, cache, hash, {reply.epoch, reply.as_of},
                   wire::is_present(reply.status) ? std::optional{reply.version} : std::nullopt);
      return reply_verdict::deliver;
    default: return reply_verdict::deliver;
  }
}

inline bool coherence::install(time_point now, std::uint64_t rid, const counted_cell& draft,
                               outbox& out) {
  fill* const f = lane_.fills.find(rid);
  if (f == nullptr) return false;
  KITH_ASSERT(f->answered && draft && draft->place.hash == f->hash);
  table* const kept = lane_.table_of(f->cache);
  bool stored = false;
  bool current = may_install(now, *f);
  if (current && kept != nullptr) {
    switch (kept->install(now, draft)) {
      case install_result::installed:
        stored = true;
        ++lane_.counters.installs;
        if (f->validated) ++lane_.counters.installs_validated;
        break;
      case install_result::newer_present:
        current = false;
        ++lane_.counters.refused_newer_present;
        break;
      case install_result::no_room:
      case install_result::crowded: ++lane_.counters.refused_no_room; break;
    }
  } else if (kept != nullptr) {
    kept->erase_older(f->hash, f->answer);
  }
  note(now, stored ? key_event::fill_kept : key_event::fill_refused, f->cache, f->hash,
       draft->version);
  if (current) serve_followers(*f, draft, out);
  end(*f, out);
  return stored;
}

inline void coherence::serve_followers(fill& of, const counted_cell& value, outbox& out) {
  for (const std::uint64_t waiter : of.followers) out.push_back(serve{waiter, value, of.answer});
  lane_.counters.followers_served += of.followers.size();
  of.followers.clear();
}

/// Followers that got nothing begin again (F5).
inline void coherence::end(fill& ended, outbox& out) {
  lane_.reissue_followers(ended, out);
  lane_.fills.remove(lane_.slot_of(ended.partition), ended);
}

inline void coherence::abandon(std::uint64_t rid, outbox& out) {
  fill* const f = lane_.fills.find(rid);
  if (f == nullptr) return;
  ++lane_.counters.fills_abandoned;
  end(*f, out);
}

}  // namespace kith::near

#include <kith/near/coherence_copies.hpp>
#include <kith/near/coherence_writes.hpp>
