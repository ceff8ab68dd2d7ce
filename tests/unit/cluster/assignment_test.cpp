// The formulas here are derived apart from the algorithm.
//
// Balance: floor(P w / W) <= owned <= ceil(P w / W), checked by multiplication.
//
// Least changes. Call low and high the bounds of a member, c what it owns before, U the homeless.
// Every table within the bounds changes at least
//   A = U + sum max(0, c - high)   partitions: the homeless get a home, the surplus must leave;
//   B = sum max(0, low - c)        partitions: what is short must arrive.
// And max(A, B) is enough: hand the A to whoever is short. If some of A is left nobody is short,
// and there is room below the high bounds, because they sum to at least P. If A is used up while a
// member is short, take from a member above its low bound; there is one, because the low bounds sum
// to at most P, and it is not short. Each step changes one partition and no partition changes
// twice. For tiny cases the formula itself is checked against all tables there are.
#include <kith/cluster/assignment.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace {

using kith::random_source;
using kith::cluster::assign_owners;
using kith::cluster::unowned;

using table = std::vector<std::uint16_t>;
using numbers = std::vector<std::uint32_t>;

std::vector<std::int64_t> count_owned(const table& owners, std::size_t members) {
  std::vector<std::int64_t> owned(members);
  for (const std::uint16_t owner : owners) {
    if (owner != unowned) ++owned.at(owner);
  }
  return owned;
}

bool within_bounds(const table& owners, const numbers& weights) {
  const std::int64_t sum = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
  const auto partitions = static_cast<std::int64_t>(owners.size());
  const auto owned = count_owned(owners, weights.size());
  for (std::size_t m = 0; m < weights.size(); ++m) {
    // |owned - P w / W| < 1
    const std::int64_t off = owned[m] * sum - partitions * weights[m];
    if (off <= -sum || off >= sum) return false;
  }
  return std::accumulate(owned.begin(), owned.end(), std::int64_t{0}) == partitions;
}

std::int64_t changes(const table& before, const table& after) {
  std::int64_t count = 0;
  for (std::size_t p = 0; p < before.size(); ++p) count += before[p] != after[p];
  return count;
}

std::int64_t least_changes(const table& before, const numbers& weights) {
  const std::int64_t sum = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
  const auto partitions = static_cast<std::int64_t>(before.size());
  const auto owned = count_owned(before, weights.size());
  std::int64_t leave = std::count(before.begin(), before.end(), unowned);
  std::int64_t arrive = 0;
  for (std::size_t m = 0; m < weights.size(); ++m) {
    const std::int64_t low = partitions * weights[m] / sum;
    const std::int64_t high = (partitions * weights[m] + sum - 1) / sum;
    leave += std::max<std::int64_t>(0, owned[m] - high);
    arrive += std::max<std::int64_t>(0, low - owned[m]);
  }
  return std::max(leave, arrive);
}

// A view as the table sees it: named members, each with a weight, oldest first.
struct population {
  std::vector<int> names;
  numbers weights;
  int next_name = 0;

  void join(std::uint32_t weight) {
    names.push_back(next_name++);
    weights.push_back(weight);
  }
  void leave(std::size_t at) {
    names.erase(names.begin() + static_cast<std::ptrdiff_t>(at));
    weights.erase(weights.begin() + static_cast<std::ptrdiff_t>(at));
  }
};

table renumber(const table& owners, const std::vector<int>& before, const std::vector<int>& after) {
  table result;
  for (const std::uint16_t owner : owners) {
    const auto at =
        owner == unowned ? after.end() : std::find(after.begin(), after.end(), before.at(owner));
    result.push_back(at == after.end() ? unowned : static_cast<std::uint16_t>(at - after.begin()));
  }
  return result;
}

enum class weighing { equal, mixed };

