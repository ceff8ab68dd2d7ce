// Part of settling.hpp: what may happen.
#pragma once

#include <algorithm>
#include <cstddef>

#include "explorer.hpp"
#include "settling_state.hpp"

namespace model::settling {

template <int N>
class settling_model {
 public:
  using state = settling::state<N>;

  explicit settling_model(const scope& explored) : scope_{explored} {}

  [[nodiscard]] state initial() const {
    state s;
    s.rows[0] = {0, without(up_to(N), only(0))};
    s.settled = s.rows[0].backups;
    return s;
  }

  [[nodiscard]] const char* violated(const state& s) const {
    const int owner = s.newest().owner;
    if (!serves(s)) return nullptr;
    for (std::size_t key = 0; key < keys_max; ++key) {
      const bool undone = at(s, owner).has[key] < s.shown[key];
      if (undone) return "what was shown is undone";
    }
    return nullptr;
  }

  template <class Sink>
  void successors(const state& s, Sink&& sink) const {
    const int owner = s.newest().owner;
    if (serves(s)) {
      applies(s, owner, sink);
      shows(s, owner, sink);
    }
    names_watermark(s, owner, sink);
    for (int m = 0; m < N; ++m) {
      takes(s, m, sink);
      installs(s, m, sink);
    }
    if (s.views < scope_.views) dies(s, sink);
  }

 private:
  static member& at(state& s, int m) { return s.members[static_cast<std::size_t>(m)]; }
  static const member& at(const state& s, int m) { return s.members[static_cast<std::size_t>(m)]; }
  static feed& feed_of(state& s, int owner, int holder) {
    return s.feeds[static_cast<std::size_t>(owner)][static_cast<std::size_t>(holder)];
  }
  static const feed& feed_of(const state& s, int owner, int holder) {
    return s.feeds[static_cast<std::size_t>(owner)][static_cast<std::size_t>(holder)];
  }
  static void push(feed& to, const item& more) { to.queue[to.size++] = more; }

  [[nodiscard]] bool keeps(rule asked) const { return scope_.without != asked; }

  [[nodiscard]] bool serves(const state& s) const {
    const row& now = s.newest();
    if (at(s, now.owner).view != s.views - 1) return false;
    const set missing = without(now.backups, s.settled);
    return keeps(rule::all_of_the_row_settle) ? missing == 0 : missing != now.backups || !missing;
  }

  /// What everybody of the row has acknowledged.
  static byte least(const state& s, bool of_all = true) {
    const row& now = s.newest();
    byte lowest = at(s, now.owner).sequence;
    byte highest = 0;
    for (int h = 0; h < N; ++h) {
      if (!has(now.backups, h)) continue;
      const byte acknowledged = feed_of(s, now.owner, h).acknowledged;
      lowest = std::min(lowest, acknowledged);
      highest = std::max(highest, acknowledged);
    }
    return of_all || now.backups == 0 ? lowest : highest;
  }

  static bool room(const state& s, int owner) {
    for (int h = 0; h < N; ++h) {
      if (has(s.newest().backups, h) && feed_of(s, owner, h).size == queue_max) return false;
    }
    return true;
  }

  static void tell_all(state& s, int owner, const item& more) {
    for (int h = 0; h < N; ++h) {
      if (has(s.newest().backups, h)) push(feed_of(s, owner, h), more);
    }
  }

  template <class Sink>
  void applies(const state& s, int owner, Sink&& sink) const {
    if (s.operations == scope_.operations || !room(s, owner)) return;
    state to = s;
    const byte key = scope_.key_of[to.operations++];
    member& m = at(to, owner);
    ++m.sequence;
    m.has[key] = to.operations;
    m.changed[key] = m.sequence;
    m.marks[key] = mark_of(m.view, m.sequence);
    tell_all(to, owner, {item_kind::change, key, to.operations, m.sequence});
    sink(to, step{"member # applies operation #", {owner, to.operations}});
  }

  template <class Sink>
  void shows(const state& s, int owner, Sink&& sink) const {
    for (std::size_t key = 0; key < keys_max; ++key) {
      const member& m = at(s, owner);
      const bool hidden = m.changed[key] > least(s) && keeps(rule::shown_when_acknowledged);
      if (hidden || m.has[key] <= s.shown[key]) continue;
      state to = s;
      to.shown[key] = m.has[key];
      sink(to, step{"member # shows operation #", {owner, m.has[key]}});
    }
  }

