// What lanes are told of a view: rows as they are and as they should be, and the caches' copies.
#include "who.hpp"

#include <kith/cluster/membership_table.hpp>
#include <kith/node/placement.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using namespace kith;
using kith::node::placements;

namespace {

constexpr member_id third_member{3, 3, 1};
constexpr partition_id first_partition{0};

wire::cache_record cache_with(std::uint32_t id, std::vector<wire::cache_field> options) {
  return {cache_id{id}, "cache" + std::to_string(id), std::move(options)};
}

/// The first member owns all; the third one keeps the second copies of the first partition.
wire::view_body body_with(std::vector<wire::cache_record> caches) {
  wire::view_body body;
  body.key = {view_number{4}, 9};
  for (const member_id& id : {self, other, third_member}) body.members.push_back({id, {}, 1, {}});
  body.rows.resize(partition_count, {0, {view_number{2}, 9}, {}, false});
  body.rows[0] = {0, {view_number{3}, 9}, {cluster::unowned, 2}, true};
  body.caches = std::move(caches);
  return body;
}

cluster::view view_with(wire::view_body body) {
  const auto made = cluster::make_view(std::move(body));
  REQUIRE(made.has_value());
  return *made;
}

wire::view_body two_copies() { return body_with({cache_with(1, {{"backups", "2"}})}); }

}  // namespace

TEST_CASE("placement: a lane is told a row as the view has it") {
  const cluster::view installed = view_with(two_copies());
  const replica::row told = node::row_of(installed, nullptr, first_partition);
  CHECK(told.owner == self);
  CHECK(told.began == epoch{view_number{3}, 9});
  CHECK(told.inherits);
  CHECK(told.backups == std::vector{member_id{}, third_member});
  CHECK(told.position_of(third_member) == 1);
  CHECK(told.position_of(other) == std::nullopt);
  CHECK(told.at(1) == third_member);
  CHECK(told.at(2).nobody());
}

TEST_CASE("placement: without a target a row is where it should be") {
  const cluster::view installed = view_with(two_copies());
  const replica::row told = node::row_of(installed, nullptr, first_partition);
  CHECK(told.wanted == told.backups);
  CHECK(told.heir.nobody());
}

TEST_CASE("placement: a lane is told who should own a partition and keep its copies") {
  const cluster::view installed = view_with(two_copies());
  cluster::placement target;
  target.owners.assign(partition_count, 1);
  target.width = 2;
  target.backups.assign(2 * partition_count, cluster::unowned);
  target.backups[0] = 2;
  const replica::row told = node::row_of(installed, &target, first_partition);
  CHECK(told.owner == self);
  CHECK(told.heir == other);
  CHECK(told.wanted == std::vector{third_member, member_id{}});
}

TEST_CASE("placement: a partition that nobody owns has no owner") {
  wire::view_body body = two_copies();
  body.rows[0] = {cluster::unowned, {view_number{3}, 9}, {}, false};
  const replica::row told = node::row_of(view_with(std::move(body)), nullptr, first_partition);
  CHECK(told.owner.nobody());
  CHECK(told.backups.empty());
}

TEST_CASE("placement: the target stays while views of one line change nothing but rows") {
  placements all;
  wire::view_body body = two_copies();
  const auto first = all.of(view_with(body));
  CHECK(first->width == 2);
  const auto next = [&](auto&& change) {
    body.key.number = body.key.number.next();
    change(body);
    return all.of(view_with(body));
  };
  CHECK(next([](wire::view_body& b) { b.rows[0].backups = {1, 2}; }) == first);
  const auto fewer = next([](wire::view_body& b) {
    b.members.pop_back();
    b.rows[0].backups = {1};
  });
  CHECK(fewer != first);
  CHECK(next([](wire::view_body&) {}) == fewer);
  const auto wider = next([](wire::view_body& b) { b.caches.clear(); });
  CHECK(wider != fewer);
  CHECK(wider->width == 0);
  const auto reweighed = next([](wire::view_body& b) { b.members[1].weight = 0; });
  CHECK(reweighed != wider);
}

TEST_CASE("placement: a view that does not follow the last one has a target of its own") {
  placements all;
  wire::view_body body = two_copies();
  const auto first = all.of(view_with(body));
  body.key.branch = 10;
  body.key.number = body.key.number.next();
  const auto other_branch = all.of(view_with(body));
  CHECK(other_branch != first);
  body.key.number = view_number{40};
  CHECK(all.of(view_with(body)) != other_branch);
}

TEST_CASE("placement: copies are synchronous or not, and never more than there may be") {
  const auto counts_of = [](std::vector<wire::cache_field> options) {
    const cluster::view installed = view_with(body_with({cache_with(1, std::move(options))}));
    const auto all = node::copies_in(installed);
    REQUIRE(all.size() == 1);
    CHECK(all[0].cache == cache_id{1});
    return std::pair<int, int>{all[0].sync, all[0].async};
  };
  CHECK(counts_of({}) == std::pair{0, 0});
  CHECK(counts_of({{"backups", "2"}}) == std::pair{2, 0});
  CHECK(counts_of({{"async_backups", "1"}}) == std::pair{0, 1});
  CHECK(counts_of({{"async_backups", "2"}, {"backups", "1"}}) == std::pair{1, 2});
  CHECK(counts_of({{"backups", "many"}}) == std::pair{0, 0});
  const int most = static_cast<int>(wire::backups_max);
  CHECK(counts_of({{"async_backups", "250"}, {"backups", "250"}}) == std::pair{most, 0});
}

TEST_CASE("placement: a view says which caches have a store") {
  const auto store_of = [](std::vector<wire::cache_field> options) {
    const cluster::view installed = view_with(body_with({cache_with(1, std::move(options))}));
    return node::copies_in(installed).at(0).store;
  };
  CHECK(store_of({}) == replica::store_kind::none);
  CHECK(store_of({{"write", "none"}}) == replica::store_kind::none);
  CHECK(store_of({{"write", "through"}}) == replica::store_kind::through);
  CHECK(store_of({{"write", "behind"}}) == replica::store_kind::behind);
}
