// Judges the histories of a chaos run by the promises of an eventual cache. The rules bear the
// numbers of kith/sim/checkers.hpp, whose checker asks simulated members what it needs; here only
// what clients wrote down counts, so where a history cannot tell, the judge lets it pass.
//
//   E1 staleness    a read returns nothing older than what was acknowledged max_staleness before it
//                   was invoked. With quorum = none only where the reader's view had one epoch of
//                   the key all along, and the write was of that epoch: then one owner is asked,
//                   and no second side of a cluster that was cut
//   E2 presence     a read whose view had one epoch all along finds what was put in it by then,
//                   unless it may have been erased
//   E4 copies       where caches have copies, and so few fail at a time that one of each is left: a
//                   read finds what was put in whatever epoch, unless it may have been erased, and
//                   E1 holds as with a quorum
//   E3 session      one process reads a key in versions that never fall within an epoch, its own
//                   writes included
//   V1 value        kith/sim/value_oracle.hpp: a version has one value, and somebody wrote it. A
//                   write that was under way at a kill may have been applied, and need not
//   I12             views of one key are equal
//   C1 convergence  when all had healed, all read the same, near and at the owner
//   L1 .. J3        chaos_strong.hpp, of a strong cache: reads are linearizable
//   C2 a run        values were read, near caches answered, and every member told its last reads:
//                   nothing is wrong where nothing was asked
#pragma once

#include "chaos_history.hpp"
#include "chaos_strong.hpp"

#include <kith/codec.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/options.hpp>
#include <kith/sim/history.hpp>
#include <kith/sim/value_oracle.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <istream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace chaos {

using kith::sim::operation_kind;

class judge {
 public:
  struct figures {
    std::uint64_t reads = 0;
    std::uint64_t writes = 0;
    std::uint64_t failed = 0;
    std::uint64_t hits = 0;
    /// Reads that found a value.
    std::uint64_t found = 0;
    /// Reads that found nothing where E2 wants a value, and an erase whose answer nobody has may
    /// be why: what the judge could not judge.
    std::uint64_t excused = 0;
    /// Reads that found nothing because all who had the partition were gone.
    std::uint64_t lost = 0;
    /// By how much the oldest value that was read was out of date when it was asked for.
    kith::duration oldest{};
  };

  /// Whether an entry outlives its owner.
  enum class copies : std::uint8_t { none, kept };

  judge(kith::quorum quorum, kith::duration max_staleness, copies held = copies::none,
        kith::coherence of = kith::coherence::eventual)
      : quorum_{quorum}, max_staleness_{max_staleness}, held_{held} {
    if (of == kith::coherence::strong) strong_.emplace();
  }

  /// One life of one process. A last line that was torn by a kill counts as not written.
  void take(std::size_t member, std::size_t life, std::istream& history);
  /// When all were taken.
  void decide();
  /// C2, after decide().
  void demand_a_run();

  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  [[nodiscard]] const figures& counted() const { return figures_; }
  /// Absent for an eventual cache.
  [[nodiscard]] const std::optional<strong_judge>& strong() const { return strong_; }

 private:
  struct operation : kith::sim::record {
    std::size_t life = 0;
    /// Of the key's partition, as the reader knew it at the end.
    kith::epoch ended;
  };
  struct final_read {
    std::size_t member = 0;
    bool found = false;
    kith::version version;
    std::int64_t value = 0;
  };
  /// What was acknowledged by when: the highest version, and whether it is a value.
  struct acknowledged {
    kith::time_point at;
    kith::version version;
    bool present = false;
  };
  using line_of_writes = std::vector<acknowledged>;
  /// What may have ended an entry: an erase that was answered, or one whose answer nobody has.
  enum class ended_by : std::uint8_t { nothing, erase, unanswered_erase };

  bool take_line(std::size_t member, std::size_t life, const std::string& line);
  bool take_operation(std::istream& in, operation op);
  void fail(const std::string& rule, const operation& op, const std::string& more);
  void gather();
  [[nodiscard]] static const acknowledged* newest(const line_of_writes& all, kith::time_point by);
  void check_read(const operation& op);
  void check_absence(const std::string& rule, const operation& op, const acknowledged& put);
  [[nodiscard]] ended_by end_of(const operation& read, const acknowledged& put) const;
  void note_age(const operation& op);
  void sweep();
  void judge_strong();
  [[nodiscard]] bool kept(std::uint32_t key, const kith::epoch& from, const kith::epoch& to) const;
  void check_final();

