// Whether a register's history is linearizable: whether each operation can have taken effect at one
// instant between its invocation and its return, so that all together were a register's.
//
// The search is that of Wing and Gong [1]: of the operations that none of the rest came before, one
// is taken as the next; where its answer does not fit another is, and where none fits the search
// goes back. By Lowe [2], it remembers of each set of operations and each state that these can lead
// to that it was there, and does not go on from there again. Linearizability is local [3]: the
// history of each key is judged by itself.
//
// An operation without an answer returns at the end of all times, and nothing asks that it took
// effect. Five things keep the search small:
//
//   reads first     what fits and changes nothing is taken at once, and no other way is tried: what
//                   could take it later can take it now
//   unanswered last and one set of taken operations stands for all that differ from it by further
//                   unanswered ones: whatever can follow those can follow it
//   no dead write   an unanswered operation that is overwritten at once could as well be left out
//   no twins        of unanswered operations that are the same, that is taken first which was
//                   invoked first
//   no way back     versions only grow: where an answer that is still to come tells a lower one,
//                   nothing is tried any more
//
// It is bounded by steps, not by time, so that a verdict can be repeated.
//
// [1] J. M. Wing, C. Gong: Testing and Verifying Concurrent Objects. Journal of Parallel and
//     Distributed Computing 17, 1993
// [2] G. Lowe: Testing for linearizability. Concurrency and Computation: Practice and Experience
//     29 (4), 2017
// [3] M. P. Herlihy, J. M. Wing: Linearizability: A Correctness Condition for Concurrent Objects.
//     ACM Transactions on Programming Languages and Systems 12 (3), 1990
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/hash_map.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/sim/register_history.hpp>
#include <kith/sim/register_model.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace kith::sim {

enum class linearizability : std::uint8_t { holds, broken, undecided };

[[nodiscard]] constexpr std::string_view to_string(linearizability verdict) {
  constexpr std::string_view names[] = {"linearizable", "not linearizable", "undecided"};
  return names[static_cast<std::size_t>(verdict)];
}

struct linearizability_options {
  /// Operations that are looked at or tried, in one search. What is remembered takes no more than a
  /// few hundred bytes for each.
  std::uint64_t steps_most = 1'000'000;
};

struct linearizability_report {
  linearizability verdict = linearizability::holds;
  /// Of the search of the whole.
  std::uint64_t steps = 0;
  /// Of a history that is broken: the fewest first answers, by time, that show it, with all
  /// operations that were invoked by then; what returned later has no answer here. By invocation.
  register_history shown_by;
};

[[nodiscard]] linearizability_report judge_linearizability(
    const register_history& history, const linearizability_options& options = {});

/// One search, without the prefix.
class linearizability_search {
 public:
  linearizability_search(const register_history& history, std::uint64_t steps_most);

  [[nodiscard]] linearizability run();
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

 private:
  using words = std::vector<std::uint64_t>;
  using operations = std::vector<std::size_t>;
  struct words_hash {
    std::size_t operator()(const words& all) const {
      return static_cast<std::size_t>(stable_hash(std::as_bytes(std::span{all})));
    }
  };
  /// Operations that were taken and the state after them, with what is left to try from there.
  struct place {
    register_state state;
    /// All answered operations before it are taken.
    std::size_t first = 0;
    operations next;
    std::size_t tried = 0;
    /// The operation that led here.
    std::optional<std::size_t> by;
    /// Unanswered ones that were invoked by then may come next too, and are not in `next` yet.
    std::optional<std::int64_t> until;
  };

  [[nodiscard]] bool answered(std::size_t op) const { return op < answered_; }
  [[nodiscard]] bool taken(std::size_t op) const { return (taken_[op / 64] >> op % 64 & 1) != 0; }
  void flip(std::size_t op) {
    taken_[op / 64] ^= std::uint64_t{1} << op % 64;
    if (answered(op)) {
      taken(op) ? --left_ : ++left_;
    } else if (taken(op)) {
      others_.insert(op);
    } else {
      others_.erase(op);
    }
  }
  /// What may come next.
  void look_ahead(place& at);
  void add_unanswered(place& at);
  [[nodiscard]] bool pointless(const place& at, std::size_t op) const;
  /// False: the search was here.
  [[nodiscard]] bool remember(const register_state& state);

