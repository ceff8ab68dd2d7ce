// Members of a simulated run that leave as member.leave() does: each asks the others to take what
// it has, leaves when they have, or when it waited long enough, and its process ends. A new one
// starts in its place later.
//
//   D1 drained    who is told that the others have all has nothing then: it owns no partition and
//                 holds no copy, in its own view; unless nobody else has weight
//
// What it handed over counts as kept, with or without copies (terms.hpp), so that the rules of
// checkers.hpp find what is lost on the way.
#pragma once

#include <kith/cluster/view.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>
#include <kith/sim/cluster.hpp>
#include <kith/sim/history.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace kith::sim {

class leavers {
 public:
  explicit leavers(cluster& on) : cluster_{on} {}

  /// The member begins to leave; it waits at most `patience` until it has nothing. `away`: so much
  /// later a new one starts. False when it does not run, is about to leave, or is the last of its
  /// view that would stay: then there would be no cluster.
  bool send_off(std::size_t index, duration patience, duration away);
  [[nodiscard]] bool leaving(std::size_t index) const {
    return std::ranges::count(all_, index, &leaver::index) > 0;
  }
  /// Behind every event.
  void look();

  [[nodiscard]] const std::vector<violation>& violations() const { return violations_; }

 private:
  struct leaver {
    std::size_t index = 0;
    member_id as;
    time_point waits_until;
    duration away{};
    bool goes = false;
  };

  [[nodiscard]] bool same(const leaver& one) const {
    sim::host& host = cluster_.host(one.index);
    return host.running() && host.control().self() == one.as;
  }
  void check(const leaver& one);
  /// It is over with this one.
  [[nodiscard]] bool advance(leaver& one);

  cluster& cluster_;
  std::vector<leaver> all_;
  std::vector<violation> violations_;
};

// --- implementation ---

inline bool leavers::send_off(std::size_t index, duration patience, duration away) {
  sim::host& host = cluster_.host(index);
  if (!host.running() || leaving(index)) return false;
  const auto& view = host.control().membership().current();
  std::size_t staying = 0;
  for (std::size_t i = 0; i < cluster_.size() && view != nullptr; ++i) {
    if (i == index || leaving(i) || !cluster_.host(i).running()) continue;
    staying += view->contains(cluster_.host(i).control().self()) ? 1 : 0;
  }
  if (staying == 0) return false;
  all_.push_back({index, host.control().self(), cluster_.time().now() + patience, away});
  host.drain();
  return true;
}

inline void leavers::look() {
  if (all_.empty()) return;
  std::erase_if(all_, [this](leaver& one) { return advance(one); });
}

inline bool leavers::advance(leaver& one) {
  if (!same(one)) return true;
  sim::host& host = cluster_.host(one.index);
  if (!one.goes && (host.has_drained() || cluster_.time().now() >= one.waits_until)) {
    if (host.has_drained()) check(one);
    one.goes = true;
    host.leave();
  }
  if (!host.has_left()) return false;
  cluster_.crash(one.index);
  cluster_.time().after(one.away, [this, index = one.index] {
    if (!cluster_.host(index).running()) cluster_.start(index);
  });
  return true;
}

inline void leavers::check(const leaver& one) {
  const auto& view = cluster_.host(one.index).drained_in();
  if (view == nullptr) return;
  const auto self = view->find(one.as);
  bool others = false;
  for (const auto& member : view->members) {
    others = others || (member.id != one.as && member.weight != 0);
  }
  if (!self || !others) return;
  const auto has = std::ranges::count_if(view->rows, [&](const auto& row) {
    return row.owner == *self || std::ranges::count(row.backups, *self) > 0;
  });
  if (has == 0) return;
  violations_.push_back({"D1: member " + std::to_string(one.index) + " left in order and had " +
                         std::to_string(has) + " partitions"});
}

}  // namespace kith::sim
