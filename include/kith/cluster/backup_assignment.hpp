// The target of backups: which members should hold the copies of each partition. Pure, like the
// target of ownership (assignment.hpp), and computed after it.
//
// Rules. A backup is never its partition's owner, nor twice in a row, and has weight. Where at
// least `count` such members are outside the owner's zone, none is in it; otherwise all of those
// outside are backups and the rest are taken inside, and the plan says how many.
//
// Balance. Let l be a member's number of backups and w its weight. No chain of allowed moves leads
// from a member u to a member v with (2 l_u - 1) / w_u > (2 l_v + 1) / w_v, which is to say that no
// table within the rules has a smaller sum of l^2 / w. Where the rules leave room, members of equal
// weight are therefore at most one apart, and in general l is w times a common factor, rounded to
// the nearest. Where they do not (a small zone must back up a large one), nothing fairer exists.
//
// Movement. A backup that is within the rules stays, unless it is the surplus at the start of such
// a chain. Old backups keep their order and come first in the row, for they have the data and the
// first is promoted when the owner dies. A plan that is fed back is returned as it is.
//
// Algorithm. (1) Keep what is within the rules. (2) Fill each gap with the member of the least
// (2 l + 1) / w that the rules allow. Rows are taken in the order of a hash: in any regular order
// the partitions of one owner meet the same few members, who would take over all of it at its
// death. (3) Move from the most to the least loaded while that is fairer: directly where one row
// allows it, else by a breadth-first search for a chain, backwards from the receiver. A receiver
// without a chain is settled together with all from which a chain led to it: what reaches them
// would reach it.
//
// Cost for P partitions, n members, B = P * count: (1), (2) O(B log n), plus what the rules make it
// skip; (3) O(B / n + log n) for a direct move, O(B) for a chain. All in all some milliseconds for
// 1000 members, a hundred when two zones share them nine to one.
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

/// Requires: `previous` has a whole number of entries (0 to backup_count_max) for each owner, all
/// of them indices into `weights` or `unowned`; so may an owner be.
[[nodiscard]] backup_plan assign_backups(std::span<const std::uint16_t> owners,
                                         std::span<const std::uint16_t> previous,
                                         const backup_rules& rules);

/// The work of assign_backups: a table half done.
class backup_assignment {
 public:
  backup_assignment(std::span<const std::uint16_t> owners, const backup_rules& rules);

  void keep(std::span<const std::uint16_t> previous);
  void fill();
  void level();
  [[nodiscard]] backup_plan plan() const;

 private:
  /// What a member holds for its weight: (2 l + 1) / w if it is to take one, (2 l - 1) / w if it is
  /// to give one away. Ordered without division, and by member where equal.
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
  /// In a search for a chain: the member may give `partition` to `taker`.
  struct step {
    std::uint16_t partition = 0;
    std::uint16_t taker = unowned;
  };
  using numbers = std::vector<std::uint16_t>;

  [[nodiscard]] load taking(std::uint16_t m) const {
    return {2 * held_[m] + 1, rules_.weights[m], m};
  }
  [[nodiscard]] load giving(std::uint16_t m) const {
    return {2 * held_[m] - 1, rules_.weights[m], m};
  }
  [[nodiscard]] bool inside(std::size_t partition, std::uint16_t m) const;
  [[nodiscard]] std::size_t inside_count(std::size_t partition) const;
  [[nodiscard]] bool may_enter(std::size_t partition, std::uint16_t m) const;
  [[nodiscard]] bool may_join(std::size_t partition, std::uint16_t m) const;
  [[nodiscard]] bool may_replace(std::size_t partition, std::uint16_t taker,
                                 std::uint16_t giver) const;
  void join(std::size_t partition, std::uint16_t m);
  void change_held(std::uint16_t m, std::int64_t change);
  void move(std::uint16_t partition, std::uint16_t taker, std::uint16_t giver);
  [[nodiscard]] bool move_directly(std::uint16_t taker, std::uint16_t giver);
  [[nodiscard]] bool move_by_chain(std::uint16_t taker);

  const std::span<const std::uint16_t> owners_;
  const backup_rules rules_;
  std::vector<std::size_t> room_;        // of each row: the entries there can be
  std::vector<std::size_t> inside_max_;  // of each row: those that may share the owner's zone

  std::vector<numbers> rows_;     // the backups of each partition
  std::vector<numbers> held_in_;  // the partitions of each member, in the order they came
  std::vector<std::int64_t> held_;
  std::set<load> takers_;      // with weight and not settled, by taking()
  std::set<load> givers_;      // with weight, by giving()
  std::vector<bool> settled_;  // in this pass: no chain to it makes the table fairer
};

// --- implementation ---

inline backup_plan assign_backups(std::span<const std::uint16_t> owners,
                                  std::span<const std::uint16_t> previous,
                                  const backup_rules& rules) {
  backup_assignment work{owners, rules};
  work.keep(previous);
  work.fill();
  work.level();
  return work.plan();
}

