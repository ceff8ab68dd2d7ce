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
      if (seed % 2 == 0)
        w.run_for(duration{static_cast<duration::rep>(w.random().below(100'000'000))});
    }
    const bool formed = w.run_until(5s, [&] { return w.one_view(w.living()); });
    INFO(w.describe());
    CHECK(formed);
    CHECK(w.counters().births == 1);
  }
}

TEST_CASE("membership: members that were alone meet at once when one learns of the other") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    world_options options;
    options.seed = seed;
    options.ports = 0;
    world w{options};
    w.add();
    w.add();
    w.run_for(60s);
    CHECK(w.machine(0).current()->size() == 1);
    const std::vector<endpoint> all{w.at(0).address, w.at(1).address};
    w.act(0, [&](membership& m, time_point now, outbox& out) {
      m.set_candidates(now, all, discovered::whole, out);
    });
    CHECK(w.run_until(500ms, [&] { return w.one_view({0, 1}); }));
  }
}

TEST_CASE("membership: who has not been told yet where others are waits before it founds") {
  world_options options;
  options.ports = 0;
  options.extent = discovered::part;
  world w{options};
  w.add();
  w.run_for(2900ms);
  CHECK(w.machine(0).current() == nullptr);
  CHECK(w.run_until(200ms, [&] { return w.one_view({0}); }));

  // Told in time it joins and founds nothing; told that there is nobody it founds at once.
  w.add();
  w.add();
  const auto tell = [&w](std::size_t whom, std::vector<endpoint> found) {
    w.act(whom, [&](membership& m, time_point now, outbox& out) {
      m.set_candidates(now, found, discovered::whole, out);
    });
  };
  tell(1, {w.at(0).address, w.at(1).address});
  tell(2, {});
  CHECK(w.machine(2).role() == member_role::coordinator);
  CHECK(w.run_until(1s, [&] { return w.one_view({0, 1}); }));
  CHECK(w.counters().births == 2);
}

TEST_CASE("membership: an address that is no candidate any more is not dialled again") {
  world_options options;
  options.ports = 0;
  options.quorum = quorum_mode::majority;
  options.expect = 2;
  world w{options};
  w.add();
  const auto dials_after = [&w](std::vector<endpoint> found) {
    std::size_t dials = 0;
    w.act(0, [&](membership& m, time_point now, outbox& out) {
      m.set_candidates(now, std::move(found), discovered::whole, out);
      m.on_timeout(m.next_timeout(), out);
      for (const effect& each : out) dials += std::holds_alternative<dial>(each) ? 1u : 0u;
      out.clear();
    });
    return dials;
  };
  const endpoint first{"127.0.0.1", 7001};
  const endpoint second{"127.0.0.1", 7002};
  CHECK(dials_after({first, w.at(0).address}) == 1);
  w.act(0, [&](membership& m, time_point now, outbox& out) {
    m.on_dial_failed(now, first, dial_failure::refused, out);
  });
  CHECK(dials_after({second}) == 1);
  CHECK(dials_after({}) == 0);
}

TEST_CASE(
    "membership: a stopped process on a candidate's port delays a founding, and splits none") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    world_options options;
    options.seed = seed;
    world w{options};
    w.add();
    w.pause(0, 60s);
    std::vector<std::size_t> others;
    for (int i = 0; i < 10; ++i) others.push_back(w.add());
    const bool formed = w.run_until(5s, [&] { return w.one_view(others); });
    INFO(w.describe());
    CHECK(formed);
    const std::uint64_t births = w.counters().births;
    CHECK(births == 1);
  }
}

TEST_CASE("membership: a member that falls silent is removed within seven seconds") {
  for (const quorum_mode mode : {quorum_mode::none, quorum_mode::majority}) {
    world_options options;
    options.quorum = mode;
    auto w = cluster_of(5, options);
    w->run_for(3s);
    const std::size_t silent = w->machine(2).role() == member_role::coordinator ? 3 : 2;
    std::vector<std::size_t> others;
    for (std::size_t i = 0; i < 5; ++i) {
      if (i != silent) others.push_back(i);
    }
    w->pause(silent, 60s);
    CHECK_FALSE(w->run_until(4500ms, [&] { return w->one_view(others); }));
    CHECK(w->run_until(2500ms, [&] { return w->one_view(others); }));
  }
}

TEST_CASE("membership: with a quorum nothing is founded before all that are expected have met") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    world_options options;
    options.seed = seed;
    options.quorum = quorum_mode::majority;
    options.expect = 3;
    world w{options};
    w.add();
    w.add();
    w.run_for(10s);
    CHECK(w.counters().births == 0);
    // One of them is started again, at the moment at which the third appears.
    const std::size_t again = seed % 2;
    w.add();
    w.run_for(duration{static_cast<duration::rep>(w.random().below(20'000'000))});
    if (!w.machine(again).current()) {
      w.crash(again);
      w.start(again);
    }
    settle(w, 20s);
    CHECK(w.counters().births == 1);
    w.add();
    settle(w, 5s);
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
    MESSAGE("kill of the coordinator to stable view, ms: ",
            (w->now() - killed).count() / 1'000'000);
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

