// The entries of one cache in one lane: a bounded shard for all the lane's partitions together, and
// for each partition the list of its entries, because a partition is cleared, counted and lost as a
// whole. Where the cache's settings ask for it, each entry has a lifetime (lifetime.hpp) beside,
// and stays in the shard for as long as its value may be answered.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/absences.hpp>
#include <kith/replica/change_notice.hpp>
#include <kith/replica/lifetime.hpp>
#include <kith/replica/options.hpp>
#include <kith/replica/tags.hpp>
#include <kith/store/budget.hpp>
#include <kith/store/handle.hpp>
#include <kith/store/shard.hpp>
#include <kith/store/sieve.hpp>
#include <kith/store/tag_ends.hpp>

#include <algorithm>
#include <atomic>
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

/// Entries that were evicted, or whose time was over.
struct departures {
  struct one {
    cache_id cache{};
    std::uint64_t hash = 0;
    bytes key;
    kith::version version;
  };
  /// Somebody wants to know.
  bool noted = false;
  std::vector<one> all;
};

class entries {
 public:
  using shard = store::shard<bytes, stored, store::bytes_equal>;
  static_assert(sizeof(shard::entry_type) <= store::owned_slot_bytes);
  using found = shard::found_entry;

  entries(const cache_settings& settings, const replica_options& options);
  entries(const entries&) = delete;
  entries& operator=(const entries&) = delete;

  [[nodiscard]] const cache_settings& settings() const { return settings_; }
  /// The cache was opened here after entries had come, or again: what is stored stays.
  void configure(const cache_settings& settings);

  /// For a reader: counts as a use.
  [[nodiscard]] found find(time_point now, std::uint64_t hash, byte_view key);
  [[nodiscard]] found peek(time_point now, std::uint64_t hash, byte_view key) {
    const found seen = kept(now, hash, key);
    return seen && ended(now, seen.at) ? found{} : seen;
  }
  [[nodiscard]] shard::found_const peek(time_point now, std::uint64_t hash, byte_view key) const {
    const shard::found_const seen = shard_.peek(now, hash, key);
    if (!seen || ended(now, seen.at) || tag_ended(seen->value())) return {};
    return seen;
  }
  /// A value beyond its end that may still be answered.
  [[nodiscard]] found find_stale(time_point now, std::uint64_t hash, byte_view key) {
    if (!tracks_) return {};
    const found seen = kept(now, hash, key);
    return seen && ended(now, seen.at) ? seen : found{};
  }

  /// Of a live or a stale entry.
  [[nodiscard]] lifetime life_of(const found& seen) const {
    return tracks_ ? lives_[seen.at] : lifetime{seen->expires()};
  }
  /// The end of an entry that is written now and has no time to live of its own.
  [[nodiscard]] time_point default_end(time_point now, std::uint64_t hash,
                                       const version& at) const {
    return expiry_after(now, jittered(settings_.ttl, settings_.life.ttl_jitter, hash, at));
  }
  /// How long a reader may keep a copy of the live entry; absent: as long as it likes.
  [[nodiscard]] std::optional<duration> ttl_left(time_point now, const found& live) const;

  /// False when the entry is larger than all the cache may hold: nothing was done. The entry has
  /// `tags`; value.tags is set here. `took`: to load it.
  bool put(time_point now, std::uint64_t hash, byte_view key, stored value, time_point ends,
           std::span<const std::uint64_t> tags = {}, duration took = {});
  /// The entry has another version and another end; it counts as used.
  void touch(time_point now, store::handle at, kith::version now_at, time_point ends);
  void erase(store::handle at) { shard_.erase(at, unlinker{this}); }
  /// Removes the entry, live or stale. True: there was one. That a stale one is gone is noted here,
  /// of a live one the caller notes it.
  bool forget(time_point now, std::uint64_t hash, byte_view key);
  /// A load failed: what there is, live or stale, is not loaded anew before `until`.
  void quiet(time_point now, std::uint64_t hash, byte_view key, time_point until);

