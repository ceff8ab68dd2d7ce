// Hostile and unlucky bytes against one real member on the loopback.
#include <doctest/doctest.h>

#include "support.hpp"

#include <chrono>
#include <string>
#include <thread>

using namespace net_test;
using kith::net::close_reason;
using kith::wire::opcode;

namespace {

kith::net::link_options quick() {
  kith::net::link_options options;
  options.connection.check = 10ms;
  return options;
}

TEST_CASE("connection: a peer that writes byte by byte is understood") {
  party owner{1};
  owner.listen();
  raw_peer peer{owner.local()};
  REQUIRE(peer.shake_hands(2, cluster, 1));
  for (const std::byte each : peer.framed(packet_of(opcode::ping, 7, 100))) peer.send({&each, 1});
  CHECK(owner.seen.wait(at_least(1, heard::message)));
  const auto events = owner.seen.events();
  CHECK(events[0].what == heard::up);
  CHECK(events[0].peer == member(2));
  CHECK(events[1].rid == 7);
  CHECK(events[1].size == 100);
}

TEST_CASE("connection: a reset in the middle of a frame ends the link, with no message") {
  party owner{1};
  owner.listen();
  raw_peer peer{owner.local()};
  REQUIRE(peer.shake_hands(2));
  const kith::bytes frame = peer.framed(packet_of(opcode::ping, 7, 1000));
  peer.send({frame.data(), frame.size() / 2});
  REQUIRE(owner.seen.wait(at_least(1, heard::up)));
  peer.reset();
  REQUIRE(owner.seen.wait(at_least(1, heard::down)));
  CHECK(owner.seen.events().back().why == close_reason::reset);
  CHECK(count(owner.seen.events(), heard::message) == 0);
}

TEST_CASE("connection: a half-open peer that ended in order is gone") {
  party owner{1};
  owner.listen();
  raw_peer peer{owner.local()};
  REQUIRE(peer.shake_hands(2));
  REQUIRE(owner.seen.wait(at_least(1, heard::up)));
  owner.send(member(2), packet_of(opcode::ping, 1));
  peer.shut_down();
  REQUIRE(owner.seen.wait(at_least(1, heard::down)));
  CHECK(owner.seen.events().back().why == close_reason::peer_closed);
  CHECK_FALSE(peer.receive_all().empty());  // what was queued left before the end
}

TEST_CASE("connection: strangers are closed without a reply") {
  party owner{1};
  owner.listen();
  const std::string hello_of_tls{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11};
  for (const std::string& first : {std::string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n"}, hello_of_tls,
                                   std::string(200, '\0'), std::string(4096, 'K')}) {
    raw_peer peer{owner.local()};
    peer.send(kith::as_bytes(first));
    CHECK(peer.receive_all().empty());
  }
  CHECK(owner.seen.events().empty());
}

TEST_CASE("connection: a member of another cluster hears why and is closed") {
  party owner{1};
  owner.listen();
  raw_peer peer{owner.local()};
  CHECK_FALSE(peer.shake_hands(2, cluster + 1));
  CHECK(peer.session().refusal() == kith::wire::verdict_status::wrong_cluster);
  CHECK(peer.receive_all().empty());
  CHECK(owner.seen.events().empty());
}

TEST_CASE("connection: garbage after the handshake closes it") {
  party owner{1};
  owner.listen();
  raw_peer peer{owner.local()};
  REQUIRE(peer.shake_hands(2));
  peer.send(kith::bytes(64, std::byte{0x5A}));
  REQUIRE(owner.seen.wait(at_least(1, heard::down)));
  CHECK(owner.seen.events().back().why == close_reason::protocol_violation);
}

TEST_CASE("connection: deadlines of the handshake, of a frame and of silence") {
  auto options = quick();
  SUBCASE("a peer that says nothing is closed") {
    options.connection.handshake = 30ms;
    party owner{1, options};
    owner.listen();
    raw_peer peer{owner.local()};
    CHECK(peer.receive_all().empty());
  }
  SUBCASE("a frame that does not go on") {
    options.connection.progress_grace = 30ms;
    party owner{1, options};
    owner.listen();
    raw_peer peer{owner.local()};
    REQUIRE(peer.shake_hands(2));
    const kith::bytes frame = peer.framed(packet_of(opcode::ping, 7, 1000));
    peer.send({frame.data(), 30});
    REQUIRE(owner.seen.wait(at_least(1, heard::down)));
    CHECK(owner.seen.events().back().why == close_reason::stalled);
  }
  SUBCASE("a peer that fell silent") {
    options.connection.idle = 30ms;
    party owner{1, options};
    owner.listen();
    raw_peer peer{owner.local()};
    REQUIRE(peer.shake_hands(2));
    REQUIRE(owner.seen.wait(at_least(1, heard::down)));
    CHECK(owner.seen.events().back().why == close_reason::idle);
  }
}

// A peer keeps pinging, as one does that is fine, and never ends a message that it began.
TEST_CASE("connection: a message that never ends is closed, whatever else the peer sends") {
  auto options = quick();
  options.connection.message_time = 100ms;
  party owner{1, options};
  owner.listen();
  raw_peer peer{owner.local()};
  REQUIRE(peer.shake_hands(2));
  const kith::bytes large = peer.framed(packet_of(opcode::mutate, 1, 200'000));
  peer.send({large.data(), kith::wire::limits::frame_bytes + kith::wire::header_bytes});
  REQUIRE(owner.seen.wait(at_least(1, heard::up)));
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (std::uint64_t rid = 2; std::chrono::steady_clock::now() < deadline; ++rid) {
    if (count(owner.seen.events(), heard::down) > 0) break;
    if (!peer.send(peer.framed(packet_of(opcode::ping, rid)))) break;
    std::this_thread::sleep_for(5ms);  // a trickle: it is not the number that ends it
  }
  REQUIRE(owner.seen.wait(at_least(1, heard::down)));
  CHECK(owner.seen.events().back().why == close_reason::stalled);
  CHECK(count(owner.seen.events(), heard::message) > 0);
}

TEST_CASE("connection: a control message of a value's size closes it") {
  party owner{1};
  owner.listen();
  raw_peer peer{owner.local()};
  REQUIRE(peer.shake_hands(2));
  peer.send(peer.framed(packet_of(opcode::heartbeat, 1, 2 * kith::wire::limits::control_bytes)));
  REQUIRE(owner.seen.wait(at_least(1, heard::down)));
  CHECK(owner.seen.events().back().why == close_reason::too_long);
  CHECK(count(owner.seen.events(), heard::message) == 0);
}

TEST_CASE("connection: connections share the memory for unfinished messages") {
  kith::net::link_options options;
  options.decode_bytes = 150'000;
  party owner{1, options};
  owner.listen();
  raw_peer first{owner.local()};
  raw_peer second{owner.local()};
  REQUIRE(first.shake_hands(2));
  REQUIRE(second.shake_hands(3));
  const kith::bytes half = first.framed(packet_of(opcode::mutate, 1, 120'000));
  const std::size_t frame = kith::wire::limits::frame_bytes + kith::wire::header_bytes;
  const std::size_t unfinished = half.size() - 1000;
  first.send({half.data(), unfinished});
  REQUIRE(owner.seen.wait(at_least(2, heard::up)));
  // It takes what is left, and more.
  const kith::bytes much = second.framed(packet_of(opcode::mutate, 1, 400'000));
  second.send({much.data(), much.size() - frame});
  REQUIRE(owner.seen.wait(at_least(1, heard::down)));
  CHECK(owner.seen.events().back().peer == member(3));
  CHECK(owner.seen.events().back().why == close_reason::no_memory);
  first.send({half.data() + unfinished, half.size() - unfinished});
  REQUIRE(owner.seen.wait(at_least(1, heard::message)));
  CHECK(owner.seen.events().back().size == 120'000);
}

// Goal: a peer with a zero window costs at most its bound. Method: it takes nothing from its socket
// while messages that it did not ask for are pushed at it; another peer goes on being served.
TEST_CASE("connection: a slow reader is bounded, closed at the hard cap, and harms nobody") {
  kith::net::link_options options;
  options.connection.outbox.soft_bytes = 1 << 20;
  options.connection.outbox.hard_bytes = 4 << 20;
  party owner{1, options};
  owner.listen();
  raw_peer slow{owner.local(), 4096};
  REQUIRE(slow.shake_hands(2));
  party other{3};
  other.links().dial(owner.local());
  REQUIRE(owner.seen.wait(at_least(2, heard::up)));

  const auto link = owner.links().find(member(2));
  REQUIRE(link);
  bool congested = false;
  std::size_t pushed = 0;
  while (owner.send(member(2), packet_of(opcode::invalidate, 0, 60'000))) {
    pushed += 60'000;
    congested = congested || link->congested();
    REQUIRE(pushed < (64u << 20));
  }
  CHECK(congested);
  REQUIRE(owner.seen.wait(at_least(1, heard::down)));
  CHECK(owner.seen.events().back().why == close_reason::overflow);
  CHECK(owner.send(member(3), packet_of(opcode::ping, 9)));
  CHECK(other.seen.wait(at_least(1, heard::message)));
}

TEST_CASE("connection: a packet of another session is dropped") {
  party owner{1};
  owner.listen();
  party other{2};
  other.links().dial(owner.local());
  REQUIRE(owner.seen.wait(at_least(1, heard::up)));
  auto stale = packet_of(opcode::invalidate, 0);
  stale.sid = owner.seen.events()[0].sid + 1;
  CHECK_FALSE(owner.send(member(2), stale));
  stale.sid = owner.seen.events()[0].sid;
  CHECK(owner.send(member(2), stale));
}

}  // namespace
