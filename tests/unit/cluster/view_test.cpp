#include <kith/cluster/membership_table.hpp>
#include <kith/cluster/view.hpp>
#include <kith/wire/decode.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <utility>
#include <vector>

using namespace kith;
using namespace kith::cluster;

namespace {

member_record member_row(std::uint64_t i, std::uint64_t incarnation = 1) {
  return {{i, i, incarnation}, {"host", static_cast<std::uint16_t>(i)}, 1, {}};
}

view three() {
  return make_first_view({view_number{1}, 9}, {member_row(5), member_row(3), member_row(8)});
}

}  // namespace

TEST_CASE("view: members are found by their exact life") {
  const view v = three();
  CHECK(v.find({3, 3, 1}) == 1);
  CHECK_FALSE(v.contains({3, 3, 2}));
  CHECK(v.oldest().id == member_id{5, 5, 1});
}

TEST_CASE("view: a change applied elsewhere gives the same view") {
  const view base = three();
  change_plan plan{{view_number{2}, 9},
                   {{0, wire::departure::failed}},
                   {member_row(4)},
                   {{cache_id{1}, "books", {{"ttl", "60"}}}}};
  const auto [change, next] = make_change(base, std::move(plan));
  view_change received;
  REQUIRE(wire::decode(wire::encoded(change), received) == wire::decode_error::none);
  const auto applied = apply(base, received);
  REQUIRE(applied.has_value());
  CHECK(applied->hash == next.hash);
  CHECK(applied->members.size() == 3);
  CHECK(applied->oldest().id == member_id{3, 3, 1});
  CHECK(applied->find_cache("books")->id == cache_id{1});
}

TEST_CASE("view: a partition whose owner changes gets a new epoch, the others keep theirs") {
  const view base = three();
  const auto [change, next] =
      make_change(base, {{view_number{7}, 2}, {{0, wire::departure::failed}}, {}, {}});
  std::uint32_t moved = 0;
  for (std::uint32_t p = 0; p < partition_count; ++p) {
    const auto id = static_cast<partition_id>(p);
    REQUIRE(next.owner_of(id) != nullptr);
    const bool same = base.owner_of(id)->id == next.owner_of(id)->id;
    CHECK(next.epoch_of(id) == (same ? base.epoch_of(id) : epoch{view_number{7}, 2}));
    moved += same ? 0 : 1;
  }
  CHECK(moved == change.rows.size());
  CHECK(moved <= partition_count / 3 + 1);
}

TEST_CASE("view: none follows in which an epoch falls or a cache has another number or none") {
  const view mine =
      make_change(
          three(),
          {{view_number{2}, 9}, {}, {}, {{cache_id{1}, "books", {}}, {cache_id{2}, "tags", {}}}})
          .second;
  const view later =
      make_change(mine, {{view_number{3}, 9}, {}, {member_row(4)}, {{cache_id{3}, "users", {}}}})
          .second;
  CHECK(may_follow(mine, later));
  const auto follows = [&](auto&& change) {
    wire::view_body body = later;
    change(body);
    const auto other = make_view(body);
    REQUIRE(other.has_value());
    return may_follow(mine, *other);
  };
  CHECK(follows([](wire::view_body&) {}));
  CHECK_FALSE(follows([](wire::view_body& b) { b.rows[0].epoch = {view_number{}, 9}; }));
  CHECK_FALSE(follows([](wire::view_body& b) { std::swap(b.caches[0].id, b.caches[1].id); }));
  CHECK_FALSE(follows([](wire::view_body& b) { b.caches.erase(b.caches.begin()); }));
}

