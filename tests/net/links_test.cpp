// Two and more real members on the loopback: who is linked to whom, and what they hear of it.
#include <doctest/doctest.h>

#include "support.hpp"

using namespace net_test;
using kith::net::close_reason;
using kith::net::dial_result;
using kith::wire::opcode;

namespace {

TEST_CASE("links: a dial that nobody answers is refused") {
  kith::endpoint nobody;
  {
    party gone{9};
    nobody = gone.listen().local();
  }
  party caller{1};
  caller.links().dial(nobody);
  REQUIRE(caller.seen.wait(at_least(1, heard::failed)));
  CHECK(caller.seen.events()[0].result == dial_result::refused);

  SUBCASE("also where a packet asked for it, and the next packet dials again") {
    caller.links().set_address(member(9), nobody);
    CHECK(caller.send(member(9), packet_of(opcode::ping, 1)));
    REQUIRE(caller.seen.wait(at_least(2, heard::failed)));
    CHECK(caller.seen.events()[1].peer == member(9));
    CHECK(caller.send(member(9), packet_of(opcode::ping, 2)));
    CHECK(caller.seen.wait(at_least(3, heard::failed)));
  }
}

TEST_CASE("links: a packet for a known address dials, and those that wait keep their order") {
  party owner{1};
  owner.listen();
  party caller{2};
  CHECK_FALSE(caller.send(member(1), packet_of(opcode::ping, 0)));  // no address
  caller.links().set_address(member(1), owner.local());
  for (std::uint64_t rid = 1; rid <= 100; ++rid) {
    CHECK(caller.send(member(1), packet_of(opcode::ping, rid)));
  }
  REQUIRE(owner.seen.wait(at_least(100, heard::message)));
  std::uint64_t expected = 0;
  for (const heard& each : owner.seen.events()) {
    if (each.what == heard::message) CHECK(each.rid == ++expected);
  }
}

TEST_CASE("links: another member at the address is told apart") {
  party owner{1};
  owner.listen();
  party caller{2};
  caller.links().set_address(member(7), owner.local());
  caller.send(member(7), packet_of(opcode::ping, 1));
  REQUIRE(caller.seen.wait(at_least(1, heard::failed)));
  CHECK(caller.seen.events()[0].result == dial_result::other_member);
  CHECK(caller.seen.events()[0].peer == member(7));
  CHECK(caller.seen.wait(at_least(1, heard::up)));
}

TEST_CASE("links: a dialled connection that is turned away is a failed dial, and the next dials") {
  party owner{1};
  owner.listen();
  kith::net::link_options options;
  options.unknown_peers = 0;
  party caller{2, options};
  caller.links().set_address(member(1), owner.local());
  for (std::size_t dials = 1; dials <= 3; ++dials) {
    CHECK(caller.send(member(1), packet_of(opcode::ping, dials)));
    REQUIRE(caller.seen.wait(at_least(dials, heard::failed)));
    CHECK(caller.seen.events().back().peer == member(1));
    CHECK(caller.seen.events().back().why == close_reason::busy);
  }
}

TEST_CASE("links: a member that dials itself is told so") {
  party owner{1};
  owner.listen();
  owner.links().dial(owner.local());
  REQUIRE(owner.seen.wait(at_least(1, heard::failed)));
  CHECK(owner.seen.events()[0].result == dial_result::not_a_peer);
  CHECK(owner.seen.events()[0].verdict == kith::wire::verdict_status::own_identity);
}

// Both dial, whatever they know by then: the connection that the lower one dialled is kept.
void meet_once(std::size_t threads) {
  const auto shared = std::make_shared<bell>();
  party low{1, {}, threads, shared};
  party high{2, {}, threads, shared};
  low.listen();
  high.listen();
  low.links().dial(high.local());
  high.links().dial(low.local());
  const auto last_up = [](const std::vector<heard>& events) {
    heard last;
    for (const heard& each : events) {
      if (each.what == heard::up) last = each;
    }
    return last;
  };
  REQUIRE(shared->wait([&] {
    const heard mine = last_up(low.seen.events_locked());
    return mine.dialled && mine.sid == last_up(high.seen.events_locked()).sid;
  }));
  CHECK(low.send(high.id(), packet_of(opcode::ping, 1)));
  CHECK(high.send(low.id(), packet_of(opcode::ping, 2)));
  CHECK(low.seen.wait(at_least(1, heard::message)));
  CHECK(high.seen.wait(at_least(1, heard::message)));
  CHECK(low.links().find(high.id())->sid() == high.links().find(low.id())->sid());
  // The end of the other connection may be heard before this one opened here.
  CHECK(count(low.seen.events(), heard::down) <= 1);
  CHECK(count(high.seen.events(), heard::down) <= 1);
}

TEST_CASE("links: simultaneous dials end in one link") {
  for (int i = 0; i < 100; ++i) meet_once(i % 2 == 0 ? 1 : 2);
}

TEST_CASE("links: a further dial of a linked member changes nothing") {
  party owner{1};
  party caller{2};
  owner.listen();
  caller.links().dial(owner.local());
  REQUIRE(caller.seen.wait(at_least(1, heard::up)));
  caller.links().dial(owner.local());
  REQUIRE(caller.seen.wait(at_least(1, heard::found)));
  for (std::uint64_t rid = 1; rid <= 50; ++rid) {
    CHECK(caller.send(owner.id(), packet_of(opcode::ping, rid)));
  }
  CHECK(owner.seen.wait(at_least(50, heard::message)));
  CHECK(count(caller.seen.events(), heard::up) == 1);
  CHECK(count(caller.seen.events(), heard::down) == 0);
}

// Goal: a member that lost its link without our knowing (its machine was cut off) is linked again.
// Method: a second connection of the same identity while the first stays silent.
TEST_CASE("links: a new connection replaces a link that is silent") {
  kith::net::link_options options;
  options.reserve_time = 20ms;
  party owner{1, options};
  owner.listen();
  raw_peer first{owner.local()};
  REQUIRE(first.shake_hands(2));
  REQUIRE(owner.seen.wait(at_least(1, heard::up)));
  raw_peer second{owner.local()};
  REQUIRE(second.shake_hands(2));
  REQUIRE(owner.seen.wait(at_least(2, heard::up)));
  const auto events = owner.seen.events();
  CHECK(events[1].peer == member(2));
  CHECK(events[1].sid == second.session().sid());
  CHECK(events[0].sid != events[1].sid);
}

TEST_CASE("links: a claim of another incarnation is another peer and replaces nothing") {
  party owner{1};
  owner.listen();
  party first{2};
  first.links().dial(owner.local());
  REQUIRE(owner.seen.wait(at_least(1, heard::up)));
  kith::net::link_options options;
  party second{2, options};
  second.at_home([&] { second.links().restart({2, 2, 2}); });
  second.links().dial(owner.local());
  REQUIRE(owner.seen.wait(at_least(2, heard::up)));
  CHECK(owner.seen.events()[1].peer == kith::member_id{2, 2, 2});
  CHECK(owner.links().find(member(2)));
  CHECK(owner.send(member(2), packet_of(opcode::ping, 1)));
  CHECK(first.seen.wait(at_least(1, heard::message)));
}

// Goal: an urgent message overtakes a large value. Method: the value is queued first, and the order
// of arrival counts, not time.
TEST_CASE("links: a large value does not hold back pings") {
  party owner{1};
  owner.listen();
  party caller{2};
  caller.links().dial(owner.local());
  REQUIRE(caller.seen.wait(at_least(1, heard::up)));
  const std::size_t large = 8 << 20;
  kith::net::touched written;
  caller.links().push(owner.id(), packet_of(opcode::mutate, 1, large), written);
  for (std::uint64_t rid = 2; rid < 12; ++rid) {
    caller.links().push(owner.id(), packet_of(opcode::ping, rid), written);
  }
  written.flush();
  REQUIRE(owner.seen.wait(at_least(11, heard::message)));
  const auto events = owner.seen.events();
  CHECK(events.back().rid == 1);
  CHECK(events.back().size == large);
}

TEST_CASE("links: a member that stops is gone for the other at once") {
  party owner{1};
  owner.listen();
  party caller{2};
  caller.links().dial(owner.local());
  REQUIRE(owner.seen.wait(at_least(1, heard::up)));
  REQUIRE(caller.seen.wait(at_least(1, heard::up)));
  CHECK(caller.send(owner.id(), packet_of(opcode::leave, 1)));
  caller.stop();
  REQUIRE(owner.seen.wait(at_least(1, heard::down)));
  CHECK(count(owner.seen.events(), heard::message) == 1);  // what was queued arrived first
  CHECK(owner.seen.events().back().why == close_reason::peer_closed);
}

TEST_CASE("links: unknown peers are capped, members of the view are not") {
  kith::net::link_options options;
  options.unknown_peers = 2;
  party owner{1, options};
  owner.listen();
  owner.at_home([&] { owner.links().set_members({{member(5), {"127.0.0.1", 1}}}); });
  raw_peer a{owner.local()};
  raw_peer b{owner.local()};
  raw_peer c{owner.local()};
  raw_peer d{owner.local()};
  REQUIRE(a.shake_hands(2));
  REQUIRE(b.shake_hands(3));
  REQUIRE(owner.seen.wait(at_least(2, heard::up)));
  CHECK(c.shake_hands(4));
  CHECK(c.receive_all().empty());  // closed: one too many
  REQUIRE(d.shake_hands(5));
  REQUIRE(owner.seen.wait(at_least(3, heard::up)));
  CHECK(owner.seen.events()[2].peer == member(5));
}

}  // namespace
