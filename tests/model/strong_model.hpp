// Part of strong.hpp: the model as a class.
#pragma once

#include <algorithm>

#include "explorer.hpp"
#include "strong_state.hpp"

namespace model::strong {

template <int Keys>
class strong_model {
 public:
  using state = strong::state<Keys>;
  using member = strong::member<Keys>;

  explicit strong_model(const scope& explored) : scope_{explored} {}

  [[nodiscard]] state initial() const {
    state s;
    s.at[0].active = 1;
    return s;
  }

  [[nodiscard]] const char* violated(const state& s) const {
    return s.stale != 0 ? "an older value than one that was answered or read before" : nullptr;
  }

  template <class Sink>
  void successors(const state& s, Sink&& sink) const {
    for (int m = 0; m < members; ++m) {
      if (of(s, m).crashed != 0) continue;
      lives(s, m, sink);
      for (int key = 0; key < Keys; ++key) {
        reads(s, m, key, sink);
        if (serves(s, m)) writes(s, m, key, sink);
      }
      leases(s, m, sink);
    }
    agrees(s, sink);
    for (std::size_t k = 0; k < s.size; ++k) arrives(s, k, sink);
  }

 private:
  static member& of(state& s, int m) { return s.at[static_cast<std::size_t>(m)]; }
  static const member& of(const state& s, int m) { return s.at[static_cast<std::size_t>(m)]; }
  static entry& of(state& s, int m, int key) {
    return of(s, m).keys[static_cast<std::size_t>(key)];
  }
  static const entry& of(const state& s, int m, int key) {
    return of(s, m).keys[static_cast<std::size_t>(key)];
  }
  [[nodiscard]] bool in_view(int m, int view) const {
    return scope_.minority && view > 0 ? m == view : m >= view;
  }
  /// Whether owner `m` has a backup: the member after it.
  [[nodiscard]] bool backed_up(int m) const { return m + 1 < members && in_view(m + 1, m); }
  static bool owns(const state& s, int m) {
    return of(s, m).view == m && of(s, m).active != 0 && of(s, m).crashed == 0;
  }
  [[nodiscard]] bool keeps(rule asked) const { return scope_.without != asked; }
  [[nodiscard]] bool serves(const state& s, int m) const {
    return owns(s, m) && (of(s, m).fenced_in != 0 || !keeps(rule::owner_minds_fence));
  }
  static byte settled(const state& s, int key) { return s.settled[static_cast<std::size_t>(key)]; }

  /// A read or an answer: nothing older may come after it.
  static void settle(state& s, int key, byte version, byte floor) {
    byte& newest = s.settled[static_cast<std::size_t>(key)];
    if (version < floor) s.stale = 1;
    newest = std::max(newest, version);
  }

  /// What does not fit is lost.
  static void send(state& s, const message& sent) {
    const auto end = s.network.begin() + s.size;
    if (std::find(s.network.begin(), end, sent) == end && s.size < messages_max) {
      s.network[s.size++] = sent;
    }
  }

  template <class Sink>
  static void emit(state& s, const step& taken, Sink& sink) {
    std::sort(s.network.begin(), s.network.begin() + s.size);
    sink(s, taken);
  }

  // strong_steps.hpp
  void install(state& s, int m) const;
  [[nodiscard]] bool may_activate(const state& s, int m) const;
  [[nodiscard]] bool counts_on(const state& s, int m, int granted) const;
  void start_write(state& s, int m, int key) const;
  template <class Sink>
  void lives(const state& s, int m, Sink& sink) const;
  template <class Sink>
  void reads(const state& s, int m, int key, Sink& sink) const;
  template <class Sink>
  void writes(const state& s, int m, int key, Sink& sink) const;
  template <class Sink>
  void leases(const state& s, int m, Sink& sink) const;
  template <class Sink>
  void agrees(const state& s, Sink& sink) const;

  // strong_messages.hpp
  template <class Sink>
  void arrives(const state& s, std::size_t k, Sink& sink) const;
  bool take(state& s, const message& taken) const;
  bool take_get(state& s, const message& taken) const;
  bool take_reply(state& s, const message& taken) const;
  bool take_invalidation(state& s, const message& taken) const;
  bool take_acknowledgement(state& s, const message& taken) const;

  scope scope_;
};

}  // namespace model::strong
