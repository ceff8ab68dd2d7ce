// Versions as the whole numbers that a history of one epoch has: those that were given in the epoch
// keep their order, above all that an owner may have begun with.
//
// An epoch that inherits begins with what earlier ones left, whatever that is: an entry of theirs,
// or nothing. Versions of theirs that some operation named are numbered by their order. One number
// more is for the entries that nobody named a version of.
#pragma once

#include <kith/core/ordinal.hpp>
#include <kith/sim/history_text.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace kith::sim {

class version_numbers {
 public:
  /// Of an epoch that began with nothing.
  explicit version_numbers(const epoch& in) : in_{in} {}
  /// Of an epoch that inherits. `named`: in any order; those of other epochs are passed over.
  version_numbers(const epoch& in, std::vector<version> named) : in_{in}, named_{std::move(named)} {
    std::erase_if(named_,
                  [&in](const version& one) { return one == version{} || !(one.epoch < in); });
    std::ranges::sort(named_);
    named_.erase(std::ranges::unique(named_).begin(), named_.end());
    inherited_ = named_.size() + 1;
  }

  [[nodiscard]] const epoch& in() const { return in_; }
  /// The highest number of an entry that was there at the beginning. 0: there was none.
  [[nodiscard]] std::uint64_t inherited() const { return inherited_; }
  /// An entry may have it.
  [[nodiscard]] bool possible(const version& one) const {
    return one.epoch == in_ || std::ranges::binary_search(named_, one);
  }
  /// 0 for none; of a version that no entry has, a number that none has.
  [[nodiscard]] std::uint64_t of(const version& one) const {
    if (one == version{}) return 0;
    if (!possible(one)) return history_text::version_most;
    if (one.epoch == in_) return inherited_ + one.seq.value();
    const auto at = std::ranges::lower_bound(named_, one);
    return static_cast<std::uint64_t>(at - named_.begin()) + 1;
  }

 private:
  const epoch in_;
  std::vector<version> named_;
  std::uint64_t inherited_ = 0;
};

}  // namespace kith::sim
