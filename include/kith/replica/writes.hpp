// How an owner applies mutations: once each (operation.hpp), one after the other for a key, and for
// all to see: each one that changes something takes the partition's next version and is told to its
// listeners before its caller hears of it. Those of strong caches are hidden until all have applied
// them (hidden_writes.hpp, writes_hidden.hpp).
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/effect.hpp>
#include <kith/replica/hidden_writes.hpp>
#include <kith/replica/holdings.hpp>
#include <kith/replica/mutations.hpp>
#include <kith/replica/operation.hpp>
#include <kith/replica/processor.hpp>
#include <kith/replica/reads.hpp>
#include <kith/store/timer_wheel.hpp>
#include <kith/wire/data_messages.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace kith::replica {

class writes {
 public:
  writes(holdings& of, reads& readers) : held_{of}, reads_{readers} {}

  /// False: the peer broke the protocol.
  bool on_mutate(time_point now, const member_id& from, std::uint64_t rid, partition_id partition,
                 const wire::mutate& message, outbox& out);
  void on_processor_done(time_point now, const processor_ticket& ticket, processor_result result,
                         outbox& out);
  void on_write_done(time_point now, const write_ticket& ticket, write_result result, outbox& out);

  /// Copies or listeners have more than before, or need not be waited for: answers that waited for
  /// them, and writes that were hidden until now.
  void confirm(time_point now, owned_partition& in, outbox& out);
  /// When a hidden write may have nothing more to wait for.
  [[nodiscard]] time_point next_timeout() const { return next_; }
  /// The partition has another epoch. What waits was not applied: it is asked again elsewhere.
  void on_epoch_end(owned_partition& ended, outbox& out);
  /// Forgets the windows of strangers.
  void on_members();
  void on_timeout(time_point now, outbox& out);

 private:
  using queue = std::deque<pending_write>;
  /// A key of which a write is applied now: what it had before, and the partition's newest then.
  struct begun_write {
    key_view key;
    std::optional<value_before> had;
    sequence seq;
  };
  /// One operation of one member: where its answer goes.
  struct caller {
    const member_id& from;
    std::uint64_t operation = 0;
  };

  /// B8: an earlier owner did it. Until all in the row have what this one began with, its next loss
  /// may undo what nobody was told of.
  [[nodiscard]] bool held_back(const owned_partition& in, const operation_record& record) const {
    return record.answer.version.epoch < in.epoch &&
           record.answer.status == wire::mutate_status::applied &&
           !held_.feeds.row_in_sync(in.slot);
  }
  /// True when the window has the last word on the operation, or it cannot begin.
  bool answered(owned_partition& in, operation_window& window, const member_id& from,
                std::uint64_t rid, const wire::mutate& message, outbox& out);
  void enqueue_or_run(time_point now, owned_partition& in, const member_id& from,
                      std::uint64_t hash, const wire::mutate& message, outbox& out);
  /// Not null: the write is hidden, and the key's others wait for it.
  hidden_key* run(time_point now, owned_partition& in, const member_id& from, std::uint64_t hash,
                  const wire::mutate& message, outbox& out);
  /// A user's write, not what a load brought.
  void commit(time_point now, owned_partition& in, const key_view& key, outbox& out) {
    held_.dirty.note_key(now, key.cache, in.id, key.hash, key.key);
    held_.commit(now, in, key, out);
  }
  void clear(time_point now, owned_partition& in, const caller& who, cache_id cache, outbox& out);
  void end_tag(time_point now, owned_partition& in, const caller& who, const wire::mutate& message,
               outbox& out);
  void fill(time_point now, owned_partition& in, const caller& who, std::uint64_t hash,
            const wire::mutate& message, outbox& out);

  // write_processors.hpp
  void start_processor(time_point now, owned_partition& in, pending_write write, queue waiting,
                       outbox& out);
  mutation_answer apply_processed(time_point now, owned_partition& in, const pending_write& write,
                                  processed done, outbox& out);

