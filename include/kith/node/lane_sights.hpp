// What a lane shows of itself, with its lock held: all of it for the member's statistics, a cache's
// share, one key. Apart from sights.hpp and lane_stats.hpp: who only reads what was seen does
// not compile the machines.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/key_events.hpp>
#include <kith/core/time.hpp>
#include <kith/node/counter_rows.hpp>
#include <kith/node/lane.hpp>
#include <kith/node/lane_stats.hpp>
#include <kith/node/sights.hpp>
#include <kith/replica/entries.hpp>
#include <kith/replica/replica.hpp>
#include <kith/store/memory_model.hpp>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

namespace kith::node {

/// What a lane holds beside its entries (store/memory_model.hpp): directories, logs, answers kept
/// for retries, jobs, fills and calls. Cost: looks at every partition.
[[nodiscard]] inline std::uint64_t directory_bytes(const lane& of) {
  return of.owned().directory_bytes() + of.near().fills() * store::fill_bytes +
         of.calls().pending() * store::call_bytes + of.calls().pending_bytes();
}

/// Adds one lane's part, with its lock held. Cost: the lane's 64 partitions and 130 counters and
/// 600 buckets are read, about a microsecond; nothing that grows with entries or calls is walked.
inline void add_lane(lane_stats& to, const lane& from) {
  add_counters(to.reader, from.near().counters(), reader_rows);
  add_counters(to.owner, from.owned().counters(), owner_rows);
  add_counters(to.calls, from.calls().counters(), call_rows);
  add_counters(to.shipped, from.shipped().counters(), shipment_rows);
  to.read_times.merge(from.calls().read_times());
  to.write_times.merge(from.calls().write_times());
  to.applied_times.merge(from.owned().applied_times());
  to.partitions_owned += from.owned().partitions_owned();
  to.calls_waiting += from.calls().pending();
  to.call_bytes += from.calls().pending_bytes();
  to.fills += from.near().fills();
  to.loads += from.owned().loads();
  to.processors += from.owned().processors();
  to.owned_bytes += from.owned().owned_bytes();
  to.directory_bytes += directory_bytes(from);
}

/// Adds what the lane owns of the cache.
inline void add_share(owned_share& to, const lane& from, cache_id cache) {
  const replica::entries* owned = from.owned().cache(cache);
  if (owned == nullptr) return;
  to.entries += owned->size();
  to.bytes += owned->bytes_held();
  to.allocated += owned->bytes_allocated();
  add_counters(to.store, owned->counters(), owned_store_rows);
}

[[nodiscard]] inline key_sight look_at_key(const lane& in, time_point now, const key_place& of) {
  key_sight seen;
  const replica::replica& owner = in.owned();
  if (const auto held = owner.peek(now, of.partition, of.cache, of.hash, of.key)) {
    seen.owned = {held->present, held->version};
    seen.listeners = owner.listeners(of.partition);
  }
  std::vector<key_event_record> read, owned;
  in.near().events().for_key(of.cache, of.hash, [&](const auto& one) { read.push_back(one); });
  owner.events().for_key(of.cache, of.hash, [&](const auto& one) { owned.push_back(one); });
  std::ranges::merge(read, owned, std::back_inserter(seen.events), {}, &key_event_record::at,
                     &key_event_record::at);
  return seen;
}

}  // namespace kith::node
