// How near look-ups ended. A hit must not write a line that other readers write, so hits are
// counted in cells, one a thread; what ends in a request to the owner can afford a shared counter.
//
// A hit is counted by its age bound: now minus the freshness under which it was served. So the
// counts of the histogram are the number of hits too, and a hit costs one of them.
#pragma once

#include <kith/core/histogram.hpp>
#include <kith/core/time.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kith::near {

class lookup_counters {
 public:
  /// `reader` is the number of the thread's guard record, which no other thread has meanwhile.
  /// `age` is below 0 where the owner was heard of after the reader took the time.
  void count_hit(std::uint32_t reader, duration age) {
    const auto bound = static_cast<std::uint64_t>(std::max<duration::rep>(age.count(), 0));
    if (reader + 1 < own_cells) {
      cell& mine = cells_[reader];
      mine.ages.record(bound);
      if (bound > mine.oldest.load(std::memory_order_relaxed)) {
        mine.oldest.store(bound, std::memory_order_relaxed);
      }
    } else {
      count_shared(bound);
    }
  }

  [[nodiscard]] std::uint64_t hits() const {
    std::uint64_t sum = 0;
    for (const cell& one : cells_) sum += one.ages.count();
    return sum;
  }
  [[nodiscard]] age_histogram ages() const {
    age_histogram sum;
    for (const cell& one : cells_) one.ages.add_to(sum);
    return sum;
  }
  /// No hit was older.
  [[nodiscard]] duration oldest() const {
    std::uint64_t most = 0;
    for (const cell& one : cells_) {
      most = std::max(most, one.oldest.load(std::memory_order_relaxed));
    }
    return duration{static_cast<duration::rep>(most)};
  }

  /// No entry that is alive.
  std::atomic<std::uint64_t> absent{0};
  /// What is known of the owner, or of the coordinator, is older than the bound; a look-up in a
  /// partition without entries counts as absent.
  std::atomic<std::uint64_t> not_fresh{0};
  /// The stream has a gap or no connection; counted as not_fresh is.
  std::atomic<std::uint64_t> suspect{0};
  /// The entry's time was over.
  std::atomic<std::uint64_t> expired{0};

 private:
  struct alignas(64) cell {
    single_writer_histogram<age_scale> ages;
    std::atomic<std::uint64_t> oldest{0};
  };
  /// Threads with higher numbers share the last one. 20 KB in all.
  static constexpr std::size_t own_cells = 32;

  void count_shared(std::uint64_t bound) {
    cell& all = cells_[own_cells - 1];
    all.ages.record_shared(bound);
    std::uint64_t seen = all.oldest.load(std::memory_order_relaxed);
    while (bound > seen &&
           !all.oldest.compare_exchange_weak(seen, bound, std::memory_order_relaxed)) {
    }
  }

  std::array<cell, own_cells> cells_{};
};

}  // namespace kith::near
