// How an owner answers gets: from its store (here), or with the result of one load that all who ask
// for an absent key share (load.hpp, read_loads.hpp).
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/effect.hpp>
#include <kith/replica/holdings.hpp>
#include <kith/replica/load.hpp>
#include <kith/replica/tags.hpp>
#include <kith/wire/data_messages.hpp>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace kith::replica {

class reads {
 public:
  explicit reads(holdings& of) : held_{of} {}

  /// False: the peer broke the protocol.
  bool on_get(time_point now, const member_id& from, std::uint64_t rid, partition_id partition,
              const wire::get& message, outbox& out);
  bool on_count(time_point now, const member_id& from, std::uint64_t rid, partition_id partition,
                const wire::count& message, outbox& out);

  /// Who got the ticket has no use for it.
  void on_return_ticket(time_point now, const member_id& from, const wire::return_ticket& message,
                        outbox& out);
  void on_load_done(time_point now, const load_ticket& ticket, load_result result, outbox& out);
  /// Ends a load that was taken out of the table. Returns the version under which its result was
  /// stored, if it was.
  std::optional<version> finish(time_point now, load done, load_result result, outbox& out);

  /// The partition has another epoch: whoever waits asks again elsewhere.
  void on_epoch_end(const owned_partition& ended, outbox& out);
  /// The member's requests and answers of its old session are lost.
  void on_session(time_point now, const member_id& peer, outbox& out);
  /// Forgets waiters and holders that are strangers now.
  void on_members(time_point now, outbox& out);
  void on_timeout(time_point now, outbox& out);

 private:
  /// Why this owner cannot answer a read that must have seen `after`; absent: it can.
  std::optional<wire::get_status> behind(const owned_partition& in, cache_id cache,
                                         const version& after);
  [[nodiscard]] bool pays(time_point now, const key_view& key);
  void serve_strong(time_point now, owned_partition& in, reader who, const key_view& key,
                    outbox& out);
  void serve(time_point now, owned_partition& in, const reader& who, const key_view& key,
             bool load_absent, outbox& out);
  void serve_value(time_point now, owned_partition& in, const reader& who, const key_view& key,
                   const entries::found& live, bool may_load, outbox& out);
  void validate(time_point now, owned_partition& in, const reader& who, const key_view& key,
                bool load_absent, outbox& out);
  [[nodiscard]] static bool only_asks(const reader& who) { return who.known && !who.known->read; }
  [[nodiscard]] bool has_already(const reader& who, const stored& entry);
  [[nodiscard]] wire::get_reply answer_of(time_point now, const entries& cache,
                                          const entries::found& live);
  void reply_absent(owned_partition& in, const reader& who, outbox& out);
  void reply(owned_partition& in, const reader& who, wire::get_reply reply, byte_view value,
             outbox& out, const std::exception_ptr& thrown = nullptr);
  void refuse(const owned_partition& in, const reader& who, wire::get_status why, outbox& out);

  // read_loads.hpp
  void serve_absent(time_point now, owned_partition& in, const reader& who, const key_view& key,
                    outbox& out);
  [[nodiscard]] std::optional<duration> copy_left(time_point now, const entries& cache,
                                                  const entries::found& live);
  [[nodiscard]] entries::found stale_after_failure(time_point now, const reader& who,
                                                   const key_view& key);
  [[nodiscard]] entries::found stale_for(time_point now, const reader& who, const key_view& key);
  void reply_stale(owned_partition& in, const reader& who, const entries::found& stale,
                   std::uint64_t ticket, outbox& out);
  bool reply_at_hand(time_point now, owned_partition& in, const reader& who, const key_view& key,
                     outbox& out);
  void reply_failure(owned_partition& in, const reader& who, const load_failure& failure,
                     outbox& out);
  void join_load(time_point now, owned_partition& in, const reader& who, const key_view& key,
                 outbox& out);
  bool serve_owed(time_point now, owned_partition& in, const reader& who, const key_view& key,
                  outbox& out);
  void wait(time_point now, load& running, const reader& who);
  void wake_by(load& running, time_point when);
  load& start_load(time_point now, owned_partition& in, const reader& who, const key_view& key,
                   outbox& out);
  [[nodiscard]] std::uint64_t refresh(time_point now, owned_partition& in, const reader& who,
                                      const key_view& key, refresh_cause why, outbox& out);
  [[nodiscard]] bool tag_ended(const load& done, const load_result& result) const;
  [[nodiscard]] bool overwritten(time_point now, const load& done);
  std::optional<version> store(time_point now, owned_partition& in, const load& done,
                               const loaded& brought, outbox& out);
  void drop_old(time_point now, owned_partition& in, const load& done, outbox& out);
  void note_absent(time_point now, owned_partition& in, const load& done, const not_found& found,
                   outbox& out);
  void commit(time_point now, owned_partition& in, const load& done, outbox& out);
  void fail(time_point now, owned_partition& in, const load& done, const load_failure& failure,
            outbox& out);
  void release_overdue(time_point now, load& running, outbox& out);
  void pass_on(time_point now, const load& revoked, outbox& out);
  void serve_anew(time_point now, const load& done, const std::vector<reader>& asked, outbox& out);

