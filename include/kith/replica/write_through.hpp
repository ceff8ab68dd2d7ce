// Writes of a cache with a store, another part of writes.hpp. Behind: the entry is changed at once,
// and the store is owed the change (write_behind.hpp). Through: the store is written before the
// entry is changed, and the key is busy meanwhile. Reads see the old value.
//
//   the store has it        the write is applied and answered
//   it refused              nothing is applied
//   anything else, no word  the outcome is uncertain: the entry goes, so that the store is asked;
//                           for a while what it says is not kept, as it may be from before
//
// A clear, the end of a tag or the result of a load under it does not matter: it changes what the
// cache holds and not the row, so the write was right when it was judged, and its value is the row.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/effect.hpp>
#include <kith/replica/holdings.hpp>
#include <kith/replica/mutations.hpp>
#include <kith/replica/processor.hpp>
#include <kith/replica/store_write.hpp>
#include <kith/replica/writes.hpp>
#include <kith/wire/data_messages.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

namespace kith::replica {

/// A touch changes no value, and what is invalidated is old because of the row.
inline bool writes::stores(const wire::mutate& message) const {
  return message.kind != wire::mutation::touch && message.kind != wire::mutation::invalidate &&
         held_.feeds.copies_of(message.cache).store != store_kind::none;
}

/// What the store is to be given; the answer, where the write can be answered without it.
inline std::variant<store_write, mutation_answer> writes::plan(time_point now,
                                                               const pending_write& write) {
  const wire::mutate& message = write.message;
  const auto old = held_.use_cache(message.cache)->peek(now, write.hash, message.key);
  if (!holds(message, old)) return refused_by(old).answer;
  switch (message.kind) {
    case wire::mutation::erase:
    case wire::mutation::erase_if_version: return store_write{};
    case wire::mutation::add: {
      std::optional<bytes> sum = sum_of(message, old);
      if (!sum) return mutation_answer{wire::mutate_status::wrong_type, {}, bool{old}, {}};
      return store_write{*sum, rule_of_update(message.rule), tag_rule::keep, *sum};
    }
    default: return store_write{to_bytes(message.value), message.rule};
  }
}

/// True: the key is busy, and `waiting` was taken.
inline bool writes::write_store(time_point now, owned_partition& in, pending_write write,
                                queue& waiting, outbox& out) {
  auto planned = plan(now, write);
  if (auto* answer = std::get_if<mutation_answer>(&planned)) {
    settle(now, in, {write.from, write.message.operation}, std::move(*answer), out);
    return false;
  }
  if (held_.feeds.copies_of(write.message.cache).store == store_kind::behind) {
    owe(now, in, write, std::get<store_write>(std::move(planned)), out);
    return false;
  }
  if (held_.busy.size() + held_.uncertain.size() >= held_.options.store_writes) {
    ++held_.counters.overloaded;
    retract(in, {write.from, write.message.operation}, wire::mutate_status::overloaded, out);
    return false;
  }
  start_write(now, in, std::move(write), std::get<store_write>(std::move(planned)),
              std::exchange(waiting, {}), out);
  return true;
}

/// The change is applied and answered.
inline void writes::owe(time_point now, owned_partition& in, const pending_write& write,
                        store_write planned, outbox& out) {
  const wire::mutate& message = write.message;
  const caller who{write.from, message.operation};
  const store_settings& settings = held_.use_cache(message.cache)->settings().store;
  if (!held_.owed.has_room(message.cache, message.key, settings.queue_max)) {
    ++held_.counters.behind_full;
    return retract(in, who, wire::mutate_status::overloaded, out);
  }
  work_key at{in.id, message.cache, write.hash, to_bytes(message.key)};
  // Before it is told to copies: they are told that it is owed.
  const bool again = held_.owed.note(held_.next_number(), std::move(at), planned.value, in.next(),
                                     expiry_after(now, settings.delay));
  if (again) ++held_.counters.behind_coalesced;
  settle(now, in, who, apply_written(now, in, write, planned, out), out);
}

inline void writes::start_write(time_point now, owned_partition& in, pending_write write,
                                store_write planned, queue waiting, outbox& out) {
  const wire::mutate& message = write.message;
  const std::uint64_t number = held_.next_number();
  const work_key at{in.id, message.cache, write.hash, to_bytes(message.key)};
  ++held_.counters.store_writes;
  out.push_back(run_write{
      {in.id, number}, message.cache, {{at.key, planned.value, in.next_fence()}}, message.depth});
  busy_key begun{at, std::move(write), false, std::move(waiting)};
  begun.store = std::move(planned);
  const duration patience = held_.use_cache(at.cache)->settings().store.write_timeout;
  held_.busy.start(number, expiry_after(now, patience), std::move(begun));
}

inline void writes::on_write_done(time_point now, const write_ticket& ticket, write_result result,
                                  outbox& out) {
  std::optional<busy_key> done = held_.busy.take(ticket.number);
  if (!done) {
    ++held_.counters.store_writes_orphaned;
    return;
  }
  owned_partition& in = *held_.partition(done->at.partition);
  const caller who{done->current.from, done->current.message.operation};
  begun_write of = begin_write(now, in, view_of(done->at));
  mutation_answer answer;
  if (const auto* refusal = std::get_if<write_refusal>(&result)) {
    ++held_.counters.store_writes_refused;
    answer = {wire::mutate_status::write_failed, {}, false, to_bytes(printable(refusal->text))};
  } else if (const auto* nobody = std::get_if<write_unavailable>(&result)) {
    ++held_.counters.store_writes_refused;
    answer = {wire::mutate_status::write_failed, {}, false, to_bytes(printable(nobody->text))};
  } else if (const auto* failure = std::get_if<write_failure>(&result)) {
    answer = leave_uncertain(now, in, *done, failure->text, out);
  } else if (!held_.takes_writes(now, in, done->at.cache) || in.seq >= sequence_max) {
    // Another one may own the key by now, and have read the row from before.
    answer =
        leave_uncertain(now, in, *done, "the owner lost contact with the cluster meanwhile", out);
  } else {
    answer = apply_written(now, in, done->current, *done->store, out);
  }
  end_write(now, in, who, std::move(of), std::move(answer), std::move(done->queue), out);
}

inline mutation_answer writes::apply_written(time_point now, owned_partition& in,
                                             const pending_write& write, store_write& planned,
                                             outbox& out) {
  const wire::mutate& message = write.message;
  entries& cache = *held_.use_cache(message.cache);
  const key_write target{now, write.hash, message, in.next()};
  write_outcome outcome;
  if (planned.value) {
    outcome = store_value(target, cache, std::move(*planned.value), planned.rule, planned.tags);
  }
  // What is too large for the cache is in the store all the same.
  if (!outcome.changed) outcome = erase_value(target, cache);
  note_write(target, outcome, cache);
  commit(now, in, {message.cache, write.hash, message.key}, out);
  outcome.answer.result = std::move(planned.result);
  return std::move(outcome.answer);
}

inline mutation_answer writes::leave_uncertain(time_point now, owned_partition& in,
                                               const busy_key& doubted, std::string_view why,
                                               outbox& out) {
  ++held_.counters.store_writes_uncertain;
  entries& cache = *held_.use_cache(doubted.at.cache);
  const duration uncertain = cache.settings().store.uncertain_for;
  held_.uncertain.note(held_.next_number(), doubted.at, expiry_after(now, uncertain));
  if (in.seq < sequence_max) {
    const key_write target{now, doubted.at.hash, doubted.current.message, in.next()};
    note_write(target, erase_value(target, cache), cache);
    commit(now, in, view_of(doubted.at), out);
  }
  return {wire::mutate_status::write_uncertain, in.newest(), false, to_bytes(printable(why))};
}

/// A retry by the next owner would do again what the row may have already, or find its condition
/// broken by itself.
inline wire::mutate_status writes::answer_at_epoch_end(const busy_key& dropped) {
  const wire::mutation kind = dropped.current.message.kind;
  const bool again = kind == wire::mutation::put || kind == wire::mutation::erase;
  return dropped.store && !again ? wire::mutate_status::write_uncertain
                                 : wire::mutate_status::wrong_epoch;
}

}  // namespace kith::replica