  /// Keys for which a load found nothing.
  void note_absent(time_point now, std::uint64_t hash, byte_view key, time_point until) {
    if (absent_) absent_->note(now, slot_of(hash), hash, key, until);
  }
  [[nodiscard]] bool known_absent(time_point now, std::uint64_t hash, byte_view key) {
    return absent_ && absent_->knows(now, slot_of(hash), hash, key);
  }
  void forget_absent(time_point now, std::uint64_t hash, byte_view key) {
    if (absent_) absent_->forget(now, hash, key);
  }

  /// The entries that ended because nobody used them, since the last call.
  struct idle_end {
    std::uint64_t hash = 0;
    bytes key;
    time_point when;
  };
  [[nodiscard]] std::vector<idle_end> take_idle_ends() { return std::exchange(idle_ends_, {}); }

  /// Changes are noted in `to` while somebody watches the cache.
  void report_to(std::vector<change_notice>& to) { notices_ = &to; }
  /// What leaves by itself is noted in `to`, for copies of it.
  void report_departures(departures& to) { departures_ = &to; }
  [[nodiscard]] watching watched() const {
    if (notices_ == nullptr || settings_.watched == nullptr) return watching::nothing;
    return settings_.watched->load(std::memory_order_relaxed);
  }
  void note(entry_change what, std::uint64_t hash, byte_view key, const kith::version& at,
            const bytes* value = nullptr);
  /// All entries of the partition are about to be removed by the change `at`.
  void note_clear(std::size_t slot, const kith::version& at);
  /// The partition is this owner's from now on.
  void note_arrival(partition_id partition) {
    if (watched() == watching::nothing) return;
    notices_->push_back({settings_.id, partition, std::nullopt, {}, {}, std::nullopt});
  }

  /// Removes all entries of a partition. Returns how many there were.
  std::size_t drop(std::size_t slot);
  /// The partition's entries now, the newest first. After a change a handle may name another entry.
  [[nodiscard]] std::vector<store::handle> handles(std::size_t slot) const;
  /// The entry that the handle names now, if it is the partition's.
  [[nodiscard]] found at(time_point now, std::size_t slot, store::handle named);
  /// Removes the partition's entries that have the tag, and no others.
  void erase_tagged(std::size_t slot, std::uint64_t tag);
  /// Removes all entries that have the tag by the change `at` of the partition in `slot`, those of
  /// the lane's other partitions too. O(1), or where somebody watches, O(entries of the slot).
  void end_tag(std::size_t slot, std::uint64_t tag, const kith::version& at);
  /// How many tags were ended so far, and whether one of `tags` was since that was `count`.
  [[nodiscard]] std::uint64_t tags_count() const { return tag_ends_.count(); }
  [[nodiscard]] bool tag_ended_since(std::span<const std::uint64_t> tags,
                                     std::uint64_t count) const {
    return tag_ends_.ended_since(tags, count);
  }
  /// Stale ones, and those that expired or whose tag was ended and that were not removed yet,
  /// included.
  [[nodiscard]] std::size_t size(std::size_t slot) const { return lists_[slot].size; }

  /// `visit(byte_view key, const stored&)` for the entries in `slots_max` slots from `from` on,
  /// whatever their partitions: those of one that is not owned any more were dropped. Returns where
  /// to go on, no_handle at the end.
  template <class Visit>
  [[nodiscard]] store::handle scan(time_point now, store::handle from, std::uint32_t slots_max,
                                   Visit&& visit) const {
    return shard_.scan(from, slots_max, [&](store::handle at, const shard::entry_type& seen) {
      const bool gone = seen.expired(now) || ended(now, at) || tag_ended(seen.value());
      if (!gone) visit(byte_view{seen.key()}, seen.value());
    });
  }

