// Checked apart from the algorithm: the rules entry by entry; the balance against all tables there
// are (tiny cases) and against the closure of allowed moves (larger ones); the movement against a
// lower bound that is derived as for owners (assignment_test.cpp).
#include <kith/cluster/backup_assignment.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <set>
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

std::vector<std::int64_t> count_held(const setting& s, const backup_plan& plan) {
  std::vector<std::int64_t> held(s.size());
  for (const std::uint16_t m : plan.backups) {
    if (m != unowned) ++held.at(m);
  }
  return held;
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

/// Twelve times the sum of l^2 / w, for weights that divide twelve.
std::int64_t unfairness(const setting& s, const std::vector<std::int64_t>& held) {
  std::int64_t sum = 0;
  for (std::size_t m = 0; m < s.size(); ++m) {
    if (s.weights[m] != 0) sum += held[m] * held[m] * 12 / s.weights[m];
  }
  return sum;
}

/// The least unfairness of all tables: tries every allowed row for each partition.
void search(const setting& s, std::size_t p, std::vector<std::int64_t>& held, std::int64_t& best) {
  if (p == s.owners.size()) {
    best = std::min(best, unfairness(s, held));
    return;
  }
  for (std::uint32_t set = 0; set < 1u << s.size(); ++set) {
    table row;
    for (std::uint16_t m = 0; m < s.size(); ++m) {
      if ((set >> m & 1) != 0) row.push_back(m);
    }
    if (!s.allowed(s.owners[p], row)) continue;
    for (const std::uint16_t m : row) ++held[m];
    search(s, p + 1, held, best);
    for (const std::uint16_t m : row) --held[m];
  }
}

/// Whether a chain of single moves within the rules would make the table fairer.
bool can_be_fairer(const setting& s, const backup_plan& plan) {
  std::vector<std::vector<bool>> leads(s.size(), std::vector<bool>(s.size()));
  for (std::size_t p = 0; p < s.owners.size(); ++p) {
    const table row = row_of(s, plan, p);
    for (std::size_t k = 0; k < row.size(); ++k) {
      for (std::uint16_t m = 0; m < s.size(); ++m) {
        table other = row;
        other[k] = m;
        const bool twice = std::set(other.begin(), other.end()).size() != other.size();
        if (!twice && s.allowed(s.owners[p], other)) leads[row[k]][m] = true;
      }
    }
  }
  for (std::size_t via = 0; via < s.size(); ++via) {
    for (std::size_t a = 0; a < s.size(); ++a) {
      for (std::size_t b = 0; b < s.size(); ++b) {
        if (leads[a][via] && leads[via][b]) leads[a][b] = true;
      }
    }
  }
  const auto held = count_held(s, plan);
  for (std::size_t u = 0; u < s.size(); ++u) {
    for (std::size_t v = 0; v < s.size(); ++v) {
      if (leads[u][v] && (2 * held[u] - 1) * s.weights[v] > (2 * held[v] + 1) * s.weights[u]) {
        return true;
      }
    }
  }
  return false;
}

std::int64_t added(const setting& s, const backup_plan& before, const backup_plan& after) {
  std::int64_t count = 0;
  for (std::size_t p = 0; p < s.owners.size(); ++p) {
    const table old = row_of(s, before, p);
    for (const std::uint16_t m : row_of(s, after, p)) {
      count += std::find(old.begin(), old.end(), m) == old.end();
    }
  }
  return count;
}

/// No table within one of equal shares has fewer new entries: for equal weights and no zones.
std::int64_t least_added(const setting& s, const backup_plan& before) {
  std::vector<std::int64_t> kept(s.size());
  std::int64_t total = 0;
  for (std::size_t p = 0; p < s.owners.size(); ++p) {
    for (const std::uint16_t m : row_of(s, before, p)) {
      if (m != s.owners[p]) ++kept[m], ++total;
    }
  }
  const auto all = static_cast<std::int64_t>(s.owners.size() * s.count);
  const auto n = static_cast<std::int64_t>(s.size());
  std::int64_t leave = all - total;
  std::int64_t arrive = 0;
  for (const std::int64_t k : kept) {
    leave += std::max<std::int64_t>(0, k - (all + n - 1) / n);
    arrive += std::max<std::int64_t>(0, all / n - k);
  }
  return std::max(leave, arrive);
}

/// The members in `gone` leave; the others move up.
void remove_members(setting& s, backup_plan& plan, const std::set<std::size_t>& gone) {
  table position(s.size(), unowned);
  numbers weights;
  numbers zones;
  for (std::size_t m = 0; m < s.size(); ++m) {
    if (gone.count(m) != 0) continue;
    position[m] = static_cast<std::uint16_t>(weights.size());
    weights.push_back(s.weights[m]);
    if (!s.zones.empty()) zones.push_back(s.zones[m]);
  }
  s.weights = weights;
  s.zones = zones;
  for (table* entries : {&s.owners, &plan.backups}) {
    for (std::uint16_t& m : *entries) m = m == unowned ? unowned : position[m];
  }
}

/// What happens at a death before the targets are computed: the first backup left is promoted.
void promote(setting& s, backup_plan& plan) {
  for (std::size_t p = 0; p < s.owners.size(); ++p) {
    if (s.owners[p] != unowned) continue;
    for (std::size_t k = 0; k < s.count && s.owners[p] == unowned; ++k) {
      std::swap(s.owners[p], plan.backups[p * s.count + k]);
    }
  }
}

void draw_step(random_source& random, setting& s, backup_plan& plan, std::size_t members_max,
               std::uint64_t zones_max, bool mixed) {
  const std::uint64_t joins = random.below(random.below(4) == 0 ? members_max : 3);
  for (std::uint64_t i = 0; i < joins && s.size() < members_max; ++i) {
    s.weights.push_back(mixed ? static_cast<std::uint32_t>(random.below(5)) : 1);
    if (zones_max != 0) s.zones.push_back(static_cast<std::uint32_t>(random.below(zones_max)));
  }
  std::set<std::size_t> gone;
  for (std::uint64_t i = random.below(3); i > 0 && gone.size() + 2 < s.size(); --i) {
    gone.insert(random.below(s.size()));
  }
  remove_members(s, plan, gone);
  if (s.weights[0] == 0) s.weights[0] = 1;
  promote(s, plan);
  s.owners = assign_owners(s.owners, s.weights);
}

}  // namespace