  /// The answered operations that are taken, which are all before `first`, and the state.
  [[nodiscard]] words key_of(std::size_t first, const register_state& state) const;

  /// The answered ones, then the others without reads; each by invocation.
  register_history all_;
  std::size_t answered_ = 0;
  /// Of each unanswered operation, the one before it that is the same.
  std::vector<std::optional<std::size_t>> twins_;
  std::size_t left_ = 0;
  /// A bit for each operation.
  words taken_;
  /// The unanswered ones of those.
  std::set<std::size_t> others_;
  /// Of answered operations and a state: the smallest sets of others that were taken with them.
  hash_map<words, std::vector<operations>, words_hash> seen_;
  std::vector<place> path_;
  const std::uint64_t steps_most_;
  std::uint64_t steps_ = 0;
};

// --- implementation ---

inline linearizability_search::linearizability_search(const register_history& history,
                                                      std::uint64_t steps_most)
    : steps_most_{steps_most} {
  for (const register_operation& op : history) {
    if (op.returned || writes(op)) all_.push_back(op);
  }
  std::sort(all_.begin(), all_.end(), [](const auto& a, const auto& b) {
    if (a.returned.has_value() != b.returned.has_value()) return a.returned.has_value();
    return a.invoked < b.invoked;
  });
  while (answered_ < all_.size() && all_[answered_].returned) ++answered_;
  std::map<std::tuple<register_action, std::int64_t, std::uint64_t>, std::size_t> last;
  for (std::size_t op = answered_; op < all_.size(); ++op) {
    const auto what = std::tuple{all_[op].action, all_[op].argument, all_[op].expected};
    const auto [at, fresh] = last.try_emplace(what, op);
    twins_.push_back(fresh ? std::nullopt : std::optional{at->second});
    at->second = op;
  }
  left_ = answered_;
  taken_.resize(all_.size() / 64 + 1);
}

inline bool linearizability_search::pointless(const place& at, std::size_t op) const {
  const register_action what = all_[op].action;
  const bool overwrites = what == register_action::put || what == register_action::erase;
  return overwrites && at.by && !answered(*at.by);
}

inline void linearizability_search::look_ahead(place& at) {
  while (at.first < answered_ && taken(at.first)) ++at.first;
  // All that were invoked before the first return among those that are left.
  std::int64_t until = std::numeric_limits<std::int64_t>::max();
  std::uint64_t least_most = std::numeric_limits<std::uint64_t>::max();
  std::size_t end = at.first;
  for (; end < answered_ && all_[end].invoked <= until; ++end) {
    ++steps_;
    if (taken(end)) continue;
    until = std::min(until, *all_[end].returned);
    least_most = std::min(least_most, least_before(all_[end]));
  }
  if (at.state.least > least_most) return;
  for (std::size_t op = at.first; op < end; ++op) {
    if (taken(op)) continue;
    const std::optional<register_state> after = step(at.state, all_[op]);
    if (!after) continue;
    if (*after == at.state) {
      at.next = {op};
      return;
    }
    if (!pointless(at, op)) at.next.push_back(op);
  }
  at.until = until;
}

inline void linearizability_search::add_unanswered(place& at) {
  const std::int64_t until = *std::exchange(at.until, std::nullopt);
  for (std::size_t op = answered_; op < all_.size() && all_[op].invoked <= until; ++op) {
    ++steps_;
    const std::optional<std::size_t> twin = twins_[op - answered_];
    if (taken(op) || pointless(at, op) || (twin && !taken(*twin))) continue;
    at.next.push_back(op);
  }
}