  // writes_hidden.hpp
  [[nodiscard]] bool queue_behind(owned_partition& in, const caller& who, std::uint64_t hash,
                                  const wire::mutate& message, outbox& out);
  [[nodiscard]] std::optional<value_before> before(time_point now, const key_view& key) const;
  [[nodiscard]] begun_write begin_write(time_point now, const owned_partition& in,
                                        const key_view& key) const;
  void end_write(time_point now, owned_partition& in, const caller& who, begun_write of,
                 mutation_answer answer, queue waiting, outbox& out);
  hidden_key* hide_key(time_point now, owned_partition& in, const caller& who, const key_view& key,
                       std::optional<value_before> had, mutation_answer answer, outbox& out);
  void hide_cache(time_point now, owned_partition& in, const caller& who, cache_id cache,
                  mutation_answer answer, outbox& out);
  [[nodiscard]] hidden_write hidden_by(time_point now, owned_partition& in, const caller& who,
                                       const mutation_answer& answer);
  [[nodiscard]] bool done(time_point now, const owned_partition& in, const hidden_write& write);
  void show(time_point now, owned_partition& in, outbox& out);
  void drop_hidden(owned_partition& ended, outbox& out);

  // write_through.hpp
  [[nodiscard]] bool stores(const wire::mutate& message) const;
  std::variant<store_write, mutation_answer> plan(time_point now, const pending_write& write);
  bool write_store(time_point now, owned_partition& in, pending_write write, queue& waiting,
                   outbox& out);
  void owe(time_point now, owned_partition& in, const pending_write& write, store_write planned,
           outbox& out);
  void start_write(time_point now, owned_partition& in, pending_write write, store_write planned,
                   queue waiting, outbox& out);
  mutation_answer apply_written(time_point now, owned_partition& in, const pending_write& write,
                                store_write& planned, outbox& out);
  mutation_answer leave_uncertain(time_point now, owned_partition& in, const busy_key& doubted,
                                  std::string_view why, outbox& out);
  [[nodiscard]] bool stores(const busy_key& ran, const processed& brought) const;
  static wire::mutate_status answer_at_epoch_end(const busy_key& dropped);

  void drain(time_point now, owned_partition& in, queue waiting, outbox& out);

  /// Keeps the answer and sends it, once the copies that it has to wait for are made.
  void settle(time_point now, owned_partition& in, const caller& who, mutation_answer answer,
              outbox& out);
  void tell(owned_partition& in, const caller& who, mutation_answer answer, outbox& out);
  /// Nothing was applied: says so, and a retry may try again.
  void retract(owned_partition& in, const caller& who, wire::mutate_status why, outbox& out);
  void reply(const owned_partition& in, const member_id& to, std::uint64_t rid,
             const mutation_answer& answer, outbox& out);
  void refuse(const owned_partition& in, const member_id& to, std::uint64_t rid,
              wire::mutate_status why, outbox& out) {
    reply(in, to, rid, {why, {}, false, {}}, out);
  }

  holdings& held_;
  reads& reads_;
  time_point next_ = never;
};

// --- implementation ---

inline bool writes::on_mutate(time_point now, const member_id& from, std::uint64_t rid,
                              partition_id partition, const wire::mutate& message, outbox& out) {
  owned_partition* in = held_.partition(partition);
  const bool keyless = wire::without_key(message.kind);
  const std::uint64_t hash = keyless ? 0 : stable_hash(message.key);
  const bool tagged = message.kind != wire::mutation::end_tag || message.tags.size() == 1;
  if (in == nullptr || !tagged ||
      (keyless ? !message.key.empty() : partition_of(hash) != partition)) {
    return ++held_.counters.violations, false;
  }
  switch (held_.admit(now, from, *in, message.epoch, message.cache, out)) {
    case admission::wrong_epoch:
      return refuse(*in, from, rid, wire::mutate_status::wrong_epoch, out), true;
    case admission::retry: return refuse(*in, from, rid, wire::mutate_status::retry, out), true;
    case admission::serve: break;
  }
  operation_window& window = in->windows[from];
  if (answered(*in, window, from, rid, message, out)) return true;
  const caller who{from, message.operation};
  window.begin(message.operation, rid);
  switch (message.kind) {
    case wire::mutation::clear: clear(now, *in, who, message.cache, out); break;
    case wire::mutation::end_tag: end_tag(now, *in, who, message, out); break;
    case wire::mutation::fill:
    case wire::mutation::fill_absent: fill(now, *in, who, hash, message, out); break;
    default: enqueue_or_run(now, *in, from, hash, message, out);
  }
  window.shrink(held_.options.operations_kept, held_.options.operation_bytes_kept);
  return true;
}

