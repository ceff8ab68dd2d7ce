// The bounded local engine: a table of entries that never holds more bytes than its budget, forgets
// them at their time, and says why each one left. Owners use it for opaque bytes, near caches for
// typed objects.
//
// It joins parts that do one thing each: slots hold entries, the index finds them by hash, the
// budget counts, the policy chooses who leaves, the wheel knows whose time is over. All address
// entries by handle; this class keeps them in step.
//
// One caller at a time; no clock, no lock. `on_removed(entry&, removal)` is called for each value
// that leaves, once the entry is out of everything but its slot; it may move key and value out (to
// destroy them after a lock is released) and must not call the shard. For removal::replaced the
// entry stays, and it is the old value that may be moved out; the key is not to be touched.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/time.hpp>
#include <kith/store/budget.hpp>
#include <kith/store/counters.hpp>
#include <kith/store/entry.hpp>
#include <kith/store/handle.hpp>
#include <kith/store/hash_index.hpp>
#include <kith/store/memory_model.hpp>
#include <kith/store/policy.hpp>
#include <kith/store/removal.hpp>
#include <kith/store/slots.hpp>
#include <kith/store/timer_wheel.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace kith::store {

struct shard_config {
  std::uint64_t bytes_max = std::uint64_t{64} << 20;
  /// Absent: as many as the bytes allow.
  std::optional<std::uint64_t> entries_max = std::nullopt;
  /// Secret, and different in every process: places entries in the index, and decides nothing else.
  std::uint64_t salt = 0;
  /// What an entry's slot takes, in the ledger (memory_model.hpp).
  std::uint64_t slot_bytes = owned_slot_bytes;
};

enum class put_outcome : std::uint8_t {
  inserted,
  updated,
  /// The charge is above the whole budget. Nothing was done: an older value is still there.
  refused,
  /// Stored, and chosen to leave in the same call: the key is absent now, its newest value has gone
  /// through on_removed.
  dropped,
};

struct put_result {
  put_outcome outcome = put_outcome::refused;
  /// The entry, when it was inserted or updated.
  handle at = no_handle;
};

template <class Key, class Value, class Equal = std::equal_to<>>
class shard {
 public:
  using entry_type = entry<Key, Value>;
  using found_entry = found<entry_type>;
  using found_const = found<const entry_type>;

  shard(const shard_config& config, std::unique_ptr<policy> chooser);

  /// Looks a key up for a reader: counts, and tells the policy of a hit.
  template <class K>
  [[nodiscard]] found_entry find(time_point now, std::uint64_t hash, const K& key);

  /// Looks a key up without a trace. `hash` must be the same function of the key at every call.
  template <class K>
  [[nodiscard]] found_entry peek(time_point now, std::uint64_t hash, const K& key);
  template <class K>
  [[nodiscard]] found_const peek(time_point now, std::uint64_t hash, const K& key) const;

  /// Reports a read to the policy. Readers may report late: a handle whose entry is gone is
  /// ignored, one that was given to another entry credits that one.
  void access(handle at) {
    if (slots_.live(at)) policy_->on_access(at);
  }

  /// Stores, then evicts until the budget holds. The key is made from `key` only for a new entry.
  template <class K, class OnRemoved>
  put_result insert_or_assign(time_point now, std::uint64_t hash, K&& key, Value value,
                              const terms& granted, OnRemoved&& on_removed);

  /// The same for a live entry that was found already.
  template <class OnRemoved>
  put_result assign(time_point now, handle at, Value value, const terms& granted,
                    OnRemoved&& on_removed);

  /// Moves the time of an entry; `never` takes it away.
  void set_expires(handle at, time_point expires);

  template <class OnRemoved>
  void erase(handle at, OnRemoved&& on_removed);
  void erase(handle at) { erase(at, ignore); }

