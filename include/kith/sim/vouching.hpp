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
#include <kith/sim/host_clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <set>
#include <utility>
#include <vector>

namespace kith::sim {

/// The longest for which anybody vouches without asking again: F, the promise to a coordinator.
inline constexpr duration vouched_longest = std::chrono::seconds{4};

/// How much longer by the true time than by their own clocks these members may have vouched at
/// `at`. They may be gone by now, or have other identities.
///
/// Who vouches at `at` was vouched for itself before that, and so on back to a promise: these are
/// stretches of time one behind the other, so that what several slept through together counts once.
/// A standstill that ended within the last of such a promise counts from its beginning: the clock
/// that the promise is counted on shows the same at both ends. What comes after `at` adds nothing:
/// it makes the answer later by as much as it makes the promise longer.
[[nodiscard]] inline duration stood_still(cluster& in, const std::set<member_id>& vouchers,
                                          time_point at) {
  std::vector<span> all;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const sim::host& one = in.host(i);
    if (std::any_of(vouchers.begin(), vouchers.end(),
                    [&](const member_id& who) { return one.has_been(who); })) {
      one.clock().add_standstills(at - vouched_longest, at, all);
    }
  }
  return length_of_union(std::move(all));
}

}  // namespace kith::sim
