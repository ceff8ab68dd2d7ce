// How far a cluster has come with its copies and moves, as the view of one of its members says.
#pragma once

#include <kith/cluster/view.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

/// The partitions that have an owner and at least so many copies beside it.
[[nodiscard]] inline std::size_t partitions_with_copies(const kith::cluster::view& of,
                                                        std::size_t copies) {
  using kith::cluster::unowned;
  return static_cast<std::size_t>(std::ranges::count_if(of.rows, [&](const auto& row) {
    const auto nobody = static_cast<std::size_t>(std::ranges::count(row.backups, unowned));
    return row.owner != unowned && row.backups.size() - nobody >= copies;
  }));
}

/// Each member owns at least half of an even share. A view of new members is older than the moves
/// that give them something.
[[nodiscard]] inline bool partitions_are_shared(const kith::cluster::view& of) {
  std::vector<std::size_t> owned(of.members.size());
  for (const auto& row : of.rows) {
    if (row.owner != kith::cluster::unowned) ++owned[row.owner];
  }
  return std::ranges::min(owned) * 2 >= of.rows.size() / owned.size();
}
