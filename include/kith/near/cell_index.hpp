// From a key's stable hash to a cell, for readers that take no lock.
//
// A bucket is one cache line: six cells, sixteen bits of each one's salted hash, and the number of
// cells that found this bucket full and went on to a later one. A look-up goes on only while that
// number is not 0, so erasing leaves no tombstones. What a reader sees of a line that changes may
// be mixed; the worst that follows is a miss, and a miss is always allowed: the cell that it does
// find was announced (guard.hpp) and then seen again in its place.
//
// One writer at a time (the caller's lock). Growing fills a new array, publishes it, and then
// empties the old one: a reader that is still in the old one sees its cell gone and announces
// nothing there. Old arrays stay until the index is destroyed; together they are smaller than the
// newest.
//
// Whoever can choose keys still cannot choose buckets: the salt is secret. Keys of equal hash
// cannot be told apart by any salt, so a reader looks at `probes_max` buckets and no more.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/near/cell.hpp>
#include <kith/near/guard.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace kith::near {

class cell_index {
 public:
  static constexpr std::size_t bucket_cells = 6;
  static constexpr std::size_t probes_max = 16;

  cell_index(std::uint64_t salt, std::size_t cells_expected) : salt_{salt} {
    publish(make_array(std::bit_ceil(cells_expected / 4 + 1)));
  }

  /// The cell of this hash that `matches` accepts, announced in `slot`, or nullptr. Any thread.
  template <class Matches>
  [[nodiscard]] const cell* find(std::uint64_t hash, guard_slot& slot, Matches&& matches) const;

  /// The writer's calls. `insert` refuses a cell for which no bucket in reach has room.
  [[nodiscard]] bool insert(const cell& added);
  /// Requires that the cell is in the index.
  void erase(const cell& gone);
  /// Calls `visit(const cell&)` for the cells of this hash.
  template <class Visit>
  void for_each(std::uint64_t hash, Visit&& visit) const;

  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct alignas(64) bucket {
    std::array<std::atomic<const cell*>, bucket_cells> cells{};
    std::array<std::atomic<std::uint16_t>, bucket_cells> tags{};
    std::atomic<std::uint16_t> passed{0};
  };
  static_assert(sizeof(bucket) == 64);
  struct array {
    std::unique_ptr<bucket[]> buckets;
    std::size_t mask = 0;
  };
  /// Where a hash starts, and what marks it in a bucket: never 0, which marks a free place.
  struct trail {
    std::size_t start;
    std::uint16_t tag;
  };

  [[nodiscard]] trail trail_of(std::uint64_t hash) const {
    const std::uint64_t salted = xxh64::avalanche(hash ^ salt_);
    const auto tag = static_cast<std::uint16_t>(salted);
    return {static_cast<std::size_t>(salted >> 16), tag == 0 ? std::uint16_t{1} : tag};
  }
  [[nodiscard]] static std::unique_ptr<array> make_array(std::size_t buckets) {
    return std::make_unique<array>(array{std::make_unique<bucket[]>(buckets), buckets - 1});
  }
  void publish(std::unique_ptr<array> next) {
    newest_.store(next.get(), std::memory_order_seq_cst);
    arrays_.push_back(std::move(next));
  }

  template <class Matches>
  [[nodiscard]] static const cell* find_in(const array& in, trail to, guard_slot& slot,
                                           Matches&& matches);
  [[nodiscard]] bool place(array& into, const cell& added, std::size_t probes) const;
  void grow();
  [[nodiscard]] array& newest() const { return *arrays_.back(); }

  const std::uint64_t salt_;
  std::size_t size_ = 0;
  std::vector<std::unique_ptr<array>> arrays_;
  /// Acquire for readers: the buckets behind it are initialised.
  std::atomic<const array*> newest_{nullptr};
};

// --- implementation ---

template <class Matches>
const cell* cell_index::find(std::uint64_t hash, guard_slot& slot, Matches&& matches) const {
  const trail to = trail_of(hash);
  for (const array* in = newest_.load(std::memory_order_acquire);;) {
    if (const cell* seen = find_in(*in, to, slot, matches)) return seen;
    const array* now = newest_.load(std::memory_order_acquire);
    if (now == in) return nullptr;
    in = now;
  }
}

