// The loads of an owner (reads.hpp): who waits for one, what becomes of its result, and what is
// answered meanwhile.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/effect.hpp>
#include <kith/replica/holdings.hpp>
#include <kith/replica/lifetime.hpp>
#include <kith/replica/load.hpp>
#include <kith/replica/reads.hpp>
#include <kith/replica/tags.hpp>
#include <kith/store/timer_wheel.hpp>
#include <kith/wire/data_messages.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace kith::replica {

/// A read that may load finds no entry.
inline void reads::serve_absent(time_point now, owned_partition& in, const reader& who,
                                const key_view& key, outbox& out) {
  entries* cache = held_.find_cache(key.cache);
  if (cache == nullptr) return join_load(now, in, who, key, out);
  if (cache->known_absent(now, key.hash, key.key)) {
    ++held_.counters.absences_answered;
    wire::get_reply answer;
    answer.status = wire::get_status::absent;
    answer.cacheable = true;
    return reply(in, who, answer, {}, out);
  }
  if (const entries::found old = stale_for(now, who, key)) {
    const lifetime life = cache->life_of(old);
    const bool quiet = now < life.quiet_until;
    if (now - life.ends < cache->settings().life.stale_while_revalidate ||
        (quiet && stale_after_failure(now, who, key))) {
      const std::uint64_t ticket = quiet ? 0 : refresh(now, in, who, key, refresh_cause::due, out);
      ++held_.counters.stale_answered;
      return reply_stale(in, who, old, ticket, out);
    }
  }
  join_load(now, in, who, key, out);
}

/// The value beyond its end that the reader would take.
inline entries::found reads::stale_for(time_point now, const reader& who, const key_view& key) {
  entries* cache = held_.find_cache(key.cache);
  if (cache == nullptr) return {};
  const entries::found old = cache->find_stale(now, key.hash, key.key);
  const bool taken = old && (!who.stale_max || now - cache->life_of(old).ends <= *who.stale_max);
  return taken ? old : entries::found{};
}

/// The same where loading it anew has failed.
inline entries::found reads::stale_after_failure(time_point now, const reader& who,
                                                 const key_view& key) {
  const entries::found old = stale_for(now, who, key);
  if (!old) return {};
  const entries& cache = *held_.find_cache(key.cache);
  const bool allowed = now - cache.life_of(old).ends < cache.settings().life.stale_if_error;
  return allowed ? old : entries::found{};
}

/// Nobody keeps it: the next read is to find what the load has brought meanwhile.
inline void reads::reply_stale(owned_partition& in, const reader& who, const entries::found& stale,
                               std::uint64_t ticket, outbox& out) {
  wire::get_reply answer;
  answer.version = stale->value().version;
  answer.ticket = ticket;
  reply(in, who, answer, stale->value().value, out);
}

/// With what there is of the key, whether its time is over or not. False: there is nothing.
inline bool reads::reply_at_hand(time_point now, owned_partition& in, const reader& who,
                                 const key_view& key, outbox& out) {
  entries* cache = held_.find_cache(key.cache);
  if (cache == nullptr) return false;
  if (const auto live = cache->peek(now, key.hash, key.key)) {
    serve_value(now, in, who, key, live, false, out);
    return true;
  }
  const entries::found old = stale_for(now, who, key);
  if (old) reply_stale(in, who, old, 0, out);
  return bool{old};
}

// Beginning.

inline void reads::join_load(time_point now, owned_partition& in, const reader& who,
                             const key_view& key, outbox& out) {
  if (serve_owed(now, in, who, key, out)) return;
  load* running = held_.loads.find(key.cache, key.key);
  const bool full = running != nullptr ? running->waiters.size() >= held_.options.load_waiters
                                       : held_.loads.size() >= held_.options.loads;
  if (full) {
    ++held_.counters.overloaded;
    return refuse(in, who, wire::get_status::overloaded, out);
  }
  if (running != nullptr) {
    ++held_.counters.loads_joined;
    return wait(now, *running, who);
  }
  load& begun = start_load(now, in, who, key, out);
  if (!begun.ticket) return wait(now, begun, who);
  wire::get_reply answer;
  answer.status = wire::get_status::ticket;
  answer.ticket = begun.number;
  reply(in, who, answer, {}, out);
}