TEST_CASE("membership: several members die at once, the coordinator among them") {
  for (const quorum_mode mode : {quorum_mode::none, quorum_mode::majority}) {
    world_options options;
    options.quorum = mode;
    auto w = cluster_of(7, options);
    w->run_for(3s);
    for (const std::size_t i : {0, 2, 5}) w->crash(i);
    settle(*w, 20s);
  }
}

TEST_CASE("membership: a crashed process comes back as a new member") {
  for (const quorum_mode mode : {quorum_mode::none, quorum_mode::majority}) {
    world_options options;
    options.quorum = mode;
    auto w = cluster_of(4, options);
    w->run_for(3s);
    const member_id before = w->machine(2).self();
    w->crash(2);
    w->run_for(50ms);
    w->start(2);
    settle(*w, 10s);
    CHECK(w->machine(2).self() != before);
    CHECK(w->machine(0).current()->size() == 4);
  }
}

TEST_CASE(
    "membership: a member that was stopped past its removal comes back with a new incarnation") {
  for (const quorum_mode mode : {quorum_mode::none, quorum_mode::majority}) {
    for (std::size_t victim = 0; victim < 4; ++victim) {
      world_options options;
      options.quorum = mode;
      options.seed = 10 + victim;
      auto w = cluster_of(4, options);
      w->run_for(3s);
      const member_id before = w->machine(victim).self();
      w->pause(victim, 12s);
      w->run_for(13s);
      settle(*w, 30s);
      CHECK(w->machine(victim).self().same_object(before));
      CHECK(w->machine(victim).self().incarnation == before.incarnation + 1);
    }
  }
}

TEST_CASE("membership: the smaller side of a cut loses, and joins again when it heals") {
  for (const quorum_mode mode : {quorum_mode::none, quorum_mode::majority}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      world_options options;
      options.quorum = mode;
      options.seed = seed;
      auto w = cluster_of(5, options);
      w->run_for(3s);
      w->cut_groups({0, 1}, {2, 3, 4});
      const bool apart = w->run_until(30s, [&] { return w->one_view({2, 3, 4}); });
      INFO(w->describe());
      CHECK(apart);
      w->run_for(10s);
      w->heal();
      settle(*w, 60s);
      CHECK(w->machine(3).current()->size() == 5);
    }
  }
}

TEST_CASE("membership: of two halves only the one with the oldest goes on") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    world_options options;
    options.quorum = quorum_mode::majority;
    options.seed = seed;
    auto w = cluster_of(4, options);
    w->run_for(3s);
    std::vector<std::size_t> with;
    std::vector<std::size_t> without;
    for (std::size_t i = 0; i < 4; ++i) {
      const bool oldest = w->machine(i).role() == member_role::coordinator;
      (oldest ? with : (with.size() < 2 && i == 1) ? with : without).push_back(i);
    }
    if (with.size() != 2) continue;
    const auto before = w->machine(0).current()->key.number;
    w->cut_groups(with, without);
    w->run_for(40s);
    CHECK(w->one_view(with));
    for (const std::size_t i : without) CHECK(w->machine(i).current()->key.number == before);
    CHECK(w->counters().dynamic_linear_tie >= 1);
    w->heal();
    settle(*w, 60s);
  }
}

TEST_CASE("membership: a minority's coordinator keeps nobody of its side fresh") {
  world_options options;
  options.quorum = quorum_mode::majority;
  const auto w = cluster_of(5, options);
  w->run_for(3s);
  std::size_t oldest = 0;
  while (w->machine(oldest).role() != member_role::coordinator) ++oldest;
  const std::size_t other = oldest == 0 ? 1 : 0;
  std::vector<std::size_t> rest;
  for (std::size_t i = 0; i < 5; ++i) {
    if (i != oldest && i != other) rest.push_back(i);
  }
  w->cut_groups({oldest, other}, rest);
  const auto freshness = [&](std::size_t i) {
    time_point known;
    w->act(i, [&](membership& m, time_point t, outbox&) { known = m.freshness(t); });
    return known;
  };
  w->run_for(8s);
  REQUIRE(w->one_view(rest));
  const time_point before = freshness(other);
  w->run_for(10s);
  CHECK(freshness(other) == before);
  CHECK(freshness(rest[0]) > before + 10s);
}

