// Part of eventual.hpp: what an owner does with requests, mutations and loads.
#pragma once

#include "eventual_model.hpp"

namespace model::eventual {

inline bool eventual_model::has_room(const state& s, int o) {
  const link& l = s.links[static_cast<std::size_t>(o)];
  return s.owners[static_cast<std::size_t>(o)].listened == 0 || l.up == 0 || !l.stream.full();
}

inline void eventual_model::invalidate(state& s, int o) {
  owner& w = s.owners[static_cast<std::size_t>(o)];
  link& l = s.links[static_cast<std::size_t>(o)];
  if (w.listened == 0) return;
  w.sent[++w.n] = w.seq;
  if (l.up != 0) l.stream.push({.what = kind::invalidate, .number = w.n});
}

inline void eventual_model::acknowledge(state& s, int member, byte version) {
  byte& seen = s.seen[static_cast<std::size_t>(member)];
  s.acknowledged[0] = std::max(s.acknowledged[0], version);
  if (member == 2) seen = std::max(seen, version);
}

/// Odd operations put, even ones remove.
inline byte eventual_model::mutate(state& s, int o, int operation) const {
  owner& w = s.owners[static_cast<std::size_t>(o)];
  byte& answer = w.answers[static_cast<std::size_t>(operation)];
  if (answer != 0) break_rule(s, wrong::twice);
  answer = version_of(o, ++w.seq);
  const bool removes = operation % 2 == 0 && scope_.ttl == 0;
  w.stored = {answer, answer, removes, removes ? byte{0} : static_cast<byte>(scope_.ttl)};
  if (scope_.ttl > 0) s.left[answer] = static_cast<byte>(scope_.ttl);
  w.loads.bumped = w.loads.runs;
  invalidate(s, o);
  return answer;
}

inline void eventual_model::reply(state& s, int o, int fill) {
  const owner& w = s.owners[static_cast<std::size_t>(o)];
  s.links[static_cast<std::size_t>(o)].replies.push({.what = kind::reply,
                                                     .number = static_cast<byte>(fill),
                                                     .second = version_of(o, w.seq),
                                                     .flag = 1,
                                                     .carried = w.stored});
}

inline void eventual_model::finish_load(state& s, int o) const {
  owner& w = s.owners[static_cast<std::size_t>(o)];
  const load done = w.loads;
  w.loads = {};
  const bool stored =
      (done.bumped == 0 || !keeps(rule::load_minds_mutations)) && w.stored.absent != 0;
  if (stored && keeps(rule::load_takes_seq)) {
    ++w.seq;
    invalidate(s, o);
  }
  if (stored) {
    const byte version = keeps(rule::load_takes_seq) ? version_of(o, w.seq) : w.stored.version;
    w.stored = {version, done.origin, 0, 0};
  }
  if (done.waits == 0) return;
  if (stored || (done.late != 0 && keeps(rule::late_waiter_asks_again))) {
    reply(s, o, done.fill);
    return;
  }
  const byte kept = keeps(rule::unstored_is_not_kept) ? 0 : 1;
  s.links[static_cast<std::size_t>(o)].replies.push({.what = kind::reply,
                                                     .number = done.fill,
                                                     .second = version_of(o, w.seq),
                                                     .flag = kept,
                                                     .carried = {done.origin, done.origin, 0, 0}});
}

inline bool eventual_model::take_request(state& s, int o) const {
  link& l = s.links[static_cast<std::size_t>(o)];
  owner& w = s.owners[static_cast<std::size_t>(o)];
  if (l.requests.size == 0 || !serves(s, o) || l.replies.full() || l.stream.size > 2) return false;
  const frame f = l.requests.pop();
  switch (f.what) {
    case kind::get:
      w.listened = 1;
      if (w.loads.runs != 0 && w.loads.waits == 0) {
        w.loads.waits = 1;
        w.loads.fill = f.number;
        w.loads.late = w.loads.bumped;
      } else {
        reply(s, o, f.number);
      }
      break;
    case kind::mutate: take_mutation(s, o, f); break;
    case kind::beat:
      l.stream.push({.what = kind::digest, .number = w.n, .flag = w.listened, .age = f.age});
      break;
    default: take_subscription(s, o, f); break;
  }
  return true;
}

inline void eventual_model::take_mutation(state& s, int o, const frame& f) const {
  const byte known = s.owners[static_cast<std::size_t>(o)].answers[f.number];
  const bool again = known != 0 && keeps(rule::retry_has_first_answer);
  const byte version = again ? known : mutate(s, o, f.number);
  s.links[static_cast<std::size_t>(o)].replies.push(
      {.what = kind::answer, .number = f.number, .second = version});
}

/// What is missing is sent again, or all is reset where it is not there any more.
inline void eventual_model::take_subscription(state& s, int o, const frame& f) const {
  owner& w = s.owners[static_cast<std::size_t>(o)];
  auto& stream = s.links[static_cast<std::size_t>(o)].stream;
  w.listened = 1;
  if (w.n - f.number > replay_max) {
    stream.push({.what = kind::reset, .number = w.n, .second = version_of(o, w.seq)});
    return;
  }
  if (f.what == kind::subscribe) {
    const byte from = keeps(rule::resume_replays) ? f.number : w.n;
    stream.push({.what = kind::resume, .number = from, .second = w.n});
  }
  if (f.number < w.n) stream.push({.what = kind::replay, .number = f.number, .second = w.n});
}

/// The stream's invalidations become one frame, in the place of the first.
inline void eventual_model::collapse(state& s, int o) {
  auto& stream = s.links[static_cast<std::size_t>(o)].stream;
  frame all{.what = kind::collapse,
            .second = version_of(o, s.owners[static_cast<std::size_t>(o)].seq)};
  std::size_t first = stream.size;
  for (std::size_t k = 0; k < stream.size;) {
    const frame& f = stream.frames[k];
    if (f.what != kind::invalidate && f.what != kind::collapse) {
      ++k;
      continue;
    }
    all.number = f.number;
    if (first == stream.size) {
      first = k++;
    } else {
      stream.remove(k);
    }
  }
  stream.frames[first] = all;
}

}  // namespace model::eventual
