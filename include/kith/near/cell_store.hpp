// The near cache without its types: which cells it keeps, for how long, and how lanes drop them.
//
// The engine is a store::shard (budget, eviction policy, timer wheel) under one mutex, which is a
// leaf. Beside it stands an index for readers that take no lock (cell_index.hpp). Who removes a
// cell unlinks it under the mutex, and hands it over to readers that still hold it, and drops it,
// after the mutex was released: destructors of values run under no lock of this class.
//
// A cell is visible while it has the partition's generation (gates.hpp), the cache's clearing of
// the partition and the epochs of its tags (tag_epochs.hpp). Raising one of them hides all cells of
// it at once; their memory comes back as reclaim() passes by, or when the policy needs room.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/mutex.hpp>
#include <kith/core/time.hpp>
#include <kith/near/cell.hpp>
#include <kith/near/cell_index.hpp>
#include <kith/near/gates.hpp>
#include <kith/near/lookup_counters.hpp>
#include <kith/near/reader_marks.hpp>
#include <kith/near/table.hpp>
#include <kith/near/tag_epochs.hpp>
#include <kith/store/handle.hpp>
#include <kith/store/pressure.hpp>
#include <kith/store/shard.hpp>
#include <kith/store/sieve.hpp>

#include <absl/container/inlined_vector.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace kith::near {

struct near_config {
  /// The budget for the charges of all entries.
  std::uint64_t bytes_max = std::uint64_t{64} << 20;
  /// Secret, and different in every process; decides nothing that leaves it.
  std::uint64_t salt = 0;
};

class cell_store : public table {
 public:
  cell_store(const near_config& config, gates& shared);
  inline ~cell_store() override;

  // The lane's side: with the lock of the key's lane held.

  inline install_result install(time_point now, const counted_cell& added) override;
  inline void erase_older(std::uint64_t key_hash, version bound) override;
  inline void clear(partition_id p) override;
  inline void end_tag(std::uint64_t tag) override;
  inline void expect_dead() override;
  inline bool reclaim(time_point now, std::uint32_t slots_max) override;

  // Anyone's.

  /// Evicts what is too much here and now, a turn at a time: readers and lanes go on between two.
  void set_bytes_max(time_point now, std::uint64_t bytes_max);
  inline std::size_t shrink(time_point now, std::uint64_t bytes, std::size_t removals_max) override;

