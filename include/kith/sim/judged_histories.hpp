// What clients of one cache were told by the owners of its keys, past all near caches, judged one
// key and one epoch at a time:
//
//   J1 order      versions are in an order that a register gives (version_order.hpp)
//   J2 register   there is an order of all operations that a register serves (linearizability.hpp)
//   J3 agreement  what breaks J1 breaks J2
//
// One owner serves a partition for the length of an epoch; so within one epoch a key that nothing
// evicts is a register. It begins absent, or where the epoch inherits, with anything that earlier
// ones left (version_numbers.hpp). From one epoch to the next the judges hold nobody to anything:
// what a write leaves behind, its copies decide (E1, E2 and E4 of checkers.hpp).
//
// So each operation has to be assigned to an epoch. A write's version is of the epoch in which it
// was applied. Of other answers that is known if their member knew no later epoch when it was told
// than when it asked, or than the one of the version that was there. In that epoch the answer
// counts. A write may have been sent to owners of other epochs before, and perhaps was applied
// there: in each that its member may have known meanwhile it is one without an answer. An error
// that is not maybe_applied says that nothing was done anywhere.
#pragma once

#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/sim/history.hpp>
#include <kith/sim/history_text.hpp>
#include <kith/sim/linearizability.hpp>
#include <kith/sim/register_history.hpp>
#include <kith/sim/version_numbers.hpp>
#include <kith/sim/version_order.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace kith::sim {

/// One operation on a judged key, with what its record does not say. `record::began` is the epoch
/// that the member knew when it asked; a value-initialised one: none.
struct judged_call {
  record op;
  /// Of compare_and_put.
  kith::version expected{};
  /// The epoch that the member knew when it was told; absent: it knows none, or is another member
  /// by now.
  std::optional<epoch> until = std::nullopt;
  /// Of a write that failed.
  bool maybe_applied = false;
};

struct judged_counters {
  /// Of single keys in single epochs.
  std::uint64_t histories = 0;
  std::uint64_t operations = 0;
  /// Histories of epochs that began with what earlier ones left.
  std::uint64_t inheriting = 0;
  /// Histories for which a search was done, and those of them whose search took too many steps.
  std::uint64_t searched = 0;
  std::uint64_t undecided = 0;
};

class judged_histories {
 public:
  /// `part`: whether every operation on the cache's keys is told. The search asks for the whole.
  judged_histories(std::string cache, history_part part) : cache_{std::move(cache)}, part_{part} {}

  void told(judged_call call) { calls_[call.op.key].push_back(std::move(call)); }
  /// Whether an epoch of the key's partition began with what earlier ones left.
  using inherits = std::function<bool(std::uint32_t, const epoch&)>;
  /// At the end of a run.
  void judge(const inherits& inherited);

  [[nodiscard]] const std::vector<violation>& violations() const { return violations_; }
  [[nodiscard]] const judged_counters& counters() const { return counters_; }
  /// Of the first violation that a search found: what shows it, for kith_judge_history.
  [[nodiscard]] const std::string& shown() const { return shown_; }

  /// In which epoch the answer counts; absent: it is not known, or there is none.
  [[nodiscard]] static std::optional<epoch> epoch_of(const judged_call& call);
  /// The operation as a part of the history of that epoch; absent where it is none.
  [[nodiscard]] static std::optional<register_operation> as_part_of(const version_numbers& numbers,
                                                                    const judged_call& call);

 private:
  [[nodiscard]] register_history history_of(const version_numbers& numbers,
                                            const std::vector<judged_call>& calls) const;
  void judge(std::uint32_t key, const epoch& in, const register_history& history);
  void fail(const char* rule, const std::string& name, const std::string& more);

  const std::string cache_;
  const history_part part_;
  std::map<std::uint32_t, std::vector<judged_call>> calls_;
  judged_counters counters_;
  std::string shown_;
  std::vector<violation> violations_;
};

// --- implementation ---

[[nodiscard]] constexpr register_action action_of(operation_kind kind) {
  switch (kind) {
    case operation_kind::read: return register_action::get;
    case operation_kind::write: return register_action::put;
    case operation_kind::erase: return register_action::erase;
    case operation_kind::add: return register_action::add;
    case operation_kind::put_if_absent: return register_action::put_if_absent;
    case operation_kind::compare_and_put: return register_action::compare_and_put;
  }
  return register_action::get;
}

