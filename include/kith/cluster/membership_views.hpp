// The part of membership.hpp that keeps the view: judging what another member's view says,
// installing the next one, catching up.
#pragma once

#include <kith/cluster/membership.hpp>

namespace kith::cluster {

// --- whose view is it ---

inline bool membership::known_past(const view_key& key) const {
  if (key.branch == view_->key.branch) return key.number < view_->key.number;
  return std::ranges::any_of(past_, [&](const past_view& past) { return past.key == key; });
}

/// `member` has gone on in another branch. It cannot vouch for anybody in this one.
inline void membership::note_strayed(time_point now, const member_id& member) {
  desk_.on_strayed(member);
  cut_->on_unheard(now, member);
}

/// True when `key` is this member's view. Otherwise one of the two lags, or they are of different
/// sides; what that calls for is started here.
inline bool membership::same_view(time_point now, const member_id& from, const view_key& key,
                                  outbox& out) {
  if (!view_) return false;
  const auto member = view_->find(from);
  if (key == view_->key) return member.has_value();
  ++counters_.stale_messages;
  if (known_past(key)) {
    // A member that lags asks for what it lacks once it hears of it; who is out never would.
    if (member) {
      post(out, from, wire::pong{view_->key});
      return false;
    }
    ++counters_.kicks_sent;
    post(out, from, wire::kick{wire::kick_reason::removed, view_->key, key, {}});
    return false;
  }
  if (majority() || key.branch == view_->key.branch) {
    pull(now, from, out);
    return false;
  }
  // Another branch. A member of this view that speaks of it is none any more.
  if (member) {
    note_strayed(now, from);
  } else if (coordinating()) {
    post(out, from, wire::merge_offer{view_->key, view_->size()});
  }
  // Who still hears its coordinator stays with it.
  if (!coordinating() && !allegiance_.bound(now) && key.number > view_->key.number) {
    pull(now, from, out);
  }
  return false;
}

// --- the next view ---

inline void membership::remember(const view_change* change, const ballot& attempt) {
  if (!view_) return;
  past_.push_back({view_->key, std::nullopt, attempt});
  if (change != nullptr) past_.back().change = *change;
  if (past_.size() > past_changes_max) past_[past_.size() - past_changes_max - 1].change.reset();
  if (past_.size() > past_views_max) past_.pop_front();
}

inline void membership::install(time_point now, view next, const arrival& how, outbox& out) {
  const std::shared_ptr<const view> old = view_;
  KITH_ASSERT(!old || next.key.number > old->key.number);
  remember(how.change, how.attempt);
  view_ = std::make_shared<const view>(std::move(next));
  self_index_ = *view_->find(self_.id);
  seen_ = std::max(seen_, view_->key.number);
  stable_ = false;
  ++counters_.views_installed;

  const bool oldest_left = how.change != nullptr && !how.change->removed.empty() &&
                           how.change->removed.front() == wire::removal{0, wire::departure::left};
  const bool same_coordinator = old && old->oldest().id == view_->oldest().id;
  desk_.on_install(now, old.get(), *view_, how.origin, oldest_left);
  merge_.on_install(old.get(), *view_);
  allegiance_.on_install(now, same_coordinator);
  allegiance_.note_coordinator_time(how.coordinator_time);
  allegiance_.refresh(how.echo);
  if (coordinating()) authority_.on_install(same_coordinator ? old.get() : nullptr, *view_);
  decision_.on_view(options_.quorum, self_index_, view_->members.size());

  std::vector<member_id> ids;
  for (const member_record& member : view_->members) ids.push_back(member.id);
  if (!detector_) detector_.emplace(self_.id, detector_options::at(options_.timers.ping));
  if (!cut_) cut_.emplace(self_.id);
  rings observers{ids};
  detector_->on_view(now, observers);
  cut_->on_view(now, std::move(observers));

  successor_.reset();
  alerts_.clear();
  contacts_.assign(view_->members.size(), now);
  attempt_cut_.clear();
  attempt_at_ = heir_at_ = never;
  coordinator_heard_ = now;
  census_at_.reset();
  censuses_ = 0;
  hurried_beats_ = 0;
  strayed_since_ = {};
  accepted_sent_ = {};
  pulled_from_ = {};
  bootstrap_.stop();
  role_ = coordinating() ? member_role::coordinator : member_role::follower;
  probe_at_ = now + options_.timers.probe / 2;
  out.push_back(view_installed{view_});
  desk_.on_ack(now, self_index_);
  settle_caches(now, out);
  if (coordinating()) ask_for_drain(out);
  tell_if_drained(out);
  beat(now, out);
  stabilise(now, out);
}

// --- catching up ---

inline void membership::pull(time_point now, const member_id& from, outbox& out) {
  if (!pulled_from_.nobody() && now - pulled_at_ < options_.timers.pull_retry) return;
  pulled_from_ = from;
  pulled_at_ = now;
  ++counters_.pull_view;
  post(out, from, wire::pull_view{view_->key});
}

inline void membership::on_pull_view(time_point now, const member_id& from,
                                     const wire::pull_view& m, outbox& out) {
  if (!view_) return;
  if (!view_->contains(from)) {
    static_cast<void>(same_view(now, from, m.have, out));
    return;
  }
  if (m.have == view_->key) return;
  auto step = std::ranges::find(past_, m.have, &past_view::key);
  const bool whole =
      step != past_.end() &&
      std::all_of(step, past_.end(), [](const past_view& past) { return past.change.has_value(); });
  if (!whole) return send_full_view(now, from, out);
  ++counters_.chain_sent;
  for (; step != past_.end(); ++step) {
    post(out, from,
         wire::commit{step->key, step->attempt, step->change->hash, now, {}, step->change});
  }
  if (coordinating()) authority_.note_sent(*view_->find(from), now);
}

inline void membership::send_full_view(time_point now, const member_id& to, outbox& out) {
  ++counters_.full_view_sent;
  post(out, to, wire::full_view{*view_, view_->hash, now, stable_});
  const auto index = view_->find(to);
  if (coordinating() && index) authority_.note_sent(*index, now);
}

inline wire::decode_error membership::on_full_view(time_point now, const member_id& from,
                                                   const wire::full_view& m, outbox& out) {
  const bool expected =
      view_ ? pulled_from_ == from && m.body.key.number > view_->key.number : bootstrap_.active();
  if (!expected) return wire::decode_error::none;
  std::optional<view> next = make_view(m.body);
  if (!next || next->hash != m.hash) return wire::decode_error::out_of_range;
  if (!next->contains(self_.id)) return wire::decode_error::none;
  if (view_ && !may_follow(*view_, *next)) {
    // A JOIN that was admitted after this member had gone elsewhere (rule N4).
    ++counters_.foreign_views;
    if (!coordinating() && !allegiance_.bound(now)) {
      start_over(now, {next->oldest().address}, out);
    }
    return wire::decode_error::none;
  }
  arrival how;
  if (next->oldest().id == from) how.coordinator_time = m.sent_at;
  install(now, std::move(*next), how, out);
  if (m.stable && !coordinating()) become_stable(out);
  return wire::decode_error::none;
}

}  // namespace kith::cluster
