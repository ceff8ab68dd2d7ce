// What holds for each member by itself, whatever happens between the members:
//
//   M1 honest   nobody here breaks the protocol, so nobody is accused of it: no member has a
//               message that it cannot decode, or one that its state machines call a violation
#pragma once

#include <kith/sim/cluster.hpp>
#include <kith/sim/history.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace kith::sim {

class member_rules {
 public:
  /// A life of the member is over, or the run is.
  void end_of_life(const sim::host& over);

  [[nodiscard]] const std::vector<violation>& violations() const { return violations_; }

 private:
  /// A host's counters go on from life to life: what was reported of each already.
  std::map<host_index, std::uint64_t> accused_;
  std::vector<violation> violations_;
};

// --- implementation ---

inline void member_rules::end_of_life(const sim::host& over) {
  const host_counters& counted = over.counters();
  const std::uint64_t now = counted.violations + counted.malformed;
  if (std::exchange(accused_[over.index()], now) == now) return;
  violations_.push_back({"M1: member " + std::to_string(over.index()) + " saw " +
                         std::to_string(counted.violations) + " violations and refused " +
                         std::to_string(counted.malformed) + " messages"});
}

}  // namespace kith::sim
