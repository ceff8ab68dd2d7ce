// The near cache of one cache in one process: decoded values, found by key without a lock.
//
// A fill goes through three hands. The reader of the reply decodes and makes a draft (no lock
// held). The lane decides whether it may be kept (coherence.hpp, rule F4), and if so installs it.
// The caller gets the draft's value in any case.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/near/cell.hpp>
#include <kith/near/cell_store.hpp>
#include <kith/near/gates.hpp>
#include <kith/near/guard.hpp>
#include <kith/near/ref.hpp>
#include <kith/near/tag_epochs.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace kith::near {

/// What the maker of an entry says about it.
struct entry_terms {
  /// stable_hash of the encoded key.
  std::uint64_t hash = 0;
  kith::version version;
  /// Encoded key and value, and what an entry costs beside them (store::near_charge_of).
  std::uint64_t charge = 0;
  /// From the send time of the get: t_send + ttl_left, never later than the owner's own.
  time_point expires = never;
  std::vector<std::uint64_t> tags = {};
  /// It is kept where there is room, and makes nothing else leave.
  bool only_if_room = false;
  /// Of the value's bytes as they came (cell::value_hash).
  std::uint64_t value_hash = 0;
};

template <class K, class V>
class near_cache final : public cell_store {
 public:
  using cell_store::cell_store;

  /// The value of `key`, if there is one that may be served: of the present generation, not
  /// expired at `now`, its partition not suspect, and what is known of the owner and of the
  /// coordinator not older than `max_age` (any_age: served whatever is known).
  ///
  /// `hash` is the stable hash of the encoded key; `key` is anything that compares with K.
  /// Thread safety: any thread, beside all other calls but the destructor. Takes no lock, allocates
  /// nothing, writes nothing that another reader writes.
  template <class Key>
  [[nodiscard]] ref<V> find(std::uint64_t hash, const Key& key, time_point now,
                            duration max_age) const {
    return find_if(
        [&](const cell& seen) {
          return seen.place.hash == hash && static_cast<const entry&>(seen).key == key;
        },
        [&](auto& matches, guard::record& reader, guard_slot& slot) {
          return find_cell(hash, matches, now, max_age, reader, slot);
        });
  }

  /// The same for a reader that must see what was written up to `after`: of that epoch, and not
  /// older. An entry of a later epoch says nothing of whether the write was lost.
  template <class Key>
  [[nodiscard]] ref<V> find_after(std::uint64_t hash, const Key& key, time_point now,
                                  duration max_age, const kith::version& after) const {
    return find_if(
        [&](const cell& seen) {
          const bool covers = seen.version >= after && seen.version.epoch == after.epoch;
          return covers && seen.place.hash == hash && static_cast<const entry&>(seen).key == key;
        },
        [&](auto& matches, guard::record& reader, guard_slot& slot) {
          return find_cell(hash, matches, now, max_age, reader, slot);
        });
  }

  /// The value of `key` in a strong cache, if this member's lease, of so long, and its fence allow
  /// it to be served. What was written up to `after` has been seen by then, or is overwritten.
  /// `clock()` is the time of now: it is read after the entry.
  template <class Key, class Clock>
  [[nodiscard]] ref<V> find_leased(std::uint64_t hash, const Key& key, Clock&& clock,
                                   duration lease) const {
    return find_if(
        [&](const cell& seen) {
          return seen.place.hash == hash && static_cast<const entry&>(seen).key == key;
        },
        [&](auto& matches, guard::record& reader, guard_slot& slot) {
          return find_leased_cell(hash, matches, clock, lease, reader, slot);
        });
  }

  /// What is kept of the key, though it may not be served: for a reader who asks its owner whether
  /// it is still so. Leaves no trace. Any thread; takes a lock where there is something.
  template <class Key>
  [[nodiscard]] counted_cell recall(std::uint64_t hash, const Key& key) const {
    const auto matches = [&](const cell& seen) {
      return seen.place.hash == hash && static_cast<const entry&>(seen).key == key;
    };
    const auto find = [&](auto& accepts, guard::record&, guard_slot& slot) {
      return find_any(hash, accepts, slot);
    };
    return find_if(matches, find) ? hold(hash, matches) : counted_cell{};
  }

  /// What is kept of the key, whether it may be served or not; not counted as a look-up.
  template <class Key>
  [[nodiscard]] std::optional<sight> look(std::uint64_t hash, const Key& key) const {
    return look_for(hash,
                    [&](const cell& seen) { return static_cast<const entry&>(seen).key == key; });
  }

  /// A value that is ready for its callers and for install(). Any thread.
  [[nodiscard]] static counted_cell draft(const entry_terms& terms, K key, V value) {
    counted_cell made{new entry{terms.version, std::move(key), std::move(value)}};
    made->place.hash = terms.hash;
    made->place.charge = terms.charge;
    made->place.expires = terms.expires;
    made->only_if_room = terms.only_if_room;
    made->value_hash = terms.value_hash;
    if (!terms.tags.empty()) {
      made->marks = std::make_unique<std::vector<tag_mark>>();
      for (const std::uint64_t tag : terms.tags) made->marks->push_back({tag, 0});
    }
    return made;
  }

  /// What a cell of this near cache holds.
  [[nodiscard]] static const entry_cell<K, V>& entry_of(const counted_cell& held) {
    return static_cast<const entry&>(*held);
  }

  /// The value of a draft, for a caller.
  [[nodiscard]] static ref<V> value_of(const counted_cell& draft) { return ref_from<V>(draft); }

 private:
  using entry = entry_cell<K, V>;

  template <class Matches, class Find>
  [[nodiscard]] ref<V> find_if(Matches&& matches, Find&& find) const {
    guard::record* const reader = guard::of_this_thread();
    if (reader == nullptr) return {};
    guard_slot& slot = reader->choose();
    const cell* seen = find(matches, *reader, slot);
    if (seen == nullptr) return {};
    return ref_access::announced<V>(static_cast<const entry&>(*seen), slot,
                                    &slot != &reader->passing);
  }
};

}  // namespace kith::near
