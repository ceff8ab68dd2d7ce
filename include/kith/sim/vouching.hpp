// Whose clocks a promise in seconds rests on, beside the reader's own.
//
// A coordinator confirms a view for as long as its quorum's promises last, and an owner serves for
// as long as the coordinator's newest echo is young: both count on their own clocks. If such a
// clock stood still meanwhile (a virtual machine that was suspended), the promise lasted longer by
// that much, and nothing in the member can know. This is documented (docs/coherence.md), so the
// checkers allow it: to exactly the members that vouch, and only while the standstill is recent.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>
#include <kith/sim/cluster.hpp>

#include <chrono>
#include <cstddef>

namespace kith::sim {

/// The longest for which anybody vouches without asking again: F, the promise to a coordinator.
inline constexpr duration vouched_longest = std::chrono::seconds{4};

/// How long the clock of the member `who` stood still, as far as that bears on what it vouched for
/// between the two. It may be gone by now, or have another identity.
[[nodiscard]] inline duration stood_still(cluster& in, const member_id& who, time_point from,
                                          time_point to) {
  for (std::size_t i = 0; i < in.size(); ++i) {
    const sim::host& one = in.host(i);
    if (one.has_been(who)) return one.clock().stood(from - vouched_longest, to);
  }
  return {};
}

}  // namespace kith::sim
