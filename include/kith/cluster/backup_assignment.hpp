// Who may hold the copies of each partition, and how places that are left are filled. Pure, like
// the target of ownership (assignment.hpp), and computed after it; the choice itself is
// copy_ranking.hpp's.
//
// Rules. A backup is never its partition's owner, nor twice in a row, and has weight. Where at
// least `count` such members are outside the owner's zone, none is in it; otherwise all of those
// outside are backups and the rest are taken inside, and the plan says how many.
//
// Algorithm. (1) Keep, of those that were chosen, what is within the rules, in its order. (2) Fill
// each gap with the least loaded member that the rules allow: with l backups and weight w, that of
// the least (2 l + 1) / w. Rows are taken in the order of a hash: in any regular order the
// partitions of one owner meet the same few members, who would take over all of it at its death.
//
// Cost for P partitions and n members: O(P * count * log n), plus what the rules make it skip.
#pragma once

#include <kith/cluster/assignment.hpp>
#include <kith/core/assert.hpp>
#include <kith/core/stable_hash.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <utility>
#include <vector>

namespace kith::cluster {

/// More copies cost more than they save.
inline constexpr std::size_t backup_count_max = 6;
/// The zone of a member that shares its fate with nobody.
inline constexpr std::uint32_t no_zone = 0;

struct backup_rules {
  std::span<const std::uint32_t> weights = {};  // of each member
  std::span<const std::uint32_t> zones = {};    // of each member; empty when there are none
  std::size_t count = 1;                        // backups of each partition, 0 to backup_count_max
};

struct backup_plan {
  /// `count` entries for each partition; first the one to promote; `unowned` at the end of a row
  /// where there are not enough members.
  std::vector<std::uint16_t> backups = {};
  /// Entries that share a zone with their owner, for want of another.
  std::size_t same_zone = 0;
  /// Entries that are `unowned`.
  std::size_t missing = 0;
};

/// A table half done.
class backup_assignment {
 public:
  backup_assignment(std::span<const std::uint16_t> owners, const backup_rules& rules);

  /// Requires: `chosen` has a whole number of entries (0 to backup_count_max) for each owner, all
  /// of them indices into the weights or `unowned`; so may an owner be.
  void keep(std::span<const std::uint16_t> chosen);
  void fill();
  [[nodiscard]] backup_plan plan() const;

 private:
  /// What a member would hold for its weight with one more: (2 l + 1) / w. Ordered without
  /// division, and by member where equal.
  struct load {
    std::int64_t halves;
    std::int64_t weight;
    std::uint16_t member;

    [[nodiscard]] bool below(const load& other) const {
      return halves * other.weight < other.halves * weight;
    }
    friend bool operator<(const load& a, const load& b) {
      if (a.below(b)) return true;
      return !b.below(a) && a.member < b.member;
    }
  };
  [[nodiscard]] load taking(std::uint16_t m) const {
    return {2 * held_[m] + 1, rules_.weights[m], m};
  }
  [[nodiscard]] bool inside(std::size_t partition, std::uint16_t m) const;
  [[nodiscard]] std::size_t inside_count(std::size_t partition) const;
  [[nodiscard]] bool may_enter(std::size_t partition, std::uint16_t m) const;
  [[nodiscard]] bool may_join(std::size_t partition, std::uint16_t m) const;
  void join(std::size_t partition, std::uint16_t m);

  const std::span<const std::uint16_t> owners_;
  const backup_rules rules_;
  std::vector<std::size_t> room_;        // of each row: the entries there can be
  std::vector<std::size_t> inside_max_;  // of each row: those that may share the owner's zone

