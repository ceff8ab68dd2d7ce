// The life of a cluster, without faults or with one at a time.
#include "harness.hpp"

#include <doctest/doctest.h>

using namespace harness;

namespace {

/// A world of `n` members that have found each other.
std::unique_ptr<world> cluster_of(std::size_t n, world_options options = {}) {
  if (options.quorum == quorum_mode::majority) options.expect = n;
  auto w = std::make_unique<world>(options);
  for (std::size_t i = 0; i < n; ++i) w->add();
  const bool formed = w->run_until(20s, [&] { return w->one_view(w->living()); });
  INFO(w->describe());
  REQUIRE(formed);
  return w;
}


void settle(world& w, duration limit = 30s) {
  const bool settled = w.run_until(limit, [&] { return w.one_view(w.living()); });
  INFO(w.describe());
  CHECK(settled);
  for (const std::string& violation : w.violations()) CHECK_MESSAGE(false, violation);
}

}  // namespace

TEST_CASE("membership: a member alone serves at once") {
  world w{{}};
  w.add();
  CHECK(w.run_until(100ms, [&] { return w.one_view({0}); }));
  CHECK(w.machine(0).role() == member_role::coordinator);
  CHECK(w.machine(0).fence(time_point{}) == never);
}

TEST_CASE("membership: a second member joins the first") {
  world w{{}};
  w.add();
  w.run_for(1s);
  w.add();
  CHECK(w.run_until(500ms, [&] { return w.one_view({0, 1}); }));
  CHECK(w.machine(0).coordinator_id() == w.machine(0).self());
}

TEST_CASE("membership: ten members that start at once form one cluster") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    world_options options;
    options.seed = seed;
    world w{options};
    for (int i = 0; i < 10; ++i) {
      w.add();
      if (seed % 2 == 0) w.run_for(duration{static_cast<duration::rep>(w.random().below(100'000'000))});
    }
    const bool formed = w.run_until(5s, [&] { return w.one_view(w.living()); });
    INFO(w.describe());
    CHECK(formed);
    CHECK(w.counters().births == 1);
  }
}

TEST_CASE("membership: a killed member is removed") {
  for (const quorum_mode mode : {quorum_mode::none, quorum_mode::majority}) {
    world_options options;
    options.quorum = mode;
    auto w = cluster_of(5, options);
    w->run_for(5s);
    w->crash(3);
    const time_point killed = w->now();
    settle(*w, 8s);
    MESSAGE("kill to stable view, ms: ", (w->now() - killed).count() / 1'000'000);
  }
}

TEST_CASE("membership: the coordinator's death is survived") {
  for (const quorum_mode mode : {quorum_mode::none, quorum_mode::majority}) {
    world_options options;
    options.quorum = mode;
    auto w = cluster_of(5, options);
    w->run_for(5s);
    std::size_t victim = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      if (w->machine(i).role() == member_role::coordinator) victim = i;
    }
    w->crash(victim);
    const time_point killed = w->now();
    settle(*w, 10s);
    MESSAGE("kill of the coordinator to stable view, ms: ", (w->now() - killed).count() / 1'000'000);
    CHECK(w->counters().takeovers >= 1);
  }
}

TEST_CASE("membership: a member leaves within moments") {
  for (const quorum_mode mode : {quorum_mode::none, quorum_mode::majority}) {
    world_options options;
    options.quorum = mode;
    auto w = cluster_of(4, options);
    w->run_for(3s);
    for (std::size_t i = 0; i < 3; ++i) {
      w->leave(i);
      CHECK(w->run_until(200ms, [&] { return w->at(i).left; }));
      settle(*w, 10s);
    }
  }
}
