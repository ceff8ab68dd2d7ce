// What becomes of the partitions when owners claim, members drain, leave and die.
#include "harness.hpp"

#include <kith/cluster/target.hpp>
#include <kith/wire/encode.hpp>

#include <doctest/doctest.h>

using namespace harness;

namespace {

using enum wire::claim_kind;

enum class data : std::uint8_t { none, one_cache };

std::unique_ptr<world> cluster_of(std::size_t n, data has, quorum_mode quorum = quorum_mode::none) {
  world_options options;
  options.quorum = quorum;
  if (quorum == quorum_mode::majority) options.expect = n;
  auto w = std::make_unique<world>(options);
  for (std::size_t i = 0; i < n; ++i) w->add();
  REQUIRE(w->run_until(20s, [&] { return w->one_view(w->living()); }));
  if (has == data::none) return w;
  w->act(0, [](membership& m, time_point now, outbox& out) {
    m.open_cache(now, {"books", {{"backups", "1"}}}, out);
  });
  REQUIRE(w->run_until(
      5s, [&] { return w->one_view(w->living()) && !w->machine(0).current()->caches.empty(); }));
  return w;
}

std::size_t coordinator_of(world& w) {
  for (const std::size_t i : w.living()) {
    if (w.machine(i).role() == member_role::coordinator) return i;
  }
  REQUIRE(false);
  return 0;
}

std::size_t follower_of(world& w) { return coordinator_of(w) == 0 ? 1 : 0; }

const view& seen_by(world& w, std::size_t i) { return *w.machine(i).current(); }

std::uint16_t index_of_node(world& w, std::size_t i) {
  return *seen_by(w, i).find(w.machine(i).self());
}

std::size_t owned_by(world& w, std::size_t i) {
  return static_cast<std::size_t>(
      std::ranges::count(seen_by(w, i).rows, index_of_node(w, i), &partition_row::owner));
}

partition_id some_partition_of(world& w, std::size_t i) {
  const auto& rows = seen_by(w, i).rows;
  const auto at = std::ranges::find(rows, index_of_node(w, i), &partition_row::owner);
  REQUIRE(at != rows.end());
  return static_cast<partition_id>(at - rows.begin());
}

void claim(world& w, std::size_t i, std::vector<wire::row_claim> claims) {
  w.act(i, [&](membership& m, time_point now, outbox& out) {
    m.claim_rows(now, m.current()->key, std::move(claims), out);
  });
}

/// Every owner brings its partitions to whom the target wants to own them, and says so.
void hand_over_all(world& w) {
  for (const std::size_t i : w.living()) {
    if (w.machine(i).current() == nullptr) continue;
    const placement target = target_of(seen_by(w, i));
    std::vector<wire::row_claim> claims;
    for (std::uint32_t p = 0; p < partition_count; ++p) {
      const auto id = static_cast<partition_id>(p);
      if (seen_by(w, i).rows[p].owner != index_of_node(w, i)) continue;
      if (target.owner(id) == index_of_node(w, i)) continue;
      claims.push_back({id, hand_over, target.owner(id), 0});
    }
    if (!claims.empty()) claim(w, i, std::move(claims));
  }
}

bool drains(world& w, std::size_t i) {
  w.drain(i);
  for (int turn = 0; turn < 100 && w.at(i).drained == 0; ++turn) {
    w.run_for(100ms);
    hand_over_all(w);
  }
  return w.at(i).drained == 1;
}

void check_healthy(world& w) {
  CHECK(w.run_until(30s, [&] { return w.one_view(w.living()); }));
  for (const std::string& violation : w.violations()) CHECK_MESSAGE(false, violation);
}

wire::decode_error report(world& w, std::size_t to, const member_id& from,
                          const wire::report_rows& said) {
  const bytes payload = wire::encoded(said);
  wire::message_frame frame;
  frame.code = static_cast<std::uint8_t>(wire::opcode::report_rows);
  frame.payload = payload;
  wire::decode_error error{};
  w.act(to, [&](membership& m, time_point now, outbox& out) {
    error = m.on_message(now, from, frame, out);
  });
  return error;
}

}  // namespace

TEST_CASE("rows: what an owner claims is in the next view") {
  for (const auto quorum : {quorum_mode::none, quorum_mode::majority}) {
    auto w = cluster_of(3, data::one_cache, quorum);
    for (const std::size_t i : {follower_of(*w), coordinator_of(*w)}) {
      const partition_id p = some_partition_of(*w, i);
      const auto other = static_cast<std::uint16_t>((index_of_node(*w, i) + 1) % 3);
      const view_number before = seen_by(*w, i).key.number;
      claim(*w, i, {{p, in_sync, other, 0}});
      CHECK(w->run_until(1s, [&] { return seen_by(*w, i).key.number > before; }));
      CHECK(seen_by(*w, i).rows[kith::index_of(p)].backups == std::vector<std::uint16_t>{other});
      check_healthy(*w);
      claim(*w, i, {{p, hand_over, other, 0}});
      CHECK(
          w->run_until(1s, [&] { return seen_by(*w, i).rows[kith::index_of(p)].owner == other; }));
      CHECK(seen_by(*w, i).rows[kith::index_of(p)].inherits);
      check_healthy(*w);
    }
    CHECK(w->counters().claims_taken == 4);
    CHECK(w->counters().claims_ignored == 0);
  }
}

