// The envelope of everything that follows the handshake:
//
//  magic16 | version8 | opcode8 | flags16 | header_crc16 | length32 | rid64 | partition32  24 bytes
//  [sid32] [fragment32] payload crc32c                                                     length
//
// The header's own checksum is verified before its length is believed. The body's checksum covers
// the handshake (session.hpp) and all of the body before it. rid names a request and its reply, 0
// where nobody waits; sid names the session for frames that may not outlive it; fragment names the
// message that a piece belongs to.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/crc32c.hpp>
#include <kith/core/ids.hpp>
#include <kith/wire/limits.hpp>

#include <cstdint>
#include <cstring>
#include <string_view>

namespace kith::wire {

/// The newest version that this build speaks, and the oldest: N and N-1, so that a cluster is
/// upgraded one member at a time. Version 1 is the first, so today both are 1.
inline constexpr std::uint8_t newest_version = 1;
inline constexpr std::uint8_t oldest_version = 1;

inline constexpr std::uint16_t frame_magic = 0x4B68;
inline constexpr std::size_t header_bytes = 24;
inline constexpr std::size_t checksum_bytes = 4;

namespace flag {
inline constexpr std::uint16_t has_sid = 1;
inline constexpr std::uint16_t fragment = 2;
/// Another fragment of the same message follows.
inline constexpr std::uint16_t more = 4;
/// A receiver that does not know the opcode passes over the message.
inline constexpr std::uint16_t skippable = 8;
inline constexpr std::uint16_t known = has_sid | fragment | more | skippable;
}  // namespace flag

struct frame_header {
  std::uint8_t version = newest_version;
  std::uint8_t code = 0;
  std::uint16_t flags = 0;
  /// Bytes of the body, its checksum included.
  std::uint32_t length = 0;
  std::uint64_t rid = 0;
  std::uint32_t partition = 0;

  friend bool operator==(const frame_header&, const frame_header&) = default;
};

/// Why a connection's bytes were refused; all of these close it.
enum class frame_error : std::uint8_t {
  none,
  bad_magic,
  bad_header_checksum,
  bad_version,
  unknown_flag,
  bad_partition,
  bad_length,
  bad_body_checksum,
  bad_fragment,
  unknown_session,
  too_long,
  over_budget,
  no_memory,
  handshake_refused,
  bad_handshake_checksum,
};

[[nodiscard]] constexpr std::string_view to_string(frame_error why) {
  switch (why) {
    case frame_error::none: return "none";
    case frame_error::bad_magic: return "not a kith peer";
    case frame_error::bad_header_checksum: return "bad header checksum";
    case frame_error::bad_version: return "version of another session";
    case frame_error::unknown_flag: return "unknown flag";
    case frame_error::bad_partition: return "partition out of range";
    case frame_error::bad_length: return "bad length";
    case frame_error::bad_body_checksum: return "bad body checksum";
    case frame_error::bad_fragment: return "fragment out of place";
    case frame_error::unknown_session: return "frame of another session";
    case frame_error::too_long: return "message too long";
    case frame_error::over_budget: return "too many unfinished messages";
    case frame_error::no_memory: return "no memory left for unfinished messages";
    case frame_error::handshake_refused: return "handshake refused";
    case frame_error::bad_handshake_checksum: return "bad handshake checksum";
  }
  return "unknown";
}

/// The bytes of the body that are not payload.
[[nodiscard]] constexpr std::size_t body_overhead(std::uint16_t flags) {
  return checksum_bytes + ((flags & flag::has_sid) != 0 ? 4 : 0) +
         ((flags & flag::fragment) != 0 ? 4 : 0);
}

[[nodiscard]] inline std::uint16_t header_checksum(const std::byte* header) {
  std::byte covered[header_bytes];
  std::memcpy(covered, header, header_bytes);
  covered[6] = covered[7] = std::byte{0};
  return static_cast<std::uint16_t>(crc32c({covered, header_bytes}));
}

/// Writes `header` into the 24 bytes at `target`.
inline void write_header(const frame_header& header, std::byte* target) {
  std::memcpy(target, &frame_magic, 2);
  target[2] = static_cast<std::byte>(header.version);
  target[3] = static_cast<std::byte>(header.code);
  std::memcpy(target + 4, &header.flags, 2);
  std::memset(target + 6, 0, 2);
  std::memcpy(target + 8, &header.length, 4);
  std::memcpy(target + 12, &header.rid, 8);
  std::memcpy(target + 20, &header.partition, 4);
  const std::uint16_t sum = header_checksum(target);
  std::memcpy(target + 6, &sum, 2);
}

/// Reads the 24 bytes at `source` and checks all that can be checked without the body.
[[nodiscard]] inline frame_error read_header(const std::byte* source, frame_header& header) {
  std::uint16_t magic = 0;
  std::uint16_t sum = 0;
  std::memcpy(&magic, source, 2);
  if (magic != frame_magic) return frame_error::bad_magic;
  std::memcpy(&sum, source + 6, 2);
  if (sum != header_checksum(source)) return frame_error::bad_header_checksum;
  header.version = static_cast<std::uint8_t>(source[2]);
  header.code = static_cast<std::uint8_t>(source[3]);
  std::memcpy(&header.flags, source + 4, 2);
  std::memcpy(&header.length, source + 8, 4);
  std::memcpy(&header.rid, source + 12, 8);
  std::memcpy(&header.partition, source + 20, 4);
  if ((header.flags & ~flag::known) != 0) return frame_error::unknown_flag;
  if ((header.flags & flag::more) != 0 && (header.flags & flag::fragment) == 0) {
    return frame_error::bad_fragment;
  }
  if (header.partition >= partition_count) return frame_error::bad_partition;
  if (header.length < body_overhead(header.flags)) return frame_error::bad_length;
  if (header.length > limits::frame_bytes) return frame_error::too_long;
  return frame_error::none;
}

}  // namespace kith::wire
