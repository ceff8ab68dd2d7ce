// What becomes of calls that are cancelled while they wait.
#include "router_fixture.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <utility>
#include <vector>

using namespace kith;
using namespace kith::test;
using namespace std::chrono_literals;
using node::cancelling;

namespace {

struct canceller : near_caller {
  /// Returns the number by which the call is cancelled.
  std::uint64_t submit(node::call_kind kind) {
    node::call what = call(kind);
    what.near = kind == node::call_kind::get;
    machine.submit(reader.now, std::move(what), out);
    return ids;
  }
  void cancel(std::uint64_t id, cancelling how) { machine.cancel(reader.now, id, how, out); }
  /// The requests that left.
  std::vector<std::uint64_t> asked() const {
    std::vector<std::uint64_t> rids;
    for (const wire::send& one : all<wire::send>()) rids.push_back(one.message.rid);
    return rids;
  }
  std::vector<error_code> ended() const {
    std::vector<error_code> codes;
    for (const node::complete& done : all<node::complete>()) codes.push_back(done.result.error);
    return codes;
  }
};

}  // namespace

TEST_CASE("cancel: a get ends at once and its place is free") {
  for (const cancelling how : {cancelling::always, cancelling::without_effect}) {
    canceller c;
    const std::uint64_t id = c.submit(node::call_kind::get);
    const auto rids = c.asked();
    REQUIRE(rids.size() == 1);
    c.cancel(id, how);
    REQUIRE(c.ended().size() == 1);
    CHECK(c.ended()[0] == operation_aborted());
    CHECK(c.machine.pending() == 0);
    CHECK(c.machine.pending_bytes() == 0);
    CHECK(c.reader.lane.fills() == 0);
    CHECK(c.machine.counters().cancelled == 1);
    // The owner's answer comes for nobody.
    c.machine.on_get_reply(c.reader.now, near_reader::owner, rids[0], c.reader.value(1, 1), c.out);
    CHECK(c.ended().size() == 1);
    CHECK(c.machine.counters().late_replies == 1);
  }
}

TEST_CASE("cancel: who followed a get that is cancelled begins again") {
  canceller c;
  const std::uint64_t leader = c.submit(node::call_kind::get);
  c.submit(node::call_kind::get);
  CHECK(c.asked().size() == 1);
  c.cancel(leader, cancelling::always);
  CHECK(c.reader.effects<near::reissue>().size() == 1);
  CHECK(c.machine.pending() == 1);
}

TEST_CASE("cancel: a follower that is cancelled leaves its leader alone") {
  canceller c;
  c.submit(node::call_kind::get);
  const std::uint64_t follower = c.submit(node::call_kind::get);
  c.cancel(follower, cancelling::always);
  CHECK(c.ended().size() == 1);
  CHECK(c.machine.pending() == 1);
  CHECK(c.reader.lane.fills() == 1);
}

TEST_CASE("cancel: a write that was asked may have been applied and its near entry is dropped") {
  canceller c;
  c.reader.fill(c.reader.key, 1);
  const std::uint64_t pending = c.reader.lead(c.reader.key);
  REQUIRE(c.reader.hit(c.reader.key));
  const std::uint64_t id = c.submit(node::call_kind::mutate);
  c.cancel(id, cancelling::without_effect);
  CHECK(c.ended().empty());
  CHECK(c.reader.hit(c.reader.key));
  c.cancel(id, cancelling::always);
  REQUIRE(c.ended().size() == 1);
  CHECK(c.ended()[0] == condition::maybe_applied);
  CHECK_FALSE(c.reader.hit(c.reader.key));
  // Nor is an answer kept to a get that may have read before the write.
  CHECK(c.reader.reply(pending, c.reader.value(9, 1)) == near::reply_verdict::deliver);
  CHECK(c.machine.pending() == 0);
}

TEST_CASE("cancel: a write that no owner was asked for was not applied") {
  canceller c;
  c.reader.fill(c.reader.key, 1);
  c.machine.on_ownership(c.reader.key.partition, {}, c.reader.term);
  const std::uint64_t id = c.submit(node::call_kind::mutate);
  CHECK(c.asked().empty());
  c.cancel(id, cancelling::without_effect);
  REQUIRE(c.ended().size() == 1);
  CHECK(c.ended()[0] == operation_aborted());
  CHECK(c.reader.hit(c.reader.key));
}

TEST_CASE("cancel: what is over or was never there is left alone") {
  canceller c;
  const std::uint64_t id = c.submit(node::call_kind::get);
  c.cancel(id + 1, cancelling::always);
  CHECK(c.ended().empty());
  c.cancel(id, cancelling::always);
  c.cancel(id, cancelling::always);
  CHECK(c.ended().size() == 1);
}