TEST_CASE("membership: after a takeover with a quorum members are fresh before two heartbeats") {
  world_options options;
  options.quorum = quorum_mode::majority;
  const auto w = cluster_of(7, options);
  w->run_for(3s);
  std::size_t oldest = 0;
  while (w->machine(oldest).role() != member_role::coordinator) ++oldest;
  // Of six, two have to have echoed the new coordinator: the first answer comes too early.
  const view_number before = w->machine(oldest).current()->key.number;
  w->crash(oldest);
  REQUIRE(w->run_until(20s, [&] {
    return std::ranges::all_of(
        w->living(), [&](std::size_t i) { return w->machine(i).current()->key.number > before; });
  }));
  const auto fresh = [&](std::size_t i) {
    time_point known;
    w->act(i, [&](membership& m, time_point t, outbox&) { known = m.freshness(t); });
    return known != time_point{};
  };
  CHECK(w->run_until(500ms, [&] { return std::ranges::all_of(w->living(), fresh); }));
}

TEST_CASE("membership: two clusters that were founded apart become one") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    world_options options;
    options.seed = seed;
    world w{options};
    std::vector<std::size_t> a;
    std::vector<std::size_t> b;
    for (std::size_t i = 0; i < 6; ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        if (i % 2 != k % 2) w.cut(i, k);
      }
      w.add();
      (i % 2 == 0 ? a : b).push_back(i);
    }
    w.run_until(20s, [&] { return w.one_view(a) && w.one_view(b); });
    INFO(w.describe());
    CHECK(w.one_view(a));
    CHECK(w.one_view(b));
    w.heal();
    settle(w, 30s);
    CHECK(w.counters().merges_dissolved >= 1);
  }
}

TEST_CASE("membership: who missed that its side gave way hears it in its coordinator's next life") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    world_options options;
    options.seed = seed;
    world w{options};
    const std::vector<std::size_t> larger{0, 1, 2};
    const std::vector<std::size_t> smaller{3, 4};
    w.cut_groups(larger, smaller);
    for (int i = 0; i < 5; ++i) w.add();
    w.run_until(20s, [&] { return w.one_view(larger) && w.one_view(smaller); });
    INFO(w.describe());
    REQUIRE(w.one_view(smaller));
    const bool first = w.machine(3).role() == member_role::coordinator;
    const std::size_t apart = first ? 4 : 3;
    const std::size_t leader = first ? 3 : 4;
    w.heal();
    for (const std::size_t other : {0, 1, 2}) w.cut(apart, other);
    w.cut(apart, leader);
    w.run_until(5s, [&] { return w.one_view({0, 1, 2, leader}); });
    REQUIRE(w.one_view({0, 1, 2, leader}));
    w.reset_links(apart);
    w.heal();
    settle(w, 20s);
    CHECK(w.machine(apart).counters().kicked == 1);
    CHECK(w.machine(apart).counters().takeovers == 0);
  }
}

TEST_CASE("membership: a cache is agreed once and a difference is named") {
  auto w = cluster_of(3);
  const auto open = [&](std::size_t i, std::string ttl) {
    w->act(i, [&](membership& m, time_point t, outbox& out) {
      m.open_cache(t, {"books", {{"schema", "1"}, {"ttl", std::move(ttl)}}}, out);
    });
  };
  open(1, "60");
  CHECK(w->run_until(1s, [&] { return !w->at(1).caches.empty(); }));
  open(2, "60");
  open(0, "30");
  w->run_for(1s);
  REQUIRE(w->at(2).caches.size() == 1);
  REQUIRE(w->at(0).caches.size() == 1);
  CHECK(w->at(1).caches[0].outcome == cache_outcome::opened);
  CHECK(w->at(2).caches[0].outcome == cache_outcome::opened);
  CHECK(w->at(2).caches[0].id == w->at(1).caches[0].id);
  CHECK(w->at(0).caches[0].outcome == cache_outcome::mismatch);
  CHECK(w->at(0).caches[0].field == "ttl");
  w->crash(0);
  settle(*w, 15s);
  CHECK(w->machine(1).current()->find_cache("books") != nullptr);
}

TEST_CASE(
    "membership: a coordinator that was stopped is not fresh until a majority answers again") {
  for (const quorum_mode mode : {quorum_mode::none, quorum_mode::majority}) {
    world_options options;
    options.quorum = mode;
    options.drift = 0;
    auto w = cluster_of(3, options);
    w->run_for(5s);
    std::size_t c = 0;
    while (w->machine(c).role() != member_role::coordinator) ++c;
    const auto age = [&](std::size_t i) {
      duration found{};
      w->act(i, [&](membership& m, time_point t, outbox&) { found = t - m.freshness(t); });
      return found;
    };
    for (std::size_t i = 0; i < 3; ++i) CHECK(age(i) <= 1100ms);
    w->pause(c, 10s);
    w->run_for(10s - 1ms);
    CHECK(age(c) >= 9s);
    settle(*w, 60s);
    w->run_for(2s);
    for (std::size_t i = 0; i < 3; ++i) CHECK(age(i) <= 1100ms);
  }
}
