// A clock that stands still for a while shows a time for as long as that, and no time twice.
#include <kith/core/time.hpp>
#include <kith/sim/host_clock.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace kith;

namespace {

constexpr time_point at(duration since) { return time_point{since}; }

duration stood(const sim::host_clock& clock, time_point from, time_point to) {
  std::vector<sim::span> all;
  clock.add_standstills(from, to, all);
  return sim::length_of_union(std::move(all));
}

}  // namespace

TEST_CASE("host_clock: it stands still and goes on from there") {
  sim::host_clock clock;
  clock.start(at(0s), 100s);
  CHECK(clock.at(at(5s)) == at(105s));
  clock.stop(at(10s));
  CHECK(clock.at(at(10s)) == at(110s));
  CHECK(clock.at(at(19s)) == at(110s));
  clock.go_on(at(20s));
  CHECK(clock.at(at(20s)) == at(110s));
  CHECK(clock.at(at(21s)) == at(111s));
}

TEST_CASE("host_clock: the first instant of a time is before the clock stood still at it") {
  sim::host_clock clock;
  clock.start(at(0s), 100s);
  clock.stop(at(10s));
  CHECK(clock.first(at(110s)) == at(10s));
  clock.go_on(at(20s));
  clock.stop(at(30s));
  clock.go_on(at(31s));
  CHECK(clock.first(at(109s)) == at(9s));
  CHECK(clock.first(at(110s)) == at(10s));
  CHECK(clock.first(at(111s)) == at(21s));
  CHECK(clock.first(at(121s)) == at(32s));
}

TEST_CASE("host_clock: a new life has no standstills") {
  sim::host_clock clock;
  clock.start(at(0s), 100s);
  clock.stop(at(10s));
  clock.go_on(at(12s));
  clock.start(at(12s), 3s);
  CHECK(clock.at(at(20s)) == at(23s));
  CHECK(clock.first(at(23s)) == at(20s));
  CHECK(stood(clock, at(5s), at(20s)) == 2s);
}

TEST_CASE("host_clock: one that is too fast or too slow shows each time once, by its own rate") {
  for (const std::int64_t gains : {24'000, -24'000, 1, -1, 333'333}) {
    CAPTURE(gains);
    sim::host_clock clock;
    clock.start(at(10s), 100s, gains);
    CHECK(clock.at(at(10s)) == at(110s));
    CHECK(clock.at(at(11s)) == at(111s + duration{gains * 1000}));
    clock.stop(at(20s));
    clock.go_on(at(25s));
    CHECK(clock.at(at(26s)) == at(121s + duration{gains * 11'000}));
    for (const duration own : {110s, 111s, 119s, 122s, 200s, 100s}) {
      const time_point when = clock.first(at(own + duration{7}));
      CHECK(clock.at(when) >= at(own + duration{7}));
      CHECK(clock.at(when - duration{1}) < at(own + duration{7}));
    }
  }
}

TEST_CASE("host_clock: how long it stood still counts whole, if it reaches into the time asked") {
  sim::host_clock clock;
  clock.start(at(0s), {});
  clock.stop(at(10s));
  CHECK(stood(clock, at(5s), at(9s)) == 0s);
  CHECK(stood(clock, at(5s), at(12s)) == 2s);
  clock.go_on(at(20s));
  CHECK(stood(clock, at(5s), at(30s)) == 10s);
  CHECK(stood(clock, at(19s), at(30s)) == 10s);
  CHECK(stood(clock, at(21s), at(30s)) == 0s);
}

TEST_CASE("host_clock: what several slept through together counts once") {
  CHECK(sim::length_of_union({}) == 0s);
  CHECK(sim::length_of_union({{at(5s), at(8s)}, {at(1s), at(2s)}}) == 4s);
  CHECK(sim::length_of_union({{at(1s), at(10s)}, {at(2s), at(3s)}, {at(9s), at(12s)}}) == 11s);
}
