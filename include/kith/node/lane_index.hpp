// Which of a member's lanes a partition belongs to.
#pragma once

#include <kith/core/ids.hpp>

#include <cstdint>

namespace kith::node {

/// Lanes of a member; agreed by the handshake's configuration hash.
inline constexpr std::uint32_t lane_count = 16;

[[nodiscard]] constexpr std::uint32_t lane_of(partition_id p) { return index_of(p) % lane_count; }

}  // namespace kith::node
