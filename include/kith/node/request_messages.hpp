// The messages in which a call is asked of an owner. They view what the call holds.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/node/call.hpp>
#include <kith/node/pending.hpp>
#include <kith/wire/data_messages.hpp>

#include <algorithm>
#include <cstdint>

namespace kith::node {

/// A duration as it may travel: what is longer is as good as for ever.
[[nodiscard]] inline duration travelling(duration given) {
  return std::clamp(given, duration::zero(), never.time_since_epoch());
}

[[nodiscard]] inline wire::get get_message(const call& what, epoch e) {
  wire::get message;
  message.epoch = e;
  message.cache = what.cache->current_id();
  message.key = what.key;
  message.near = what.near;
  message.load = what.load;
  message.depth = what.depth;
  message.after = what.after;
  message.known = what.known;
  if (what.max_age) message.stale_max = travelling(*what.max_age);
  return message;
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
  const bool by_default =
      what.rule == wire::ttl_rule::cache_default || what.rule == wire::ttl_rule::keep;
  message.ttl = travelling(by_default ? what.cache->ttl.value_or(what.ttl) : what.ttl);
  message.expected = what.expected;
  message.ticket = what.ticket;
  message.processor = as_bytes(what.processor);
  message.depth = what.depth;
  message.tags = what.tags;
  return message;
}

}  // namespace kith::node