  holdings& held_;
};

// --- implementation ---

inline bool reads::on_get(time_point now, const member_id& from, std::uint64_t rid,
                          partition_id partition, const wire::get& message, outbox& out) {
  owned_partition* in = held_.partition(partition);
  const std::uint64_t hash = stable_hash(message.key);
  if (in == nullptr || partition_of(hash) != partition) return ++held_.counters.violations, false;
  const bool withheld = message.near && held_.withholds_copies();
  if (withheld) ++held_.counters.copies_withheld;
  reader who{from, rid, message.near && !withheld, 0, message.depth, message.stale_max,
             message.known, now};
  switch (held_.admit(now, from, *in, message.epoch, message.cache, out)) {
    case admission::wrong_epoch: return refuse(*in, who, wire::get_status::wrong_epoch, out), true;
    case admission::retry: return refuse(*in, who, wire::get_status::retry, out), true;
    case admission::serve: break;
  }
  if (const auto why = behind(*in, message.cache, message.after))
    return refuse(*in, who, *why, out), true;
  // It may be a strong one.
  if (!held_.feeds.knows(message.cache)) {
    ++held_.counters.unknown_caches;
    return refuse(*in, who, wire::get_status::unknown_cache, out), true;
  }
  const key_view key{message.cache, hash, message.key};
  const bool strong = held_.strong(message.cache);
  if (strong && in->hidden.hides(message.cache)) {
    return refuse(*in, who, wire::get_status::retry, out), true;
  }
  if (strong) who.near = who.near && pays(now, key);
  // Before the read: what happens between the two must reach the reader.
  if (who.near && from != held_.self) who.sid = held_.audience.subscribe(now, from, in->slot);
  if (strong) return serve_strong(now, *in, who, key, out), true;
  if (only_asks(who)) {
    validate(now, *in, who, key, message.load, out);
  } else {
    serve(now, *in, who, key, message.load, out);
  }
  return true;
}

/// An epoch has what earlier ones passed on (B10). That a write is lost is said only when no other
/// copy of this epoch's beginning is left that might have it (B8).
inline std::optional<wire::get_status> reads::behind(const owned_partition& in, cache_id cache,
                                                     const version& after) {
  if (after == version{}) return std::nullopt;
  if (after.epoch < in.epoch) {
    if (in.inherited(after, held_.feeds.copies_of(cache).all())) return std::nullopt;
    if (!held_.feeds.row_in_sync(in.slot)) return wire::get_status::retry;
    return ++held_.counters.tokens_lost, wire::get_status::lost_write;
  }
  // Others know of that epoch already: this member will soon.
  if (after.epoch > in.epoch) return ++held_.counters.tokens_early, wire::get_status::retry;
  if (after.seq > in.seq) return wire::get_status::unknown_version;
  return std::nullopt;
}

inline bool reads::on_count(time_point now, const member_id& from, std::uint64_t rid,
                            partition_id partition, const wire::count& message, outbox& out) {
  owned_partition* in = held_.partition(partition);
  if (in == nullptr) return ++held_.counters.violations, false;
  wire::count_reply reply{wire::get_status::hit, in->epoch, 0};
  switch (held_.admit(now, from, *in, message.epoch, message.cache, out)) {
    case admission::wrong_epoch: reply.status = wire::get_status::wrong_epoch; break;
    case admission::retry: reply.status = wire::get_status::retry; break;
    case admission::serve:
      if (const entries* cache = held_.find_cache(message.cache)) {
        reply.entries = cache->size(in->slot);
      }
  }
  if (from == held_.self) {
    out.push_back(answer_count{rid, in->id, reply});
  } else {
    out.push_back(wire::send{from, wire::make_packet(reply, in->id, rid)});
  }
  return true;
}

inline void reads::serve(time_point now, owned_partition& in, const reader& who,
                         const key_view& key, bool load_absent, outbox& out) {
  entries* cache = held_.find_cache(key.cache);
  const auto found = cache != nullptr ? cache->find(now, key.hash, key.key) : entries::found{};
  ++(found ? held_.counters.hits : held_.counters.misses);
  if (found) return serve_value(now, in, who, key, found, load_absent, out);
  if (who.known) ++held_.counters.validations_absent;
  if (load_absent) return serve_absent(now, in, who, key, out);
  reply_absent(in, who, out);
}

/// A copy of the key is read often enough for what it costs its writes.
inline bool reads::pays(time_point now, const key_view& key) {
  if (held_.written.on_read(now, key.cache, key.hash)) return true;
  return ++held_.counters.leases_written_off, false;
}

