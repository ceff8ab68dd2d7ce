// Frames: what was cut comes back whole however the bytes arrive, and hostile bytes end the
// connection before they cost anything.
#include <kith/wire/packet.hpp>
#include <kith/wire/splitter.hpp>

#include <kith/core/random.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>

using namespace kith;
using namespace kith::wire;

namespace {

bytes pattern(std::size_t size, std::uint64_t seed) {
  random_source random{seed};
  bytes out(size);
  for (std::byte& b : out) b = static_cast<std::byte>(random.next());
  return out;
}

packet sample(std::size_t size, std::uint64_t rid = 9, std::uint32_t sid = 0) {
  return {opcode::get, rid, partition_id{1000}, sid, pattern(size, rid)};
}

bytes frames_of(const packet& p, frame_cutter& cutter) {
  bytes out;
  const std::uint32_t number = frame_cutter::needs_fragments(p) ? cutter.next_fragment() : 0;
  std::size_t offset = 0;
  do {
    offset = cutter.cut(p, offset, number, out);
  } while (offset < p.payload.size());
  return out;
}

bytes frames_of(const packet& p) {
  frame_cutter cutter{newest_version};
  return frames_of(p, cutter);
}

frame_error error_of(byte_view received) {
  splitter in{newest_version};
  in.feed(received);
  message_frame frame;
  while (in.next(frame)) {
  }
  return in.error();
}

/// A frame with a header of the test's making and a right checksum of both parts.
bytes raw_frame(frame_header header, byte_view body) {
  bytes out(header_bytes);
  header.length = static_cast<std::uint32_t>(body.size() + checksum_bytes);
  write_header(header, out.data());
  out.insert(out.end(), body.begin(), body.end());
  const std::uint32_t sum = crc32c(body);
  const auto* at = reinterpret_cast<const std::byte*>(&sum);
  out.insert(out.end(), at, at + checksum_bytes);
  return out;
}

bytes fragment(std::uint32_t number, bool more, std::uint64_t rid = 1, std::size_t size = 10,
               opcode code = opcode::get) {
  bytes body(4 + size);
  std::memcpy(body.data(), &number, 4);
  const auto flags = static_cast<std::uint16_t>(flag::fragment | (more ? flag::more : 0));
  return raw_frame({newest_version, static_cast<std::uint8_t>(code), flags, 0, rid, 0}, body);
}

void append(bytes& target, const bytes& more) {
  target.insert(target.end(), more.begin(), more.end());
}

}  // namespace

TEST_CASE("frame: a header is 24 bytes that never change their meaning") {
  bytes header(header_bytes);
  write_header({1, 0x42, flag::has_sid, 0x01020304, 0x1122334455667788u, 1023}, header.data());
  const unsigned char expected[] = {0x68, 0x4b, 1, 0x42, 1, 0};
  CHECK(std::memcmp(header.data(), expected, sizeof expected) == 0);
  const unsigned char rest[] = {4,    3,    2,    1,    0x88, 0x77, 0x66, 0x55,
                                0x44, 0x33, 0x22, 0x11, 0xff, 3,    0,    0};
  CHECK(std::memcmp(header.data() + 8, rest, sizeof rest) == 0);
}

TEST_CASE("splitter: messages come back whole however the bytes were cut") {
  frame_cutter cutter{newest_version};
  const std::size_t room = frame_cutter::payload_room(sample(0), false);
  bytes stream;
  std::vector<packet> sent;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, room, room + 1, std::size_t{200'000}}) {
    sent.push_back(sample(size, sent.size() + 1, size % 2 == 1 ? 5 : 0));
    append(stream, frames_of(sent.back(), cutter));
  }
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    random_source random{seed};
    splitter in{newest_version};
    std::size_t received = 0;
    message_frame frame;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t step =
          std::min<std::size_t>(1 + random.below(seed < 2 ? 3 : 50'000), stream.size() - at);
      in.feed(byte_view{stream}.subspan(at, step));
      at += step;
      while (in.next(frame)) {
        REQUIRE(received < sent.size());
        const packet& expected = sent[received++];
        CHECK(frame.rid == expected.rid);
        CHECK(frame.sid == expected.sid);
        CHECK(frame.partition == expected.partition);
        CHECK(equal(frame.payload, expected.payload));
      }
    }
    CHECK(in.error() == frame_error::none);
    CHECK(received == sent.size());
    CHECK(in.waiting_bytes() == 0);
  }
}

