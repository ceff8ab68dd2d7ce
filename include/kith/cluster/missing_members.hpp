// Whether members are missing that may go on by themselves, in a cluster of their own: who was
// removed without having been drained, until a member of its address is there again.
//
// From inside, a cut and a death look alike, so a member that died for good is missing for ever.
#pragma once

#include <kith/cluster/view.hpp>
#include <kith/core/endpoint.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

namespace kith::cluster {

class missing_members {
 public:
  /// The present view has become `next`.
  void on_view(std::shared_ptr<const view> next);
  /// This member goes on under another identity.
  void forget() { last_ = nullptr, missing_.clear(); }

  [[nodiscard]] bool any() const { return !missing_.empty(); }

  static constexpr std::size_t missing_max = 1024;

 private:
  std::shared_ptr<const view> last_;
  /// Where they were, oldest first.
  std::vector<endpoint> missing_;
};

// --- implementation ---

inline void missing_members::on_view(std::shared_ptr<const view> next) {
  if (last_ != nullptr) {
    for (const member_record& member : last_->members) {
      if (member.weight > 0 && !next->contains(member.id)) missing_.push_back(member.address);
    }
  }
  if (!missing_.empty()) {
    std::vector<endpoint> present;
    for (const member_record& member : next->members) present.push_back(member.address);
    std::ranges::sort(present);
    std::erase_if(missing_, [&](const endpoint& where) {
      return std::ranges::binary_search(present, where);
    });
  }
  if (missing_.size() > missing_max) missing_.resize(missing_max);
  last_ = std::move(next);
}

}  // namespace kith::cluster