  /// Entries and their charges, dead ones that were not reclaimed yet included.
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] inline std::uint64_t bytes() const override;
  [[nodiscard]] std::uint64_t bytes_max() const;
  /// More than is allowed now; while a lower limit is being reached, than what there was.
  [[nodiscard]] std::uint64_t bytes_over() const;
  /// What the engine counted; its hits and misses are not counted there, see lookups().
  [[nodiscard]] store::counters engine_counters() const;
  [[nodiscard]] const lookup_counters& lookups() const { return lookups_; }

  /// A cell, and whether it was read since the policy last judged it.
  struct hot_cell {
    counted_cell held;
    bool read = false;
  };

  /// The cells that may be served as far as the store knows, those first that it would keep longest
  /// if nothing were read any more; at most `most`. First those with a mark of a reader, then those
  /// that the policy's hand has passed and spared, then the others; of each the one that came last
  /// first. They stay alive as long as they are held here.
  ///
  /// No read is counted and no mark taken. Any thread; the mutex is held for `slots_a_turn` slots
  /// at a time, so what changes meanwhile is there or not. Cost: looks at every slot.
  [[nodiscard]] std::vector<hot_cell> hottest(time_point now, std::size_t most) const;

  /// What is kept of a key, whether it may be served or not.
  struct sight {
    kith::version version;
    time_point expires = never;
    /// Of the present generation: a dead one waits to be reclaimed.
    bool alive = false;
  };

 protected:
  /// Leaves no trace; the mutex is held.
  template <class Matches>
  [[nodiscard]] std::optional<sight> look_for(std::uint64_t hash, Matches&& matches) const;

  /// Whatever is kept of a key, announced in `slot`. Leaves no trace; any thread, no lock.
  template <class Matches>
  [[nodiscard]] const cell* find_any(std::uint64_t hash, Matches&& matches,
                                     guard_slot& slot) const {
    return index_.find(hash, slot, std::forward<Matches>(matches));
  }
  /// The same, counted. Takes the mutex.
  template <class Matches>
  [[nodiscard]] counted_cell hold(std::uint64_t hash, Matches&& matches) const;

  /// A cell that is visible, announced in `slot`; nullptr, with the reason counted, where there is
  /// none that may be served. Any thread, no lock.
  template <class Matches>
  [[nodiscard]] const cell* find_cell(std::uint64_t hash, Matches&& matches, time_point now,
                                      duration max_age, guard::record& reader,
                                      guard_slot& slot) const;
  /// The same in a strong cache; `clock()` is the time of now.
  template <class Matches, class Clock>
  [[nodiscard]] const cell* find_leased_cell(std::uint64_t hash, Matches&& matches, Clock&& clock,
                                             duration lease, guard::record& reader,
                                             guard_slot& slot) const;

 private:
  struct same_key {
    [[nodiscard]] bool operator()(const cell* a, const cell* b) const { return a->same_key(*b); }
  };
  using engine = store::shard<const cell*, counted_cell, same_key>;
  static_assert(sizeof(engine::entry_type) <= store::near_slot_bytes);
  /// Cells that were unlinked under the mutex.
  using leavers = absl::InlinedVector<counted_cell, 4>;
  /// One type for both of its uses: of two capacities, g++ 12 folds the functions into one and then
  /// warns of its own result.
  using handles = absl::InlinedVector<store::handle, 32>;
  /// A cell that hottest() may name. Invariant: the less, the longer it is kept.
  struct candidate {
    std::uint32_t coldness = 0;
    std::int32_t age = 0;
    counted_cell held;

    [[nodiscard]] bool operator<(const candidate& other) const {
      return coldness != other.coldness ? coldness < other.coldness : age < other.age;
    }
  };
  static constexpr std::uint32_t slots_a_turn = 256;

  /// Living entries of one partition.
  struct population {
    std::uint32_t generation = 0;
    std::uint32_t count = 0;
  };

  /// What the engine calls for an entry that leaves; the mutex is held.
  struct unlinker {
    cell_store& store;
    leavers& out;
    /// Not in the index yet.
    const cell* newcomer = nullptr;
    void operator()(engine::entry_type& gone, store::removal) const;
  };

  [[nodiscard]] bool visible(const cell& seen) const;
  install_result install_locked(time_point now, const counted_cell& added, leavers& gone)
      KITH_REQUIRES(mutex_);
  void count_in(const cell& added) KITH_REQUIRES(mutex_);
  void count_out(const cell& gone) KITH_REQUIRES(mutex_);
  void sweep(std::uint32_t slots_max, leavers& gone) KITH_REQUIRES(mutex_);
  static void let_go(leavers& gone);
  /// Adds the candidates of one turn. `begun` is installs_ when the first turn began.
  [[nodiscard]] store::handle rank(time_point now, store::handle from, std::uint32_t begun,
                                   std::vector<candidate>& found) const KITH_REQUIRES(mutex_);

  gates& gates_;
  /// Per partition: grows when this cache is cleared there. Written under mutex_ (release), read by
  /// readers (acquire) after the cell.
  std::array<std::atomic<std::uint32_t>, partition_count> clearings_{};
  /// Written under mutex_; read by readers after the cell.
  tag_epochs tag_epochs_;
  mutable lookup_counters lookups_;

  mutable kith::mutex mutex_;
  engine engine_ KITH_GUARDED_BY(mutex_);
  /// Readers read it without the lock; all changes are under it.
  cell_index index_;
  std::array<population, partition_count> populations_ KITH_GUARDED_BY(mutex_){};
  /// Where the search for dead cells goes on; absent: nothing died since the last whole pass.
  std::optional<store::handle> sweep_at_ KITH_GUARDED_BY(mutex_);
  bool sweep_again_ KITH_GUARDED_BY(mutex_) = false;
  /// Installations so far, for the order of cells; wraps.
  std::uint32_t installs_ KITH_GUARDED_BY(mutex_) = 0;
};

// --- implementation ---

inline cell_store::cell_store(const near_config& config, gates& shared)
    : gates_{shared},
      engine_{{.bytes_max = config.bytes_max,
               .salt = config.salt,
               .slot_bytes = store::near_slot_bytes},
              std::make_unique<reader_marks>(
                  std::make_unique<store::sieve>(),
                  [this](store::handle at)
                      KITH_NO_THREAD_SAFETY_ANALYSIS { return engine_[at].value()->take_mark(); })},
      // A small beginning, so that a cache which is never filled stays small: the index grows.
      index_{config.salt, static_cast<std::size_t>(
                              std::clamp<std::uint64_t>(config.bytes_max / 1024, 64, 4096))} {}

