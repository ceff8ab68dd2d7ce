// Writes the store some time after writes were answered: what is owed (owed_writes.hpp) goes out in
// batches when it is due, one batch with a key at a time, until the store has it.
//
//   the store has it        the key is owed no more, unless it was changed meanwhile
//   it refused a batch      each key of it goes by itself
//   it refused a key        that change is given up and the entry removed: the row is the truth
//   anything else, no word  again later, twice as late each time
//
// Who keeps a copy is told of each change that it is owed, and when it is so no more: the next
// owner goes on with the rest.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/copies.hpp>
#include <kith/replica/effect.hpp>
#include <kith/replica/holdings.hpp>
#include <kith/replica/store_write.hpp>
#include <kith/store/timer_wheel.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <variant>
#include <vector>

namespace kith::replica {

class write_behind {
 public:
  explicit write_behind(holdings& of) : held_{of} {}

  /// False: the run is none of these.
  bool on_write_done(time_point now, const write_ticket& ticket, const write_result& result,
                     outbox& out);
  /// An earlier owner owed these.
  void adopt(time_point now, const owned_partition& in, const owed_copies& owed);
  void on_timeout(time_point now, outbox& out);
  [[nodiscard]] time_point next_timeout() const;

 private:
  struct row {
    std::uint64_t number = 0;
    kith::version version;
  };
  struct batch {
    cache_id cache{};
    time_point deadline;
    std::vector<row> rows;
  };

  [[nodiscard]] const store_settings& settings_of(cache_id cache) {
    return held_.use_cache(cache)->settings().store;
  }
  [[nodiscard]] bool full() const { return batches_.size() >= held_.options.store_batches; }
  void begin(time_point now, cache_id cache, const std::vector<std::uint64_t>& numbers,
             outbox& out);
  void finish(time_point now, const batch& done, const write_result& result, outbox& out);
  void settle(time_point now, owed_write& one);
  void try_later(time_point now, owed_write& one);
  void give_up(time_point now, const owed_write& one, outbox& out);

  holdings& held_;
  std::map<std::uint64_t, batch> batches_;
};

// --- implementation ---

inline void write_behind::on_timeout(time_point now, outbox& out) {
  for (auto at = batches_.begin(); at != batches_.end();) {
    if (now < at->second.deadline) {
      ++at;
      continue;
    }
    const batch late = std::move(at->second);
    at = batches_.erase(at);
    finish(now, late, write_failure{"the writer did not answer in time"}, out);
  }
  std::map<cache_id, std::vector<std::uint64_t>> ready;
  for (std::size_t i = 0; i < store::turn_limit && !full(); ++i) {
    const owed_write* due = held_.owed.find_due(now);
    if (due == nullptr) break;
    // Looked at again then, if no batch takes it now.
    held_.owed.set_due(due->number, now + held_.options.store_pause);
    if (!held_.serves(now, *held_.partition(due->at.partition), due->at.cache)) continue;
    ready[due->at.cache].push_back(due->number);
  }
  for (const auto& [cache, numbers] : ready) begin(now, cache, numbers, out);
}

inline time_point write_behind::next_timeout() const {
  time_point next = full() ? never : held_.owed.next_due();
  for (const auto& [number, each] : batches_) next = std::min(next, each.deadline);
  return next;
}

inline void write_behind::begin(time_point now, cache_id cache,
                                const std::vector<std::uint64_t>& numbers, outbox& out) {
  const store_settings& settings = settings_of(cache);
  for (std::size_t first = 0; first < numbers.size();) {
    if (full()) {
      held_.owed.set_due(numbers[first++], now);
      continue;
    }
    const std::uint64_t run = held_.next_number();
    batch& made = batches_[run] = {cache, expiry_after(now, settings.write_timeout), {}};
    run_write request{{held_.owed.find(numbers[first])->at.partition, run}, cache, {}, 0};
    while (first < numbers.size() && made.rows.size() < settings.batch_max) {
      owed_write& one = *held_.owed.find(numbers[first]);
      if (one.alone && !made.rows.empty()) break;
      ++first;
      one.running = true;
      held_.owed.set_due(one.number, never);
      made.rows.push_back({one.number, one.version});
      request.rows.push_back(
          {one.at.key, one.value, held_.partition(one.at.partition)->next_fence()});
      if (one.alone) break;
    }
    held_.counters.behind_begun += made.rows.size();
    out.push_back(std::move(request));
  }
}

inline bool write_behind::on_write_done(time_point now, const write_ticket& ticket,
                                        const write_result& result, outbox& out) {
  const auto at = batches_.find(ticket.number);
  if (at == batches_.end()) return false;
  const batch done = std::move(at->second);
  batches_.erase(at);
  finish(now, done, result, out);
  on_timeout(now, out);
  return true;
}

inline void write_behind::finish(time_point now, const batch& done, const write_result& result,
                                 outbox& out) {
  for (const row& each : done.rows) {
    // Its partition may be another owner's by now.
    owed_write* one = held_.owed.find(each.number);
    if (one == nullptr) continue;
    one->running = false;
    const bool changed = one->version != each.version;
    const bool refused = std::holds_alternative<write_refusal>(result);
    if (std::holds_alternative<written>(result) || (refused && changed)) {
      one->failures = 0;
      if (!changed) {
        settle(now, *one);
      } else {
        held_.owed.set_due(one->number, expiry_after(now, settings_of(done.cache).delay));
      }
    } else if (refused && done.rows.size() == 1) {
      give_up(now, *one, out);
    } else if (refused) {
      one->alone = true;
      held_.owed.set_due(one->number, now);
    } else {
      try_later(now, *one);
    }
  }
}

inline void write_behind::settle(time_point now, owed_write& one) {
  ++held_.counters.behind_written;
  const owned_partition& in = *held_.partition(one.at.partition);
  feed_item item;
  item.kind = wire::feed_kind::written;
  item.cache = one.at.cache;
  item.key = one.at.key;
  held_.owed.remove(one.number);
  held_.feeds.record(now, in.slot, std::move(item));
  held_.feeds.close(now, in.slot);
}

inline void write_behind::try_later(time_point now, owed_write& one) {
  ++held_.counters.behind_failed;
  const store_settings& settings = settings_of(one.at.cache);
  duration pause = settings.retry_first;
  for (std::uint32_t i = 0; i < one.failures && pause < settings.retry_longest; ++i) pause *= 2;
  ++one.failures;
  held_.owed.set_due(one.number, expiry_after(now, std::min(pause, settings.retry_longest)));
}

/// Copies, and all who keep the value, are told that it is gone.
inline void write_behind::give_up(time_point now, const owed_write& one, outbox& out) {
  ++held_.counters.behind_refused;
  const work_key at = one.at;
  owned_partition& in = *held_.partition(at.partition);
  held_.owed.remove(one.number);
  if (in.seq >= sequence_max) return;
  entries& cache = *held_.use_cache(at.cache);
  const bool live{cache.peek(now, at.hash, at.key)};
  cache.forget(now, at.hash, at.key);
  if (live) cache.note(entry_change::erased, at.hash, at.key, in.next());
  held_.commit(now, in, view_of(at), out);
}

inline void write_behind::adopt(time_point now, const owned_partition& in,
                                const owed_copies& owed) {
  for (const auto& [name, one] : owed) {
    if (held_.use_cache(name.first) == nullptr) continue;  // there are too many
    ++held_.counters.behind_inherited;
    held_.owed.note(held_.next_number(), {in.id, name.first, stable_hash(name.second), name.second},
                    one.value, one.version, now);
  }
}

}  // namespace kith::replica