TEST_CASE("backup_assignment: no table within the rules is fairer") {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    CAPTURE(seed);
    random_source random{seed};
    setting s;
    const std::size_t size = random.between(1, 5);
    const std::uint32_t choices[] = {0, 1, 1, 2, 3, 4};
    for (std::size_t m = 0; m < size; ++m) {
      s.weights.push_back(choices[random.below(6)]);
      s.zones.push_back(static_cast<std::uint32_t>(random.below(4)));
    }
    if (random.below(3) == 0) s.zones.clear();
    s.count = random.below(4);
    const std::size_t partitions = random.between(1, 4);
    table previous;
    for (std::size_t p = 0; p < partitions; ++p) {
      s.owners.push_back(static_cast<std::uint16_t>(random.below(size)));
      for (std::size_t k = 0; k < 2; ++k) {
        const std::uint64_t drawn = random.below(size + 1);
        previous.push_back(drawn == size ? unowned : static_cast<std::uint16_t>(drawn));
      }
    }
    const backup_plan plan = assign_backups(s.owners, previous, s.rules());
    REQUIRE(rules_hold(s, plan));
    std::int64_t best = INT64_MAX;
    std::vector<std::int64_t> held(size);
    search(s, 0, held, best);
    REQUIRE(unfairness(s, count_held(s, plan)) == best);
  }
}

TEST_CASE("backup_assignment: random views keep the rules, are fair, and stay when fed back") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    random_source random{seed};
    setting s{.owners = table(256, unowned), .weights = {1}, .zones = {}, .count = 0};
    s.count = random.below(backup_count_max + 1);
    const std::uint64_t zones_max = random.below(5);
    if (zones_max != 0) s.zones = {1};
    backup_plan plan;
    plan.backups.assign(256 * s.count, unowned);
    const bool mixed = random.below(2) == 0;
    for (std::size_t view = 0; view < 12; ++view) {
      CAPTURE(view);
      draw_step(random, s, plan, 14, zones_max, mixed);
      plan = assign_backups(s.owners, plan.backups, s.rules());
      REQUIRE(rules_hold(s, plan));
      REQUIRE_FALSE(can_be_fairer(s, plan));
      REQUIRE(assign_backups(s.owners, plan.backups, s.rules()).backups == plan.backups);
    }
  }
}

