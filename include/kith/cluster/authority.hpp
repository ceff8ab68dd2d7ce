// Who may act, and until when, without asking: promise windows and fences by echoed heartbeats.
//
// A member echoes the coordinator's newest send time `b` and thereby promises to vote for nobody
// else for F after its own sending, which is later than b. The coordinator has authority until F
// (less the clocks' error) after the b that a quorum has echoed, and within it grants each member a
// fence, counted by the member from its own heartbeat's send time. So every fence ends, in real
// time, before a quorum of promises for another can be collected.
//
// All times are of the member's own clock; a time of another clock is only echoed.
#pragma once

#include <kith/cluster/consensus.hpp>
#include <kith/cluster/view.hpp>
#include <kith/core/assert.hpp>
#include <kith/core/time.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace kith::cluster {

/// `span` as a clock counts it that is up to 5 % slow.
[[nodiscard]] constexpr duration shortened(duration span) { return span * 20 / 21; }
[[nodiscard]] constexpr duration lengthened(duration span) { return span * 21 / 20; }

/// The last few times at which one sent something: an echo must be one of them.
class sent_times {
 public:
  void note(time_point when) {
    times_[next_] = when;
    next_ = (next_ + 1) % times_.size();
  }
  [[nodiscard]] bool has(time_point when) const {
    return when != time_point{} && std::ranges::find(times_, when) != times_.end();
  }

 private:
  std::array<time_point, 8> times_{};
  std::size_t next_ = 0;
};

/// A member's side: its promise to its coordinator, its fence, its freshness.
class allegiance {
 public:
  explicit allegiance(duration f) : f_{f} {}

  /// Rule V1: the window restarts, in favour of the view's oldest, and a running one survives.
  void on_install(time_point now, bool same_coordinator);
  /// The echo to send now. A new echo restarts the promise window.
  [[nodiscard]] time_point on_heartbeat(time_point now, bool loyal);
  /// False when `echo` is nothing that this member sent.
  [[nodiscard]] bool on_ack(time_point echo, time_point coordinator_time, duration fence);
  /// The coordinator's send time, to be echoed by the next heartbeat.
  void note_coordinator_time(time_point sent) { heard_ = std::max(heard_, sent); }
  /// Something sent to the coordinator that it may echo.
  void note_sent(time_point when) { sent_.note(when); }
  /// The coordinator answered what this member sent at `echo`, and surely led then.
  void refresh(time_point echo);

  /// `quorum = none`: the coordinator's link broke, nothing binds this member to it.
  void release() {
    window_ = {};
    heard_ = {};
  }

  [[nodiscard]] time_point window() const { return window_; }
  [[nodiscard]] bool bound(time_point now) const { return now < window_; }
  [[nodiscard]] time_point fence() const { return fence_; }
  /// My send time of the newest message that the coordinator of my view, while it surely led, has
  /// answered in it.
  [[nodiscard]] time_point fresh() const { return fresh_; }
  [[nodiscard]] std::uint64_t restarts() const { return restarts_; }

 private:
  duration f_;
  sent_times sent_;
  time_point heard_{};
  time_point echoed_{};
  time_point window_{};
  time_point fence_{};
  time_point fresh_{};
  std::uint64_t restarts_ = 0;
};

/// The coordinator's side.
class authority {
 public:
  explicit authority(duration f) : f_{f} {}

  /// Carries what is known of the members that stay; remembers the last grants to those that go
  /// until the next stable view (rule V3).
  void on_install(const view* old, const view& now_current);
  void on_stable() { removed_until_ = {}; }

  /// A time that is about to be sent to a member.
  void note_sent(std::uint16_t member, time_point when) { slots_[member].sent.note(when); }
  /// A heartbeat of this view. False when `echo` is nothing that was sent to that member.
  [[nodiscard]] bool on_echo(std::uint16_t member, time_point echo);
  /// The member answered, in the view that became this one, something sent at `when`.
  void note_answer(std::uint16_t member, time_point when);

  /// Until when a quorum is bound to this coordinator, who is at index 0 and `counts_itself` until
  /// it promises another's ballot.
  [[nodiscard]] time_point until(time_point now, bool counts_itself) const;
  /// The time such that a strict majority, this member included, has since answered in this view.
  [[nodiscard]] time_point fresh(time_point now) const;

