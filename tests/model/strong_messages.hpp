// Part of strong.hpp: what members do with messages.
#pragma once

#include "strong_model.hpp"

namespace model::strong {

/// A message arrives; one that changes nothing might as well be lost.
template <int Keys>
template <class Sink>
void strong_model<Keys>::arrives(const state& s, std::size_t k, Sink& sink) const {
  const message taken = s.network[k];
  if (of(s, taken.to).crashed != 0) return;
  state t = s;
  if (!scope_.duplicates) {
    t.network[k] = t.network[--t.size];
    t.network[t.size] = {};
  }
  constexpr std::array<const char*, 10> texts = {"",
                                                 "a get of # arrives at #",
                                                 "a reply of # arrives at #",
                                                 "a reply of # that may not be kept arrives at #",
                                                 "an invalidation of # arrives at #",
                                                 "an acknowledgement of # arrives at #",
                                                 "a copy of # arrives at #",
                                                 "the receipt of # for a copy arrives at #",
                                                 "a request of # for a renewal arrives at #",
                                                 "a renewal of # arrives at #"};
  if (take(t, taken))
    emit(t, {texts[static_cast<std::size_t>(taken.what)], {taken.from, taken.to}}, sink);
}

template <int Keys>
bool strong_model<Keys>::take(state& s, const message& taken) const {
  member& here = of(s, taken.to);
  entry& e = of(s, taken.to, taken.key);
  const bool own_view = taken.view == here.view;
  switch (taken.what) {
    case kind::get: return take_get(s, taken);
    case kind::kept:
    case kind::unkept: return take_reply(s, taken);
    case kind::invalidate: return take_invalidation(s, taken);
    case kind::acknowledge: return take_acknowledgement(s, taken);
    case kind::copy:
      if (!own_view && keeps(rule::backup_minds_epoch)) return false;
      e.stored = std::max(e.stored, taken.version);
      send(s, {kind::copied, taken.to, taken.from, taken.view, taken.key, taken.version, 0});
      return true;
    case kind::copied:
      if (e.pending.version != taken.version) return false;
      e.pending.backup = 0;
      return true;
    case kind::renew:
      for (const entry& pending : here.keys) {
        if (pending.pending.version != 0) return false;
      }
      if (!serves(s, taken.to) || !own_view) return false;
      here.granted[taken.from] = std::max(here.granted[taken.from], taken.lease);
      send(s, {kind::renewed, taken.to, taken.from, taken.view, 0, 0, taken.lease});
      return true;
    case kind::renewed:
      if (here.renewal != taken.lease || !own_view) return false;
      here.lease = std::max(here.lease, taken.lease);
      here.renewal = 0;
      return true;
    default: return false;
  }
}

/// The holder is registered before the value is read.
template <int Keys>
bool strong_model<Keys>::take_get(state& s, const message& taken) const {
  member& owner = of(s, taken.to);
  const entry& e = of(s, taken.to, taken.key);
  if (!serves(s, taken.to) || taken.view != owner.view) return false;
  const bool hidden = keeps(rule::pending_is_hidden);
  const bool kept = e.pending.version == 0 || !hidden || !keeps(rule::pending_is_not_kept);
  byte& granted = owner.granted[taken.from];
  if (kept && keeps(rule::get_registers)) granted = std::max(granted, taken.lease);
  send(s, {kept ? kind::kept : kind::unkept, taken.to, taken.from, taken.view, taken.key,
           hidden ? e.visible : e.stored, taken.lease});
  return true;
}

template <int Keys>
bool strong_model<Keys>::take_reply(state& s, const message& taken) const {
  member& here = of(s, taken.to);
  entry& e = of(s, taken.to, taken.key);
  const fill filled = e.filling;
  if (filled.lease != taken.lease) return false;
  if (taken.view != here.view && keeps(rule::reply_of_own_epoch)) return false;
  e.filling = {};
  settle(s, taken.key, taken.version, filled.floor);  // F3
  const bool kept = taken.what == kind::kept;
  const bool clean = filled.poison <= taken.version;
  const bool leased = filled.in_window != 0;
  const bool follows = clean && leased && kept && here.fenced_in != 0;
  if (filled.joined != 0 && (follows || !keeps(rule::followers_mind_poison))) {  // F5
    settle(s, taken.key, taken.version, filled.join_floor);
  }
  const bool installs = kept && (clean || !keeps(rule::fill_minds_poison));
  if (!installs || (!leased && keeps(rule::lease_counts_from_sending))) return true;  // F4
  e.near = taken.version;
  here.lease = std::max(here.lease, taken.lease);
  return true;
}

template <int Keys>
bool strong_model<Keys>::take_invalidation(state& s, const message& taken) const {
  entry& e = of(s, taken.to, taken.key);
  const bool own_view = taken.view == of(s, taken.to).view;
  if (!own_view) return false;  // E2
  if (!keeps(rule::applied_then_acknowledged)) {
    e.unapplied = std::max(e.unapplied, taken.version);
  } else {
    if (e.near != nothing && e.near < taken.version) e.near = nothing;
    if (e.filling.lease != 0) e.filling.poison = std::max(e.filling.poison, taken.version);
  }
  send(s, {kind::acknowledge, taken.to, taken.from, taken.view, taken.key, taken.version, 0});
  return true;
}

template <int Keys>
bool strong_model<Keys>::take_acknowledgement(state& s, const message& taken) const {
  write& pending = of(s, taken.to, taken.key).pending;
  if (pending.version == 0 || taken.view != of(s, taken.to).view) return false;
  const bool same = pending.version == taken.version;
  if (!same && keeps(rule::acknowledgement_has_seq)) return false;
  pending.readers = model::without(pending.readers, only(taken.from));
  return true;
}

}  // namespace model::strong
