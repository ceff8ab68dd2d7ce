// A fault is counted when it struck: a range of seeds in which one never happened must not pass.
#include <kith/cache.hpp>
#include <kith/core/ids.hpp>
#include <kith/options.hpp>
#include <kith/sim/cluster.hpp>
#include <kith/sim/fault_entry.hpp>
#include <kith/sim/fault_script.hpp>
#include <kith/sim/faults.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

using namespace std::chrono_literals;
using namespace kith;

namespace {

sim::fault_plan only(sim::fault which) {
  sim::fault_plan plan;
  plan.enabled[static_cast<std::size_t>(which)] = true;
  plan.interval = 500ms;
  return plan;
}

using numbers_options = cache_options<std::uint32_t, std::int64_t>;

numbers_options with_copies(int backups) {
  numbers_options options;
  options.backups = backups;
  return options;
}

void fill(sim::cluster& members, int backups) {
  const auto cache = members.cache<std::uint32_t, std::int64_t>(0, "numbers", with_copies(backups));
  for (std::uint32_t key = 0; key < 20; ++key) cache.put(key, key);
  members.run_until_stable();
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

TEST_CASE("faults: a changeover strikes an owner and holders of copies while copies are made") {
  sim::cluster_options options = of(5);
  options.lane.replica.feed_window = 1;
  sim::cluster cluster{options};
  cluster.run_until_stable();
  fill(cluster, 2);
  sim::fault_log log;
  sim::fault_plan plan = only(sim::fault::changeover);
  plan.set(sim::fault::crash, true);
  sim::fault_injector faults{cluster, plan, quorum::none, 1, log};
  cluster.after_each_event([&] { faults.look(); });
  faults.start(cluster.time().now() + 60s);
  cluster.run_for(60s);
  faults.stop();
  cluster.run_until_stable();
  CHECK(faults.counts()[static_cast<std::size_t>(sim::fault::changeover)] > 0);
  CHECK(std::ranges::any_of(log.entries, [](const sim::fault_entry& one) {
    return one.which == sim::fault::changeover && one.side.size() > 1;
  }));
}

TEST_CASE("faults: who leaves is gone when the others have all it had, and a new one comes") {
  sim::cluster cluster{of(4)};
  cluster.run_until_stable();
  fill(cluster, 0);
  std::vector<member_id> before;
  for (std::size_t i = 0; i < 4; ++i) before.push_back(cluster.host(i).control().self());
  sim::fault_log log;
  sim::fault_plan plan;
  plan.set(sim::fault::leave, true);
  sim::fault_entry all{.which = sim::fault::leave, .at = 1s};
  all.side = {0, 1, 2, 3};
  all.by = 10s;
  all.length = 2s;
  sim::fault_injector faults{cluster, plan, quorum::none, sim::fault_script{{all}}, log};
  cluster.after_each_event([&] { faults.look(); });
  faults.start(cluster.time().now() + 30s);
  cluster.run_for(30s);
  cluster.run_until_stable();
  // The last of them has nobody to leave to.
  for (std::size_t i = 0; i < 4; ++i) {
    CAPTURE(i);
    CHECK((cluster.host(i).control().self() == before[i]) == (i == 3));
  }
  CHECK(faults.violations().empty());
  const auto cache = cluster.cache<std::uint32_t, std::int64_t>(0, "numbers", with_copies(0));
  for (std::uint32_t key = 0; key < 20; ++key) {
    const auto found = cache.get(key);
    REQUIRE(found);
    CHECK(*found == key);
  }
  faults.stop();
}