  void expire(time_point now, std::size_t work);
  [[nodiscard]] time_point next_timeout() const;
  [[nodiscard]] const store::counters& counters() const { return shard_.counters(); }
  /// Of all partitions, expired ones included.
  [[nodiscard]] std::size_t size() const { return shard_.size(); }
  /// What the entries are charged.
  [[nodiscard]] std::uint64_t bytes_held() const {
    return shard_.bytes() + (absent_ ? absent_->bytes_held() : 0);
  }
  /// What they may be charged now: more than max_bytes while that is being reached from above.
  [[nodiscard]] std::uint64_t bytes_bound() const {
    return std::max(settings_.max_bytes,
                    shard_.bytes_in_force() + (absent_ ? absent_->bytes_bound() : 0));
  }
  /// What all of it takes, room for entries that may come included (store/memory_model.hpp).
  [[nodiscard]] std::uint64_t bytes_allocated() const {
    return buffer_bytes_ + shard_.structure_bytes() + links_.bytes() + lives_.bytes() +
           (absent_ ? absent_->bytes_held() : 0);
  }

  /// Evicts towards a lower max_bytes, `removals_max` entries at most.
  void evict_to_budget(time_point now, std::size_t removals_max) {
    shard_.evict_to_budget(now, removals_max, unlinker{this});
  }
  /// Evicts entries of `bytes` in all, `removals_max` at most. Returns how many left.
  std::size_t evict_bytes(time_point now, std::uint64_t bytes, std::size_t removals_max) {
    return shard_.evict_bytes(now, bytes, removals_max, unlinker{this});
  }
  [[nodiscard]] bool above_budget() const { return shard_.above_budget(); }

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
      of->note_departure(gone, cause);
      of->buffer_bytes_ -= buffers_of(gone.key(), gone.value());
      const store::handle at = gone.value().self;
      // An entry that the policy does not want leaves before it is in a list.
      if (cause == store::removal::replaced || at == store::no_handle) return;
      if (cause == store::removal::expired) of->note_idle_end(gone, at);
      of->unlink(gone.hash(), at);
    }
  };
  /// Of max_bytes for what is known to be absent, where that is remembered.
  static constexpr std::uint64_t absences_part = 16;

  [[nodiscard]] static std::uint64_t buffers_of(byte_view key, const stored& value) {
    return store::buffers_of({key.size(), value.value.size()}) +
           (value.tags ? charge_of_tags(value.tags->tags.size()) : 0);
  }
  [[nodiscard]] bool ended(time_point now, store::handle at) const {
    return tracks_ && now >= lives_[at].ends;
  }
  [[nodiscard]] bool tag_ended(const stored& seen) const {
    return seen.tags && tag_ends_.ended_since(seen.tags->tags, seen.tags->since);
  }
  /// Nothing, and the entry is removed, when a tag of it was ended.
  [[nodiscard]] found living(found seen);
  /// The entry, live or stale.
  [[nodiscard]] found kept(time_point now, std::uint64_t hash, byte_view key) {
    return living(shard_.peek(now, hash, key));
  }
  /// When the shard removes what ends at `ends` and is used now.
  [[nodiscard]] time_point kept_until(time_point now, time_point ends) const;
  store::put_outcome place(time_point now, std::uint64_t hash, byte_view key, stored&& value,
                           const store::terms& granted, time_point ends, duration took);
  void begin_life(time_point now, store::handle at, time_point ends, duration took);
  void note_idle_end(shard::entry_type& gone, store::handle at);
  void track();
  /// Gives back what was remembered for each handle, once no entry is left.
  void trim() {
    if (shard_.size() > 0) return;
    links_.trim();
    lives_.trim();
  }
  void add(store::handle at, std::uint64_t hash);
  void unlink(std::uint64_t hash, store::handle at);
  /// Of an entry that leaves by itself; who erases one notes that with the version of the change.
  void note_departure(const shard::entry_type& gone, store::removal cause) {
    const bool expired = cause == store::removal::expired;
    if (!expired && cause != store::removal::evicted) return;
    if (departures_ != nullptr && departures_->noted) {
      departures_->all.push_back({settings_.id, gone.hash(), gone.key(), gone.value().version});
    }
    note(expired ? entry_change::expired : entry_change::evicted, gone.hash(), gone.key(),
         gone.value().version);
  }

  std::vector<change_notice>* notices_ = nullptr;
  departures* departures_ = nullptr;
  cache_settings settings_;
  std::uint32_t lanes_;
  std::uint64_t salt_;
  shard shard_;
  store::tag_ends tag_ends_;
  /// Invariant: each entry of the shard is in the list of its partition.
  store::handle_map<link> links_;
  std::vector<list> lists_;
  /// Invariant: what the buffers of all keys and values take.
  std::uint64_t buffer_bytes_ = 0;

  /// Whether entries have lifetimes: from when the settings first ask for them on.
  bool tracks_ = false;
  /// Invariant: covers the live handles if tracks_.
  store::handle_map<lifetime> lives_;
  std::vector<idle_end> idle_ends_;
  std::unique_ptr<absences> absent_;
};

