// The entries of one cache in one lane: a bounded shard for all the lane's partitions together, and
// for each partition the list of its entries, because a partition is cleared, counted and lost as a
// whole.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/options.hpp>
#include <kith/replica/tags.hpp>
#include <kith/store/budget.hpp>
#include <kith/store/handle.hpp>
#include <kith/store/shard.hpp>
#include <kith/store/sieve.hpp>
#include <kith/store/tag_ends.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace kith::replica {

/// The value of an entry at its owner.
struct stored {
  bytes value;
  kith::version version;
  /// Where the entry is; no_handle until it has its place in the partition's list.
  store::handle self = store::no_handle;
  /// Absent, and no more than a word, for the many that have none.
  std::unique_ptr<const entry_tags> tags = nullptr;
};

/// The instant `ttl` from now; never, when it is absent or beyond all times.
[[nodiscard]] inline time_point expiry_after(time_point now, const std::optional<duration>& ttl) {
  if (!ttl || *ttl >= never - now) return never;
  return now + (*ttl < duration::zero() ? duration::zero() : *ttl);
}

class entries {
 public:
  using shard = store::shard<bytes, stored, store::bytes_equal>;
  using found = shard::found_entry;

  entries(const cache_settings& settings, const replica_options& options);

  [[nodiscard]] const cache_settings& settings() const { return settings_; }
  /// The cache was opened here after entries had come, or again: what is stored stays.
  void configure(const cache_settings& settings);

  /// For a reader: counts as a use.
  [[nodiscard]] found find(time_point now, std::uint64_t hash, byte_view key) {
    return living(shard_.find(now, hash, key));
  }
  [[nodiscard]] found peek(time_point now, std::uint64_t hash, byte_view key) {
    return living(shard_.peek(now, hash, key));
  }
  [[nodiscard]] shard::found_const peek(time_point now, std::uint64_t hash, byte_view key) const {
    const shard::found_const seen = shard_.peek(now, hash, key);
    return seen && ended(seen->value()) ? shard::found_const{} : seen;
  }

  /// False when the entry is larger than all the cache may hold: nothing was done. The entry has
  /// `tags`; value.tags is set here.
  bool put(time_point now, std::uint64_t hash, byte_view key, stored value, time_point expires,
           std::span<const std::uint64_t> tags = {});
  /// The entry has another version and another end; it counts as used.
  void touch(store::handle at, kith::version now_at, time_point expires);
  void erase(store::handle at) { shard_.erase(at, unlinker{this}); }

  /// Removes all entries of a partition. Returns how many there were.
  std::size_t drop(std::size_t slot);
  /// Removes all entries that have the tag, those of the lane's other partitions too. O(1).
  void end_tag(std::uint64_t tag) { tag_ends_.end(tag); }
  /// Expired ones and those of ended tags that were not removed yet included.
  [[nodiscard]] std::size_t size(std::size_t slot) const { return lists_[slot].size; }

  /// `visit(byte_view key, const stored&)` for the entries in `slots_max` slots from `from` on,
  /// whatever their partitions: those of one that is not owned any more were dropped. Returns where
  /// to go on, no_handle at the end.
  template <class Visit>
  [[nodiscard]] store::handle scan(time_point now, store::handle from, std::uint32_t slots_max,
                                   Visit&& visit) const {
    return shard_.scan(from, slots_max, [&](store::handle, const shard::entry_type& seen) {
      if (!seen.expired(now) && !ended(seen.value())) {
        visit(byte_view{seen.key()}, seen.value());
      }
    });
  }

  void expire(time_point now, std::size_t work) { shard_.expire(now, work, unlinker{this}); }
  [[nodiscard]] time_point next_timeout() const { return shard_.next_timeout().value_or(never); }
  [[nodiscard]] const store::counters& counters() const { return shard_.counters(); }
  /// Of all partitions, expired ones included.
  [[nodiscard]] std::size_t size() const { return shard_.size(); }
  [[nodiscard]] std::uint64_t bytes_held() const { return shard_.bytes(); }
  [[nodiscard]] std::uint64_t bytes_bound() const { return shard_.bytes_max(); }

