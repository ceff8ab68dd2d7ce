// Part of views.hpp: heartbeats, fences, VIEW_STABLE and time.
#pragma once

#include "views_model.hpp"

namespace model::views {

template <int N>
void views_model<N>::tick(state& s) const {
  const auto count_down = [](byte& left) {
    if (left > 0) --left;
  };
  for (member<N>& m : s.members) {
    count_down(m.window);
    count_down(m.fence);
    count_down(m.grant);
    count_down(m.quiet);
    for (byte& left : m.echo) count_down(left);
  }
}

/// V3 and V4: whether coordinator `c` may send VIEW_STABLE.
template <int N>
bool views_model<N>::may_stabilise(const state& s, int c, std::size_t view) const {
  const set now = s.views[view];
  set removed = 0;  // since the last stable view
  for (std::size_t v = view; s.stable[v] == 0;) removed = static_cast<set>(removed | s.views[--v]);
  if (!keeps(rule::stable_waits_for_all_gone)) removed = s.views[view - 1];
  removed = model::without(removed, now);
  for (int m = 0; m < N; ++m) {
    const member<N>& asked = at(s, m);
    if (has(now, m) && (!in(s, m) || asked.view < view)) return false;
    if (!has(removed, m) || !keeps(rule::stable_waits_for_fences)) continue;
    if (asked.grant != 0 && asked.grantor == c) return false;
    if (at(s, c).quiet != 0 && asked.view != gone) return false;  // who left said so
  }
  return true;
}

/// A heartbeat of `m` and the coordinator's answer: an echo, and a fence.
template <int N>
template <class Sink>
void views_model<N>::beats(const state& s, int m, Sink& sink) const {
  const member<N>& beating = at(s, m);
  const std::size_t v = beating.view;
  const set view = s.views[v];
  const int c = oldest(view);
  if (!keeps(rule::fence_counts_from_sending) && beating.grant != 0) {
    state t = s;
    at(t, m).fence = static_cast<byte>(scope_.window);
    emit(s, t, {"member # counts its fence from a late receipt", {m}}, sink);
  }
  if (at(s, c).view != v) return;
  const bool promised = beating.promised != 0 && owner_of(beating.promised, view) != c;
  const bool ignores = !keeps(rule::echo_ends_with_vote) && beating.accepted == 0;
  if (m != c && (!promised || ignores)) {
    state t = s;
    at(t, m).window = static_cast<byte>(scope_.window);
    at(t, c).echo[static_cast<std::size_t>(m)] = static_cast<byte>(scope_.window);
    emit(s, t, {"member # echoes to coordinator #", {m, c}}, sink);
  }
  int left = authority(s, c, v);
  const int coordinator_promised = at(s, c).promised;
  const bool free = coordinator_promised == 0 || owner_of(coordinator_promised, view) == c;
  if (!keeps(rule::fence_within_authority) && free) left = scope_.window;
  if (left <= beating.fence) return;
  state t = s;
  at(t, m).fence = at(t, m).grant = static_cast<byte>(left);
  at(t, m).grantor = static_cast<byte>(c);
  at(t, m).grant_view = static_cast<byte>(v);
  emit(s, t, {"coordinator # grants member # a fence of # ticks", {c, m, left}}, sink);
}

template <int N>
template <class Sink>
void views_model<N>::stabilises(const state& s, int m, Sink& sink) const {
  const std::size_t v = at(s, m).view;
  if (!coordinates(s, m) || v == 0 || s.stable[v] != 0 || !may_stabilise(s, m, v)) return;
  state t = s;
  t.stable[v] = 1;
  emit(s, t, {"coordinator # sends VIEW_STABLE of view #", {m, static_cast<int>(v)}}, sink);
}

/// Forgets what nobody can act upon any more, so that fewer states differ.
template <int N>
void views_model<N>::normalise(state& s) const {
  std::array<set, changes_max + 1> present = {};
  for (int m = 0; m < N; ++m) {
    member<N>& n = at(s, m);
    if (n.fence == 0 && n.grant == 0) n.grantor = n.grant_view = 0;
    if (!in(s, m)) continue;
    if (!coordinates(s, m)) {
      n.echo = {};
      n.quiet = 0;
    }
    const bool proposed = n.view < changes_max && s.decisions[n.view].proposed[n.ballot] != 0;
    if (n.ballot != 0 && proposed) n.votes = n.best = n.best_value = 0;
    present[n.view] = with(present[n.view], m);
  }
  for (std::size_t d = 0; d < changes_max; ++d) {
    for (int ballot = 0; ballot < ballots; ++ballot) {
      const auto b = static_cast<std::size_t>(ballot);
      if (present[d] == 0 && keeps(rule::votes_in_own_view)) s.decisions[d].proposed[b] = 0;
      if (s.views[d] == 0 || has(present[d], owner_of(ballot, s.views[d]))) continue;
      s.decisions[d].accepted_by[b] = 0;
    }
  }
}

template <int N>
template <class Sink>
void views_model<N>::emit(const state& from, state& to, const step& taken, Sink& sink) const {
  normalise(to);
  if (!(fingerprint_of(from) == fingerprint_of(to))) sink(to, taken);
}

}  // namespace model::views
