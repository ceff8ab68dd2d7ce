// Time as the core sees it: an argument. The clock has no now(); a driver passes the time in, the
// real one from CLOCK_BOOTTIME (it goes on while the machine sleeps), the simulator from its own.
#pragma once

#include <chrono>
#include <cstdint>

namespace kith {

/// The member's own monotonic clock. Its zero is arbitrary and differs between members: a time
/// point never travels, except to be echoed to the member that it came from.
struct member_clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<member_clock>;
  static constexpr bool is_steady = true;
};

using duration = member_clock::duration;
using time_point = member_clock::time_point;

/// Later than any time that is reached: "no deadline". Half of the range, so that adding any
/// configured duration does not overflow.
inline constexpr time_point never{duration{INT64_MAX / 2}};

}  // namespace kith
