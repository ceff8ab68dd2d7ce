// Part of copies.hpp: what owners claim, what the coordinator makes of it, and what a view changes.
#pragma once

#include "copies_model.hpp"

namespace model::copies {

template <int N>
template <class Sink>
void copies_model<N>::claims(const state& s, int m, int h, Sink& sink) const {
  const bool counts = at(s, m).view + 1 == s.views || !keeps(rule::claims_die_with_view);
  if (!counts) return;  // it would be ignored
  const feed& f = feed_of(s, m, h);
  const bool in_row = has(s.row_of(m).backups, h);
  const bool leaves = has(at(s, m).leaving, h);
  const bool ready = keeps(rule::claim_after_end_marker) ? f.end_acknowledged != 0 : f.ended != 0;
  if (ready && !in_row && !leaves && !has(s.in_sync, h)) {
    state t = s;
    t.in_sync = with(t.in_sync, h);
    emit(t, {"owner # claims that # is in sync", {m, h}}, sink);
  }
  if (ready && scope_.hand_over && !leaves && !has(s.hand_over, h)) {
    state t = s;
    t.hand_over = with(t.hand_over, h);
    emit(t, {"owner # claims to hand over to #", {m, h}}, sink);
  }
  if ((in_row || f.ended != 0) && !(leaves && has(s.out_of_sync, h))) {
    state t = s;
    t.out_of_sync = with(t.out_of_sync, h);
    at(t, m).leaving = with(at(t, m).leaving, h);
    emit(t, {"owner # claims that # is out of sync", {m, h}}, sink);
  }
}

/// The next view: any removals, and any of the claims that have arrived.
template <int N>
template <class Sink>
void copies_model<N>::agrees(const state& s, Sink& sink) const {
  const set members = s.newest().members;
  const auto subset = [](int some, set of) { return (some & ~of) == 0; };
  for (int removed = 0; removed < 1 << N; ++removed) {
    if (!subset(removed, members) || removed == members) continue;
    for (int joins = 0; joins < 1 << N; ++joins) {
      if (!subset(joins, s.in_sync)) continue;
      for (int leaves = 0; leaves < 1 << N; ++leaves) {
        if (!subset(leaves, s.out_of_sync)) continue;
        for (int receiver = -1; receiver < N; ++receiver) {
          if (receiver >= 0 && !has(s.hand_over, receiver)) continue;
          if (removed == 0 && joins == 0 && leaves == 0 && receiver < 0) continue;
          agree(s, {set(removed), set(joins), set(leaves), receiver}, sink);
        }
      }
    }
  }
}

template <int N>
template <class Sink>
void copies_model<N>::agree(const state& s, const accepted& taken, Sink& sink) const {
  const row& before = s.newest();
  row next = before;
  next.members = model::without(before.members, taken.removed);
  next.backups = model::without(set(before.backups | taken.joins), only(before.owner));
  if (!has(taken.removed, before.owner) || !keeps(rule::stays_if_owner_goes)) {
    next.backups = model::without(next.backups, taken.leaves);
  }
  if (taken.receiver >= 0 && has(next.members, taken.receiver)) {
    next.owner = static_cast<byte>(taken.receiver);
  }
  next.backups = set(next.backups & next.members);
  state t = s;
  if (keeps(rule::claims_die_with_view)) t.in_sync = t.out_of_sync = t.hand_over = 0;
  const auto made = [&](int owner) {
    state u = t;
    row& agreed = u.rows[u.views];
    agreed = next;
    agreed.owner = static_cast<byte>(owner);
    agreed.backups = model::without(next.backups, only(owner));
    if (owner != before.owner) agreed.epoch = u.views;
    ++u.views;
    emit(u,
         {"a view: owner #, backups #, members # (sets of bits)",
          {owner, agreed.backups, next.members}},
         sink);
  };
  if (has(next.members, next.owner)) return made(next.owner);
  for (int h = 0; h < N; ++h) {
    if (has(next.backups, h)) made(h);
  }
  // Where nobody of the row lives on, what was answered may be lost, and the partition begins anew.
  if (next.backups != 0 || (before.backups & next.members) == 0) return;
  t.broken = wrong::no_successor;
  emit(t, {"a view in which nobody can be the owner", {}}, sink);
}

template <int N>
template <class Sink>
void copies_model<N>::installs(const state& s, int m, Sink& sink) const {
  const int next = at(s, m).view + 1;
  if (next >= s.views || !has(s.rows[static_cast<std::size_t>(next)].members, m)) return;
  state t = s;
  install(t, m);
  emit(t, {"member # installs view #", {m, next}}, sink);
}

template <int N>
void copies_model<N>::install(state& s, int m) const {
  const row before = s.row_of(m);
  member& installs = at(s, m);
  ++installs.view;
  const row& now = s.row_of(m);
  if (now.epoch != before.epoch) {
    installs.marked = installs.leaving = installs.inherited = 0;
    for (int h = 0; h < N; ++h) {
      feed_of(s, m, h) = {};
      if (now.owner == m && has(now.backups, h)) feed_of(s, m, h).started = 1;
    }
    if (now.owner == m) installs.inherited = installs.copy.records;
    return;
  }
  if (now.owner != m) return;
  for (int h = 0; h < N; ++h) {
    feed& f = feed_of(s, m, h);
    const bool gone = !has(now.members, h);
    const bool left = has(installs.leaving, h) && !has(now.backups, h);
    if (gone || left) {
      f = {};
      installs.leaving = model::without(installs.leaving, only(h));
    } else if (!has(now.backups, h) && !keeps(rule::required_across_views)) {
      f.ended = f.end_acknowledged = 0;
    }
  }
}

/// Forgets what nobody can act upon any more, so that fewer states differ.
template <int N>
void copies_model<N>::normalise(state& s) const {
  for (int m = 0; m < N; ++m) {
    bool counts = has(s.newest().members, m);  // or it may own the partition, where it believes
    for (std::size_t v = at(s, m).view; v < s.views; ++v) counts = counts || s.rows[v].owner == m;
    if (!counts) at(s, m) = {at(s, m).view, {}, 0, 0, 0};
    for (int h = 0; h < N; ++h) {
      feed& f = feed_of(s, m, h);
      if (s.row_of(h).epoch > s.row_of(m).epoch && keeps(rule::feed_of_own_view)) {
        f.queue = {};
        f.size = 0;
      }
    }
  }
}

}  // namespace model::copies
