// The part of lane.hpp about reads that ask no owner: turns of a walk over what this member owns,
// and reads of its own copies (`read::backup`).
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/node/call.hpp>
#include <kith/node/lane.hpp>
#include <kith/node/router_effect.hpp>
#include <kith/replica/entries.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace kith::node {

inline void lane::scan(time_point now, cache_id cache, scan_turn& turn) const {
  std::size_t copied = 0;
  const auto copy = [&](byte_view key, const replica::stored& entry) {
    copied += key.size() + entry.value.size();
    turn.found.push_back({to_bytes(key), entry.value, entry.version});
  };
  for (std::uint32_t i = 0; i < scan_turn::slots_max && copied < scan_turn::bytes_max; ++i) {
    if (turn.next == store::no_handle) return;
    turn.next = replica_->scan(now, cache, turn.next, 1, copy);
  }
}

inline bool lane::answer_from_copy(time_point now, const call& what, outbox& out) {
  const cache_id cache = what.cache->current_id();
  if (cache == cache_id{}) return false;
  const duration max_age = what.max_age.value_or(what.cache->max_staleness);
  const auto answer =
      replica_->read_copy(now, what.partition, cache, what.key_hash, what.key, max_age);
  if (!answer || !near_->may_read_copy(what.partition, answer->as_of)) return false;
  // The loader is the owner's to ask; and only the owner knows what became of an earlier epoch.
  if (answer->found == nullptr && what.load) return false;
  const bool after_all = what.after == version{} || (what.after.epoch == answer->as_of.epoch &&
                                                     what.after.seq <= answer->as_of.seq);
  if (!after_all) return false;
  outcome result;
  result.tier = tier::backup;
  std::optional<version> found;
  if (answer->found != nullptr) {
    result.yes = true;
    result.version = answer->found->version;
    result.value = answer->found->value;
    found = answer->found->version;
  }
  near_->on_copy_read(what.partition, cache, what.key_hash, answer->as_of, found);
  out.push_back(complete{what.done, std::move(result), true});
  return true;
}

}  // namespace kith::node
