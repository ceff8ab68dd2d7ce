// From a key's stable hash to a handle. A group of seven slots fills one cache line: seven tags,
// seven handles, and a count of the entries that found the group full and went on to the next. All
// tags of a group are compared at once, and a look-up ends at the first group with a count of zero:
// nearly always one line and no branch that the processor guesses wrong. (The count in place of
// tombstones is F14's: Nathan Bronson, Xiao Shi, "Open-sourcing F14", 2019.) The entry itself is
// compared by the caller: the index knows no keys.
//
// The tag is the stable hash under a secret salt: whoever can choose keys still cannot choose
// slots. Nothing that leaves this class depends on the salt, so runs with different salts agree.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/random.hpp>
#include <kith/store/handle.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace kith::store {

class hash_index {
 public:
  explicit hash_index(std::uint64_t salt)
      : salt_{splitmix64(salt)}, multiplier_{splitmix64(salt) | 1} {}

  /// A handle inserted under `hash` that `matches` accepts, or no_handle. Very rarely offers
  /// handles of other hashes too: 32 bits of the salted hash are compared here, not all of it.
  template <class Matches>
  [[nodiscard]] handle find(std::uint64_t hash, Matches&& matches) const;

  /// Requires that `at` is not in the index.
  void insert(std::uint64_t hash, handle at);

  /// Requires that `at` was inserted under `hash`.
  void erase(std::uint64_t hash, handle at);

  /// Gives the memory back. Requires that it is empty.
  void trim() {
    KITH_ASSERT(size_ == 0);
    std::vector<group>{}.swap(groups_);
    mask_ = 0;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::uint64_t bytes() const { return groups_.size() * sizeof(group); }

 private:
  static constexpr std::size_t group_slots = 7;
  static constexpr std::size_t groups_min = 2;

  struct alignas(64) group {
    /// 0 marks a free slot. The eighth is not used.
    std::uint32_t tags[group_slots + 1] = {};
    handle at[group_slots] = {};
    /// Entries whose probing passed this group.
    std::uint32_t passed = 0;
  };

  [[nodiscard]] std::uint32_t tag_of(std::uint64_t hash) const;
  /// Bit i is set when tag i of the group is `tag`.
  [[nodiscard]] static std::uint32_t equal_tags(const group& seen, std::uint32_t tag);
  void place(std::uint32_t tag, handle at);
  void grow();
  /// Holds for an empty index: a count that leaked would make look-ups longer for ever.
  [[nodiscard]] bool nothing_passed() const {
    return std::all_of(groups_.begin(), groups_.end(),
                       [](const group& seen) { return seen.passed == 0; });
  }

  std::uint64_t salt_;
  std::uint64_t multiplier_;
  /// Invariant: empty, or a power of two; at most three quarters of the slots are taken.
  std::vector<group> groups_;
  std::size_t mask_ = 0;
  std::size_t size_ = 0;
};

// --- implementation ---

inline std::uint32_t hash_index::tag_of(std::uint64_t hash) const {
  __extension__ using wide = unsigned __int128;
  // Both halves of the product: its low bits alone would not depend on the high bits of the hash.
  const wide product = static_cast<wide>(hash ^ salt_) * multiplier_;
  const std::uint64_t folded =
      static_cast<std::uint64_t>(product >> 64) ^ static_cast<std::uint64_t>(product);
  const auto tag = static_cast<std::uint32_t>(folded ^ (folded >> 32));
  return tag == 0 ? 1 : tag;
}

inline std::uint32_t hash_index::equal_tags(const group& seen, std::uint32_t tag) {
#if defined(__SSE2__)
  const __m128i wanted = _mm_set1_epi32(static_cast<int>(tag));
  const auto* tags = reinterpret_cast<const __m128i*>(seen.tags);
  const __m128i low = _mm_cmpeq_epi32(_mm_load_si128(tags), wanted);
  const __m128i high = _mm_cmpeq_epi32(_mm_load_si128(tags + 1), wanted);
  const auto equal = static_cast<std::uint32_t>(_mm_movemask_ps(_mm_castsi128_ps(low)) |
                                                _mm_movemask_ps(_mm_castsi128_ps(high)) << 4);
#else
  std::uint32_t equal = 0;
  for (std::uint32_t i = 0; i < group_slots; ++i) equal |= std::uint32_t{seen.tags[i] == tag} << i;
#endif
  return equal & ((1u << group_slots) - 1);
}

template <class Matches>
handle hash_index::find(std::uint64_t hash, Matches&& matches) const {
  if (size_ == 0) return no_handle;
  const std::uint32_t tag = tag_of(hash);
  // Counted, because entries may have passed every group of a small table.
  for (std::size_t step = 0; step <= mask_; ++step) {
    const group& seen = groups_[(tag + step) & mask_];
    for (std::uint32_t equal = equal_tags(seen, tag); equal != 0; equal &= equal - 1) {
      const handle at = seen.at[std::countr_zero(equal)];
      if (matches(at)) return at;
    }
    if (seen.passed == 0) break;
  }
  return no_handle;
}

inline void hash_index::place(std::uint32_t tag, handle at) {
  for (std::size_t i = tag & mask_;; i = (i + 1) & mask_) {
    group& seen = groups_[i];
    const std::uint32_t free = equal_tags(seen, 0);
    if (free == 0) {
      ++seen.passed;
      continue;
    }
    const int slot = std::countr_zero(free);
    seen.tags[slot] = tag;
    seen.at[slot] = at;
    return;
  }
}

inline void hash_index::insert(std::uint64_t hash, handle at) {
  if ((size_ + 1) * 4 > groups_.size() * group_slots * 3) grow();
  place(tag_of(hash), at);
  ++size_;
}

inline void hash_index::erase(std::uint64_t hash, handle at) {
  const std::uint32_t tag = tag_of(hash);
  for (std::size_t step = 0; step <= mask_ && size_ > 0; ++step) {
    group& seen = groups_[(tag + step) & mask_];
    for (std::uint32_t equal = equal_tags(seen, tag); equal != 0; equal &= equal - 1) {
      const int slot = std::countr_zero(equal);
      if (seen.at[slot] != at) continue;
      seen.tags[slot] = 0;
      --size_;
      KITH_SLOW_ASSERT(size_ > 0 || nothing_passed());
      return;
    }
    KITH_ASSERT(seen.passed > 0);
    --seen.passed;
  }
  constexpr bool erased_entry_was_in_the_index = false;
  KITH_ASSERT(erased_entry_was_in_the_index);
}

inline void hash_index::grow() {
  const std::size_t larger = groups_.empty() ? groups_min : groups_.size() * 2;
  const std::vector<group> old = std::exchange(groups_, std::vector<group>(larger));
  mask_ = larger - 1;
  for (const group& from : old) {
    for (std::size_t i = 0; i < group_slots; ++i) {
      if (from.tags[i] != 0) place(from.tags[i], from.at[i]);
    }
  }
}

}  // namespace kith::store
