// The part of membership.hpp that proposes, votes and commits.
//
// Rules (docs/membership.md 3.4): V1 and V2 are in allegiance, authority and bound(); N1 is in
// make_value(): only the oldest continues a branch.
#pragma once

#include <kith/cluster/membership.hpp>

namespace kith::cluster {

/// May this member not vote now for an attempt of the member at `rank`?
inline bool membership::bound(time_point now, std::uint16_t rank) const {
  if (rank == 0) return false;
  if (self_index_ != 0) return allegiance_.bound(now);
  return !majority() || allegiance_.bound(now) || authority_.until(now, counts_itself()) > now;
}

// --- proposing ---

inline void membership::consider(time_point now, outbox& out) {
  if (!view_ || role_ == member_role::left) return;
  if (coordinating()) {
    consider_as_coordinator(now, out);
  } else {
    consider_as_heir(now, out);
  }
}

inline std::vector<member_id> membership::sorted_cut() const {
  std::vector<member_id> cut = cut_->cut();
  std::ranges::sort(cut);
  return cut;
}

inline bool membership::leaves_a_quorum(const std::vector<member_id>& cut) const {
  const bool with_oldest = !std::ranges::binary_search(cut, view_->oldest().id);
  return is_quorum(view_->members.size() - cut.size(), with_oldest, view_->members.size());
}

/// Whom to remove, sorted. With a quorum nobody can remove so many that the rest would be none:
/// such a picture is of a network that was cut, and those who are heard again are not gone. Alerts
/// cannot be taken back within a view, so they are passed over.
inline std::vector<member_id> membership::credible_cut(time_point now) const {
  std::vector<member_id> cut = sorted_cut();
  if (!majority() || cut.empty() || leaves_a_quorum(cut)) return cut;
  std::erase_if(cut, [&](const member_id& id) {
    return now - contacts_[*view_->find(id)] < 2 * options_.timers.heartbeat;
  });
  if (!leaves_a_quorum(cut)) cut.clear();
  return cut;
}

inline void membership::consider_as_coordinator(time_point now, outbox& out) {
  // The others left while this one waited for them: nobody is there to agree any more.
  if (leaving_ && view_->size() == 1) return go_left(out);
  std::vector<member_id> cut = credible_cut(now);
  const bool idle = decision_.proposing() == consensus::stage::idle;
  if (!idle && !outdated(cut)) return;
  if (idle && attempt_at_ != never && now < attempt_at_) return;
  // Alerts that were passed over end with the view.
  const bool cut_healed =
      majority() && !leaves_a_quorum(sorted_cut()) && authority_.until(now, counts_itself()) > now;
  if (cut_healed) desk_.ask_for_next_view();
  std::optional<change_plan> plan = coordinator_plan(now, cut);
  if (!plan) return;
  attempt_cut_ = std::move(cut);
  attempt(now, std::move(*plan), out);
}

inline std::optional<change_plan> membership::coordinator_plan(time_point now,
                                                               const std::vector<member_id>& cut) {
  std::optional<change_plan> plan = desk_.plan(now, *view_, cut);
  if (!plan || !majority()) return plan;
  std::vector<member_id> failed;
  for (const wire::removal& goes : plan->removed) {
    if (goes.why == wire::departure::failed) failed.push_back(view_->members[goes.member].id);
  }
  std::ranges::sort(failed);
  if (leaves_a_quorum(failed)) return plan;
  desk_.forget_strayed(now);
  return desk_.plan(now, *view_, cut);
}

/// Without votes a proposer waits for all that it keeps: has one of them gone meanwhile?
inline bool membership::outdated(const std::vector<member_id>& cut) const {
  if (majority() || decision_.proposing() != consensus::stage::accepting) return false;
  const auto& removed = decision_.value().removed;
  return std::ranges::any_of(
      desk_.takeover_plan(*view_, cut).removed, [&](const wire::removal& goes) {
        return std::ranges::find(removed, goes.member, &wire::removal::member) == removed.end();
      });
}

/// The next in age after members that are all gone takes over; each one waits longer than the one
/// before it, so that they seldom meet.
inline void membership::consider_as_heir(time_point now, outbox& out) {
  const bool idle = decision_.proposing() == consensus::stage::idle;
  if (idle && attempt_at_ != never && now < attempt_at_) return;
  std::vector<member_id> cut = credible_cut(now);
  if (!idle && !outdated(cut)) return;
  const auto gone = [&](const member_id& id) {
    return std::ranges::binary_search(cut, id) || desk_.strayed(id);
  };
  bool heir = !gone(self_.id);
  for (std::uint16_t i = 0; heir && i < self_index_; ++i) heir = gone(view_->members[i].id);
  if (!heir) {
    heir_at_ = never;
    return;
  }
  if (heir_at_ == never && idle) {
    const auto jitter =
        random_.below(static_cast<std::uint64_t>((options_.timers.candidate_delay / 3).count()));
    heir_at_ = now + options_.timers.candidate_delay * std::min<int>(self_index_ - 1, 8) +
               duration{static_cast<duration::rep>(jitter)};
  }
  if (allegiance_.bound(now)) heir_at_ = std::max(heir_at_, allegiance_.window());
  if (idle && now < heir_at_) return;
  heir_at_ = never;
  role_ = member_role::candidate;
  ++counters_.takeovers;
  note(out, log_level::warning, "takeover attempt");
  change_plan plan = desk_.takeover_plan(*view_, cut);
  attempt_cut_ = std::move(cut);
  attempt(now, std::move(plan), out);
}

inline void membership::attempt(time_point now, change_plan plan, outbox& out) {
  retry_ = options_.timers.attempt_retry;
  ++counters_.ballots_started;
  if (!majority()) {
    view_change value = make_value(std::move(plan));
    decision_.propose_unvoted(value);
    begin_accept(now, std::move(value), out);
  } else if (coordinating() && decision_.promised() == ballot{} && !decision_.ballot_zero_used()) {
    view_change value = make_value(std::move(plan));
    decision_.propose_first(value);
    begin_accept(now, std::move(value), out);
  } else {
    begin_prepare(now, out);
  }
}

/// After a first phase: the picture has changed since.
inline change_plan membership::plan_anew(time_point now) {
  if (!coordinating()) return desk_.takeover_plan(*view_, attempt_cut_);
  std::optional<change_plan> plan = coordinator_plan(now, attempt_cut_);
  return plan ? std::move(*plan) : desk_.takeover_plan(*view_, attempt_cut_);
}

inline view_change membership::make_value(change_plan plan) {
  if (majority()) {
    plan.next = view_->key;
  } else if (!coordinating()) {
    plan.next.branch = younger_branch();
  }
  plan.next.number = plan.next.number.next();
  auto [change, next] = make_change(*view_, std::move(plan));
  successor_ = std::move(next);
  return change;
}

/// Branches age: the first byte counts how often the line was taken over.
inline std::uint32_t membership::younger_branch() {
  const std::uint32_t age = view_ ? std::min((view_->key.branch >> 24) + 1, 255u) : 0;
  return age << 24 | static_cast<std::uint32_t>(random_.below(1u << 24));
}

inline void membership::begin_prepare(time_point now, outbox& out) {
  decision_.prepare();
  const ballot mine = decision_.attempt();
  const consensus::vote vote = decision_.on_prepare(mine, bound(now, self_index_));
  if (vote != consensus::vote::given) {
    decision_.give_up();
    schedule_retry(now);
    return;
  }
  schedule_retry(now);
  send_attempt(out, false);
  const bool enough =
      decision_.on_promise(self_index_, mine, decision_.accepted(), decision_.accepted_value());
  if (enough) begin_accept(now, make_value(plan_anew(now)), out);
}

/// The attempt has its value: ask for votes, beginning with the own one.
inline void membership::begin_accept(time_point now, view_change value, outbox& out) {
  if (decision_.proposing() == consensus::stage::preparing) {
    if (decision_.inherited()) {
      ++counters_.takeover_with_accepted_value;
      value = *decision_.inherited();
    }
    decision_.propose(std::move(value));
  }
  accept_sent_ = now;
  accepted_at_.assign(view_->members.size(), {});
  schedule_retry(now);
  const ballot mine = decision_.attempt();
  if (decision_.on_accept(mine, decision_.value(), bound(now, self_index_)) !=
      consensus::vote::given) {
    decision_.give_up();
    return;
  }
  const bool decided = decision_.on_accepted(self_index_, mine);
  if (decided) {
    commit(now, out);
  } else {
    send_attempt(out, false);
  }
}

/// The first time, those that are to be removed as failed are spared: a message to them is a dial.
inline void membership::send_attempt(outbox& out, bool again) {
  const bool preparing = decision_.proposing() == consensus::stage::preparing;
  for (std::uint16_t i = 0; i < view_->size(); ++i) {
    const member_id& to = view_->members[i].id;
    if (i == self_index_ || decision_.votes().has(i)) continue;
    const bool gone = std::ranges::binary_search(attempt_cut_, to);
    if (gone && (!again || !majority())) continue;
    if (again) ++counters_.accept_resent;
    if (preparing) {
      post(out, to, wire::prepare{view_->key, decision_.attempt()});
    } else {
      post(out, to, wire::accept{view_->key, decision_.attempt(), decision_.value()});
    }
  }
}

inline void membership::schedule_retry(time_point now) {
  const auto jitter = random_.below(static_cast<std::uint64_t>(retry_.count() / 4 + 1));
  attempt_at_ = now + retry_ + duration{static_cast<duration::rep>(jitter)};
  retry_ = std::min(retry_ * 2, options_.timers.attempt_retry_max);
}

inline void membership::retry_attempt(time_point now, outbox& out) {
  if (!view_ || attempt_at_ == never || now < attempt_at_) return;
  if (decision_.proposing() == consensus::stage::idle) {
    attempt_at_ = never;
    return;
  }
  schedule_retry(now);
  send_attempt(out, true);
}

// --- voting ---

inline void membership::refuse(time_point now, const member_id& to, const ballot& attempt,
                               consensus::vote why, outbox& out) {
  duration left{};
  if (why == consensus::vote::bound) {
    const time_point until =
        self_index_ == 0 ? std::max(authority_.until(now, counts_itself()), allegiance_.window())
                         : allegiance_.window();
    left = std::clamp(until - now, duration{}, options_.timers.fence);
    ++(self_index_ == 0 ? counters_.nack_by_authority : counters_.nack_by_window);
  } else {
    ++counters_.nack_by_ballot;
  }
  post(out, to, wire::nack{view_->key, attempt, decision_.promised(), left});
}

inline wire::decode_error membership::on_prepare(time_point now, const member_id& from,
                                                 const wire::prepare& m, outbox& out) {
  if (!same_view(now, from, m.view, out)) return wire::decode_error::none;
  const std::uint16_t rank = *view_->find(from);
  if (m.attempt.round == 0 || !decision_.plausible(m.attempt, rank)) {
    return wire::decode_error::out_of_range;
  }
  const consensus::vote vote = decision_.on_prepare(m.attempt, bound(now, rank));
  if (vote == consensus::vote::given) {
    post(out, from,
         wire::promise{view_->key, m.attempt, decision_.accepted(), decision_.accepted_value()});
  } else {
    refuse(now, from, m.attempt, vote, out);
  }
  return wire::decode_error::none;
}

inline wire::decode_error membership::on_promise(time_point now, const member_id& from,
                                                 const wire::promise& m, outbox& out) {
  if (!same_view(now, from, m.view, out)) return wire::decode_error::none;
  if (m.value && (m.accepted > m.attempt || !apply(*view_, *m.value))) {
    return wire::decode_error::out_of_range;
  }
  const std::uint16_t rank = *view_->find(from);
  if (!decision_.on_promise(rank, m.attempt, m.accepted, m.value)) return wire::decode_error::none;
  begin_accept(now, make_value(plan_anew(now)), out);
  return wire::decode_error::none;
}

inline wire::decode_error membership::on_accept(time_point now, const member_id& from,
                                                const wire::accept& m, outbox& out) {
  if (!same_view(now, from, m.view, out)) return wire::decode_error::none;
  const std::uint16_t rank = *view_->find(from);
  if (!decision_.plausible(m.attempt, rank)) return wire::decode_error::out_of_range;
  successor_ = successor(m.value);
  if (!successor_) return wire::decode_error::out_of_range;
  const consensus::vote vote = decision_.on_accept(m.attempt, m.value, bound(now, rank));
  if (vote != consensus::vote::given) {
    refuse(now, from, m.attempt, vote, out);
    return wire::decode_error::none;
  }
  accepted_sent_ = now;
  post(out, from, wire::accepted{view_->key, m.attempt, now});
  return wire::decode_error::none;
}

inline void membership::on_accepted(time_point now, const member_id& from, const wire::accepted& m,
                                    outbox& out) {
  if (!same_view(now, from, m.view, out)) return;
  const std::uint16_t rank = *view_->find(from);
  if (decision_.proposing() == consensus::stage::accepting && m.attempt == decision_.attempt()) {
    accepted_at_[rank] = m.sent_at;
  }
  if (decision_.on_accepted(rank, m.attempt)) commit(now, out);
}

inline void membership::on_nack(time_point now, const member_id& from, const wire::nack& m,
                                outbox& out) {
  if (!same_view(now, from, m.view, out)) return;
  if (decision_.proposing() == consensus::stage::idle || m.attempt != decision_.attempt()) return;
  ++counters_.ballots_refused;
  decision_.on_nack(m.attempt, m.promised);
  if (decision_.proposing() == consensus::stage::idle) {
    schedule_retry(now);
  } else if (m.left > duration{}) {
    // Who is bound says for how long: ask again then, not much later.
    const duration left = std::min(m.left, options_.timers.fence);
    attempt_at_ = std::min(attempt_at_, now + left + std::chrono::milliseconds{10});
  }
}

// --- the decision ---

/// The view that a value makes, or nothing. Nobody votes for what it could not build; what was
/// built for the vote is kept for the decision.
inline std::optional<view> membership::successor(const view_change& value) {
  const bool built = successor_ && successor_->key == value.next &&
                     successor_->hash == value.hash && value.base == view_->key;
  return built ? std::exchange(successor_, std::nullopt) : apply(*view_, value);
}

inline void membership::commit(time_point now, outbox& out) {
  const std::shared_ptr<const view> old = view_;
  const view_change value = decision_.value();
  const vote_set votes = decision_.votes();
  const ballot attempt = decision_.attempt();
  const bool was_oldest = self_index_ == 0;
  ++counters_.views_committed;
  if (majority() && votes.tie()) ++counters_.dynamic_linear_tie;
  std::optional<view> next = successor(value);
  decision_.give_up();
  attempt_at_ = never;
  KITH_ASSERT(next.has_value());  // all voters, this member too, had built it
  count_rows(*old, *next, value);
  if (next->contains(self_.id)) {
    const auto origin = was_oldest ? commit_origin::own : commit_origin::takeover;
    install(now, std::move(*next), {origin, &value, attempt}, out);
    send_commits(now, *old, value, votes, attempt, out);
  } else {
    send_commits(now, *old, value, votes, attempt, out);
    if (leaving_) return go_left(out);
    start_over(now, {}, out);
  }
}

inline void membership::count_rows(const view& old, const view& next, const view_change& value) {
  const row_fates fates = fates_of_rows(old, next);
  counters_.rows_promoted += fates.promoted;
  counters_.rows_lost += fates.lost;
  counters_.members_drained += static_cast<std::uint64_t>(
      std::ranges::count(value.reweighed, 0u, &wire::reweighing::weight));
}

inline void membership::send_commits(time_point now, const view& old, const view_change& value,
                                     const vote_set& votes, const ballot& attempt, outbox& out) {
  const bool present = view_->key == value.next && coordinating();
  // A late vote may make a member commit that was deposed since: it cannot say what is newest.
  const bool leads = !majority() || authority_.until(now, counts_itself()) > now;
  for (std::uint16_t i = 0; i < old.size(); ++i) {
    const member_id& to = old.members[i].id;
    if (to == self_.id) continue;
    const auto gone = std::ranges::find(value.removed, i, &wire::removal::member);
    if (gone != value.removed.end() && gone->why != wire::departure::left) continue;
    wire::commit message{old.key, attempt, value.hash, now, leads ? accepted_at_[i] : time_point{},
                         {}};
    if (!votes.has(i)) message.value = value;
    post(out, to, message);
    const auto index = present ? view_->find(to) : std::nullopt;
    if (!index) continue;
    authority_.note_sent(*index, now);
    // It was still in the old view when it accepted: nothing newer was decided before that.
    if (votes.has(i)) authority_.note_answer(*index, accept_sent_);
  }
  if (view_->key != value.next) return;
  for (const member_record& added : value.added) send_full_view(now, added.id, out);
}

inline wire::decode_error membership::on_commit(time_point now, const member_id& from,
                                                const wire::commit& m, outbox& out) {
  if (view_ && known_past(m.base)) return wire::decode_error::none;
  if (!same_view(now, from, m.base, out)) return wire::decode_error::none;
  const bool mine = decision_.accepted_value() && decision_.accepted() == m.attempt &&
                    decision_.accepted_value()->hash == m.hash;
  if (!mine && !m.value) {
    pull(now, from, out);
    return wire::decode_error::none;
  }
  const view_change value = mine ? *decision_.accepted_value() : *m.value;
  std::optional<view> next = value.hash == m.hash ? successor(value) : std::nullopt;
  if (!next) return wire::decode_error::out_of_range;
  if (!next->contains(self_.id)) {
    if (leaving_) {
      go_left(out);
    } else {
      start_over(now, {view_->members[*view_->find(from)].address}, out);
    }
    return wire::decode_error::none;
  }
  arrival how{.change = &value, .attempt = m.attempt};
  if (m.attempt.round > 0 && m.attempt.rank != 0) how.origin = commit_origin::takeover;
  if (next->oldest().id == from) {
    how.coordinator_time = m.sent_at;
    if (m.echo == accepted_sent_) how.echo = m.echo;
  }
  install(now, std::move(*next), how, out);
  return wire::decode_error::none;
}

}  // namespace kith::cluster