  const kith::quorum quorum_;
  const kith::duration max_staleness_;
  const copies held_;
  kith::time_point began_ = kith::never;
  std::vector<operation> operations_;
  /// Announced writes: when, of which key, which value.
  std::vector<std::tuple<kith::time_point, std::uint32_t, std::int64_t>> invoked_;
  /// By key, and by key and epoch; each by time, with the highest version until then.
  std::map<std::uint32_t, line_of_writes> by_key_;
  std::map<std::pair<std::uint32_t, kith::epoch>, line_of_writes> by_epoch_;
  /// Erases of each key, those announced alone included, which have no version.
  std::map<std::uint32_t, std::vector<std::pair<kith::time_point, kith::version>>> erases_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> views_;
  /// By partition, the views in which it began with nothing.
  std::map<std::uint32_t, std::set<std::uint64_t>> lost_;
  std::map<std::uint32_t, std::vector<final_read>> final_;
  /// Those whose histories were taken, and whether they told their last reads.
  std::map<std::size_t, bool> members_;
  kith::sim::value_oracle values_{"registers"};
  std::optional<strong_judge> strong_;
  std::vector<std::string> violations_;
  figures figures_;
};

// --- implementation ---

inline void judge::take(std::size_t member, std::size_t life, std::istream& history) {
  std::uint64_t hits = 0;
  members_.try_emplace(member, false);
  for (std::string line; std::getline(history, line) && !history.eof();) {
    if (line.starts_with("hits ")) {
      hits = std::stoull(line.substr(5));
    } else if (!take_line(member, life, line)) {
      violations_.push_back("member " + std::to_string(member) +
                            " wrote what nobody can read: " + line);
    }
  }
  figures_.hits += hits;
}

inline bool judge::take_line(std::size_t member, std::size_t life, const std::string& line) {
  std::istringstream in{line};
  std::string what;
  in >> what;
  operation op;
  op.member = member;
  op.life = life;
  if (what == "view") {
    std::uint64_t number = 0;
    std::uint64_t branch = 0;
    std::uint64_t hash = 0;
    in >> number >> branch >> hash;
    if (!views_.emplace(std::pair{number, branch}, hash).second &&
        views_[{number, branch}] != hash) {
      violations_.push_back("I12: two views of number " + std::to_string(number) + " differ");
    }
    if (in.fail()) return false;
    for (std::uint32_t lost = 0; in >> lost;) lost_[lost].insert(number);
    return true;
  } else if (what == "invoked") {
    kith::time_point when;
    in >> op.key >> op.value >> when;
    began_ = std::min(began_, when);
    invoked_.emplace_back(when, op.key, op.value);
  } else if (what == "near" || what == "owned") {
    final_read one;
    one.member = member;
    in >> op.key >> one.value;
    read(in, one.version) >> one.found;
    final_[op.key].push_back(one);
    members_[member] = true;
  } else {
    op.kind = what == "put"     ? operation_kind::write
              : what == "erase" ? operation_kind::erase
                                : operation_kind::read;
    return (what == "read" || op.kind != operation_kind::read) && take_operation(in, op);
  }
  return !in.fail();
}

inline bool judge::take_operation(std::istream& in, operation op) {
  bool ok = false;
  in >> op.key >> op.value >> op.invoked >> op.answered >> ok;
  read(in, op.version);
  if (op.kind == operation_kind::read) in >> op.yes;
  read(read(in, op.began), op.ended);
  if (in.fail()) return false;
  op.failed = !ok;
  op.bound = op.invoked - max_staleness_;
  began_ = std::min(began_, op.invoked);
  ++(op.kind == operation_kind::read ? figures_.reads : figures_.writes);
  if (op.failed) ++figures_.failed;
  operations_.push_back(op);
  return true;
}

inline void judge::fail(const std::string& rule, const operation& op, const std::string& more) {
  const auto ms = [](kith::time_point t) {
    return std::to_string(t.time_since_epoch() / std::chrono::milliseconds{1});
  };
  violations_.push_back(rule + ": key " + std::to_string(op.key) + " member " +
                        std::to_string(op.member) + " invoked " + ms(op.invoked) + " ms answered " +
                        ms(op.answered) + " ms version " + text_of(op.version) + " value " +
                        std::to_string(op.value) + ": " + more);
}

