// Which members should hold the copies of each partition, whoever holds them now.
//
// Why not from the present copies. Owners move copies one by one, in no order, and each of them
// looks at the target in whatever view it has. A choice that depends on what was moved so far
// changes under their hands, and what they brought halfway is in vain. This one depends on the
// members and the owners that there should be, and on nothing else.
//
// Rank. For each partition every member draws a number: the stable hash of its identity and the
// partition as an exponential variate, divided by its weight. The lowest draws win. So a member is
// chosen in proportion to its weight, one that comes takes only what it wins, and where one goes
// only its places are filled (rendezvous hashing).
//
// Bound. Chance alone would give some members far more than others. All draws of all partitions are
// taken in rising order, and a member that has an eighth more than its share, and one, takes no
// more. That is loose enough that few places depend on others.
//
// Rules of zones, and places that are left, are backup_assignment.hpp's: what is ranked here is
// kept within its rules, and it fills the rest, least loaded first.
//
// Cost: P * n draws for P partitions and n members; a millisecond for 100 members.
#pragma once

#include <kith/cluster/assignment.hpp>
#include <kith/cluster/backup_assignment.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/stable_hash.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <tuple>
#include <vector>

namespace kith::cluster {

/// Of members with these identities, in their order in the rules. The order within a row is that of
/// rank.
[[nodiscard]] backup_plan rank_backups(std::span<const std::uint16_t> owners,
                                       std::span<const member_id> ids, const backup_rules& rules);

// --- implementation ---

namespace parts {

struct draw {
  std::uint64_t cost;
  std::uint16_t partition;
  std::uint16_t member;

  friend bool operator<(const draw& a, const draw& b) {
    return std::tie(a.cost, a.partition, a.member) < std::tie(b.cost, b.partition, b.member);
  }
};

/// -log2 of the hash as a share of its range, below 2^58. Between powers of two it is a straight
/// line: a small error, the same for all.
[[nodiscard]] constexpr std::uint64_t exponential(std::uint64_t hash) {
  hash |= 1;
  const auto zeros = static_cast<std::uint64_t>(std::countl_zero(hash));
  const std::uint64_t fraction = hash << zeros << 1 >> 32;
  return ((zeros << 32) + ((std::uint64_t{1} << 32) - fraction)) << 19;
}

/// The draws that may win a place of the partition, best first, and some in reserve.
inline void best_draws(std::uint16_t partition, std::uint16_t owner,
                       std::span<const std::uint64_t> seeds, const backup_rules& rules,
                       std::vector<draw>& best) {
  constexpr std::uint64_t inside = std::uint64_t{1} << 63;  // after all that are outside
  constexpr std::size_t reserve = 2;
  const std::uint32_t zone = rules.zones.empty() ? no_zone : rules.zones[owner];
  std::size_t outside = 0;
  best.clear();
  for (std::size_t m = 0; m < seeds.size(); ++m) {
    if (m == owner || rules.weights[m] == 0) continue;
    const bool shares = zone != no_zone && rules.zones[m] == zone;
    outside += shares ? 0u : 1u;
    const std::uint64_t drawn = exponential(stable_hash_combine(seeds[m], partition));
    best.push_back({drawn / rules.weights[m] + (shares ? inside : 0), partition,
                    static_cast<std::uint16_t>(m)});
  }
  std::size_t kept = std::min(rules.count + reserve, best.size());
  if (outside >= rules.count) kept = std::min(kept, outside);
  std::partial_sort(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(kept), best.end());
  best.resize(kept);
}

/// Places that each member may win.
[[nodiscard]] inline std::vector<std::uint64_t> most_places(
    std::size_t places, std::span<const std::uint32_t> weights) {
  std::uint64_t sum = 0;
  for (const std::uint32_t weight : weights) sum += weight;
  std::vector<std::uint64_t> most;
  for (const std::uint32_t weight : weights) {
    most.push_back(sum == 0 ? 0 : places * weight * 9 / 8 / sum + 1);
  }
  return most;
}

}  // namespace parts

inline backup_plan rank_backups(std::span<const std::uint16_t> owners,
                                std::span<const member_id> ids, const backup_rules& rules) {
  std::vector<std::uint64_t> seeds;
  for (const member_id& id : ids) seeds.push_back(stable_hash_combine(id.high, id.low));
  std::vector<parts::draw> draws;
  std::vector<parts::draw> best;
  for (std::size_t p = 0; p < owners.size(); ++p) {
    if (owners[p] == unowned) continue;
    parts::best_draws(static_cast<std::uint16_t>(p), owners[p], seeds, rules, best);
    draws.insert(draws.end(), best.begin(), best.end());
  }
  std::sort(draws.begin(), draws.end());

  std::vector<std::uint64_t> left = parts::most_places(owners.size() * rules.count, rules.weights);
  std::vector<std::uint16_t> winners(owners.size() * rules.count, unowned);
  std::vector<std::size_t> taken(owners.size());
  for (const parts::draw& each : draws) {
    if (taken[each.partition] == rules.count || left[each.member] == 0) continue;
    --left[each.member];
    winners[each.partition * rules.count + taken[each.partition]++] = each.member;
  }
  backup_assignment work{owners, rules};
  work.keep(winners);
  work.fill();
  return work.plan();
}

}  // namespace kith::cluster