inline cell_store::~cell_store() {
  leavers gone;
  {
    mutex_lock held{mutex_};
    engine_.erase_if([](const engine::entry_type&) { return true; }, unlinker{*this, gone});
  }
  let_go(gone);
}

inline void cell_store::unlinker::operator()(engine::entry_type& gone,
                                             store::removal) const KITH_NO_THREAD_SAFETY_ANALYSIS {
  if (gone.value().get() != newcomer) {
    store.index_.erase(*gone.value());
    store.count_out(*gone.value());
  }
  out.push_back(std::move(gone.value()));
}

inline void cell_store::let_go(leavers& gone) {
  for (const counted_cell& one : gone) guard::registry::shared().hand_over(*one);
  gone.clear();
}

inline bool cell_store::visible(const cell& seen) const {
  const partition_id p = partition_of(seen.place.hash);
  return seen.place.generation == gates_.generation(p) &&
         seen.place.clearing == clearings_[index_of(p)].load(std::memory_order_acquire) &&
         (!seen.marks || tag_epochs_.current(*seen.marks));
}

inline void cell_store::count_in(const cell& added) {
  const partition_id p = partition_of(added.place.hash);
  population& here = populations_[index_of(p)];
  if (here.generation != added.place.generation) here = {added.place.generation, 0};
  ++here.count;
  gates_.add_entries(p, added.place.generation, 1);
}

inline void cell_store::count_out(const cell& gone) {
  const partition_id p = partition_of(gone.place.hash);
  population& here = populations_[index_of(p)];
  const std::uint32_t clearing = clearings_[index_of(p)].load(std::memory_order_relaxed);
  if (here.generation != gone.place.generation || clearing != gone.place.clearing) return;
  KITH_ASSERT(here.count > 0);
  --here.count;
  gates_.remove_entries(p, gone.place.generation, 1);
}

inline install_result cell_store::install(time_point now, const counted_cell& added) {
  constexpr std::size_t expiry_work = 16;
  leavers gone;
  install_result result{};
  {
    mutex_lock held{mutex_};
    engine_.expire(now, expiry_work, unlinker{*this, gone});
    result = install_locked(now, added, gone);
  }
  let_go(gone);
  return result;
}

inline install_result cell_store::install_locked(time_point now, const counted_cell& added,
                                                 leavers& gone) {
  placement& place = added->place;
  const partition_id p = partition_of(place.hash);
  const cell* present = nullptr;
  index_.for_each(place.hash, [&](const cell& seen) {
    if (seen.same_key(*added)) present = &seen;
  });
  if (present != nullptr) {
    const bool alive = visible(*present) && now < present->place.expires;
    if (alive && present->version > added->version) return install_result::newer_present;
    if (alive && added->only_if_room && present->version == added->version) {
      return install_result::newer_present;
    }
    engine_.erase(present->place.at, unlinker{*this, gone});
  }
  if (added->only_if_room && engine_.bytes() + place.charge > engine_.bytes_max()) {
    return install_result::no_room;
  }
  place.generation = gates_.generation(p);
  place.clearing = clearings_[index_of(p)].load(std::memory_order_relaxed);
  place.order = ++installs_;
  if (added->marks) tag_epochs_.mark(*added->marks);
  const unlinker on_removed{*this, gone, added.get()};
  const store::put_result put =
      engine_.insert_or_assign(now, place.hash, added.get(), added,
                               {.charge = place.charge, .expires = place.expires}, on_removed);
  if (put.at == store::no_handle) return install_result::no_room;
  place.at = put.at;
  if (!index_.insert(*added)) {
    engine_.erase(put.at, on_removed);
    return install_result::crowded;
  }
  count_in(*added);
  return install_result::installed;
}

inline void cell_store::erase_older(std::uint64_t key_hash, version bound) {
  leavers gone;
  {
    mutex_lock held{mutex_};
    handles older;
    index_.for_each(key_hash, [&](const cell& seen) {
      if (seen.version < bound) older.push_back(seen.place.at);
    });
    for (const store::handle at : older) engine_.erase(at, unlinker{*this, gone});
  }
  let_go(gone);
}

inline void cell_store::clear(partition_id p) {
  {
    mutex_lock held{mutex_};
    clearings_[index_of(p)].fetch_add(1, std::memory_order_release);
    population& here = populations_[index_of(p)];
    gates_.remove_entries(p, here.generation, here.count);
    here.count = 0;
  }
  expect_dead();
}

inline void cell_store::end_tag(std::uint64_t tag) {
  {
    mutex_lock held{mutex_};
    tag_epochs_.end(tag);
  }
  expect_dead();
}