inline void reads::wait(time_point now, load& running, const reader& who) {
  load_waiter waiter{who, running.outrun};
  if (const entries* cache = held_.find_cache(running.at.cache)) {
    const lifetime_settings& life = cache->settings().life;
    if (stale_for(now, who, view_of(running.at))) {
      waiter.soft = expiry_after(who.asked, life.soft_timeout);
    }
    waiter.hard = expiry_after(who.asked, life.hard_timeout);
    waiter.tags_count = cache->tags_count();
  }
  running.waiters.push_back(waiter);
  wake_by(running, std::min(waiter.soft, waiter.hard));
}

inline void reads::wake_by(load& running, time_point when) {
  if (when >= running.wakes) return;
  running.wakes = when;
  held_.loads.set_deadline(running.number, when);
}

inline load& reads::start_load(time_point now, owned_partition& in, const reader& who,
                               const key_view& key, outbox& out) {
  entries* cache = held_.find_cache(key.cache);
  load begun;
  begun.at = {in.id, key.cache, key.hash, to_bytes(key.key)};
  begun.number = held_.next_number();
  begun.fence = in.newest();
  begun.began = now;
  begun.doubted = held_.uncertain.contains(now, key.cache, key.key);
  begun.ticket = cache == nullptr || !cache->settings().has_loader;
  duration patience = begun.ticket ? held_.options.ticket_time : held_.options.load_time;
  if (cache != nullptr) {
    begun.tags_count = cache->tags_count();
    auto old = cache->peek(now, key.hash, key.key);
    if (!old) old = cache->find_stale(now, key.hash, key.key);
    if (old) begun.base = old->value().version;
    if (old && old->value().tags) begun.tags = old->value().tags->tags;
    patience = std::max(patience, cache->settings().life.hard_timeout.value_or(patience));
  }
  begun.abandoned = begun.wakes = expiry_after(now, patience);
  ++held_.counters.loads_started;
  held_.events.record({now, key_event::load_begun, key.cache, in.id, key.hash, begun.fence});
  if (begun.ticket) {
    ++held_.counters.tickets_given;
    begun.holder = who.from;
  } else {
    out.push_back(run_load{{in.id, begun.number}, key.cache, begun.at.key, begun.fence, who.depth});
  }
  const std::uint64_t number = begun.number;
  const time_point wakes = begun.wakes;
  return held_.loads.start(number, wakes, std::move(begun));
}

/// Loads the key anew while the old value is answered, if nobody does. Returns the ticket that goes
/// with that answer; 0: the reader has nothing to do.
inline std::uint64_t reads::refresh(time_point now, owned_partition& in, const reader& who,
                                    const key_view& key, refresh_cause why, outbox& out) {
  if (held_.loads.find(key.cache, key.key) != nullptr) return 0;
  // The row is older than the entry.
  if (held_.owed.find(key.cache, key.key) != nullptr) return 0;
  if (held_.loads.size() >= held_.options.loads) return ++held_.counters.refreshes_skipped, 0;
  ++(why == refresh_cause::early ? held_.counters.refreshes_early : held_.counters.refreshes);
  reader nobody = who;
  nobody.depth = 0;
  load& begun = start_load(now, in, nobody, key, out);
  begun.refresh = true;
  return begun.ticket ? begun.number : 0;
}

// Results.

