// From a key's stable hash to a handle. Open addressing with linear probing; a slot is eight bytes,
// a tag and a handle, so eight of them share a cache line and most lookups touch one line here and
// one at the entry. The entry itself is compared by the caller: the index knows no keys.
//
// Erasing shifts the followers back (Knuth, TAOCP 3, 6.4, algorithm R), so there are no tombstones
// and the table never slows down with age.
//
// The tag is the stable hash under a secret salt: whoever can choose keys still cannot choose
// slots. Nothing that leaves this class depends on the salt, so runs with different salts agree.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/random.hpp>
#include <kith/store/handle.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace kith::store {

class hash_index {
 public:
  explicit hash_index(std::uint64_t salt)
      : salt_{splitmix64(salt)}, multiplier_{splitmix64(salt) | 1} {}

  /// The first handle inserted under `hash` that `matches` accepts, or no_handle. May also offer
  /// handles of other hashes: 32 bits of the salted hash are compared here, not all of it.
  template <class Matches>
  [[nodiscard]] handle find(std::uint64_t hash, Matches&& matches) const;

  /// Requires that `at` is not in the index.
  void insert(std::uint64_t hash, handle at);

  /// Requires that `at` was inserted under `hash`.
  void erase(std::uint64_t hash, handle at);

  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct slot {
    std::uint32_t tag = 0;
    handle at = no_handle;
  };

  static constexpr std::size_t slots_min = 16;

  [[nodiscard]] std::uint32_t tag_of(std::uint64_t hash) const;
  void place(slot added);
  void grow();

  std::uint64_t salt_;
  std::uint64_t multiplier_;
  /// Invariant: empty, or a power of two of which at most three quarters are taken.
  std::vector<slot> slots_;
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
  return static_cast<std::uint32_t>(folded ^ (folded >> 32));
}

template <class Matches>
handle hash_index::find(std::uint64_t hash, Matches&& matches) const {
  if (size_ == 0) return no_handle;
  const std::uint32_t tag = tag_of(hash);
  for (std::size_t i = tag & mask_;; i = (i + 1) & mask_) {
    const slot seen = slots_[i];
    if (seen.at == no_handle) return no_handle;
    if (seen.tag == tag && matches(seen.at)) return seen.at;
  }
}

inline void hash_index::place(slot added) {
  std::size_t i = added.tag & mask_;
  while (slots_[i].at != no_handle) i = (i + 1) & mask_;
  slots_[i] = added;
}

inline void hash_index::insert(std::uint64_t hash, handle at) {
  if ((size_ + 1) * 4 > slots_.size() * 3) grow();
  place({tag_of(hash), at});
  ++size_;
}

inline void hash_index::erase(std::uint64_t hash, handle at) {
  KITH_ASSERT(size_ > 0);
  std::size_t hole = tag_of(hash) & mask_;
  while (slots_[hole].at != at) {
    KITH_ASSERT(slots_[hole].at != no_handle);
    hole = (hole + 1) & mask_;
  }
  for (std::size_t i = (hole + 1) & mask_; slots_[i].at != no_handle; i = (i + 1) & mask_) {
    // A follower may fill the hole only if its home is not after the hole.
    const std::size_t home = slots_[i].tag & mask_;
    if (((i - home) & mask_) < ((i - hole) & mask_)) continue;
    slots_[hole] = slots_[i];
    hole = i;
  }
  slots_[hole] = {};
  --size_;
}

inline void hash_index::grow() {
  const std::size_t larger = slots_.empty() ? slots_min : slots_.size() * 2;
  const std::vector<slot> old = std::exchange(slots_, std::vector<slot>(larger));
  mask_ = larger - 1;
  for (const slot& moved : old) {
    if (moved.at != no_handle) place(moved);
  }
}

}  // namespace kith::store
