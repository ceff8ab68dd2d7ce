// What an owner has to tell of if its side of a cut goes over to the other one: which keys were
// written here since the cut began. The other side has older values of them, or none.
//
// When a cut is noticed it has begun some time ago. So the keys of the last period are always
// remembered, and those of the one before; from when a cut is noticed on nothing is forgotten. What
// is beyond the bound makes its partition dirty as a whole.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/hash_map.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace kith::replica {

struct dirty_key {
  std::uint64_t hash = 0;
  bytes key;
  /// Of a cache that tells values: the entry, if it is still here.
  std::optional<bytes> value = std::nullopt;
  kith::version version = {};
};

/// Of one cache in one lane. `whole` are partitions of which everything is dirty.
struct dirty_cache {
  cache_id cache{};
  bool values = false;
  /// Keys whose values were too much.
  std::size_t left_out = 0;
  std::vector<dirty_key> keys;
  std::vector<std::pair<partition_id, std::uint64_t>> tags;
  std::vector<partition_id> whole;
};

class dirty_keys {
 public:
  /// `keys_max`: of a cache; so many tags too.
  dirty_keys(std::size_t keys_max, duration period) : keys_max_{keys_max}, period_{period} {}

  /// Writes of this cache are noted from now on.
  void track(cache_id cache) { tracked_.try_emplace(cache); }

  /// Others may go on by themselves, or none any more.
  void on_cut(time_point now, bool cut);

  void note_key(time_point now, cache_id cache, partition_id in, std::uint64_t hash, byte_view key);
  void note_tag(time_point now, cache_id cache, partition_id in, std::uint64_t tag);
  void note_all(time_point now, cache_id cache, partition_id in);

  /// All that is noted, in the order in which it came; nothing is afterwards.
  [[nodiscard]] std::vector<dirty_cache> take();

  /// About.
  [[nodiscard]] std::size_t bytes_held() const { return bytes_; }

 private:
  struct written {
    hash_map<std::uint64_t, std::size_t> index;
    std::vector<dirty_key> keys;
    std::set<std::pair<partition_id, std::uint64_t>> tags;
    std::set<partition_id> whole;
  };
  /// The present one and the one before.
  using periods = std::array<written, 2>;
  static constexpr std::size_t bytes_a_key = 64;

  void turn(time_point now);
  /// Nullptr where nothing more has to be noted of the partition.
  periods* open(time_point now, cache_id cache, partition_id in);

  const std::size_t keys_max_;
  const duration period_;
  std::map<cache_id, periods> tracked_;
  bool cut_ = false;
  time_point began_{};
  std::size_t bytes_ = 0;
};

// --- implementation ---

inline void dirty_keys::on_cut(time_point now, bool cut) {
  turn(now);
  cut_ = cut;
}

inline void dirty_keys::turn(time_point now) {
  if (cut_ || now - began_ < period_) return;
  const bool both = now - began_ >= 2 * period_;
  began_ = now;
  bytes_ = 0;
  for (auto& [cache, noted] : tracked_) {
    noted[1] = both ? written{} : std::move(noted[0]);
    noted[0] = {};
    for (const dirty_key& one : noted[1].keys) bytes_ += one.key.size() + bytes_a_key;
  }
}

inline auto dirty_keys::open(time_point now, cache_id cache, partition_id in) -> periods* {
  const auto at = tracked_.find(cache);
  if (at == tracked_.end()) return nullptr;
  turn(now);
  return at->second[0].whole.contains(in) ? nullptr : &at->second;
}

inline void dirty_keys::note_key(time_point now, cache_id cache, partition_id in,
                                 std::uint64_t hash, byte_view key) {
  periods* noted = open(now, cache, in);
  if (noted == nullptr) return;
  written& present = (*noted)[0];
  const auto known = present.index.find(hash);
  const bool full = present.keys.size() + (*noted)[1].keys.size() >= keys_max_;
  if (known != present.index.end()) {
    // Two keys of one hash: one of them would be forgotten.
    if (!equal(present.keys[known->second].key, key)) present.whole.insert(in);
  } else if (full) {
    present.whole.insert(in);
  } else {
    present.index.emplace(hash, present.keys.size());
    present.keys.push_back({hash, to_bytes(key)});
    bytes_ += key.size() + bytes_a_key;
  }
}

inline void dirty_keys::note_tag(time_point now, cache_id cache, partition_id in,
                                 std::uint64_t tag) {
  periods* noted = open(now, cache, in);
  if (noted == nullptr) return;
  const bool full = (*noted)[0].tags.size() + (*noted)[1].tags.size() >= keys_max_;
  if (full) {
    (*noted)[0].whole.insert(in);
  } else {
    (*noted)[0].tags.emplace(in, tag);
  }
}

inline void dirty_keys::note_all(time_point now, cache_id cache, partition_id in) {
  if (periods* noted = open(now, cache, in)) (*noted)[0].whole.insert(in);
}

inline std::vector<dirty_cache> dirty_keys::take() {
  std::vector<dirty_cache> all;
  for (auto& [cache, noted] : tracked_) {
    dirty_cache one;
    one.cache = cache;
    std::set<partition_id> whole = std::move(noted[0].whole);
    whole.merge(noted[1].whole);
    one.whole.assign(whole.begin(), whole.end());
    for (written* each : {&noted[1], &noted[0]}) {
      for (const auto& [in, tag] : each->tags) {
        if (!whole.contains(in)) one.tags.emplace_back(in, tag);
      }
      for (dirty_key& key : each->keys) {
        const bool twice = each == &noted[1] && noted[0].index.contains(key.hash);
        if (!twice && !whole.contains(partition_of(key.hash))) one.keys.push_back(std::move(key));
      }
    }
    noted = {};
    if (one.whole.size() + one.tags.size() + one.keys.size() > 0) all.push_back(std::move(one));
  }
  bytes_ = 0;
  return all;
}

}  // namespace kith::replica
