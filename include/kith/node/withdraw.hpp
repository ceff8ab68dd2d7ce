// Takes back what a lane has answered to reads of strong caches, when the process stood still
// between the clock's reading and the answer for so long that the answer may be of the past:
// another owner may have written meanwhile. Who asked from elsewhere is to ask again, who asked
// here has errc timed_out. That others' reads of the same turn are taken back too costs them a
// retry.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/time.hpp>
#include <kith/error.hpp>
#include <kith/node/lane.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/decode.hpp>
#include <kith/wire/packet.hpp>

#include <cstdint>
#include <variant>
#include <vector>

namespace kith::node {

/// The answer `made`, taken back.
[[nodiscard]] inline wire::packet withdrawn(const wire::packet& made) {
  wire::get_reply was;
  KITH_ASSERT(wire::decode(made.payload, was) == wire::decode_error::none);
  wire::get_reply again;
  again.status = wire::get_status::retry;
  again.epoch = was.epoch;
  return wire::make_packet(again, made.partition, made.rid, made.sid);
}

/// To be called with the lane's lock held, before anything of `effects` leaves.
inline void withdraw_reads(lane& machine, time_point now, lane::outbox& effects) {
  std::vector<std::uint64_t> fills;
  for (lane_effect& effect : effects) {
    if (auto* sent = std::get_if<wire::send>(&effect)) {
      if (sent->message.code == wire::opcode::get_reply) sent->message = withdrawn(sent->message);
    } else if (auto* told = std::get_if<complete>(&effect)) {
      if (!told->read || told->result.error) continue;
      if (told->result.fill) fills.push_back(*told->result.fill);
      told->result = {};
      told->result.error = errc::timed_out;
    }
  }
  for (const std::uint64_t rid : fills) machine.settle(now, rid, {}, effects);
}

}  // namespace kith::node
