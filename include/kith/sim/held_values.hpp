// Rule E8 (checkers.hpp): what a read returned, against what the owners had at that time. An
// owner's store is looked at whenever an operation on one of its keys ends.
#pragma once

#include <kith/codec.hpp>
#include <kith/sim/checkers.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

namespace kith::sim {

/// Both sides of a cluster that was cut in two have an owner, and one that was replaced and does
/// not know it yet is one too.
inline void checker::look_at_owners(std::uint32_t key) {
  const encoded_key<std::uint32_t> encoded{key};
  const partition_id in = partition_of_key(key);
  for (std::size_t i = 0; i < cluster_.size(); ++i) {
    if (!owns(i, key)) continue;
    sim::host& owner = cluster_.host(i);
    const auto cache = owner.cache_named("registers");
    if (!cache) continue;
    const auto has =
        owner.lane(in).owned().peek(owner.now(), in, *cache, encoded.hash(), encoded.view());
    // What was evicted is gone here, and may be read from near caches all the same.
    if (!has || (evictions_ && !has->present)) continue;
    note_held(held_[key], {cluster_.time().now(), has->version, view_of(i)->key,
                           owner.control().self(), has->present, 0, view_of(i)->epoch_of(in)});
  }
}

inline void checker::note_held(std::deque<acknowledged>& all, const acknowledged& seen) const {
  const auto last = std::find_if(all.rbegin(), all.rend(), [&](const acknowledged& one) {
    return one.owner == seen.owner && one.in == seen.in;
  });
  // Of a key that is gone, the version of its partition goes on; nothing new is known of the key.
  if (last != all.rend() && last->present == seen.present &&
      (!seen.present || last->version == seen.version)) {
    return;
  }
  all.push_back(seen);
  // What no read that is still under way can have been invoked behind alone.
  constexpr duration asked_longest = std::chrono::seconds{60};
  const time_point forgotten = seen.at - asked_longest;
  while (all.size() > 1 && all[1].at < forgotten && all[1].owner == all[0].owner &&
         all[1].side == all[0].side) {
    all.pop_front();
  }
}

inline void checker::check_held(const record& op) {
  if (options_.backup_reads) return;
  ++checks_;
  if (moved(op)) return;
  const time_point by = op.bound;
  for (const acknowledged& one : held_[op.key]) {
    if (one.at >= by) return;
    const bool older = one.present ? op.version < one.version : op.version <= one.version;
    const std::optional<epoch> runs = epoch_at(op.member, op.key);
    if (!older || !owes(one, op) || !runs || one.in != *runs) continue;
    const std::string what = one.present ? "held was version " : "gone were versions up to ";
    return fail("E8", op,
                what + std::to_string(one.version.epoch.view.value()) + "/" +
                    std::to_string(one.version.seq.value()));
  }
}

}  // namespace kith::sim
