// What has to go to several lanes, sorted by lane: each is taken once.
#pragma once

#include <kith/node/control.hpp>
#include <kith/node/lane_index.hpp>

#include <array>
#include <cstddef>
#include <vector>

namespace kith::net {

/// The places of `items` by their lane; those of one lane keep their order.
template <class Item>
[[nodiscard]] std::array<std::vector<std::size_t>, node::lane_count> places_by_lane(
    const std::vector<Item>& items) {
  std::array<std::vector<std::size_t>, node::lane_count> places;
  for (std::size_t i = 0; i < items.size(); ++i) {
    places[node::lane_of(items[i].partition)].push_back(i);
  }
  return places;
}

}  // namespace kith::net
