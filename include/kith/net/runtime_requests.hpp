// What a runtime does with messages of other members' lanes (runtime.hpp), and how many of their
// requests it takes on.
//
// A peer that does not read its answers is answered no further: above outbox_limits::soft_bytes its
// requests are put aside, and taken up in their order when there is room. Beyond intake_limits they
// are told to come again. So what answers cost is bounded before they are made.
#pragma once

#include <kith/net/places_by_lane.hpp>
#include <kith/net/refusal.hpp>
#include <kith/net/runtime.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/decode.hpp>
#include <kith/wire/opcode.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace kith::net {

inline node::verdict runtime::take_data(connection& from, const wire::message_frame& frame) {
  const auto code = static_cast<wire::opcode>(frame.code);
  if (wire::is_request(code) && code != wire::opcode::batch) {
    const admission result = admit(from, frame, 0);
    after_admission(from, result);
    if (result != admission::now) return node::verdict::fine;
  }
  // The end of the receive, on this thread, posts what is gathered.
  const load_gathering::scope together{loads_here()};
  return code == wire::opcode::batch ? take_batch(from, frame)
                                     : take_one(from, frame, read_here());
}

inline node::verdict runtime::take_one(connection& from, const wire::message_frame& frame,
                                       touched& written) {
  // The analysis does not see that drive() holds the lock while it calls an input.
  node::verdict said = node::verdict::fine;
  lane_slot& in = lane(frame.partition);
  const auto take = [&](node::lane& machine, time_point now,
                        node::lane::outbox& out) KITH_NO_THREAD_SAFETY_ANALYSIS {
    said = machine.on_message(now, from.peer(), from.sid(), frame, out);
    note_request(in, from, frame, out, 0);
  };
  drive(in, take, &written);
  return said;
}

/// The bytes that `out` from `first` on is to bring to `peer`.
[[nodiscard]] inline std::size_t bytes_for(const member_id& peer, const node::lane::outbox& out,
                                           std::size_t first) {
  std::size_t size = 0;
  for (std::size_t i = first; i < out.size(); ++i) {
    const auto* one = std::get_if<wire::send>(&out[i]);
    if (one != nullptr && one->to == peer) size += one->message.payload.size();
  }
  return size;
}

// The items of one lane are taken in one go, in their order, and their answers leave joined. What
// they produce is counted while they are taken: a few small requests may ask for very much.
inline node::verdict runtime::take_batch(connection& from, const wire::message_frame& frame) {
  wire::batch all;
  if (wire::decode(frame.payload, all) != wire::decode_error::none) return node::verdict::malformed;
  for (const wire::batch_item& item : all.items) {
    const auto code = static_cast<std::uint8_t>(item.kind);
    const bool data = code >= static_cast<std::uint8_t>(wire::opcode::get) &&
                      code < static_cast<std::uint8_t>(wire::opcode::batch);
    if (!data || index_of(item.partition) >= partition_count) return node::verdict::violation;
  }
  const auto places = places_by_lane(all.items);
  node::verdict said = node::verdict::fine;
  admission worst = admission::now;
  for (std::uint32_t index = 0; index < node::lane_count; ++index) {
    if (places[index].empty()) continue;
    lane_slot& in = *lanes_[index];
    const auto take = [&](node::lane& machine, time_point now,
                          node::lane::outbox& out) KITH_NO_THREAD_SAFETY_ANALYSIS {
      std::size_t produced = 0;
      for (const std::size_t i : places[index]) {
        const wire::batch_item& item = all.items[i];
        const wire::message_frame one{static_cast<std::uint8_t>(item.kind), 0, item.rid,
                                      item.partition, 0, item.payload};
        const admission result =
            wire::is_request(item.kind) ? admit(from, one, produced) : admission::now;
        if (result != admission::now && worst != admission::refused) worst = result;
        if (result != admission::now) continue;
        const std::size_t first = out.size();
        said = machine.on_message(now, from.peer(), from.sid(), one, out);
        if (said != node::verdict::fine) return;
        note_request(in, from, one, out, first);
        produced += bytes_for(from.peer(), out, first);
      }
    };
    drive(in, take, &read_here(), joining::yes);
    if (said != node::verdict::fine) return said;
  }
  after_admission(from, worst);
  return said;
}