inline auto linearizability_search::key_of(std::size_t first, const register_state& state) const
    -> words {
  words key{first,
            state.present,
            static_cast<std::uint64_t>(state.known),
            state.inherited,
            static_cast<std::uint64_t>(state.value),
            state.least,
            state.exact,
            state.excluded.size()};
  key.insert(key.end(), state.excluded.begin(), state.excluded.end());
  const std::size_t last = answered_ / 64;
  for (std::size_t at = first / 64; at < last; ++at) key.push_back(taken_[at]);
  if (first / 64 <= last) {
    key.push_back(taken_[last] & ((std::uint64_t{1} << answered_ % 64) - 1));
  }
  // Few are taken behind `first`: those that overlap with it.
  while (!key.empty() && key.back() == 0) key.pop_back();
  return key;
}

inline bool linearizability_search::remember(const register_state& state) {
  std::size_t first = path_.back().first;
  while (first < answered_ && taken(first)) ++first;
  std::vector<operations>& before = seen_[key_of(first, state)];
  const operations others{others_.begin(), others_.end()};
  const auto within = [](const operations& few, const operations& many) {
    return std::includes(many.begin(), many.end(), few.begin(), few.end());
  };
  if (std::any_of(before.begin(), before.end(),
                  [&](const operations& one) { return within(one, others); })) {
    return false;
  }
  std::erase_if(before, [&](const operations& one) { return within(others, one); });
  before.push_back(others);
  return true;
}

inline linearizability linearizability_search::run() {
  path_.assign(1, {});
  look_ahead(path_.back());
  while (left_ > 0) {
    if (steps_ > steps_most_) return linearizability::undecided;
    place& at = path_.back();
    if (at.tried == at.next.size() && at.until) {
      add_unanswered(at);
      continue;
    }
    if (at.tried == at.next.size()) {
      if (!at.by) return linearizability::broken;
      flip(*at.by);
      path_.pop_back();
      continue;
    }
    const std::size_t op = at.next[at.tried++];
    ++steps_;
    std::optional<register_state> after = step(at.state, all_[op]);
    if (!after) continue;
    flip(op);
    if (!remember(*after)) {
      flip(op);
      continue;
    }
    place further{std::move(*after), at.first, {}, 0, op, std::nullopt};
    look_ahead(further);
    path_.push_back(std::move(further));
  }
  return linearizability::holds;
}

/// The first `count` answers of the history by time, and what was under way by then.
[[nodiscard]] inline register_history first_answers(register_history history, std::size_t count) {
  std::sort(history.begin(), history.end(), [](const auto& a, const auto& b) {
    if (a.returned.has_value() != b.returned.has_value()) return a.returned.has_value();
    return a.returned < b.returned;
  });
  if (count == 0) return {};
  const std::int64_t until = *history[count - 1].returned;
  for (std::size_t i = count; i < history.size(); ++i) {
    register_operation open;
    open.client = history[i].client;
    open.invoked = history[i].invoked;
    open.action = history[i].action;
    open.argument = history[i].argument;
    open.expected = history[i].expected;
    history[i] = open;
  }
  std::erase_if(history, [until](const auto& op) { return op.invoked > until; });
  std::sort(history.begin(), history.end(),
            [](const auto& a, const auto& b) { return a.invoked < b.invoked; });
  return history;
}

inline linearizability_report judge_linearizability(const register_history& history,
                                                    const linearizability_options& options) {
  linearizability_search whole{history, options.steps_most};
  linearizability_report report;
  report.verdict = whole.run();
  report.steps = whole.steps();
  if (report.verdict != linearizability::broken) return report;
  // What follows a broken prefix does not mend it. A prefix that is undecided shows nothing.
  std::size_t fine = 0;
  auto shown = static_cast<std::size_t>(std::count_if(
      history.begin(), history.end(), [](const auto& op) { return op.returned.has_value(); }));
  while (fine + 1 < shown) {
    const std::size_t middle = fine + (shown - fine) / 2;
    linearizability_search part{first_answers(history, middle), options.steps_most};
    (part.run() == linearizability::broken ? shown : fine) = middle;
  }
  report.shown_by = first_answers(history, shown);
  return report;
}

}  // namespace kith::sim
