// The promises of a strong cache, for the judge of chaos runs: the histories of its clients, near
// reads too, go to the judges of the simulator, which say what L1 to L3 and J1 to J3 are
// (kith/sim/linear_order.hpp, kith/sim/judged_histories.hpp).
//
// What a history cannot tell is taken for possible: every epoch may begin with what earlier ones
// left, and a write without an answer may have been applied.
#pragma once

#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/sim/history.hpp>
#include <kith/sim/judged_histories.hpp>
#include <kith/sim/linear_order.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chaos {

class strong_judge {
 public:
  /// An operation that was answered, or failed. `until` is the epoch of the key's partition that
  /// its process knew at the end.
  void told(const kith::sim::record& op, const kith::epoch& until) {
    kith::sim::judged_call call{op};
    if (until != kith::epoch{}) call.until = until;
    call.maybe_applied = op.failed;
    take(std::move(call));
  }
  /// A write that was announced, and nobody knows more: its process was killed meanwhile.
  void announced(kith::time_point when, std::uint32_t key, std::int64_t value) {
    kith::sim::judged_call call;
    call.op.kind = value == 0 ? kith::sim::operation_kind::erase : kith::sim::operation_kind::write;
    call.op.key = key;
    call.op.value = value;
    call.op.invoked = when;
    call.op.answered = kith::never;
    call.op.failed = true;
    call.maybe_applied = true;
    take(std::move(call));
  }
  /// When all were told.
  void decide(kith::sim::linear_order::keeps kept) {
    histories_.judge([](std::uint32_t, const kith::epoch&) { return true; });
    kith::sim::linear_order order{std::move(kept)};
    for (const kith::sim::judged_call& each : calls_) order.told(each);
    order.judge();
    checks_ = order.checks();
    for (const auto& each : order.violations()) violations_.push_back(each.what);
    for (const auto& each : histories_.violations()) violations_.push_back(each.what);
  }

  /// After decide().
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  [[nodiscard]] std::uint64_t checks() const { return checks_; }
  [[nodiscard]] const kith::sim::judged_counters& counters() const { return histories_.counters(); }

 private:
  void take(kith::sim::judged_call call) {
    calls_.push_back(call);
    histories_.told(std::move(call));
  }

  kith::sim::judged_histories histories_{"registers", kith::sim::history_part::whole};
  std::vector<kith::sim::judged_call> calls_;
  std::uint64_t checks_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace chaos
