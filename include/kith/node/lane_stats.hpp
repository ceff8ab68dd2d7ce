// What the lanes of one member have counted, summed, and what they hold now.
#pragma once

#include <kith/core/histogram.hpp>
#include <kith/near/counters.hpp>
#include <kith/node/counter_rows.hpp>
#include <kith/node/lane.hpp>
#include <kith/node/router.hpp>
#include <kith/replica/counters.hpp>
#include <kith/store/memory_model.hpp>

#include <cstdint>

namespace kith::node {

struct lane_stats {
  near::coherence_counters reader;
  replica::counters owner;
  router_counters calls;
  shipment_counters shipped;

  /// See router and audience.
  latency_histogram read_times;
  latency_histogram write_times;
  latency_histogram applied_times;

  /// Now.
  std::uint64_t partitions_owned = 0;
  std::uint64_t calls_waiting = 0;
  std::uint64_t call_bytes = 0;
  std::uint64_t fills = 0;
  std::uint64_t loads = 0;
  std::uint64_t processors = 0;
  /// What owned entries are charged, and what is held beside them.
  std::uint64_t owned_bytes = 0;
  std::uint64_t directory_bytes = 0;
};

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

}  // namespace kith::node
