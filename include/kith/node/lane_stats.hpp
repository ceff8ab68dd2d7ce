// What the lanes of one member have counted, summed, and what they hold now.
#pragma once

#include <kith/core/histogram.hpp>
#include <kith/near/counters.hpp>
#include <kith/node/router_effect.hpp>
#include <kith/node/shipment.hpp>
#include <kith/replica/counters.hpp>

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

}  // namespace kith::node
