// The loads that a member runs for owners without a loader, and who has to wait for them.
#include "router_fixture.hpp"

#include <kith/wire/decode.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

using namespace kith;
using namespace kith::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t lent = 77;

/// Reads of a key that another member owns, which has no loader.
struct lender : near_caller {
  using near_caller::near_caller;

  void own(member_id owner, std::uint64_t view) {
    machine.on_ownership(reader.key.partition, owner, epoch{view_number{view}});
    machine.retry_moved(reader.now, out);
  }
  /// Returns the number by which the call is cancelled.
  std::uint64_t read(duration timeout) {
    node::call what = call(node::call_kind::get, timeout);
    what.load = true;
    machine.submit(reader.now, std::move(what), out);
    return ids;
  }
  /// The owner's answer to the last request has the ticket, and a value if it is a hit. Returns the
  /// number of the load that runs then, or 0.
  std::uint64_t lend(wire::get_status status = wire::get_status::ticket) {
    wire::get_reply reply;
    reply.status = status;
    reply.epoch = reader.term;
    reply.ticket = lent;
    machine.on_get_reply(reader.now, near_reader::owner, all<wire::send>().back().message.rid,
                         reply, out);
    const auto runs = all<node::load_here>();
    return runs.empty() ? 0 : runs.back().rid;
  }
  void load_ends(std::uint64_t rid) {
    machine.on_loaded_here(reader.now, rid, replica::loaded{to_bytes(as_bytes("row")), {}, {}},
                           out);
  }
  void pass(duration time) {
    reader.now += time;
    machine.on_timeout(reader.now, out);
  }

  [[nodiscard]] std::vector<error_code> ended() const {
    std::vector<error_code> codes;
    for (const node::complete& done : all<node::complete>()) codes.push_back(done.result.error);
    return codes;
  }
  /// The tickets whose loads' results went to owners.
  [[nodiscard]] std::vector<std::uint64_t> filled() const {
    std::vector<std::uint64_t> tickets;
    for (const wire::send& one : all<wire::send>()) {
      wire::mutate told;
      if (one.message.code != wire::mutate::code) continue;
      REQUIRE(wire::decode(one.message.payload, told) == wire::decode_error::none);
      CHECK(told.kind == wire::mutation::fill);
      CHECK(one.to == near_reader::owner);
      tickets.push_back(told.ticket);
    }
    return tickets;
  }
};

}  // namespace

TEST_CASE("tickets: a read whose time is over leaves its load and the owner gets the row") {
  lender l;
  l.read(20ms);
  const std::uint64_t load = l.lend();
  REQUIRE(load != 0);
  l.pass(25ms);
  CHECK(l.ended() == std::vector<error_code>{errc::timed_out});
  CHECK(l.all<node::unused_ticket>().empty());
  l.pass(80ms);
  l.load_ends(load);
  CHECK(l.filled() == std::vector{lent});
  CHECK(l.machine.counters().timed_out == 1);
}

TEST_CASE("tickets: a read that is cancelled leaves its load and the owner gets the row") {
  lender l;
  const std::uint64_t id = l.read(1s);
  const std::uint64_t load = l.lend();
  l.machine.cancel(l.reader.now, id, node::cancelling::always, l.out);
  l.machine.cancel(l.reader.now, id, node::cancelling::always, l.out);
  CHECK(l.ended() == std::vector<error_code>{operation_aborted()});
  CHECK(l.all<node::unused_ticket>().empty());
  l.pass(2s);
  l.load_ends(load);
  CHECK(l.filled() == std::vector{lent});
}

TEST_CASE("tickets: a refresh has the time of its ticket and not of the read that brought it") {
  lender l;
  l.read(20ms);
  const std::uint64_t load = l.lend(wire::get_status::hit);
  REQUIRE(load != 0);
  CHECK(l.ended() == std::vector<error_code>{error_code{}});
  l.pass(4s);
  l.load_ends(load);
  CHECK(l.filled() == std::vector{lent});
  CHECK(l.machine.counters().timed_out == 0);
  CHECK(l.machine.counters().ticket_loads == 1);
  CHECK(l.machine.counters().ticket_refreshes == 1);
}

// Goal: nobody waits for a loader that does not come back, whether its reader is there or not.
TEST_CASE("tickets: a load that outlives its ticket gives it back") {
  for (const duration patience : {20ms, 5000ms, 9000ms}) {
    lender l;
    l.read(patience);
    const std::uint64_t load = l.lend();
    l.pass(4999ms);
    CHECK(l.all<node::unused_ticket>().empty());
    l.pass(1ms);
    l.pass(9s);
    REQUIRE(l.all<node::unused_ticket>().size() == 1);
    CHECK(l.all<node::unused_ticket>()[0].owner == near_reader::owner);
    CHECK(l.all<node::unused_ticket>()[0].ticket == lent);
    CHECK(l.ended() == std::vector<error_code>{errc::timed_out});
    CHECK(l.machine.pending() == 0);
    l.load_ends(load);
    CHECK(l.filled().empty());
  }
}

TEST_CASE("tickets: a reader that waits longer than its ticket gets what its loader brings") {
  lender l;
  l.read(9s);
  const std::uint64_t load = l.lend();
  l.pass(8s);
  l.load_ends(load);
  CHECK(l.ended() == std::vector<error_code>{error_code{}});
}

TEST_CASE("tickets: a hard timeout above the usual lets a load run longer") {
  lender l;
  l.binding->hard_timeout = 20s;
  l.read(20ms);
  const std::uint64_t load = l.lend();
  l.pass(25ms);
  l.pass(15s);
  CHECK(l.all<node::unused_ticket>().empty());
  l.load_ends(load);
  CHECK(l.filled() == std::vector{lent});
}

TEST_CASE("tickets: a result for which there is no room gives the ticket back") {
  lender l{{.pending_bytes = 64}};
  l.read(1s);
  const std::uint64_t load = l.lend();
  node::call large = l.call(node::call_kind::mutate, 1s);
  large.value.resize(100);
  l.machine.submit(l.reader.now, std::move(large), l.out);
  l.load_ends(load);
  CHECK(l.ended() == std::vector<error_code>{error_code{}});
  REQUIRE(l.all<node::unused_ticket>().size() == 1);
  CHECK(l.all<node::unused_ticket>()[0].ticket == lent);
  CHECK(l.machine.counters().overloaded == 0);
}

TEST_CASE("tickets: a reader gets its row though its owner is lost and nobody else is told") {
  lender l;
  l.read(1s);
  const std::uint64_t load = l.lend();
  l.machine.on_session(l.reader.now, near_reader::owner, l.out);
  l.own(near_reader::stranger, 5);
  l.load_ends(load);
  CHECK(l.ended() == std::vector<error_code>{error_code{}});
  CHECK(l.filled().empty());
  CHECK(l.machine.pending() == 0);
}

TEST_CASE("tickets: another identity ends the loads of the old one") {
  lender l;
  l.read(20ms);
  const std::uint64_t load = l.lend();
  l.pass(25ms);
  l.machine.on_identity(l.reader.now, near_reader::stranger, l.reader.lane, l.out);
  CHECK(l.machine.pending() == 0);
  l.load_ends(load);
  CHECK(l.filled().empty());
}
