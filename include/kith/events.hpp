// What listeners are told: changes of entries that this member owns, and views.
//
// A listener runs on the member's worker threads, where it may block and may use caches; never two
// times at once, and with no lock held. What it throws is caught, logged and counted. What waits
// for it is bounded: when that is full, later events are left out until it has caught up, and it is
// told how many those were.
#pragma once

#include <kith/core/endpoint.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace kith {

enum class entry_change : std::uint8_t {
  /// By put, put_if_absent, compare_and_put, add or a processor.
  put,
  /// The loader brought it.
  loaded,
  /// It has another time to live.
  touched,
  /// By erase, erase_if_version, a processor, clear or invalidate_tag, or by a refresh that found
  /// no such row.
  erased,
  /// Its time was over. Told when it is removed: a little later, or where values may be answered
  /// beyond their end (loading_options), when that is over too.
  expired,
  /// It made room for others.
  evicted,
};

/// One change of one entry at its owner.
template <class Key, class Value>
struct entry_event {
  entry_change what = entry_change::put;
  Key key;
  /// Of the change; of an entry that expired or was evicted its last one.
  kith::version version;
  /// What was put, loaded or touched, for listeners that want values.
  std::optional<Value> value;
};

/// Changes that a listener is not told one by one.
struct events_missed {
  /// So many did not fit into the listener's queue.
  std::uint64_t count = 0;
  /// This member has become the owner of the partition: what changed before is not known here.
  std::optional<partition_id> moved_here;
};

/// A listener of the changes of those entries of one cache that this member owns.
template <class Key, class Value>
struct entry_listener {
  std::function<void(const entry_event<Key, Value>&)> changed;
  std::function<void(const events_missed&)> missed = {};
  /// Events carry values.
  bool values = false;
  /// Events that may wait for the listener; and 8 MiB of their keys and values.
  std::size_t queue_max = 4096;
};

/// A view was installed. Lists are what changed since the last one that this listener was told.
struct view_event {
  std::uint64_t number = 0;
  std::vector<endpoint> joined;
  std::vector<endpoint> left;
  /// Partitions of which this member has become, and is no longer, the owner.
  std::vector<partition_id> gained;
  std::vector<partition_id> lost;
  /// Not 0: so many views were left out here because the listener was slow, and nothing else is
  /// said. What they changed is found by member::members().
  std::uint64_t missed = 0;
};

/// A listener's registration, which ends with this object. When end() or the destructor returns,
/// the listener does not run and never will, unless it is itself the caller. Not from code that
/// the listener waits for.
class subscription {
 public:
  subscription() = default;
  explicit subscription(std::function<void()> end) : end_{std::move(end)} {}
  subscription(subscription&& other) noexcept : end_{std::exchange(other.end_, nullptr)} {}
  subscription& operator=(subscription&& other) noexcept {
    if (this != &other) {
      end();
      end_ = std::exchange(other.end_, nullptr);
    }
    return *this;
  }
  ~subscription() { end(); }

  void end() {
    if (const auto once = std::exchange(end_, nullptr)) once();
  }
  explicit operator bool() const { return static_cast<bool>(end_); }

 private:
  std::function<void()> end_;
};

}  // namespace kith
