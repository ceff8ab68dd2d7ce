// How an owner answers gets: from its store, or with the result of one load that all who ask for an
// absent key share (load.hpp).
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
  void serve(time_point now, owned_partition& in, const reader& who, const key_view& key,
             bool load_absent, outbox& out);
  void join_load(time_point now, owned_partition& in, const reader& who, const key_view& key,
                 outbox& out);
  void start_load(time_point now, owned_partition& in, const reader& who, const key_view& key,
                  outbox& out);
  std::optional<version> store(time_point now, owned_partition& in, const load& done,
                               const load_result& result, outbox& out);
  void pass_on(time_point now, const load& revoked, outbox& out);
  void serve_anew(time_point now, const load& done, const std::vector<reader>& asked, outbox& out);
  void reply(owned_partition& in, const reader& who, wire::get_reply reply, byte_view value,
             outbox& out, const std::exception_ptr& thrown = nullptr);
  void refuse(const owned_partition& in, const reader& who, wire::get_status why, outbox& out);

  holdings& held_;
};

// --- implementation ---

inline bool reads::on_get(time_point now, const member_id& from, std::uint64_t rid,
                          partition_id partition, const wire::get& message, outbox& out) {
  owned_partition* in = held_.partition(partition);
  const std::uint64_t hash = stable_hash(message.key);
  if (in == nullptr || partition_of(hash) != partition) return ++held_.counters.violations, false;
  reader who{from, rid, message.near, 0, message.depth};
  switch (held_.admit(now, from, *in, message.epoch, message.cache, out)) {
    case admission::wrong_epoch: return refuse(*in, who, wire::get_status::wrong_epoch, out), true;
    case admission::retry: return refuse(*in, who, wire::get_status::retry, out), true;
    case admission::serve: break;
  }
  // Before the read: what happens between the two must reach the reader.
  if (who.near) who.sid = held_.audience.subscribe(now, from, in->slot);
  serve(now, *in, who, {message.cache, hash, message.key}, message.load, out);
  return true;
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
  if (!found && load_absent) return join_load(now, in, who, key, out);
  wire::get_reply answer;
  answer.cacheable = true;
  if (!found) {
    answer.status = wire::get_status::absent;
    return reply(in, who, answer, {}, out);
  }
  answer.version = found->value().version;
  answer.tags = wire_tags(found->value().tags.get());
  if (found->expires() < never) answer.ttl_left = found->expires() - now;
  reply(in, who, answer, found->value().value, out);
}

