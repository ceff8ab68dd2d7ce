// The byte ledger of one shard. What an entry is charged is a formula of its sizes, not what the
// allocator or the standard library happen to take: all replicas and all replays of a seed must
// evict the same entries.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/store/memory_model.hpp>

#include <algorithm>
#include <cstdint>

namespace kith::store {

/// What an entry costs beside the buffers of its key and value: its slot with the slot's link
/// (116), the policy's node (9), its place in the partition's list (8), and in the index at its
/// mean load (16).
inline constexpr std::uint64_t entry_overhead = 149;
/// What a near entry costs beside the buffers of its key and value, which are taken to be as long
/// as they are on the wire: the cell with its count, version and place and the two objects (176),
/// its slot (44), the policy's node (9), and the index at its mean load with its smaller
/// forerunners (31).
inline constexpr std::uint64_t near_entry_overhead = 260;
/// The wheel's node of an entry that has a time.
inline constexpr std::uint64_t timed_entry_bytes = 16;

struct entry_sizes {
  std::uint64_t key_bytes = 0;
  std::uint64_t value_bytes = 0;
};

[[nodiscard]] constexpr std::uint64_t buffers_of(entry_sizes sizes) {
  return allocation_of(sizes.key_bytes) + allocation_of(sizes.value_bytes);
}

/// charge = what the buffers of key and value take + entry_overhead.
[[nodiscard]] constexpr std::uint64_t charge_of(entry_sizes sizes) {
  return buffers_of(sizes) + entry_overhead;
}
[[nodiscard]] constexpr std::uint64_t near_charge_of(entry_sizes sizes) {
  return buffers_of(sizes) + near_entry_overhead;
}

class budget {
 public:
  explicit budget(std::uint64_t limit) : limit_{limit} { KITH_ASSERT(limit > 0); }

  void charge(std::uint64_t bytes) {
    KITH_ASSERT(bytes <= UINT64_MAX - used_);
    used_ += bytes;
  }
  void release(std::uint64_t bytes) {
    KITH_ASSERT(bytes <= used_);
    used_ -= bytes;
    // What is freed above the limit stays free.
    in_force_ = std::min(in_force_, std::max(limit_, used_));
  }

  /// A lower limit is reached in steps: until then what is used now is the limit in force, which
  /// follows what is used down and is not exceeded meanwhile.
  void set_limit(std::uint64_t limit) {
    KITH_ASSERT(limit > 0);
    limit_ = limit;
    in_force_ = std::max(limit, used_);
  }

  [[nodiscard]] std::uint64_t used() const { return used_; }
  [[nodiscard]] std::uint64_t limit() const { return limit_; }
  [[nodiscard]] std::uint64_t limit_in_force() const { return in_force_; }
  /// Above the limit in force: somebody has to leave at once.
  [[nodiscard]] bool over() const { return used_ > in_force_; }
  /// Above the limit, which may be lower: somebody has to leave by and by.
  [[nodiscard]] bool above_limit() const { return used_ > limit_; }
  /// True when an entry of this charge could be held if it were alone.
  [[nodiscard]] bool can_ever_hold(std::uint64_t bytes) const { return bytes <= limit_; }

 private:
  std::uint64_t limit_;
  /// Invariant: at least limit_, and equal to it once that was reached.
  std::uint64_t in_force_ = limit_;
  /// Invariant: the sum of the charges of all entries; at most in_force_ between calls of the
  /// shard.
  std::uint64_t used_ = 0;
};

}  // namespace kith::store
