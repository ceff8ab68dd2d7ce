// Seeds of splitter_fuzz: whole conversations, and each way in which bytes are no frames.
#include "corpus.hpp"

#include <kith/wire/frame.hpp>
#include <kith/wire/handshake.hpp>
#include <kith/wire/limits.hpp>
#include <kith/wire/membership_messages.hpp>
#include <kith/wire/packet.hpp>

#include <cstring>

using namespace kith;
using namespace kith::wire;

namespace fuzz {

namespace {

constexpr std::string_view target = "splitter";
constexpr int frames = 0;
constexpr int listener = 1;
constexpr int budget_of_64 = 4;

void append(bytes& to, byte_view more) { to.insert(to.end(), more.begin(), more.end()); }

bytes input(int settings, byte_view stream) { return joined({settings, 3, 1}, stream); }

bytes frame_of(const packet& whole, std::uint32_t said = 0) {
  bytes out;
  static_cast<void>(frame_cutter{newest_version, said}.cut(whole, 0, 0, out));
  return out;
}

bytes ping_frame(std::uint32_t said = 0) { return frame_of(make_packet(ping{}), said); }

bytes three_frames(std::uint32_t said = 0) {
  bytes several = ping_frame(said);
  append(several, frame_of({opcode::get, 9, partition_id{3}, 0, bytes(40)}, said));
  append(several, frame_of({opcode::digest, 0, partition_id{16}, 5, bytes(3)}, said));
  return several;
}

/// A frame with this header, whose checksums are right.
bytes raw_frame(frame_header header, byte_view body) {
  bytes out(header_bytes);
  header.length = static_cast<std::uint32_t>(body.size() + checksum_bytes);
  write_header(header, out.data());
  append(out, body);
  const std::uint32_t sum = crc32c(body);
  append(out, {reinterpret_cast<const std::byte*>(&sum), checksum_bytes});
  return out;
}

bytes fragment(std::uint32_t number, bool more, opcode code = opcode::get) {
  const auto flags = static_cast<std::uint16_t>(flag::fragment | (more ? flag::more : 0));
  bytes body(100);
  std::memcpy(body.data(), &number, sizeof number);
  return raw_frame({newest_version, static_cast<std::uint8_t>(code), flags, 0, 1, 0}, body);
}

bytes header_alone(std::uint32_t length) {
  bytes header(header_bytes);
  write_header({newest_version, 0x40, 0, length, 1, 0}, header.data());
  return header;
}

constexpr hello first{oldest_version, newest_version, 0, 0, {2, 2, 1}, {}};

/// Of what opens the target's own listener.
mac proof_code() {
  bytes said;
  append(said, to_record(first));
  append(said, to_record(challenge{newest_version, {1, 1, 1}, {}}));
  return code_behind(said, proof{});
}

bytes opening() {
  bytes out;
  append(out, to_record(first));
  append(out, to_record(proof{proof_code(), 0}));
  return out;
}

void add_whole(corpus& to) {
  to.add(target, "three-frames", input(frames, three_frames()));
  bytes two = fragment(1, true);
  append(two, fragment(1, false));
  to.add(target, "message-of-two-fragments", input(frames, two));
  bytes mixed = fragment(1, true);
  append(mixed, fragment(2, true));
  append(mixed, ping_frame());
  append(mixed, fragment(1, false));
  append(mixed, fragment(2, false));
  to.add(target, "interleaved-fragments", input(frames, mixed));
  bytes talk = opening();
  append(talk, three_frames(sum_of(proof_code())));
  to.add(target, "handshake-and-frames", input(listener, talk));
  bytes replayed = opening();
  append(replayed, three_frames());
  to.add(target, "frames-of-another-connection", input(listener, replayed));
}

/// Rows 1 to 3, and a frame that ends early (4, 31).
void add_strangers(corpus& to) {
  to.add(target, "01-http-get", input(listener, as_bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n")));
  to.add(target, "01-tls-client-hello",
         input(listener, listed({0x16, 3, 1, 0, 0x2f, 1, 0, 0, 0x2b, 3, 3, 0, 0, 0, 0})));
  to.add(target, "01-wrong-magic", input(frames, as_bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n")));
  bytes damaged = ping_frame();
  damaged[9] ^= std::byte{1};
  to.add(target, "02-header-checksum", input(frames, damaged));
  to.add(target, "03-length-of-4-gigabytes", input(frames, header_alone(0xFFFFFFFF)));
  to.add(target, "03-length-over-the-frame-cap",
         input(frames, header_alone(limits::frame_bytes + 1)));
  bytes large;
  for (int i = 0; i < 4; ++i) append(large, fragment(7, true, opcode::heartbeat));
  to.add(target, "03-fragments-of-a-heartbeat", input(frames, large));
  bytes partial = header_alone(60'000);
  append(partial, bytes(20));
  to.add(target, "04-body-that-trickles", input(frames, partial));
  to.add(target, "05-says-nothing", input(listener, {}));
  bytes torn = ping_frame();
  append(torn, byte_view{torn}.first(30));
  to.add(target, "31-ends-within-a-frame", input(frames, torn));
  damaged = ping_frame();
  damaged.back() ^= std::byte{1};
  to.add(target, "body-checksum", input(frames, damaged));
}

/// Rows 6, 7, 14, 16, 19 and 33.
void add_members(corpus& to) {
  bytes early = opening();
  early.resize(hello::size);
  append(early, ping_frame());
  to.add(target, "06-frame-before-the-proof", input(listener, early));
  bytes twice = opening();
  append(twice, opening());
  to.add(target, "06-hello-twice", input(listener, twice));
  frame_header odd{newest_version, 0x7E, 0x80, 0, 1, 0};
  to.add(target, "07-unknown-flag", input(frames, raw_frame(odd, {})));
  odd.flags = flag::skippable;
  to.add(target, "07-unknown-kind-to-be-skipped", input(frames, raw_frame(odd, {})));
  odd = {newest_version, 0x40, 0, 0, 1, partition_count};
  to.add(target, "19-partition-out-of-range", input(frames, raw_frame(odd, {})));
  bytes other = opening();
  append(other, frame_of({opcode::digest, 0, {}, 77, bytes(3)}, sum_of(proof_code())));
  append(other, ping_frame(sum_of(proof_code())));
  to.add(target, "16-frame-of-another-session", input(listener, other));
  odd = {9, 0x40, 0, 0, 1, 0};
  to.add(target, "other-version", input(frames, raw_frame(odd, {})));
  to.add(target, "fragment-without-a-first", input(frames, fragment(1, false)));
  bytes many;
  for (std::uint32_t n = 0; n <= limits::fragmented_messages; ++n) append(many, fragment(n, true));
  to.add(target, "33-too-many-unfinished", input(frames, many));
  to.add(target, "33-memory-is-spent", input(frames | budget_of_64, fragment(1, true)));
}

}  // namespace

void add_splitter(corpus& to) {
  add_whole(to);
  add_strangers(to);
  add_members(to);
}

}  // namespace fuzz