TEST_CASE("rows: claims wait for each other, but not when a view comes anyway") {
  auto w = cluster_of(3, data::one_cache);
  const std::size_t i = coordinator_of(*w);
  const auto p = some_partition_of(*w, i);
  const view_number before = seen_by(*w, i).key.number;
  claim(*w, i, {{p, in_sync, 1, 0}});
  w->run_for(50ms);
  claim(*w, i, {{p, in_sync, 2, 1}});
  w->run_for(40ms);
  CHECK(seen_by(*w, i).key.number == before);
  w->run_for(40ms);
  CHECK(seen_by(*w, i).key.number == before.next());
  CHECK(seen_by(*w, i).rows[kith::index_of(p)].backups == std::vector<std::uint16_t>{1, 2});

  claim(*w, i, {{p, out_of_sync, 1, 0}});
  w->drain(follower_of(*w));
  w->run_for(20ms);
  CHECK(seen_by(*w, i).key.number == before.next().next());
  CHECK(seen_by(*w, i).rows[kith::index_of(p)].backups == std::vector<std::uint16_t>{unowned, 2});
  check_healthy(*w);
}

TEST_CASE("rows: more claims than a message holds are all made") {
  auto w = cluster_of(2, data::one_cache);
  const std::size_t i = follower_of(*w);
  const auto other = static_cast<std::uint16_t>(1 - index_of_node(*w, i));
  std::vector<wire::row_claim> claims;
  for (int again = 0; again < 3; ++again) {
    for (std::uint32_t p = 0; p < partition_count; ++p) {
      if (seen_by(*w, i).rows[p].owner == other) continue;
      claims.push_back({static_cast<partition_id>(p), in_sync, other, 0});
    }
  }
  REQUIRE(claims.size() > wire::row_claims_max);
  claim(*w, i, std::move(claims));
  w->run_for(1s);
  for (const partition_row& row : seen_by(*w, i).rows) {
    CHECK(row.backups.size() == (row.owner == other ? 0 : 1));
  }
  check_healthy(*w);
}

TEST_CASE("rows: claims of another view, of a stranger, or not to the coordinator are ignored") {
  auto w = cluster_of(3, data::one_cache);
  const std::size_t i = follower_of(*w);
  const std::size_t c = coordinator_of(*w);
  const std::vector<wire::row_claim> claims{{some_partition_of(*w, i), in_sync, 0, 0}};
  const view_key key = seen_by(*w, i).key;
  const member_id self = w->machine(i).self();
  view_key past = key;
  past.number = view_number{key.number.value() - 1};
  CHECK(report(*w, c, self, {past, claims}) == wire::decode_error::none);
  CHECK(w->counters().claims_ignored == 1);
  CHECK(report(*w, c, {77, 77, 1}, {key, claims}) == wire::decode_error::none);
  CHECK(w->counters().claims_ignored == 2);
  CHECK(report(*w, i, w->machine(c).self(), {key, claims}) == wire::decode_error::none);
  CHECK(w->counters().claims_ignored == 3);
  CHECK(w->counters().claims_taken == 0);
  // The member itself says nothing of a view that is over.
  w->act(i, [&](membership& m, time_point now, outbox& out) {
    m.claim_rows(now, past, claims, out);
    CHECK(out.empty());
  });
  w->run_for(1s);
  CHECK(seen_by(*w, i).key == key);
  check_healthy(*w);
}

TEST_CASE("rows: an install forgets what was claimed before") {
  auto w = cluster_of(3, data::one_cache);
  const std::size_t c = coordinator_of(*w);
  const partition_id p = some_partition_of(*w, c);
  claim(*w, c, {{p, in_sync, 1, 0}});
  w->run_for(1s);
  claim(*w, c, {{p, out_of_sync, 1, 0}});
  w->run_for(1s);
  const view_key settled = seen_by(*w, c).key;
  CHECK(seen_by(*w, c).rows[kith::index_of(p)].backups.empty());
  w->run_for(2s);
  CHECK(seen_by(*w, c).key == settled);
}