  /// Removes entries whose time is over, for at most `work` units of the wheel (timer_wheel.hpp);
  /// the rest waits for the next call. Returns how many it removed.
  template <class OnRemoved>
  std::size_t expire(time_point now, std::size_t work, OnRemoved&& on_removed);

  /// When expire has something to do; absent when no entry has a time.
  [[nodiscard]] std::optional<time_point> next_timeout() const { return wheel_.next_timeout(); }

  /// Changes the budget. A lower one is reached by evict_to_budget, in as many calls as one likes:
  /// until then insertions evict as much as they bring.
  void set_bytes_max(std::uint64_t bytes_max);
  void set_entries_max(std::optional<std::uint64_t> entries_max);

  /// Removes expired entries first, then the policy's victims, at most `removals_max` in all, until
  /// the budget is kept. Returns how many it removed.
  template <class OnRemoved>
  std::size_t evict_to_budget(time_point now, std::size_t removals_max, OnRemoved&& on_removed);
  template <class OnRemoved>
  std::size_t evict_to_budget(time_point now, OnRemoved&& on_removed) {
    return evict_to_budget(now, SIZE_MAX, on_removed);
  }

  /// The same until charges of `bytes` have left, or nothing is there.
  template <class OnRemoved>
  std::size_t evict_bytes(time_point now, std::uint64_t bytes, std::size_t removals_max,
                          OnRemoved&& on_removed);

  /// Calls `visit(handle, const entry_type&)` for the entries in order of handles, expired ones
  /// included. `visit` must not change the shard.
  template <class Visit>
  void for_each(Visit&& visit) const {
    handle next = first;
    while (next != no_handle) next = scan(next, chunk_slots, visit);
  }

  /// The same for `slots_max` slots from `from` on. Returns where to go on, no_handle at the end.
  /// Between two calls the shard may change: what is there throughout is visited exactly once.
  template <class Visit>
  handle scan(handle from, std::uint32_t slots_max, Visit&& visit) const;

  /// Erases the entries for which `doomed(const entry_type&)` holds, in order of handles. Returns
  /// how many.
  template <class Doomed, class OnRemoved>
  std::size_t erase_if(Doomed&& doomed, OnRemoved&& on_removed);

  [[nodiscard]] bool live(handle at) const { return slots_.live(at); }
  /// Requires live(at).
  [[nodiscard]] entry_type& operator[](handle at) { return slots_[at]; }
  [[nodiscard]] const entry_type& operator[](handle at) const { return slots_[at]; }

  /// Entries, expired ones that were not removed yet included.
  [[nodiscard]] std::size_t size() const { return slots_.size(); }
  [[nodiscard]] std::uint64_t bytes() const { return budget_.used(); }
  [[nodiscard]] std::uint64_t bytes_max() const { return budget_.limit(); }
  /// At most what bytes() is while it comes down to a lower bytes_max().
  [[nodiscard]] std::uint64_t bytes_in_force() const { return budget_.limit_in_force(); }
  [[nodiscard]] bool above_budget() const {
    return budget_.above_limit() || (entries_max_ && slots_.size() > *entries_max_);
  }
  /// What slots, index, policy and wheel take, those for entries that may come included. Grows with
  /// the most entries that there were; goes down when the last one leaves.
  [[nodiscard]] std::uint64_t structure_bytes() const {
    return slots_.bytes(slot_bytes_) + index_.bytes() + policy_->bytes() + wheel_.bytes();
  }
  [[nodiscard]] const store::counters& counters() const { return counters_; }
  [[nodiscard]] const policy& chooser() const { return *policy_; }

  /// What `erase` and the like take when nobody wants to know.
  static constexpr auto ignore = [](entry_type&, removal) {};
  static constexpr handle first{0};