TEST_CASE("backup_assignment: equal members are within one, and movement is near the least") {
  std::int64_t sum = 0;
  std::int64_t sum_least = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    random_source random{seed};
    const std::size_t members_max = seed % 10 == 0 ? 1000 : 40;
    setting s{.owners = table(kith::partition_count, unowned), .weights = {1}, .zones = {}};
    s.count = random.between(1, backup_count_max);
    while (s.size() < s.count + 3) s.weights.push_back(1);
    backup_plan plan;
    plan.backups.assign(kith::partition_count * s.count, unowned);
    for (std::size_t view = 0; view < 10; ++view) {
      CAPTURE(view);
      draw_step(random, s, plan, members_max, 0, false);
      while (s.size() < s.count + 3) {
        s.weights.push_back(1);
        s.owners = assign_owners(s.owners, s.weights);
      }
      const backup_plan before = plan;
      plan = assign_backups(s.owners, plan.backups, s.rules());
      REQUIRE(rules_hold(s, plan));
      const auto held = count_held(s, plan);
      const auto [low, high] = std::minmax_element(held.begin(), held.end());
      REQUIRE(*high - *low <= 1);
      const std::int64_t least = least_added(s, before);
      const std::int64_t moves = added(s, before, plan);
      REQUIRE(moves >= least);
      sum += moves;
      sum_least += least;
    }
  }
  // The bound is not always met: an owner may hold what it would have to take.
  CHECK(sum * 1000 <= sum_least * 1001);
}

TEST_CASE("backup_assignment: a row keeps the order of those that stay, and new ones come last") {
  const numbers weights(5, 1);
  const table owners{0};
  const table previous{3, 0, 1};  // 0 became the owner
  const backup_plan plan = assign_backups(owners, previous, {.weights = weights, .count = 3});
  CHECK(plan.backups == table{3, 1, 2});
}

TEST_CASE(
    "backup_assignment: members without weight back up nothing, and a lone one has no backup") {
  const numbers weights{1, 0, 0};
  const backup_plan plan = assign_backups(table(4, 0), {}, {.weights = weights, .count = 2});
  CHECK(plan.backups == table(8, unowned));
  CHECK(plan.missing == 8);
}

TEST_CASE("backup_assignment: without enough zones the owner's own is used, and reported") {
  const numbers weights(4, 1);
  const numbers zones{1, 1, 1, 2};
  const table owners{0, 1, 2, 3};
  const backup_plan one = assign_backups(owners, {}, {weights, zones, 1});
  CHECK(one.same_zone == 0);
  const backup_plan two = assign_backups(owners, {}, {weights, zones, 2});
  CHECK(two.same_zone == 3);  // each of the zone of three has one backup outside and one inside
  CHECK(two.missing == 0);
  const numbers alone(4, no_zone);
  CHECK(assign_backups(owners, {}, {weights, alone, 3}).same_zone == 0);
}

TEST_CASE("backup_assignment: no backups asked, none given") {
  const numbers weights(3, 1);
  const backup_plan plan =
      assign_backups(table{0, 1, 2}, table{1, 2, 0}, {.weights = weights, .count = 0});
  CHECK(plan.backups.empty());
  CHECK(plan.missing == 0);
}

TEST_CASE("backup_assignment: a dead owner's partitions are taken over by many") {
  for (const std::size_t size : {4u, 10u, 16u, 50u}) {
    const numbers weights(size, 1);
    const table owners = assign_owners(table(kith::partition_count, unowned), weights);
    const backup_plan plan = assign_backups(owners, {}, {.weights = weights, .count = 1});
    std::vector<std::size_t> promoted(size);
    for (std::size_t p = 0; p < owners.size(); ++p) {
      if (owners[p] == 1) ++promoted[plan.backups[p]];
    }
    const std::size_t fair = kith::partition_count / size / (size - 1) + 1;
    CHECK(*std::max_element(promoted.begin(), promoted.end()) <= 3 * fair);
  }
}
