// One member's watch over its subjects (rings.hpp): it pings them and says, once per view, which
// look gone. It decides nothing: the cut filter counts what several observers say.
//
// Down. Each tick (1 s) counts a miss for a subject that left the last ping without any frame
// since. Five misses in a row are DOWN. Misses are counted in ticks, not in time: a member that was
// stopped for ten seconds finds one late tick, not ten misses.
//
// Refused. A dead process does not listen. After a reset the subject is dialled twice within 300
// ms; when both are refused it is REFUSED at once. A frame or an accepted dial ends the probe. A
// dial that is neither accepted nor refused proves nothing; the pings decide.
//
// Local health (after Dadgar, Phillips, Currey, "Lifeguard", 2018). When the own tick came late, or
// at least three and more than half of the subjects look down, the fault is likely here: the limit
// doubles, and an alert waits 1 s in which a sign of life withdraws it.
//
// Race: the silence that several observers see at once is one fault. 1. Subjects a to e fall silent
// together. 2. They reach the limit in the same tick. So all misses are counted before any subject
// is judged, or the first alerts would leave before the health rule sees the rest.
//
// Driven by the views machine; effects come in the order of age. Costs O(K) per event.
#pragma once

#include <kith/cluster/rings.hpp>
#include <kith/core/assert.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace kith::cluster {

struct detector_options {
  /// One ping to each subject per interval; the price is K small frames each way.
  duration ping_interval = std::chrono::seconds{1};
  /// Misses in a row that make DOWN: silence of 5 to 6 intervals.
  std::uint32_t missed_limit = 5;
  /// Misses that suffice when the proposer asks about a subject that others suspect.
  std::uint32_t missed_limit_asked = 2;
  /// Misses from which a subject counts for the health rule: below the limit, so that the rule
  /// wakes before the first alert.
  std::uint32_t missed_looks_down = 3;
  /// Dials after a reset, spread evenly over the window.
  std::uint32_t redials = 2;
  duration redial_window = std::chrono::milliseconds{300};
  /// A tick later than this means that this member, not its subjects, was away.
  duration tick_late_max = std::chrono::milliseconds{500};
  /// How long a late tick is remembered.
  duration poor_memory = std::chrono::seconds{5};
  /// In poor health the limits grow by this factor and alerts wait this long.
  std::uint32_t poor_factor = 2;
  duration poor_hold = std::chrono::seconds{1};
  /// The health rule needs at least so many subjects that look down.
  std::uint32_t poor_subjects_min = 3;

  /// The usual ones, where pings leave so often.
  [[nodiscard]] static detector_options at(duration interval) {
    detector_options made;
    made.ping_interval = interval;
    made.tick_late_max = interval / 2;
    return made;
  }
};

enum class loss : std::uint8_t { refused, reset };
enum class suspicion : std::uint8_t { down, refused };
enum class health : std::uint8_t { good, poor };

struct send_ping {
  member_id member;
  friend bool operator==(const send_ping&, const send_ping&) = default;
};
/// Dial `member` now, even where a back-off would wait, and report what came of it.
struct redial {
  member_id member;
  friend bool operator==(const redial&, const redial&) = default;
};
struct suspect {
  member_id member;
  suspicion why = suspicion::down;
  friend bool operator==(const suspect&, const suspect&) = default;
};
using detector_effect = std::variant<send_ping, redial, suspect>;

class failure_detector {
 public:
  explicit failure_detector(member_id self, detector_options options = {});

  /// A new view. Subjects that stay keep their misses; alerts may be given again.
  void on_view(time_point now, std::span<const member_id> oldest_first);
  /// The same, where the caller has built the rings of the view already.
  void on_view(time_point now, const rings& observers);
  /// Any frame came from `member`.
  void on_contact(time_point now, const member_id& member);
  /// A connection to `member` broke, or a dial was refused.
  void on_link_lost(time_point now, const member_id& member, loss how);
  /// A dial to `member` was accepted. The kernel of a stopped process accepts too, so this ends a
  /// probe and no more.
  void on_link_up(time_point now, const member_id& member);
  /// The proposer asks about `member`, which others suspect: two misses suffice from now on.
  void on_reinforce(time_point now, const member_id& member);

  void on_timeout(time_point now, std::vector<detector_effect>& effects);
  /// When on_timeout is due; `never` without subjects.
  [[nodiscard]] time_point next_timeout() const;

  [[nodiscard]] health health_at(time_point now) const;

 private:
  struct subject {
    member_id id;
    std::uint32_t missed = 0;
    std::uint32_t dialled = 0;
    /// Invariant: refusals <= dialled <= options_.redials.
    std::uint32_t refusals = 0;
    time_point next_redial = never;
    /// When the alert leaves; `never` while there is nothing to say.
    time_point alert_at = never;
    bool pinged = false;  // and no frame since
    bool asked = false;
    bool alerted = false;  // in this view
  };

  [[nodiscard]] subject* find(const member_id& member);
  [[nodiscard]] bool refused(const subject& s) const { return s.refusals >= options_.redials; }
  [[nodiscard]] bool looks_gone(time_point now, const subject& s) const;
  void weigh(time_point now, subject& s) const;
  static void end_probe(subject& s);
  void tick(time_point now, std::vector<detector_effect>& effects);

  const member_id self_;
  const detector_options options_;

