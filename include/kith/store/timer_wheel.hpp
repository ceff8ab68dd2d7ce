// Deadlines of entries: hierarchical timing wheels (George Varghese and Tony Lauck: "Hashed and
// Hierarchical Timing Wheels", SOSP 1987, scheme 7). Schedule, reschedule and cancel are O(1).
//
// Time is cut into ticks of 2^20 ns (about 1 ms). A deadline is rounded up to a tick, so nothing is
// due early; it is late by less than a tick and by what the caller lags. Level 0 has 64 buckets of
// one tick, each next level 64 buckets of 64 times the span. A deadline stands at the level of the
// highest group of six bits in which it differs from the present tick. Two things follow: no bucket
// wraps around, and all of a level comes before all of the next. When the present reaches a bucket
// of a higher level, its entries are spread over the levels below.
//
// Work is bounded: each entry handed out or spread is one unit, and what the caller's units do not
// pay for waits for the next call. So a million entries with one deadline do not stop a lane. A
// present that is half done (`draining_`) is finished before time goes on.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/time.hpp>
#include <kith/store/handle.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace kith::store {

/// The usual units of work of one turn: below a tenth of a millisecond for entries of bytes.
inline constexpr std::size_t turn_limit = 256;

class timer_wheel {
 public:
  static constexpr int tick_bits = 20;

  /// Sets or moves the deadline of `at`. A deadline of `never` or later cancels.
  void schedule(handle at, time_point deadline);

  /// No effect when nothing is scheduled.
  void cancel(handle at);

  /// Hands out an entry whose deadline is not after `now`, and forgets its deadline; no_handle when
  /// none is due or `work` is used up. Entries with one deadline come in the order of scheduling
  /// unless they were far apart in time. A `now` before an earlier one is harmless.
  [[nodiscard]] handle pop_due(time_point now, std::size_t& work);

  /// When pop_due has work to do, which may be to spread a bucket only. Absent when empty; in the
  /// past when work was left over.
  [[nodiscard]] std::optional<time_point> next_timeout() const;

  [[nodiscard]] bool scheduled(handle at) const {
    return nodes_.covers(at) && nodes_[at].bucket() != nowhere;
  }
  [[nodiscard]] std::size_t size() const { return size_; }

  /// Gives back what is remembered for each handle. Requires that nothing is scheduled.
  void trim() {
    KITH_ASSERT(size_ == 0);
    nodes_.trim();
  }
  [[nodiscard]] std::uint64_t bytes() const {
    return nodes_.bytes() + lists_.size() * sizeof(list);
  }

 private:
  static constexpr unsigned group_bits = 6;
  static constexpr std::uint64_t group_slots = 64;
  /// 2^48 ticks: every time below `never` has a place.
  static constexpr std::uint64_t levels = 8;
  /// Buckets are numbered level by level; after them the list of what was late when it came.
  static constexpr std::uint64_t late = levels * group_slots;
  static constexpr std::uint64_t nowhere = late + 1;

  struct node {
    handle previous = no_handle;
    handle next = no_handle;
    /// Tick and bucket in one word: a node is 16 bytes.
    std::uint64_t place = nowhere;

    [[nodiscard]] std::uint64_t bucket() const { return place & 1023; }
    [[nodiscard]] std::uint64_t tick() const { return place >> 10; }
  };
  struct list {
    handle first = no_handle;
    handle last = no_handle;
  };
  struct stop {
    std::uint64_t bucket = nowhere;
    std::uint64_t tick = 0;
  };

  void append(handle at, std::uint64_t tick);
  void unlink(handle at);
  [[nodiscard]] bool work_left() const {
    return draining_ != nowhere || lists_[late].first != no_handle;
  }
  [[nodiscard]] stop next_stop() const;

  handle_map<node> nodes_;
  /// Empty until the first deadline: most shards of caches without ttl never need it.
  std::vector<list> lists_;
  /// Invariant: bit s of occupied_[l] is set exactly when bucket s of level l has entries.
  std::array<std::uint64_t, levels> occupied_{};
  /// The present. Invariant: every entry outside `late` and `draining_` has a later tick.
  std::uint64_t tick_ = 0;
  /// The bucket that the present has reached. Invariant: `nowhere`, or a bucket with entries.
  std::uint64_t draining_ = nowhere;
  std::size_t size_ = 0;
};

