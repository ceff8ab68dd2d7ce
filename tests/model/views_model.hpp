// Part of views.hpp: the model as a class. What may happen in it is in views_decide.hpp, on the way
// to a view, and in views_fences.hpp, within one.
#pragma once

#include <algorithm>

#include "explorer.hpp"
#include "views_state.hpp"

namespace model::views {

template <int N>
class views_model {
 public:
  using state = views::state<N>;
  static constexpr int ballots = N + 1;

  explicit views_model(const scope& explored) : scope_{explored} {}

  [[nodiscard]] state initial() const {
    state s;
    s.views[0] = up_to(N);
    s.stable[0] = 1;
    if (!scope_.begins_in_change) return s;
    leave(s, 1);
    at(s, 0).echo[1] = static_cast<byte>(scope_.window);
    const set value = model::without(up_to(N), only(1));
    s.decisions[0].proposed[0] = s.decisions[0].accepted_by[0] = value;
    for (int m = 0; m < N; ++m) {
      if (!has(value, m)) continue;
      at(s, m).accepted = 1;
      at(s, m).accepted_value = value;
    }
    return s;
  }

  [[nodiscard]] const char* violated(const state& s) const;

  template <class Sink>
  void successors(const state& s, Sink&& sink) const {
    state ticked = s;
    tick(ticked);
    emit(s, ticked, {"a tick passes", {}}, sink);
    for (int m = 0; m < N; ++m) {
      if (!in(s, m)) continue;
      installs(s, m, sink);
      beats(s, m, sink);
      stabilises(s, m, sink);
      if (at(s, m).view >= scope_.changes) continue;
      proposes(s, m, sink);
      stands(s, m, sink);
      decides(s, m, sink);
    }
  }

 private:
  static member<N>& at(state& s, int m) { return s.members[static_cast<std::size_t>(m)]; }
  static const member<N>& at(const state& s, int m) {
    return s.members[static_cast<std::size_t>(m)];
  }
  static set view_of(const state& s, int m) { return s.views[at(s, m).view]; }
  static bool in(const state& s, int m) { return at(s, m).view < gone; }
  static bool coordinates(const state& s, int m) { return in(s, m) && oldest(view_of(s, m)) == m; }
  static int owner_of(int ballot, set view) { return ballot == 0 ? oldest(view) : ballot - 1; }
  static void leave(state& s, int m) {
    at(s, m) = {};
    at(s, m).view = gone;
  }

  [[nodiscard]] bool keeps(rule asked) const { return scope_.without != asked; }

  /// Ballots are compared by these.
  [[nodiscard]] int rank(int ballot) const {
    if (!keeps(rule::ballot_zero_is_of_oldest)) return 0;
    return keeps(rule::ballots_differ) ? ballot : std::min(ballot, 1);
  }
  [[nodiscard]] bool quorum(set votes, set view) const {
    const int all = size_of(view), got = size_of(static_cast<set>(votes & view));
    const bool tie = has(votes, oldest(view)) || !keeps(rule::tie_needs_oldest);
    return 2 * got > all || (2 * got == all && tie);
  }
  [[nodiscard]] int authority(const state& s, int c, std::size_t view) const;
  [[nodiscard]] bool bound(const state& s, int m, int candidate) const;

  // views_decide.hpp
  bool promise(state& s, int m, int candidate, bool arrives) const;
  bool accept(state& s, int m, std::size_t decided, int ballot) const;
  bool commit(state& s, std::size_t decided, int ballot) const;
  void install(state& s, int m, std::size_t view) const;
  template <class Use>
  void cuts(const state& s, int m, int ballot, Use use) const;
  template <class Sink>
  void installs(const state& s, int m, Sink& sink) const;
  template <class Sink>
  void proposes(const state& s, int m, Sink& sink) const;
  template <class Sink>
  void stands(const state& s, int m, Sink& sink) const;
  template <class Sink>
  void decides(const state& s, int m, Sink& sink) const;

  // views_fences.hpp
  void tick(state& s) const;
  [[nodiscard]] bool may_stabilise(const state& s, int c, std::size_t view) const;
  template <class Sink>
  void beats(const state& s, int m, Sink& sink) const;
  template <class Sink>
  void stabilises(const state& s, int m, Sink& sink) const;
  void normalise(state& s) const;
  template <class Sink>
  void emit(const state& from, state& to, const step& taken, Sink& sink) const;

  scope scope_;
};

/// What is left of the authority of `c` in a view: the oldest echo of its best quorum. It vouches
/// for itself until it promises another's ballot.
template <int N>
int views_model<N>::authority(const state& s, int c, std::size_t view) const {
  const member<N>& coordinator = at(s, c);
  const bool own = coordinator.promised == 0 || owner_of(coordinator.promised, s.views[view]) == c;
  for (int left = scope_.window; left > 0; --left) {
    set votes = own ? only(c) : set{0};
    for (int m = 0; m < N; ++m) {
      if (m != c && coordinator.echo[static_cast<std::size_t>(m)] >= left) votes = with(votes, m);
    }
    if (quorum(votes, s.views[view])) return left;
  }
  return 0;
}

/// V2: whether `m` must not vote for a ballot of `candidate` now.
template <int N>
bool views_model<N>::bound(const state& s, int m, int candidate) const {
  if (candidate == oldest(view_of(s, m))) return false;
  const bool rules = coordinates(s, m) && keeps(rule::authority_binds);
  return at(s, m).window > 0 || (rules && authority(s, m, at(s, m).view) > 0);
}

template <int N>
const char* views_model<N>::violated(const state& s) const {
  if (s.broken == wrong::two_views) return "I12: two views with one number";
  if (s.broken == wrong::back) return "I13: a member's view went back";
  set of_oldest = 0;
  set of_youngest = 0;
  int grantor = -1;
  for (int m = 0; m < N; ++m) {
    const member<N>& fenced = at(s, m);
    if (!in(s, m) || fenced.fence == 0) continue;
    if (s.stable[fenced.view] != 0) {
      if (oldest(view_of(s, m)) == m) of_oldest = with(of_oldest, m);
      if (youngest(view_of(s, m)) == m) of_youngest = with(of_youngest, m);
    }
    const member<N>& granted_by = at(s, fenced.grantor);
    if (granted_by.view == gone) continue;  // V4 covers it
    const bool same = granted_by.view == fenced.grant_view;
    const int end = same ? authority(s, fenced.grantor, fenced.grant_view) : scope_.window;
    if (fenced.fence > end) return "I15: a fence outlives the authority that granted it";
    if (grantor >= 0 && grantor != fenced.grantor) return "I15: live fences of two coordinators";
    grantor = fenced.grantor;
  }
  if (size_of(of_oldest) > 1 || size_of(of_youngest) > 1) return "I1: a partition has two owners";
  return nullptr;
}

}  // namespace model::views