/// `answer.cacheable` says that the value may be kept; the reader must also be told of its changes.
inline void reads::reply(owned_partition& in, const reader& who, wire::get_reply answer,
                         byte_view value, outbox& out, const std::exception_ptr& thrown) {
  answer.epoch = in.epoch;
  answer.as_of = in.seq;
  if (who.near) {
    const auto standing = held_.audience.bring_up_to_date(who.from, in.slot, who.sid, out);
    answer.n_last = standing.n_last;
    answer.cacheable = answer.cacheable && standing.listens;
  } else {
    answer.cacheable = false;
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

// Loads.

inline void reads::join_load(time_point now, owned_partition& in, const reader& who,
                             const key_view& key, outbox& out) {
  load* running = held_.loads.find(key.cache, key.key);
  const bool full = running != nullptr ? running->waiters.size() >= held_.options.load_waiters
                                       : held_.loads.size() >= held_.options.loads;
  if (full) {
    ++held_.counters.overloaded;
    return refuse(in, who, wire::get_status::overloaded, out);
  }
  if (running == nullptr) return start_load(now, in, who, key, out);
  ++held_.counters.loads_joined;
  running->waiters.push_back({who, running->outrun});
}

inline void reads::start_load(time_point now, owned_partition& in, const reader& who,
                              const key_view& key, outbox& out) {
  const entries* cache = held_.find_cache(key.cache);
  load begun;
  begun.at = {in.id, key.cache, key.hash, to_bytes(key.key)};
  begun.number = held_.next_number();
  begun.fence = in.newest();
  begun.ticket = cache == nullptr || !cache->settings().has_loader;
  ++held_.counters.loads_started;
  held_.events.record({now, key_event::load_begun, key.cache, in.id, key.hash, begun.fence});
  if (!begun.ticket) {
    begun.waiters.push_back({who, false});
    out.push_back(run_load{{in.id, begun.number}, key.cache, begun.at.key, begun.fence,
                           who.depth});
    const time_point deadline = now + held_.options.load_time;
    held_.loads.start(begun.number, deadline, std::move(begun));
    return;
  }
  begun.holder = who.from;
  wire::get_reply answer;
  answer.status = wire::get_status::ticket;
  answer.ticket = begun.number;
  ++held_.counters.tickets_given;
  held_.loads.start(begun.number, now + held_.options.ticket_time, std::move(begun));
  reply(in, who, answer, {}, out);
}

inline void reads::on_load_done(time_point now, const load_ticket& ticket, load_result result,
                                outbox& out) {
  const load* running = held_.loads.find(ticket.number);
  if (running == nullptr || running->ticket) {
    ++held_.counters.loads_orphaned;
    return;
  }
  finish(now, *held_.loads.take(ticket.number), std::move(result), out);
}

inline std::optional<version> reads::store(time_point now, owned_partition& in, const load& done,
                                           const load_result& result, outbox& out) {
  const auto* brought = std::get_if<loaded>(&result);
  if (brought == nullptr || in.seq >= sequence_max) return std::nullopt;
  entries* cache = held_.use_cache(done.at.cache);
  if (cache == nullptr) return std::nullopt;
  if (done.outrun || cache->peek(now, done.at.hash, done.at.key)) {
    ++held_.counters.loads_outrun;
    return std::nullopt;
  }
  const version taken = in.next();
  const auto ttl = brought->ttl ? brought->ttl : cache->settings().ttl;
  if (brought->value.size() > wire::limits::value_bytes ||
      !cache->put(now, done.at.hash, done.at.key, {brought->value, taken},
                  expiry_after(now, ttl))) {
    return std::nullopt;
  }
  if (busy_key* running = held_.busy.find(done.at.cache, done.at.key)) running->outrun = true;
  held_.commit(now, in, view_of(done.at), out);
  ++held_.counters.loads_stored;
  return taken;
}

inline std::optional<version> reads::finish(time_point now, load done, load_result result,
                                            outbox& out) {
  owned_partition& in = *held_.partition(done.at.partition);
  held_.events.record({now, key_event::load_ended, done.at.cache, in.id, done.at.hash, done.fence});
  if (!held_.serves(now, in, done.at.cache)) {
    ++held_.counters.not_fresh;
    for (const load_waiter& waiter : done.waiters) {
      refuse(in, waiter.who, wire::get_status::retry, out);
    }
    return std::nullopt;
  }
  const std::optional<version> taken = store(now, in, done, result, out);
  wire::get_reply answer;
  byte_view value;
  std::string text;
  std::exception_ptr thrown;
  answer.version = taken.value_or(done.fence);
  if (const auto* brought = std::get_if<loaded>(&result)) {
    answer.loaded = true;
    answer.cacheable = taken.has_value();
    const entries* cache = held_.find_cache(done.at.cache);
    const time_point expires =
        expiry_after(now, brought->ttl || cache == nullptr ? brought->ttl : cache->settings().ttl);
    if (expires < never) answer.ttl_left = expires - now;
    value = brought->value;
  } else if (const auto* failure = std::get_if<load_failure>(&result)) {
    ++held_.counters.loads_failed;
    answer.status = wire::get_status::load_failed;
    text = printable(failure->text);
    value = as_bytes(text);
    thrown = failure->thrown;
  } else {
    ++held_.counters.loads_absent;
    answer.status = wire::get_status::absent;
    answer.loaded = true;
    answer.cacheable = !done.outrun;
  }
  std::vector<reader> late;
  for (const load_waiter& waiter : done.waiters) {
    if (waiter.late) {
      ++held_.counters.late_waiters;
      late.push_back(waiter.who);
    } else {
      reply(in, waiter.who, answer, value, out, thrown);
    }
  }
  serve_anew(now, done, late, out);
  return taken;
}

inline void reads::serve_anew(time_point now, const load& done, const std::vector<reader>& asked,
                              outbox& out) {
  owned_partition& in = *held_.partition(done.at.partition);
  for (const reader& who : asked) {
    if (held_.serves(now, in, done.at.cache)) {
      serve(now, in, who, view_of(done.at), true, out);
    } else {
      ++held_.counters.not_fresh;
      refuse(in, who, wire::get_status::retry, out);
    }
  }
}

/// Nobody runs the load any more: the next one who waits gets the ticket.
inline void reads::pass_on(time_point now, const load& revoked, outbox& out) {
  std::vector<reader> asked;
  for (const load_waiter& waiter : revoked.waiters) asked.push_back(waiter.who);
  serve_anew(now, revoked, asked, out);
}

// Without it, callers that gave up long ago would get the ticket one after the other, each for as
// long as a ticket lasts.
inline void reads::on_return_ticket(time_point now, const member_id& from,
                                    const wire::return_ticket& message, outbox& out) {
  const load* given = held_.loads.find(message.ticket);
  if (given == nullptr || !given->ticket || given->holder != from) {
    ++held_.counters.loads_orphaned;
    return;
  }
  ++held_.counters.tickets_returned;
  pass_on(now, *held_.loads.take(message.ticket), out);
}

inline void reads::on_epoch_end(const owned_partition& ended, outbox& out) {
  for (const load& dropped :
       held_.loads.take_if([&](const load& l) { return l.at.partition == ended.id; })) {
    for (const load_waiter& waiter : dropped.waiters) {
      refuse(ended, waiter.who, wire::get_status::wrong_epoch, out);
    }
  }
}

/// The other calls of the peer that waited are made again: a ticket for one of them would be lost
/// with the connection too.
inline void reads::on_session(time_point now, const member_id& peer, outbox& out) {
  for (load& revoked :
       held_.loads.take_if([&](const load& l) { return l.ticket && l.holder == peer; })) {
    std::erase_if(revoked.waiters, [&](const load_waiter& w) { return w.who.from == peer; });
    ++held_.counters.tickets_revoked;
    pass_on(now, revoked, out);
  }
}

inline void reads::on_members(time_point now, outbox& out) {
  held_.loads.for_each([&](load& l) {
    std::erase_if(l.waiters, [&](const load_waiter& w) { return held_.stranger(w.who.from); });
  });
  for (const load& revoked :
       held_.loads.take_if([&](const load& l) { return l.ticket && held_.stranger(l.holder); })) {
    ++held_.counters.tickets_revoked;
    pass_on(now, revoked, out);
  }
}

inline void reads::on_timeout(time_point now, outbox& out) {
  while (std::optional<load> due = held_.loads.take_due(now)) {
    if (due->ticket) {
      ++held_.counters.tickets_revoked;
      pass_on(now, *due, out);
    } else {
      ++held_.counters.loads_timed_out;
      finish(now, std::move(*due), load_failure{"the loader did not answer in time"}, out);
    }
  }
}

}  // namespace kith::replica