inline bool writes::answered(owned_partition& in, operation_window& window, const member_id& from,
                             std::uint64_t rid, const wire::mutate& message, outbox& out) {
  window.settle_below(message.lowest_unsettled);
  switch (window.look_up(message.operation)) {
    case operation_window::state::stale:
      ++held_.counters.stale_operations;
      refuse(in, from, rid, wire::mutate_status::stale_operation, out);
      return true;
    case operation_window::state::settled:
      if (held_back(in, *window.find(message.operation))) {
        ++held_.counters.answers_held;
        refuse(in, from, rid, wire::mutate_status::retry, out);
        return true;
      }
      ++held_.counters.retries_answered;
      reply(in, from, rid, window.find(message.operation)->answer, out);
      return true;
    case operation_window::state::pending:
      // The request before it is dead, or there would be no retry.
      ++held_.counters.retries_pending;
      window.find(message.operation)->rid = rid;
      return true;
    case operation_window::state::fresh: break;
  }
  if (!held_.feeds.knows(message.cache)) {
    ++held_.counters.unknown_caches;
    refuse(in, from, rid, wire::mutate_status::unknown_cache, out);
    return true;
  }
  if (in.hidden.hides(message.cache) || (held_.strong(message.cache) && held_.hides_enough())) {
    ++held_.counters.writes_held_back;
    refuse(in, from, rid, wire::mutate_status::retry, out);
    return true;
  }
  if (held_.feeds.full() && brings_bytes(message.kind)) {
    ++held_.counters.writes_held_back;
    refuse(in, from, rid, wire::mutate_status::retry, out);
    return true;
  }
  if (in.seq >= sequence_max || held_.use_cache(message.cache) == nullptr) {
    ++(in.seq >= sequence_max ? held_.counters.sequence_exhausted : held_.counters.overloaded);
    refuse(in, from, rid, wire::mutate_status::overloaded, out);
    return true;
  }
  if (message.key.size() > wire::limits::key_bytes) {
    refuse(in, from, rid, wire::mutate_status::too_large, out);
    return true;
  }
  if (held_.refuses_bytes() && brings_bytes(message.kind)) {
    ++held_.counters.writes_without_memory;
    refuse(in, from, rid, wire::mutate_status::out_of_memory, out);
    return true;
  }
  return false;
}

inline void writes::enqueue_or_run(time_point now, owned_partition& in, const member_id& from,
                                   std::uint64_t hash, const wire::mutate& message, outbox& out) {
  const caller who{from, message.operation};
  if (queue_behind(in, who, hash, message, out)) return;
  if (message.kind != wire::mutation::invoke) {
    queue nobody;
    if (stores(message)) {
      write_store(now, in, {from, hash, message}, nobody, out);
    } else {
      run(now, in, from, hash, message, out);
    }
    return;
  }
  if (held_.busy.size() >= held_.options.processors) {
    ++held_.counters.overloaded;
    return retract(in, who, wire::mutate_status::overloaded, out);
  }
  start_processor(now, in, {from, hash, message}, {}, out);
}

inline hidden_key* writes::run(time_point now, owned_partition& in, const member_id& from,
                               std::uint64_t hash, const wire::mutate& message, outbox& out) {
  entries& cache = *held_.use_cache(message.cache);
  const key_view key{message.cache, hash, message.key};
  const caller who{from, message.operation};
  const bool strong = held_.strong(message.cache);
  auto had = strong ? before(now, key) : std::nullopt;
  const key_write target{now, hash, message, in.next()};
  write_outcome done = apply_write(target, cache);
  note_write(target, done, cache);
  if (done.changed) commit(now, in, key, out);
  if (strong && done.changed) {
    return hide_key(now, in, who, key, std::move(had), std::move(done.answer), out);
  }
  settle(now, in, who, std::move(done.answer), out);
  return nullptr;
}

inline void writes::clear(time_point now, owned_partition& in, const caller& who, cache_id cache,
                          outbox& out) {
  entries& all = *held_.use_cache(cache);
  all.note_clear(in.slot, in.next());
  const bool existed = all.drop(in.slot) > 0;
  held_.dirty.note_all(now, cache, in.id);
  held_.commit_many(now, in, cache, wire::scope::cache, 0, out);
  mutation_answer answer{wire::mutate_status::applied, in.newest(), existed, {}};
  if (held_.strong(cache)) return hide_cache(now, in, who, cache, std::move(answer), out);
  settle(now, in, who, std::move(answer), out);
}

