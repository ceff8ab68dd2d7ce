// The conversation of two members from the first byte: who they are, whether they may speak, and
// the frames that follow.
#include <kith/wire/session.hpp>

#include <kith/core/random.hpp>

#include <doctest/doctest.h>

#include <array>

using namespace kith;
using namespace kith::wire;

namespace {

session_config dialler(std::uint64_t cluster = 1, std::uint64_t config = 2) {
  session_config c;
  c.role = session_role::dialler;
  c.self = {1, 2, 3};
  c.cluster_hash = cluster;
  c.config_hash = config;
  return c;
}

session_config listener(std::uint64_t cluster = 1, std::uint64_t config = 2) {
  session_config c = dialler(cluster, config);
  c.role = session_role::listener;
  c.self = {4, 5, 6};
  c.sid = 77;
  return c;
}

void talk(session& a, session& b) {
  while (a.has_output() || b.has_output()) {
    b.on_bytes(a.take_output());
    a.on_bytes(b.take_output());
  }
}

/// Up to the proof, which arrives with one bit of this byte turned over.
void talk_with_wrong_proof(session& a, session& b, std::size_t byte) {
  b.on_bytes(a.take_output());
  a.on_bytes(b.take_output());
  bytes damaged = a.take_output();
  damaged[byte] ^= std::byte{1};
  b.on_bytes(damaged);
}

packet hello_packet(std::uint32_t sid = 0) {
  return {opcode::ping, 5, partition_id{1}, sid, to_bytes("hello")};
}

}  // namespace

TEST_CASE("session: two members of one cluster open it and know each other") {
  session a{dialler()};
  session b{listener()};
  talk(a, b);
  CHECK(a.is_open());
  CHECK(b.is_open());
  CHECK(a.peer() == member_id{4, 5, 6});
  CHECK(b.peer() == member_id{1, 2, 3});
  CHECK(a.sid() == 77);
  CHECK(b.sid() == 77);

  a.send(hello_packet());
  b.on_bytes(a.take_output());
  message_frame frame;
  REQUIRE(b.next(frame));
  CHECK(as_text(frame.payload) == "hello");
  CHECK_FALSE(b.next(frame));
}

TEST_CASE("session: the same conversation one byte at a time") {
  session a{dialler()};
  session b{listener()};
  for (int turn = 0; turn < 4; ++turn) {
    for (const std::byte byte : a.take_output()) b.on_bytes({&byte, 1});
    for (const std::byte byte : b.take_output()) a.on_bytes({&byte, 1});
  }
  CHECK(a.is_open());
  CHECK(b.is_open());
}

TEST_CASE("session: frames right behind the handshake are not lost") {
  session a{dialler()};
  session b{listener()};
  b.on_bytes(a.take_output());
  a.on_bytes(b.take_output());
  b.on_bytes(a.take_output());
  REQUIRE(b.is_open());
  b.send(hello_packet(77));
  a.on_bytes(b.take_output());
  message_frame frame;
  REQUIRE(a.next(frame));
  CHECK(frame.sid == 77);
}

TEST_CASE("session: who does not belong is told why, after its proof and not before") {
  const auto refused = [](session_config one, session_config two) {
    session a{one};
    session b{two};
    b.on_bytes(a.take_output());
    CHECK_FALSE(b.failed());
    talk(a, b);
    CHECK(b.failed());
    CHECK(a.failed());
    CHECK(a.refusal() == b.refusal());
    return b.refusal();
  };
  CHECK(refused(dialler(9), listener()) == verdict_status::wrong_cluster);
  CHECK(refused(dialler(1, 9), listener()) == verdict_status::wrong_config);
  session_config self = listener();
  self.self = dialler().self;
  CHECK(refused(dialler(), self) == verdict_status::own_identity);
  session_config full = listener();
  full.busy = true;
  CHECK(refused(dialler(), full) == verdict_status::busy);
}

TEST_CASE("session: versions N and N-1 meet at the lower one, others do not meet") {
  const auto meet = [](std::uint8_t oldest_a, std::uint8_t newest_a, std::uint8_t oldest_b,
                       std::uint8_t newest_b) -> int {
    session_config one = dialler();
    one.oldest = oldest_a;
    one.newest = newest_a;
    session_config two = listener();
    two.oldest = oldest_b;
    two.newest = newest_b;
    session a{one};
    session b{two};
    talk(a, b);
    CHECK(a.is_open() == b.is_open());
    return a.is_open() && a.version() == b.version() ? a.version() : 0;
  };
  CHECK(meet(1, 2, 2, 3) == 2);
  CHECK(meet(2, 3, 1, 2) == 2);
  CHECK(meet(1, 1, 1, 1) == 1);
  CHECK(meet(1, 1, 2, 3) == 0);
}

TEST_CASE("session: a stranger is known by four bytes and gets no answer") {
  for (const std::string_view first : {"GET / HTTP/1.1", "\x16\x03\x01\x02", "SSH-2.0", "kith"}) {
    session b{listener()};
    b.on_bytes(as_bytes(first));
    CHECK(b.error() == frame_error::bad_magic);
    CHECK_FALSE(b.has_output());
  }
}