  std::vector<subject> subjects_;  // oldest first
  time_point next_tick_ = never;
  time_point late_until_ = time_point::min();
};

// --- implementation ---

inline failure_detector::failure_detector(member_id self, detector_options options)
    : self_{self}, options_{options} {
  KITH_ASSERT(options_.ping_interval > duration::zero() && options_.redials > 0);
  KITH_ASSERT(options_.missed_limit > 0 && options_.missed_limit_asked > 0);
}

inline void failure_detector::on_view(time_point now, std::span<const member_id> oldest_first) {
  on_view(now, rings{oldest_first});
}

inline void failure_detector::on_view(time_point now, const rings& observers) {
  std::vector<subject> next;
  for (const member_id& member : observers.subjects_of(self_)) {
    const subject* known = find(member);
    next.push_back(known != nullptr ? *known : subject{.id = member});
    next.back().asked = false;
    next.back().alerted = false;
    next.back().alert_at = never;
  }
  subjects_ = std::move(next);
  if (subjects_.empty()) {
    next_tick_ = never;
  } else if (next_tick_ == never) {
    next_tick_ = now;
  }
  for (subject& s : subjects_) weigh(now, s);
}

inline void failure_detector::on_contact(time_point, const member_id& member) {
  subject* s = find(member);
  if (s == nullptr) return;
  s->missed = 0;
  s->pinged = false;
  s->asked = false;
  s->alert_at = never;  // no misses and no refusals are left: there is nothing to weigh
  end_probe(*s);
}

inline void failure_detector::on_link_lost(time_point now, const member_id& member, loss how) {
  subject* s = find(member);
  if (s == nullptr) return;
  if (how == loss::reset) {
    const bool running = s->next_redial != never || s->refusals > 0;
    if (running) return;
    s->dialled = 0;
    s->next_redial = now;
    return;
  }
  if (s->dialled == 0) {  // a dial of the driver's own counts as the first of the probe
    s->dialled = 1;
    s->next_redial = options_.redials > 1 ? now + options_.redial_window / options_.redials : never;
  }
  // A burst of refusals for one dial is one refusal: a listener that restarts deserves the window.
  s->refusals = std::min(s->refusals + 1, s->dialled);
  weigh(now, *s);
}

inline void failure_detector::on_link_up(time_point now, const member_id& member) {
  subject* s = find(member);
  if (s == nullptr) return;
  end_probe(*s);
  weigh(now, *s);
}

inline void failure_detector::on_reinforce(time_point now, const member_id& member) {
  subject* s = find(member);
  if (s == nullptr) return;
  s->asked = true;
  weigh(now, *s);
}

inline void failure_detector::on_timeout(time_point now, std::vector<detector_effect>& effects) {
  for (subject& s : subjects_) {
    if (s.next_redial > now) continue;
    effects.push_back(redial{s.id});
    ++s.dialled;
    s.next_redial =
        s.dialled < options_.redials ? now + options_.redial_window / options_.redials : never;
  }
  if (now >= next_tick_) tick(now, effects);
  for (subject& s : subjects_) {
    if (s.alert_at > now) continue;
    effects.push_back(suspect{s.id, refused(s) ? suspicion::refused : suspicion::down});
    s.alerted = true;
    s.alert_at = never;
  }
}

inline void failure_detector::tick(time_point now, std::vector<detector_effect>& effects) {
  if (now - next_tick_ > options_.tick_late_max) late_until_ = now + options_.poor_memory;
  next_tick_ += options_.ping_interval;
  if (next_tick_ <= now) next_tick_ = now + options_.ping_interval;

  for (subject& s : subjects_) {
    if (s.pinged) ++s.missed;
  }
  for (subject& s : subjects_) {
    weigh(now, s);
    s.pinged = true;
    effects.push_back(send_ping{s.id});
  }
}

inline time_point failure_detector::next_timeout() const {
  time_point next = next_tick_;
  for (const subject& s : subjects_) next = std::min({next, s.next_redial, s.alert_at});
  return next;
}

inline health failure_detector::health_at(time_point now) const {
  std::size_t down = 0;
  for (const subject& s : subjects_) {
    if (s.missed >= options_.missed_looks_down || refused(s)) ++down;
  }
  const bool many = down >= options_.poor_subjects_min && 2 * down > subjects_.size();
  return many || now < late_until_ ? health::poor : health::good;
}

inline bool failure_detector::looks_gone(time_point now, const subject& s) const {
  if (refused(s)) return true;
  std::uint32_t limit = options_.missed_limit;
  if (s.asked) limit = std::min(limit, options_.missed_limit_asked);
  if (health_at(now) == health::poor) limit *= options_.poor_factor;
  return s.missed >= limit;
}

/// Sets or withdraws the alert of `s`. An alert that waits keeps its time.
inline void failure_detector::weigh(time_point now, subject& s) const {
  if (s.alerted) return;
  if (!looks_gone(now, s)) {
    s.alert_at = never;
  } else if (s.alert_at == never) {
    s.alert_at = health_at(now) == health::poor ? now + options_.poor_hold : now;
  }
}

inline void failure_detector::end_probe(subject& s) {
  s.dialled = 0;
  s.refusals = 0;
  s.next_redial = never;
}

inline failure_detector::subject* failure_detector::find(const member_id& member) {
  for (subject& s : subjects_) {
    if (s.id == member) return &s;
  }
  return nullptr;
}

}  // namespace kith::cluster
