// A view: which members there are, oldest first, who owns each partition, which caches exist. All
// members that hold a view of one key hold the same one (I12); its hash proves it.
//
// A view is immutable. The next one is made by `apply`, which believes nothing about the change: it
// may come from a peer.
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

/// What the next view is to be, before its table is known.
struct change_plan {
  view_key next;
  std::vector<wire::removal> removed;
  std::vector<member_record> added;
  std::vector<cache_record> caches;
};

/// Completes a plan: the table becomes the target for the new members. Also gives the view itself.
[[nodiscard]] std::pair<view_change, view> make_change(const view& base, change_plan plan);

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

[[nodiscard]] inline bool rows_in_range(const std::vector<partition_row>& rows, std::size_t n) {
  return rows.size() == partition_count && std::ranges::all_of(rows, [n](const partition_row& row) {
           return (row.owner < n || row.owner == unowned) &&
                  std::ranges::all_of(row.backups, [n](std::uint16_t b) { return b < n; });
         });
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

/// Members and caches after the change; rows with positions brought up to date.
[[nodiscard]] inline wire::view_body without_rows_changed(const view& base, const view_key& next,
                                                          const std::vector<wire::removal>& removed,
                                                          const std::vector<member_record>& added,
                                                          const std::vector<cache_record>& caches) {
  const auto positions = positions_after(base.members.size(), removed);
  wire::view_body body;
  body.key = next;
  body.members.reserve(base.members.size() + added.size());
  for (std::size_t i = 0; i < positions.size(); ++i) {
    if (positions[i] != unowned) body.members.push_back(base.members[i]);
  }
  body.members.insert(body.members.end(), added.begin(), added.end());
  body.rows = base.rows;
  for (partition_row& row : body.rows) {
    if (row.owner != unowned) row.owner = positions[row.owner];
    for (std::uint16_t& backup : row.backups) backup = positions[backup];
    std::erase(row.backups, unowned);
  }
  body.caches = base.caches;
  body.caches.insert(body.caches.end(), caches.begin(), caches.end());
  std::ranges::sort(body.caches, {}, &cache_record::name);
  return body;
}

/// An owner that changes starts a new epoch; one that only gets other backups does not.
inline void change_row(wire::view_body& body, const wire::row_change& change) {
  partition_row& row = body.rows[index_of(change.partition)];
  if (row.owner != change.owner) row.epoch = {body.key.number, body.key.branch};
  row.owner = change.owner;
  row.backups = change.backups;
}

[[nodiscard]] inline bool fits(const view& base, const view_change& change) {
  const auto index_ascends = [](const wire::removal& a, const wire::removal& b) {
    return a.member >= b.member;
  };
  const auto partition_ascends = [](const wire::row_change& a, const wire::row_change& b) {
    return a.partition >= b.partition;
  };
  return change.base == base.key && change.next.number > base.key.number &&
         std::ranges::all_of(change.removed,
                             [&](const wire::removal& r) { return r.member < base.size(); }) &&
         std::ranges::adjacent_find(change.removed, index_ascends) == change.removed.end() &&
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
  wire::view_body body =
      parts::without_rows_changed(base, change.next, change.removed, change.added, change.caches);
  for (const wire::row_change& row : change.rows) parts::change_row(body, row);
  std::optional<view> next = make_view(std::move(body));
  if (next && next->hash != change.hash) next.reset();
  return next;
}

inline std::pair<view_change, view> make_change(const view& base, change_plan plan) {
  std::ranges::sort(plan.removed, {}, &wire::removal::member);
  wire::view_body body =
      parts::without_rows_changed(base, plan.next, plan.removed, plan.added, plan.caches);
  view_change change{base.key,
                     plan.next,
                     std::move(plan.removed),
                     std::move(plan.added),
                     {},
                     std::move(plan.caches),
                     0};
  std::vector<std::uint16_t> previous;
  std::vector<std::uint32_t> weights;
  for (const partition_row& row : body.rows) previous.push_back(row.owner);
  for (const member_record& member : body.members) weights.push_back(member.weight);
  const std::vector<std::uint16_t> target =
      weights.empty() ? std::vector<std::uint16_t>(partition_count, unowned)
                      : assign_owners(previous, weights);
  for (std::uint32_t p = 0; p < partition_count; ++p) {
    if (target[p] == previous[p]) continue;
    change.rows.push_back({static_cast<partition_id>(p), target[p], body.rows[p].backups});
    parts::change_row(body, change.rows.back());
  }
  std::optional<view> next = make_view(std::move(body));
  KITH_ASSERT(next.has_value());
  change.hash = next->hash;
  return {std::move(change), std::move(*next)};
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