TEST_CASE("session: a frame before the proof is no proof") {
  session a{dialler()};
  session b{listener()};
  bytes early = a.take_output();
  const bytes frame = bytes(200, std::byte{0x4B});
  early.insert(early.end(), frame.begin(), frame.end());
  b.on_bytes(early);
  CHECK(b.refusal() == verdict_status::wrong_proof);
  message_frame received;
  CHECK_FALSE(b.next(received));
}

TEST_CASE("session: a second hello is no frame and changes no identity") {
  session a{dialler()};
  session b{listener()};
  talk(a, b);
  REQUIRE(b.is_open());
  const member_id before = b.peer();
  session_config another = dialler();
  another.self.high += 1;
  session c{another};
  b.on_bytes(c.take_output());
  message_frame received;
  CHECK_FALSE(b.next(received));
  CHECK(b.error() == frame_error::bad_magic);
  CHECK(b.peer() == before);
}

TEST_CASE("session: the code of a peer that has a secret is refused, and it is told why") {
  session a{dialler()};
  session b{listener()};
  talk_with_wrong_proof(a, b, 31);
  CHECK(b.refusal() == verdict_status::wrong_proof);
  CHECK(b.has_output());
}

// Else a damaged identity would be a session with a member that there is not.
TEST_CASE("session: a bit that was turned over in a handshake opens nothing") {
  const auto records = std::array{hello::size, challenge::size, proof::size, verdict::size};
  std::size_t by_checksum = 0;
  for (std::size_t turn = 0; turn < records.size(); ++turn) {
    for (std::size_t bit = 0; bit < 8 * records[turn]; ++bit) {
      session a{dialler()};
      session b{listener()};
      for (std::size_t i = 0; i < records.size(); ++i) {
        session& from = i % 2 == 0 ? a : b;
        session& to = i % 2 == 0 ? b : a;
        bytes record = from.take_output();
        if (i == turn) record[bit / 8] ^= std::byte{1} << bit % 8;
        to.on_bytes(record);
      }
      // Only what its receiver is told by the verdict is known to one side alone.
      CHECK_FALSE(a.is_open());
      CHECK(b.is_open() == (turn == 3));
      for (const session* one : {&a, &b}) {
        if (one->error() == frame_error::bad_handshake_checksum) ++by_checksum;
      }
    }
  }
  CHECK(by_checksum > 1000);
}

TEST_CASE("session: a damaged proof gets no verdict, so its dialler dials again") {
  session a{dialler()};
  session b{listener()};
  talk_with_wrong_proof(a, b, 0);
  CHECK(b.error() == frame_error::bad_handshake_checksum);
  CHECK(b.refusal() == verdict_status::welcome);
  CHECK_FALSE(b.has_output());
}

TEST_CASE("session: a frame of an earlier connection, or of the other side, is refused") {
  const auto frame_from = [](session& by) {
    by.send({opcode::ping, 5, partition_id{1}, 0, to_bytes("hello")});
    return by.take_output();
  };
  session_config again = dialler();
  again.fresh[0] = std::byte{1};
  session a{dialler()};
  session b{listener()};
  talk(a, b);
  session c{again};
  session d{listener()};
  talk(c, d);
  REQUIRE(d.is_open());
  message_frame received;
  SUBCASE("of an earlier one") {
    d.on_bytes(frame_from(a));
    CHECK_FALSE(d.next(received));
    CHECK(d.error() == frame_error::bad_body_checksum);
  }
  SUBCASE("of an earlier one, the other way") {
    c.on_bytes(frame_from(b));
    CHECK_FALSE(c.next(received));
    CHECK(c.error() == frame_error::bad_body_checksum);
  }
  SUBCASE("of the other side") {
    d.on_bytes(frame_from(d));
    CHECK_FALSE(d.next(received));
    CHECK(d.error() == frame_error::bad_body_checksum);
  }
  SUBCASE("but not its own") {
    d.on_bytes(frame_from(c));
    CHECK(d.next(received));
  }
}

TEST_CASE("session: padding of the records must be zero, so nothing hides in it") {
  session a{dialler()};
  bytes first = a.take_output();
  first.back() ^= std::byte{1};
  session b{listener()};
  b.on_bytes(first);
  CHECK(b.error() == frame_error::bad_magic);
}

TEST_CASE(
    "session: packets of another session are dropped before they leave and when they arrive") {
  session a{dialler()};
  session b{listener()};
  talk(a, b);
  a.send(hello_packet(76));
  CHECK_FALSE(a.has_output());

  session_config other = listener();
  other.sid = 78;
  session c{dialler()};
  session d{other};
  talk(c, d);
  c.send(hello_packet(78));
  b.on_bytes(c.take_output());
  message_frame frame;
  CHECK_FALSE(b.next(frame));
  CHECK_FALSE(b.failed());
  CHECK(b.stale_frames() == 1);
}

TEST_CASE("session: random bytes never open it") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    random_source random{seed};
    session a{dialler()};
    session b{listener()};
    bytes toward = a.take_output();
    for (int i = 0; i < 3; ++i) toward[random.below(toward.size())] ^= std::byte{0x55};
    b.on_bytes(toward);
    bytes noise(random.below(400));
    for (std::byte& byte : noise) byte = static_cast<std::byte>(random.next());
    b.on_bytes(noise);
    CHECK_FALSE(b.is_open());
  }
}
