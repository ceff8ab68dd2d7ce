// The gets under way whose answer may be kept, of one lane. One leads, others with the same key
// may follow it instead of asking again.
//
// Each fill has a token (rule F1): what the member knew of the partition when the get left. What
// happens to the key meanwhile is noted in the fill as poison (F2), and the two together decide at
// the end whether the answer may be kept (F4).
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/bytes.hpp>
#include <kith/core/hash_map.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/core/time.hpp>

#include <absl/container/inlined_vector.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <utility>
#include <vector>

namespace kith::near {

/// A read that found nothing near.
struct fill_request {
  partition_id partition{};
  cache_id cache{};
  /// stable_hash of `key`, which is the encoded key.
  std::uint64_t hash = 0;
  byte_view key;
  /// Names the read: the request's number if it leads, the waiter's if it follows.
  std::uint64_t rid = 0;
  /// The owner is asked to run the loader.
  bool load = false;
  /// The bound on the age of what it may share; see gates.hpp.
  duration max_age{};
  /// False: it must see what was written before it, which a get that left earlier may have missed.
  bool may_follow = true;
  /// False: who leads may take its time to settle what comes, so nobody is to wait for it.
  bool may_be_followed = true;
};

struct fill {
  std::uint64_t rid = 0;
  partition_id partition{};
  cache_id cache{};
  std::uint64_t hash = 0;
  bytes key;
  bool load = false;

  // The token.
  time_point sent_at;
  std::uint32_t generation = 0;
  sequence floor;

  /// Newest version of the key that was heard of since.
  version poison;
  /// Later readers may follow. Invariant: false once poisoned.
  bool joinable = true;
  /// The answer is here and is being decoded.
  bool answered = false;
  /// It said that the value which this member had before is the owner's still.
  bool validated = false;
  /// The owner's sequence when it read; good once answered.
  sequence as_of;
  version answer;

  std::vector<std::uint64_t> followers;
};

class fill_table {
 public:
  explicit fill_table(std::size_t partitions) : by_partition_(partitions) {}

  [[nodiscard]] fill* find(std::uint64_t rid) {
    const auto at = by_rid_.find(rid);
    return at == by_rid_.end() ? nullptr : &*at->second;
  }

  /// The newest fill that a read of the same key may follow as far as the fill is concerned.
  [[nodiscard]] fill* find_joinable(const fill_request& read, std::uint32_t generation);

  /// Requires that the rid is new. `slot` is the partition's place in the lane.
  void add(std::size_t slot, fill added);
  void remove(std::size_t slot, const fill& gone);

  /// Calls `visit(fill&)` for the fills whose key has this hash.
  template <class Visit>
  void for_key(cache_id cache, std::uint64_t hash, Visit&& visit) {
    const auto at = by_key_.find(key_of(cache, hash));
    if (at == by_key_.end()) return;
    for (const place& one : at->second) {
      if (one->cache == cache && one->hash == hash) visit(*one);
    }
  }
  /// Calls `visit(fill&)` for the fills of a partition, oldest first.
  template <class Visit>
  void for_partition(std::size_t slot, Visit&& visit) {
    for (fill& one : by_partition_[slot]) visit(one);
  }

  [[nodiscard]] std::size_t size() const { return by_rid_.size(); }
  [[nodiscard]] std::size_t followers_most() const {
    std::size_t most = 0;
    for (const std::list<fill>& home : by_partition_) {
      for (const fill& one : home) most = std::max(most, one.followers.size());
    }
    return most;
  }
  [[nodiscard]] bool empty(std::size_t slot) const { return by_partition_[slot].empty(); }

 private:
  using place = std::list<fill>::iterator;

  /// Two keys may share it; the fills themselves are compared.
  [[nodiscard]] static std::uint64_t key_of(cache_id cache, std::uint64_t hash) {
    return stable_hash_combine(hash, static_cast<std::uint64_t>(cache));
  }

  std::vector<std::list<fill>> by_partition_;
  hash_map<std::uint64_t, place> by_rid_;
  hash_map<std::uint64_t, absl::InlinedVector<place, 1>> by_key_;
};

// --- implementation ---

inline fill* fill_table::find_joinable(const fill_request& read, std::uint32_t generation) {
  fill* found = nullptr;
  for_key(read.cache, read.hash, [&](fill& one) {
    const bool same = one.load == read.load && equal(one.key, read.key);
    if (same && one.joinable && one.generation == generation) found = &one;
  });
  return found;
}

inline void fill_table::add(std::size_t slot, fill added) {
  std::list<fill>& home = by_partition_[slot];
  const place at = home.insert(home.end(), std::move(added));
  const bool fresh = by_rid_.emplace(at->rid, at).second;
  KITH_ASSERT(fresh);
  by_key_[key_of(at->cache, at->hash)].push_back(at);
}

inline void fill_table::remove(std::size_t slot, const fill& gone) {
  const auto known = by_rid_.find(gone.rid);
  KITH_ASSERT(known != by_rid_.end());
  const place at = known->second;
  const auto shared = by_key_.find(key_of(at->cache, at->hash));
  auto& places = shared->second;
  places.erase(std::find(places.begin(), places.end(), at));
  if (places.empty()) by_key_.erase(shared);
  by_rid_.erase(known);
  by_partition_[slot].erase(at);
}

}  // namespace kith::near