  /// The fence that a member may count from its heartbeat that arrived now.
  [[nodiscard]] duration grant(std::uint16_t member, time_point now, bool counts_itself);
  /// When the last grants to all members removed since the last stable view have ended.
  [[nodiscard]] time_point removed_until() const { return removed_until_; }

 private:
  struct slot {
    sent_times sent;
    /// Newest own send time that the member echoed: as a promise; and in this view.
    time_point echo{};
    time_point answer{};
    time_point granted_until{};
  };

  [[nodiscard]] time_point nth_newest(time_point slot::* field, std::size_t needed) const;

  duration f_;
  std::vector<slot> slots_;
  time_point removed_until_{};
  mutable std::vector<time_point> scratch_;
};

// --- implementation ---

inline void allegiance::on_install(time_point now, bool same_coordinator) {
  window_ = std::max(window_, now + f_);
  ++restarts_;
  fresh_ = {};
  sent_ = {};
  if (same_coordinator) return;
  heard_ = {};
  echoed_ = {};
}

inline time_point allegiance::on_heartbeat(time_point now, bool loyal) {
  sent_.note(now);
  if (!loyal || heard_ == time_point{}) return {};
  if (heard_ > echoed_) {
    echoed_ = heard_;
    window_ = std::max(window_, now + f_);
    ++restarts_;
  }
  return heard_;
}

inline bool allegiance::on_ack(time_point echo, time_point coordinator_time, duration fence) {
  if (!sent_.has(echo)) return false;
  note_coordinator_time(coordinator_time);
  fence_ = std::max(fence_, echo + std::min(fence, f_));
  return true;
}

inline void allegiance::refresh(time_point echo) { fresh_ = std::max(fresh_, echo); }

inline void authority::on_install(const view* old, const view& now_current) {
  std::vector<slot> next(now_current.members.size());
  for (std::size_t i = 0; i < slots_.size() && old != nullptr; ++i) {
    const auto stays = now_current.find(old->members[i].id);
    if (!stays) {
      removed_until_ = std::max(removed_until_, slots_[i].granted_until);
      continue;
    }
    next[*stays] = slots_[i];
    next[*stays].answer = {};
  }
  slots_ = std::move(next);
}

inline bool authority::on_echo(std::uint16_t member, time_point echo) {
  slot& known = slots_[member];
  if (!known.sent.has(echo)) return false;
  known.echo = std::max(known.echo, echo);
  known.answer = std::max(known.answer, echo);
  return true;
}

inline void authority::note_answer(std::uint16_t member, time_point when) {
  slots_[member].answer = std::max(slots_[member].answer, when);
}

inline time_point authority::nth_newest(time_point slot::* field, std::size_t needed) const {
  if (needed + 1 > slots_.size()) return {};
  scratch_.clear();
  for (std::size_t i = 1; i < slots_.size(); ++i) scratch_.push_back(slots_[i].*field);
  const auto nth = scratch_.begin() + static_cast<std::ptrdiff_t>(needed - 1);
  std::nth_element(scratch_.begin(), nth, scratch_.end(), std::greater<>{});
  return *nth;
}

inline time_point authority::until(time_point now, bool counts_itself) const {
  const std::size_t n = slots_.size();
  const std::size_t needed = counts_itself ? (n - 1) / 2 : n / 2 + 1;
  if (needed == 0) return now + shortened(f_);
  const time_point echo = nth_newest(&slot::echo, needed);
  return echo == time_point{} ? time_point{} : echo + shortened(f_);
}

inline time_point authority::fresh(time_point now) const {
  const std::size_t needed = slots_.size() / 2;
  return needed == 0 ? now : nth_newest(&slot::answer, needed);
}

inline duration authority::grant(std::uint16_t member, time_point now, bool counts_itself) {
  const duration left = std::clamp(until(now, counts_itself) - now, duration{}, f_);
  slots_[member].granted_until = std::max(slots_[member].granted_until, now + left);
  return shortened(left);
}

}  // namespace kith::cluster