inline void writes::end_tag(time_point now, owned_partition& in, const caller& who,
                            const wire::mutate& message, outbox& out) {
  const std::uint64_t tag = message.tags.front().hash;
  held_.use_cache(message.cache)->end_tag(in.slot, tag, in.next());
  held_.dirty.note_tag(now, message.cache, in.id, tag);
  held_.commit_many(now, in, message.cache, wire::scope::tag, tag, out);
  mutation_answer answer{wire::mutate_status::applied, in.newest(), false, {}};
  if (held_.strong(message.cache)) {
    return hide_cache(now, in, who, message.cache, std::move(answer), out);
  }
  settle(now, in, who, std::move(answer), out);
}

/// The result of a load that the caller ran under a ticket. An empty fill_absent: there is no such
/// row; else it has the words of the failure.
inline void writes::fill(time_point now, owned_partition& in, const caller& who, std::uint64_t hash,
                         const wire::mutate& message, outbox& out) {
  const load* waiting = held_.loads.find(message.ticket);
  const bool known = waiting != nullptr && waiting->ticket && waiting->holder == who.from &&
                     waiting->at.cache == message.cache && equal(waiting->at.key, message.key);
  std::optional<version> taken;
  if (known) {
    std::optional<duration> ttl;
    const entries& cache = *held_.use_cache(message.cache);
    const bool told = message.rule == wire::ttl_rule::cache_default &&
                      message.ttl > duration::zero() && !cache.settings().ttl;
    if (told && message.kind == wire::mutation::fill) ttl = message.ttl;
    if (message.rule == wire::ttl_rule::given) ttl = std::max(message.ttl, duration::zero());
    if (message.rule == wire::ttl_rule::unlimited) ttl = duration::max();
    load_result result = not_found{ttl};
    if (message.kind == wire::mutation::fill) {
      result = loaded{to_bytes(message.value), ttl, message.tags};
    } else if (!message.value.empty()) {
      result = load_failure{std::string{as_text(message.value)}};
    }
    taken = reads_.finish(now, *held_.loads.take(message.ticket), std::move(result), out);
  } else {
    ++held_.counters.loads_orphaned;
  }
  if (taken) return settle(now, in, who, {wire::mutate_status::applied, *taken, false, {}}, out);
  const auto present = held_.use_cache(message.cache)->peek(now, hash, message.key);
  mutation_answer answer = refused_by(present).answer;
  if (known && message.kind == wire::mutation::fill_absent) {
    answer.status = wire::mutate_status::applied;
  }
  settle(now, in, who, std::move(answer), out);
}

/// The key is free: those who waited have their turn, until one of them makes it busy again.
inline void writes::drain(time_point now, owned_partition& in, queue waiting, outbox& out) {
  while (!waiting.empty()) {
    pending_write next = std::move(waiting.front());
    waiting.pop_front();
    next.charge = {};
    const caller who{next.from, next.message.operation};
    if (!held_.takes_writes(now, in, next.message.cache)) {
      ++held_.counters.not_fresh;
      retract(in, who, wire::mutate_status::retry, out);
    } else if (in.seq >= sequence_max) {
      ++held_.counters.sequence_exhausted;
      retract(in, who, wire::mutate_status::overloaded, out);
    } else if (in.hidden.hides(next.message.cache)) {
      retract(in, who, wire::mutate_status::retry, out);
    } else if (next.message.kind == wire::mutation::invoke) {
      return start_processor(now, in, std::move(next), std::move(waiting), out);
    } else if (stores(next.message)) {
      if (write_store(now, in, std::move(next), waiting, out)) return;
    } else if (hidden_key* hidden = run(now, in, next.from, next.hash, next.message, out)) {
      hidden->queue = std::move(waiting);
      return;
    }
  }
}

inline void writes::on_epoch_end(owned_partition& ended, outbox& out) {
  for (const busy_key& dropped :
       held_.busy.take_if([&](const busy_key& b) { return b.at.partition == ended.id; })) {
    retract(ended, {dropped.current.from, dropped.current.message.operation},
            answer_at_epoch_end(dropped), out);
    for (const pending_write& waiting : dropped.queue) {
      retract(ended, {waiting.from, waiting.message.operation}, wire::mutate_status::wrong_epoch,
              out);
    }
  }
  drop_hidden(ended, out);
  held_.uncertain.drop(ended.id);
  held_.owed.drop(ended.id);
  ended.windows.clear();
}