 private:
  template <class K>
  [[nodiscard]] handle locate(std::uint64_t hash, const K& key) const;
  template <class OnRemoved>
  void remove(handle at, removal cause, OnRemoved& on_removed);
  /// False when the entry at `kept` was among those that had to go.
  template <class OnRemoved>
  bool make_room(time_point now, handle kept, OnRemoved& on_removed);
  [[nodiscard]] handle next_to_go(time_point now, std::size_t& work, removal& cause);
  template <class More, class OnRemoved>
  std::size_t evict_while(time_point now, std::size_t removals_max, const More& more,
                          OnRemoved& on_removed);
  [[nodiscard]] bool over() const {
    return budget_.over() || (entries_max_ && slots_.size() > *entries_max_);
  }
  void count(removal cause);
  void assert_invariants() const;
  [[nodiscard]] bool in_step() const;

  const std::uint64_t slot_bytes_;
  std::optional<std::uint64_t> entries_max_;
  [[no_unique_address]] Equal equal_;
  /// Invariant: index, ledger and policy know exactly the live slots; the wheel those with a time.
  slots<entry_type> slots_;
  hash_index index_;
  budget budget_;
  timer_wheel wheel_;
  std::unique_ptr<policy> policy_;
  store::counters counters_;
};

// --- implementation ---

template <class Key, class Value, class Equal>
shard<Key, Value, Equal>::shard(const shard_config& config, std::unique_ptr<policy> chooser)
    : slot_bytes_{config.slot_bytes},
      index_{config.salt},
      budget_{config.bytes_max},
      policy_{std::move(chooser)} {
  KITH_ASSERT(policy_ != nullptr);
  policy_->on_limit(config.bytes_max);
  set_entries_max(config.entries_max);
}

template <class Key, class Value, class Equal>
template <class K>
handle shard<Key, Value, Equal>::locate(std::uint64_t hash, const K& key) const {
  // The whole hash is not compared: the keys decide, and its tag is wrong once in a billion.
  return index_.find(hash, [&](handle at) { return equal_(slots_[at].key_, key); });
}

template <class Key, class Value, class Equal>
template <class K>
auto shard<Key, Value, Equal>::find(time_point now, std::uint64_t hash, const K& key)
    -> found_entry {
  const found_entry hit = peek(now, hash, key);
  if (hit) {
    ++counters_.hits;
    policy_->on_access(hit.at);
  } else {
    ++counters_.misses;
  }
  return hit;
}

template <class Key, class Value, class Equal>
template <class K>
auto shard<Key, Value, Equal>::peek(time_point now, std::uint64_t hash, const K& key)
    -> found_entry {
  const handle at = locate(hash, key);
  if (at == no_handle) return {};
  entry_type& seen = slots_[at];
  return seen.expired(now) ? found_entry{} : found_entry{&seen, at};
}

template <class Key, class Value, class Equal>
template <class K>
auto shard<Key, Value, Equal>::peek(time_point now, std::uint64_t hash, const K& key) const
    -> found_const {
  const handle at = locate(hash, key);
  if (at == no_handle) return {};
  const entry_type& seen = slots_[at];
  return seen.expired(now) ? found_const{} : found_const{&seen, at};
}

template <class Key, class Value, class Equal>
template <class K, class OnRemoved>
put_result shard<Key, Value, Equal>::insert_or_assign(time_point now, std::uint64_t hash, K&& key,
                                                      Value value, const terms& granted,
                                                      OnRemoved&& on_removed) {
  if (!budget_.can_ever_hold(granted.charge)) {
    ++counters_.refused;
    return {};
  }
  if (const handle old = locate(hash, key); old != no_handle) {
    if (!slots_[old].expired(now)) {
      return assign(now, old, std::move(value), granted, on_removed);
    }
    remove(old, removal::expired, on_removed);
  }
  const handle at = slots_.emplace(hash, std::forward<K>(key), std::move(value), granted);
  index_.insert(hash, at);
  budget_.charge(granted.charge);
  wheel_.schedule(at, granted.expires);
  policy_->on_insert(at, {hash, granted.charge});
  ++counters_.inserts;
  const bool kept = make_room(now, at, on_removed);
  assert_invariants();
  return kept ? put_result{put_outcome::inserted, at} : put_result{put_outcome::dropped, no_handle};
}

