// Part of copies.hpp: the model as a class; what may happen in it is in copies_feeds.hpp and
// copies_views.hpp.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>

#include "copies_state.hpp"
#include "explorer.hpp"

namespace model::copies {

template <int N>
class copies_model {
 public:
  using state = copies::state<N>;

  explicit copies_model(const scope& explored) : scope_{explored} {}

  [[nodiscard]] state initial() const {
    state s;
    s.rows[0] = {0, 0, scope_.backups, up_to(N)};
    for (int h = 1; h < N; ++h) {
      if (!has(scope_.backups, h)) continue;
      feed& f = feed_of(s, 0, h);
      f.started = f.begun = f.ended = f.end_acknowledged = 1;
      f.keys = up_to(keys_max);
    }
    return s;
  }

  [[nodiscard]] const char* violated(const state& s) const;

  template <class Sink>
  void successors(const state& s, Sink&& sink) const {
    for (int m = 0; m < N; ++m) {
      installs(s, m, sink);
      if (!s.owns(m)) continue;
      operates(s, m, sink);
      for (int h = 0; h < N; ++h) {
        if (h == m || !has(s.row_of(m).members, h)) continue;
        feeds(s, m, h, sink);
        claims(s, m, h, sink);
      }
    }
    if (s.views < scope_.views) agrees(s, sink);
  }

 private:
  static feed& feed_of(state& s, int owner, int holder) {
    return s.feeds[static_cast<std::size_t>(owner)][static_cast<std::size_t>(holder)];
  }
  static const feed& feed_of(const state& s, int owner, int holder) {
    return s.feeds[static_cast<std::size_t>(owner)][static_cast<std::size_t>(holder)];
  }
  static member& at(state& s, int m) { return s.members[static_cast<std::size_t>(m)]; }
  static const member& at(const state& s, int m) { return s.members[static_cast<std::size_t>(m)]; }

  [[nodiscard]] bool keeps(rule asked) const { return scope_.without != asked; }
  [[nodiscard]] int key_of(int operation) const {
    return scope_.key_of[static_cast<std::size_t>(operation)];
  }
  [[nodiscard]] set operations_of(int key) const {
    set found = 0;
    for (int o = 0; o < scope_.operations; ++o) {
      if (key_of(o) == key) found = with(found, o);
    }
    return found;
  }

  /// P2: whose acknowledgement owner `m` waits for.
  [[nodiscard]] set required(const state& s, int m) const {
    set found = keeps(rule::row_is_required) ? s.row_of(m).backups : set{0};
    for (int h = 0; h < N; ++h) {
      if (feed_of(s, m, h).ended != 0 && keeps(rule::end_marker_is_required))
        found = with(found, h);
    }
    return keeps(rule::waits_until_view_without) ? found : model::without(found, at(s, m).leaving);
  }

  /// What the coordinator makes the next view of.
  struct accepted {
    set removed = 0;
    set joins = 0;      // by claims of in_sync
    set leaves = 0;     // by claims of out_of_sync
    int receiver = -1;  // by a claim of hand_over
  };

  // copies_feeds.hpp
  void push(state& s, int m, int h, const item& sent) const;
  [[nodiscard]] item entry_of(const contents& held, int key, int operation) const;
  void take(state& s, int m, int h) const;
  void install(state& s, int m) const;
  [[nodiscard]] bool may_answer(const state& s, int m, int operation) const;

  template <class Sink>
  void operates(const state& s, int m, Sink& sink) const;
  template <class Sink>
  void feeds(const state& s, int m, int h, Sink& sink) const;
  template <class Sink>
  void emit(state& s, const step& taken, Sink& sink) const;

  // copies_views.hpp
  template <class Sink>
  void claims(const state& s, int m, int h, Sink& sink) const;
  template <class Sink>
  void installs(const state& s, int m, Sink& sink) const;
  template <class Sink>
  void agrees(const state& s, Sink& sink) const;
  template <class Sink>
  void agree(const state& s, const accepted& taken, Sink& sink) const;
  void normalise(state& s) const;

  scope scope_;
};

/// What an answered operation and a copy owe to each other, in every state.
template <int N>
const char* copies_model<N>::violated(const state& s) const {
  switch (s.broken) {
    case wrong::nothing: break;
    case wrong::no_successor: return "the row has no owner, although one of it lives on";
    case wrong::queue_full: return "the model's queue is too short";
  }
  const row& newest = s.newest();
  for (int m = 0; m < N; ++m) {
    if (newest.owner != m && !has(newest.backups, m)) continue;
    const contents& held = at(s, m).copy;
    if (model::without(s.answered, present(held)) != 0) {
      return "an answered operation is missing at a member of the row";
    }
    for (int o = 0; o < scope_.operations; ++o) {
      if (times_of(held, o) > 1) return "an operation was applied twice";
    }
    const int owner = s.row_of(m).owner;
    if (!scope_.compare || owner == m || s.row_of(m).epoch != s.row_of(owner).epoch) continue;
    const feed& f = feed_of(s, owner, m);
    if (f.end_acknowledged != 0 && f.size == 0 && !(held == at(s, owner).copy)) {
      return "a copy that is in sync differs from its owner's";
    }
  }
  return nullptr;
}

}  // namespace model::copies
