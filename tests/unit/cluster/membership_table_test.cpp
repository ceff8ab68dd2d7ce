#include "tables.hpp"

#include <kith/cluster/membership_table.hpp>
#include <kith/cluster/target.hpp>

#include <algorithm>

using namespace tables;

namespace {

using row = std::vector<std::uint16_t>;
using enum wire::claim_kind;

constexpr epoch old_epoch{view_number{1}, 9};
constexpr epoch new_epoch{view_number{2}, 9};

/// Five members and a cache. The first partition is member 0's, with these backups.
view with_row(row backups, bool inherits = false) {
  wire::view_body body = body_of(5, {copied(1, "2")});
  body.rows[0] = {0, old_epoch, std::move(backups), inherits};
  return view_of(std::move(body));
}

change_plan without(const std::vector<std::uint16_t>& members,
                    std::vector<wire::row_claim> claims = {}) {
  change_plan plan;
  for (const std::uint16_t member : members) {
    plan.removed.push_back({member, wire::departure::failed});
  }
  plan.claims = std::move(claims);
  return plan;
}

change_plan with(std::vector<wire::row_claim> claims) { return without({}, std::move(claims)); }

partition_row first_row_after(const view& base, change_plan plan) {
  return after(base, std::move(plan)).rows[0];
}

/// Partitions of which the owner is another member.
std::size_t moved(const view& a, const view& b) {
  std::size_t count = 0;
  for (std::uint32_t p = 0; p < partition_count; ++p) {
    const auto id = static_cast<partition_id>(p);
    count += a.owner_of(id)->id == b.owner_of(id)->id ? 0 : 1;
  }
  return count;
}

}  // namespace

TEST_CASE("table: when the owner goes, the member at the lowest position owns the partition") {
  // Indices are one less behind a member that went.
  CHECK(first_row_after(with_row({3, 1}), without({0})) ==
        partition_row{2, new_epoch, {unowned, 0}, true});
  CHECK(first_row_after(with_row({3, 1}), without({0, 3})) ==
        partition_row{0, new_epoch, {}, true});
  CHECK(first_row_after(with_row({unowned, 4, 2}), without({0})) ==
        partition_row{3, new_epoch, {unowned, unowned, 1}, true});
}

TEST_CASE("table: a backup that goes leaves a gap and changes neither owner nor epoch") {
  CHECK(first_row_after(with_row({3, 1}, true), without({3})) ==
        partition_row{0, old_epoch, {unowned, 1}, true});
  CHECK(first_row_after(with_row({3, 1}), without({1})) == partition_row{0, old_epoch, {2}, false});
  CHECK(first_row_after(with_row({unowned, 3}), without({3})) ==
        partition_row{0, old_epoch, {}, false});
}

TEST_CASE("table: a partition that nobody has a copy of begins anew where the target wants it") {
  const view base = with_row({3});
  const view next = after(base, without({0}));
  std::size_t anew = 0;
  for (std::uint32_t p = 0; p < partition_count; ++p) {
    const auto id = static_cast<partition_id>(p);
    if (base.rows[p].owner != 0) {
      CHECK(next.owner_of(id)->id == base.owner_of(id)->id);
      CHECK(next.epoch_of(id) == old_epoch);
      continue;
    }
    CHECK(next.epoch_of(id) == new_epoch);
    CHECK(next.rows[p].inherits == (p == 0));
    if (p == 0) continue;
    ++anew;
    CHECK(target_of(next).owner(id) == next.rows[p].owner);
  }
  CHECK(anew > 0);
  const row_fates fates = fates_of_rows(base, next);
  CHECK(fates.promoted == 1);
  CHECK(fates.lost == anew);
}

TEST_CASE("table: with a cache a member that comes gets nothing but what nobody has") {
  const view base = with_row({3});
  change_plan plan;
  plan.added = {member_of(9)};
  CHECK(moved(base, after(base, plan)) == 0);
  plan.removed = {{0, wire::departure::failed}};
  const view next = after(base, std::move(plan));
  const auto got = std::ranges::count(next.rows, 4, &partition_row::owner);
  CHECK(got > partition_count / 5 - 4);
  // The partitions of the one that went, and no others.
  CHECK(moved(base, next) == std::ranges::count(base.rows, 0, &partition_row::owner));
}

