// What the clients of a simulated run asked and were told, for the checkers.
#pragma once

#include <kith/cluster/view.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace kith::sim {

enum class operation_kind : std::uint8_t {
  read,
  write,
  erase,
  add,
  put_if_absent,
  compare_and_put,
};

/// One operation of one client, from its start to its answer. Times are the simulation's.
struct record {
  operation_kind kind = operation_kind::read;
  std::size_t member = 0;
  /// Which life of the member: sessions end with it.
  member_id self;
  /// Which identity the member had when it began: one that lost a merge has another.
  member_id as;
  std::uint32_t key = 0;
  /// The member's view when it asked.
  kith::cluster::view_key asked_in;
  /// The epoch of the key's partition, as the member knew it then; who owned it, and who
  /// coordinated the view.
  epoch began;
  member_id owner;
  member_id coordinator;
  time_point invoked;
  time_point answered;
  /// What was done before this time a read has to see (checker::bound_of).
  time_point bound;
  bool failed = false;
  /// Of a read: something was found. Of a conditional write: it was put.
  bool yes = false;
  kith::version version;
  /// What was read, written, or the sum.
  std::int64_t value = 0;
};

/// How views follow each other: each view has one predecessor, whoever installs it.
class lineage {
 public:
  /// A member went from `before` to `after`.
  void follow(time_point now, const kith::cluster::view_key& before,
              const kith::cluster::view_key& after) {
    parents_.emplace(after, step{before, now});
  }
  /// True when `older` is `newer` or one of its predecessors.
  [[nodiscard]] bool leads(const kith::cluster::view_key& older,
                           const kith::cluster::view_key& newer) const {
    return left(older, newer).has_value();
  }
  /// When the first member on the line to `newer` went on from `older`; never when they are one.
  /// Absent when they are not on one line.
  [[nodiscard]] std::optional<time_point> left(const kith::cluster::view_key& older,
                                               kith::cluster::view_key newer) const {
    time_point when = never;
    while (newer.number > older.number) {
      const auto found = parents_.find(newer);
      if (found == parents_.end()) return std::nullopt;
      newer = found->second.before;
      when = found->second.when;
    }
    if (newer != older) return std::nullopt;
    return when;
  }

 private:
  struct step {
    kith::cluster::view_key before;
    time_point when;
  };
  std::map<kith::cluster::view_key, step> parents_;
};

/// A broken promise, in words.
struct violation {
  std::string what;
};

}  // namespace kith::sim