inline void judge::decide() {
  gather();
  for (const operation& op : operations_) {
    if (op.kind != operation_kind::read || op.failed) continue;
    check_read(op);
    if (!op.yes) continue;
    ++figures_.found;
    note_age(op);
  }
  sweep();
  for (const kith::sim::violation& each : values_.violations()) violations_.push_back(each.what);
  check_final();
  if (strong_) judge_strong();
}

inline void judge::demand_a_run() {
  if (figures_.found == 0) violations_.push_back("C2: no value was read");
  if (figures_.hits == 0) violations_.push_back("C2: no near cache answered");
  if (members_.empty()) violations_.push_back("C2: there are no histories");
  for (const auto& [member, told] : members_) {
    if (told) continue;
    violations_.push_back("C2: member " + std::to_string(member) + " told no last reads");
  }
}

inline void judge::gather() {
  // From here on times are those of the run.
  const kith::duration before = began_.time_since_epoch();
  for (operation& op : operations_) {
    op.invoked -= before;
    op.answered -= before;
    op.bound -= before;
  }
  for (auto& [when, key, value] : invoked_) when -= before;
  std::ranges::sort(operations_, {}, &operation::answered);
  std::map<std::uint32_t, std::vector<kith::time_point>> known;
  for (const operation& op : operations_) {
    if (op.kind == operation_kind::read) continue;
    if (op.kind == operation_kind::erase) {
      known[op.key].push_back(op.invoked);
      erases_[op.key].emplace_back(op.invoked, op.failed ? kith::version{} : op.version);
    }
    if (op.failed) continue;
    for (line_of_writes* line : {&by_key_[op.key], &by_epoch_[{op.key, op.version.epoch}]}) {
      acknowledged next{op.answered, op.version, op.kind == operation_kind::write};
      if (!line->empty() && next.version < line->back().version) {
        next.version = line->back().version;
        next.present = line->back().present;
      }
      line->push_back(next);
    }
  }
  // Erases that were announced and never answered: their process was killed meanwhile.
  for (const auto& [when, key, value] : invoked_) {
    if (value == 0 && std::ranges::find(known[key], when) == known[key].end()) {
      erases_[key].emplace_back(when, kith::version{});
    }
  }
}

/// Of those acknowledged before `by`; null when there was none.
inline const judge::acknowledged* judge::newest(const line_of_writes& all, kith::time_point by) {
  const auto after = std::ranges::lower_bound(all, by, {}, &acknowledged::at);
  return after == all.begin() ? nullptr : &*std::prev(after);
}

inline void judge::check_read(const operation& op) {
  const bool one_epoch = op.began == op.ended;
  const auto in_epoch = by_epoch_.find({op.key, op.began});
  const acknowledged* must =
      !one_epoch || in_epoch == by_epoch_.end() ? nullptr : newest(in_epoch->second, op.bound);
  if (!op.yes) {
    const char* rule = must != nullptr ? "E2" : "E4";
    if (must == nullptr && held_ == copies::kept) must = newest(by_key_[op.key], op.bound);
    if (must != nullptr && must->present) check_absence(rule, op, *must);
    return;
  }
  const bool one_line = quorum_ == kith::quorum::majority || held_ == copies::kept;
  if (one_line) must = newest(by_key_[op.key], op.bound);
  if (must != nullptr && op.version < must->version) {
    fail("E1", op,
         "acknowledged was version " + text_of(must->version) + " more than " +
             std::to_string(max_staleness_ / std::chrono::milliseconds{1}) + " ms before");
  }
}

inline void judge::check_absence(const std::string& rule, const operation& op,
                                 const acknowledged& put) {
  if (!kept(op.key, put.version.epoch, op.ended)) {
    ++figures_.lost;
    return;
  }
  switch (end_of(op, put)) {
    case ended_by::erase: return;
    case ended_by::unanswered_erase: ++figures_.excused; return;
    case ended_by::nothing: break;
  }
  fail(rule, op, "absent, though version " + text_of(put.version) + " was acknowledged");
}