inline std::optional<epoch> judged_histories::epoch_of(const judged_call& call) {
  const record& op = call.op;
  if (op.failed) return std::nullopt;
  if (op.kind != operation_kind::read && op.version != version{}) return op.version.epoch;
  epoch least = std::max(op.began, op.version.epoch);
  // It was put, so the entry had this version.
  if (op.yes) least = std::max(least, call.expected.epoch);
  return least != epoch{} && call.until == least ? call.until : std::nullopt;
}

inline std::optional<register_operation> judged_histories::as_part_of(
    const version_numbers& numbers, const judged_call& call) {
  const epoch& in = numbers.in();
  const record& op = call.op;
  const std::optional<epoch> counts = epoch_of(call);
  register_operation as;
  as.client = op.member;
  as.invoked = op.invoked.time_since_epoch().count();
  as.action = action_of(op.kind);
  if (call.expected != version{}) {
    const bool possible = numbers.possible(call.expected);
    // That it did nothing says nothing then; if it did something, no entry had such a version.
    if (!possible && (counts != in || !op.yes)) return std::nullopt;
    as.expected = numbers.of(call.expected);
  }
  const bool stores = op.kind != operation_kind::read && op.kind != operation_kind::erase;
  if (stores) as.argument = op.value;
  if (op.kind == operation_kind::add) as.argument = 1;
  if (counts == in) {
    as.returned = op.answered.time_since_epoch().count();
    as.yes = op.yes;
    if (op.kind == operation_kind::read || op.kind == operation_kind::add) as.value = op.value;
    as.version = numbers.of(op.version);
    return as;
  }
  if (op.kind == operation_kind::read || (op.failed && !call.maybe_applied)) return std::nullopt;
  if (!call.until || op.began == epoch{}) return as;
  const bool before = in < op.began;
  const bool behind = counts ? in > *counts : in > *call.until;
  return before || behind ? std::nullopt : std::optional{as};
}

inline void judged_histories::fail(const char* rule, const std::string& name,
                                   const std::string& more) {
  violations_.push_back({std::string{rule} + ": " + name + ": " + more});
}

inline void judged_histories::judge(std::uint32_t key, const epoch& in,
                                    const register_history& history) {
  const std::string name = cache_ + "/" + std::to_string(key) + "@" +
                           std::to_string(in.view.value()) + "." + std::to_string(in.branch);
  ++counters_.histories;
  counters_.operations += history.size();
  const std::optional<version_fault> fault = judge_versions(history, part_);
  if (fault) fail("J1", name, fault->what + ": " + to_text(name, fault->at));
  if (part_ == history_part::some) return;
  ++counters_.searched;
  const linearizability_report report = judge_linearizability(history);
  if (report.verdict == linearizability::undecided) ++counters_.undecided;
  if (report.verdict == linearizability::broken) {
    const std::size_t count = report.shown_by.size();
    fail("J2", name,
         "the first " + std::to_string(count) + " operations are no register's, as of " +
             to_text(name, report.shown_by.back()));
    if (shown_.empty()) shown_ = to_text(name, report.shown_by);
  }
  if (fault && report.verdict == linearizability::holds) {
    fail("J3", name, "the search found an order");
  }
}

inline register_history judged_histories::history_of(const version_numbers& numbers,
                                                     const std::vector<judged_call>& calls) const {
  register_history history;
  for (const judged_call& call : calls) {
    if (part_ == history_part::some && epoch_of(call) != numbers.in()) continue;
    if (const auto op = as_part_of(numbers, call)) history.push_back(*op);
  }
  if (history.empty() || numbers.inherited() == 0) return history;
  register_operation begins;
  begins.action = register_action::inherit;
  begins.expected = numbers.inherited();
  begins.invoked = std::ranges::min_element(history, {}, &register_operation::invoked)->invoked - 1;
  begins.returned = begins.invoked;
  history.insert(history.begin(), begins);
  return history;
}

inline void judged_histories::judge(const inherits& inherited) {
  for (const auto& [key, calls] : calls_) {
    std::set<epoch> epochs;
    std::vector<version> named;
    for (const judged_call& call : calls) {
      if (const auto in = epoch_of(call)) epochs.insert(*in);
      named.push_back(call.op.version);
      named.push_back(call.expected);
    }
    for (const epoch& in : epochs) {
      const bool something = inherited(key, in);
      if (something) ++counters_.inheriting;
      const auto numbers = something ? version_numbers{in, named} : version_numbers{in};
      judge(key, in, history_of(numbers, calls));
    }
  }
}

}  // namespace kith::sim
