// How tests wait for what happens in other threads and processes.
#pragma once

#include <chrono>
#include <thread>

/// For what takes milliseconds when the machine is idle. A bound for failures, no measure.
inline constexpr auto patience = std::chrono::seconds{30};

/// Asks again and again until `holds()`: for what has no event of its own.
template <class Predicate>
[[nodiscard]] bool wait_until(Predicate holds,
                              std::chrono::steady_clock::duration limit = patience) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  return true;
}
