// Part of eventual.hpp: what may happen next.
#pragma once

#include "eventual_model.hpp"

namespace model::eventual {

/// E1.
inline void eventual_model::install_view(state& s, int m) const {
  s.views[static_cast<std::size_t>(m)] = 1;
  if (m == 0) {
    s.deposed = 1;
    s.owners[0].stored = {};
    s.owners[0].loads = {};
    while (s.links[0].requests.size > 0) s.links[0].requests.pop();
  }
  if (m == 1) {
    s.carried = s.owners[1].stored = s.backup;
    for (std::size_t k = 1; k < s.owners[0].answers.size(); ++k) {
      const byte answer = s.owners[0].answers[k];
      if (answer <= s.carried.version) s.owners[1].answers[k] = answer;
    }
  }
  if (m != 2) return;
  reader& r = s.r;
  if (keeps(rule::view_drops_entries)) {
    r.has_near = 0;
    r.near = {};
  }
  r.n = r.floor = r.key_floor = r.target = r.asked = 0;
  r.stream = trust::sound;
  r.fresh = oldest_age();
  for (fill& f : r.fills) {
    if (f.now != phase::sent) continue;
    f.now = phase::to_send;
    f.joinable = 0;
  }
  if (r.operating == phase::sent) r.operating = phase::to_send;
}

inline void eventual_model::tick(state& s) const {
  const auto older = [&](byte& age) {
    if (age < oldest_age()) ++age;
  };
  const auto shorter = [](value& v, byte ended) {
    if (v.left > 0 && --v.left == 0) v.absent = ended;
  };
  older(s.r.fresh);
  for (fill& f : s.r.fills) {
    if (f.now == phase::sent) older(f.age);
  }
  for (heartbeat& b : s.beats) {
    if (scope_.view) older(b.fresh);
    if (b.under_way != 0) older(b.age);
  }
  for (link& l : s.links) {
    for (frame& f : l.requests.frames) {
      if (f.what == kind::beat) older(f.age);
    }
    for (frame& f : l.stream.frames) {
      if (f.what == kind::digest) older(f.age);
    }
  }
  for (owner& w : s.owners) shorter(w.stored, 1);
  shorter(s.backup, 1);
  shorter(s.r.near, 0);
  for (int seq = 0; seq < 8; ++seq) {
    byte& left = s.left[static_cast<std::size_t>(seq)];
    if (left > 0 && --left == 0) s.over = with(s.over, seq);
  }
  const auto last = static_cast<std::size_t>(scope_.staleness) + 1;
  s.acknowledged[last] = std::max(s.acknowledged[last], s.acknowledged[last - 1]);
  for (std::size_t age = last - 1; age > 0; --age) s.acknowledged[age] = s.acknowledged[age - 1];
  s.acknowledged[0] = 0;
}

/// Forgets what can no longer matter, so that fewer states differ.
inline void eventual_model::normalise(state& s) const {
  const bool old_replies = !keeps(rule::reply_of_own_epoch);
  if (s.views[2] == 1 && !old_replies) {
    s.links[0].replies = {};
    s.links[0].stream = {};
    s.owners[0].listened = s.owners[0].n = 0;
    s.owners[0].sent = {};
  }
  for (std::size_t n = 1; n < s.r.n; ++n) s.owners[s.views[2]].sent[n] = 0;
  if (s.views[2] == 1) s.beats[1] = {};
  if (s.deposed != 0) s.beats[0] = {};
  for (heartbeat& b : s.beats) {
    if (b.under_way != 0 && b.age >= b.fresh) b.under_way = b.age = b.view = 0;
  }
  if (s.views[1] != 0) s.backup = {};
  byte newest = 0;
  for (byte& version : s.acknowledged) {
    if (version <= newest) version = 0;
    newest = std::max(newest, version);
  }
}

template <class Sink, class Change>
void eventual_model::emit(const state& s, const step& taken, Sink& sink, Change change) const {
  state t = s;
  change(t);
  normalise(t);
  sink(t, taken);
}

template <class Sink>
void eventual_model::successors(const state& s, Sink&& sink) const {
  emit(s, {"a tick passes", {}}, sink, [&](state& t) { tick(t); });
  for (int o = 0; o <= (scope_.view ? 1 : 0); ++o) {
    network(s, o, sink);
    if (serves(s, o)) owner_acts(s, o, sink);
  }
  reader_acts(s, sink);
  const owner& w = s.owners[0];
  const bool copied = scope_.view || scope_.backup_reads > 0;
  if (copied && s.views[1] == 0 && s.deposed == 0 && !(s.backup == w.stored)) {
    emit(s, {"the backup catches up", {}}, sink, [&](state& t) {
      t.backup = w.stored;
      t.backup_seq = w.seq;
    });
  }
  if (scope_.view) membership(s, sink);
}

template <class Sink>
void eventual_model::network(const state& s, int o, Sink& sink) const {
  const link& l = s.links[static_cast<std::size_t>(o)];
  state taken = s;
  if (take_request(taken, o)) {
    normalise(taken);
    sink(taken, step{"owner # takes a request", {o}});
  }
  if (l.replies.size > 0) {
    emit(s, {"the reader takes a reply", {}}, sink, [&](state& t) { take_reply(t, o); });
  }
  if (l.stream.size > 0) {
    emit(s, {"the reader takes a frame of the stream", {}}, sink,
         [&](state& t) { take_stream(t, o); });
  }
  if (s.views[2] == o && l.up == 0) {
    emit(s, {"the connection is made again", {}}, sink, [&](state& t) { make_link(t, o); });
  } else if (s.views[2] == o && s.resets < scope_.resets) {
    emit(s, {"the connection is reset", {}}, sink, [&](state& t) {
      ++t.resets;
      lose_link(t, o);
    });
  }
  if (s.collapses < scope_.collapses && l.stream.holds(kind::invalidate)) {
    emit(s, {"the stream collapses", {}}, sink, [&](state& t) {
      ++t.collapses;
      collapse(t, o);
    });
  }
  for (std::size_t k = 0; k < l.stream.size && s.drops < scope_.drops; ++k) {
    const kind lost = l.stream.frames[k].what;
    if (lost != kind::invalidate && lost != kind::replay && lost != kind::digest) continue;
    emit(s, {"a frame of the stream is lost", {}}, sink, [&](state& t) {
      ++t.drops;
      t.links[static_cast<std::size_t>(o)].stream.remove(k);
    });
  }
}

template <class Sink>
void eventual_model::owner_acts(const state& s, int o, Sink& sink) const {
  const owner& w = s.owners[static_cast<std::size_t>(o)];
  emit(s, {"owner # reads its store", {o}}, sink,
       [&](state& t) { judge(t, o, o, w.stored, owed_by(s, o)); });
  if (s.writes < scope_.writes && has_room(s, o)) {
    emit(s, {"owner # writes", {o}}, sink, [&](state& t) {
      const byte version = mutate(t, o, ++t.writes);
      acknowledge(t, o, version);
      if (scope_.loads == 0) return;
      byte& seen = t.seen[static_cast<std::size_t>(o)];
      seen = std::max(seen, version);
    });
  }
  if (s.loads < scope_.loads && w.loads.runs == 0 && w.stored.absent != 0) {
    emit(s, {"a load begins", {}}, sink, [&](state& t) {
      ++t.loads;
      t.owners[static_cast<std::size_t>(o)].loads = {.runs = 1, .origin = w.stored.version};
    });
  }
  const bool room = !s.links[static_cast<std::size_t>(o)].replies.full();
  if (w.loads.runs != 0 && has_room(s, o) && room) {
    emit(s, {"a load ends", {}}, sink, [&](state& t) { finish_load(t, o); });
  }
}

template <class Sink>
void eventual_model::reader_acts(const state& s, Sink& sink) const {
  const reader& r = s.r;
  const link& mine = s.links[s.views[2]];
  const bool open = mine.up != 0 && !mine.requests.full();
  if (may_hit(s)) {
    emit(s, {"a near hit", {}}, sink,
         [&](state& t) { judge(t, 2, s.views[2], r.near, owed_by(s, 2)); });
  }
  for (std::size_t k = 0; k < r.fills.size(); ++k) {
    const fill& f = r.fills[k];
    if (s.joins < scope_.joins && may_join(s, f)) {
      emit(s, {"a read joins a fill", {}}, sink, [&](state& t) {
        ++t.joins;
        t.r.fills[k].follower = 1;
        t.r.fills[k].follower_owes = owed_by(s, 2);
      });
    }
    const bool first_idle = f.now == phase::idle && (k == 0 || r.fills[0].now != phase::idle);
    if (s.gets >= scope_.gets || !first_idle || !open) continue;
    emit(s, {"a read sends a get", {}}, sink, [&](state& t) {
      ++t.gets;
      t.r.fills[k].leader_owes = owed_by(s, 2);
      issue(t, k);
    });
  }
  const bool waits = r.fills[0].now == phase::to_send || r.fills[1].now == phase::to_send;
  if (open && (waits || r.operating == phase::to_send)) {
    emit(s, {"calls are sent again", {}}, sink, [&](state& t) { resend(t); });
  }
  if (s.writes < scope_.writes && r.operating == phase::idle && open) {
    emit(s, {"the reader sends a mutation", {}}, sink, [&](state& t) {
      t.r.operation = ++t.writes;
      t.r.operating = phase::to_send;
      resend(t);
    });
  }
  if (open && !mine.requests.holds(kind::beat) && !mine.stream.holds(kind::digest)) {
    emit(s, {"the reader sends a beat", {}}, sink, [&](state& t) { beat(t); });
  }
  const bool old_epoch = s.views[1] == 0 && s.views[2] == 0;
  if (s.backup_reads < scope_.backup_reads && s.backup_asked == 0 && old_epoch) {
    emit(s, {"a read asks the backup", {}}, sink, [&](state& t) {
      ++t.backup_reads;
      t.backup_asked = 1;
      t.backup_reply = s.backup;
      t.backup_as_of = version_of(0, s.backup_seq);
      t.backup_owes = owed_by(s, 2);
    });
  }
  const bool slot = r.fills[0].now == phase::idle || r.fills[1].now == phase::idle;
  if (s.backup_asked != 0 && s.views[2] == 0 && slot) {
    emit(s, {"the backup's reply arrives", {}}, sink, [&](state& t) { take_backup_reply(t); });
  }
}

template <class Sink>
void eventual_model::membership(const state& s, Sink& sink) const {
  if (s.agreed == 0) emit(s, {"view 1 is agreed", {}}, sink, [](state& t) { t.agreed = 1; });
  for (int m = 0; m < 3; ++m) {
    if (s.agreed == 0 || s.views[static_cast<std::size_t>(m)] != 0) continue;
    emit(s, {"member # learns of view 1", {m}}, sink, [&](state& t) { install_view(t, m); });
  }
  for (std::size_t k = 0; k < s.beats.size(); ++k) {
    const heartbeat& b = s.beats[k];
    const int m = k == 0 ? 0 : 2;
    const byte view = s.views[static_cast<std::size_t>(m)];
    if (view != 0) continue;
    if (b.under_way == 0) {
      emit(s, {"the coordinator echoes member #", {m}}, sink,
           [&](state& t) { t.beats[k] = {1, 0, s.agreed, b.fresh}; });
      continue;
    }
    const bool counts = b.view == view || !keeps(rule::echo_of_own_view);
    emit(s, {"member # takes the coordinator's echo", {m}}, sink,
         [&](state& t) { t.beats[k] = {0, 0, 0, counts ? std::min(b.fresh, b.age) : b.fresh}; });
  }
}

}  // namespace model::eventual