/// An erase whose outcome is not known may land as long as calls may take, and a little later.
inline judge::ended_by judge::end_of(const operation& read, const acknowledged& put) const {
  constexpr kith::duration lands_late = std::chrono::seconds{30};
  const auto found = erases_.find(read.key);
  if (found == erases_.end()) return ended_by::nothing;
  ended_by worst = ended_by::nothing;
  for (const auto& [invoked, version] : found->second) {
    if (invoked > read.answered) continue;
    if (version > put.version) return ended_by::erase;
    if (version == kith::version{} && invoked + lands_late > put.at) {
      worst = ended_by::unanswered_erase;
    }
  }
  return worst;
}

inline void judge::note_age(const operation& op) {
  const line_of_writes& all = by_key_[op.key];
  const auto newer = std::ranges::upper_bound(all, op.version, {}, &acknowledged::version);
  if (newer != all.end()) figures_.oldest = std::max(figures_.oldest, op.invoked - newer->at);
}

/// Everything in the order of time: what was written and seen by then.
inline void judge::sweep() {
  std::ranges::sort(invoked_);
  std::vector<const operation*> begins;
  for (const operation& op : operations_) begins.push_back(&op);
  std::ranges::sort(begins, {}, [](const operation* op) { return op->invoked; });
  auto announced = invoked_.begin();
  auto begun = begins.begin();
  std::map<const operation*, kith::version> floors;
  std::map<std::tuple<std::size_t, std::size_t, std::uint32_t, kith::epoch>, kith::version> seen;
  const auto place = [](const operation& op) {
    return std::tuple{op.member, op.life, op.key, op.version.epoch};
  };
  for (const operation& op : operations_) {
    for (; announced != invoked_.end() && std::get<0>(*announced) <= op.answered; ++announced) {
      values_.invoked(std::get<1>(*announced), std::get<2>(*announced));
    }
    for (; begun != begins.end() && (*begun)->invoked <= op.answered; ++begun) {
      const auto found = seen.find(place(**begun));
      if (found != seen.end()) floors.emplace(*begun, found->second);
    }
    const bool read = op.kind == operation_kind::read;
    if (op.failed || (read && !op.yes)) continue;
    if (op.kind != operation_kind::erase) values_.told(op);
    const auto floor = floors.find(&op);
    if (read && floor != floors.end() && op.version < floor->second) {
      fail("E3", op, "this process had seen version " + text_of(floor->second));
    }
    if (floor != floors.end()) floors.erase(floor);
    kith::version& highest = seen[place(op)];
    highest = std::max(highest, op.version);
  }
}

inline void judge::judge_strong() {
  std::set<std::tuple<kith::time_point, std::uint32_t, std::int64_t>> ended;
  for (const operation& op : operations_) {
    strong_->told(op, op.ended);
    if (op.kind != operation_kind::read) ended.emplace(op.invoked, op.key, op.value);
  }
  for (const auto& [when, key, value] : invoked_) {
    if (!ended.contains({when, key, value})) strong_->announced(when, key, value);
  }
  strong_->decide([this](std::uint32_t key, const kith::epoch& from, const kith::epoch& to) {
    return kept(key, from, to);
  });
  const std::vector<std::string> found = strong_->violations();
  violations_.insert(violations_.end(), found.begin(), found.end());
}

/// No view said meanwhile that all who had the key's partition are gone.
inline bool judge::kept(std::uint32_t key, const kith::epoch& from, const kith::epoch& to) const {
  const auto found = lost_.find(index_of(kith::partition_of(kith::key_hash<std::uint32_t>(key))));
  if (found == lost_.end()) return true;
  const auto next = found->second.upper_bound(from.view.value());
  return next == found->second.end() || *next > to.view.value();
}

inline void judge::check_final() {
  for (const auto& [key, all] : final_) {
    for (const final_read& one : all) {
      const final_read& first = all.front();
      if (one.found == first.found && one.version == first.version && one.value == first.value) {
        continue;
      }
      violations_.push_back("C1: key " + std::to_string(key) + " is version " +
                            text_of(first.version) + " value " + std::to_string(first.value) +
                            " at member " + std::to_string(first.member) + " and version " +
                            text_of(one.version) + " value " + std::to_string(one.value) +
                            " at member " + std::to_string(one.member));
    }
  }
}

}  // namespace chaos
