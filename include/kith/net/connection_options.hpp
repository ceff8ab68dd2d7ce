// The bounds and deadlines of one connection, and the ways in which it ends.
#pragma once

#include <kith/core/time.hpp>
#include <kith/net/intake.hpp>
#include <kith/net/outbox.hpp>
#include <kith/wire/limits.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kith::net {

enum class close_reason : std::uint8_t {
  /// The peer closed in order: it ended, or its kernel closed for it.
  peer_closed,
  reset,
  /// The handshake was refused, here or there; session().refusal() says why.
  refused,
  /// Bytes that no member sends.
  protocol_violation,
  /// A bit of the handshake was turned over on its way.
  damaged,
  handshake_timeout,
  /// A frame or a message began and did not go on.
  stalled,
  /// A message above the cap of its kind.
  too_long,
  /// The member's memory for unfinished messages is spent.
  no_memory,
  /// No frame for connection_options::idle.
  idle,
  /// The peer does not read, and what waits for it passed its bound.
  overflow,
  /// Another connection to the same member is kept.
  duplicate,
  /// A cap on connections or on unknown peers.
  busy,
  /// This member closes.
  local,
};

[[nodiscard]] constexpr std::string_view to_string(close_reason why) {
  switch (why) {
    case close_reason::peer_closed: return "the peer closed";
    case close_reason::reset: return "reset";
    case close_reason::refused: return "handshake refused";
    case close_reason::protocol_violation: return "protocol violation";
    case close_reason::damaged: return "the handshake was damaged on its way";
    case close_reason::handshake_timeout: return "handshake took too long";
    case close_reason::stalled: return "a message did not go on";
    case close_reason::too_long: return "a message above the cap of its kind";
    case close_reason::no_memory: return "no memory left for unfinished messages";
    case close_reason::idle: return "idle";
    case close_reason::overflow: return "the peer does not read";
    case close_reason::duplicate: return "another connection is kept";
    case close_reason::busy: return "too many connections";
    case close_reason::local: return "closed here";
  }
  return "unknown";
}

/// The peer is at fault, or in trouble: worth a line in the log.
[[nodiscard]] constexpr bool is_fault(close_reason why) {
  return why == close_reason::protocol_violation || why == close_reason::overflow ||
         why == close_reason::stalled || why == close_reason::too_long ||
         why == close_reason::no_memory;
}

struct connection_options {
  outbox_limits outbox = {};
  intake_limits intake = {};
  duration handshake = wire::limits::handshake_time;
  /// A frame that began brings this many bytes a second after the first two seconds...
  std::size_t progress_bytes = 1024;
  duration progress_grace = std::chrono::seconds{2};
  /// ...and is whole after this.
  duration frame_time = std::chrono::seconds{30};
  /// A message of several frames is whole after this, whatever else arrives meanwhile.
  duration message_time = wire::limits::message_time;
  duration idle = std::chrono::seconds{15};
  /// A connection that finishes is closed after this, whatever still waits.
  duration drain = std::chrono::seconds{5};
  /// How often the deadlines are looked at.
  duration check = std::chrono::seconds{1};
  /// What the kernel may hold unsent: more would delay what is urgent.
  int unsent_bytes = 128 << 10;
};

/// Bytes that one receive takes at most, and receives in a row before others have their turn.
inline constexpr std::size_t receive_bytes = std::size_t{64} << 10;
inline constexpr int receives_a_turn = 16;
/// Batches that a thread writes before the I/O thread takes over: a caller must not become the
/// writer of everybody's packets.
inline constexpr int batches_a_turn = 8;

}  // namespace kith::net
