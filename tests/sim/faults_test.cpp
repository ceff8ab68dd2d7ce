// A fault is counted when it struck: a range of seeds in which one never happened must not pass.
#include <kith/options.hpp>
#include <kith/sim/cluster.hpp>
#include <kith/sim/faults.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>

using namespace std::chrono_literals;
using namespace kith;

namespace {

sim::fault_plan only(sim::fault which) {
  sim::fault_plan plan;
  plan.enabled[static_cast<std::size_t>(which)] = true;
  plan.interval = 500ms;
  return plan;
}

sim::cluster_options of(std::size_t members) {
  sim::cluster_options options;
  options.members = members;
  return options;
}

std::uint64_t counted(std::size_t members, sim::fault which) {
  sim::cluster cluster{of(members)};
  cluster.run_until_stable();
  sim::fault_log log;
  sim::fault_injector faults{cluster, only(which), quorum::none, 1, log};
  faults.start(cluster.time().now() + 20s);
  cluster.run_for(20s);
  faults.stop();
  return faults.counts()[static_cast<std::size_t>(which)];
}

}  // namespace

TEST_CASE("faults: between members that do not exist, nothing happens") {
  for (const sim::fault which :
       {sim::fault::partition, sim::fault::isolated_pair, sim::fault::one_way_loss,
        sim::fault::clog, sim::fault::flip_flop, sim::fault::stall, sim::fault::slow_reader,
        sim::fault::duplicate_connection, sim::fault::reset}) {
    CAPTURE(sim::to_string(which));
    CHECK(counted(1, which) == 0);
    CHECK(counted(3, which) > 0);
  }
  CHECK(counted(2, sim::fault::isolated_pair) == 0);
}

TEST_CASE("faults: who stands still already is not stopped again") {
  for (const sim::fault which : {sim::fault::pause, sim::fault::freeze}) {
    CAPTURE(sim::to_string(which));
    sim::cluster cluster{of(1)};
    cluster.run_until_stable();
    sim::fault_log log;
    sim::fault_injector faults{cluster, only(which), quorum::none, 1, log};
    std::uint64_t stops = 0;
    bool stood = false;
    cluster.after_each_event([&] {
      const bool stands = cluster.host(0).paused();
      stops += stands && !stood ? 1 : 0;
      stood = stands;
    });
    faults.start(cluster.time().now() + 60s);
    cluster.run_for(60s);
    CHECK(stops > 0);
    CHECK(faults.counts()[static_cast<std::size_t>(which)] == stops);
  }
}
