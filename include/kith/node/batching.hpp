// Joins requests, or replies, that leave for one member at one moment into one frame. What a batch
// carries means the same as if each message had come by itself, in this order.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/encode.hpp>
#include <kith/wire/packet.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace kith::node {

/// A batch is closed when it holds so many bytes: it then still travels as one frame.
inline constexpr std::size_t batch_bytes = 48 * 1024;

[[nodiscard]] inline bool may_be_batched(const wire::send& one) {
  const bool data = one.message.code >= wire::opcode::get &&
                    one.message.code < wire::opcode::batch && one.message.sid == 0;
  return data && one.message.payload.size() < batch_bytes;
}

/// The sends in their order for each member, data messages joined. A batch leaves in the place of
/// its first message, which no other message of the lane's data plane depends on.
[[nodiscard]] inline std::vector<wire::send> batched(std::vector<wire::send>&& sends) {
  struct open_batch {
    std::size_t place = 0;
    std::size_t bytes = 0;
    std::vector<std::size_t> items;
  };
  std::vector<open_batch> batches;
  std::vector<bool> joined(sends.size(), false);
  for (std::size_t i = 0; i < sends.size(); ++i) {
    if (!may_be_batched(sends[i])) continue;
    const std::size_t size = sends[i].message.payload.size();
    open_batch* into = nullptr;
    for (open_batch& b : batches) {
      const bool room = b.bytes + size <= batch_bytes && b.items.size() < wire::limits::batch_items;
      // The two are bounded apart in the outbox: a peer may be slow to take one and not the other.
      const bool same = wire::is_request(sends[b.place].message.code) ==
                        wire::is_request(sends[i].message.code);
      if (room && same && sends[b.place].to == sends[i].to) into = &b;
    }
    if (into == nullptr) into = &batches.emplace_back(open_batch{i, 0, {}});
    into->items.push_back(i);
    into->bytes += size;
  }
  for (const open_batch& b : batches) {
    if (b.items.size() < 2) continue;
    wire::batch message;
    for (const std::size_t i : b.items) {
      const wire::packet& one = sends[i].message;
      message.items.push_back({one.code, one.rid, one.partition, one.payload});
      joined[i] = i != b.place;
    }
    wire::packet whole = wire::make_packet(message, sends[b.place].message.partition);
    sends[b.place].message = std::move(whole);
  }
  std::vector<wire::send> out;
  for (std::size_t i = 0; i < sends.size(); ++i) {
    if (!joined[i]) out.push_back(std::move(sends[i]));
  }
  return out;
}

}  // namespace kith::node
