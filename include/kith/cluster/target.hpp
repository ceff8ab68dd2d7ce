// Where the partitions of a view should be: who should own each and who should hold its copies at
// which position. A pure function of the view, so that every owner knows by itself what to move
// where; the table follows by their claims (membership_table.hpp).
//
// Owners as in assignment.hpp, holders of copies as in copy_ranking.hpp. Positions matter too: who
// holds one has the caches that are copied so far, so that a member which stays in a row keeps its
// position. Newcomers take the free ones. Positions are filled from 0 on: where fewer members are
// left than there were positions, whoever holds the last one is to take the gap.
//
// A move that was made leaves the rest of the target as it is.
#pragma once

#include <kith/cluster/assignment.hpp>
#include <kith/cluster/backup_assignment.hpp>
#include <kith/cluster/copy_ranking.hpp>
#include <kith/cluster/view.hpp>
#include <kith/core/ids.hpp>
#include <kith/wire/view_records.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace kith::cluster {

struct placement {
  /// By partition; `unowned` where nobody is to own it.
  std::vector<std::uint16_t> owners;
  /// Positions of each partition.
  std::size_t width = 0;
  /// `width` for each partition, by position; `unowned` where there is nobody.
  std::vector<std::uint16_t> backups;

  [[nodiscard]] std::uint16_t owner(partition_id p) const { return owners[index_of(p)]; }
  [[nodiscard]] std::span<const std::uint16_t> row(partition_id p) const {
    return std::span{backups}.subspan(index_of(p) * width, width);
  }
};

/// Copies of a cache's entries beside the owner's: "backups" and "async_backups" together. What is
/// no number counts as 0, and there are never more than backups_max.
[[nodiscard]] std::size_t copies_of(const wire::cache_record& cache);
/// The most copies that a cache of the view has.
[[nodiscard]] std::size_t width_of(const view& of);

[[nodiscard]] placement target_of(const view& of);

// --- implementation ---

namespace parts {

[[nodiscard]] inline std::size_t copies_in(std::string_view text) {
  std::size_t copies = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), copies);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole ? std::min(copies, wire::backups_max) : 0;
}

/// The owners that there should be. Where no member has weight, nobody is better than another.
[[nodiscard]] inline std::vector<std::uint16_t> target_owners(
    const std::vector<partition_row>& rows, const std::vector<member_record>& members) {
  std::vector<std::uint16_t> present;
  for (const partition_row& row : rows) present.push_back(row.owner);
  std::vector<std::uint32_t> weights;
  for (const member_record& member : members) weights.push_back(member.weight);
  const bool weightless = std::ranges::all_of(weights, [](std::uint32_t w) { return w == 0; });
  return weightless ? present : assign_owners(present, weights);
}

/// A number for each member's zone, the same for equal names.
[[nodiscard]] inline std::vector<std::uint32_t> zone_numbers(
    const std::vector<member_record>& members) {
  std::vector<std::string_view> names{""};  // the first is no_zone
  for (const member_record& member : members) names.push_back(member.zone);
  std::ranges::sort(names);
  const auto twice = std::ranges::unique(names);
  names.erase(twice.begin(), twice.end());
  std::vector<std::uint32_t> numbers;
  for (const member_record& member : members) {
    const auto at = std::ranges::lower_bound(names, std::string_view{member.zone});
    numbers.push_back(static_cast<std::uint32_t>(at - names.begin()));
  }
  return numbers;
}

/// Orders the members of a target's row, so that those who are in `present` stay where they are.
inline void keep_positions(std::span<std::uint16_t> row,
                           const std::vector<std::uint16_t>& present) {
  std::vector<std::uint16_t> ordered(row.size(), unowned);
  std::vector<std::uint16_t> newcomers;
  for (const std::uint16_t member : row) {
    if (member == unowned) continue;
    const auto at = static_cast<std::size_t>(std::ranges::find(present, member) - present.begin());
    if (at < std::min(present.size(), row.size())) {
      ordered[at] = member;
    } else {
      newcomers.push_back(member);
    }
  }
  for (const std::uint16_t member : newcomers) *std::ranges::find(ordered, unowned) = member;
  for (auto last = ordered.rbegin(); last != ordered.rend(); ++last) {
    if (*last != unowned) std::swap(*last, *std::find(ordered.begin(), last.base() - 1, unowned));
  }
  std::ranges::copy(ordered, row.begin());
}

}  // namespace parts

inline std::size_t copies_of(const wire::cache_record& cache) {
  std::size_t copies = 0;
  for (const cache_field& field : cache.options) {
    if (field.name == "backups" || field.name == "async_backups") {
      copies += parts::copies_in(field.value);
    }
  }
  return std::min(copies, wire::backups_max);
}

/// Its writes are answered, and seen, when no reader can have an older value.
[[nodiscard]] inline bool is_strong(const cache_record& cache) {
  return std::ranges::any_of(cache.options, [](const cache_field& field) {
    return field.name == "coherence" && field.value == "strong";
  });
}
[[nodiscard]] inline bool has_strong_cache(const view& of) {
  return std::ranges::any_of(of.caches, is_strong);
}

inline std::size_t width_of(const view& of) {
  std::size_t width = 0;
  for (const cache_record& cache : of.caches) width = std::max(width, copies_of(cache));
  return width;
}

inline placement target_of(const view& of) {
  static_assert(wire::backups_max == backup_count_max);
  placement target{parts::target_owners(of.rows, of.members), width_of(of), {}};
  if (target.width == 0) return target;
  std::vector<member_id> ids;
  std::vector<std::uint32_t> weights;
  for (const member_record& member : of.members) {
    ids.push_back(member.id);
    weights.push_back(member.weight);
  }
  const std::vector<std::uint32_t> zones = parts::zone_numbers(of.members);
  target.backups = rank_backups(target.owners, ids, {weights, zones, target.width}).backups;
  for (std::size_t p = 0; p < of.rows.size(); ++p) {
    parts::keep_positions(std::span{target.backups}.subspan(p * target.width, target.width),
                          of.rows[p].backups);
  }
  return target;
}

}  // namespace kith::cluster
