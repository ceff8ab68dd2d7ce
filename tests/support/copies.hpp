// How far a cluster has come with its copies, as the view of one of its members says.
#pragma once

#include <kith/cluster/view.hpp>

#include <algorithm>
#include <cstddef>

/// The partitions that have an owner and at least so many copies beside it.
[[nodiscard]] inline std::size_t partitions_with_copies(const kith::cluster::view& of,
                                                        std::size_t copies) {
  using kith::cluster::unowned;
  return static_cast<std::size_t>(std::ranges::count_if(of.rows, [&](const auto& row) {
    const auto nobody = static_cast<std::size_t>(std::ranges::count(row.backups, unowned));
    return row.owner != unowned && row.backups.size() - nobody >= copies;
  }));
}
