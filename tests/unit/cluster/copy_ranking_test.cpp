#include <kith/cluster/copy_ranking.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

using namespace kith;
using namespace kith::cluster;

namespace {

struct members {
  std::vector<member_id> ids;
  std::vector<std::uint32_t> weights;
  std::vector<std::uint32_t> zones;
};

members some(std::size_t n, std::uint32_t zone_count = 0) {
  members made;
  for (std::size_t i = 0; i < n; ++i) {
    made.ids.push_back({i + 1, 7, 1});
    made.weights.push_back(100);
    made.zones.push_back(zone_count == 0 ? no_zone
                                         : static_cast<std::uint32_t>(1 + i % zone_count));
  }
  return made;
}

/// Everybody owns the same share, by what is known of identities only.
std::vector<std::uint16_t> owners_among(std::size_t n) {
  std::vector<std::uint16_t> owners;
  for (std::size_t p = 0; p < partition_count; ++p) {
    owners.push_back(static_cast<std::uint16_t>(p % n));
  }
  return owners;
}

std::vector<std::uint16_t> ranked(const std::vector<std::uint16_t>& owners, const members& of,
                                  std::size_t count) {
  return rank_backups(owners, of.ids, {of.weights, of.zones, count}).backups;
}

std::vector<std::size_t> loads(const std::vector<std::uint16_t>& backups, std::size_t n) {
  std::vector<std::size_t> held(n);
  for (const std::uint16_t member : backups) ++held.at(member);
  return held;
}

/// Pairs of partition and member that are in `b` and not in `a`. Indices mean the same members.
std::size_t moves(const std::vector<std::uint16_t>& a, const std::vector<std::uint16_t>& b,
                  std::size_t count) {
  std::set<std::pair<std::size_t, std::uint16_t>> had;
  for (std::size_t i = 0; i < a.size(); ++i) had.insert({i / count, a[i]});
  std::size_t moved = 0;
  for (std::size_t i = 0; i < b.size(); ++i) moved += had.contains({i / count, b[i]}) ? 0 : 1;
  return moved;
}

}  // namespace

TEST_CASE("copy ranking: nobody has more than an eighth above its share, and one") {
  for (const std::size_t n : {3u, 4u, 10u, 50u}) {
    for (const std::size_t count : {1u, 2u}) {
      const auto held = loads(ranked(owners_among(n), some(n), count), n);
      CHECK(std::ranges::max(held) <= partition_count * count * 9 / 8 / n + 1);
    }
  }
}

TEST_CASE("copy ranking: copies are in proportion to weight") {
  members of = some(10);
  of.weights[4] = 300;
  of.weights[7] = 0;
  const auto held = loads(ranked(owners_among(10), of, 1), 10);
  // Shares are 1 of 11, but it cannot hold copies of what it owns.
  CHECK(held[4] > 2 * partition_count / 11);
  CHECK(held[4] <= 3 * partition_count * 9 / 8 / 11 + 1);
  CHECK(held[7] == 0);
}

TEST_CASE("copy ranking: a member that comes moves little more than what it gets") {
  for (const std::size_t n : {5u, 10u, 30u}) {
    const auto owners = owners_among(n);
    const auto before = ranked(owners, some(n), 2);
    const auto after = ranked(owners, some(n + 1), 2);
    const std::size_t its_own = loads(after, n + 1)[n];
    CHECK(its_own > 0);
    CHECK(moves(before, after, 2) <= its_own + its_own / 2);
  }
}

TEST_CASE("copy ranking: an owner that changes changes no other row, but for the bound") {
  auto owners = owners_among(10);
  const auto before = ranked(owners, some(10), 1);
  for (std::size_t p = 0; p < 10; ++p) owners[p] = static_cast<std::uint16_t>((p + 1) % 10);
  CHECK(moves(before, ranked(owners, some(10), 1), 1) <= 20);
}

TEST_CASE("copy ranking: a small zone holds all that a large one may not hold itself") {
  members of = some(5);
  of.zones = {1, 1, 1, 1, 2};
  const auto owners = owners_among(5);
  const auto backups = ranked(owners, of, 1);
  for (std::size_t p = 0; p < owners.size(); ++p) {
    CHECK((owners[p] == 4 ? backups[p] != 4 : backups[p] == 4));
  }
}

TEST_CASE("copy ranking: what nobody owns has no copies") {
  auto owners = owners_among(3);
  owners[5] = unowned;
  const auto backups = ranked(owners, some(3), 1);
  CHECK(backups[5] == unowned);
  CHECK(std::ranges::count(backups, unowned) == 1);
}

TEST_CASE("copy ranking: the draws are the same everywhere") {
  static_assert(parts::exponential(~std::uint64_t{0}) < parts::exponential(1));
  static_assert(parts::exponential(std::uint64_t{1} << 63) == std::uint64_t{1} << 51);
  const auto backups = ranked(owners_among(5), some(5), 1);
  CHECK(std::vector<std::uint16_t>(backups.begin(), backups.begin() + 8) ==
        std::vector<std::uint16_t>{2, 0, 0, 1, 3, 3, 0, 1});
}
