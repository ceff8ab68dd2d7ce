// How the partition table goes from one view to the next. The proposer decides it, from what owners
// claim and who goes; the others take it over as the change says it.
//
// Copies decide. A partition goes to a member that holds it, never to another while there is one:
// the owner by its word (hand_over), or, when the owner goes, the member at the lowest position. A
// partition that nobody holds begins anew, empty, where the target wants it. Nothing else moves a
// partition that may have entries: owners bring copies where the target (target.hpp) wants them and
// claim it then.
//
// While there is no cache there are no entries, and the table is the target's at once.
#pragma once

#include <kith/cluster/assignment.hpp>
#include <kith/cluster/target.hpp>
#include <kith/cluster/view.hpp>
#include <kith/core/assert.hpp>
#include <kith/core/ids.hpp>
#include <kith/wire/membership_messages.hpp>
#include <kith/wire/view_records.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace kith::cluster {

/// What the next view is to be, before its table is known.
struct change_plan {
  view_key next = {};
  std::vector<wire::removal> removed = {};
  std::vector<member_record> added = {};
  std::vector<cache_record> caches = {};
  /// Of owners in the base view, in the order in which they were made. Members are its indices.
  std::vector<wire::row_claim> claims = {};
  std::vector<wire::reweighing> reweighed = {};
};

/// Completes a plan with the table. Also gives the view itself.
[[nodiscard]] std::pair<view_change, view> make_change(const view& base, change_plan plan);

/// What became of the partitions whose owners went with the step from `old` to `next`.
struct row_fates {
  /// Taken over by who had a copy.
  std::uint64_t promoted = 0;
  /// Begun anew, or nobody's: there was no copy.
  std::uint64_t lost = 0;
};
[[nodiscard]] row_fates fates_of_rows(const view& old, const view& next);

// --- implementation ---

namespace parts {

/// Takes the member out of the row, whatever its position.
inline void leave_row(partition_row& row, std::uint16_t member) {
  std::ranges::replace(row.backups, member, unowned);
  drop_empty_end(row.backups);
}

/// The row as the owner's claim makes it. Indices are those of the row.
inline void take_claim(partition_row& row, const wire::row_claim& claim) {
  leave_row(row, claim.member);
  if (claim.kind == wire::claim_kind::out_of_sync) return;
  if (claim.kind == wire::claim_kind::hand_over) {
    row.owner = claim.member;
    return;
  }
  if (row.backups.size() <= claim.position) row.backups.resize(claim.position + 1u, unowned);
  row.backups[claim.position] = claim.member;
}

/// Can this row of a view of `members` be claimed to change so by its owner?
[[nodiscard]] inline bool may_claim(const partition_row& row, const wire::row_claim& claim,
                                    std::size_t members) {
  return claim.member < members && claim.member != row.owner && claim.position < wire::backups_max;
}

/// The base's rows after the claims, and who owns them then with what its owner had.
inline std::vector<bool> take_claims(std::vector<partition_row>& rows, const view& base,
                                     const change_plan& plan) {
  std::vector<bool> inherited(rows.size(), false);
  const auto goes = [&](std::uint16_t member) {
    return std::ranges::binary_search(plan.removed, member, {}, &wire::removal::member);
  };
  for (const wire::row_claim& claim : plan.claims) {
    const std::size_t p = index_of(claim.partition);
    const partition_row& before = base.rows[p];
    if (!may_claim(before, claim, base.size()) || goes(claim.member)) continue;
    // An owner that goes waited for that member until now: it still holds all.
    const bool keeps = claim.kind == wire::claim_kind::out_of_sync && goes(before.owner);
    if (keeps || rows[p].owner == claim.member) continue;
    take_claim(rows[p], claim);
    if (claim.kind == wire::claim_kind::hand_over) inherited[p] = true;
  }
  return inherited;
}

/// Whoever holds the lowest position owns the partition from now on. False if nobody does.
[[nodiscard]] inline bool promote(partition_row& row) {
  const auto heir =
      std::ranges::find_if(row.backups, [](std::uint16_t member) { return member != unowned; });
  if (heir == row.backups.end()) return false;
  row.owner = std::exchange(*heir, unowned);
  drop_empty_end(row.backups);
  return true;
}

}  // namespace parts

inline std::pair<view_change, view> make_change(const view& base, change_plan plan) {
  std::ranges::sort(plan.removed, {}, &wire::removal::member);
  std::ranges::sort(plan.reweighed, {}, &wire::reweighing::member);
  const bool has_data = !base.caches.empty() || !plan.caches.empty();
  view_change change;
  change.base = base.key;
  change.next = plan.next;
  change.removed = plan.removed;
  change.added = std::move(plan.added);
  change.reweighed = std::move(plan.reweighed);
  change.caches = std::move(plan.caches);
  wire::view_body body = parts::without_rows_changed(base, change);

  // Rows as they are to be, at first by the base's indices.
  std::vector<partition_row> rows = base.rows;
  std::vector<bool> inherits = parts::take_claims(rows, base, plan);
  parts::move_rows(rows, parts::positions_after(base.members.size(), change.removed));
  for (std::size_t p = 0; p < rows.size(); ++p) {
    if (rows[p].owner == unowned && parts::promote(rows[p])) inherits[p] = true;
  }
  const std::vector<std::uint16_t> target = parts::target_owners(rows, body.members);
  for (std::size_t p = 0; p < rows.size(); ++p) {
    if (rows[p].owner == target[p] || (has_data && rows[p].owner != unowned)) continue;
    rows[p].owner = target[p];
    rows[p].backups.clear();
    inherits[p] = false;
  }
  for (std::size_t p = 0; p < rows.size(); ++p) {
    const partition_row& stands = body.rows[p];
    if (rows[p].owner == stands.owner && rows[p].backups == stands.backups) continue;
    const bool same_owner = rows[p].owner == stands.owner;
    change.rows.push_back({static_cast<partition_id>(p), rows[p].owner, rows[p].backups,
                           same_owner ? stands.inherits : inherits[p]});
    parts::change_row(body, change.rows.back());
  }
  std::optional<view> next = make_view(std::move(body));
  KITH_ASSERT(next.has_value());
  change.hash = next->hash;
  return {std::move(change), std::move(*next)};
}

inline row_fates fates_of_rows(const view& old, const view& next) {
  row_fates fates;
  for (std::size_t p = 0; p < partition_count; ++p) {
    const member_record* owner = old.owner_of(static_cast<partition_id>(p));
    if (owner == nullptr || next.contains(owner->id)) continue;
    const partition_row& row = next.rows[p];
    if (row.owner != unowned && row.inherits) {
      ++fates.promoted;
    } else if (!old.caches.empty()) {
      ++fates.lost;
    }
  }
  return fates;
}

}  // namespace kith::cluster
