// How near look-ups ended. A hit must not write a line that other readers write, so hits are
// counted in cells, one a thread; what ends in a request to the owner can afford a shared counter.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kith::near {

class lookup_counters {
 public:
  /// `reader` is the number of the thread's guard record, which no other thread has meanwhile.
  void count_hit(std::uint32_t reader) {
    if (reader + 1 < own_cells) {
      std::atomic<std::uint64_t>& mine = hits_[reader].value;
      mine.store(mine.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    } else {
      hits_[own_cells - 1].value.fetch_add(1, std::memory_order_relaxed);
    }
  }

  [[nodiscard]] std::uint64_t hits() const {
    std::uint64_t sum = 0;
    for (const cell& one : hits_) sum += one.value.load(std::memory_order_relaxed);
    return sum;
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
    std::atomic<std::uint64_t> value{0};
  };
  /// Threads with higher numbers share the last one.
  static constexpr std::size_t own_cells = 32;

  std::array<cell, own_cells> hits_{};
};

}  // namespace kith::near
