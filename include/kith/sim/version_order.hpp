// Whether the versions in a register's history are in an order that a register could have given
// them, in time n log n. It sees less than linearizability.hpp, which knows what each operation
// does, and misses nothing of a history in which all are gets, puts and erases whose versions were
// told:
//
//   write    its version is above every version that was completed or observed before its
//   invocation read     its version is not below those; and it is of a write that was invoked
//   before the read
//            returned
//   absence  a read that finds nothing, behind something, has an erase to explain it: one that was
//            invoked before the read returned, and whose version is not below those either
//   once     a version is of one write and has one value; of two compare_and_put from one version
//            one succeeds
//
// Versions are whole numbers, so a write whose version was not told stands for one above what it
// followed. What breaks a rule is not linearizable.
#pragma once

#include <kith/sim/register_history.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace kith::sim {

/// Whether the history has all operations on its register. In a part of one, reads may find what is
/// not in it.
enum class history_part : std::uint8_t { whole, some };

struct version_fault {
  /// The operation whose answer breaks a rule, and how.
  register_operation at;
  std::string what;
};

/// The first by time; absent where all is well.
[[nodiscard]] std::optional<version_fault> judge_versions(const register_history& history,
                                                          history_part part = history_part::whole);

/// Walks through a history by time. At the same time invocations come first.
class version_order {
 public:
  version_order(const register_history& history, history_part part)
      : history_{history}, part_{part}, floors_(history.size()) {}

  [[nodiscard]] std::optional<version_fault> run();

 private:
  /// Of a version, what has it.
  struct named {
    /// The operation that wrote it, if that is known.
    std::optional<std::size_t> writer;
    std::optional<std::int64_t> value;
    bool erased = false;
  };
  using broken = std::optional<std::string>;

  void invoked(std::size_t i);
  [[nodiscard]] broken returned(std::size_t i);
  [[nodiscard]] broken found(std::size_t i);
  /// The register was absent: raises `from` to the version of what may have made it so.
  [[nodiscard]] broken absent(std::uint64_t& from);
  [[nodiscard]] broken compared(std::size_t i, std::uint64_t& from);
  /// `from`: no version before the write's was below.
  [[nodiscard]] broken wrote(std::size_t i, std::uint64_t from);
  [[nodiscard]] broken name(std::uint64_t version, const named& as);

  const register_history& history_;
  const history_part part_;
  /// What was completed or observed by now, and before each operation's invocation.
  std::uint64_t floor_ = 0;
  std::vector<std::uint64_t> floors_;
  std::map<std::uint64_t, named> names_;
  std::set<std::uint64_t> bases_;
  /// Of what was invoked by now: versions of erases and of other writes, and whether there are
  /// some whose version nobody was told.
  std::set<std::uint64_t> erases_;
  std::set<std::uint64_t> stores_;
  bool unknown_erase_ = false;
  bool unknown_store_ = false;
  /// What was there at the beginning has no version above.
  std::uint64_t inherited_ = 0;
};

// --- implementation ---

inline auto version_order::name(std::uint64_t version, const named& as) -> broken {
  named& known = names_.try_emplace(version, as).first->second;
  const std::string who = "version " + std::to_string(version);
  if (known.erased != as.erased) return who + " is of an erase and of a value";
  if (as.writer && known.writer.value_or(*as.writer) != *as.writer) {
    return who + " is of two writes";
  }
  if (as.value && known.value.value_or(*as.value) != *as.value) return who + " has two values";
  if (!known.writer) known.writer = as.writer;
  return std::nullopt;
}

inline void version_order::invoked(std::size_t i) {
  const register_operation& op = history_[i];
  floors_[i] = floor_;
  if (op.action == register_action::inherit) inherited_ = std::max(inherited_, op.expected);
  if (!writes(op) || op.action == register_action::inherit) return;
  const bool erases = op.action == register_action::erase;
  if (op.returned && op.version != 0) {
    (erases ? erases_ : stores_).insert(op.version);
  } else {
    (erases ? unknown_erase_ : unknown_store_) = true;
  }
}

inline auto version_order::found(std::size_t i) -> broken {
  const register_operation& op = history_[i];
  if (op.version == 0) return std::nullopt;
  if (op.version < floors_[i]) {
    return "version " + std::to_string(floors_[i]) + " was known before it was invoked";
  }
  const bool explained = unknown_store_ || op.version <= inherited_ || stores_.contains(op.version);
  if (part_ == history_part::whole && !explained) {
    return "nobody had written version " + std::to_string(op.version) + " when it returned";
  }
  floor_ = std::max(floor_, op.version);
  return name(op.version, {std::nullopt, op.value, false});
}

inline auto version_order::absent(std::uint64_t& from) -> broken {
  if (part_ == history_part::some || unknown_erase_ || from == 0) return std::nullopt;
  const auto by = erases_.lower_bound(from);
  if (by == erases_.end()) {
    return "nothing erased what was there, version " + std::to_string(from) + " or newer";
  }
  from = *by;
  return std::nullopt;
}

inline auto version_order::compared(std::size_t i, std::uint64_t& from) -> broken {
  const register_operation& op = history_[i];
  if (op.expected == 0) return absent(from);
  if (op.expected < from) {
    return "version " + std::to_string(from) + " was known before it was invoked";
  }
  from = op.expected;
  if (!bases_.insert(op.expected).second) {
    return "another one from version " + std::to_string(op.expected) + " succeeded";
  }
  return name(op.expected, {std::nullopt, std::nullopt, false});
}

inline auto version_order::wrote(std::size_t i, std::uint64_t from) -> broken {
  const register_operation& op = history_[i];
  if (op.version == 0) {
    floor_ = std::max(floor_, from + 1);
    return std::nullopt;
  }
  if (op.version <= from) {
    return "version " + std::to_string(from) + " was known before it was invoked";
  }
  floor_ = std::max(floor_, op.version);
  if (op.action == register_action::erase) return name(op.version, {i, std::nullopt, true});
  const bool sum = op.action == register_action::add;
  return name(op.version, {i, sum ? op.value : op.argument, false});
}

inline auto version_order::returned(std::size_t i) -> broken {
  const register_operation& op = history_[i];
  std::uint64_t from = floors_[i];
  broken wrong;
  if (op.action == register_action::get) {
    if (op.yes) return found(i);
    wrong = absent(from);
    floor_ = std::max(floor_, from);
    return wrong;
  }
  if (!writes(op) || op.action == register_action::inherit) return std::nullopt;
  if (op.action == register_action::put_if_absent) wrong = absent(from);
  if (op.action == register_action::compare_and_put) wrong = compared(i, from);
  return wrong ? wrong : wrote(i, from);
}

inline std::optional<version_fault> version_order::run() {
  /// When, whether it is a return, and of which operation.
  std::vector<std::tuple<std::int64_t, bool, std::size_t>> events;
  for (std::size_t i = 0; i < history_.size(); ++i) {
    events.emplace_back(history_[i].invoked, false, i);
    if (history_[i].returned) events.emplace_back(*history_[i].returned, true, i);
  }
  std::sort(events.begin(), events.end());
  for (const auto& [when, returns, i] : events) {
    if (!returns) {
      invoked(i);
    } else if (broken wrong = returned(i)) {
      return version_fault{history_[i], std::move(*wrong)};
    }
  }
  return std::nullopt;
}

inline std::optional<version_fault> judge_versions(const register_history& history,
                                                   history_part part) {
  return version_order{history, part}.run();
}

}  // namespace kith::sim
