#include "tables.hpp"

#include <kith/cluster/row_claims.hpp>

#include <utility>

using namespace tables;

namespace {

using enum wire::claim_kind;
using claims = std::vector<wire::row_claim>;

/// The claims of one coordinator about a view of four members. The first partition is member 0's,
/// with member 1 at position 0.
struct desk {
  membership_counters counters;
  row_claims waiting{counters};
  view current;

  desk() : current{make()} {}
  static view make() {
    wire::view_body body = body_of(4, {copied(1, "2")});
    body.rows[0].backups = {1};
    return view_of(std::move(body));
  }
  /// How many were taken.
  std::uint64_t say(std::uint16_t sender, const claims& said, time_point now = {}) {
    const std::uint64_t before = counters.claims_taken;
    waiting.on_claims(now, current, sender, said);
    return counters.claims_taken - before;
  }
};

}  // namespace

TEST_CASE("row claims: what an owner says of its partitions is kept in the order it was said") {
  desk d;
  const claims said{
      {first, in_sync, 3, 1}, {first, in_sync, 2, 2}, {partition_id{4}, hand_over, 2, 0}};
  CHECK(d.say(0, said) == 3);
  CHECK(d.waiting.all() == said);
  CHECK(d.counters.claims_ignored == 0);
}

TEST_CASE("row claims: who does not own the partition says nothing") {
  desk d;
  CHECK(d.say(1, {{first, in_sync, 3, 1}}) == 0);
  CHECK(d.say(0, {{partition_id{1}, in_sync, 3, 1}}) == 0);
  CHECK(d.waiting.empty());
  CHECK(d.counters.claims_ignored == 2);
}

TEST_CASE("row claims: what makes no sense is ignored") {
  desk d;
  CHECK(d.say(0, {{first, hand_over, 0, 0},
                  {first, in_sync, 0, 1},
                  {first, in_sync, 4, 1},
                  {first, out_of_sync, unowned, 0},
                  {first, in_sync, 2, wire::backups_max}}) == 0);
  // The row says so already.
  CHECK(d.say(0, {{first, in_sync, 1, 0}}) == 0);
  CHECK(d.waiting.empty());
  CHECK(d.counters.claims_ignored == 6);
  d.waiting.on_others_claims(5);
  CHECK(d.counters.claims_ignored == 11);
}

TEST_CASE("row claims: that a member is not in the row is news for an owner that waits for it") {
  desk d;
  CHECK(d.say(0, {{first, out_of_sync, 2, 0}}) == 1);
  CHECK(d.waiting.all() == claims{{first, out_of_sync, 2, 0}});
}

TEST_CASE("row claims: the newest claim about a member of a row counts") {
  desk d;
  CHECK(d.say(0, {{first, in_sync, 2, 1}, {first, in_sync, 3, 2}, {first, in_sync, 2, 3}}) == 3);
  CHECK(d.waiting.all() == claims{{first, in_sync, 3, 2}, {first, in_sync, 2, 3}});
  CHECK(d.say(0, {{first, out_of_sync, 2, 0}}) == 1);
  CHECK(d.waiting.all() == claims{{first, in_sync, 3, 2}, {first, out_of_sync, 2, 0}});
}

TEST_CASE("row claims: one that takes another back leaves nothing") {
  desk d;
  CHECK(d.say(0, {{first, out_of_sync, 1, 0}}) == 1);
  CHECK(d.say(0, {{first, in_sync, 1, 0}}) == 0);
  CHECK(d.waiting.empty());
}

TEST_CASE("row claims: a partition has one new owner at most") {
  desk d;
  CHECK(d.say(0, {{first, hand_over, 2, 0}, {first, in_sync, 1, 1}, {first, hand_over, 3, 0}}) ==
        3);
  CHECK(d.waiting.all() == claims{{first, in_sync, 1, 1}, {first, hand_over, 3, 0}});
}

TEST_CASE("row claims: the wait begins with the first and ends with the view") {
  desk d;
  const auto at = [](int ns) { return time_point{duration{ns}}; };
  CHECK(d.say(0, {{first, in_sync, 3, 1}}, at(5)) == 1);
  CHECK(d.say(0, {{first, in_sync, 2, 2}}, at(6)) == 1);
  CHECK(d.waiting.since() == at(5));
  d.waiting.forget();
  CHECK(d.waiting.empty());
  CHECK(d.waiting.all().empty());
  CHECK(d.say(0, {{first, in_sync, 3, 1}}, at(9)) == 1);
  CHECK(d.waiting.since() == at(9));
}

TEST_CASE("row claims: a row has no more claims than it can have members that come and go") {
  desk d;
  wire::view_body body = body_of(40, {copied(1, "2")});
  d.current = view_of(std::move(body));
  claims many;
  for (std::uint16_t m = 1; m < 40; ++m) many.push_back({first, in_sync, m, 0});
  CHECK(d.say(0, many) == 13);
  CHECK(d.waiting.all().size() == 13);
}