std::uint32_t draw_weight(random_source& random, weighing how) {
  if (how == weighing::equal) return 1;
  switch (random.below(8)) {
    case 0: return 0;
    case 1: return static_cast<std::uint32_t>(random.below(4'000'000'000));
    default: return static_cast<std::uint32_t>(random.between(1, 8));
  }
}

void run_views(std::uint64_t seed, std::size_t members_max, std::size_t views, weighing how) {
  CAPTURE(seed);
  random_source random{seed};
  population now;
  now.join(1);
  table owners(kith::partition_count, unowned);
  for (std::size_t view = 0; view < views; ++view) {
    CAPTURE(view);
    const auto names = now.names;
    const std::uint64_t joins = random.below(random.below(4) == 0 ? members_max : 3);
    for (std::uint64_t i = 0; i < joins && now.names.size() < members_max; ++i) {
      now.join(draw_weight(random, how));
    }
    const std::uint64_t leaves = random.below(random.below(4) == 0 ? now.names.size() : 3);
    for (std::uint64_t i = 0; i < leaves && now.names.size() > 1; ++i) {
      now.leave(random.below(now.names.size()));
    }
    if (how == weighing::mixed && random.below(3) == 0) {
      now.weights[random.below(now.weights.size())] = draw_weight(random, how);
    }
    if (std::count(now.weights.begin(), now.weights.end(), 0u) ==
        static_cast<std::ptrdiff_t>(now.weights.size())) {
      now.weights[0] = 1;
    }
    const table before = renumber(owners, names, now.names);
    owners = assign_owners(before, now.weights);
    REQUIRE(within_bounds(owners, now.weights));
    REQUIRE(changes(before, owners) == least_changes(before, now.weights));
    REQUIRE(assign_owners(owners, now.weights) == owners);
  }
}

}  // namespace

TEST_CASE("assignment: random views of equal members are balanced with the fewest changes") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) run_views(seed, 12, 30, weighing::equal);
  for (std::uint64_t seed = 1; seed <= 10; ++seed) run_views(seed, 1000, 20, weighing::equal);
}

TEST_CASE("assignment: random views of weighted members are balanced with the fewest changes") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) run_views(seed, 12, 30, weighing::mixed);
  for (std::uint64_t seed = 1; seed <= 10; ++seed) run_views(seed, 1000, 20, weighing::mixed);
}

TEST_CASE("assignment: every number of members from 1 to 1000 is within one") {
  table owners(kith::partition_count, unowned);
  for (std::size_t n = 1; n <= 1000; ++n) {
    const numbers weights(n, 1);
    const table after = assign_owners(owners, weights);
    const auto owned = count_owned(after, n);
    const auto [least, most] = std::minmax_element(owned.begin(), owned.end());
    REQUIRE(*most - *least <= 1);
    REQUIRE(changes(owners, after) == least_changes(owners, weights));
    owners = after;
  }
}

TEST_CASE("assignment: the least number of changes agrees with all tables there are") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    random_source random{seed};
    const std::size_t members = random.between(1, 4);
    const std::size_t partitions = random.between(1, 6);
    numbers weights(members);
    for (std::uint32_t& weight : weights) weight = static_cast<std::uint32_t>(random.below(5));
    if (std::accumulate(weights.begin(), weights.end(), 0u) == 0) weights[0] = 1;
    table before(partitions);
    for (std::uint16_t& owner : before) {
      const std::uint64_t drawn = random.below(members + 1);
      owner = drawn == members ? unowned : static_cast<std::uint16_t>(drawn);
    }
    std::int64_t best = INT64_MAX;
    table all(partitions, 0);
    for (bool more = true; more;) {
      if (within_bounds(all, weights)) best = std::min(best, changes(before, all));
      std::size_t digit = 0;
      while (digit < partitions && ++all[digit] == members) all[digit++] = 0;
      more = digit < partitions;
    }
    const table after = assign_owners(before, weights);
    REQUIRE(within_bounds(after, weights));
    REQUIRE(changes(before, after) == best);
    REQUIRE(least_changes(before, weights) == best);
  }
}

TEST_CASE("assignment: a member without weight owns nothing") {
  const table after = assign_owners(table{0, 1, 2, 0}, numbers{1, 0, 1});
  CHECK(after == table{0, 2, 2, 0});
}

TEST_CASE("assignment: without any weight nobody owns anything") {
  CHECK(assign_owners(table{0, 1, unowned}, numbers{0, 0}) == table(3, unowned));
  CHECK(assign_owners(table{unowned}, numbers{}) == table{unowned});
}

TEST_CASE("assignment: the one left over goes to who has it already, else to the larger fraction") {
  CHECK(assign_owners(table{1, 1, 0}, numbers{1, 1}) == table{1, 1, 0});
  CHECK(assign_owners(table{0, 0, 1}, numbers{1, 1}) == table{0, 0, 1});
  CHECK(assign_owners(table(4, unowned), numbers{1, 2}) == table{0, 1, 1, 1});
  CHECK(assign_owners(table(3, unowned), numbers{1, 1}) == table{0, 0, 1});
}

TEST_CASE("assignment: only what a leaver owned moves when a member leaves") {
  const table owners = assign_owners(table(kith::partition_count, unowned), numbers(16, 1));
  table before = owners;
  for (std::uint16_t& owner : before) {
    if (owner == 15) owner = unowned;
  }
  const table after = assign_owners(before, numbers(15, 1));
  for (std::size_t p = 0; p < after.size(); ++p) {
    if (before[p] != unowned) CHECK(after[p] == before[p]);
  }
}

TEST_CASE("assignment: the largest weights there are do not overflow") {
  const numbers weights(1000, UINT32_MAX);
  CHECK(within_bounds(assign_owners(table(kith::partition_count, unowned), weights), weights));
}
