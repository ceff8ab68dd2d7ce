// Part of strong.hpp: what members do by themselves, and how views follow each other.
#pragma once

#include "strong_model.hpp"

namespace model::strong {

template <int Keys>
void strong_model<Keys>::install(state& s, int m) const {
  member& installs = of(s, m);
  installs.view = s.view;
  installs.active = installs.lease = installs.renewal = 0;
  installs.granted = {};
  for (entry& e : installs.keys) {
    e.near = nothing;
    e.unapplied = 0;
    e.pending = {};
    if (keeps(rule::reply_of_own_epoch)) e.filling = {};
    if (m == s.view) e.visible = e.stored;
  }
  if (m == s.view && !keeps(rule::active_after_stable)) installs.active = 1;
}

/// VIEW_STABLE: all have installed the view, and the fences of those removed are over.
template <int Keys>
bool strong_model<Keys>::may_activate(const state& s, int m) const {
  const member& owner = of(s, m);
  if (owner.view != m || owner.active != 0 || owner.view != s.view) return false;
  for (int k = 0; k < members; ++k) {
    const member& other = of(s, k);
    if (in_view(k, s.view) && (other.view != s.view || other.crashed != 0)) return false;
    const bool waits = scope_.late && keeps(rule::view_waits_for_fences);
    if (!in_view(k, s.view) && waits && other.crashed == 0 && other.fenced_in != 0) return false;
  }
  return true;
}

template <int Keys>
template <class Sink>
void strong_model<Keys>::lives(const state& s, int m, Sink& sink) const {
  const member& here = of(s, m);
  if (here.fenced_in != 0 || in_view(m, s.view)) {
    state t = s;
    of(t, m).fenced_in = here.fenced_in != 0 ? 0 : 1;
    emit(t, {here.fenced_in != 0 ? "the fence of # lapses" : "the fence of # is renewed", {m}},
         sink);
  }
  if (m == s.view && m < scope_.views) {
    state t = s;
    of(t, m).crashed = 1;
    of(t, m).fenced_in = of(t, m).lease = of(t, m).renewal = 0;
    for (entry& e : of(t, m).keys) e = {};
    emit(t, {"member # crashes", {m}}, sink);
  }
  if (here.view < s.view && in_view(m, s.view)) {
    state t = s;
    install(t, m);
    emit(t, {"member # installs view #", {m, s.view}}, sink);
  }
  if (s.view > 0 && may_activate(s, m)) {
    state t = s;
    of(t, m).active = 1;
    for (int key = 0; key < Keys && backed_up(m); ++key) {
      if (keeps(rule::promoted_in_sync)) of(t, m + 1, key).stored = of(t, m, key).stored;
    }
    emit(t, {"owner # is active", {m}}, sink);
  }
}

template <int Keys>
template <class Sink>
void strong_model<Keys>::reads(const state& s, int m, int key, Sink& sink) const {
  const member& here = of(s, m);
  const entry& e = of(s, m, key);
  const bool fence = here.fenced_in != 0 || !keeps(rule::hit_minds_fence);
  if (e.near != nothing && fence && (here.lease != 0 || !keeps(rule::hit_minds_lease))) {
    state t = s;
    settle(t, key, e.near, settled(s, key));
    emit(t, {"a hit at # on key #: version #", {m, key, e.near}}, sink);
  }
  if (serves(s, m)) {
    state t = s;
    const byte version = keeps(rule::pending_is_hidden) ? e.visible : e.stored;
    settle(t, key, version, settled(s, key));
    emit(t, {"owner # reads key #: version #", {m, key, version}}, sink);
  }
  if (here.view != m && e.filling.lease == 0 && e.near == nothing && s.leases < scope_.leases) {
    state t = s;
    of(t, m, key).filling = {.lease = ++t.leases, .in_window = 1, .floor = settled(s, key)};
    send(t, {kind::get, static_cast<byte>(m), here.view, here.view, static_cast<byte>(key), 0,
             t.leases});
    emit(t, {"# sends a get of key #", {m, key}}, sink);
  }
  const bool clean = e.filling.poison == 0 || !keeps(rule::followers_mind_poison);
  if (e.filling.lease != 0 && e.filling.joined == 0 && clean) {
    state t = s;
    of(t, m, key).filling.joined = 1;
    of(t, m, key).filling.join_floor = settled(s, key);
    emit(t, {"a read at # joins the fill of key #", {m, key}}, sink);
  }
  if (e.filling.in_window != 0) {
    state t = s;
    of(t, m, key).filling.in_window = 0;
    emit(t, {"the lease that # asked for with key # lapses", {m, key}}, sink);
  }
  if (e.unapplied != 0) {
    state t = s;
    entry& late = of(t, m, key);
    if (late.near != nothing && late.near < late.unapplied) late.near = nothing;
    late.filling.poison = std::max(late.filling.poison, late.unapplied);
    late.unapplied = 0;
    emit(t, {"# applies an invalidation of key #", {m, key}}, sink);
  }
}

/// The partition counts its writes, whatever their keys.
template <int Keys>
void strong_model<Keys>::start_write(state& s, int m, int key) const {
  byte version = version_of(m, 0);
  for (const entry& e : of(s, m).keys) version = std::max(version, e.stored);
  ++version;
  ++s.writes;
  entry& e = of(s, m, key);
  if (version <= settled(s, key)) s.stale = 1;
  e.stored = version;
  e.pending = {.version = version, .backup = byte{backed_up(m)}};
  const auto from = static_cast<byte>(m), at_key = static_cast<byte>(key);
  for (int reader = 0; reader < members; ++reader) {
    if (of(s, m).granted[static_cast<std::size_t>(reader)] == 0) continue;
    e.pending.readers = with(e.pending.readers, reader);
    send(s, {kind::invalidate, from, static_cast<byte>(reader), from, at_key, version, 0});
  }
  if (backed_up(m)) {
    send(s, {kind::copy, from, static_cast<byte>(m + 1), from, at_key, version, 0});
  }
}

template <int Keys>
template <class Sink>
void strong_model<Keys>::writes(const state& s, int m, int key, Sink& sink) const {
  const write& pending = of(s, m, key).pending;
  if (pending.version == 0 && s.writes < scope_.writes) {
    state t = s;
    start_write(t, m, key);
    emit(t, {"owner # begins a write of key #", {m, key}}, sink);
    return;
  }
  const bool readers = pending.readers == 0 || !keeps(rule::answer_waits_for_readers);
  const bool backup = pending.backup == 0 || !keeps(rule::answer_waits_for_backup);
  if (pending.version == 0 || !readers || !backup) return;
  state t = s;
  entry& e = of(t, m, key);
  e.visible = pending.version;
  settle(t, key, pending.version, 0);
  e.pending = {};
  emit(t, {"owner # answers the write of key #", {m, key}}, sink);
}

/// Whether `m` may still count on a lease that its owner granted as number `granted` or before.
template <int Keys>
bool strong_model<Keys>::counts_on(const state& s, int m, int granted) const {
  const member& holder = of(s, m);
  if (holder.crashed != 0) return false;
  // A holder that counts from the receipt does so longer than its grantor knows.
  const bool known = keeps(rule::lease_counts_from_sending);
  bool found = holder.renewal != 0 && holder.renewal <= granted;
  found = found || (known && holder.lease != 0 && holder.lease <= granted);
  for (const entry& e : holder.keys) {
    found = found || (e.filling.in_window != 0 && e.filling.lease <= granted);
  }
  return found;
}

template <int Keys>
template <class Sink>
void strong_model<Keys>::leases(const state& s, int m, Sink& sink) const {
  const member& here = of(s, m);
  if (here.lease != 0) {
    state t = s;
    of(t, m).lease = 0;
    const bool drops = keeps(rule::lapse_drops_entries) && keeps(rule::hit_minds_lease);
    for (entry& e : of(t, m).keys) {
      if (drops) e.near = nothing;
    }
    emit(t, {"the lease of # lapses", {m}}, sink);
  }
  if (here.renewal != 0) {
    state t = s;
    of(t, m).renewal = 0;
    emit(t, {"the renewal that # asked for lapses", {m}}, sink);
  }
  bool holds = false;
  for (const entry& e : here.keys) holds = holds || e.near != nothing;
  if (here.view != m && holds && here.renewal == 0 && s.leases < scope_.leases) {
    state t = s;
    of(t, m).renewal = ++t.leases;
    send(t, {kind::renew, static_cast<byte>(m), here.view, here.view, 0, 0, t.leases});
    emit(t, {"# asks for a renewal", {m}}, sink);
  }
  for (int h = 0; h < members; ++h) {
    const int granted = here.granted[static_cast<std::size_t>(h)];
    if (granted == 0) continue;
    const bool lapsed = !counts_on(s, h, granted);
    if (!lapsed && keeps(rule::loss_is_no_acknowledgement)) continue;
    state t = s;
    if (lapsed) of(t, m).granted[static_cast<std::size_t>(h)] = 0;
    for (entry& e : of(t, m).keys) e.pending.readers = model::without(e.pending.readers, only(h));
    emit(t,
         {lapsed ? "owner # counts the lease of # as lapsed" : "owner # loses sight of #", {m, h}},
         sink);
  }
}

/// The next view removes the owner. One that is not active yet is not removed: two at a time are
/// more than one backup bears.
template <int Keys>
template <class Sink>
void strong_model<Keys>::agrees(const state& s, Sink& sink) const {
  if (s.view >= scope_.views) return;
  const member& owner = of(s, s.view);
  bool over = true;
  for (int m = 0; m < members && !scope_.late; ++m) {
    const bool removed = in_view(m, s.view) && !in_view(m, s.view + 1);
    over = over && (!removed || of(s, m).crashed != 0 || of(s, m).fenced_in == 0);
  }
  const bool settled_in = owner.active != 0 || !keeps(rule::promoted_in_sync);
  if (!settled_in || (!over && keeps(rule::view_waits_for_fences))) return;
  state t = s;
  ++t.view;
  emit(t, {"view # is agreed", {t.view}}, sink);
}

}  // namespace model::strong
