// The part of lane.hpp that reads messages of other members and gives each to its machine.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>
#include <kith/node/lane.hpp>
#include <kith/wire/coherence_messages.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/decode.hpp>
#include <kith/wire/feed_messages.hpp>
#include <kith/wire/splitter.hpp>

#include <cstdint>
#include <type_traits>

namespace kith::node {

template <class Message, class Handle>
verdict lane::decoded(const wire::message_frame& frame, Handle&& handle) {
  Message message;
  if (wire::decode(frame.payload, message) != wire::decode_error::none) return verdict::malformed;
  if constexpr (std::is_same_v<decltype(handle(message)), bool>) {
    return handle(message) ? verdict::fine : verdict::violation;
  } else {
    handle(message);
    return verdict::fine;
  }
}

inline verdict lane::on_message(time_point now, const member_id& from, std::uint32_t sid,
                                const wire::message_frame& frame, outbox& out) {
  KITH_ASSERT(lane_of(frame.partition) == index_);
  look_at_gates();
  verdict result = verdict::violation;
  if (frame.code >= static_cast<std::uint8_t>(wire::opcode::feed)) {
    result = on_copies(now, from, frame);
  } else if (frame.code >= static_cast<std::uint8_t>(wire::opcode::invalidate)) {
    result = on_coherence(now, from, sid, frame);
  } else {
    result = on_data(now, from, frame);
  }
  run(now, out);
  return result;
}

inline verdict lane::on_data(time_point now, const member_id& from,
                             const wire::message_frame& frame) {
  const std::uint64_t rid = frame.rid;
  const partition_id p = frame.partition;
  switch (static_cast<wire::opcode>(frame.code)) {
    case wire::opcode::get:
      return decoded<wire::get>(frame, [&](const wire::get& m) {
        return replica_->on_get(now, from, rid, p, m, from_replica_);
      });
    case wire::opcode::mutate:
      return decoded<wire::mutate>(frame, [&](const wire::mutate& m) {
        return replica_->on_mutate(now, from, rid, p, m, from_replica_);
      });
    case wire::opcode::count:
      return decoded<wire::count>(frame, [&](const wire::count& m) {
        return replica_->on_count(now, from, rid, p, m, from_replica_);
      });
    case wire::opcode::return_ticket:
      return decoded<wire::return_ticket>(frame, [&](const wire::return_ticket& m) {
        replica_->on_return_ticket(now, from, m, from_replica_);
      });
    case wire::opcode::get_reply:
      return decoded<wire::get_reply>(frame, [&](const wire::get_reply& m) {
        return router_.on_get_reply(now, from, rid, m, from_router_);
      });
    case wire::opcode::mutate_reply:
      return decoded<wire::mutate_reply>(frame, [&](const wire::mutate_reply& m) {
        router_.on_mutate_reply(now, from, rid, m, from_router_);
      });
    case wire::opcode::count_reply:
      return decoded<wire::count_reply>(frame, [&](const wire::count_reply& m) {
        router_.on_count_reply(now, from, rid, m, from_router_);
      });
    default: return verdict::violation;
  }
}

inline verdict lane::on_coherence(time_point now, const member_id& from, std::uint32_t sid,
                                  const wire::message_frame& frame) {
  // Coherence belongs to a session: without its number the message could be an old one.
  if (frame.sid == 0) return verdict::violation;
  const partition_id p = frame.partition;
  switch (static_cast<wire::opcode>(frame.code)) {
    case wire::opcode::invalidate:
      return decoded<wire::invalidate>(frame, [&](const auto& m) {
        return near_->on_invalidate(now, from, sid, p, m, from_near_);
      });
    case wire::opcode::invalidate_all:
      return decoded<wire::invalidate_all>(frame, [&](const auto& m) {
        return near_->on_invalidate_all(now, from, sid, p, m, from_near_);
      });
    case wire::opcode::digest:
      return decoded<wire::digest>(
          frame, [&](const auto& m) { return near_->on_digest(now, from, sid, m, from_near_); });
    case wire::opcode::replay:
      return decoded<wire::replay>(
          frame, [&](const auto& m) { return near_->on_replay(now, from, sid, p, m, from_near_); });
    case wire::opcode::subscribed:
      return decoded<wire::subscribed>(frame, [&](const auto& m) {
        return near_->on_subscribed(now, from, sid, p, m, from_near_);
      });
    case wire::opcode::invalidate_ack:
      return decoded<wire::invalidate_ack>(frame, [&](const auto& m) {
        return replica_->on_invalidate_ack(now, from, sid, p, m, from_replica_);
      });
    case wire::opcode::replay_request:
      return decoded<wire::replay_request>(frame, [&](const auto& m) {
        return replica_->on_replay_request(now, from, sid, p, m, from_replica_);
      });
    case wire::opcode::subscribe:
      return decoded<wire::subscribe>(frame, [&](const auto& m) {
        return replica_->on_subscribe(now, from, sid, p, m, from_replica_);
      });
    case wire::opcode::beat:
      return decoded<wire::beat>(frame, [&](const auto& m) {
        return replica_->on_beat(now, from, sid, p, m, from_replica_);
      });
    default: return verdict::violation;
  }
}

inline verdict lane::on_copies(time_point now, const member_id& from,
                               const wire::message_frame& frame) {
  const partition_id p = frame.partition;
  switch (static_cast<wire::opcode>(frame.code)) {
    case wire::opcode::feed:
      return decoded<wire::feed>(
          frame, [&](const auto& m) { return replica_->on_feed(now, from, p, m, from_replica_); });
    case wire::opcode::feed_ack:
      return decoded<wire::feed_ack>(frame, [&](const auto& m) {
        return replica_->on_feed_ack(now, from, p, m, from_replica_);
      });
    case wire::opcode::feed_end:
      return decoded<wire::feed_end>(
          frame, [&](const auto& m) { return replica_->on_feed_end(from, p, m); });
    default: return verdict::violation;
  }
}

}  // namespace kith::node
