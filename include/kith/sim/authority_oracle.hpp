// With quorum = majority there is one line of views, and no member may learn that its view is the
// cluster's when it no longer is:
//
//   A1 authority  a member's view is never confirmed as of a time at which its successor stood
//                 somewhere. Else an owner that was removed goes on serving, and a reader goes on
//                 believing it, beside the new owner.
//
// A cluster that was lost with its last member and founded anew is another one: its views have
// another branch.
//
// Until a confirmation is older than the bound both may serve: that is what staleness is. So this
// looks at what was confirmed, not at who serves.
#pragma once

#include <kith/cluster/view.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>
#include <kith/near/gates.hpp>
#include <kith/sim/cluster.hpp>
#include <kith/sim/history.hpp>
#include <kith/sim/vouching.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace kith::sim {

class authority_oracle {
 public:
  explicit authority_oracle(cluster& watched) : cluster_{watched} {}

  /// A member holds `view` from now on.
  void installed(const kith::cluster::view_key& view) {
    stood_.emplace(std::pair{view.branch, view.number}, cluster_.time().now());
    behind_.clear();
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      if (ended(i)) behind_.insert(i);
    }
  }
  /// After every event.
  void look(std::vector<violation>& into);

 private:
  /// When the successor of the member's view stood first.
  [[nodiscard]] std::optional<time_point> ended(std::size_t member) const;

  cluster& cluster_;
  std::map<std::pair<std::uint32_t, view_number>, time_point> stood_;
  /// Members whose view has a successor.
  std::set<std::size_t> behind_;
};

// --- implementation ---

inline std::optional<time_point> authority_oracle::ended(std::size_t member) const {
  sim::host& host = cluster_.host(member);
  if (!host.running() || host.control().membership().current() == nullptr) return std::nullopt;
  const kith::cluster::view_key& held = host.control().membership().current()->key;
  const auto next = stood_.upper_bound({held.branch, held.number});
  const bool same = next != stood_.end() && next->first.first == held.branch;
  return same ? std::optional{next->second} : std::nullopt;
}

inline void authority_oracle::look(std::vector<violation>& into) {
  for (auto at = behind_.begin(); at != behind_.end();) {
    const std::size_t member = *at;
    const std::optional<time_point> over = ended(member);
    if (!over) {
      at = behind_.erase(at);
      continue;
    }
    sim::host& host = cluster_.host(member);
    const time_point confirmed =
        host.gates().coordinator() == near::never_heard
            ? time_point::min()
            : host.clock().first(host.gates().coordinator());
    const member_id& coordinator = host.control().membership().current()->oldest().id;
    if (confirmed - stood_still(cluster_, {coordinator}, confirmed) <= *over) {
      ++at;
      continue;
    }
    const auto number = host.control().membership().current()->key.number.value();
    into.push_back({"A1: view " + std::to_string(number) + " of member " + std::to_string(member) +
                    " was confirmed " + std::to_string((confirmed - *over).count() / 1'000'000) +
                    " ms after the next view stood"});
    at = behind_.erase(at);  // once is enough
  }
}

}  // namespace kith::sim
