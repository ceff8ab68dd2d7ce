// A view: which members there are, oldest first, who owns each partition, which caches exist. All
// members that hold a view of one key hold the same one (I12); its hash proves it.
//
// A view is immutable. The next one is made by `apply`, which believes nothing about the change: it
// may come from a peer. What a change says is decided in membership_table.hpp.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/wire/encode.hpp>
#include <kith/wire/view_records.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <kith/cluster/assignment.hpp>

namespace kith::cluster {

using wire::cache_field;
using wire::cache_record;
using wire::member_record;
using wire::partition_row;
using wire::view_change;
using wire::view_key;

struct view : wire::view_body {
  /// Of the encoding of the body.
  std::uint64_t hash = 0;

  /// The index of the member with exactly this id, or nothing.
  [[nodiscard]] std::optional<std::uint16_t> find(const member_id& id) const;
  [[nodiscard]] bool contains(const member_id& id) const { return find(id).has_value(); }
  [[nodiscard]] std::uint16_t size() const { return static_cast<std::uint16_t>(members.size()); }
  [[nodiscard]] const member_record& oldest() const { return members.front(); }

  /// Null where nobody owns the partition.
  [[nodiscard]] const member_record* owner_of(partition_id p) const {
    const std::uint16_t owner = rows[index_of(p)].owner;
    return owner == unowned ? nullptr : &members[owner];
  }
  [[nodiscard]] const epoch& epoch_of(partition_id p) const { return rows[index_of(p)].epoch; }
  [[nodiscard]] const cache_record* find_cache(std::string_view name) const;