inline backup_assignment::backup_assignment(std::span<const std::uint16_t> owners,
                                            const backup_rules& rules)
    : owners_{owners},
      rules_{rules},
      room_(owners.size()),
      inside_max_(owners.size()),
      rows_(owners.size()),
      held_in_(rules.weights.size()),
      held_(rules.weights.size()),
      settled_(rules.weights.size()) {
  const std::size_t size = rules.weights.size();
  KITH_ASSERT(size < unowned && rules.count <= backup_count_max);
  KITH_ASSERT(rules.zones.empty() || rules.zones.size() == size);
  std::vector<std::uint32_t> zones;  // of all with weight, so that a zone can be counted
  std::size_t able = 0;
  for (std::size_t m = 0; m < size; ++m) {
    if (rules.weights[m] == 0) continue;
    ++able;
    if (!rules.zones.empty()) zones.push_back(rules.zones[m]);
    const auto member = static_cast<std::uint16_t>(m);
    takers_.insert(taking(member));
    givers_.insert(giving(member));
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

inline void backup_assignment::keep(std::span<const std::uint16_t> previous) {
  if (owners_.empty()) return;
  KITH_ASSERT(previous.size() % owners_.size() == 0);
  const std::size_t width = previous.size() / owners_.size();
  KITH_ASSERT(width <= backup_count_max);
  for (std::size_t p = 0; p < owners_.size(); ++p) {
    for (const std::uint16_t member : previous.subspan(p * width, width)) {
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

inline void backup_assignment::level() {
  bool moved = true;
  while (moved) {
    moved = false;
    takers_.clear();
    for (std::size_t m = 0; m < held_.size(); ++m) {
      settled_[m] = rules_.weights[m] == 0;
      if (!settled_[m]) takers_.insert(taking(static_cast<std::uint16_t>(m)));
    }
    while (!takers_.empty()) {
      const load least = *takers_.begin();
      const load most = *givers_.rbegin();
      if (!least.below(most)) break;  // not even these two would gain
      if (move_directly(least.member, most.member) || move_by_chain(least.member)) moved = true;
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
  const numbers& row = rows_[partition];
  return m != owners_[partition] && std::find(row.begin(), row.end(), m) == row.end();
}

inline bool backup_assignment::may_join(std::size_t partition, std::uint16_t m) const {
  if (rows_[partition].size() == room_[partition] || rules_.weights[m] == 0) return false;
  if (!may_enter(partition, m)) return false;
  return !inside(partition, m) || inside_count(partition) < inside_max_[partition];
}

/// Requires that `taker` has weight and `giver` is in the row.
inline bool backup_assignment::may_replace(std::size_t partition, std::uint16_t taker,
                                           std::uint16_t giver) const {
  if (inside(partition, taker) && !inside(partition, giver) &&
      inside_count(partition) >= inside_max_[partition]) {
    return false;
  }
  return may_enter(partition, taker);
}

inline void backup_assignment::join(std::size_t partition, std::uint16_t m) {
  rows_[partition].push_back(m);
  held_in_[m].push_back(static_cast<std::uint16_t>(partition));
  change_held(m, 1);
}

inline void backup_assignment::change_held(std::uint16_t m, std::int64_t change) {
  const bool takes = takers_.erase(taking(m)) != 0;
  givers_.erase(giving(m));
  held_[m] += change;
  if (takes) takers_.insert(taking(m));
  givers_.insert(giving(m));
}

inline void backup_assignment::move(std::uint16_t partition, std::uint16_t taker,
                                    std::uint16_t giver) {
  std::erase(rows_[partition], giver);
  std::erase(held_in_[giver], partition);
  change_held(giver, -1);
  join(partition, taker);
}

/// Moves one backup from `giver` to `taker`. The latest that came is the first to go: it is the
/// least likely to be first in its row.
inline bool backup_assignment::move_directly(std::uint16_t taker, std::uint16_t giver) {
  const numbers& candidates = held_in_[giver];
  const auto found = std::find_if(candidates.rbegin(), candidates.rend(),
                                  [&](std::uint16_t p) { return may_replace(p, taker, giver); });
  if (found == candidates.rend()) return false;
  move(*found, taker, giver);
  return true;
}

/// Finds the shortest chain that brings `taker` one backup and makes the table fairer, and moves
/// along it. If there is none, settles `taker` and all that were reached: as takers are tried from
/// the least loaded up, what is no gain for this one is none for those; so a later search need not
/// go through them either.
inline bool backup_assignment::move_by_chain(std::uint16_t taker) {
  std::vector<step> steps(held_.size());
  std::vector<bool> reached = settled_;
  reached[taker] = true;
  numbers queue{taker};
  numbers open;  // rows with members that are not reached yet
  for (std::size_t p = 0; p < rows_.size(); ++p) {
    if (!rows_[p].empty()) open.push_back(static_cast<std::uint16_t>(p));
  }
  const load wants = taking(taker);
  for (std::size_t at = 0; at < queue.size(); ++at) {
    const std::uint16_t through = queue[at];
    std::size_t kept = 0;
    for (std::size_t i = 0; i < open.size(); ++i) {
      const std::uint16_t p = open[i];
      bool all = true;
      for (std::size_t k = 0; k < rows_[p].size(); ++k) {
        const std::uint16_t giver = rows_[p][k];
        if (reached[giver]) continue;
        if (!may_replace(p, through, giver)) {
          all = false;
          continue;
        }
        reached[giver] = true;
        steps[giver] = {p, through};
        queue.push_back(giver);
        if (!wants.below(giving(giver))) continue;
        for (std::uint16_t from = giver; from != taker;) {
          const step s = steps[from];
          move(s.partition, s.taker, from);
          from = s.taker;
        }
        return true;
      }
      if (!all) open[kept++] = p;
    }
    open.resize(kept);
  }
  for (const std::uint16_t member : queue) {
    settled_[member] = true;
    takers_.erase(taking(member));
  }
  return false;
}

}  // namespace kith::cluster
