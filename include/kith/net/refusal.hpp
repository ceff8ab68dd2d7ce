// The answer to a request of a peer that does not read what it asked for: "again, later". It is
// small, names the request's own epoch and changes nothing.
#pragma once

#include <kith/wire/data_messages.hpp>
#include <kith/wire/decode.hpp>
#include <kith/wire/opcode.hpp>
#include <kith/wire/packet.hpp>
#include <kith/wire/splitter.hpp>

#include <optional>

namespace kith::net {

template <class Request, class Reply, class Status>
[[nodiscard]] std::optional<wire::packet> refuse_request(const wire::message_frame& frame,
                                                         Status later) {
  Request asked;
  if (wire::decode(frame.payload, asked) != wire::decode_error::none) return std::nullopt;
  Reply reply;
  reply.status = later;
  reply.epoch = asked.epoch;
  return wire::make_packet(reply, frame.partition, frame.rid);
}

/// Nothing for a message that is no request, or no message: the lane shall judge it.
[[nodiscard]] inline std::optional<wire::packet> refusal_of(const wire::message_frame& frame) {
  switch (static_cast<wire::opcode>(frame.code)) {
    case wire::opcode::get:
      return refuse_request<wire::get, wire::get_reply>(frame, wire::get_status::retry);
    case wire::opcode::mutate:
      return refuse_request<wire::mutate, wire::mutate_reply>(frame, wire::mutate_status::retry);
    case wire::opcode::count:
      return refuse_request<wire::count, wire::count_reply>(frame, wire::get_status::retry);
    default: return std::nullopt;
  }
}

}  // namespace kith::net