TEST_CASE("table: while there is no cache the table is the target's at once") {
  const view base = view_of(body_of(3, {}));
  change_plan plan;
  plan.added = {member_of(9)};
  const view next = after(base, plan);
  CHECK(moved(base, next) == partition_count / 4);
  for (const partition_row& each : next.rows) CHECK_FALSE(each.inherits);
  // Neither when it ends with this view.
  plan.caches = {copied(1, "1")};
  CHECK(moved(base, after(base, plan)) == 0);
  CHECK(fates_of_rows(base, after(base, without({0}))).lost == 0);
}

TEST_CASE("table: a member without weight gets nothing that it has no copy of") {
  wire::view_body body = body_of(4, {copied(1, "1")});
  body.members[1].weight = 0;
  body.rows[0] = {0, old_epoch, {1}};
  const view next = after(view_of(std::move(body)), without({0}));
  std::size_t got = 0;
  for (std::size_t p = 0; p < partition_count; ++p) {
    if (next.rows[p].owner == 0 && next.rows[p].epoch == new_epoch) ++got;
  }
  CHECK(got == 1);
  CHECK(next.rows[0].owner == 0);
}

TEST_CASE("table: a member that is in sync takes its position, whoever was there") {
  const view base = with_row({3, 1});
  CHECK(first_row_after(base, with({{first, in_sync, 4, 0}})).backups == row{4, 1});
  CHECK(first_row_after(base, with({{first, in_sync, 1, 0}})).backups == row{1});
  CHECK(first_row_after(base, with({{first, in_sync, 2, 3}})).backups == row{3, 1, unowned, 2});
  CHECK(first_row_after(base, with({{first, in_sync, 4, 0}, {first, in_sync, 2, 0}})).backups ==
        row{2, 1});
  CHECK(first_row_after(base, with({{first, in_sync, 4, 0}})).epoch == old_epoch);
}

TEST_CASE("table: a member that is out of sync leaves a gap") {
  CHECK(first_row_after(with_row({3, 1}, true), with({{first, out_of_sync, 3, 0}})) ==
        partition_row{0, old_epoch, {unowned, 1}, true});
  CHECK(first_row_after(with_row({3, 1}), with({{first, out_of_sync, 1, 0}})).backups == row{3});
}

TEST_CASE("table: a partition that is handed over goes on with what it had") {
  CHECK(first_row_after(with_row({3, 1}), with({{first, hand_over, 3, 0}})) ==
        partition_row{3, new_epoch, {unowned, 1}, true});
  CHECK(first_row_after(with_row({3, 1}), with({{first, hand_over, 4, 0}})) ==
        partition_row{4, new_epoch, {3, 1}, true});
}

TEST_CASE("table: what an owner claimed holds in the view without the owner") {
  const view base = with_row({3});
  // It waited for the newcomer from its claim on.
  CHECK(first_row_after(base, without({0}, {{first, in_sync, 4, 0}})) ==
        partition_row{3, new_epoch, {}, true});
  CHECK(first_row_after(base, without({0}, {{first, hand_over, 4, 0}})) ==
        partition_row{3, new_epoch, {2}, true});
  // It waited for who was to leave the row until now.
  CHECK(first_row_after(base, without({0}, {{first, out_of_sync, 3, 0}})) ==
        partition_row{2, new_epoch, {}, true});
}

TEST_CASE("table: claims about a member that goes are nothing") {
  const view base = with_row({3, 1});
  CHECK(first_row_after(base, without({4}, {{first, in_sync, 4, 0}})).backups == row{3, 1});
  CHECK(first_row_after(base, without({4}, {{first, hand_over, 4, 0}})).owner == 0);
  CHECK(first_row_after(base, without({0, 4}, {{first, hand_over, 4, 0}})) ==
        partition_row{2, new_epoch, {unowned, 0}, true});
}

TEST_CASE("table: a member is given another weight, and nothing is moved where there is a cache") {
  const view base = with_row({3});
  change_plan plan;
  plan.reweighed = {{4, 7}, {2, 0}};
  const view next = after(base, std::move(plan));
  CHECK(next.members[2].weight == 0);
  CHECK(next.members[4].weight == 7);
  CHECK(next.members[3].weight == 1);
  CHECK(moved(base, next) == 0);
}

TEST_CASE("table: without a cache a member that is given no weight owns nothing") {
  change_plan plan;
  plan.reweighed = {{2, 0}};
  const view next = after(view_of(body_of(3, {})), std::move(plan));
  CHECK(std::ranges::find(next.rows, 2, &partition_row::owner) == next.rows.end());
}
