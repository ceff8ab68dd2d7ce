// What a simulated host holds beside its machines (host.hpp), for those who check its bounds.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/near/cell_store.hpp>
#include <kith/sim/host.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>

namespace kith::sim {

inline host_occupancy host::held() const {
  host_occupancy now;
  std::map<member_id, std::size_t> links;
  for (const auto& [id, c] : connections_) {
    if (!c->announced || c->draining) continue;
    now.links_most = std::max(now.links_most, ++links[c->session.peer()]);
  }
  now.connections = connections_.size();
  now.dials = dials_.size();
  // The largest of them: their order does not matter.
  for (const auto& [peer, packets] : waiting_packets_) {
    now.packets_most = std::max(now.packets_most, packets.size());
  }
  now.peers_waited_for = waiting_packets_.size();
  now.inputs = waiting_inputs_.size();
  now.decoding = decoding_.size();
  return now;
}

inline std::uint64_t host::near_bytes_over() const {
  std::uint64_t over = 0;
  for (const auto& [id, hooks] : hooks_) {
    const auto* kept = dynamic_cast<const near::cell_store*>(hooks->near_table());
    if (kept != nullptr) over += kept->bytes_over();
  }
  return over;
}

}  // namespace kith::sim
