// How an owner runs processors (processor.hpp), another part of writes.hpp.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/effect.hpp>
#include <kith/replica/holdings.hpp>
#include <kith/replica/mutations.hpp>
#include <kith/replica/processor.hpp>
#include <kith/replica/writes.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/limits.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace kith::replica {

inline void writes::start_processor(time_point now, owned_partition& in, pending_write write,
                                    queue waiting, outbox& out) {
  const wire::mutate& message = write.message;
  entries& cache = *held_.use_cache(message.cache);
  const auto old = cache.peek(now, write.hash, message.key);
  const std::uint64_t number = held_.next_number();
  run_processor request{
      {in.id, number},         message.cache, std::string{as_text(message.processor)},
      to_bytes(message.key),   std::nullopt,  {},
      to_bytes(message.value), message.depth};
  if (old) {
    request.current = old->value().value;
    request.current_version = old->value().version;
  }
  ++held_.counters.processors_run;
  work_key at{in.id, message.cache, write.hash, request.key};
  out.push_back(std::move(request));
  busy_key begun{std::move(at), std::move(write), false, std::move(waiting)};
  if (old && old->value().tags) begun.tags = old->value().tags->tags;
  begun.tags_count = cache.tags_count();
  held_.busy.start(number, now + held_.options.processor_time, std::move(begun));
}

/// What it brought is for the store first.
inline bool writes::stores(const busy_key& ran, const processed& brought) const {
  return brought.action != processor_action::keep && stores(ran.current.message) &&
         std::max(brought.value.size(), brought.result.size()) <= wire::limits::value_bytes;
}

[[nodiscard]] inline store_write planned_by(const wire::mutate& message, processed brought) {
  store_write planned{std::nullopt, rule_of_update(message.rule), tag_rule::keep,
                      std::move(brought.result)};
  if (brought.action == processor_action::set) planned.value = std::move(brought.value);
  return planned;
}

inline void writes::on_processor_done(time_point now, const processor_ticket& ticket,
                                      processor_result result, outbox& out) {
  std::optional<busy_key> done = held_.busy.take(ticket.number);
  if (!done) {
    ++held_.counters.processors_orphaned;
    return;
  }
  owned_partition& in = *held_.partition(done->at.partition);
  const caller who{done->current.from, done->current.message.operation};
  auto* brought = std::get_if<processed>(&result);
  const entries& cache = *held_.use_cache(done->at.cache);
  const bool outrun = done->outrun || cache.tag_ended_since(done->tags, done->tags_count);
  if (!held_.takes_writes(now, in, done->at.cache)) {
    ++held_.counters.not_fresh;
    retract(in, who, wire::mutate_status::retry, out);
  } else if (brought != nullptr && in.seq >= sequence_max) {
    ++held_.counters.sequence_exhausted;
    retract(in, who, wire::mutate_status::overloaded, out);
  } else if (brought != nullptr && in.hidden.hides(done->at.cache)) {
    retract(in, who, wire::mutate_status::retry, out);
  } else if (brought != nullptr && outrun) {
    ++held_.counters.processors_rerun;
    return start_processor(now, in, std::move(done->current), std::move(done->queue), out);
  } else if (brought != nullptr && stores(*done, *brought)) {
    store_write planned = planned_by(done->current.message, std::move(*brought));
    if (held_.feeds.copies_of(done->at.cache).store == store_kind::behind) {
      owe(now, in, done->current, std::move(planned), out);
      return drain(now, in, std::move(done->queue), out);
    }
    return start_write(now, in, std::move(done->current), std::move(planned),
                       std::move(done->queue), out);
  } else if (brought != nullptr) {
    begun_write of = begin_write(now, in, view_of(done->at));
    mutation_answer answer = apply_processed(now, in, done->current, std::move(*brought), out);
    return end_write(now, in, who, std::move(of), std::move(answer), std::move(done->queue), out);
  } else if (const auto* failure = std::get_if<processor_failure>(&result)) {
    ++held_.counters.processors_failed;
    settle(now, in, who,
           {wire::mutate_status::processor_failed, {}, false, to_bytes(printable(failure->text))},
           out);
  } else {
    settle(now, in, who, {wire::mutate_status::unknown_processor, {}, false, {}}, out);
  }
  drain(now, in, std::move(done->queue), out);
}

inline mutation_answer writes::apply_processed(time_point now, owned_partition& in,
                                               const pending_write& write, processed done,
                                               outbox& out) {
  const wire::mutate& message = write.message;
  entries& cache = *held_.use_cache(message.cache);
  const key_write target{now, write.hash, message, in.next()};
  if (done.result.size() > wire::limits::value_bytes) {
    return {wire::mutate_status::too_large, {}, false, {}};
  }
  write_outcome outcome;
  switch (done.action) {
    case processor_action::set:
      outcome = store_value(target, cache, std::move(done.value), rule_of_update(message.rule),
                            tag_rule::keep);
      break;
    case processor_action::erase: outcome = erase_value(target, cache); break;
    case processor_action::keep:
      outcome = refused_by(cache.peek(now, write.hash, message.key));
      outcome.answer.status = wire::mutate_status::applied;
      break;
  }
  note_write(target, outcome, cache);
  if (outcome.changed) commit(now, in, {message.cache, write.hash, message.key}, out);
  if (outcome.answer.status == wire::mutate_status::applied) {
    outcome.answer.result = std::move(done.result);
  }
  return std::move(outcome.answer);
}

}  // namespace kith::replica