// --- implementation ---

inline entries::entries(const cache_settings& settings, const replica_options& options)
    : settings_{settings},
      lanes_{options.lanes},
      salt_{options.salt},
      shard_{{settings.max_bytes, settings.max_entries, options.salt},
             std::make_unique<store::sieve>(
                 [this](store::handle at) { return tag_ended(shard_[at].value()); })},
      tag_ends_{options.tags_kept},
      lists_(partition_count / options.lanes) {
  configure(settings);
}

inline void entries::configure(const cache_settings& settings) {
  settings_ = settings;
  if (settings.life.tracked() && !tracks_) track();
  const std::uint64_t part = settings.life.negative_ttl ? settings.max_bytes / absences_part : 0;
  if (part > 0 && !absent_) absent_ = std::make_unique<absences>(part, salt_, lists_.size());
  if (absent_) absent_->set_bytes_max(part);
  shard_.set_bytes_max(settings.max_bytes - part);
  shard_.set_entries_max(settings.max_entries);
}

/// Entries that came before have the end that they were given, and no more.
inline void entries::track() {
  tracks_ = true;
  shard_.for_each([this](store::handle at, const shard::entry_type& seen) {
    lives_.cover(at);
    lives_[at] = {seen.expires()};
  });
}

inline auto entries::find(time_point now, std::uint64_t hash, byte_view key) -> found {
  const found seen = living(shard_.find(now, hash, key));
  if (!seen || !tracks_) return seen;
  if (ended(now, seen.at)) return {};
  if (settings_.life.idle) shard_.set_expires(seen.at, kept_until(now, lives_[seen.at].ends));
  return seen;
}

inline std::optional<duration> entries::ttl_left(time_point now, const found& live) const {
  std::optional<duration> left;
  const time_point ends = life_of(live).ends;
  if (ends < never) left = ends - now;
  // Half: so who uses its copy asks again in time, and the entry does not end under it. Half of
  // what is left, where this is no use of the entry.
  if (const auto& idle = settings_.life.idle) {
    const duration unread = live->expires() < ends ? live->expires() - now : *idle;
    left = std::min({left.value_or(duration::max()), *idle / 2, unread / 2});
  }
  return left;
}

inline time_point entries::kept_until(time_point now, time_point ends) const {
  if (!tracks_) return ends;
  const duration stale = settings_.life.stale_for();
  const time_point hard = ends >= never - stale ? never : ends + stale;
  return std::min(hard, expiry_after(now, settings_.life.idle));
}

inline void entries::begin_life(time_point now, store::handle at, time_point ends, duration took) {
  if (!tracks_) return;
  lives_.cover(at);
  lives_[at] = {ends, expiry_after(now, settings_.life.refresh_after), time_point::min(), took};
}

inline void entries::note_idle_end(shard::entry_type& gone, store::handle at) {
  if (!tracks_ || !settings_.life.idle) return;
  if (gone.expires() >= lives_[at].ends) return;
  idle_ends_.push_back({gone.hash(), gone.key(), gone.expires()});
}

