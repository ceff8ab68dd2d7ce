// A runtime's memory (runtime.hpp): one limit over owned entries, near caches, directories and
// queues. Lanes add what their entries grew by at each drive; what else there is, a turn of the
// home thread looks up every memory_interval. Under pressure the same turn drives every lane, so
// that those evict too that nobody calls, and shrinks near caches.
#pragma once

#include <kith/net/runtime.hpp>
#include <kith/node/lane_sights.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace kith::net {

/// How often memory is looked at where there is a limit; and while there is less of it each time.
inline constexpr duration memory_interval = std::chrono::milliseconds{100};
inline constexpr duration memory_interval_pressed = std::chrono::milliseconds{1};

inline void runtime::set_memory_limit(std::uint64_t bytes) {
  if (in_child()) return;
  memory_.set_limit(bytes);
  memory_wake_->arm(now());
}

inline void runtime::set_cache_bytes(const std::string& name, std::uint64_t bytes) {
  if (closed()) throw error{errc::closed};
  boost::asio::post(threads_.home(), [this, name, bytes] {
    turn([&](node::control& machine, time_point, node::control::outbox& out) {
      machine.set_cache_bytes(name, bytes, out);
    });
  });
}

inline void runtime::carry(node::resize_in_lanes&& one) {
  drive_all([&](node::lane& machine, time_point, node::lane::outbox&) {
    machine.set_cache_bytes(one.cache, one.max_bytes);
  });
}

inline sampled_memory runtime::sample_memory() {
  sampled_memory seen;
  for (const auto& cache : caches()) {
    if (const near::table* table = cache->near_table()) seen.near += table->bytes();
  }
  for (const auto& [where, link] : links_.table().links()) {
    seen.queues += link->traffic_now().queue_bytes;
  }
  return seen;
}

/// Each near cache gives its part of what is above the end of the rung.
inline bool runtime::shrink_near_caches(time_point now, std::uint64_t all) {
  constexpr auto rung = static_cast<std::size_t>(store::pressure::shrink_near);
  const std::uint64_t excess =
      memory_.use().above(store::enter_percent[rung] - store::leave_gap_percent);
  if (excess == 0 || all == 0) return false;
  std::uint64_t gone = 0;
  for (const auto& cache : caches()) {
    near::table* const table = cache->near_table();
    if (table == nullptr) continue;
    const double part = static_cast<double>(table->bytes()) / static_cast<double>(all);
    const auto share = static_cast<std::uint64_t>(static_cast<double>(excess) * part) + 1;
    gone += table->shrink(now, share, store::evictions_a_turn);
  }
  counters_.near_shrunk.fetch_add(gone, std::memory_order_relaxed);
  return gone > 0;
}

inline time_point runtime::on_memory_due() {
  const std::uint64_t owned = memory_.owned();
  sampled_memory seen = sample_memory();
  // Every lane is told, and evicts its share.
  drive_all([&](node::lane& machine, time_point, node::lane::outbox&) {
    seen.directories += node::directory_bytes(machine);
  });
  memory_.set_sampled(seen);
  const time_point looked = now();
  if (memory_.limit() == 0 && memory_.pressure() == store::pressure::none) return never;
  // Soon again only where that helped: what cannot be given up is not looked for all the time.
  bool pressed = memory_.pressure() >= store::pressure::evict && memory_.owned() < owned;
  if (memory_.pressure() >= store::pressure::shrink_near) {
    pressed |= shrink_near_caches(looked, seen.near);
  }
  return looked + (pressed ? memory_interval_pressed : memory_interval);
}

}  // namespace kith::net
