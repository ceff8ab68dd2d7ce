#include "tables.hpp"

#include <kith/cluster/target.hpp>
#include <kith/core/random.hpp>

#include <algorithm>

using namespace tables;

namespace {

using row = std::vector<std::uint16_t>;

row row_of(const placement& target, partition_id p) {
  return {target.row(p).begin(), target.row(p).end()};
}

/// What the owners have to claim until the table is the target.
std::vector<wire::row_claim> moves_to(const view& from, const placement& target) {
  std::vector<wire::row_claim> moves;
  for (std::uint32_t p = 0; p < partition_count; ++p) {
    const auto id = static_cast<partition_id>(p);
    const partition_row& present = from.rows[p];
    const auto wanted = target.row(id);
    if (target.owner(id) != present.owner) {
      moves.push_back({id, wire::claim_kind::hand_over, target.owner(id), 0});
    }
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i] == unowned || wanted[i] == present.owner) continue;
      if (i < present.backups.size() && present.backups[i] == wanted[i]) continue;
      moves.push_back({id, wire::claim_kind::in_sync, wanted[i], static_cast<std::uint8_t>(i)});
    }
    for (const std::uint16_t holder : present.backups) {
      const bool stays = holder == unowned || holder == target.owner(id) ||
                         std::ranges::find(wanted, holder) != wanted.end();
      if (!stays) moves.push_back({id, wire::claim_kind::out_of_sync, holder, 0});
    }
  }
  return moves;
}

/// A view in which members came, went and are to go, and nothing was moved yet.
view unsettled(random_source& random, std::size_t members, const std::string& backups) {
  wire::view_body body = body_of(members, {copied(1, backups)});
  for (member_record& member : body.members) {
    member.weight = static_cast<std::uint32_t>(1 + random.below(2));
    if (random.below(2) == 0) member.zone = "zone" + std::to_string(random.below(3));
  }
  body.members.back().weight = 0;
  for (partition_row& each : body.rows) {
    each.owner = static_cast<std::uint16_t>(random.below(members));
    std::vector<std::uint16_t> others;
    for (std::uint16_t m = 0; m < members; ++m) {
      if (m != each.owner) others.push_back(m);
    }
    for (std::size_t i = 0; i < random.below(4) && !others.empty(); ++i) {
      const auto at = others.begin() + static_cast<std::ptrdiff_t>(random.below(others.size()));
      const bool gap = random.below(4) == 0;
      each.backups.push_back(gap ? unowned : *at);
      others.erase(at);
    }
    parts::drop_empty_end(each.backups);
  }
  return view_of(std::move(body));
}

}  // namespace

TEST_CASE("target: a move that was made leaves the rest of the target as it is") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    random_source random{seed};
    view present = unsettled(random, 3 + random.below(6), std::to_string(1 + random.below(3)));
    const placement target = target_of(present);
    std::vector<wire::row_claim> moves = moves_to(present, target);
    REQUIRE(!moves.empty());
    while (!moves.empty()) {
      // Some of the moves, in no order.
      std::vector<wire::row_claim> made;
      for (std::size_t i = random.below(moves.size() / 4 + 1) + 1; i > 0 && !moves.empty(); --i) {
        const auto at = moves.begin() + static_cast<std::ptrdiff_t>(random.below(moves.size()));
        made.push_back(*at);
        moves.erase(at);
      }
      change_plan plan;
      plan.claims = std::move(made);
      present = after(present, std::move(plan));
      const placement now = target_of(present);
      CAPTURE(seed);
      REQUIRE(now.owners == target.owners);
      REQUIRE(now.backups == target.backups);
      moves = moves_to(present, now);
    }
  }
}

TEST_CASE("target: as wide as the most copies of a cache, read from its options") {
  const auto copies = [](std::vector<cache_field> options) {
    return copies_of({cache_id{1}, "c", std::move(options)});
  };
  CHECK(copies({}) == 0);
  CHECK(copies({{"ttl_ns", "5"}}) == 0);
  CHECK(copies({{"backups", "2"}}) == 2);
  CHECK(copies({{"backups", "1"}, {"ttl_ns", "5"}, {"async_backups", "3"}}) == 4);
  CHECK(copies({{"backups", "4"}, {"async_backups", "4"}}) == 6);
  for (const char* nonsense : {"", "-1", "+1", " 1", "1x", "x", "99999999999999999999999"}) {
    CHECK(copies({{"backups", nonsense}}) == 0);
  }
  CHECK(copies({{"backups", "18446744073709551615"}, {"async_backups", "18446744073709551615"}}) ==
        6);
  CHECK(width_of(view_of(body_of(3, {}))) == 0);
  CHECK(width_of(view_of(body_of(3, {copied(1, "1"), copied(2, "3"), copied(3, "0")}))) == 3);
}