inline void writes::on_members() {
  for (owned_partition& in : held_.partitions()) {
    std::erase_if(in.windows, [&](const auto& item) { return held_.stranger(item.first); });
  }
}

/// A turn is bounded: it frees no other key when so many writes have waited for those that it has
/// freed. What else is due leaves the next deadline in the past.
inline void writes::on_timeout(time_point now, outbox& out) {
  if (now >= next_) {
    next_ = never;
    for (owned_partition& in : held_.partitions()) confirm(now, in, out);
  }
  std::size_t work = 0;
  while (work < store::turn_limit) {
    std::optional<busy_key> due = held_.busy.take_due(now);
    if (!due) return;
    work += 1 + due->queue.size();
    owned_partition& in = *held_.partition(due->at.partition);
    begun_write of = begin_write(now, in, view_of(due->at));
    mutation_answer answer;
    if (due->store) {
      answer = leave_uncertain(now, in, *due, "the writer did not answer in time", out);
    } else {
      ++held_.counters.processors_failed;
      answer = {wire::mutate_status::processor_failed,
                {},
                false,
                to_bytes("the processor did not answer in time")};
    }
    end_write(now, in, {due->current.from, due->current.message.operation}, std::move(of),
              std::move(answer), std::move(due->queue), out);
  }
}

// Answers.

inline void writes::settle(time_point now, owned_partition& in, const caller& who,
                           mutation_answer answer, outbox& out) {
  const auto window = in.windows.find(who.from);
  if (window == in.windows.end()) return;
  // To copies an uncertain write is a change as any, and its answer one to doubt.
  if (answer.status == wire::mutate_status::applied ||
      answer.status == wire::mutate_status::write_uncertain) {
    const auto wait =
        held_.feeds.attach(now, in.slot, {who.from, who.operation, window->second.floor(), answer});
    // Cut off, only what may be lost is written: nobody is there to have copies.
    if (wait && !(held_.cut_off && who.from == held_.self)) {
      in.unconfirmed.push_back({*wait, who.from, who.operation, std::move(answer)});
      return;
    }
  }
  tell(in, who, std::move(answer), out);
}

/// In the order of the changes: one that waits holds up those behind it, of whatever cache.
inline void writes::confirm(time_point now, owned_partition& in, outbox& out) {
  if (!in.hidden.writes.empty()) show(now, in, out);
  while (!in.unconfirmed.empty()) {
    const feed_table::must_wait& until = in.unconfirmed.front().until;
    if (!held_.feeds.confirmed(in.slot, until.change, until.sync)) return;
    unconfirmed_answer done = std::move(in.unconfirmed.front());
    in.unconfirmed.pop_front();
    ++held_.counters.answers_confirmed;
    tell(in, {done.from, done.operation}, std::move(done.answer), out);
  }
}

inline void writes::tell(owned_partition& in, const caller& who, mutation_answer answer,
                         outbox& out) {
  // A window that moved on, or is gone, says that nobody waits.
  const auto window = in.windows.find(who.from);
  if (window == in.windows.end()) return;
  const operation_record* record = window->second.find(who.operation);
  if (record == nullptr) return;
  reply(in, who.from, record->rid, answer, out);
  window->second.settle(who.operation, std::move(answer));
}

inline void writes::retract(owned_partition& in, const caller& who, wire::mutate_status why,
                            outbox& out) {
  const auto window = in.windows.find(who.from);
  if (window == in.windows.end()) return;
  const operation_record* record = window->second.find(who.operation);
  if (record == nullptr) return;
  refuse(in, who.from, record->rid, why, out);
  window->second.forget(who.operation);
}

inline void writes::reply(const owned_partition& in, const member_id& to, std::uint64_t rid,
                          const mutation_answer& answer, outbox& out) {
  wire::mutate_reply message{answer.status, in.epoch, answer.version, answer.existed, {}};
  if (to == held_.self) {
    out.push_back(answer_mutate{rid, in.id, message, answer.result});
    return;
  }
  message.result = answer.result;
  out.push_back(wire::send{to, wire::make_packet(message, in.id, rid)});
}

}  // namespace kith::replica

#include <kith/replica/write_processors.hpp>
#include <kith/replica/write_through.hpp>
#include <kith/replica/writes_hidden.hpp>
