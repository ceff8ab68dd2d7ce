// What each owner of a partition began with, as the views say: what earlier owners had
// acknowledged, a part of it, or nothing. For checkers.
#pragma once

#include <kith/cluster/view.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

namespace kith::sim {

class terms {
 public:
  /// A member installed a view.
  void look(const kith::cluster::view& installed);
  /// A member went from one view to the next.
  void follow(const kith::cluster::view& before, const kith::cluster::view& after);

  /// The epoch began with something that its owner had.
  [[nodiscard]] bool inherits(partition_id p, const epoch& in) const {
    return inheriting_.contains({p, in});
  }
  /// What was acknowledged in the epoch `from`, of a cache with so many synchronous copies, is
  /// there in the epoch `to`. The first copies of such a cache have all, and so has a member to
  /// which its owner handed the partition over.
  [[nodiscard]] bool kept(partition_id p, const epoch& from, epoch to, std::size_t sync) const {
    return leads(p, from, to, [&](const passage& by) { return by.whole || by.position < sync; });
  }
  /// What was there in the epoch `from` may be there in the epoch `to`.
  [[nodiscard]] bool inherited(partition_id p, const epoch& from, const epoch& to) const {
    return leads(p, from, to, [](const passage&) { return true; });
  }
  /// The earliest epoch of which something may be there in the epoch `of`.
  [[nodiscard]] epoch root(partition_id p, epoch of) const {
    return first(p, of, [](const passage&) { return true; });
  }
  /// The earliest epoch of which all that was acknowledged is there in the epoch `of`.
  [[nodiscard]] epoch kept_root(partition_id p, epoch of, std::size_t sync) const {
    return first(p, of, [&](const passage& by) { return by.whole || by.position < sync; });
  }
  /// How many owners began with a copy.
  [[nodiscard]] std::size_t passages() const { return passages_.size(); }

 private:
  struct passage {
    epoch from;
    /// Handed over by an owner that goes on as a member.
    bool whole = false;
    /// In the row before; none where it was not in it.
    std::size_t position = SIZE_MAX;
  };

  template <class Accepts>
  [[nodiscard]] epoch first(partition_id p, epoch of, Accepts&& accepts) const {
    for (;;) {
      const auto found = passages_.find({p, of});
      if (found == passages_.end() || !accepts(found->second)) return of;
      of = found->second.from;
    }
  }
  template <class Accepts>
  [[nodiscard]] bool leads(partition_id p, const epoch& from, epoch to, Accepts&& accepts) const {
    while (from < to) {
      const auto found = passages_.find({p, to});
      if (found == passages_.end() || !accepts(found->second)) return false;
      to = found->second.from;
    }
    return from == to;
  }

  std::map<std::pair<partition_id, epoch>, passage> passages_;
  /// Of all views, also those whose predecessors nobody had.
  std::set<std::pair<partition_id, epoch>> inheriting_;
  std::set<kith::cluster::view_key> looked_at_;
};

// --- implementation ---

inline void terms::look(const kith::cluster::view& installed) {
  if (!looked_at_.insert(installed.key).second) return;
  for (std::size_t i = 0; i < partition_count; ++i) {
    const auto& row = installed.rows[i];
    if (row.inherits) inheriting_.emplace(static_cast<partition_id>(i), row.epoch);
  }
}

inline void terms::follow(const kith::cluster::view& before, const kith::cluster::view& after) {
  for (std::size_t i = 0; i < partition_count; ++i) {
    const auto& row = after.rows[i];
    const auto& old = before.rows[i];
    const bool began = row.epoch == epoch{after.key.number, after.key.branch};
    if (!began || !row.inherits || old.owner == kith::cluster::unowned) continue;
    passage by{old.epoch};
    by.whole = after.contains(before.members[old.owner].id);
    const auto owner = before.find(after.members[row.owner].id);
    const auto at = std::ranges::find(old.backups, owner.value_or(kith::cluster::unowned));
    if (owner && at != old.backups.end()) {
      by.position = static_cast<std::size_t>(at - old.backups.begin());
    }
    passages_.emplace(std::pair{static_cast<partition_id>(i), row.epoch}, by);
  }
}

}  // namespace kith::sim
