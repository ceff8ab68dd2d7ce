// The part of replica.hpp that reads a copy for this member's own callers (`read::backup`).
//
// Only a copy that every write waits for is read, so all that was acknowledged before the view was
// left is there: the member has to be in the row, at a position that the cache's writes wait for,
// with the whole of the partition. Whether the view is still the coordinator's is known as an owner
// knows it, by the echo of a heartbeat. So such a read is as fresh as one at an owner that was cut
// off may be (`near.max_staleness`), and seldom older than now.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/copies.hpp>
#include <kith/replica/entries.hpp>
#include <kith/replica/replica.hpp>
#include <kith/replica/row.hpp>

#include <cstdint>
#include <optional>

namespace kith::replica {

/// Reads at the owner have its entries loaded anew before they end, and only those do.
inline bool replica::renews(cache_id cache) const {
  const entries* known = held_.find_cache(cache);
  if (known == nullptr) return false;
  return known->settings().life.refresh_after || known->settings().life.early_refresh > 0;
}

inline std::optional<copy_answer> replica::read_copy(time_point now, partition_id partition,
                                                     cache_id cache, std::uint64_t hash,
                                                     byte_view key, duration max_age) const {
  const owned_partition* in = held_.partition(partition);
  if (in == nullptr || in->owned || held_.cut_off) return std::nullopt;
  const copy& kept = copies_.of(in->slot);
  const bool whole = kept.held() && kept.complete && !kept.ended() && kept.epoch == in->epoch;
  if (!whole || renews(cache)) return std::nullopt;
  const cache_copies of = held_.feeds.copies_of(cache);
  const auto position = in->row.position_of(held_.self);
  const bool waited_for = position && *position < of.sync;
  const bool vouched = kept.scope == wire::whole_scope || of.all() > kept.scope;
  // Whether a row of a store is what its key has is for the owner to know.
  if (!waited_for || !vouched || of.strong || of.store == store_kind::through) return std::nullopt;
  const bool confirmed = held_.fresh_enough(now, cache);
  if (!confirmed || now - held_.coordinator_fresh > max_age) return std::nullopt;
  copy_answer answer{{kept.epoch, kept.seq}, nullptr};
  if (const entries* all = copies_.cache(cache)) {
    if (const auto found = all->peek(now, hash, key)) answer.found = &found->value();
  }
  return answer;
}

}  // namespace kith::replica