/// What was there before a write that is hidden is answered, and not kept by anybody.
inline void reads::serve_strong(time_point now, owned_partition& in, reader who,
                                const key_view& key, outbox& out) {
  if (who.near && who.from != held_.self && !held_.audience.grant(now, who.from)) {
    ++held_.counters.leases_refused;
    who.near = false;
  }
  const hidden_key* hidden = held_.hidden.find(key.cache, key.key);
  if (hidden == nullptr) {
    if (only_asks(who)) return validate(now, in, who, key, false, out);
    return serve(now, in, who, key, false, out);
  }
  ++held_.counters.old_values_answered;
  wire::get_reply answer;
  answer.status = wire::get_status::absent;
  if (!hidden->before || now >= hidden->before->ends) return reply(in, who, answer, {}, out);
  answer.status = wire::get_status::hit;
  answer.version = hidden->before->version;
  reply(in, who, answer, hidden->before->value, out);
}

inline void reads::reply_absent(owned_partition& in, const reader& who, outbox& out) {
  wire::get_reply answer;
  answer.cacheable = true;
  answer.status = wire::get_status::absent;
  reply(in, who, answer, {}, out);
}

/// The reader has a value from before and asks whether it is still the entry's. What it installs
/// then is under the conditions of this answer, as any value is.
inline bool reads::has_already(const reader& who, const stored& entry) {
  if (!who.known) return false;
  const bool same =
      entry.version == who.known->version && stable_hash(entry.value) == who.known->hash;
  ++(same ? held_.counters.validations_unchanged : held_.counters.validations_changed);
  return same;
}

/// Without a trace at the entry: nobody reads it.
inline void reads::validate(time_point now, owned_partition& in, const reader& who,
                            const key_view& key, bool load_absent, outbox& out) {
  entries* cache = held_.find_cache(key.cache);
  const auto live = cache != nullptr ? cache->peek(now, key.hash, key.key) : entries::found{};
  if (!live) {
    ++held_.counters.validations_absent;
    if (load_absent) return serve_absent(now, in, who, key, out);
    return reply_absent(in, who, out);
  }
  serve_value(now, in, who, key, live, load_absent, out);
}

/// What is said of an entry beside its value.
inline wire::get_reply reads::answer_of(time_point now, const entries& cache,
                                        const entries::found& live) {
  wire::get_reply answer;
  answer.cacheable = true;
  answer.version = live->value().version;
  answer.tags = wire_tags(live->value().tags.get());
  answer.ttl_left = copy_left(now, cache, live);
  return answer;
}

inline void reads::serve_value(time_point now, owned_partition& in, const reader& who,
                               const key_view& key, const entries::found& live, bool may_load,
                               outbox& out) {
  const entries& cache = *held_.find_cache(key.cache);
  wire::get_reply answer = answer_of(now, cache, live);
  const bool same = has_already(who, live->value());
  if (same) answer.status = wire::get_status::not_modified;
  // Who only asks and has it already has nothing loaded.
  if (may_load && !(same && only_asks(who))) {
    const std::uint64_t early = cache.settings().life.early_refresh;
    const refresh_cause why = refresh_of(cache.life_of(live), now, early, held_.random);
    if (why != refresh_cause::none) answer.ticket = refresh(now, in, who, key, why, out);
  }
  reply(in, who, answer, same ? byte_view{} : live->value().value, out);
}

/// How long a copy of the entry may be read; absent: until it is told otherwise.
inline std::optional<duration> reads::copy_left(time_point now, const entries& cache,
                                                const entries::found& live) {
  const std::optional<duration> ends = cache.ttl_left(now, live);
  const time_point until = copy_until(cache.life_of(live), now, held_.options.failure_pause,
                                      cache.settings().life.early_refresh, held_.random);
  if (until >= never) return ends;
  return std::min(ends.value_or(until - now), until - now);
}

/// `answer.cacheable` says that the value may be kept; the reader must also be told of its changes.
inline void reads::reply(owned_partition& in, const reader& who, wire::get_reply answer,
                         byte_view value, outbox& out, const std::exception_ptr& thrown) {
  answer.epoch = in.epoch;
  answer.as_of = in.seq;
  if (who.near && who.from != held_.self) {
    const auto standing = held_.audience.bring_up_to_date(who.from, in.slot, who.sid, out);
    answer.n_last = standing.n_last;
    answer.cacheable = answer.cacheable && standing.listens;
  } else {
    // This process hears of each change at once (own_mutation).
    answer.cacheable = answer.cacheable && who.near;
  }
  if (who.from == held_.self) {
    out.push_back(answer_get{who.rid, in.id, answer, to_bytes(value), thrown});
    return;
  }
  answer.value = value;
  out.push_back(wire::send{who.from, wire::make_packet(answer, in.id, who.rid)});
}

/// Says no more than the epoch: it may come from one who owns nothing.
inline void reads::refuse(const owned_partition& in, const reader& who, wire::get_status why,
                          outbox& out) {
  wire::get_reply answer;
  answer.status = why;
  answer.epoch = in.epoch;
  if (who.from == held_.self) {
    out.push_back(answer_get{who.rid, in.id, answer, {}, nullptr});
  } else {
    out.push_back(wire::send{who.from, wire::make_packet(answer, in.id, who.rid)});
  }
}

}  // namespace kith::replica

#include <kith/replica/read_loads.hpp>