// --- implementation ---

inline void timer_wheel::schedule(handle at, time_point deadline) {
  cancel(at);
  if (deadline >= never) return;
  if (lists_.empty()) lists_.resize(late + 1);
  nodes_.cover(at);
  constexpr std::int64_t round_up = (std::int64_t{1} << tick_bits) - 1;
  const std::int64_t ns = deadline.time_since_epoch().count();
  append(at, ns <= 0 ? 0 : static_cast<std::uint64_t>((ns + round_up) >> tick_bits));
  ++size_;
}

inline void timer_wheel::cancel(handle at) {
  if (!scheduled(at)) return;
  unlink(at);
  --size_;
}

inline void timer_wheel::append(handle at, std::uint64_t tick) {
  std::uint64_t bucket = late;
  if (tick > tick_) {
    const auto highest = static_cast<unsigned>(std::bit_width(tick ^ tick_)) - 1;
    const std::uint64_t level = highest / group_bits;
    const std::uint64_t slot = (tick >> (level * group_bits)) % group_slots;
    KITH_ASSERT(level < levels);
    occupied_[level] |= std::uint64_t{1} << slot;
    bucket = level * group_slots + slot;
  }
  list& into = lists_[bucket];
  nodes_[at] = {into.last, no_handle, (tick << 10) | bucket};
  (into.last == no_handle ? into.first : nodes_[into.last].next) = at;
  into.last = at;
}

inline void timer_wheel::unlink(handle at) {
  const node gone = nodes_[at];
  list& from = lists_[gone.bucket()];
  (gone.previous == no_handle ? from.first : nodes_[gone.previous].next) = gone.next;
  (gone.next == no_handle ? from.last : nodes_[gone.next].previous) = gone.previous;
  if (from.first == no_handle && gone.bucket() != late) {
    occupied_[gone.bucket() / group_slots] &=
        ~(std::uint64_t{1} << (gone.bucket() % group_slots));
    // The number names a bucket of a later block from now on.
    if (gone.bucket() == draining_) draining_ = nowhere;
  }
  nodes_[at] = {};
}

inline timer_wheel::stop timer_wheel::next_stop() const {
  for (std::uint64_t level = 0; level < levels; ++level) {
    if (occupied_[level] == 0) continue;
    const auto slot = static_cast<std::uint64_t>(std::countr_zero(occupied_[level]));
    const std::uint64_t span = std::uint64_t{1} << (level * group_bits);
    const std::uint64_t start = tick_ & ~(span * group_slots - 1);
    return {level * group_slots + slot, start + slot * span};
  }
  return {};
}

inline handle timer_wheel::pop_due(time_point now, std::size_t& work) {
  const std::int64_t signed_target = now.time_since_epoch().count() >> tick_bits;
  if (signed_target < 0) return no_handle;
  const auto target = static_cast<std::uint64_t>(signed_target);
  // Threads read the clock before they wait for the lane, so their times may cross.
  if (target < tick_) return no_handle;
  if (size_ == 0) {
    tick_ = target;
    return no_handle;
  }
  while (work > 0) {
    if (!work_left()) {
      const stop next = next_stop();
      if (next.bucket == nowhere || next.tick > target) {
        tick_ = target;
        return no_handle;
      }
      tick_ = next.tick;
      draining_ = next.bucket;
    }
    --work;
    const handle oldest = lists_[late].first;
    const handle at = oldest != no_handle ? oldest : lists_[draining_].first;
    const std::uint64_t tick = nodes_[at].tick();
    unlink(at);
    if (tick <= tick_) {
      --size_;
      return at;
    }
    append(at, tick);
  }
  return no_handle;
}

inline std::optional<time_point> timer_wheel::next_timeout() const {
  if (size_ == 0) return std::nullopt;
  const std::uint64_t tick = work_left() ? tick_ : next_stop().tick;
  return time_point{duration{static_cast<std::int64_t>(tick << tick_bits)}};
}

}  // namespace kith::store
