// What a call says to the owner of its key.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/node/call.hpp>
#include <kith/node/pending.hpp>
#include <kith/wire/data_messages.hpp>

#include <cstdint>

namespace kith::node {

[[nodiscard]] inline wire::get get_message(const call& what, epoch e) {
  return {e, what.cache->current_id(), what.key, what.near, what.load, what.depth, what.after};
}

[[nodiscard]] inline wire::mutate mutate_message(const pending_call& waiting, epoch e,
                                                 std::uint64_t lowest_unsettled) {
  const call& what = waiting.what;
  wire::mutate message;
  message.epoch = e;
  message.operation = waiting.operation;
  message.lowest_unsettled = lowest_unsettled;
  message.kind = what.mutation;
  message.cache = what.cache->current_id();
  message.key = what.key;
  message.value = what.value;
  message.rule = what.rule;
  message.ttl = what.ttl;
  message.expected = what.expected;
  message.ticket = what.ticket;
  message.processor = as_bytes(what.processor);
  message.depth = what.depth;
  return message;
}

}  // namespace kith::node
