// Counts durations in buckets that grow with the value: each power of two is cut into 64 equal
// parts, so a percentile is at most 1/64 above the true one, from a microsecond to hours, in a
// table of fixed size.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace catalog {

class histogram {
 public:
  /// Larger values count as this one.
  static constexpr std::uint64_t value_max = (std::uint64_t{1} << 36) - 1;

  void add(std::uint64_t value) {
    value = std::min(value, value_max);
    ++buckets_[bucket_of(value)];
    ++count_;
    max_ = std::max(max_, value);
  }

  void add(const histogram& other) {
    for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    max_ = std::max(max_, other.max_);
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }

  /// A value that `per_mille` of a thousand do not exceed: the upper end of the bucket that holds
  /// the one of that rank. 0 when nothing was added.
  [[nodiscard]] std::uint64_t percentile(std::uint64_t per_mille) const {
    if (count_ == 0) return 0;
    const std::uint64_t rank = std::max<std::uint64_t>((count_ * per_mille + 999) / 1000, 1);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen >= rank) return std::min(last_of(i), max_);
    }
    return max_;
  }

 private:
  static constexpr unsigned part_bits = 6;
  static constexpr std::uint64_t parts = std::uint64_t{1} << part_bits;

  // Values below `parts` have a bucket each; above, the highest bit chooses the row and the next
  // six choose the bucket in it.
  static std::size_t bucket_of(std::uint64_t value) {
    if (value < parts) return static_cast<std::size_t>(value);
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - part_bits;
    return static_cast<std::size_t>((shift + 1) * parts + ((value >> shift) - parts));
  }

  static std::uint64_t last_of(std::size_t bucket) {
    if (bucket < parts) return bucket;
    const std::uint64_t shift = bucket / parts - 1;
    return (((bucket % parts) + parts + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (36 - part_bits + 1) * parts> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace catalog