template <class Key, class Value, class Equal>
template <class OnRemoved>
put_result shard<Key, Value, Equal>::assign(time_point now, handle at, Value value,
                                            const terms& granted, OnRemoved&& on_removed) {
  KITH_ASSERT(slots_.live(at));
  if (!budget_.can_ever_hold(granted.charge)) {
    ++counters_.refused;
    return {};
  }
  entry_type& changed = slots_[at];
  on_removed(changed, removal::replaced);
  changed.value_ = std::move(value);
  budget_.release(changed.charge());
  budget_.charge(granted.charge);
  changed.terms_.charge = granted.charge;
  set_expires(at, granted.expires);
  policy_->on_update(at, {changed.hash_, granted.charge});
  count(removal::replaced);
  const bool kept = make_room(now, at, on_removed);
  assert_invariants();
  return kept ? put_result{put_outcome::updated, at} : put_result{put_outcome::dropped, no_handle};
}

template <class Key, class Value, class Equal>
void shard<Key, Value, Equal>::set_expires(handle at, time_point expires) {
  KITH_ASSERT(slots_.live(at));
  slots_[at].terms_.expires = expires;
  wheel_.schedule(at, expires);
}

template <class Key, class Value, class Equal>
template <class OnRemoved>
void shard<Key, Value, Equal>::remove(handle at, removal cause, OnRemoved& on_removed) {
  KITH_ASSERT(slots_.live(at));
  entry_type& gone = slots_[at];
  index_.erase(gone.hash_, at);
  wheel_.cancel(at);
  budget_.release(gone.charge());
  policy_->on_erase(at, cause);
  count(cause);
  on_removed(gone, cause);
  slots_.erase(at);
  if (slots_.size() > 0) return;
  slots_.trim();
  index_.trim();
  wheel_.trim();
  policy_->trim();
}

template <class Key, class Value, class Equal>
template <class OnRemoved>
void shard<Key, Value, Equal>::erase(handle at, OnRemoved&& on_removed) {
  remove(at, removal::erased, on_removed);
  assert_invariants();
}

template <class Key, class Value, class Equal>
template <class OnRemoved>
std::size_t shard<Key, Value, Equal>::expire(time_point now, std::size_t work,
                                             OnRemoved&& on_removed) {
  std::size_t removed = 0;
  for (handle at = wheel_.pop_due(now, work); at != no_handle; at = wheel_.pop_due(now, work)) {
    KITH_ASSERT(slots_[at].expired(now));
    remove(at, removal::expired, on_removed);
    ++removed;
  }
  if (removed > 0) assert_invariants();
  return removed;
}

template <class Key, class Value, class Equal>
void shard<Key, Value, Equal>::set_bytes_max(std::uint64_t bytes_max) {
  budget_.set_limit(bytes_max);
  policy_->on_limit(bytes_max);
}

template <class Key, class Value, class Equal>
void shard<Key, Value, Equal>::set_entries_max(std::optional<std::uint64_t> entries_max) {
  KITH_ASSERT(!entries_max || *entries_max > 0);
  entries_max_ = entries_max;
}

template <class Key, class Value, class Equal>
handle shard<Key, Value, Equal>::next_to_go(time_point now, std::size_t& work, removal& cause) {
  const handle due = wheel_.pop_due(now, work);
  cause = due != no_handle ? removal::expired : removal::evicted;
  return due != no_handle ? due : policy_->victim();
}

template <class Key, class Value, class Equal>
template <class OnRemoved>
bool shard<Key, Value, Equal>::make_room(time_point now, handle kept, OnRemoved& on_removed) {
  bool stayed = true;
  std::size_t work = turn_limit;
  while (over()) {
    removal cause{};
    const handle gone = next_to_go(now, work, cause);
    stayed = stayed && gone != kept;
    remove(gone, cause, on_removed);
  }
  return stayed;
}

