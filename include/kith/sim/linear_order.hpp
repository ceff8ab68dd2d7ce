// The promises of a strong cache over changes of owners, checked against what its clients were told
// by whomever, near caches too. Versions are ordered over all epochs of one line of views, so that
// no search is needed:
//
//   L1 nothing old    a read returns nothing older than what was acknowledged, or read by anybody,
//                     before it was invoked
//   L2 nothing lost   a read that finds nothing does so because of an erase that may be the newest,
//                     or because the partition was lost with all who had it
//   L3 order          the version of a write is above all that was acknowledged or read before it
//                     was invoked
//
// Within one epoch the histories are searched too (judged_histories.hpp).
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/sim/history.hpp>
#include <kith/sim/judged_histories.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace kith::sim {

class linear_order {
 public:
  /// `kept(key, from, to)`: what was acknowledged in the epoch `from` is there in the epoch `to`.
  using keeps = std::function<bool(std::uint32_t, const epoch&, const epoch&)>;

  explicit linear_order(keeps kept) : kept_{std::move(kept)} {}

  void told(const judged_call& call) {
    if (placed(call)) calls_[{call.op.key, branch_of(call)}].push_back(call);
    if (removes(call) && !placed(call)) erases_[call.op.key].push_back(call);
  }
  /// At the end of a run.
  void judge();

  [[nodiscard]] const std::vector<violation>& violations() const { return violations_; }
  [[nodiscard]] std::uint64_t checks() const { return checks_; }

 private:
  /// What was known by then: the highest version, and whether something was there under it.
  struct known {
    time_point by;
    kith::version version;
    bool present = false;
  };

  [[nodiscard]] static std::uint32_t branch_of(const judged_call& call) {
    return call.op.version != version{} ? call.op.version.epoch.branch : call.op.began.branch;
  }
  /// One whose caller died with it may have been done anywhere.
  [[nodiscard]] static bool placed(const judged_call& call) {
    return call.op.version != version{} || call.op.began != epoch{};
  }
  [[nodiscard]] static bool removes(const judged_call& call) {
    return call.op.kind == operation_kind::erase && (!call.op.failed || call.maybe_applied);
  }
  [[nodiscard]] static std::vector<known> all_known(const std::vector<judged_call>& calls);
  void judge(const judged_call& call, const known& before, const std::vector<judged_call>& all);
  /// An erase that was under way since what is known was written may be behind it.
  [[nodiscard]] static bool removed(const judged_call& call, const known& before,
                                    const std::vector<judged_call>& all);
  void fail(const char* rule, const judged_call& call, const known& before);

  keeps kept_;
  /// A cluster that was lost with its last member and founded anew has another branch, and nothing
  /// of the other's.
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<judged_call>> calls_;
  /// By key: those of which nobody knows where they were done.
  std::map<std::uint32_t, std::vector<judged_call>> erases_;
  std::vector<violation> violations_;
  std::uint64_t checks_ = 0;
};

// --- implementation ---

/// In the order of time, each the highest so far.
inline auto linear_order::all_known(const std::vector<judged_call>& calls) -> std::vector<known> {
  std::vector<known> all;
  for (const judged_call& call : calls) {
    if (call.op.failed || call.op.version == version{}) continue;
    all.push_back({call.op.answered, call.op.version, call.op.kind != operation_kind::erase});
  }
  std::ranges::stable_sort(all, {}, &known::by);
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i].version >= all[i - 1].version) continue;
    all[i].version = all[i - 1].version;
    all[i].present = all[i - 1].present;
  }
  return all;
}

inline void linear_order::fail(const char* rule, const judged_call& call, const known& before) {
  const auto text = [](const version& of) {
    return std::to_string(of.epoch.view.value()) + "/" + std::to_string(of.seq.value());
  };
  const auto ms = [](time_point t) {
    return std::to_string(t.time_since_epoch().count() / 1'000'000);
  };
  const record& op = call.op;
  violations_.push_back({std::string{rule} + ": strong key " + std::to_string(op.key) + " member " +
                         std::to_string(op.member) + " invoked " + ms(op.invoked) +
                         " ms answered " + ms(op.answered) + " ms version " + text(op.version) +
                         ": known since " + ms(before.by) + " ms was " + text(before.version)});
}

inline void linear_order::judge(const judged_call& call, const known& before,
                                const std::vector<judged_call>& all) {
  const record& op = call.op;
  ++checks_;
  const bool write = op.kind == operation_kind::write || op.kind == operation_kind::erase;
  if (write && op.version <= before.version) return fail("L3", call, before);
  if (op.kind != operation_kind::read) return;
  if (op.yes) {
    if (op.version < before.version) fail("L1", call, before);
    return;
  }
  if (!before.present || !call.until) return;
  if (removed(call, before, all) || removed(call, before, erases_[op.key])) return;
  if (kept_(op.key, before.version.epoch, *call.until)) fail("L2", call, before);
}

inline bool linear_order::removed(const judged_call& call, const known& before,
                                  const std::vector<judged_call>& all) {
  return std::ranges::any_of(all, [&](const judged_call& other) {
    if (!removes(other) || other.op.invoked > call.op.answered) return false;
    return other.op.failed || other.op.version > before.version;
  });
}

inline void linear_order::judge() {
  for (const auto& [place, all] : calls_) {
    const std::vector<known> order = all_known(all);
    for (const judged_call& call : all) {
      if (call.op.failed) continue;
      const auto after = std::ranges::lower_bound(order, call.op.invoked, {}, &known::by);
      if (after != order.begin()) judge(call, *std::prev(after), all);
    }
  }
}

}  // namespace kith::sim
