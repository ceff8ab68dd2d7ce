// The part of network.hpp that is not as a healthy network is: what is cut, lost, slow, broken
// within a chunk, or said again.
#pragma once

#include <kith/sim/network.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace kith::sim {

inline std::optional<std::size_t> network::draw_reset(host_index from, host_index to,
                                                      std::size_t size) {
  std::optional<std::uint64_t> kept;
  if (random_.one_in_million(options_.reset_per_million)) kept = random_.below(size);
  if (decide_reset_) kept = decide_reset_(from, to, kept);
  // A part of the chunk, or nothing.
  return kept ? std::optional{std::min<std::size_t>(*kept, size - 1)} : std::nullopt;
}

inline bool network::loses(host_index from, host_index to) {
  if (hosts_[from].losses == 0 && hosts_[to].losses == 0) return false;
  if (losses_.below(5) == 0) return false;
  ++counters_.lost_chunks;
  return true;
}

inline void network::replay_into(std::uint64_t id, host_index from, host_index to, bytes& chunk) {
  switch (link(from, to).again.see(time_.now(), id, chunk)) {
    case replay::did::nothing: break;
    case replay::did::recorded:
      time_.after(draw_delay(), [this, id] { reset(id); });
      break;
    case replay::did::struck:
      ++hosts_[to].damaged;
      ++counters_.replayed_chunks;
  }
}

inline void network::uncut(host_index from, host_index to) {
  link_state& road = link(from, to);
  if (road.cuts == 0 || --road.cuts > 0) return;
  for (const std::uint64_t id : std::exchange(road.held, {})) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) continue;
    const int side = side_of(found->second, from);
    if (!found->second.pipes[side].backs_off) release(id, side);
  }
}

inline void network::slow_reader(host_index host, duration per_kilobyte, duration length) {
  machine& slowed = hosts_[host];
  slowed.drain += per_kilobyte;
  slowed.drained_at = std::max(slowed.drained_at, time_.now() + length);
  time_.after(length, [this, host, per_kilobyte] { hosts_[host].drain -= per_kilobyte; });
}

}  // namespace kith::sim
