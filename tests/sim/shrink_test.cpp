// Shrinking, on runs that are functions of their schedules.
#include <kith/sim/fault_entry.hpp>
#include <kith/sim/fault_plan.hpp>
#include <kith/sim/schedule.hpp>
#include <kith/sim/shrink.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <numeric>
#include <set>
#include <vector>

using namespace kith;
using namespace std::chrono_literals;

namespace {

struct shrunk_numbers {
  std::vector<int> left;
  std::size_t runs = 0;
};

/// Of a hundred, where those of `guilty` fail together.
shrunk_numbers reduced_to(const std::set<int>& guilty) {
  std::vector<int> all(100);
  std::iota(all.begin(), all.end(), 0);
  shrunk_numbers result;
  result.left = sim::ddmin<int>(all, [&](const std::vector<int>& some) {
    ++result.runs;
    return std::ranges::all_of(guilty,
                               [&](int one) { return std::ranges::find(some, one) != some.end(); });
  });
  return result;
}

/// A pause of member 1 of two seconds or more behind a crash breaks the rule.
bool fails(const sim::schedule& what) {
  bool crashed = false;
  for (const sim::fault_entry& one : what.entries) {
    if (one.which == sim::fault::crash) crashed = true;
    if (one.which == sim::fault::pause && one.member == 1 && one.length >= 2s && crashed) {
      return what.options.length > one.at;
    }
  }
  return false;
}

sim::schedule large() {
  sim::schedule whole;
  whole.options.faults = sim::all_faults();
  whole.options.faults.delay_mean = 100ms;
  whole.options.length = 100s;
  for (int i = 0; i < 60; ++i) {
    const duration when = std::chrono::seconds{i};
    const auto member = static_cast<sim::host_index>(i % 3);
    whole.entries.push_back({.which = i % 2 == 0 ? sim::fault::pause : sim::fault::crash,
                             .at = when,
                             .member = member,
                             .length = 9s});
    whole.entries.push_back(
        {.which = sim::fault::late_ticks, .at = when, .member = member, .by = 1s});
  }
  return whole;
}

}  // namespace

TEST_CASE("ddmin: what fails together is left and nothing else") {
  CHECK(reduced_to({}).left.empty());
  CHECK(reduced_to({0}).left == std::vector{0});
  CHECK(reduced_to({99}).left == std::vector{99});
  CHECK(reduced_to({3, 41, 42, 77}).left == std::vector{3, 41, 42, 77});
}

TEST_CASE("ddmin: a hundred items need few runs") {
  CHECK(reduced_to({50}).runs < 20);
  CHECK(reduced_to({3, 41, 42, 77}).runs < 60);
}

TEST_CASE("ddmin: items that fail in pairs only go in pairs") {
  const std::vector<int> left =
      sim::ddmin<int>({1, 2, 3, 4, 5, 6, 7, 8}, [](const std::vector<int>& some) {
        return std::ranges::count(some, 3) == 1 && some.size() % 2 == 0;
      });
  CHECK(std::ranges::count(left, 3) == 1);
  CHECK(left.size() == 2);
}

TEST_CASE("shrink: classes go and entries go and what is left is as short as it can be") {
  REQUIRE(fails(large()));
  const sim::shrunk small = sim::shrinker{large(), fails, 400}.run();
  CHECK(fails(small.least));
  REQUIRE(small.least.entries.size() == 2);
  CHECK(small.least.entries[0].which == sim::fault::crash);
  CHECK(small.least.entries[0].length <= 2ms);
  CHECK(small.least.entries[1].which == sim::fault::pause);
  CHECK(small.least.entries[1].length == 2250ms);
  CHECK(small.least.options.length < 10s);
  CHECK_FALSE(small.least.options.faults.delay_mean);
  CHECK_FALSE(small.least.options.faults.has(sim::fault::late_ticks));
  CHECK(small.runs < 400);
}

TEST_CASE("shrink: rounds of a flip_flop go from the last one on") {
  sim::schedule whole;
  whole.options.faults = sim::all_faults();
  whole.entries.push_back({.which = sim::fault::flip_flop,
                           .to = 1,
                           .rounds = 4,
                           .cut = {8s, 8s, 8s},
                           .open = {1s, 1s, 1s}});
  const auto two_rounds = [](const sim::schedule& what) {
    return !what.entries.empty() && what.entries[0].cut.size() >= 2;
  };
  const sim::shrunk small = sim::shrinker{whole, two_rounds, 400}.run();
  REQUIRE(small.least.entries.size() == 1);
  CHECK(small.least.entries[0].rounds == 2);
  CHECK(small.least.entries[0].cut.size() == 2);
  CHECK(small.least.entries[0].cut[0] < 2ms);
}

TEST_CASE("shrink: where much would go other draws of the clients are tried") {
  sim::schedule whole = large();
  whole.options.work_seed = 70;
  // A coincidence of all entries, or of none and what clients do by the third draw.
  const auto coincides = [&](const sim::schedule& what) {
    const std::size_t left = what.entries.size();
    return left == whole.entries.size() || (left == 0 && what.options.work_seed == 72);
  };
  const sim::shrunk small = sim::shrinker{whole, coincides, 400}.run();
  CHECK(small.least.entries.empty());
  CHECK(small.least.options.work_seed == 72);
}

TEST_CASE("shrink: it ends with what it has when it had its runs") {
  std::size_t runs = 0;
  const sim::shrunk small = sim::shrinker{large(),
                                          [&](const sim::schedule& less) {
                                            ++runs;
                                            return fails(less);
                                          },
                                          7}
                                .run();
  CHECK(runs == 7);
  CHECK(small.runs == 7);
  CHECK(fails(small.least));
}