  /// Indices into members, ordered by id.
  std::vector<std::uint16_t> by_id;
};

/// Completes a body, or nothing if it is no view: double members, rows out of range, caches out of
/// order.
[[nodiscard]] std::optional<view> make_view(wire::view_body body);

/// The view that follows `base` by `change`, or nothing if the change does not fit or its hash is
/// not the result's.
[[nodiscard]] std::optional<view> apply(const view& base, const view_change& change);

/// A first view of these members.
[[nodiscard]] view make_first_view(view_key key, std::vector<member_record> members);

/// Can one life of a member hold `next` after `mine`? Within a line of views no partition's epoch
/// ever falls, and a cache keeps its number, by which this life knows it; where it is otherwise,
/// `next` is of a cluster that this life was never in.
[[nodiscard]] inline bool may_follow(const view& mine, const view& next) {
  for (std::size_t p = 0; p < partition_count; ++p) {
    if (next.rows[p].epoch < mine.rows[p].epoch) return false;
  }
  return std::ranges::all_of(mine.caches, [&](const cache_record& cache) {
    const cache_record* known = next.find_cache(cache.name);
    return known != nullptr && known->id == cache.id;
  });
}

// --- implementation ---

inline std::optional<std::uint16_t> view::find(const member_id& id) const {
  const auto at = std::lower_bound(
      by_id.begin(), by_id.end(), id,
      [this](std::uint16_t index, const member_id& wanted) { return members[index].id < wanted; });
  if (at == by_id.end() || members[*at].id != id) return std::nullopt;
  return *at;
}

inline const cache_record* view::find_cache(std::string_view name) const {
  const auto at = std::lower_bound(
      caches.begin(), caches.end(), name,
      [](const cache_record& cache, std::string_view wanted) { return cache.name < wanted; });
  return at != caches.end() && at->name == name ? &*at : nullptr;
}

namespace parts {

/// A member's position after the removals, or unowned.
[[nodiscard]] inline std::vector<std::uint16_t> positions_after(
    std::size_t members, const std::vector<wire::removal>& removed) {
  std::vector<std::uint16_t> positions(members);
  for (const wire::removal& gone : removed) positions[gone.member] = unowned;
  std::uint16_t next = 0;
  for (std::uint16_t& position : positions) {
    if (position != unowned) position = next++;
  }
  return positions;
}

/// Can this row be of a view of `n` members? None is in it twice.
[[nodiscard]] inline bool row_fits(const partition_row& row, std::size_t n) {
  if (row.owner >= n && row.owner != unowned) return false;
  if (row.backups.size() > wire::backups_max) return false;
  if (!row.backups.empty() && row.backups.back() == unowned) return false;
  for (auto at = row.backups.begin(); at != row.backups.end(); ++at) {
    if (*at == unowned) continue;
    if (*at >= n || *at == row.owner) return false;
    if (std::find(row.backups.begin(), at, *at) != at) return false;
  }
  return true;
}

[[nodiscard]] inline bool rows_in_range(const std::vector<partition_row>& rows, std::size_t n) {
  return rows.size() == partition_count &&
         std::ranges::all_of(rows, [n](const partition_row& row) { return row_fits(row, n); });
}

inline void drop_empty_end(std::vector<std::uint16_t>& backups) {
  while (!backups.empty() && backups.back() == unowned) backups.pop_back();
}

[[nodiscard]] inline bool caches_in_order(const std::vector<cache_record>& caches) {
  std::vector<cache_id> ids;
  for (const cache_record& cache : caches) ids.push_back(cache.id);
  std::ranges::sort(ids);
  return std::ranges::adjacent_find(ids) == ids.end() &&
         std::ranges::adjacent_find(caches, [](const cache_record& a, const cache_record& b) {
           return a.name >= b.name;
         }) == caches.end();
}

/// Brings the indices up to date. Who goes leaves a gap.
inline void move_rows(std::vector<partition_row>& rows,
                      const std::vector<std::uint16_t>& positions) {
  for (partition_row& row : rows) {
    if (row.owner != unowned) row.owner = positions[row.owner];
    if (row.owner == unowned) row.inherits = false;
    for (std::uint16_t& backup : row.backups) {
      if (backup != unowned) backup = positions[backup];
    }
    drop_empty_end(row.backups);
  }
}

/// Members and caches after the change; rows as they are when nobody takes the place of who goes.
[[nodiscard]] inline wire::view_body without_rows_changed(const view& base,
                                                          const view_change& change) {
  wire::view_body body;
  body.key = change.next;
  body.members = base.members;
  for (const wire::reweighing& one : change.reweighed) body.members[one.member].weight = one.weight;
  for (auto gone = change.removed.rbegin(); gone != change.removed.rend(); ++gone) {
    body.members.erase(body.members.begin() + gone->member);
  }
  body.members.insert(body.members.end(), change.added.begin(), change.added.end());
  body.rows = base.rows;
  move_rows(body.rows, positions_after(base.members.size(), change.removed));
  body.caches = base.caches;
  body.caches.insert(body.caches.end(), change.caches.begin(), change.caches.end());
  std::ranges::sort(body.caches, {}, &cache_record::name);
  return body;
}

/// An owner that changes starts a new epoch; one that only gets other backups does not.
inline void change_row(wire::view_body& body, const wire::row_change& change) {
  partition_row& row = body.rows[index_of(change.partition)];
  if (row.owner != change.owner) {
    row.epoch = {body.key.number, body.key.branch};
    row.inherits = change.inherits;
  }
  row.owner = change.owner;
  row.backups = change.backups;
}

[[nodiscard]] inline bool fits(const view& base, const view_change& change) {
  const auto of_base = [&](const auto& one) { return one.member < base.size(); };
  const auto index_ascends = [](const auto& a, const auto& b) { return a.member >= b.member; };
  const auto partition_ascends = [](const wire::row_change& a, const wire::row_change& b) {
    return a.partition >= b.partition;
  };
  return change.base == base.key && change.next.number > base.key.number &&
         std::ranges::all_of(change.removed, of_base) &&
         std::ranges::adjacent_find(change.removed, index_ascends) == change.removed.end() &&
         std::ranges::all_of(change.reweighed, of_base) &&
         std::ranges::adjacent_find(change.reweighed, index_ascends) == change.reweighed.end() &&
         std::ranges::adjacent_find(change.rows, partition_ascends) == change.rows.end() &&
         base.members.size() - change.removed.size() + change.added.size() <=
             wire::limits::members &&
         base.caches.size() + change.caches.size() <= wire::limits::caches;
}

}  // namespace parts

inline std::optional<view> make_view(wire::view_body body) {
  if (body.members.empty() || body.members.size() > wire::limits::members ||
      !parts::rows_in_range(body.rows, body.members.size()) ||
      !parts::caches_in_order(body.caches)) {
    return std::nullopt;
  }
  view made{{std::move(body)}, 0, {}};
  made.by_id.resize(made.members.size());
  for (std::uint16_t i = 0; i < made.by_id.size(); ++i) made.by_id[i] = i;
  const auto id_of = [&made](std::uint16_t i) -> const member_id& { return made.members[i].id; };
  std::ranges::sort(made.by_id, {}, id_of);
  // Two lives of one member object count as double: the older life must go first.
  const auto same = [&](std::uint16_t a, std::uint16_t b) {
    return id_of(a).same_object(id_of(b));
  };
  if (std::ranges::adjacent_find(made.by_id, same) != made.by_id.end()) return std::nullopt;
  if (id_of(made.by_id.front()).nobody()) return std::nullopt;
  made.hash = stable_hash(wire::encoded(static_cast<const wire::view_body&>(made)));
  return made;
}

inline std::optional<view> apply(const view& base, const view_change& change) {
  if (!parts::fits(base, change)) return std::nullopt;
  wire::view_body body = parts::without_rows_changed(base, change);
  for (const wire::row_change& row : change.rows) parts::change_row(body, row);
  std::optional<view> next = make_view(std::move(body));
  if (next && next->hash != change.hash) next.reset();
  return next;
}

inline view make_first_view(view_key key, std::vector<member_record> members) {
  wire::view_body body;
  body.key = key;
  std::vector<std::uint32_t> weights;
  for (const member_record& member : members) weights.push_back(member.weight);
  const std::vector<std::uint16_t> nobody(partition_count, unowned);
  for (const std::uint16_t owner : assign_owners(nobody, weights)) {
    body.rows.push_back({owner, {key.number, key.branch}, {}});
  }
  body.members = std::move(members);
  std::optional<view> made = make_view(std::move(body));
  KITH_ASSERT(made.has_value());
  return std::move(*made);
}

}  // namespace kith::cluster
