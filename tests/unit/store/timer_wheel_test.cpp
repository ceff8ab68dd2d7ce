#include <kith/core/random.hpp>
#include <kith/store/timer_wheel.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

using namespace std::chrono_literals;
using kith::never;
using kith::time_point;
using kith::store::handle;
using kith::store::no_handle;
using kith::store::timer_wheel;

namespace {

constexpr kith::duration tick{std::int64_t{1} << timer_wheel::tick_bits};

std::vector<handle> turn(timer_wheel& wheel, time_point now, std::size_t work = 1'000'000) {
  std::vector<handle> due;
  for (handle at = wheel.pop_due(now, work); at != no_handle; at = wheel.pop_due(now, work)) {
    due.push_back(at);
  }
  return due;
}

/// Spans from below a tick to decades.
kith::duration any_span(kith::random_source& random) {
  const std::uint64_t bits = random.between(1, 60);
  return kith::duration{static_cast<std::int64_t>(random.below(std::uint64_t{1} << bits))};
}

}  // namespace

TEST_CASE("timer_wheel: a deadline is due at its time and less than a tick late") {
  timer_wheel wheel;
  const time_point deadline{12'345'678'901ns};
  wheel.schedule(handle{3}, deadline);
  CHECK(turn(wheel, deadline - 1ns).empty());
  CHECK(wheel.size() == 1);
  CHECK(turn(wheel, deadline + tick - 1ns) == std::vector{handle{3}});
  CHECK(wheel.size() == 0);
  CHECK_FALSE(wheel.scheduled(handle{3}));
  CHECK(turn(wheel, deadline + 1h).empty());
}

TEST_CASE("timer_wheel: rescheduled entries follow the new deadline, cancelled ones none") {
  timer_wheel wheel;
  wheel.schedule(handle{0}, time_point{1s});
  wheel.schedule(handle{1}, time_point{1s});
  wheel.schedule(handle{2}, time_point{1s});
  wheel.schedule(handle{0}, time_point{10s});
  wheel.schedule(handle{1}, never);
  wheel.cancel(handle{7});
  CHECK(wheel.size() == 2);
  CHECK(turn(wheel, time_point{2s}) == std::vector{handle{2}});
  wheel.schedule(handle{0}, time_point{3s});
  CHECK(turn(wheel, time_point{4s}) == std::vector{handle{0}});
  CHECK_FALSE(wheel.next_timeout());
}

TEST_CASE("timer_wheel: what is late when it comes is due at the next turn") {
  timer_wheel wheel;
  CHECK(turn(wheel, time_point{1h}).empty());
  wheel.schedule(handle{0}, time_point{1s});
  CHECK(wheel.next_timeout().value() <= time_point{1h});
  CHECK(turn(wheel, time_point{1h}) == std::vector{handle{0}});
}

TEST_CASE("timer_wheel: a time before an earlier one hands out nothing") {
  timer_wheel wheel;
  CHECK(turn(wheel, time_point{10s}).empty());
  wheel.schedule(handle{0}, time_point{5s});
  CHECK(turn(wheel, time_point{4s}).empty());
  CHECK(turn(wheel, time_point{-1s}).empty());
  CHECK(turn(wheel, time_point{10s}).size() == 1);
}

TEST_CASE("timer_wheel: a deadline just below never does not overflow") {
  timer_wheel wheel;
  wheel.schedule(handle{0}, never - 1ns);
  wheel.schedule(handle{1}, time_point{1s});
  CHECK(turn(wheel, time_point{2s}) == std::vector{handle{1}});
  CHECK(turn(wheel, never - 1s).empty());
  CHECK(turn(wheel, never + 1s) == std::vector{handle{0}});
}

// Goal: a burst is paid in portions. Method: many entries of one far deadline, which also have to
// come down all levels; count calls of pop_due's work, and see order and completeness.
TEST_CASE("timer_wheel: a burst of one deadline is carried over by bounded turns") {
  timer_wheel wheel;
  constexpr std::uint32_t burst = 10'000;
  constexpr std::size_t limit = 64;
  const time_point deadline{3h};
  for (std::uint32_t i = 0; i < burst; ++i) wheel.schedule(handle{i}, deadline);
  std::vector<handle> all;
  std::size_t turns = 0;
  for (time_point now = deadline + tick; wheel.size() > 0; now += 1us) {
    const std::vector<handle> due = turn(wheel, now, limit);
    CHECK(due.size() <= limit);
    all.insert(all.end(), due.begin(), due.end());
    if (wheel.size() > 0) CHECK(wheel.next_timeout().value() <= now);
    ++turns;
  }
  CHECK(turns > burst / limit);
  CHECK(turns <= 8 * (burst / limit + 1));
  REQUIRE(all.size() == burst);
  for (std::uint32_t i = 0; i < burst; ++i) CHECK(all[i] == handle{i});
}

TEST_CASE("timer_wheel: sleeping until next_timeout reaches every deadline in few turns") {
  kith::random_source random{7};
  timer_wheel wheel;
  std::multimap<time_point, handle> oracle;
  for (std::uint32_t i = 0; i < 200; ++i) {
    const time_point deadline = time_point{} + any_span(random);
    wheel.schedule(handle{i}, deadline);
    oracle.emplace(deadline, handle{i});
  }
  std::size_t turns = 0;
  while (const auto wake = wheel.next_timeout()) {
    ++turns;
    for (const handle at : turn(wheel, *wake)) {
      const auto entry = std::find_if(oracle.begin(), oracle.end(),
                                      [at](const auto& e) { return e.second == at; });
      REQUIRE(entry != oracle.end());
      CHECK(entry->first <= *wake);
      CHECK(entry->first + tick > *wake);
      oracle.erase(entry);
    }
  }
  CHECK(oracle.empty());
  CHECK(turns <= 200 * 8);
}

// Goal: never early, never lost, late by a tick or the work limit only. Method: random schedules,
// moves, cancels and turns of unequal steps and limits against a map from handle to deadline.
TEST_CASE("timer_wheel: random operations agree with a map of deadlines") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    kith::random_source random{seed};
    timer_wheel wheel;
    std::map<handle, time_point> oracle;
    time_point now{any_span(random) / 4};
    for (int step = 0; step < 3000; ++step) {
      const handle at{static_cast<std::uint32_t>(random.below(300))};
      const std::uint64_t dice = random.below(100);
      if (dice < 55) {
        const time_point deadline = now + any_span(random) / 4 - 5ms;
        wheel.schedule(at, deadline);
        oracle[at] = deadline;
      } else if (dice < 65) {
        wheel.cancel(at);
        oracle.erase(at);
      } else {
        if (const auto span = any_span(random) / 64; now + span < never - 1h) now += span;
        const std::size_t limit = dice < 90 ? 1'000'000 : random.between(1, 8);
        for (const handle due : turn(wheel, now, limit)) {
          REQUIRE(oracle.count(due) == 1);
          REQUIRE(oracle[due] <= now);
          oracle.erase(due);
        }
        if (limit < 100) continue;
        for (const auto& [left, deadline] : oracle) REQUIRE(deadline + tick > now);
      }
      REQUIRE(wheel.size() == oracle.size());
      REQUIRE(wheel.scheduled(at) == (oracle.count(at) == 1));
    }
  }
}
