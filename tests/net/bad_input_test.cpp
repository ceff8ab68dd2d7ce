// Messages that no honest member sends, to a real member on the loopback: it closes the link,
// counts why, and serves all others.
#include <doctest/doctest.h>

#include "real_member.hpp"
#include "support.hpp"

#include <kith/wire/coherence_messages.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/membership_messages.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

using namespace net_test;

namespace {

namespace wire = kith::wire;

/// A member alone, and how strangers of its cluster come to it.
struct pestered {
  explicit pestered(const kith::net::runtime_options& chosen = options()) : alone{chosen} {}

  static kith::net::runtime_options options() {
    kith::net::runtime_options chosen;
    chosen.cluster = "bad input test";
    return chosen;
  }
  [[nodiscard]] const kith::net::runtime_counters& counted() { return alone.runtime().counters(); }
  [[nodiscard]] std::unique_ptr<raw_peer> stranger(std::uint64_t number) {
    auto peer = std::make_unique<raw_peer>(alone.runtime().local());
    const auto of = options();
    REQUIRE(peer->shake_hands(
        number, kith::stable_hash(kith::as_bytes(of.cluster)), 1 << 20,
        kith::net::config_hash(of.membership.quorum, of.membership.timers, of.lane.replica.lease)));
    return peer;
  }

  real_member alone;
};

/// The frame of `code` with these flags and nothing in it.
kith::bytes empty_frame(const wire::session& of, std::uint8_t code, std::uint16_t flags) {
  kith::bytes frame;
  const wire::packet empty{static_cast<wire::opcode>(code), 0, {}, 0, {}};
  static_cast<void>(of.cutter().cut(empty, 0, 0, frame));
  wire::write_header({wire::newest_version, code, flags, wire::checksum_bytes, 0, 0}, frame.data());
  return frame;
}

wire::packet with_payload(wire::opcode code, kith::bytes payload) {
  return {code, 1, {}, 0, std::move(payload)};
}

constexpr std::uint8_t no_kind = 0x7E;

}  // namespace

TEST_CASE("bad input: messages that are none close their link and are counted as malformed") {
  pestered member;
  kith::bytes trailing = wire::encoded(wire::ping{});
  trailing.push_back(std::byte{0});
  // A get whose key ends behind the message, a padded number, a batch of more items than bytes.
  const wire::packet malformed[] = {
      with_payload(wire::opcode::ping, trailing),
      with_payload(wire::opcode::get, {std::byte{1}, {}, std::byte{1}, std::byte{9}}),
      with_payload(wire::opcode::pull_view, {std::byte{0x81}, {}, {}}),
      with_payload(wire::opcode::batch, {std::byte{9}, std::byte{1}}),
  };
  std::uint64_t count = 0;
  for (const wire::packet& packet : malformed) {
    const auto peer = member.stranger(100 + count);
    peer->send(peer->framed(packet));
    peer->receive_all();
    CHECK(member.counted().malformed == ++count);
  }
  CHECK(member.counted().violations == 0);
}

TEST_CASE("bad input: messages out of place close their link and are counted as violations") {
  pestered member;
  const wire::batch nested{{{wire::opcode::batch, 0, {}, {}}}};
  const wire::batch control{{{wire::opcode::ping, 0, {}, {}}}};
  const wire::packet misplaced[] = {
      with_payload(wire::opcode{no_kind}, {}), wire::make_packet(nested),
      wire::make_packet(control), wire::make_packet(wire::digest{}),  // of no session
  };
  std::uint64_t count = 0;
  for (const wire::packet& packet : misplaced) {
    const auto peer = member.stranger(200 + count);
    peer->send(peer->framed(packet));
    peer->receive_all();
    CHECK(member.counted().violations == ++count);
  }
  CHECK(member.counted().malformed == 0);
}

TEST_CASE("bad input: an unknown kind that says that it may be skipped is passed over") {
  pestered member;
  const auto peer = member.stranger(300);
  const std::uint64_t before = member.counted().messages;
  const kith::bytes unknown = empty_frame(peer->session(), no_kind, wire::flag::skippable);
  for (int i = 0; i < 2; ++i) peer->send(unknown);
  // The first was judged when the second is counted.
  CHECK(wait_until([&] { return member.counted().messages >= before + 2; }));
  CHECK(member.counted().violations == 0);
  CHECK(member.counted().links_down == 0);
}

// Method: more than the member lets shake hands at a time, so who comes last waits until the
// deadlines of the silent have made room.
TEST_CASE("bad input: many that connect and say nothing keep nobody out") {
  auto options = pestered::options();
  options.links.connection.check = 10ms;
  options.links.connection.handshake = 50ms;
  pestered member{options};
  std::vector<std::unique_ptr<raw_peer>> silent;
  for (std::size_t i = 0; i < kith::net::accept_limits{}.handshakes + 8; ++i) {
    silent.push_back(std::make_unique<raw_peer>(member.alone.runtime().local()));
  }
  const auto served = member.stranger(400);
  served->send(served->framed(wire::make_packet(wire::ping{})));
  CHECK(wait_until([&] { return member.counted().messages >= 1; }));
  for (const auto& each : silent) CHECK(each->receive_all().empty());
  CHECK(member.counted().links_up == 1);
}
