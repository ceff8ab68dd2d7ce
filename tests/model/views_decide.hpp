// Part of views.hpp: the way to the next view, by PREPARE, ACCEPT and COMMIT.
#pragma once

#include "views_model.hpp"

namespace model::views {

template <int N>
bool views_model<N>::promise(state& s, int m, int candidate, bool arrives) const {
  member<N>& voter = at(s, m);
  member<N>& asks = at(s, candidate);
  const int asked = rank(asks.ballot);
  const bool again = voter.promised != 0 && rank(voter.promised) == asked;  // came twice
  if (rank(voter.promised) > asked || has(asks.votes, m)) return false;
  if (!again && bound(s, m, candidate) && keeps(rule::window_binds)) return false;
  voter.promised = asks.ballot;
  if (!arrives) return true;
  asks.votes = with(asks.votes, m);
  if (voter.accepted > asks.best) {
    asks.best = voter.accepted;
    asks.best_value = voter.accepted_value;
  }
  return true;
}

template <int N>
bool views_model<N>::accept(state& s, int m, std::size_t decided, int ballot) const {
  decision<N>& d = s.decisions[decided];
  const auto b = static_cast<std::size_t>(ballot);
  member<N>& voter = at(s, m);
  if (d.proposed[b] == 0 || has(d.accepted_by[b], m)) return false;
  if (rank(ballot) < rank(voter.promised)) return false;
  if (bound(s, m, owner_of(ballot, s.views[decided])) && keeps(rule::echo_ends_with_vote)) {
    return false;
  }
  voter.promised = static_cast<byte>(ballot);
  voter.accepted = static_cast<byte>(ballot + 1);
  voter.accepted_value = d.proposed[b];
  d.accepted_by[b] = with(d.accepted_by[b], m);
  return true;
}

template <int N>
bool views_model<N>::commit(state& s, std::size_t decided, int ballot) const {
  const auto b = static_cast<std::size_t>(ballot);
  const set value = s.decisions[decided].proposed[b];
  const set votes = s.decisions[decided].accepted_by[b];
  const int c = owner_of(ballot, s.views[decided]);
  if (value == 0 || at(s, c).view != decided) return false;
  const set asked = keeps(rule::quorum_of_old_view) ? s.views[decided] : value;
  const bool enough = quorum(votes, asked) || (!keeps(rule::commit_needs_quorum) && votes != 0);
  if (!enough) return false;
  set& committed = s.views[decided + 1];
  if (committed != 0 && committed != value) s.broken = wrong::two_views;
  committed = value;
  if (c == oldest(s.views[decided])) s.by_oldest[decided + 1] = 1;
  if (has(value, c)) {
    install(s, c, decided + 1);
  } else {
    leave(s, c);
  }
  return true;
}

template <int N>
void views_model<N>::install(state& s, int m, std::size_t view) const {
  member<N>& installs = at(s, m);
  if (view <= installs.view) s.broken = wrong::back;
  const bool handed_over =
      s.by_oldest[view] != 0 && oldest(s.views[view]) == m && oldest(s.views[view - 1]) != m;
  installs.view = static_cast<byte>(view);
  installs.promised = installs.accepted = installs.accepted_value = 0;
  installs.ballot = installs.votes = installs.best = installs.best_value = 0;
  if (!keeps(rule::window_survives_install)) {
    installs.window = 0;
  } else if (keeps(rule::window_starts_at_install)) {
    installs.window = static_cast<byte>(scope_.window);
  }
  if (handed_over && keeps(rule::quiet_after_hand_over)) {
    installs.quiet = static_cast<byte>(scope_.window);
  }
}

/// Uses each set that `m` may propose out of its own cut: its superiors are gone, unless it leaves.
template <int N>
template <class Use>
void views_model<N>::cuts(const state& s, int m, int ballot, Use use) const {
  const set view = view_of(s, m);
  const set base = model::without(view, up_to(m));
  for (int cut = 0; cut < 1 << N; ++cut) {
    if ((cut & base) != cut) continue;
    const set value = model::without(base, static_cast<set>(cut));
    const bool leaver = scope_.leaves && ballot == 0 && value != 0;
    if (!has(value, m) && !leaver) continue;
    if (value != view || ballot != 0) use(value);
  }
}

/// COMMIT arrives, or the chain of views is pulled later.
template <int N>
template <class Sink>
void views_model<N>::installs(const state& s, int m, Sink& sink) const {
  const std::size_t next = at(s, m).view + 1U;
  if (next > changes_max || !has(s.views[next], m)) return;
  state t = s;
  install(t, m, next);
  emit(s, t, {"member # installs view #", {m, static_cast<int>(next)}}, sink);
}

/// The coordinator's own ballot.
template <int N>
template <class Sink>
void views_model<N>::proposes(const state& s, int m, Sink& sink) const {
  const std::size_t v = at(s, m).view;
  if (!coordinates(s, m) || at(s, m).promised != 0 || s.decisions[v].proposed[0] != 0) return;
  cuts(s, m, 0, [&](set value) {
    state t = s;
    t.decisions[v].proposed[0] = value;
    emit(s, t, {"coordinator # proposes members # (a set of bits) at ballot 0", {m, value}}, sink);
  });
}

/// A candidate gathers promises for a ballot of its own, and proposes.
template <int N>
template <class Sink>
void views_model<N>::stands(const state& s, int m, Sink& sink) const {
  const std::size_t v = at(s, m).view;
  int standing = 0;
  for (int k = 0; k < N; ++k) {
    const bool proposed = s.decisions[v].proposed[static_cast<std::size_t>(k + 1)] != 0;
    standing += at(s, k).view == v ? (at(s, k).ballot > 0) : proposed;
  }
  const member<N>& candidate = at(s, m);
  if (candidate.ballot == 0) {
    state t = s;
    at(t, m).ballot = static_cast<byte>(m + 1);
    if (standing < scope_.candidates && promise(t, m, m, true)) {
      emit(s, t, {"member # becomes a candidate", {m}}, sink);
    }
    return;
  }
  if (s.decisions[v].proposed[candidate.ballot] != 0) return;
  for (int k = 0; k < N; ++k) {
    if (k == m || at(s, k).view != v) continue;
    for (const bool arrives : {true, false}) {
      state t = s;
      if (!promise(t, k, m, arrives)) continue;
      const char* text = arrives ? "member # promises candidate #"
                                 : "member # promises candidate #; its answer is lost";
      emit(s, t, {text, {k, m}}, sink);
    }
  }
  if (!quorum(candidate.votes, s.views[v]) && keeps(rule::ballot_zero_is_of_oldest)) return;
  const auto propose = [&](set value) {
    state t = s;
    t.decisions[v].proposed[candidate.ballot] = value;
    emit(s, t, {"candidate # proposes members # (a set of bits)", {m, value}}, sink);
  };
  if (candidate.best != 0 && keeps(rule::adopts_what_was_accepted)) {
    propose(candidate.best_value);
  } else {
    cuts(s, m, candidate.ballot, propose);
  }
}

/// ACCEPT arrives at `m`; `m` commits.
template <int N>
template <class Sink>
void views_model<N>::decides(const state& s, int m, Sink& sink) const {
  const std::size_t v = at(s, m).view;
  for (int ballot = 0; ballot < ballots; ++ballot) {
    const int next = static_cast<int>(v) + 1;
    state t = s;
    if (accept(t, m, v, ballot)) {
      emit(s, t, {"member # accepts ballot # on view #", {m, ballot, next}}, sink);
    }
    state u = s;
    if (owner_of(ballot, s.views[v]) == m && commit(u, v, ballot)) {
      emit(s, u, {"member # commits ballot # as view #", {m, ballot, next}}, sink);
    }
    const bool lags = next < scope_.changes && has(s.views[v + 1], m);
    state w = s;
    if (lags && !keeps(rule::votes_in_own_view) && accept(w, m, v + 1, ballot)) {
      emit(s, w, {"member # accepts ballot # on view #, in a view before", {m, ballot, next + 1}},
           sink);
    }
  }
}

}  // namespace model::views
