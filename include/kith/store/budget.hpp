// The byte ledger of one shard. What an entry is charged is a formula of its sizes, not what the
// allocator or the standard library happen to take: all replicas and all replays of a seed must
// evict the same entries.
#pragma once

#include <kith/core/assert.hpp>

#include <cstdint>

namespace kith::store {

/// What an entry costs beside the bytes of its key and value: its slot with the two buffers'
/// headers, the index at its mean load, the policy's and the wheel's nodes, what malloc rounds up.
inline constexpr std::uint64_t entry_overhead = 184;

struct entry_sizes {
  std::uint64_t key_bytes = 0;
  std::uint64_t value_bytes = 0;
};

/// charge = key bytes + value bytes + entry_overhead.
[[nodiscard]] constexpr std::uint64_t charge_of(entry_sizes sizes) {
  return sizes.key_bytes + sizes.value_bytes + entry_overhead;
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
  }

  /// Does not evict: the shard does, at its next chance.
  void set_limit(std::uint64_t limit) {
    KITH_ASSERT(limit > 0);
    limit_ = limit;
  }

  [[nodiscard]] std::uint64_t used() const { return used_; }
  [[nodiscard]] std::uint64_t limit() const { return limit_; }
  [[nodiscard]] bool over() const { return used_ > limit_; }
  /// True when an entry of this charge could be held if it were alone.
  [[nodiscard]] bool can_ever_hold(std::uint64_t bytes) const { return bytes <= limit_; }

 private:
  std::uint64_t limit_;
  /// Invariant: the sum of the charges of all entries; at most limit_ between calls of the shard,
  /// except from set_limit until the shard evicts.
  std::uint64_t used_ = 0;
};

}  // namespace kith::store
