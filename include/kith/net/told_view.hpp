// What view listeners know of the newest view, and what another one changes of that.
#pragma once

#include <kith/cluster/view.hpp>
#include <kith/core/endpoint.hpp>
#include <kith/core/ids.hpp>
#include <kith/events.hpp>

#include <cstdint>
#include <map>
#include <vector>

namespace kith::net {

class told_view {
 public:
  /// What `next` changes, for the member `self`. From then on it is what is known. A member that
  /// goes on under another identity leaves and joins, and loses what it owned.
  [[nodiscard]] view_event follow(const cluster::view& next, const member_id& self) {
    view_event event;
    event.number = next.key.number.value();
    std::map<member_id, endpoint> members;
    for (const cluster::member_record& one : next.members) members.emplace(one.id, one.address);
    for (const auto& [id, where] : members) {
      if (!members_.contains(id)) event.joined.push_back(where);
    }
    for (const auto& [id, where] : members_) {
      if (!members.contains(id)) event.left.push_back(where);
    }
    const bool same = self == self_;
    for (std::uint32_t i = 0; i < partition_count; ++i) {
      const auto p = static_cast<partition_id>(i);
      const cluster::member_record* owner = next.owner_of(p);
      // Of another epoch it begins anew, also where the owner is the same.
      const epoch mine = owner != nullptr && owner->id == self ? next.epoch_of(p) : epoch{};
      if (owned_[i] != epoch{} && (mine != owned_[i] || !same)) event.lost.push_back(p);
      if (mine != epoch{} && (mine != owned_[i] || !same)) event.gained.push_back(p);
      owned_[i] = mine;
    }
    members_ = std::move(members);
    self_ = self;
    return event;
  }

 private:
  member_id self_;
  std::map<member_id, endpoint> members_;
  /// The epochs of what this member owns; the oldest one for the rest.
  std::vector<epoch> owned_ = std::vector<epoch>(partition_count);
};

}  // namespace kith::net