inline bool entries::forget(time_point now, std::uint64_t hash, byte_view key) {
  const found seen = kept(now, hash, key);
  if (!seen) return false;
  if (ended(now, seen.at)) note(entry_change::expired, hash, key, seen->value().version);
  erase(seen.at);
  return true;
}

inline void entries::quiet(time_point now, std::uint64_t hash, byte_view key, time_point until) {
  if (!tracks_) return;
  if (const found seen = kept(now, hash, key)) lives_[seen.at].quiet_until = until;
}

inline void entries::expire(time_point now, std::size_t work) {
  shard_.expire(now, work, unlinker{this});
  shard_.evict_to_budget(now, work, unlinker{this});
  trim();
  if (absent_) absent_->expire(now, work);
}

inline time_point entries::next_timeout() const {
  // An insertion may have ended some.
  if (!idle_ends_.empty()) return idle_ends_.front().when;
  if (shard_.above_budget()) return time_point{};  // there is work now
  const time_point next = shard_.next_timeout().value_or(never);
  return absent_ ? std::min(next, absent_->next_timeout()) : next;
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
  if (!seen || !tag_ended(seen->value())) return seen;
  note(entry_change::erased, seen->hash(), seen->key(), seen->value().version);
  erase(seen.at);
  return {};
}

inline bool entries::put(time_point now, std::uint64_t hash, byte_view key, stored value,
                         time_point ends, std::span<const std::uint64_t> tags, duration took) {
  const time_point until = kept_until(now, ends);
  const std::uint64_t beside = (tracks_ ? lifetime_bytes : 0) + charge_of_tags(tags.size()) +
                               (until < never ? store::timed_entry_bytes : 0);
  const store::terms granted{store::charge_of({key.size(), value.value.size()}) + beside, until};
  if (!tags.empty()) {
    value.tags = std::make_unique<const entry_tags>(
        entry_tags{{tags.begin(), tags.end()}, tag_ends_.count()});
  }
  const std::uint64_t buffers = buffers_of(key, value);
  buffer_bytes_ += buffers;
  const store::put_outcome done = place(now, hash, key, std::move(value), granted, ends, took);
  if (done == store::put_outcome::refused) buffer_bytes_ -= buffers;
  return done != store::put_outcome::refused;
}

inline store::put_outcome entries::place(time_point now, std::uint64_t hash, byte_view key,
                                         stored&& value, const store::terms& granted,
                                         time_point ends, duration took) {
  if (const found old = shard_.peek(now, hash, key)) {
    value.self = old->value().self;
    const store::put_result done =
        shard_.assign(now, old.at, std::move(value), granted, unlinker{this});
    if (done.outcome == store::put_outcome::updated) begin_life(now, done.at, ends, took);
    return done.outcome;
  }
  value.self = store::no_handle;
  const store::put_result done =
      shard_.insert_or_assign(now, hash, to_bytes(key), std::move(value), granted, unlinker{this});
  if (done.outcome == store::put_outcome::inserted) {
    shard_[done.at].value().self = done.at;
    add(done.at, hash);
    begin_life(now, done.at, ends, took);
  }
  return done.outcome;
}

inline void entries::touch(time_point now, store::handle at, kith::version now_at,
                           time_point ends) {
  shard_[at].value().version = now_at;
  if (tracks_) lives_[at].ends = ends;
  shard_.set_expires(at, kept_until(now, ends));
  shard_.access(at);
}

inline void entries::note(entry_change what, std::uint64_t hash, byte_view key,
                          const kith::version& at, const bytes* value) {
  const watching level = watched();
  if (level == watching::nothing) return;
  notices_->push_back({settings_.id, partition_of(hash), what, to_bytes(key), at, std::nullopt});
  if (value != nullptr && level == watching::values) notices_->back().value = *value;
}

}  // namespace kith::replica

#include <kith/replica/entries_partitions.hpp>
