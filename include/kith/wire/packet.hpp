// One message as its machine made it: addressed and encoded, not yet framed. The connection frames
// it, in pieces where it is long.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/wire/encode.hpp>
#include <kith/wire/frame.hpp>
#include <kith/wire/opcode.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace kith::wire {

struct packet {
  opcode code{};
  std::uint64_t rid = 0;
  partition_id partition{};
  /// The session that the message belongs to, or 0: any. A connection of another session drops it.
  std::uint32_t sid = 0;
  bytes payload;
};

template <class Message>
[[nodiscard]] packet make_packet(const Message& message, partition_id partition = {},
                                 std::uint64_t rid = 0, std::uint32_t sid = 0) {
  return {Message::code, rid, partition, sid, encoded(message)};
}

/// The effect "send this": every machine of the core emits it, every driver carries it out.
struct send {
  member_id to;
  packet message;
};

/// Cuts packets into frames. One a connection; the fragment numbers are the connection's.
class frame_cutter {
 public:
  /// `said` as for the splitter at the other end.
  explicit frame_cutter(std::uint8_t version, std::uint32_t said = 0)
      : version_{version}, said_{said} {}

  /// The bytes of payload that one frame of `packet` carries at most.
  [[nodiscard]] static std::size_t payload_room(const packet& packet, bool fragment) {
    return limits::frame_bytes -
           body_overhead(flags_of(packet, fragment));
  }

  /// Appends to `target` the frame that carries the payload from `offset` on and returns the offset
  /// behind it: the whole packet when it fits one frame. Frames of other packets may stand between
  /// two frames of one packet. `fragment_number` is one of next_fragment(), for long packets.
  std::size_t cut(const packet& packet, std::size_t offset, std::uint32_t fragment_number,
                  bytes& target) const;

  [[nodiscard]] std::uint32_t next_fragment() { return ++fragments_; }

  [[nodiscard]] static bool needs_fragments(const packet& packet) {
    return packet.payload.size() > payload_room(packet, false);
  }

 private:
  static std::uint16_t flags_of(const packet& packet, bool fragment) {
    return static_cast<std::uint16_t>((packet.sid != 0 ? flag::has_sid : 0) |
                                      (fragment ? flag::fragment : 0));
  }

  std::uint8_t version_;
  std::uint32_t said_;
  std::uint32_t fragments_ = 0;
};

// --- implementation ---

inline std::size_t frame_cutter::cut(const packet& packet, std::size_t offset,
                                     std::uint32_t fragment_number, bytes& target) const {
  const bool fragment = needs_fragments(packet);
  std::uint16_t flags = flags_of(packet, fragment);
  const std::size_t size =
      std::min(packet.payload.size() - offset, payload_room(packet, fragment));
  const std::size_t end = offset + size;
  if (end < packet.payload.size()) flags |= flag::more;

  const frame_header header{version_, static_cast<std::uint8_t>(packet.code), flags,
                            static_cast<std::uint32_t>(size + body_overhead(flags)), packet.rid,
                            index_of(packet.partition)};
  const std::size_t start = target.size();
  target.resize(start + header_bytes + header.length);
  std::byte* at = target.data() + start;
  write_header(header, at);
  at += header_bytes;
  const std::byte* body = at;
  const auto append = [&at](const void* source, std::size_t length) {
    if (length > 0) std::memcpy(at, source, length);
    at += length;
  };
  if (packet.sid != 0) append(&packet.sid, 4);
  if (fragment) append(&fragment_number, 4);
  append(packet.payload.data() + offset, size);
  const std::uint32_t sum = crc32c({body, static_cast<std::size_t>(at - body)}, said_);
  append(&sum, checksum_bytes);
  return end;
}

}  // namespace kith::wire
