// Seeds against faults: safety while they last (harness.hpp checks it after every event), then one
// stable view of all living members after everything has healed.
#include "harness.hpp"

#include <doctest/doctest.h>

using namespace harness;

namespace {

duration some(random_source& random, duration least, duration most) {
  return least + duration{static_cast<duration::rep>(
                     random.below(static_cast<std::uint64_t>((most - least).count())))};
}

/// With a quorum nobody may go for good unless the others can do without it: all of them agree on
/// one view, and more than half of it stays.
bool may_go(world& w, quorum_mode mode) {
  if (mode == quorum_mode::none) return true;
  return w.healthy() && w.living().size() >= 3 && w.one_view(w.living());
}

/// One fault, of the kinds that this seed has.
void disturb(world& w, std::uint64_t kinds, quorum_mode mode) {
  random_source& random = w.random();
  const std::size_t i = random.below(w.size());
  const auto wanted = [&](int kind) { return (kinds >> kind & 1) != 0; };
  switch (random.below(7)) {
    case 0:
      if (wanted(0) && w.at(i).alive && may_go(w, mode)) {
        w.crash(i);
        if (mode == quorum_mode::majority) w.run_for(12s);
      }
      break;
    case 1:
      if (!w.at(i).alive) w.start(i);
      break;
    case 2:
      if (wanted(1) && w.at(i).alive) w.pause(i, some(random, 10ms, 12s));
      break;
    case 3:
      if (wanted(2)) w.cut(i, random.below(w.size()));
      break;
    case 4:
      if (wanted(3)) {
        for (std::size_t k = 0; k < w.size(); ++k) {
          if (random.below(2) == 0) continue;
          for (std::size_t j = 0; j < k; ++j)
            if (random.below(2) == 0) w.cut(j, k);
        }
      }
      break;
    case 5:
      if (wanted(4) && w.at(i).alive) w.reset_links(i);
      if (wanted(5)) w.heal();
      break;
    case 6:
      if (wanted(6) && w.at(i).alive && !w.at(i).left && may_go(w, mode)) {
        w.leave(i);
        if (mode == quorum_mode::majority) w.run_for(12s);
      }
      break;
  }
}

struct outcome {
  bool converged = false;
  std::vector<std::string> violations;
  std::string picture;
  membership_counters counters;
};

outcome run(std::uint64_t seed, quorum_mode mode) {
  world_options options;
  options.seed = seed;
  options.quorum = mode;
  random_source swarm{seed * 77 + 1};
  const std::size_t n = 2 + swarm.below(6);
  options.expect = mode == quorum_mode::majority ? n : 1;
  options.resets = swarm.below(2) == 0 ? 0 : 2000;
  options.delay_max = swarm.below(2) == 0 ? 2ms : 60ms;
  options.drift = 20;
  const std::uint64_t kinds = swarm.next() & 127;
  world w{options};
  for (std::size_t i = 0; i < n; ++i) w.add();
  w.run_for(some(swarm, 100ms, 8s));
  for (int i = 0; i < 25; ++i) {
    disturb(w, kinds, mode);
    w.run_for(some(swarm, 5ms, 3s));
  }
  w.heal();
  if (mode == quorum_mode::none) {
    for (std::size_t i = 0; i < n; ++i)
      if (!w.at(i).alive && !w.at(i).left) w.start(i);
  }
  outcome result;
  result.converged =
      w.living().empty() || w.run_until(120s, [&] { return w.one_view(w.living()); });
  result.violations = w.violations();
  result.picture = w.describe();
  result.counters = w.counters();
  return result;
}

void run_all(quorum_mode mode, std::uint64_t first, std::uint64_t last,
             membership_counters& total) {
  // KITH_SEED=N replays one seed alone, KITH_SEEDS=N tries the first N; with KITH_TRACE=1 a run
  // tells what happened.
  if (const char* only = std::getenv("KITH_SEED")) first = last = std::strtoull(only, nullptr, 10);
  if (const char* more = std::getenv("KITH_SEEDS")) last = std::strtoull(more, nullptr, 10);
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const outcome result = run(seed, mode);
    INFO(result.picture);
    CHECK(result.converged);
    for (const std::string& violation : result.violations) CHECK_MESSAGE(false, violation);
    auto* into = reinterpret_cast<std::uint64_t*>(&total);
    const auto* from = reinterpret_cast<const std::uint64_t*>(&result.counters);
    for (std::size_t i = 0; i < sizeof total / 8; ++i) into[i] += from[i];
  }
}

}  // namespace

TEST_CASE("membership: no fault breaks a cluster without quorum") {
  membership_counters total;
  run_all(quorum_mode::none, 1, 200, total);
  CHECK(total.merges_dissolved > 0);
  CHECK(total.merges_confirmed > 0);
  CHECK(total.kicked > 0);
  CHECK(total.takeovers > 0);
  CHECK(total.pull_view > 0);
}

TEST_CASE("membership: no fault breaks a cluster with quorum") {
  membership_counters total;
  run_all(quorum_mode::majority, 1, 200, total);
  CHECK(total.takeover_with_accepted_value > 0);
  CHECK(total.dynamic_linear_tie > 0);
  CHECK(total.nack_by_window > 0);
  CHECK(total.nack_by_ballot > 0);
  CHECK(total.kicked > 0);
  CHECK(total.pull_view > 0);
  CHECK(total.chain_sent > 0);
  CHECK(total.promise_window_restarts > 0);
  CHECK(total.authority_lapses > 0);
  CHECK(total.stable_waited_for_fences > 0);
}