inline void reads::on_load_done(time_point now, const load_ticket& ticket, load_result result,
                                outbox& out) {
  const load* running = held_.loads.find(ticket.number);
  if (running == nullptr || running->ticket) {
    ++held_.counters.loads_orphaned;
    return;
  }
  finish(now, *held_.loads.take(ticket.number), std::move(result), out);
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
  if (const auto* failure = std::get_if<load_failure>(&result)) {
    return fail(now, in, done, *failure, out), std::nullopt;
  }
  done.tag_ended = tag_ended(done, result);
  for (load_waiter& waiter : done.waiters) {
    waiter.late |= done.tag_ended && waiter.tags_count != done.tags_count;
  }
  wire::get_reply answer;
  answer.loaded = true;
  byte_view value;
  std::optional<version> taken;
  if (const auto* brought = std::get_if<loaded>(&result)) {
    taken = store(now, in, done, *brought, out);
    entries* cache = held_.find_cache(done.at.cache);
    const auto stored =
        cache != nullptr ? cache->peek(now, done.at.hash, done.at.key) : entries::found{};
    // What was evicted at once has no end and no tags here that a copy could know.
    answer.cacheable = taken && stored;
    answer.version = taken.value_or(done.fence);
    value = brought->value;
    if (answer.cacheable) {
      answer.ttl_left = copy_left(now, *cache, stored);
      answer.tags = wire_tags(stored->value().tags.get());
    }
  } else {
    answer.status = wire::get_status::absent;
    answer.cacheable = !done.outrun && !done.tag_ended && !done.doubted;
    answer.version = done.fence;
    note_absent(now, in, done, std::get<not_found>(result), out);
  }
  std::vector<reader> late;
  for (const load_waiter& waiter : done.waiters) {
    if (waiter.late) {
      ++held_.counters.late_waiters;
      late.push_back(waiter.who);
    } else {
      reply(in, waiter.who, answer, value, out);
    }
  }
  serve_anew(now, done, late, out);
  return taken;
}

/// An absence has no tags: it may be what the tag is about.
inline bool reads::tag_ended(const load& done, const load_result& result) const {
  const entries* cache = held_.find_cache(done.at.cache);
  if (cache == nullptr) return false;
  const auto* brought = std::get_if<loaded>(&result);
  if (brought == nullptr) return cache->tags_count() != done.tags_count;
  return cache->tag_ended_since(done.tags, done.tags_count) ||
         cache->tag_ended_since(hashes_of(brought->tags), done.tags_count);
}

/// What was there may be replaced only if it is what the load was to replace.
inline bool reads::overwritten(time_point now, const load& done) {
  entries* cache = held_.find_cache(done.at.cache);
  const auto present =
      cache != nullptr ? cache->peek(now, done.at.hash, done.at.key) : entries::found{};
  return done.outrun || (present && present->value().version != done.base);
}

inline std::optional<version> reads::store(time_point now, owned_partition& in, const load& done,
                                           const loaded& brought, outbox& out) {
  entries* cache = held_.use_cache(done.at.cache);
  if (cache == nullptr || in.seq >= sequence_max) return std::nullopt;
  if (done.tag_ended || done.doubted || overwritten(now, done)) {
    ++(done.doubted ? held_.counters.loads_doubted : held_.counters.loads_outrun);
    return std::nullopt;
  }
  if (brought.ttl && *brought.ttl <= duration::zero()) {
    ++held_.counters.loads_uncached;
    drop_old(now, in, done, out);
    return std::nullopt;
  }
  if (held_.refuses_bytes()) {
    ++held_.counters.loads_without_memory;
    return std::nullopt;
  }
  const version taken = in.next();
  const time_point ends =
      brought.ttl ? expiry_after(now, brought.ttl) : cache->default_end(now, done.at.hash, taken);
  if (brought.value.size() > wire::limits::value_bytes ||
      !cache->put(now, done.at.hash, done.at.key, {brought.value, taken}, ends,
                  brought.tags.empty() ? done.tags : hashes_of(brought.tags), now - done.began)) {
    return std::nullopt;
  }
  // One that was evicted at once was told of as such.
  if (cache->peek(now, done.at.hash, done.at.key)) {
    cache->note(entry_change::loaded, done.at.hash, done.at.key, taken, &brought.value);
  }
  commit(now, in, done, out);
  ++held_.counters.loads_stored;
  return taken;
}

inline void reads::commit(time_point now, owned_partition& in, const load& done, outbox& out) {
  if (busy_key* running = held_.busy.find(done.at.cache, done.at.key)) running->outrun = true;
  held_.commit(now, in, view_of(done.at), out);
}

/// The load found that the old value is none any more: that is a mutation.
inline void reads::drop_old(time_point now, owned_partition& in, const load& done, outbox& out) {
  entries* cache = held_.find_cache(done.at.cache);
  if (cache == nullptr || in.seq >= sequence_max) return;
  const bool live{cache->peek(now, done.at.hash, done.at.key)};
  if (!cache->forget(now, done.at.hash, done.at.key)) return;
  if (live) cache->note(entry_change::erased, done.at.hash, done.at.key, in.next());
  commit(now, in, done, out);
}

