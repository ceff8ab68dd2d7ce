// What a proposer makes of alerts: one removal of everybody who is gone, once the picture is
// stable. After Suresh, Malkhi, Gopalan, Carreiro, Lokhandwala, "Stable and Consistent Membership
// at Scale with Rapid", 2018; with one proposer, and stricter where a small cluster gives one voice
// weight.
//
// Count. A subject has K observers (rings.hpp). An alert counts when its sender is one of them,
// once per view. H = ceil(2K/3) votes condemn, L = max(1, ceil(K/3)) cast doubt.
//
// Stability. The cut is the condemned, when nobody else is in doubt, that is in [L, H). One death
// is seen by its observers within a ping interval, several deaths in any order, so these hold the
// cut back as well, for a while:
//   S1  a subject with fewer than L votes, until its last vote is `settle` old;
//   S2  a member without votes that the proposer does not hear itself, until observers had the time
//       to see it too and, asked, did not; once in a view, so that nobody can block cuts by playing
//       dead;
//   S3  a subject with fewer than L votes that the proposer does not hear, like one in doubt: its
//       observers may be dead or in poor health.
// Votes by the condemned hold nothing back: who hears nobody suspects everybody and shall go alone.
//
// Implicit votes. The dead do not vote, so an observer that is gone votes by being gone:
//   I1  An observer with at least L votes against it, from two members or from the proposer, is
//       gone. (Where L is 1 the word of one member is not enough: else one liar among three accuses
//       both others, and each becomes the witness against the other.)
//   I2  Its vote counts against a subject that has L votes, unless the proposer observes that one
//       itself and hears it.
//   I3  A subject with any vote, or unheard by the proposer, is condemned when every one of its
//       observers votes or is gone: nobody is left who could know better. For this rule also those
//       are gone whom the proposer itself accuses or does not hear. It is what lets a member go on
//       alone, with quorum = none, when it lost all others.
//       The silence that the proposer hears counts here only when it accuses at least L of its own
//       subjects, which its detector doubted with care. Else one that was stopped for ten seconds
//       would find that it had heard of nobody, and cut them all.
//
// Noise. When a subject was in doubt for 5 s, or for `settle` if the proposer does not hear it
// either, its silent observers are asked (reinforce). If it stays in doubt, it is noise: its votes
// stay, since none is given twice in a view, but it holds nothing back until another comes.
//
// A proposer never cuts itself: alerts about it are for the others to count.
//
// Cost: an event O(K * subjects with votes); a view O(K n log n).
#pragma once

#include <kith/cluster/rings.hpp>
#include <kith/core/assert.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace kith::cluster {

struct cut_options {
  /// How long a subject may be in doubt before its silent observers are asked.
  duration doubt_max = std::chrono::seconds{5};
  /// How long they have to answer: longer than the hold of an observer in poor health.
  duration answer_max = std::chrono::seconds{2};
  /// How long a first vote may be the head of a wave: one ping interval and a round trip.
  duration settle = std::chrono::milliseconds{1200};
  /// How long a member that is unheard but not accused may hold a cut back: from three missed
  /// heartbeats to the latest DOWN is less.
  duration unheard_hold = std::chrono::milliseconds{4500};
};

/// Ask each of `observers` to look again at `subject` (failure_detector::on_reinforce).
struct reinforcement {
  member_id subject;
  std::vector<member_id> observers;
  friend bool operator==(const reinforcement&, const reinforcement&) = default;
};

class cut_filter {
 public:
  explicit cut_filter(member_id self, cut_options options = {}) : self_{self}, options_{options} {}

  /// A new view: all votes are forgotten.
  void on_view(time_point now, std::span<const member_id> oldest_first);
  void on_view(time_point now, rings observers);
  /// `observer` suspects `subject`. Ignored unless it is its observer and has not said so yet.
  void on_alert(time_point now, const member_id& observer, const member_id& subject);
  /// The proposer itself lost its link to `member` or missed three heartbeats; or hears it again.
  /// Less than an alert: it is no vote, it only matters to S2, S3, I2 and I3.
  void on_unheard(time_point now, const member_id& member);
  void on_heard(time_point now, const member_id& member);

  void on_timeout(time_point now);
  /// When on_timeout is due and cut() or reinforce() may change; `never` when nothing waits.
  [[nodiscard]] time_point next_timeout() const;

  /// Whom to remove, oldest first. Empty while nobody is condemned or the picture is not stable.
  [[nodiscard]] std::vector<member_id> cut() const;
  /// Whom to ask about whom; each question is handed out once. The proposer itself may be among
  /// those to ask.
  [[nodiscard]] std::vector<reinforcement> reinforce() { return std::exchange(questions_, {}); }

