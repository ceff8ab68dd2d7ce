// What members say of a key (cache::explain), held against what they hold:
//
//   X1 explained  at rest the members agree on the view, partition, owner and epoch of a key; its
//                 owner says that it is, in the version that others keep, and names all who keep it
#pragma once

#include <kith/sim/workload.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace kith::sim {

/// What is wrong with what members say at one moment; `told` goes by the members' numbers. Those of
/// a large cluster that have no clients say nothing, so the owner's word may be missing.
[[nodiscard]] inline std::vector<violation> wrong_explanations(
    const std::vector<std::pair<std::size_t, explanation>>& told) {
  std::vector<violation> wrong;
  const explanation* owned = nullptr;
  for (const auto& [member, says] : told) {
    const auto fail = [&, by = member, said = &says](const std::string& what) {
      wrong.push_back({"X1: member " + std::to_string(by) + " " + what + "\n" + to_string(*said)});
    };
    const explanation& first = told.front().second;
    if (says.partition != first.partition || says.view_number != first.view_number ||
        says.owner != first.owner || says.epoch != first.epoch) {
      fail("explains a key's place differently");
    }
    const bool is_owner = says.owner == cluster::address_of(member);
    if (is_owner != says.owned.has_value()) fail("does not know whether it owns a key");
    if (says.owned) owned = &says;
  }
  for (const auto& [member, says] : told) {
    if (owned == nullptr || !says.near || !says.near->alive) continue;
    // The owner hears of its own mutations itself.
    const bool listens =
        &says == owned ||
        std::ranges::count(owned->listeners, cluster::address_of(member)) > 0;
    const bool same = !owned->owned->present || owned->owned->version == says.near->version;
    if (listens && same) continue;
    wrong.push_back({"X1: member " + std::to_string(member) + " keeps a key " +
                     (listens ? "in another version than" : "unknown to") + " its owner\n" +
                     to_string(says) + to_string(*owned)});
  }
  return wrong;
}

inline void workload::check_explained(std::uint32_t key, std::vector<violation>& wrong) const {
  std::vector<std::pair<std::size_t, explanation>> told;
  for (const auto& [member, with] : open_) told.emplace_back(member, with->rows.explain(key));
  for (violation& one : wrong_explanations(told)) wrong.push_back(std::move(one));
}

inline void workload::explain_first(std::size_t before, const record& op,
                                    register_cache handles::*in) {
  if (checker_.violations().size() == before || !explained_.empty()) return;
  for (const auto& [member, with] : open_) {
    explained_ += "member " + std::to_string(member) + ": " +
                  to_string(((*with).*in).explain(op.key));
  }
}

}  // namespace kith::sim