  template <class Sink>
  void names_watermark(const state& s, int owner, Sink&& sink) const {
    if (!serves(s) && keeps(rule::none_before_it_serves)) return;
    if (at(s, owner).view != s.views - 1 || !room(s, owner)) return;
    const bool served = serves(s);
    const byte reached = served ? least(s, keeps(rule::watermark_is_the_least))
                                : at(s, owner).sequence;
    if (reached <= s.watermark) return;
    state to = s;
    to.watermark = reached;
    forget(at(to, owner), reached);
    tell_all(to, owner, {item_kind::watermark, 0, 0, reached});
    sink(to, step{"member # names watermark #", {owner, reached}});
  }

  /// The owner of the member's view has named it.
  void forget(member& m, byte watermark) const {
    for (byte& mark : m.marks) {
      const bool of_epoch = mark / sequences_max == m.view || !keeps(rule::marks_have_epochs);
      if (of_epoch && mark % sequences_max <= watermark) mark = 0;
    }
  }

  template <class Sink>
  void takes(const state& s, int m, Sink&& sink) const {
    for (int owner = 0; owner < N; ++owner) {
      const feed& from = feed_of(s, owner, m);
      const bool of_view = s.rows[at(s, m).view].owner == owner;
      if (from.size == 0 || owner == m || (!of_view && keeps(rule::feed_of_own_view))) continue;
      state to = s;
      feed& left = feed_of(to, owner, m);
      const item first = left.queue[0];
      std::copy(left.queue.begin() + 1, left.queue.end(), left.queue.begin());
      left.queue.back() = {};
      --left.size;
      take(to, owner, m, first);
      sink(to, step{"member # takes what member # sent", {m, owner}});
    }
  }

  void take(state& s, int owner, int m, const item& one) const {
    member& by = at(s, m);
    const bool marks = one.kind == item_kind::change ? keeps(rule::changes_are_marked)
                                                     : keeps(rule::told_keys_are_marked);
    switch (one.kind) {
      case item_kind::none: return;
      case item_kind::watermark: return forget(by, one.sequence);
      case item_kind::settled:
        if (owner == s.newest().owner) s.settled = with(s.settled, m);
        break;
      case item_kind::change:
      case item_kind::told:
        by.has[one.key] = one.operation;
        if (marks) by.marks[one.key] = mark_of(by.view, one.sequence);
        break;
    }
    if (one.kind == item_kind::told) return;
    by.sequence = std::max(by.sequence, one.sequence);
    feed_of(s, owner, m).acknowledged = one.sequence;
  }

  template <class Sink>
  void installs(const state& s, int m, Sink&& sink) const {
    const row& next = s.newest();
    if (at(s, m).view == s.views - 1 || (next.owner != m && !has(next.backups, m))) return;
    state to = s;
    member& by = at(to, m);
    by.view = static_cast<byte>(s.views - 1);
    if (next.owner == m) begins(to, m);
    sink(to, step{"member # installs view #", {m, s.views - 1}});
  }

  void begins(state& s, int owner) const {
    member& by = at(s, owner);
    by.changed = {};
    for (byte key = 0; key < keys_max; ++key) {
      const byte last = by.has[key];
      const bool erased = last != 0 && has(scope_.erasing, last - 1);
      if (by.marks[key] == 0 || (erased && !keeps(rule::erased_keys_are_told))) continue;
      tell_all(s, owner, {item_kind::told, key, last, by.sequence});
    }
    tell_all(s, owner, {item_kind::settled, 0, 0, by.sequence});
  }

  /// The owner is removed; one of the others takes its place.
  template <class Sink>
  void dies(const state& s, Sink&& sink) const {
    for (int heir = 0; heir < N; ++heir) {
      if (!has(s.newest().backups, heir)) continue;
      state to = s;
      to.rows[to.views++] = {static_cast<byte>(heir), without(s.newest().backups, only(heir))};
      to.settled = 0;
      to.watermark = 0;
      sink(to, step{"member # dies, member # takes over", {s.newest().owner, heir}});
    }
  }

  const scope scope_;
};

}  // namespace model::settling