  [[nodiscard]] std::size_t votes_to_condemn() const { return (2 * rings_.count() + 2) / 3; }
  [[nodiscard]] std::size_t votes_to_doubt() const {
    return std::max<std::size_t>(1, (rings_.count() + 2) / 3);
  }

 private:
  enum class stage : std::uint8_t { calm, fresh, doubt, asked, noise, condemned };

  struct subject {
    /// Bit i: its i-th observer has voted. K is at most 9.
    std::uint16_t votes = 0;
    bool unheard = false;  // by the proposer
    bool held = false;     // S2 was used in this view
    bool listed = false;   // in touched_
    stage at = stage::calm;
    time_point until = never;  // the end of fresh, doubt or asked
  };

  void touch(std::uint16_t position);
  [[nodiscard]] std::size_t explicit_votes(std::uint16_t position) const;
  [[nodiscard]] bool accused_by_self(std::uint16_t position) const;
  [[nodiscard]] bool gone(std::uint16_t position) const;
  [[nodiscard]] std::size_t votes(std::uint16_t position) const;
  [[nodiscard]] bool credible_vote(std::uint16_t position) const;
  enum class cause : std::uint8_t { other, new_vote };
  void judge(time_point now, std::uint16_t position, cause why);
  void doubt(time_point now, std::uint16_t position, cause why);
  void judge_all(time_point now);
  void ask(std::uint16_t position);

  const member_id self_;
  const cut_options options_;

  rings rings_;
  std::uint16_t self_at_ = 0xFFFF;
  std::size_t own_votes_ = 0;           // how many subjects the proposer accuses
  std::vector<subject> subjects_;       // one for each member
  std::vector<std::uint16_t> touched_;  // those with votes or unheard, in order
  std::vector<reinforcement> questions_;
};

// --- implementation ---

inline void cut_filter::on_view(time_point now, std::span<const member_id> oldest_first) {
  on_view(now, rings{oldest_first});
}

inline void cut_filter::on_view(time_point, rings observers) {
  rings_ = std::move(observers);
  self_at_ = rings_.find(self_).value_or(0xFFFF);
  own_votes_ = 0;
  subjects_.assign(rings_.members().size(), {});
  touched_.clear();
  questions_.clear();
}

inline void cut_filter::on_alert(time_point now, const member_id& observer,
                                 const member_id& about) {
  const auto voter = rings_.find(observer);
  const auto position = rings_.find(about);
  if (!voter || !position || *position == self_at_) return;
  const auto observers = rings_.observers_at(*position);
  const auto seat = std::find(observers.begin(), observers.end(), *voter);
  if (seat == observers.end()) return;
  const auto bit = static_cast<std::uint16_t>(1u << (seat - observers.begin()));
  subject& s = subjects_[*position];
  if ((s.votes & bit) != 0) return;
  s.votes |= bit;
  if (*voter == self_at_) ++own_votes_;
  touch(*position);
  judge(now, *position, cause::new_vote);
  judge_all(now);
}

inline void cut_filter::on_unheard(time_point now, const member_id& member) {
  const auto position = rings_.find(member);
  if (!position || *position == self_at_ || subjects_[*position].unheard) return;
  subject& s = subjects_[*position];
  s.unheard = true;
  if (s.at == stage::calm && !std::exchange(s.held, true)) {
    s.at = stage::fresh;
    s.until = now + options_.unheard_hold;
  } else if (s.at == stage::doubt) {
    s.until = std::min(s.until, now + options_.settle);
  }
  touch(*position);
  judge_all(now);
}

inline void cut_filter::on_heard(time_point now, const member_id& member) {
  const auto position = rings_.find(member);
  if (!position || !subjects_[*position].unheard) return;
  subject& s = subjects_[*position];
  s.unheard = false;
  if (s.votes == 0) {
    s.at = stage::calm;
    s.until = never;
  }
  judge_all(now);
}

inline void cut_filter::on_timeout(time_point now) { judge_all(now); }

inline time_point cut_filter::next_timeout() const {
  time_point next = never;
  for (const std::uint16_t position : touched_) next = std::min(next, subjects_[position].until);
  return next;
}

inline std::vector<member_id> cut_filter::cut() const {
  std::vector<member_id> condemned;
  for (const std::uint16_t position : touched_) {
    const subject& s = subjects_[position];
    if (s.at == stage::condemned) {
      condemned.push_back(rings_.members()[position]);
    } else if (s.until != never && (s.unheard || credible_vote(position))) {
      return {};
    }
  }
  return condemned;
}