// With no lock held.
inline void runtime::after_admission(connection& from, admission worst) {
  if (worst == admission::now) return;
  from.want_answer_room();
  if (worst == admission::parked || !from.intake().first_refusal()) return;
  log_.write_about_peer({log_level::warning,
                         "too many unanswered requests",
                         {{"peer", to_string(from.peer())}, {"from", to_string(from.remote())}}});
}

// `produced`: bytes that are about to be queued for the peer. May hold a lane's lock.
inline runtime::admission runtime::admit(connection& from, const wire::message_frame& frame,
                                         std::size_t produced) {
  if (from.intake().full()) {
    std::optional<wire::packet> answer = refusal_of(frame);
    if (!answer) return admission::now;  // no message at all: the lane shall judge it
    counters_.refused_in_flight.fetch_add(1, std::memory_order_relaxed);
    static_cast<void>(from.push(std::move(*answer)));
    read_here().add(from.shared_from_this());
    return admission::refused;
  }
  const bool reads = !from.congested() && produced <= from.options().outbox.soft_bytes;
  if (reads && !from.intake().has_parked()) return admission::now;
  counters_.parked.fetch_add(1, std::memory_order_relaxed);
  from.intake().park(frame);
  return admission::parked;
}

inline void runtime::resume_parked(connection& from) {
  touched written;
  node::verdict said = node::verdict::fine;
  while (said == node::verdict::fine && from.has_answer_room()) {
    const std::optional<intake::parked> next = from.intake().take_parked();
    if (!next) break;
    said = take_one(from, next->frame(), written);
  }
  written.flush();
  if (said != node::verdict::fine) on_bad_message(from, said);
}

// Requests that wait for a load, a processor or another write. Most are answered in their own
// drive: their answer stands in `out` from `first` on.
inline void runtime::note_request(lane_slot& in, connection& from, const wire::message_frame& frame,
                                  const node::lane::outbox& out, std::size_t first) {
  if (!wire::is_request(static_cast<wire::opcode>(frame.code))) return;
  for (std::size_t i = first; i < out.size(); ++i) {
    const auto* one = std::get_if<wire::send>(&out[i]);
    const bool answers = one != nullptr && one->message.rid == frame.rid &&
                         wire::is_reply(one->message.code) && one->to == from.peer();
    if (answers) return;
  }
  const std::size_t size = frame.payload.size();
  const auto [at, added] = in.waiting.try_emplace({from.peer(), frame.rid});
  if (!added) return;
  at->second = {from.shared_from_this(), size};
  from.intake().begin(size);
}

inline void runtime::note_answers(lane_slot& in, const std::vector<wire::send>& sends) {
  if (in.waiting.empty()) return;
  for (const wire::send& one : sends) {
    if (!wire::is_reply(one.message.code)) continue;
    const auto found = in.waiting.find({one.to, one.message.rid});
    if (found == in.waiting.end()) continue;
    found->second.from->intake().end(found->second.bytes);
    in.waiting.erase(found);
  }
}

// What was asked by connections other than `sid` is not waited for any more.
inline void runtime::forget_requests(const member_id& peer, std::uint32_t sid) {
  for (const auto& each : lanes_) {
    const mutex_lock lock{each->mutex};
    auto next = each->waiting.lower_bound({peer, 0});
    while (next != each->waiting.end() && next->first.first == peer) {
      const bool over = next->second.from->sid() != sid;
      if (over) next->second.from->intake().end(next->second.bytes);
      next = over ? each->waiting.erase(next) : std::next(next);
    }
  }
}

inline void runtime::on_bad_message(connection& from, node::verdict said) {
  auto& counter =
      said == node::verdict::malformed ? counters_.malformed : counters_.violations;
  counter.fetch_add(1, std::memory_order_relaxed);
  log_.write_about_peer({log_level::warning,
                         said == node::verdict::malformed ? "malformed message"
                                                          : "protocol violation",
                         {{"peer", to_string(from.peer())}, {"from", to_string(from.remote())}}});
  from.close(close_reason::protocol_violation);
}

}  // namespace kith::net
