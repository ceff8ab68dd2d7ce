// The target of ownership: which member should own which partition, as a pure function of the
// previous table and the weights of the new view. Every member computes the same target; the
// committed table follows it by promotion and migration.
//
// Balance. A member's exact share is partitions * weight / sum of weights. Its quota is the floor
// or the ceiling of that share, so members of equal weight are at most one apart; a member of
// weight 0 owns nothing.
//
// Least movement. The floors leave some partitions over, and as many members, none twice, get one
// more (their ceiling). A partition stays where it is exactly when its owner's quota covers it, so
// a member that owns more than its floor turns an extra into one partition that need not move.
// Those come first; among equals the larger fraction wins, then the older member (largest
// remainder). Then each member keeps min(owned, quota) partitions, and no choice of quotas keeps
// more.
//
// Which ones move has no cost here: a member keeps its lowest ones. Homeless partitions go in
// rising order to the members below quota, oldest first, so the first table is made of blocks and a
// block meets every lane.
//
// Cost: O(partitions + members log members); no floating point, no chance.
#pragma once

#include <kith/core/assert.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace kith::cluster {

/// Stands for a member in a table where there is none.
inline constexpr std::uint16_t unowned = 0xFFFF;

/// How many of `previous.size()` partitions each member should own, given who owns what now.
/// The sum is the number of partitions, or 0 when no member has weight.
[[nodiscard]] std::vector<std::uint32_t> owner_quotas(std::span<const std::uint16_t> previous,
                                                      std::span<const std::uint32_t> weights);

/// The target owner of each partition: an index into `weights`, or `unowned` when no member has
/// weight. Requires: each entry of `previous` is such an index or `unowned` (a partition whose
/// owner has left), and fewer than 65535 members.
[[nodiscard]] std::vector<std::uint16_t> assign_owners(std::span<const std::uint16_t> previous,
                                                       std::span<const std::uint32_t> weights);

// --- implementation ---

inline std::vector<std::uint32_t> owner_quotas(std::span<const std::uint16_t> previous,
                                               std::span<const std::uint32_t> weights) {
  KITH_ASSERT(weights.size() < unowned);
  std::vector<std::uint32_t> quotas(weights.size());
  std::uint64_t sum = 0;
  for (const std::uint32_t weight : weights) sum += weight;
  if (sum == 0) return quotas;

  std::vector<std::uint32_t> owned(weights.size());
  for (const std::uint16_t owner : previous) {
    KITH_ASSERT(owner == unowned || owner < weights.size());
    if (owner != unowned) ++owned[owner];
  }

  struct candidate {
    bool stays;  // an extra for it is one partition less to move
    std::uint64_t fraction;
    std::uint16_t member;
  };
  std::vector<candidate> candidates;
  std::uint64_t left = previous.size();
  for (std::size_t m = 0; m < weights.size(); ++m) {
    const std::uint64_t scaled = std::uint64_t{previous.size()} * weights[m];
    quotas[m] = static_cast<std::uint32_t>(scaled / sum);
    left -= quotas[m];
    if (scaled % sum == 0) continue;  // the share is whole: its floor is its ceiling
    candidates.push_back({owned[m] > quotas[m], scaled % sum, static_cast<std::uint16_t>(m)});
  }
  std::sort(candidates.begin(), candidates.end(), [](const candidate& a, const candidate& b) {
    if (a.stays != b.stays) return a.stays;
    if (a.fraction != b.fraction) return a.fraction > b.fraction;
    return a.member < b.member;
  });
  // The fractions add up to `left` and each is below one, so there are enough candidates.
  KITH_ASSERT(left <= candidates.size());
  for (std::size_t i = 0; i < left; ++i) ++quotas[candidates[i].member];
  return quotas;
}

inline std::vector<std::uint16_t> assign_owners(std::span<const std::uint16_t> previous,
                                                std::span<const std::uint32_t> weights) {
  std::vector<std::uint32_t> room = owner_quotas(previous, weights);
  std::vector<std::uint16_t> owners(previous.begin(), previous.end());
  for (std::uint16_t& owner : owners) {
    if (owner == unowned) continue;
    if (room[owner] == 0) {
      owner = unowned;
    } else {
      --room[owner];
    }
  }
  std::size_t taker = 0;
  for (std::uint16_t& owner : owners) {
    if (owner != unowned) continue;
    while (taker < room.size() && room[taker] == 0) ++taker;
    if (taker == room.size()) break;  // no member has weight
    owner = static_cast<std::uint16_t>(taker);
    --room[taker];
  }
  return owners;
}

}  // namespace kith::cluster