template <class Key, class Value, class Equal>
template <class OnRemoved>
std::size_t shard<Key, Value, Equal>::evict_to_budget(time_point now, std::size_t removals_max,
                                                      OnRemoved&& on_removed) {
  return evict_while(now, removals_max, [this] { return above_budget(); }, on_removed);
}

template <class Key, class Value, class Equal>
template <class OnRemoved>
std::size_t shard<Key, Value, Equal>::evict_bytes(time_point now, std::uint64_t bytes,
                                                  std::size_t removals_max,
                                                  OnRemoved&& on_removed) {
  const std::uint64_t until = budget_.used() - std::min(bytes, budget_.used());
  return evict_while(
      now, removals_max, [&] { return budget_.used() > until; }, on_removed);
}

template <class Key, class Value, class Equal>
template <class More, class OnRemoved>
std::size_t shard<Key, Value, Equal>::evict_while(time_point now, std::size_t removals_max,
                                                  const More& more, OnRemoved& on_removed) {
  std::size_t removed = 0;
  std::size_t work = turn_limit;
  for (; more() && removed < removals_max; ++removed) {
    removal cause{};
    const handle gone = next_to_go(now, work, cause);
    remove(gone, cause, on_removed);
  }
  if (removed > 0) assert_invariants();
  return removed;
}

template <class Key, class Value, class Equal>
template <class Visit>
handle shard<Key, Value, Equal>::scan(handle from, std::uint32_t slots_max, Visit&& visit) const {
  std::uint32_t i = index_of(from);
  for (std::uint32_t left = slots_max; left > 0 && i < slots_.end(); --left, ++i) {
    if (slots_.live(handle{i})) visit(handle{i}, slots_[handle{i}]);
  }
  return i < slots_.end() ? handle{i} : no_handle;
}

template <class Key, class Value, class Equal>
template <class Doomed, class OnRemoved>
std::size_t shard<Key, Value, Equal>::erase_if(Doomed&& doomed, OnRemoved&& on_removed) {
  std::size_t removed = 0;
  for (std::uint32_t i = 0; i < slots_.end(); ++i) {
    const handle at{i};
    if (!slots_.live(at) || !doomed(std::as_const(slots_[at]))) continue;
    remove(at, removal::erased, on_removed);
    ++removed;
  }
  if (removed > 0) assert_invariants();
  return removed;
}

template <class Key, class Value, class Equal>
void shard<Key, Value, Equal>::count(removal cause) {
  switch (cause) {
    case removal::expired: ++counters_.expirations; return;
    case removal::evicted: ++counters_.evictions; return;
    case removal::erased: ++counters_.erased; return;
    case removal::replaced: ++counters_.updates; return;
  }
}

template <class Key, class Value, class Equal>
void shard<Key, Value, Equal>::assert_invariants() const {
  KITH_ASSERT(index_.size() == slots_.size());
  KITH_ASSERT(wheel_.size() <= slots_.size());
  KITH_SLOW_ASSERT(in_step());
}

/// Costs a walk over all slots, so of a large shard it looks at one change in as many only.
template <class Key, class Value, class Equal>
bool shard<Key, Value, Equal>::in_step() const {
  constexpr std::size_t small = 64;
  const std::size_t changes = counters_.inserts + counters_.updates;
  const std::size_t rarely = std::max<std::size_t>(256, std::bit_floor(slots_.size()));
  if (slots_.size() > small && changes % rarely != 0) return true;
  std::uint64_t bytes = 0;
  std::size_t timed = 0;
  bool indexed = true;
  for_each([&](handle at, const entry_type& seen) {
    bytes += seen.charge();
    timed += seen.expires() < never ? 1 : 0;
    indexed = indexed && locate(seen.hash(), seen.key()) == at;
    indexed = indexed && wheel_.scheduled(at) == (seen.expires() < never);
  });
  return indexed && bytes == budget_.used() && timed == wheel_.size();
}

}  // namespace kith::store
