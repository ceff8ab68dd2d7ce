// The real clock: CLOCK_BOOTTIME, which goes on while the machine sleeps. A member that was
// suspended for ten seconds must know it, or it would trust leases that ended meanwhile.
#pragma once

#include <kith/core/time.hpp>

#include <ctime>

#include <algorithm>
#include <chrono>

namespace kith::net {

[[nodiscard]] inline time_point now() {
  timespec reading{};
  ::clock_gettime(CLOCK_BOOTTIME, &reading);
  return time_point{std::chrono::seconds{reading.tv_sec} +
                    std::chrono::nanoseconds{reading.tv_nsec}};
}

/// How long an Asio timer has to run to wake at `deadline`. Asio's timers stand still while the
/// machine sleeps, so they are only a reason to look at now() again; at most a minute, so that
/// `never` and a suspended machine are both looked after.
[[nodiscard]] inline std::chrono::nanoseconds timer_span(time_point current, time_point deadline) {
  constexpr std::chrono::nanoseconds longest = std::chrono::minutes{1};
  return std::clamp(deadline - current, std::chrono::nanoseconds{0}, longest);
}

}  // namespace kith::net