TEST_CASE("rows: the copy of an owner that dies goes on, and what had none begins anew") {
  auto w = cluster_of(3, data::one_cache);
  const std::size_t i = follower_of(*w);
  const std::size_t owned = owned_by(*w, i);
  const partition_id p = some_partition_of(*w, i);
  claim(*w, i, {{p, in_sync, 0, 0}});
  w->run_for(1s);
  w->crash(i);
  check_healthy(*w);
  const std::size_t c = coordinator_of(*w);
  CHECK(seen_by(*w, c).rows[kith::index_of(p)].owner == 0);
  CHECK(seen_by(*w, c).rows[kith::index_of(p)].inherits);
  CHECK(w->counters().rows_promoted == 1);
  CHECK(w->counters().rows_lost == owned - 1);
}

TEST_CASE("drain: a member that is alone has nobody to drain to") {
  auto w = cluster_of(1, data::one_cache);
  w->drain(0);
  CHECK(w->at(0).drained == 1);
  w->run_for(3s);
  CHECK(w->at(0).drained == 1);
  CHECK(seen_by(*w, 0).members[0].weight == 1);
}

TEST_CASE("drain: without a cache the others own all at once") {
  for (const bool coordinates : {false, true}) {
    auto w = cluster_of(3, data::none);
    const std::size_t i = coordinates ? coordinator_of(*w) : follower_of(*w);
    w->drain(i);
    CHECK(w->run_until(1s, [&] { return w->at(i).drained == 1; }));
    CHECK(seen_by(*w, i).members[index_of_node(*w, i)].weight == 0);
    CHECK(owned_by(*w, i) == 0);
    check_healthy(*w);
    CHECK(seen_by(*w, i).size() == 3);
    CHECK(w->counters().members_drained == 1);
    w->run_for(3s);
    CHECK(w->at(i).drained == 1);
  }
}

TEST_CASE("drain: with a cache it ends when the owners have handed all over") {
  for (const auto quorum : {quorum_mode::none, quorum_mode::majority}) {
    for (const bool coordinates : {false, true}) {
      auto w = cluster_of(3, data::one_cache, quorum);
      const std::size_t i = coordinates ? coordinator_of(*w) : follower_of(*w);
      REQUIRE(owned_by(*w, i) > 0);
      w->drain(i);
      w->run_for(3s);
      CHECK(w->at(i).drained == 0);
      CHECK(drains(*w, i));
      CHECK(owned_by(*w, i) == 0);
      w->leave(i);
      CHECK(w->run_until(12s, [&] { return w->at(i).left; }));
      check_healthy(*w);
      CHECK(w->counters().rows_lost == 0);
    }
  }
}

TEST_CASE("drain: a member that holds a copy is not drained") {
  auto w = cluster_of(3, data::one_cache);
  const std::size_t i = follower_of(*w);
  const std::size_t c = coordinator_of(*w);
  const partition_id p = some_partition_of(*w, c);
  claim(*w, c, {{p, in_sync, index_of_node(*w, i), 1}});
  w->run_for(1s);
  w->drain(i);
  for (int turn = 0; turn < 30; ++turn) {
    w->run_for(100ms);
    hand_over_all(*w);
  }
  CHECK(owned_by(*w, i) == 0);
  CHECK(w->at(i).drained == 0);
  claim(*w, c, {{p, out_of_sync, index_of_node(*w, i), 0}});
  CHECK(w->run_until(1s, [&] { return w->at(i).drained == 1; }));
}

TEST_CASE("drain: the last member with weight is drained at once") {
  auto w = cluster_of(2, data::one_cache);
  CHECK(drains(*w, 0));
  w->drain(1);
  CHECK(w->at(1).drained == 1);
  CHECK(owned_by(*w, 1) == partition_count);
}

TEST_CASE("drain: who asked a coordinator that dies asks the next") {
  auto w = cluster_of(4, data::one_cache);
  const std::size_t c = coordinator_of(*w);
  const std::size_t i = follower_of(*w);
  w->crash(c);
  w->drain(i);
  check_healthy(*w);
  CHECK(w->run_until(5s, [&] { return seen_by(*w, i).members[index_of_node(*w, i)].weight == 0; }));
  check_healthy(*w);
}

TEST_CASE("drain: a new member at the same address has a weight of its own") {
  auto w = cluster_of(3, data::none);
  const std::size_t i = follower_of(*w);
  CHECK(drains(*w, i));
  w->crash(i);
  check_healthy(*w);
  w->start(i);
  check_healthy(*w);
  CHECK(seen_by(*w, i).members[index_of_node(*w, i)].weight == 1);
  CHECK(owned_by(*w, i) > 0);
}

TEST_CASE("drain: a member that is removed meanwhile has nothing left to give") {
  auto w = cluster_of(3, data::one_cache);
  const std::size_t i = follower_of(*w);
  w->drain(i);
  w->run_for(1s);
  CHECK(w->at(i).drained == 0);
  w->pause(i, 20s);
  w->run_for(30s);
  check_healthy(*w);
  REQUIRE(!w->at(i).identities.empty());
  CHECK(w->at(i).drained == 1);
  CHECK(seen_by(*w, i).members[index_of_node(*w, i)].weight == 1);
}