inline void cut_filter::touch(std::uint16_t position) {
  if (std::exchange(subjects_[position].listed, true)) return;
  touched_.insert(std::lower_bound(touched_.begin(), touched_.end(), position), position);
}

inline std::size_t cut_filter::explicit_votes(std::uint16_t position) const {
  return static_cast<std::size_t>(std::popcount(subjects_[position].votes));
}

inline bool cut_filter::accused_by_self(std::uint16_t position) const {
  const auto observers = rings_.observers_at(position);
  for (std::size_t i = 0; i < observers.size(); ++i) {
    if (observers[i] == self_at_) return (subjects_[position].votes >> i & 1) != 0;
  }
  return false;
}

/// I1.
inline bool cut_filter::gone(std::uint16_t position) const {
  const std::size_t count = explicit_votes(position);
  return count >= votes_to_doubt() && (count >= 2 || accused_by_self(position));
}

/// The votes against a member, implicit ones included (I2, I3).
inline std::size_t cut_filter::votes(std::uint16_t position) const {
  const subject& s = subjects_[position];
  const auto observers = rings_.observers_at(position);
  std::size_t implicit = 0;
  bool self_hears = false;
  const bool sure = own_votes_ >= votes_to_doubt();
  bool all = s.votes != 0 || (s.unheard && sure);
  for (std::size_t i = 0; i < observers.size(); ++i) {
    if ((s.votes >> i & 1) != 0) continue;
    const std::uint16_t observer = observers[i];
    if (observer == self_at_) {
      self_hears = !s.unheard;
      all = all && s.unheard;
    } else if (gone(observer)) {
      ++implicit;
    } else if (!(subjects_[observer].unheard && sure) && !accused_by_self(observer)) {
      all = false;
    }
  }
  if (all) return observers.size();
  const std::size_t said = explicit_votes(position);
  return said >= votes_to_doubt() && !self_hears ? said + implicit : said;
}

/// Whether somebody who stays voted against this member.
inline bool cut_filter::credible_vote(std::uint16_t position) const {
  const auto observers = rings_.observers_at(position);
  for (std::size_t i = 0; i < observers.size(); ++i) {
    const bool voted = (subjects_[position].votes >> i & 1) != 0;
    if (voted && subjects_[observers[i]].at != stage::condemned) return true;
  }
  return false;
}

inline void cut_filter::judge(time_point now, std::uint16_t position, cause why) {
  subject& s = subjects_[position];
  const std::size_t count = votes(position);
  if (count >= votes_to_condemn()) {
    s.at = stage::condemned;
    s.until = never;
    return;
  }
  if (s.at == stage::condemned) s.at = stage::calm;  // somebody is heard again and I3 fails
  if (count >= votes_to_doubt() || (s.unheard && s.votes != 0)) {
    doubt(now, position, why);
  } else if (why == cause::new_vote) {
    s.at = stage::fresh;
    s.until = now + options_.settle;
  } else if (s.until <= now && s.at == stage::fresh && s.unheard) {
    s.at = stage::asked;
    s.until = now + options_.answer_max;
    ask(position);
  } else if (s.until <= now || s.at == stage::doubt) {
    s.at = stage::noise;  // it settled, or an observer that seemed gone is heard
    s.until = never;
  }
}

inline void cut_filter::doubt(time_point now, std::uint16_t position, cause why) {
  subject& s = subjects_[position];
  const bool waits = s.at == stage::doubt || s.at == stage::asked;
  if (!waits && (s.at != stage::noise || why == cause::new_vote)) {
    s.at = stage::doubt;
    s.until = now + (s.unheard ? options_.settle : options_.doubt_max);
  } else if (s.at == stage::doubt && s.until <= now) {
    s.at = stage::asked;
    s.until = now + options_.answer_max;
    ask(position);
  } else if (s.at == stage::asked && s.until <= now) {
    s.at = stage::noise;
    s.until = never;
  }
}

/// A vote about one member may be an implicit one about others; one pass is enough, since what is
/// gone depends on explicit votes alone.
inline void cut_filter::judge_all(time_point now) {
  for (const std::uint16_t position : touched_) judge(now, position, cause::other);
}

inline void cut_filter::ask(std::uint16_t position) {
  reinforcement question{.subject = rings_.members()[position], .observers = {}};
  const auto observers = rings_.observers_at(position);
  for (std::size_t i = 0; i < observers.size(); ++i) {
    const bool voted = (subjects_[position].votes >> i & 1) != 0;
    if (!voted && !gone(observers[i])) question.observers.push_back(rings_.members()[observers[i]]);
  }
  if (!question.observers.empty()) questions_.push_back(std::move(question));
}

}  // namespace kith::cluster