 private:
  struct link {
    store::handle previous = store::no_handle;
    store::handle next = store::no_handle;
  };
  struct list {
    store::handle first = store::no_handle;
    std::size_t size = 0;
  };

  [[nodiscard]] std::size_t slot_of(std::uint64_t hash) const {
    return kith::index_of(partition_of(hash)) / lanes_;
  }
  struct unlinker {
    entries* of;
    void operator()(shard::entry_type& gone, store::removal cause) const {
      const store::handle at = gone.value().self;
      // An entry that the policy does not want leaves before it is in a list.
      if (cause != store::removal::replaced && at != store::no_handle) of->unlink(gone.hash(), at);
    }
  };
  [[nodiscard]] bool ended(const stored& seen) const {
    return seen.tags && tag_ends_.ended_since(seen.tags->tags, seen.tags->since);
  }
  /// Nothing, and the entry is removed, when a tag of it was ended.
  [[nodiscard]] found living(found seen);
  void add(store::handle at, std::uint64_t hash);
  void unlink(std::uint64_t hash, store::handle at);
  cache_settings settings_;
  std::uint32_t lanes_;
  shard shard_;
  store::tag_ends tag_ends_;
  /// Invariant: each entry of the shard is in the list of its partition.
  store::handle_map<link> links_;
  std::vector<list> lists_;
};

// --- implementation ---

inline entries::entries(const cache_settings& settings, const replica_options& options)
    : settings_{settings},
      lanes_{options.lanes},
      shard_{{settings.max_bytes, settings.max_entries, options.salt},
             std::make_unique<store::sieve>()},
      tag_ends_{options.tags_kept},
      lists_(partition_count / options.lanes) {}

inline void entries::configure(const cache_settings& settings) {
  settings_ = settings;
  shard_.set_bytes_max(settings.max_bytes);
  shard_.set_entries_max(settings.max_entries);
}

inline void entries::add(store::handle at, std::uint64_t hash) {
  list& of = lists_[slot_of(hash)];
  links_.cover(at);
  links_[at] = {store::no_handle, of.first};
  if (of.first != store::no_handle) links_[of.first].previous = at;
  of.first = at;
  ++of.size;
}

inline void entries::unlink(std::uint64_t hash, store::handle at) {
  list& of = lists_[slot_of(hash)];
  const link gone = links_[at];
  (gone.previous == store::no_handle ? of.first : links_[gone.previous].next) = gone.next;
  if (gone.next != store::no_handle) links_[gone.next].previous = gone.previous;
  KITH_ASSERT(of.size > 0);
  --of.size;
}

inline auto entries::living(found seen) -> found {
  if (!seen || !ended(seen->value())) return seen;
  erase(seen.at);
  return {};
}

inline bool entries::put(time_point now, std::uint64_t hash, byte_view key, stored value,
                         time_point expires, std::span<const std::uint64_t> tags) {
  const store::terms granted{
      store::charge_of({key.size(), value.value.size()}) + charge_of_tags(tags.size()), expires};
  if (!tags.empty()) {
    value.tags = std::make_unique<const entry_tags>(
        entry_tags{{tags.begin(), tags.end()}, tag_ends_.count()});
  }
  if (const found old = shard_.peek(now, hash, key)) {
    value.self = old->value().self;
    return shard_.assign(now, old.at, std::move(value), granted, unlinker{this}).outcome !=
           store::put_outcome::refused;
  }
  value.self = store::no_handle;
  const store::put_result done =
      shard_.insert_or_assign(now, hash, to_bytes(key), std::move(value), granted, unlinker{this});
  if (done.outcome == store::put_outcome::inserted) {
    shard_[done.at].value().self = done.at;
    add(done.at, hash);
  }
  return done.outcome != store::put_outcome::refused;
}

inline void entries::touch(store::handle at, kith::version now_at, time_point expires) {
  shard_[at].value().version = now_at;
  shard_.set_expires(at, expires);
  shard_.access(at);
}

inline std::size_t entries::drop(std::size_t slot) {
  const std::size_t dropped = lists_[slot].size;
  while (lists_[slot].first != store::no_handle) erase(lists_[slot].first);
  return dropped;
}

}  // namespace kith::replica
