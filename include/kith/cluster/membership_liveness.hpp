// The part of membership.hpp that stays in touch: heartbeats with the coordinator, pings among
// observers, alerts to those that may propose, and the stable mark.
#pragma once

#include <kith/cluster/membership.hpp>

#include <variant>

namespace kith::cluster {

/// Once per heartbeat interval, and at once after an install: the heartbeat acknowledges the view.
inline void membership::beat(time_point now, outbox& out) {
  beat_at_ = now + options_.timers.heartbeat;
  judge_silence(now, out);
  if (!alerts_.empty()) send_alerts(now, out);
  if (coordinating()) {
    const bool holds = !majority() || authority_.until(now, counts_itself()) > now;
    if (authority_held_ && !holds) {
      ++counters_.authority_lapses;
      note(out, log_level::warning, "authority lapsed");
    }
    authority_held_ = holds;
    return;
  }
  // Who promised another's ballot echoes nothing to the coordinator until the next view (V2).
  const time_point echo = allegiance_.on_heartbeat(now, decision_.promised_to() == 0);
  counters_.promise_window_restarts = allegiance_.restarts();
  const member_id& to = view_->oldest().id;
  post(out, to, wire::heartbeat{view_->key, decision_.promised(), now, echo});
  if (leaving_) {
    post(out, to, wire::leave{view_->key, wire::leaving::go});
  } else {
    ask_for_drain(out);
  }
  for (const pending_cache& cache : caches_) {
    if (cache.settled) continue;
    post(out, to, wire::open_cache{cache.request.name, cache.request.options});
  }
}

/// Its removal is proposed or will be: it gets no further fence.
inline bool membership::about_to_go(time_point now, std::uint16_t index) const {
  const auto& value = decision_.accepted_value();
  if (value &&
      std::ranges::find(value->removed, index, &wire::removal::member) != value->removed.end()) {
    return true;
  }
  return std::ranges::binary_search(credible_cut(now), view_->members[index].id);
}

inline void membership::on_heartbeat(time_point now, const member_id& from,
                                     const wire::heartbeat& m, outbox& out) {
  if (!same_view(now, from, m.view, out) || !coordinating()) return;
  const std::uint16_t index = *view_->find(from);
  cut_->on_heard(now, from);
  if (m.echo != time_point{} && !authority_.on_echo(index, m.echo)) ++counters_.echoes_refused;
  desk_.on_ack(now, index);
  // It promised another and will take no fence from this coordinator. Where the other gets nowhere
  // a new view frees it.
  if (m.promised.round > 0 && m.promised.rank != 0) {
    if (strayed_since_ == time_point{}) strayed_since_ = now;
    decision_.on_nack({}, m.promised);
    if (now - strayed_since_ >= options_.timers.fence / 2) desk_.ask_for_next_view();
  }
  const bool granted = majority() && !about_to_go(now, index);
  const duration fence = granted ? authority_.grant(index, now, counts_itself()) : duration{};
  authority_.note_sent(index, now);
  post(out, from, wire::heartbeat_ack{view_->key, now, m.sent_at, fence, stable_});
  stabilise(now, out);
}

inline void membership::on_heartbeat_ack(time_point now, const member_id& from,
                                         const wire::heartbeat_ack& m, outbox& out) {
  if (!same_view(now, from, m.view, out) || from != view_->oldest().id || coordinating()) return;
  if (!allegiance_.on_ack(m.echo, m.sent_at, m.fence)) {
    ++counters_.echoes_refused;
    return;
  }
  if (!majority() || m.fence > duration{}) {
    allegiance_.refresh(m.echo);
  } else if (hurried_beats_ < hurried_beats_max) {
    // It has no authority yet, or none any more. Where it is new, the echo gives it some.
    ++hurried_beats_;
    beat_at_ = std::min(beat_at_, now + options_.timers.heartbeat / 10);
  }
  coordinator_heard_ = now;
  end_census(now);
  cut_->on_heard(now, from);
  heir_at_ = never;
  if (role_ == member_role::candidate) {
    // The coordinator lives after all.
    role_ = member_role::follower;
    decision_.give_up();
    attempt_at_ = now + options_.timers.fence;
  }
  if (m.stable) become_stable(out);
}

inline void membership::on_ping(time_point now, const member_id& from, const wire::ping& m,
                                outbox& out) {
  const bool over = dissolved_ && m.view.branch == dissolved_->ended.branch &&
                    m.view.number <= dissolved_->ended.number;
  if (over) {
    ++counters_.kicks_sent;
    return post(out, from, *dissolved_);
  }
  if (!view_) return;
  const bool same = same_view(now, from, m.view, out);
  if (same || view_->contains(from)) post(out, from, wire::pong{view_->key});
}

inline void membership::on_pong(time_point now, const member_id& from, const wire::pong& m,
                                outbox& out) {
  static_cast<void>(same_view(now, from, m.view, out));
}

/// What the detector has to do and to say.
inline void membership::watch(time_point now, outbox& out) {
  cut_->on_timeout(now);
  std::vector<detector_effect> effects;
  detector_->on_timeout(now, effects);
  bool more = false;
  for (const detector_effect& wanted : effects) {
    if (const auto* ping = std::get_if<send_ping>(&wanted)) {
      post(out, ping->member, wire::ping{view_->key});
    } else if (const auto* again = std::get_if<redial>(&wanted)) {
      if (const auto index = view_->find(again->member)) {
        out.push_back(dial{view_->members[*index].address});
      }
    } else if (const auto* suspected = std::get_if<suspect>(&wanted)) {
      const auto index = view_->find(suspected->member);
      if (!index) continue;
      const auto kind =
          suspected->why == suspicion::down ? wire::alert_kind::down : wire::alert_kind::refused;
      alerts_.push_back({*index, kind});
      cut_->on_alert(now, self_.id, suspected->member);
      more = true;
    }
  }
  if (more) send_alerts(now, out);
  ask_observers(now, out);
}

/// To the three oldest that this member does not miss itself; to more of them the longer the
/// coordinator is silent, since those three may be dead too.
inline void membership::send_alerts(time_point now, outbox& out) {
  std::size_t wanted = 3;
  const duration silence = now - coordinator_heard_;
  if (!coordinating() && silence > options_.timers.fence) {
    wanted += static_cast<std::size_t>(silence / options_.timers.fence) * 3;
  }
  for (std::uint16_t i = 0; i < view_->size() && wanted > 0; ++i) {
    // A suspect that is heard again may have to propose: alerts about it cannot be taken back.
    const bool silent = now - contacts_[i] > 2 * options_.timers.heartbeat;
    if (silent && std::ranges::find(alerts_, i, &wire::alert_item::subject) != alerts_.end()) {
      continue;
    }
    --wanted;
    if (i == self_index_) continue;
    ++counters_.alerts_sent;
    post(out, view_->members[i].id, wire::alert{view_->key, alerts_});
  }
}

inline wire::decode_error membership::on_alert(time_point now, const member_id& from,
                                               const wire::alert& m, outbox& out) {
  if (!same_view(now, from, m.view, out)) {
    ++counters_.alerts_ignored;
    return wire::decode_error::none;
  }
  for (const wire::alert_item& item : m.items) {
    if (item.subject >= view_->size()) return wire::decode_error::out_of_range;
  }
  for (const wire::alert_item& item : m.items) {
    cut_->on_alert(now, from, view_->members[item.subject].id);
  }
  ask_observers(now, out);
  return wire::decode_error::none;
}

/// Questions of the cut filter. Only who may have to propose asks.
inline void membership::ask_observers(time_point now, outbox& out) {
  for (const reinforcement& question : cut_->reinforce()) {
    const auto subject = view_->find(question.subject);
    if (!subject || self_index_ > 2) continue;
    for (const member_id& observer : question.observers) {
      if (observer == self_.id) {
        detector_->on_reinforce(now, question.subject);
      } else {
        post(out, observer, wire::reinforce{view_->key, *subject});
      }
    }
  }
}

inline wire::decode_error membership::on_reinforce(time_point now, const wire::reinforce& m) {
  if (!view_ || m.view != view_->key) return wire::decode_error::none;
  if (m.subject >= view_->size()) return wire::decode_error::out_of_range;
  detector_->on_reinforce(now, view_->members[m.subject].id);
  return wire::decode_error::none;
}

/// Nobody has taken over for long. Where most of a large view died at once, most of the dead have
/// no observer left who could say so (rule I3 of cut_filter.hpp): who would be the next one asks
/// all others. The older first, and each less and less often, since each asks everybody. With a
/// quorum so many cannot be missing, or nothing can be decided without them.
inline void membership::take_census(time_point now, outbox& out) {
  const auto& timers = options_.timers;
  if (census_at_) judge_census(now);
  if (majority()) return;
  const int place = std::min<int>(self_index_, census_places);
  const duration silence = now - coordinator_heard_;
  const duration pause = 2 * timers.fence * (std::int64_t{1} << std::min(censuses_, 4));
  const bool due = census_at_ ? now - *census_at_ >= pause
                              : silence >= 2 * timers.fence + place * timers.candidate_delay;
  if (!due) return;
  census_at_ = now;
  ++censuses_;
  for (const member_record& member : view_->members) {
    if (member.id != self_.id) post(out, member.id, wire::ping{view_->key});
  }
}

/// Not heard is who has a connection and said nothing. Without one, a dial that waits for its turn
/// is no silence: on_unreached() tells of those that failed.
inline void membership::judge_census(time_point now) {
  if (now - *census_at_ < options_.timers.fence) return;
  for (std::uint16_t i = 0; i < view_->size(); ++i) {
    const member_id& id = view_->members[i].id;
    if (i != self_index_ && contacts_[i] < *census_at_ && linked(id)) cut_->on_unheard(now, id);
  }
}

/// Nobody, or somebody else, answers where a member was.
inline void membership::on_unreached(time_point now, const endpoint& where) {
  if (!census_at_) return;
  for (const member_record& member : view_->members) {
    if (member.address == where && member.id != self_.id && !linked(member.id)) {
      cut_->on_unheard(now, member.id);
    }
  }
}

/// The coordinator lives: whom the others do not hear is its affair.
inline void membership::end_census(time_point now) {
  if (!census_at_) return;
  census_at_.reset();
  censuses_ = 0;
  for (const member_record& member : view_->members) {
    if (!desk_.strayed(member.id)) cut_->on_heard(now, member.id);
  }
}

/// Heartbeats are no votes, but who hears none for long cannot vouch for the other.
inline void membership::judge_silence(time_point now, outbox& out) {
  const duration limit = options_.timers.ack_timeout;
  if (!coordinating()) {
    if (now - coordinator_heard_ > limit) cut_->on_unheard(now, view_->oldest().id);
    take_census(now, out);
    return;
  }
  for (std::uint16_t i = 1; i < view_->size(); ++i) {
    const duration silence = now - desk_.heard(i);
    if (silence > limit) cut_->on_unheard(now, view_->members[i].id);
    // Pings may still pass, but it can neither hold a fence nor follow: it is no use.
    if (silence > 2 * limit) desk_.on_strayed(view_->members[i].id);
  }
}

inline void membership::become_stable(outbox& out) {
  if (stable_) return;
  stable_ = true;
  desk_.on_stable();
  authority_.on_stable();
  out.push_back(view_stable{view_->key});
}

inline void membership::stabilise(time_point now, outbox& out) {
  if (!coordinating() || stable_) return;
  const time_point removed_until = majority() ? authority_.removed_until() : time_point{};
  if (!desk_.may_be_stable(now, removed_until)) {
    if (desk_.all_acked() && now < removed_until) ++counters_.stable_waited_for_fences;
    return;
  }
  become_stable(out);
  for (const member_record& member : view_->members) {
    if (member.id != self_.id) post(out, member.id, wire::view_stable{view_->key});
  }
}

inline void membership::on_view_stable(time_point now, const member_id& from,
                                       const wire::view_stable& m, outbox& out) {
  if (!same_view(now, from, m.view, out) || from != view_->oldest().id) return;
  become_stable(out);
}

}  // namespace kith::cluster