  std::vector<std::vector<std::uint16_t>> rows_;  // the backups of each partition
  std::vector<std::int64_t> held_;                // of each member: how many
  std::set<load> takers_;                         // with weight, by taking()
};

// --- implementation ---

inline backup_assignment::backup_assignment(std::span<const std::uint16_t> owners,
                                            const backup_rules& rules)
    : owners_{owners},
      rules_{rules},
      room_(owners.size()),
      inside_max_(owners.size()),
      rows_(owners.size()),
      held_(rules.weights.size()) {
  const std::size_t size = rules.weights.size();
  KITH_ASSERT(size < unowned && rules.count <= backup_count_max);
  KITH_ASSERT(rules.zones.empty() || rules.zones.size() == size);
  std::vector<std::uint32_t> zones;  // of all with weight, so that a zone can be counted
  std::size_t able = 0;
  for (std::size_t m = 0; m < size; ++m) {
    if (rules.weights[m] == 0) continue;
    ++able;
    if (!rules.zones.empty()) zones.push_back(rules.zones[m]);
    takers_.insert(taking(static_cast<std::uint16_t>(m)));
  }
  std::sort(zones.begin(), zones.end());
  for (std::size_t p = 0; p < owners.size(); ++p) {
    const std::uint16_t owner = owners[p];
    if (owner == unowned) continue;  // nobody to copy from: no backups either
    KITH_ASSERT(owner < size);
    const std::size_t others = able - (rules.weights[owner] != 0 ? 1 : 0);
    std::size_t outside = others;
    if (!rules.zones.empty() && rules.zones[owner] != no_zone) {
      const auto [first, last] = std::equal_range(zones.begin(), zones.end(), rules.zones[owner]);
      outside = able - static_cast<std::size_t>(last - first);
    }
    room_[p] = std::min(rules.count, others);
    inside_max_[p] = rules.count - std::min(rules.count, outside);
  }
}

inline void backup_assignment::keep(std::span<const std::uint16_t> chosen) {
  if (owners_.empty()) return;
  KITH_ASSERT(chosen.size() % owners_.size() == 0);
  const std::size_t width = chosen.size() / owners_.size();
  KITH_ASSERT(width <= backup_count_max);
  for (std::size_t p = 0; p < owners_.size(); ++p) {
    for (const std::uint16_t member : chosen.subspan(p * width, width)) {
      if (member == unowned) continue;
      KITH_ASSERT(member < held_.size());
      if (may_join(p, member)) join(p, member);
    }
  }
}

inline void backup_assignment::fill() {
  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  for (std::size_t p = 0; p < owners_.size(); ++p) order.emplace_back(stable_hash_word(p), p);
  std::sort(order.begin(), order.end());
  for (const auto& [hash, p] : order) {
    while (rows_[p].size() < room_[p]) {
      auto taker = takers_.begin();
      while (!may_join(p, taker->member)) {
        ++taker;
        KITH_ASSERT(taker != takers_.end());  // room_ and inside_max_ count who there is
      }
      join(p, taker->member);
    }
  }
}

inline backup_plan backup_assignment::plan() const {
  backup_plan result;
  result.backups.reserve(owners_.size() * rules_.count);
  for (std::size_t p = 0; p < owners_.size(); ++p) {
    result.backups.insert(result.backups.end(), rows_[p].begin(), rows_[p].end());
    result.backups.resize((p + 1) * rules_.count, unowned);
    result.missing += rules_.count - rows_[p].size();
    result.same_zone += inside_count(p);
  }
  return result;
}

/// Whether `m` shares the zone of the owner.
inline bool backup_assignment::inside(std::size_t partition, std::uint16_t m) const {
  if (rules_.zones.empty()) return false;
  const std::uint32_t zone = rules_.zones[m];
  return zone != no_zone && zone == rules_.zones[owners_[partition]];
}

inline std::size_t backup_assignment::inside_count(std::size_t partition) const {
  std::size_t count = 0;
  for (const std::uint16_t member : rows_[partition]) count += inside(partition, member) ? 1 : 0;
  return count;
}

inline bool backup_assignment::may_enter(std::size_t partition, std::uint16_t m) const {
  const std::vector<std::uint16_t>& row = rows_[partition];
  return m != owners_[partition] && std::find(row.begin(), row.end(), m) == row.end();
}

inline bool backup_assignment::may_join(std::size_t partition, std::uint16_t m) const {
  if (rows_[partition].size() == room_[partition] || rules_.weights[m] == 0) return false;
  if (!may_enter(partition, m)) return false;
  return !inside(partition, m) || inside_count(partition) < inside_max_[partition];
}

inline void backup_assignment::join(std::size_t partition, std::uint16_t m) {
  rows_[partition].push_back(m);
  takers_.erase(taking(m));
  ++held_[m];
  takers_.insert(taking(m));
}

}  // namespace kith::cluster
