// Part of copies.hpp: what owners apply, answer and send, and what holders take.
#pragma once

#include "copies_model.hpp"

namespace model::copies {

template <int N>
void copies_model<N>::push(state& s, int m, int h, const item& sent) const {
  feed& f = feed_of(s, m, h);
  if (f.size == queue_max) {
    s.broken = wrong::queue_full;
    return;
  }
  f.queue[f.size++] = sent;
}

/// The entry of `key` as it travels. Without P10 only the record of `operation` goes with it, for
/// whom it is made, or none (-1).
template <int N>
item copies_model<N>::entry_of(const contents& held, int key, int operation) const {
  const set all = operations_of(key);
  set records = static_cast<set>(held.records & all);
  if (!keeps(rule::records_ride_with_entry)) {
    records = operation < 0 ? set{0} : only(operation);
  }
  const auto times = static_cast<byte>(held.times & times_mask(all));
  return {item_kind::entry, static_cast<byte>(key), {times, records}};
}

/// Holder `h` takes the next item of `m`, and acknowledges it.
template <int N>
void copies_model<N>::take(state& s, int m, int h) const {
  feed& f = feed_of(s, m, h);
  member& holder = at(s, h);
  const item taken = f.queue[0];
  std::shift_left(f.queue.begin(), f.queue.end(), 1);
  f.queue[--f.size] = {};
  if (f.begun == 0) {
    f.begun = 1;
    holder.marked = 0;
    if (!keeps(rule::old_copy_until_end)) holder.copy = {};
  }
  if (taken.kind == item_kind::end) {
    f.end_acknowledged = 1;
    for (int key = 0; key < keys_max && keeps(rule::sweep_at_end); ++key) {
      if (has(holder.marked, key)) continue;
      holder.copy.times = model::without(holder.copy.times, times_mask(operations_of(key)));
      holder.copy.records = model::without(holder.copy.records, operations_of(key));
    }
    return;
  }
  const set all = operations_of(taken.key);
  holder.marked = with(holder.marked, taken.key);
  holder.copy.times = model::without(holder.copy.times, times_mask(all));
  holder.copy.times = static_cast<byte>(holder.copy.times | taken.carried.times);
  if (keeps(rule::records_are_replaced) && keeps(rule::records_ride_with_entry)) {
    holder.copy.records = model::without(holder.copy.records, all);
  }
  holder.copy.records = static_cast<set>(holder.copy.records | taken.carried.records);
  f.acknowledged = static_cast<set>(f.acknowledged | present(taken.carried));
}

template <int N>
bool copies_model<N>::may_answer(const state& s, int m, int operation) const {
  const member& owner = at(s, m);
  if (!has(owner.copy.records, operation)) return false;
  if (!keeps(rule::inherited_is_covered) && has(owner.inherited, operation)) return true;
  const set waited_for = required(s, m);
  for (int h = 0; h < N; ++h) {
    if (has(waited_for, h) && !has(feed_of(s, m, h).acknowledged, operation)) return false;
  }
  return true;
}

/// A caller's operation, or its retry, reaches owner `m`; and `m` tells the answer.
template <int N>
template <class Sink>
void copies_model<N>::operates(const state& s, int m, Sink& sink) const {
  for (int o = 0; o < scope_.operations; ++o) {
    const contents& held = at(s, m).copy;
    if (!has(held.records, o) || (!keeps(rule::applied_once) && times_of(held, o) < 2)) {
      state t = s;
      add(at(t, m).copy, o);
      for (int h = 0; h < N; ++h) {
        feed& f = feed_of(t, m, h);
        if (f.started == 0) continue;
        f.keys = with(f.keys, key_of(o));
        push(t, m, h, entry_of(at(t, m).copy, key_of(o), o));
      }
      emit(t, {"operation # is applied by owner #", {o, m}}, sink);
    }
    if (!has(s.answered, o) && may_answer(s, m, o)) {
      state t = s;
      t.answered = with(t.answered, o);
      emit(t, {"operation # is answered by owner #", {o, m}}, sink);
    }
  }
}

/// What `m` sends `h`, and what `h` takes.
template <int N>
template <class Sink>
void copies_model<N>::feeds(const state& s, int m, int h, Sink& sink) const {
  const feed& f = feed_of(s, m, h);
  const contents& held = at(s, m).copy;
  if (f.started == 0) {
    state t = s;
    feed_of(t, m, h).started = 1;
    emit(t, {"owner # begins a copy for #", {m, h}}, sink);
  }
  bool whole = true;
  for (int key = 0; key < keys_max && f.started != 0; ++key) {
    if (has(f.keys, key) || ((present(held) | held.records) & operations_of(key)) == 0) continue;
    whole = false;
    state t = s;
    feed_of(t, m, h).keys = with(f.keys, key);
    push(t, m, h, entry_of(held, key, -1));
    emit(t, {"owner # sends # the entry of key #", {m, h, key}}, sink);
  }
  if (f.started != 0 && f.ended == 0 && whole) {
    state t = s;
    feed_of(t, m, h).ended = 1;
    push(t, m, h, {item_kind::end, 0, {}});
    emit(t, {"owner # sends # the end marker", {m, h}}, sink);
  }
  const row& installed = s.row_of(h);
  const bool expected = installed.owner == m && installed.epoch == s.row_of(m).epoch;
  const bool late = !keeps(rule::feed_of_own_view) && installed.epoch > s.row_of(m).epoch;
  if (f.size > 0 && (expected || (late && !s.owns(h)))) {
    state t = s;
    take(t, m, h);
    emit(t, {"member # takes an item of owner #", {h, m}}, sink);
  }
}

template <int N>
template <class Sink>
void copies_model<N>::emit(state& s, const step& taken, Sink& sink) const {
  normalise(s);
  sink(s, taken);
}

}  // namespace model::copies
