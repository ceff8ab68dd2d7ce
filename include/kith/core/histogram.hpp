// A log-linear histogram: counts of values in buckets whose width grows with the value, so that one
// small table tells microseconds from minutes with the same relative error. Each power of two is
// cut into 2^SubBits equal parts, as in HdrHistogram (Gil Tene; https://hdrhistogram.org).
//
// Integers only, of fixed size: the same values give the same counts everywhere, and two
// histograms of one scale are merged by adding their counts.
#pragma once

#include <kith/core/assert.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kith {

/// Buckets for values from 0 to below 2^TopBits; higher ones are counted in the last. Values are
/// told apart in steps of 2^UnitBits at the low end, and to one part in 2^SubBits above it.
template <unsigned SubBits, unsigned UnitBits, unsigned TopBits>
struct log_linear_scale {
  static_assert(SubBits + UnitBits < TopBits && TopBits < 63);

  static constexpr std::size_t parts = std::size_t{1} << SubBits;
  static constexpr std::size_t size = parts * (TopBits - UnitBits - SubBits + 1);

  /// The bucket of `value`. No branch but for the two ends.
  [[nodiscard]] static constexpr std::size_t index_of(std::uint64_t value) {
    const std::uint64_t steps = value >> UnitBits;
    if (steps < parts) return static_cast<std::size_t>(steps);
    const auto octave = static_cast<unsigned>(std::bit_width(steps)) - SubBits - 1;
    const std::size_t index = parts * octave + static_cast<std::size_t>(steps >> octave);
    return std::min(index, size - 1);
  }

  /// Bucket `i` counts the values in [lowest(i), lowest(i + 1)).
  [[nodiscard]] static constexpr std::uint64_t lowest(std::size_t i) {
    if (i < parts) return std::uint64_t{i} << UnitBits;
    const std::size_t octave = i / parts - 1;
    return std::uint64_t{parts + i % parts} << (octave + UnitBits);
  }
};

/// What any histogram can be read as, whatever its scale. Refers to the histogram.
struct histogram_view {
  std::span<const std::uint64_t> counts;
  /// lowest(i) of the scale, for i up to counts.size().
  std::uint64_t (*lowest)(std::size_t) = nullptr;
  /// Where the width of buckets doubles: every so many.
  std::size_t parts = 1;

  [[nodiscard]] std::uint64_t count() const {
    std::uint64_t all = 0;
    for (const std::uint64_t one : counts) all += one;
    return all;
  }

  /// The sum of the values, each taken as the middle of its bucket: so it is off by half of the
  /// relative error at most, and never goes back.
  [[nodiscard]] std::uint64_t sum() const {
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      all += counts[i] * (lowest(i) + (lowest(i + 1) - lowest(i)) / 2);
    }
    return all;
  }

  /// A value that at least `share` percent of the values do not exceed: the upper end of the bucket
  /// in which that many are reached. 0 when nothing was recorded.
  [[nodiscard]] std::uint64_t percentile(unsigned share) const {
    KITH_ASSERT(share <= 100);
    const std::uint64_t all = count();
    if (all == 0) return 0;
    // Rounded up, without the product of a large count overflowing.
    const std::uint64_t wanted =
        std::max<std::uint64_t>(1, all / 100 * share + (all % 100 * share + 99) / 100);
    std::uint64_t seen = 0;
    std::size_t i = 0;
    while ((seen += counts[i]) < wanted) ++i;
    return lowest(i + 1);
  }
};

/// Counts by one writer at a time; reading needs the writer's lock.
template <class Scale>
class histogram {
 public:
  using scale = Scale;

  void record(std::uint64_t value) { ++counts_[Scale::index_of(value)]; }
  /// Adds what another one of the same scale has counted.
  void merge(const histogram& other) {
    for (std::size_t i = 0; i < Scale::size; ++i) counts_[i] += other.counts_[i];
  }
  void add(std::size_t bucket, std::uint64_t count) { counts_[bucket] += count; }

  [[nodiscard]] histogram_view view() const { return {counts_, Scale::lowest, Scale::parts}; }
  [[nodiscard]] std::uint64_t count() const { return view().count(); }

  friend bool operator==(const histogram&, const histogram&) = default;

 private:
  std::array<std::uint64_t, Scale::size> counts_{};
};

/// Counts by one thread, read by any. Recording is wait-free: a load and a store of a line that no
/// other thread writes. For what is rare several threads may share one.
template <class Scale>
class single_writer_histogram {
 public:
  void record(std::uint64_t value) {
    std::atomic<std::uint64_t>& mine = counts_[Scale::index_of(value)];
    mine.store(mine.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  /// The same where several threads write: one atomic addition.
  void record_shared(std::uint64_t value) {
    counts_[Scale::index_of(value)].fetch_add(1, std::memory_order_relaxed);
  }
  void add_to(histogram<Scale>& sum) const {
    for (std::size_t i = 0; i < Scale::size; ++i) {
      sum.add(i, counts_[i].load(std::memory_order_relaxed));
    }
  }
  [[nodiscard]] std::uint64_t count() const {
    std::uint64_t all = 0;
    for (const auto& one : counts_) all += one.load(std::memory_order_relaxed);
    return all;
  }

 private:
  std::array<std::atomic<std::uint64_t>, Scale::size> counts_{};
};

/// Of latencies, in nanoseconds: steps of 1 us, then one part in 8, up to 68 s. 1.5 KB.
using latency_scale = log_linear_scale<3, 10, 36>;
using latency_histogram = histogram<latency_scale>;

/// Of ages of near entries, in nanoseconds: steps of 66 us, then one part in 4, up to 68 s. Small,
/// as each thread that reads has one. 0.6 KB.
using age_scale = log_linear_scale<2, 16, 36>;
using age_histogram = histogram<age_scale>;

}  // namespace kith
