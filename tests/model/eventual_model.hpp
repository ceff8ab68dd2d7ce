// Part of eventual.hpp: the model as a class, and what is judged.
#pragma once

#include <algorithm>

#include "eventual_state.hpp"
#include "explorer.hpp"

namespace model::eventual {

class eventual_model {
 public:
  using state = eventual::state;

  explicit eventual_model(const scope& explored) : scope_{explored} {}

  [[nodiscard]] state initial() const {
    state s;
    s.r.fresh = oldest_age();
    return s;
  }

  [[nodiscard]] const char* violated(const state& s) const;

  template <class Sink>
  void successors(const state& s, Sink&& sink) const;  // eventual_steps.hpp

 private:
  [[nodiscard]] bool keeps(rule asked) const { return scope_.without != asked; }
  /// How old its freshness may be while an owner serves.
  [[nodiscard]] int owner_window() const {
    return scope_.staleness + (keeps(rule::owner_no_longer_than_reader) ? 0 : 1);
  }
  /// At which ages saturate.
  [[nodiscard]] byte oldest_age() const {
    return static_cast<byte>(std::max(owner_window(), scope_.ttl) + 1);
  }
  [[nodiscard]] static bool over(const value& v, const duty& owed) {
    return v.absent == 0 && v.origin < 8 && has(owed.over, v.origin);
  }
  [[nodiscard]] bool expired(const value& v) const {
    return scope_.ttl > 0 && v.absent == 0 && v.left == 0;
  }

  [[nodiscard]] duty owed_by(const state& s, int member) const;
  void judge(state& s, int member, int epoch, const value& v, const duty& owed) const;
  static void break_rule(state& s, wrong what);
  [[nodiscard]] bool serves(const state& s, int o) const;
  [[nodiscard]] bool converges(state s) const;

  // eventual_owner.hpp
  static bool has_room(const state& s, int o);
  static void invalidate(state& s, int o);
  [[nodiscard]] byte mutate(state& s, int o, int operation) const;
  static void reply(state& s, int o, int fill);
  void finish_load(state& s, int o) const;
  bool take_request(state& s, int o) const;
  void take_mutation(state& s, int o, const frame& f) const;
  void take_subscription(state& s, int o, const frame& f) const;
  static void collapse(state& s, int o);
  static void acknowledge(state& s, int member, byte version);

  // eventual_reader.hpp
  void drop_all(reader& r) const;
  void apply_invalidation(reader& r, byte version) const;
  void apply_entry(state& s, int o, int n) const;
  static void suspect(state& s, int o, byte to);
  bool take_stream(state& s, int o) const;
  void take_stream_frame(state& s, int o, const frame& f) const;
  void take_digest(state& s, int o, const frame& f) const;
  [[nodiscard]] bool coordinator_is_fresh(const state& s) const;
  [[nodiscard]] bool may_join(const state& s, const fill& f) const;
  [[nodiscard]] bool may_hit(const state& s) const;
  static void issue(state& s, std::size_t at);
  bool take_reply(state& s, int o) const;
  void take_fill(state& s, int o, const frame& f) const;
  void take_backup_reply(state& s) const;
  void lose_link(state& s, int o) const;
  void make_link(state& s, int o) const;
  static void resend(state& s);
  static void beat(state& s);

  // eventual_steps.hpp
  void install_view(state& s, int m) const;
  void tick(state& s) const;
  void normalise(state& s) const;
  template <class Sink, class Change>
  void emit(const state& s, const step& taken, Sink& sink, Change change) const;
  template <class Sink>
  void network(const state& s, int o, Sink& sink) const;
  template <class Sink>
  void owner_acts(const state& s, int o, Sink& sink) const;
  template <class Sink>
  void reader_acts(const state& s, Sink& sink) const;
  template <class Sink>
  void membership(const state& s, Sink& sink) const;

  scope scope_;
};

inline void eventual_model::break_rule(state& s, wrong what) {
  if (s.broken == wrong::nothing) s.broken = what;
}

inline duty eventual_model::owed_by(const state& s, int member) const {
  return {s.seen[static_cast<std::size_t>(member)],
          s.acknowledged[static_cast<std::size_t>(scope_.staleness) + 1], s.over};
}

/// Writes that the backup did not have are lost with the old epoch: what a read in the new one owes
/// to them is what the new owner began with.
inline void eventual_model::judge(state& s, int member, int epoch, const value& v,
                                  const duty& owed) const {
  const auto surviving = [&](byte must) {
    return epoch == 1 && must < 8 && must > s.carried.version ? s.carried.origin : must;
  };
  if (v.origin < surviving(owed.seen)) break_rule(s, wrong::went_back);
  if (v.origin < surviving(owed.fresh)) break_rule(s, wrong::stale);
  if (over(v, owed)) break_rule(s, wrong::beyond_end);
  // The store of an owner without loads cannot go back: its reads would only double the states.
  if (member != 2 && scope_.loads == 0) return;
  byte& seen = s.seen[static_cast<std::size_t>(member)];
  seen = std::max(seen, v.origin);
}

inline bool eventual_model::serves(const state& s, int o) const {
  if (s.views[static_cast<std::size_t>(o)] != o || (o == 0 && s.deposed != 0)) return false;
  if (o == 1 || !keeps(rule::owner_minds_coordinator)) return true;
  return s.beats[0].fresh <= owner_window();
}

inline const char* eventual_model::violated(const state& s) const {
  switch (s.broken) {
    case wrong::nothing: break;
    case wrong::went_back: return "M: a read went back";
    case wrong::stale: return "S: a read is stale";
    case wrong::beyond_end: return "T: a value was read beyond its end";
    case wrong::twice: return "O: an operation was applied twice";
    case wrong::outlived: return "I9: an entry outlived its invalidation";
    case wrong::too_old: return "I4: a fill older than an invalidation of its key was kept";
    case wrong::apart: return "C: after two heartbeats of quiet not all agree";
  }
  return converges(s) ? nullptr : "C: after two heartbeats of quiet not all agree";
}

/// No more faults; everything drains, and two heartbeats are answered.
inline bool eventual_model::converges(state s) const {
  for (int m = 1; m < 3 && s.agreed != 0; ++m) {
    if (s.views[static_cast<std::size_t>(m)] == 0) install_view(s, m);
  }
  const int o = s.agreed;
  if (o == 1) s.deposed = 1;
  s.beats[0].fresh = s.beats[1].fresh = 0;
  const owner& w = s.owners[static_cast<std::size_t>(o)];
  for (int round = 0; round < 3; ++round) {
    if (s.links[static_cast<std::size_t>(o)].up == 0) make_link(s, o);
    for (bool moved = true; moved;) {
      moved = false;
      resend(s);
      while (take_stream(s, o) || take_reply(s, o)) moved = true;
      if (take_request(s, o)) {
        moved = true;
      } else if (!moved && w.loads.runs != 0 && has_room(s, o)) {
        finish_load(s, o);
        moved = true;
      }
    }
    if (round < 2) beat(s);
  }
  const reader& r = s.r;
  value there = w.stored;
  there.left = r.near.left;  // the reader's end is earlier, as it counts from an earlier moment
  if (r.has_near != 0 && !expired(r.near) && !(r.near == there)) return false;
  const bool idle = r.fills[0].now == phase::idle && r.fills[1].now == phase::idle;
  return r.stream == trust::sound && idle && r.operating == phase::idle;
}

}  // namespace model::eventual