TEST_CASE("target: without copies there are owners only") {
  const placement target = target_of(view_of(body_of(4, {copied(1, "0")})));
  CHECK(target.width == 0);
  CHECK(target.backups.empty());
  CHECK(target.row(first).empty());
  CHECK(target.owners.size() == partition_count);
}

TEST_CASE("target: no copy is in the owner's zone while there are other zones") {
  wire::view_body body = body_of(6, {copied(1, "1")});
  for (std::size_t i = 0; i < 4; ++i) body.members[i].zone = i < 2 ? "north" : "south";
  const view v = view_of(std::move(body));
  const placement target = target_of(v);
  std::size_t alone = 0;
  for (std::uint32_t p = 0; p < partition_count; ++p) {
    const auto id = static_cast<partition_id>(p);
    const std::string& mine = v.members[target.owner(id)].zone;
    const std::string& others = v.members[target.row(id)[0]].zone;
    CHECK((mine.empty() || mine != others));
    // Who names no zone shares it with nobody, not with others that name none.
    alone += mine.empty() && others.empty() ? 1 : 0;
  }
  CHECK(alone > 0);
}

TEST_CASE("target: one zone alone still has copies") {
  wire::view_body body = body_of(3, {copied(1, "1")});
  for (member_record& member : body.members) member.zone = "only";
  const placement target = target_of(view_of(std::move(body)));
  CHECK(std::ranges::find(target.backups, unowned) == target.backups.end());
}

TEST_CASE("target: a member without weight is to own nothing and to hold no copy") {
  wire::view_body body = body_of(3, {copied(1, "1")});
  body.members[1].weight = 0;
  const placement target = target_of(view_of(std::move(body)));
  CHECK(std::ranges::find(target.owners, 1) == target.owners.end());
  CHECK(std::ranges::find(target.backups, 1) == target.backups.end());
  CHECK(std::ranges::find(target.backups, unowned) == target.backups.end());
}

TEST_CASE("target: where nobody has weight the owners stay") {
  wire::view_body body = body_of(3, {copied(1, "1")});
  for (member_record& member : body.members) member.weight = 0;
  const placement target = target_of(view_of(body));
  for (std::size_t p = 0; p < partition_count; ++p) CHECK(target.owners[p] == body.rows[p].owner);
}

TEST_CASE("target: a member that stays in a row keeps its position, newcomers take the free ones") {
  const auto ordered = [](row wanted, const row& present) {
    parts::keep_positions(wanted, present);
    return wanted;
  };
  CHECK(ordered({4, 5}, {}) == row{4, 5});
  CHECK(ordered({4, 5}, {5, 4}) == row{5, 4});
  CHECK(ordered({4, 5}, {7, 4}) == row{5, 4});
  CHECK(ordered({4, 5}, {unowned, 5}) == row{4, 5});
  CHECK(ordered({4, 5, 6}, {6, 8, 4}) == row{6, 5, 4});
  // A position that is none any more.
  CHECK(ordered({4, 5}, {5, unowned, 4}) == row{5, 4});
}

TEST_CASE("target: positions are filled from the first, by whoever holds the last") {
  const auto ordered = [](row wanted, const row& present) {
    parts::keep_positions(wanted, present);
    return wanted;
  };
  CHECK(ordered({5, unowned}, {unowned, 5}) == row{5, unowned});
  CHECK(ordered({5, 6, unowned}, {unowned, 5, 6}) == row{6, 5, unowned});
  CHECK(ordered({5, 6, unowned}, {5, unowned, 6}) == row{5, 6, unowned});
  CHECK(ordered({5, unowned, unowned}, {unowned, unowned, 5}) == row{5, unowned, unowned});
}

TEST_CASE("target: fewer members than copies leave the last positions empty") {
  const placement target = target_of(view_of(body_of(2, {copied(1, "3")})));
  CHECK(target.width == 3);
  CHECK(row_of(target, first) == row{1, unowned, unowned});
}
