// Part of eventual.hpp: the reader's stream, fills and calls.
#pragma once

#include "eventual_model.hpp"

namespace model::eventual {

inline void eventual_model::drop_all(reader& r) const {
  r.has_near = 0;
  r.near = {};
  for (fill& f : r.fills) {
    if (f.now != phase::sent || !keeps(rule::reset_drops_fills)) continue;
    f.detached = 1;
    f.joinable = 0;
  }
}

/// F2.
inline void eventual_model::apply_invalidation(reader& r, byte version) const {
  r.key_floor = std::max(r.key_floor, version);
  const bool older =
      keeps(rule::versions_are_whole) ? r.near.version < version : r.near.version % 8 < version % 8;
  if (r.has_near != 0 && older) {
    r.has_near = 0;
    r.near = {};
  }
  for (fill& f : r.fills) {
    if (f.now != phase::sent) continue;
    f.poison = std::max(f.poison, version);
    if (keeps(rule::followers_need_install)) f.joinable = 0;
  }
}

inline void eventual_model::apply_entry(state& s, int o, int n) const {
  const byte seq = s.owners[static_cast<std::size_t>(o)].sent[static_cast<std::size_t>(n)];
  apply_invalidation(s.r, version_of(o, seq));
  s.r.floor = std::max(s.r.floor, version_of(o, seq));
}

/// R2: a gap.
inline void eventual_model::suspect(state& s, int o, byte to) {
  reader& r = s.r;
  auto& requests = s.links[static_cast<std::size_t>(o)].requests;
  if (r.stream == trust::lost) return;
  r.stream = trust::gap;
  r.target = std::max(r.target, to);
  if (r.asked != 0 || requests.full()) return;
  r.asked = 1;
  requests.push({.what = kind::ask_again, .number = r.n});
}

inline bool eventual_model::take_stream(state& s, int o) const {
  auto& stream = s.links[static_cast<std::size_t>(o)].stream;
  if (stream.size == 0) return false;
  const frame f = stream.pop();
  if (s.views[2] != o) return true;  // E2
  take_stream_frame(s, o, f);
  reader& r = s.r;
  if (r.stream == trust::gap && r.n >= r.target) {
    r.stream = trust::sound;
    r.target = 0;
  }
  const byte last = version_of(o, s.owners[static_cast<std::size_t>(o)].sent[r.n]);
  const bool counted = r.has_near != 0 && r.stream == trust::sound && f.what != kind::digest;
  if (counted && r.n > 0 && r.near.version < last && keeps(rule::versions_are_whole)) {
    break_rule(s, wrong::outlived);
  }
  return true;
}

inline void eventual_model::take_stream_frame(state& s, int o, const frame& f) const {
  reader& r = s.r;
  switch (f.what) {
    case kind::invalidate:
      if (f.number <= r.n) return;
      if (f.number > r.n + 1 && keeps(rule::gap_is_suspect)) return suspect(s, o, f.number);
      apply_entry(s, o, f.number);
      r.n = f.number;
      return;
    case kind::replay:
      r.asked = 0;
      if (f.second <= r.n) return;
      if (f.number > r.n) return suspect(s, o, f.second);
      while (r.n < f.second) apply_entry(s, o, ++r.n);
      return;
    case kind::collapse:
      if (f.number <= r.n) return;
      if (keeps(rule::collapse_drops_all)) drop_all(r);
      r.floor = std::max(r.floor, f.second);
      r.n = f.number;
      return;
    case kind::resume:
      r.n = std::max(r.n, f.number);
      r.stream = trust::gap;
      r.target = f.second;
      return;
    case kind::reset:
      drop_all(r);
      r.asked = r.target = 0;
      r.n = std::max(r.n, f.number);
      r.floor = std::max(r.floor, f.second);
      r.stream = trust::sound;
      return;
    default: take_digest(s, o, f);
  }
}

inline void eventual_model::take_digest(state& s, int o, const frame& f) const {
  reader& r = s.r;
  if (f.flag != 0 && f.number > r.n && keeps(rule::gap_is_suspect)) {
    if (keeps(rule::request_is_repeated)) r.asked = 0;
    suspect(s, o, f.number);
  }
  r.fresh = keeps(rule::fresh_by_own_sending) ? std::min(r.fresh, f.age) : byte{0};
}

inline bool eventual_model::coordinator_is_fresh(const state& s) const {
  return s.views[2] == 1 || s.beats[1].fresh <= scope_.staleness;
}

inline bool eventual_model::may_join(const state& s, const fill& f) const {
  const bool young = f.age <= scope_.staleness || !keeps(rule::joins_are_young);
  const bool free = f.now == phase::sent && f.joinable != 0 && f.follower == 0;
  return free && young && (coordinator_is_fresh(s) || !keeps(rule::joins_mind_coordinator));
}

inline bool eventual_model::may_hit(const state& s) const {
  const reader& r = s.r;
  if (r.has_near == 0 || r.stream != trust::sound || r.fresh > scope_.staleness) return false;
  if (expired(r.near) && keeps(rule::hit_minds_end)) return false;
  return coordinator_is_fresh(s) || !keeps(rule::hit_minds_coordinator);
}

/// F1: the token is of this sending.
inline void eventual_model::issue(state& s, std::size_t at) {
  fill& f = s.r.fills[at];
  f.now = phase::sent;
  f.joinable = 1;
  f.detached = f.poison = f.age = 0;
  f.floor = s.r.floor;
  s.links[s.views[2]].requests.push({.what = kind::get, .number = static_cast<byte>(at)});
}

inline bool eventual_model::take_reply(state& s, int o) const {
  auto& replies = s.links[static_cast<std::size_t>(o)].replies;
  if (replies.size == 0) return false;
  const frame f = replies.pop();
  reader& r = s.r;
  if (s.views[2] != o && keeps(rule::reply_of_own_epoch)) return true;
  if (f.what == kind::reply) {
    if (r.fills[f.number].now != phase::idle) take_fill(s, o, f);
    return true;
  }
  if (r.operation != f.number || r.operating != phase::sent) return true;
  r.operation = 0;
  r.operating = phase::idle;
  if (keeps(rule::own_reply_invalidates)) {  // F6
    apply_invalidation(r, f.second);
    r.floor = std::max(r.floor, f.second);
  }
  acknowledge(s, 2, f.second);
  return true;
}

inline void eventual_model::take_fill(state& s, int o, const frame& f) const {
  reader& r = s.r;
  fill& slot = r.fills[f.number];
  const fill taken = slot;
  slot = {};
  judge(s, 2, o, f.carried, taken.leader_owes);  // F3
  const bool young =
      f.second >= std::max(taken.floor, taken.poison) || !keeps(rule::poison_is_kept);
  const bool trusted = r.stream == trust::sound;
  const bool kept = f.flag != 0 && taken.detached == 0 && young && trusted;  // F4
  value entry = f.carried;
  if (keeps(rule::end_counts_from_sending)) {
    entry.left = static_cast<byte>(entry.left - std::min(entry.left, taken.age));
  }
  if (kept) {
    if (f.second < r.key_floor) break_rule(s, wrong::too_old);
    if (r.has_near == 0 || r.near.version <= entry.version) {
      r.has_near = 1;
      r.near = entry;
    }
  } else if (r.near.version < entry.version && keeps(rule::refused_erases_older)) {
    r.has_near = 0;
    r.near = {};
  }
  // Where no backup is asked, a floor from the stream alone is as good.
  if (scope_.backup_reads > 0 && keeps(rule::replies_raise_floor)) {
    r.floor = std::max(r.floor, f.second);
  }
  if (taken.follower == 0) return;
  const bool ended = expired(entry) && keeps(rule::followers_mind_end);
  if ((kept && !ended) || !keeps(rule::followers_need_install)) {  // F5
    judge(s, 2, o, f.carried, taken.follower_owes);
  } else {
    slot.now = phase::to_send;
    slot.leader_owes = taken.follower_owes;
  }
}

/// F7. A backup promises nothing of staleness.
inline void eventual_model::take_backup_reply(state& s) const {
  const value v = s.backup_reply;
  duty owed = s.backup_owes;
  const bool older = s.backup_as_of < s.r.floor && keeps(rule::older_than_floor_asks_again);
  s.backup_asked = 0;
  s.backup_reply = {};
  s.backup_as_of = 0;
  s.backup_owes = {};
  if (!older) {
    owed.fresh = 0;
    judge(s, 2, 0, v, owed);
    if (keeps(rule::replies_raise_floor)) s.r.floor = std::max(s.r.floor, v.version);
    for (fill& f : s.r.fills) {
      const bool poisoned = f.now == phase::sent && keeps(rule::backup_answer_poisons);
      if (poisoned) f.poison = std::max(f.poison, v.version);
    }
    if (s.r.has_near != 0 && s.r.near.version < v.version) {
      s.r.has_near = 0;
      s.r.near = {};
    }
    return;
  }
  for (fill& f : s.r.fills) {
    if (f.now != phase::idle) continue;
    f.now = phase::to_send;
    f.leader_owes = owed;
    return;
  }
}

inline void eventual_model::lose_link(state& s, int o) const {
  s.links[static_cast<std::size_t>(o)] = {.up = 0};
  load& loads = s.owners[static_cast<std::size_t>(o)].loads;
  loads.waits = loads.fill = loads.late = 0;
  if (s.views[2] != o) return;
  reader& r = s.r;
  r.stream = trust::lost;
  r.target = r.asked = 0;
  for (fill& f : r.fills) {
    if (f.now != phase::sent) continue;
    f.now = phase::to_send;
    f.joinable = 0;
  }
  if (r.operating == phase::sent) r.operating = phase::to_send;
}

inline void eventual_model::make_link(state& s, int o) const {
  link& l = s.links[static_cast<std::size_t>(o)];
  l.up = 1;
  if (s.views[2] != o) return;
  l.requests.push({.what = kind::subscribe, .number = s.r.n});
}

inline void eventual_model::resend(state& s) {
  link& l = s.links[s.views[2]];
  reader& r = s.r;
  for (std::size_t k = 0; k < r.fills.size(); ++k) {
    if (r.fills[k].now == phase::to_send && l.up != 0 && !l.requests.full()) issue(s, k);
  }
  if (r.operating != phase::to_send || l.up == 0 || l.requests.full()) return;
  r.operating = phase::sent;
  l.requests.push({.what = kind::mutate, .number = r.operation});
}

inline void eventual_model::beat(state& s) {
  link& l = s.links[s.views[2]];
  if (l.up != 0 && !l.requests.full()) l.requests.push({.what = kind::beat});
}

}  // namespace model::eventual