inline void cell_store::expect_dead() {
  mutex_lock held{mutex_};
  if (engine_.size() == 0) return;
  // A pass that has not begun will see everything.
  if (sweep_at_ && *sweep_at_ != engine::first) sweep_again_ = true;
  if (!sweep_at_) sweep_at_ = engine::first;
}

inline bool cell_store::reclaim(time_point now, std::uint32_t slots_max) {
  leavers gone;
  bool more = false;
  {
    mutex_lock held{mutex_};
    engine_.expire(now, slots_max, unlinker{*this, gone});
    sweep(slots_max, gone);
    more = sweep_at_.has_value();
  }
  let_go(gone);
  return more;
}

inline void cell_store::sweep(std::uint32_t slots_max, leavers& gone) {
  if (!sweep_at_) return;
  handles dead;
  const store::handle next =
      engine_.scan(*sweep_at_, slots_max, [&](store::handle at, const engine::entry_type& seen) {
        if (!visible(*seen.value())) dead.push_back(at);
      });
  for (const store::handle at : dead) engine_.erase(at, unlinker{*this, gone});
  if (next != store::no_handle) {
    sweep_at_ = next;
    return;
  }
  if (sweep_again_) {
    sweep_at_ = engine::first;
  } else {
    sweep_at_.reset();
  }
  sweep_again_ = false;
}

inline std::size_t cell_store::size() const {
  mutex_lock held{mutex_};
  return engine_.size();
}

inline std::uint64_t cell_store::bytes_max() const {
  mutex_lock held{mutex_};
  return engine_.bytes_max();
}

inline std::uint64_t cell_store::bytes() const {
  mutex_lock held{mutex_};
  return engine_.bytes();
}

inline store::counters cell_store::engine_counters() const {
  mutex_lock held{mutex_};
  return engine_.counters();
}

template <class Matches>
std::optional<cell_store::sight> cell_store::look_for(std::uint64_t hash, Matches&& matches) const {
  std::optional<sight> found;
  const mutex_lock held{mutex_};
  index_.for_each(hash, [&](const cell& seen) {
    if (matches(seen)) found = {seen.version, seen.place.expires, visible(seen)};
  });
  return found;
}

/// The clock is read last (gates.hpp).
template <class Matches, class Clock>
const cell* cell_store::find_leased_cell(std::uint64_t hash, Matches&& matches, Clock&& clock,
                                         duration lease, guard::record& reader,
                                         guard_slot& slot) const {
  const partition_id p = partition_of(hash);
  const lease_permit allowed = gates_.lease_for(p);
  const cell* seen = index_.find(hash, slot, std::forward<Matches>(matches));
  if (seen == nullptr) {
    lookups_.absent.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  const bool alive = visible(*seen);
  const time_point now = clock();
  const bool leased = now < allowed.until(lease);
  if (alive && leased && now < seen->place.expires) {
    seen->mark_read();
    lookups_.count_hit(reader.number, now - std::min(allowed.leased, now));
    return seen;
  }
  guard::clear(slot);
  std::atomic<std::uint64_t>& reason = !alive            ? lookups_.absent
                                       : leased          ? lookups_.expired
                                       : allowed.suspect ? lookups_.suspect
                                                         : lookups_.not_fresh;
  reason.fetch_add(1, std::memory_order_relaxed);
  return nullptr;
}

template <class Matches>
const cell* cell_store::find_cell(std::uint64_t hash, Matches&& matches, time_point now,
                                  duration max_age, guard::record& reader, guard_slot& slot) const {
  const partition_id p = partition_of(hash);
  const permit allowed = gates_.permit_for(p);
  if (!allowed.allows(now, max_age)) {
    std::atomic<std::uint64_t>& reason = gates_.entries(p) == 0 ? lookups_.absent
                                         : allowed.suspect      ? lookups_.suspect
                                                                : lookups_.not_fresh;
    reason.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  const cell* seen = index_.find(hash, slot, std::forward<Matches>(matches));
  if (seen == nullptr) {
    lookups_.absent.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  const bool alive = visible(*seen);
  if (alive && now < seen->place.expires) {
    seen->mark_read();
    lookups_.count_hit(reader.number, now - allowed.fresh);
    return seen;
  }
  guard::clear(slot);
  (alive ? lookups_.expired : lookups_.absent).fetch_add(1, std::memory_order_relaxed);
  return nullptr;
}

}  // namespace kith::near

#include <kith/near/cell_store_room.hpp>
#include <kith/near/hottest.hpp>
