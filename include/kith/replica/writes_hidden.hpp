// The part of writes.hpp about writes of strong caches: they are hidden when they are applied, and
// shown and answered when all that they wait for has come (hidden_writes.hpp).
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/hidden_writes.hpp>
#include <kith/replica/writes.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

namespace kith::replica {

/// True: another write of the key is under way, and this one waits for it, or was refused.
inline bool writes::queue_behind(owned_partition& in, const caller& who, std::uint64_t hash,
                                 const wire::mutate& message, outbox& out) {
  queue* line = nullptr;
  if (busy_key* running = held_.busy.find(message.cache, message.key)) line = &running->queue;
  if (hidden_key* hidden = held_.hidden.find(message.cache, message.key)) line = &hidden->queue;
  if (line == nullptr) return false;
  const std::size_t size = message.key.size() + message.value.size();
  if (line->size() >= held_.options.pending_writes ||
      held_.pending_write_bytes + size > held_.options.pending_write_bytes) {
    ++held_.counters.overloaded;
    return retract(in, who, wire::mutate_status::overloaded, out), true;
  }
  ++held_.counters.writes_queued;
  line->emplace_back(who.from, hash, message);
  line->back().charge = {held_.pending_write_bytes, size};
  return true;
}

inline std::optional<value_before> writes::before(time_point now, const key_view& key) const {
  entries* cache = held_.find_cache(key.cache);
  const auto seen = cache != nullptr ? cache->peek(now, key.hash, key.key) : entries::found{};
  if (!seen) return std::nullopt;
  return value_before{seen->value().version, seen->value().value, cache->life_of(seen).ends};
}

/// Of a strong cache what the key has is remembered; it costs a copy of the value.
inline auto writes::begin_write(time_point now, const owned_partition& in,
                                const key_view& key) const -> begun_write {
  if (!held_.strong(key.cache)) return {key, std::nullopt, in.seq};
  return {key, before(now, key), in.seq};
}

/// What became of it is answered, and seen; or it is hidden, with those that wait for it.
inline void writes::end_write(time_point now, owned_partition& in, const caller& who,
                              begun_write of, mutation_answer answer, queue waiting, outbox& out) {
  if (held_.strong(of.key.cache) && in.seq != of.seq) {
    hidden_key* hidden = hide_key(now, in, who, of.key, std::move(of.had), std::move(answer), out);
    if (hidden != nullptr) {
      hidden->queue = std::move(waiting);
      return;
    }
  } else {
    settle(now, in, who, std::move(answer), out);
  }
  drain(now, in, std::move(waiting), out);
}

/// The newest mutation of the partition, with what its answer has to wait for.
inline hidden_write writes::hidden_by(time_point now, owned_partition& in, const caller& who,
                                      const mutation_answer& answer) {
  hidden_write made;
  const auto window = in.windows.find(who.from);
  const std::uint64_t floor = window == in.windows.end() ? 0 : window->second.floor();
  made.copies = held_.feeds.attach(now, in.slot, {who.from, who.operation, floor, answer});
  made.place = held_.audience.told(in.slot);
  made.since = now;
  made.from = who.from;
  made.operation = who.operation;
  return made;
}

inline bool writes::done(time_point now, const owned_partition& in, const hidden_write& write) {
  const bool copied =
      !write.copies || held_.feeds.confirmed(in.slot, write.copies->change, write.copies->sync);
  const time_point heard = held_.audience.heard_at(now, in.slot, write.place);
  if (copied && heard <= now && now < held_.fence) return true;
  // Copies and listeners say when they have it; leases lapse by themselves, if they are not
  // renewed, and fences come anew.
  if (heard > now) {
    const time_point patience = write.since + held_.options.lease_patience;
    if (now >= patience) held_.audience.judge(now, write.since, in.slot, write.place);
    next_ = std::min(next_, now < patience ? std::min(heard, patience) : heard);
  } else if (copied) {
    next_ = std::min(next_, now + held_.options.fence_retry);
  }
  return false;
}

inline hidden_key* writes::hide_key(time_point now, owned_partition& in, const caller& who,
                                    const key_view& key, std::optional<value_before> had,
                                    mutation_answer answer, outbox& out) {
  held_.written.on_write(now, key.cache, key.hash, held_.audience.listening_now(in.slot));
  hidden_write made = hidden_by(now, in, who, answer);
  if (in.hidden.writes.empty() && done(now, in, made)) {
    tell(in, who, std::move(answer), out);
    return nullptr;
  }
  ++held_.counters.writes_hidden;
  made.number = held_.next_number();
  made.answer = std::move(answer);
  const std::size_t size = key.key.size() + (had ? had->value.size() : 0);
  hidden_key& hidden =
      held_.hidden.start(made.number, never,
                         {{in.id, key.cache, key.hash, to_bytes(key.key)}, std::move(had), {}, {}});
  hidden.charge = {held_.pending_write_bytes, size};
  in.hidden.writes.push_back(std::move(made));
  return &hidden;
}

inline void writes::hide_cache(time_point now, owned_partition& in, const caller& who,
                               cache_id cache, mutation_answer answer, outbox& out) {
  hidden_write made = hidden_by(now, in, who, answer);
  if (in.hidden.writes.empty() && done(now, in, made)) {
    return tell(in, who, std::move(answer), out);
  }
  ++held_.counters.writes_hidden;
  made.cache = cache;
  made.answer = std::move(answer);
  ++in.hidden.caches[cache];
  in.hidden.writes.push_back(std::move(made));
}

/// In the order of the writes: who has applied one has applied those before it.
inline void writes::show(time_point now, owned_partition& in, outbox& out) {
  while (!in.hidden.writes.empty() && done(now, in, in.hidden.writes.front())) {
    hidden_write shown = std::move(in.hidden.writes.front());
    in.hidden.writes.pop_front();
    held_.audience.judge(now, shown.since, in.slot, shown.place);
    ++held_.counters.answers_confirmed;
    tell(in, {shown.from, shown.operation}, std::move(shown.answer), out);
    if (shown.number == 0) {
      in.hidden.unhide(shown.cache);
    } else if (std::optional<hidden_key> key = held_.hidden.take(shown.number)) {
      drain(now, in, std::move(key->queue), out);
    }
  }
}

/// What was hidden is where the row says, and so is whoever waits for it.
inline void writes::drop_hidden(owned_partition& ended, outbox& out) {
  for (const hidden_key& dropped :
       held_.hidden.take_if([&](const hidden_key& h) { return h.at.partition == ended.id; })) {
    for (const pending_write& waiting : dropped.queue) {
      retract(ended, {waiting.from, waiting.message.operation}, wire::mutate_status::wrong_epoch,
              out);
    }
  }
  ended.hidden.writes.clear();
  ended.hidden.caches.clear();
}

}  // namespace kith::replica
