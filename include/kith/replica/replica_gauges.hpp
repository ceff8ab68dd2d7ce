// What a replica says of what it holds (replica.hpp).
#pragma once

#include <kith/core/ids.hpp>
#include <kith/replica/replica.hpp>
#include <kith/store/memory_model.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace kith::replica {

inline occupancy replica::held() const {
  occupancy now;
  now.loads = held_.loads.size();
  held_.loads.for_each([&](const load& one) {
    now.load_waiters_most = std::max(now.load_waiters_most, one.waiters.size());
  });
  now.processors = held_.busy.size();
  now.hidden_writes = held_.hidden.size();
  held_.busy.for_each([&](const busy_key& one) {
    now.pending_writes_most = std::max(now.pending_writes_most, one.queue.size());
  });
  now.pending_write_bytes = held_.pending_write_bytes;
  for (const owned_partition& in : held_.partitions()) {
    for (const auto& [who, window] : in.windows) {
      now.operations_most = std::max(now.operations_most, window.size());
    }
  }
  now.told = held_.audience.held();
  for (const auto& cache : held_.caches()) {
    if (cache->bytes_held() > cache->bytes_bound()) {
      now.bytes_over += cache->bytes_held() - cache->bytes_bound();
    }
  }
  return now;
}

inline std::uint64_t replica::owned_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& cache : held_.caches()) sum += cache->bytes_held();
  return sum;
}

inline std::uint64_t replica::directory_bytes() const {
  std::uint64_t sum = held_.audience.held().bytes + held_.pending_write_bytes +
                      copies_.bytes_held() + held_.feeds.bytes() + held_.owed.bytes_held() +
                      held_.dirty.bytes_held();
  for (const owned_partition& in : held_.partitions()) {
    for (const auto& [who, window] : in.windows) {
      sum += window.size() * store::operation_bytes + window.bytes();
    }
  }
  sum += (held_.loads.size() + held_.busy.size() + held_.uncertain.size() + held_.hidden.size()) *
         store::job_bytes;
  held_.loads.for_each([&](const load& one) { sum += one.waiters.size() * store::waiter_bytes; });
  return sum;
}

inline std::size_t replica::partitions_owned() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(held_.partitions(), [](const auto& in) { return in.owned; }));
}

inline bool replica::owns(partition_id partition) {
  const owned_partition* in = held_.partition(partition);
  return in != nullptr && in->owned;
}

}  // namespace kith::replica