template <class Matches>
const cell* cell_index::find_in(const array& in, trail to, guard_slot& slot, Matches&& matches) {
  for (std::size_t probe = 0; probe < probes_max; ++probe) {
    const bucket& at = in.buckets[(to.start + probe) & in.mask];
    for (std::size_t i = 0; i < bucket_cells; ++i) {
      if (at.tags[i].load(std::memory_order_relaxed) != to.tag) continue;
      const cell* seen = at.cells[i].load(std::memory_order_acquire);
      while (seen != nullptr) {
        slot.store(guard::address_of(seen), std::memory_order_seq_cst);
        const cell* again = at.cells[i].load(std::memory_order_seq_cst);
        if (again == seen && matches(*seen)) return seen;
        guard::clear(slot);
        if (again == seen) break;
        seen = again;
      }
    }
    if (at.passed.load(std::memory_order_relaxed) == 0) return nullptr;
  }
  return nullptr;
}

inline bool cell_index::place(array& into, const cell& added, std::size_t probes) const {
  const trail to = trail_of(added.place.hash);
  for (std::size_t probe = 0; probe < probes && probe <= into.mask; ++probe) {
    bucket& at = into.buckets[(to.start + probe) & into.mask];
    for (std::size_t i = 0; i < bucket_cells; ++i) {
      if (at.cells[i].load(std::memory_order_relaxed) != nullptr) continue;
      for (std::size_t before = 0; before < probe; ++before) {
        into.buckets[(to.start + before) & into.mask].passed.fetch_add(1,
                                                                       std::memory_order_relaxed);
      }
      at.tags[i].store(to.tag, std::memory_order_relaxed);
      at.cells[i].store(&added, std::memory_order_seq_cst);
      return true;
    }
  }
  return false;
}

inline bool cell_index::insert(const cell& added) {
  const auto room = [this] { return (newest().mask + 1) * bucket_cells; };
  if ((size_ + 1) * 4 > room() * 3) grow();
  while (!place(newest(), added, probes_max)) {
    // Neighbours that crowd each other in a table with much room have equal hashes: growing would
    // not part them.
    if (size_ * 4 < room()) return false;
    grow();
  }
  ++size_;
  return true;
}

inline void cell_index::grow() {
  array& old = newest();
  auto next = make_array((old.mask + 1) * 2);
  for (std::size_t b = 0; b <= old.mask; ++b) {
    for (const std::atomic<const cell*>& held : old.buckets[b].cells) {
      const cell* moved = held.load(std::memory_order_relaxed);
      // Without a limit: a cell out of the readers' reach is still the writer's to find.
      const bool placed = moved == nullptr || place(*next, *moved, SIZE_MAX);
      KITH_ASSERT(placed);
    }
  }
  publish(std::move(next));
  for (std::size_t b = 0; b <= old.mask; ++b) {
    for (std::atomic<const cell*>& held : old.buckets[b].cells) {
      held.store(nullptr, std::memory_order_seq_cst);
    }
  }
}

inline void cell_index::erase(const cell& gone) {
  const trail to = trail_of(gone.place.hash);
  for (std::size_t probe = 0; probe <= newest().mask; ++probe) {
    bucket& at = newest().buckets[(to.start + probe) & newest().mask];
    for (std::size_t i = 0; i < bucket_cells; ++i) {
      if (at.cells[i].load(std::memory_order_relaxed) != &gone) continue;
      at.cells[i].store(nullptr, std::memory_order_seq_cst);
      at.tags[i].store(0, std::memory_order_relaxed);
      for (std::size_t before = 0; before < probe; ++before) {
        newest().buckets[(to.start + before) & newest().mask].passed.fetch_sub(
            1, std::memory_order_relaxed);
      }
      --size_;
      return;
    }
  }
  KITH_ASSERT(false);
}

template <class Visit>
void cell_index::for_each(std::uint64_t hash, Visit&& visit) const {
  const trail to = trail_of(hash);
  for (std::size_t probe = 0; probe <= newest().mask; ++probe) {
    const bucket& at = newest().buckets[(to.start + probe) & newest().mask];
    for (const std::atomic<const cell*>& held : at.cells) {
      const cell* seen = held.load(std::memory_order_relaxed);
      if (seen != nullptr && seen->place.hash == hash) visit(*seen);
    }
    if (at.passed.load(std::memory_order_relaxed) == 0) return;
  }
}

}  // namespace kith::near