inline void reads::note_absent(time_point now, owned_partition& in, const load& done,
                               const not_found& found, outbox& out) {
  ++held_.counters.loads_absent;
  entries* cache = held_.find_cache(done.at.cache);
  if (cache == nullptr || done.doubted || overwritten(now, done)) return;
  drop_old(now, in, done, out);
  if (done.tag_ended) return;
  const auto ttl = found.ttl ? found.ttl : cache->settings().life.negative_ttl;
  if (!ttl || *ttl <= duration::zero()) return;
  cache->note_absent(now, done.at.hash, done.at.key, expiry_after(now, ttl));
}

inline void reads::fail(time_point now, owned_partition& in, const load& done,
                        const load_failure& failure, outbox& out) {
  ++held_.counters.loads_failed;
  if (done.refresh) ++held_.counters.refreshes_failed;
  entries* cache = held_.find_cache(done.at.cache);
  if (cache != nullptr && !done.outrun) {
    cache->quiet(now, done.at.hash, done.at.key, now + held_.options.failure_pause);
  }
  std::vector<reader> late;
  for (const load_waiter& waiter : done.waiters) {
    if (waiter.late) {
      ++held_.counters.late_waiters;
      late.push_back(waiter.who);
    } else if (const auto old = stale_after_failure(now, waiter.who, view_of(done.at))) {
      ++held_.counters.stale_after_failure;
      reply_stale(in, waiter.who, old, 0, out);
    } else {
      reply_failure(in, waiter.who, failure, out);
    }
  }
  serve_anew(now, done, late, out);
}

inline void reads::reply_failure(owned_partition& in, const reader& who,
                                 const load_failure& failure, outbox& out) {
  const std::string text = printable(failure.text);
  wire::get_reply answer;
  answer.status = wire::get_status::load_failed;
  answer.version = in.newest();
  reply(in, who, answer, as_bytes(text), out, failure.thrown);
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

// What ends otherwise.

/// Some have waited long enough. The load goes on, and is stored by the same rule as any other.
/// Costs a look at each of its readers.
inline void reads::release_overdue(time_point now, load& running, outbox& out) {
  owned_partition& in = *held_.partition(running.at.partition);
  const bool serves = held_.serves(now, in, running.at.cache);
  const auto release = [&](load_waiter& waiter) {
    if (now < std::min(waiter.soft, waiter.hard)) return false;
    const bool gives_up = now >= waiter.hard;
    waiter.soft = never;
    if (!serves) {
      ++held_.counters.not_fresh;
      refuse(in, waiter.who, wire::get_status::retry, out);
    } else if (reply_at_hand(now, in, waiter.who, view_of(running.at), out)) {
      ++held_.counters.stale_after_soft_timeout;
    } else if (gives_up) {
      reply_failure(in, waiter.who, load_failure{"the loader did not answer in time"}, out);
    } else {
      return false;
    }
    if (gives_up) ++held_.counters.hard_timeouts;
    return true;
  };
  std::vector<load_waiter> left;
  running.wakes = running.abandoned;
  for (load_waiter& waiter : running.waiters) {
    if (release(waiter)) continue;
    running.wakes = std::min({running.wakes, waiter.soft, waiter.hard});
    left.push_back(waiter);
  }
  running.waiters = std::move(left);
  held_.loads.set_deadline(running.number, running.wakes);
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

/// A turn is bounded: it begins no other load when those that it has ended, or looked through, had
/// so many readers. What else is due leaves the next deadline in the past.
inline void reads::on_timeout(time_point now, outbox& out) {
  std::size_t work = 0;
  while (work < store::turn_limit) {
    load* due = held_.loads.find_due(now);
    if (due == nullptr) return;
    work += 1 + due->waiters.size();
    if (now < due->abandoned) {
      release_overdue(now, *due, out);
      continue;
    }
    load over = *held_.loads.take(due->number);
    if (over.ticket) {
      ++held_.counters.tickets_revoked;
      pass_on(now, over, out);
    } else {
      ++held_.counters.loads_timed_out;
      finish(now, std::move(over), load_failure{"the loader did not answer in time"}, out);
    }
  }
}

}  // namespace kith::replica

#include <kith/replica/read_owed.hpp>