TEST_CASE("splitter: fragments of several messages may be interleaved") {
  frame_cutter cutter{newest_version};
  const packet a = sample(150'000, 1);
  const packet b = sample(150'000, 2);
  const std::uint32_t na = cutter.next_fragment();
  const std::uint32_t nb = cutter.next_fragment();
  bytes stream;
  std::size_t at = 0;
  std::size_t bt = 0;
  while (at < a.payload.size() || bt < b.payload.size()) {
    if (at < a.payload.size()) at = cutter.cut(a, at, na, stream);
    if (bt < b.payload.size()) bt = cutter.cut(b, bt, nb, stream);
  }
  append(stream, frames_of(sample(10, 3), cutter));
  splitter in{newest_version};
  in.feed(stream);
  message_frame frame;
  for (const packet* expected : {&a, &b}) {
    REQUIRE(in.next(frame));
    CHECK(equal(frame.payload, expected->payload));
  }
  REQUIRE(in.next(frame));
  CHECK(frame.rid == 3);
}

TEST_CASE("splitter: one flipped bit anywhere is found") {
  const bytes good = frames_of(sample(40, 3, 17));
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    bytes bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    CHECK(error_of(bad) != frame_error::none);
  }
}

TEST_CASE("splitter: each kind of bad frame is refused by its own name") {
  const frame_header good{newest_version, 0x40, 0, 0, 1, 0};
  const auto with = [&good](auto change, std::size_t body = 0) {
    frame_header header = good;
    change(header);
    return error_of(raw_frame(header, bytes(body)));
  };
  CHECK(error_of(to_bytes("GET / HTTP/1.1\r\nHost: example\r\n\r\n")) == frame_error::bad_magic);
  CHECK(with([](frame_header& h) { h.version = 9; }) == frame_error::bad_version);
  CHECK(with([](frame_header& h) { h.flags = 0x80; }) == frame_error::unknown_flag);
  CHECK(with([](frame_header& h) { h.flags = flag::more; }) == frame_error::bad_fragment);
  CHECK(with([](frame_header& h) { h.partition = partition_count; }) == frame_error::bad_partition);
  CHECK(with([](frame_header& h) { h.flags = flag::has_sid; }) == frame_error::bad_length);
  CHECK(with([](frame_header&) {}, limits::frame_bytes) == frame_error::too_long);
  bytes damaged = frames_of(sample(40));
  damaged.back() ^= std::byte{1};
  CHECK(error_of(damaged) == frame_error::bad_body_checksum);
}

TEST_CASE("splitter: a length is not believed before its header's checksum, nor allocated for") {
  bytes header(header_bytes);
  write_header({newest_version, 0x40, 0, 0xFFFFFFFF, 1, 0}, header.data());
  CHECK(error_of(header) == frame_error::too_long);
  write_header({newest_version, 0x40, 0, 60'000, 1, 0}, header.data());
  splitter in{newest_version};
  in.feed(header);
  message_frame frame;
  CHECK_FALSE(in.next(frame));
  CHECK(in.error() == frame_error::none);
  CHECK(in.waiting_bytes() == header_bytes);
}

TEST_CASE("splitter: fragments out of place and too many unfinished messages are refused") {
  CHECK(error_of(fragment(1, false)) == frame_error::bad_fragment);
  bytes changed = fragment(1, true, 1);
  append(changed, fragment(1, true, 2));
  CHECK(error_of(changed) == frame_error::bad_fragment);
  bytes many;
  for (std::uint32_t n = 0; n <= limits::fragmented_messages; ++n) append(many, fragment(n, true));
  CHECK(error_of(many) == frame_error::over_budget);
}

TEST_CASE("splitter: a message that grows over its cap is refused") {
  splitter in{newest_version};
  const bytes piece = fragment(1, true, 1, 60'000);
  message_frame frame;
  for (std::size_t sent = 0; sent <= limits::message_bytes && in.error() == frame_error::none;
       sent += 60'000) {
    in.feed(piece);
    CHECK_FALSE(in.next(frame));
  }
  CHECK(in.error() == frame_error::too_long);
}

TEST_CASE("splitter: each kind of message has its own cap, and only values are large") {
  const auto longest = [](opcode code) {
    splitter in{newest_version};
    const bytes piece = fragment(1, true, 1, 1024, code);
    message_frame frame;
    std::size_t taken = 0;
    for (;; taken += 1024) {
      in.feed(piece);
      CHECK_FALSE(in.next(frame));
      if (in.error() != frame_error::none) break;
    }
    CHECK(in.error() == frame_error::too_long);
    return taken;
  };
  CHECK(longest(opcode::heartbeat) == limits::control_bytes);
  CHECK(longest(opcode::join) == limits::control_bytes);
  CHECK(longest(opcode::full_view) == limits::view_bytes);
  CHECK(longest(opcode::commit) == limits::view_bytes);
  CHECK(longest(opcode::invalidate) == limits::coherence_bytes);
  CHECK(longest(opcode::mutate) == limits::message_bytes);
  CHECK(longest(opcode{0x7F}) == limits::control_bytes);
}

TEST_CASE("splitter: the age of an unfinished message is its own, whatever arrives meanwhile") {
  const time_point start{std::chrono::hours{1}};
  splitter in{newest_version};
  message_frame frame;
  CHECK_FALSE(in.oldest_unfinished());
  in.feed(fragment(1, true, 1), start);
  CHECK_FALSE(in.next(frame));
  in.feed(fragment(2, true, 2), start + std::chrono::seconds{1});
  in.feed(frames_of(sample(10)), start + std::chrono::seconds{2});
  CHECK(in.next(frame));
  CHECK(in.oldest_unfinished() == start);
  in.feed(fragment(1, false, 1), start + std::chrono::seconds{3});
  CHECK(in.next(frame));
  CHECK(in.oldest_unfinished() > start);
  in.feed(fragment(2, false, 2));
  CHECK(in.next(frame));
  CHECK_FALSE(in.oldest_unfinished());
}

TEST_CASE("splitter: connections share one budget for what is unfinished, and give it back") {
  const auto memory = std::make_shared<decode_budget>(100'000);
  message_frame frame;
  splitter first{newest_version, memory};
  first.feed(fragment(1, true, 1, 60'000));
  CHECK_FALSE(first.next(frame));
  CHECK(memory->used() == 60'000);
  {
    splitter second{newest_version, memory};
    second.feed(fragment(1, true, 1, 30'000));
    CHECK_FALSE(second.next(frame));
    CHECK(second.error() == frame_error::none);
    second.feed(fragment(1, true, 1, 30'000));
    CHECK_FALSE(second.next(frame));
    CHECK(second.error() == frame_error::no_memory);
    CHECK(memory->used() == 90'000);
  }
  CHECK(memory->used() == 60'000);  // what a connection held ends with it
  first.feed(fragment(1, false, 1, 30'000));
  CHECK(first.next(frame));
  CHECK(frame.payload.size() == 90'000);
  CHECK(memory->used() == 90'000);
  CHECK_FALSE(first.next(frame));
  CHECK(memory->used() == 0);
}
