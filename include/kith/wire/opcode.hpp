// The kinds of messages. Numbers are the wire's and never change their meaning; a retired one is
// not used again. The high bits say which machine of the receiver it is for.
#pragma once

#include <kith/wire/limits.hpp>

#include <cstddef>
#include <cstdint>

namespace kith::wire {

enum class opcode : std::uint8_t {
  // The views: control.
  heartbeat = 0x10,
  heartbeat_ack = 0x11,
  ping = 0x12,
  pong = 0x13,
  alert = 0x14,
  join = 0x15,
  join_wait = 0x16,
  redirect = 0x17,
  prepare = 0x18,
  promise = 0x19,
  nack = 0x1A,
  accept = 0x1B,
  accepted = 0x1C,
  commit = 0x1D,
  reinforce = 0x1E,
  view_stable = 0x1F,
  leave = 0x20,
  pull_view = 0x21,
  full_view = 0x22,
  kick = 0x23,
  merge_offer = 0x24,
  merge_yield = 0x25,
  merge_confirm = 0x26,
  open_cache = 0x27,
  cache_refused = 0x28,
  gather = 0x29,
  report_rows = 0x2A,

  // Operations on entries: the lane of the frame's partition.
  get = 0x40,
  get_reply = 0x41,
  mutate = 0x42,
  mutate_reply = 0x43,
  count = 0x44,
  count_reply = 0x45,
  /// Several of the messages above in one frame.
  batch = 0x46,
  return_ticket = 0x47,

  // Coherence: the lane of the frame's partition.
  invalidate = 0x60,
  invalidate_all = 0x61,
  invalidate_ack = 0x62,
  digest = 0x63,
  replay_request = 0x64,
  replay = 0x65,
  subscribe = 0x66,
  subscribed = 0x67,
  beat = 0x68,

  // Copies of a partition: its lane.
  feed = 0x70,
  feed_ack = 0x71,
  feed_end = 0x72,
};

/// An operation that somebody waits for.
[[nodiscard]] constexpr bool is_request(opcode code) {
  return code == opcode::get || code == opcode::mutate || code == opcode::count;
}
/// The answer to one.
[[nodiscard]] constexpr bool is_reply(opcode code) {
  return code == opcode::get_reply || code == opcode::mutate_reply || code == opcode::count_reply;
}

/// Which machine of the receiver a message is for.
enum class plane : std::uint8_t { control, lane, unknown };

[[nodiscard]] constexpr plane plane_of(std::uint8_t code) {
  if (code >= 0x10 && code <= 0x2A) return plane::control;
  if (code >= 0x40 && code <= 0x47) return plane::lane;
  if (code >= 0x60 && code <= 0x68) return plane::lane;
  if (code >= 0x70 && code <= 0x72) return plane::lane;
  return plane::unknown;
}

/// The most payload that a message of this kind may have, so that the size of a value is no excuse
/// for a heartbeat's. A kind that is not known has no reason to be large.
[[nodiscard]] constexpr std::size_t payload_cap(std::uint8_t code) {
  switch (static_cast<opcode>(code)) {
    case opcode::promise:
    case opcode::accept:
    case opcode::commit:
    case opcode::full_view:
    case opcode::gather: return limits::view_bytes;
    case opcode::feed: return limits::message_bytes;
    default: break;
  }
  if (plane_of(code) != plane::lane) return limits::control_bytes;
  const bool coherence = code >= static_cast<std::uint8_t>(opcode::invalidate);
  return coherence ? limits::coherence_bytes : limits::message_bytes;
}

}  // namespace kith::wire