TEST_CASE("view: a change that does not fit gives no view") {
  const view base = three();
  const auto [good, next] =
      make_change(base, {{view_number{2}, 9}, {{2, wire::departure::left}}, {}, {}});
  REQUIRE(apply(base, good));
  const auto refused = [&](auto&& spoil) {
    view_change bad = good;
    spoil(bad);
    return !apply(base, bad).has_value();
  };
  CHECK(refused([](view_change& c) { ++c.hash; }));
  CHECK(refused([](view_change& c) { c.base.number = view_number{3}; }));
  CHECK(refused([](view_change& c) { c.next.number = view_number{1}; }));
  CHECK(refused([](view_change& c) { c.removed[0].member = 3; }));
  CHECK(refused([](view_change& c) { c.removed.push_back(c.removed[0]); }));
  CHECK(refused([](view_change& c) { c.added.push_back(member_row(3)); }));
  CHECK(refused([](view_change& c) { c.added.push_back(member_row(3, 2)); }));
  CHECK(refused([](view_change& c) { c.rows[0].owner = 77; }));
  CHECK(refused([](view_change& c) { c.rows.push_back(c.rows[0]); }));
  CHECK(refused([](view_change& c) { c.rows[0].backups = {77}; }));
  CHECK(refused([](view_change& c) { c.rows[0].backups = {c.rows[0].owner}; }));
  CHECK(refused([](view_change& c) { c.reweighed = {{3, 1}}; }));
  CHECK(refused([](view_change& c) { c.reweighed = {{1, 1}, {0, 1}}; }));
  CHECK(refused([](view_change& c) { c.reweighed = {{1, 1}, {1, 1}}; }));
}

TEST_CASE("view: a new owner begins as the change says, one that stays goes on as it began") {
  wire::view_body body = three();
  body.rows[0] = {1, {view_number{1}, 9}, {2}, true};
  body.rows[1] = {1, {view_number{1}, 9}, {2}, true};
  const view base = *make_view(body);
  view_change change;
  change.base = base.key;
  change.next = {view_number{2}, 9};
  change.rows = {{partition_id{0}, 1, {0, 2}, false}, {partition_id{1}, 0, {2}, false}};
  body.key = change.next;
  body.rows[0].backups = {0, 2};
  body.rows[1] = {0, {view_number{2}, 9}, {2}, false};
  change.hash = make_view(body)->hash;
  CHECK(apply(base, change).has_value());
}

TEST_CASE("view: a member can be given another weight") {
  const view base = three();
  view_change change;
  change.base = base.key;
  change.next = {view_number{2}, 9};
  change.reweighed = {{1, 0}, {2, 40}};
  wire::view_body body = base;
  body.key = change.next;
  body.members[1].weight = 0;
  body.members[2].weight = 40;
  change.hash = make_view(body)->hash;
  CHECK(apply(base, change).has_value());
}

TEST_CASE("view: a row in which a member is twice, or that ends with nobody, is refused") {
  const auto fits = [](std::uint16_t owner, std::vector<std::uint16_t> backups) {
    wire::view_body body = three();
    body.rows[9].owner = owner;
    body.rows[9].backups = std::move(backups);
    return make_view(std::move(body)).has_value();
  };
  CHECK(fits(0, {}));
  CHECK(fits(0, {2, 1}));
  CHECK(fits(0, {unowned, 1}));
  CHECK(fits(0, {unowned, unowned, unowned, unowned, unowned, 1}));
  CHECK(fits(unowned, {}));
  CHECK_FALSE(fits(0, {0}));
  CHECK_FALSE(fits(0, {1, 0}));
  CHECK_FALSE(fits(0, {1, 1}));
  CHECK_FALSE(fits(0, {1, unowned, 1}));
  CHECK_FALSE(fits(0, {3}));
  CHECK_FALSE(fits(0, {1, unowned}));
  CHECK_FALSE(fits(0, {unowned}));
  CHECK_FALSE(fits(0, {unowned, unowned, unowned, unowned, unowned, unowned, 1}));
}

TEST_CASE("view: a body that is no view is refused") {
  const auto refused = [](auto&& spoil) {
    wire::view_body body = three();
    spoil(body);
    return !make_view(std::move(body)).has_value();
  };
  CHECK_FALSE(refused([](wire::view_body&) {}));
  CHECK(refused([](wire::view_body& b) { b.members.clear(); }));
  CHECK(refused([](wire::view_body& b) { b.members.push_back(b.members[0]); }));
  CHECK(refused([](wire::view_body& b) { b.members[1].id = {}; }));
  CHECK(refused([](wire::view_body& b) { b.rows.pop_back(); }));
  CHECK(refused([](wire::view_body& b) { b.rows[9].owner = 3; }));
  CHECK(refused([](wire::view_body& b) { b.rows[9].backups = {5}; }));
  CHECK(refused(
      [](wire::view_body& b) { b.caches = {{cache_id{1}, "b", {}}, {cache_id{2}, "a", {}}}; }));
  CHECK(refused(
      [](wire::view_body& b) { b.caches = {{cache_id{1}, "a", {}}, {cache_id{1}, "b", {}}}; }));
}
