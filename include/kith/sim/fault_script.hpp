// The entries of a schedule, in the order in which a run asks for them (faults.hpp).
#pragma once

#include <kith/core/time.hpp>
#include <kith/sim/fault_entry.hpp>
#include <kith/sim/fault_plan.hpp>
#include <kith/sim/network.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

namespace kith::sim {

/// A moment at which an entry that awaits one may strike.
struct occasion {
  fault which = fault::late_ticks;
  host_index from = 0;
  host_index to = 0;
  duration at{};
  /// As many of the same instant, fault and members were before it.
  std::uint64_t skip = 0;
};

class fault_script {
 public:
  explicit fault_script(std::vector<fault_entry> entries) {
    for (fault_entry& one : entries) {
      auto& line = awaits(one) ? awaited_[{one.which, who(one), one.to}]
                               : timed_[static_cast<std::size_t>(one.which)];
      line.push_back(std::move(one));
    }
  }

  /// When the class strikes next.
  [[nodiscard]] std::optional<duration> next_at(fault which) const {
    const auto& line = timed_[static_cast<std::size_t>(which)];
    return line.empty() ? std::nullopt : std::optional{line.front().at};
  }
  /// That one. Requires that there is one.
  [[nodiscard]] fault_entry take(fault which) {
    return take_first(timed_[static_cast<std::size_t>(which)]);
  }
  /// The one that strikes now, if one does: never two at one occasion.
  [[nodiscard]] std::optional<fault_entry> take(const occasion& now) {
    const auto found = awaited_.find({now.which, now.from, now.to});
    if (found == awaited_.end() || found->second.empty()) return std::nullopt;
    const fault_entry& next = found->second.front();
    if (now.at < next.at || (now.at == next.at && now.skip < next.skip)) return std::nullopt;
    return take_first(found->second);
  }

 private:
  using queue = std::deque<fault_entry>;

  [[nodiscard]] static host_index who(const fault_entry& one) {
    return one.which == fault::late_ticks ? one.member : one.from;
  }
  [[nodiscard]] static fault_entry take_first(queue& of) {
    fault_entry first = std::move(of.front());
    of.pop_front();
    return first;
  }

  std::array<queue, fault_count> timed_;
  std::map<std::tuple<fault, host_index, host_index>, queue> awaited_;
};

}  // namespace kith::sim
