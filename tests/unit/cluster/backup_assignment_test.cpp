// Checked apart from the algorithm: the rules, entry by entry.
#include <kith/cluster/backup_assignment.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

namespace {

using kith::random_source;
using namespace kith::cluster;

using table = std::vector<std::uint16_t>;
using numbers = std::vector<std::uint32_t>;

struct setting {
  table owners;
  numbers weights;
  numbers zones;
  std::size_t count = 1;

  [[nodiscard]] backup_rules rules() const { return {weights, zones, count}; }
  [[nodiscard]] std::size_t size() const { return weights.size(); }
  [[nodiscard]] bool same_zone(std::size_t a, std::size_t b) const {
    return !zones.empty() && zones[a] != no_zone && zones[a] == zones[b];
  }
  /// Who may back up for `owner`, counted: those inside its zone, those outside.
  [[nodiscard]] std::pair<std::size_t, std::size_t> able(std::size_t owner) const {
    std::pair<std::size_t, std::size_t> result{0, 0};
    for (std::size_t m = 0; m < size(); ++m) {
      if (m == owner || weights[m] == 0) continue;
      ++(same_zone(m, owner) ? result.first : result.second);
    }
    return result;
  }
  /// Whether a row without duplicates is what the rules ask for.
  [[nodiscard]] bool allowed(std::size_t owner, const table& row) const {
    const auto [inside, outside] = able(owner);
    if (row.size() != std::min(count, inside + outside)) return false;
    std::size_t shared = 0;
    for (const std::uint16_t m : row) {
      if (m == owner || weights[m] == 0) return false;
      shared += same_zone(m, owner);
    }
    return shared == row.size() - std::min(row.size(), outside);
  }
};

table row_of(const setting& s, const backup_plan& plan, std::size_t p) {
  table row;
  for (std::size_t k = 0; k < s.count; ++k) {
    if (plan.backups[p * s.count + k] != unowned) row.push_back(plan.backups[p * s.count + k]);
  }
  return row;
}

bool rules_hold(const setting& s, const backup_plan& plan) {
  if (plan.backups.size() != s.owners.size() * s.count) return false;
  std::size_t shared = 0;
  std::size_t missing = 0;
  for (std::size_t p = 0; p < s.owners.size(); ++p) {
    const table row = row_of(s, plan, p);
    for (std::size_t k = 0; k < row.size(); ++k) {
      if (plan.backups[p * s.count + k] == unowned) return false;  // a hole before the end
      if (s.owners[p] != unowned) shared += s.same_zone(row[k], s.owners[p]);
    }
    if (std::set(row.begin(), row.end()).size() != row.size()) return false;
    const bool good = s.owners[p] == unowned ? row.empty() : s.allowed(s.owners[p], row);
    if (!good) return false;
    missing += s.count - row.size();
  }
  return shared == plan.same_zone && missing == plan.missing;
}

/// What is left of `chosen` by the rules, and the rest filled.
backup_plan filled(const table& owners, const table& chosen, const backup_rules& rules) {
  backup_assignment work{owners, rules};
  work.keep(chosen);
  work.fill();
  return work.plan();
}

/// A row for each owner, of anybody in any order.
table draw_rows(random_source& random, const setting& s, std::size_t width) {
  table rows;
  for (std::size_t i = 0; i < s.owners.size() * width; ++i) {
    const std::uint64_t drawn = random.below(s.size() + 1);
    rows.push_back(drawn == s.size() ? unowned : static_cast<std::uint16_t>(drawn));
  }
  return rows;
}

}  // namespace

TEST_CASE("backup_assignment: whatever was chosen, the rules hold, and what keeps them stays") {
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    CAPTURE(seed);
    random_source random{seed};
    setting s;
    const std::size_t size = random.between(1, seed % 10 == 0 ? 40 : 6);
    const std::uint64_t zones_max = random.below(5);
    for (std::size_t m = 0; m < size; ++m) {
      s.weights.push_back(static_cast<std::uint32_t>(random.below(5)));
      if (zones_max != 0) s.zones.push_back(static_cast<std::uint32_t>(random.below(zones_max)));
    }
    s.count = random.below(backup_count_max + 1);
    for (std::size_t p = random.between(1, 64); p > 0; --p) {
      const std::uint64_t drawn = random.below(8 * size + 1);
      s.owners.push_back(drawn == 0 ? unowned : static_cast<std::uint16_t>(drawn % size));
    }
    const table chosen = draw_rows(random, s, random.below(backup_count_max + 1));
    const backup_plan plan = filled(s.owners, chosen, s.rules());
    REQUIRE(rules_hold(s, plan));
    REQUIRE(filled(s.owners, plan.backups, s.rules()).backups == plan.backups);
  }
}

TEST_CASE("backup_assignment: what is filled goes to the least loaded for its weight") {
  const numbers weights{1, 1, 2, 4};
  const table owners(72, 0);
  const backup_plan plan = filled(owners, {}, {.weights = weights, .count = 1});
  std::vector<std::size_t> held(weights.size());
  for (const std::uint16_t m : plan.backups) ++held.at(m);
  // By (2 l + 1) / w, which rounds shares of 10.3, 20.6 and 41.1.
  CHECK(held == std::vector<std::size_t>{0, 10, 21, 41});
}

TEST_CASE("backup_assignment: a row keeps the order of those that stay, and new ones come last") {
  const numbers weights(5, 1);
  const table owners{0};
  const table previous{3, 0, 1};  // 0 became the owner
  const backup_plan plan = filled(owners, previous, {.weights = weights, .count = 3});
  CHECK(plan.backups == table{3, 1, 2});
}

TEST_CASE(
    "backup_assignment: members without weight back up nothing, and a lone one has no backup") {
  const numbers weights{1, 0, 0};
  const backup_plan plan = filled(table(4, 0), {}, {.weights = weights, .count = 2});
  CHECK(plan.backups == table(8, unowned));
  CHECK(plan.missing == 8);
}

TEST_CASE("backup_assignment: without enough zones the owner's own is used, and reported") {
  const numbers weights(4, 1);
  const numbers zones{1, 1, 1, 2};
  const table owners{0, 1, 2, 3};
  const backup_plan one = filled(owners, {}, {weights, zones, 1});
  CHECK(one.same_zone == 0);
  const backup_plan two = filled(owners, {}, {weights, zones, 2});
  CHECK(two.same_zone == 3);  // each of the zone of three has one backup outside and one inside
  CHECK(two.missing == 0);
  const numbers alone(4, no_zone);
  CHECK(filled(owners, {}, {weights, alone, 3}).same_zone == 0);
}

TEST_CASE("backup_assignment: no backups asked, none given") {
  const numbers weights(3, 1);
  const backup_plan plan = filled(table{0, 1, 2}, table{1, 2, 0}, {.weights = weights, .count = 0});
  CHECK(plan.backups.empty());
  CHECK(plan.missing == 0);
}

TEST_CASE("backup_assignment: a dead owner's partitions are taken over by many") {
  for (const std::size_t size : {4u, 10u, 16u, 50u}) {
    const numbers weights(size, 1);
    const table owners = assign_owners(table(kith::partition_count, unowned), weights);
    const backup_plan plan = filled(owners, {}, {.weights = weights, .count = 1});
    std::vector<std::size_t> promoted(size);
    for (std::size_t p = 0; p < owners.size(); ++p) {
      if (owners[p] == 1) ++promoted[plan.backups[p]];
    }
    const std::size_t fair = kith::partition_count / size / (size - 1) + 1;
    CHECK(*std::max_element(promoted.begin(), promoted.end()) <= 3 * fair);
  }
}
