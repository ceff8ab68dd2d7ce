// The replicas as their clients know them, like a load balancer: one whose connection broke is left
// out, and tried again from time to time.
#pragma once

#include "zipf.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace catalog {

/// A stretch in which one replica did not answer.
struct absence {
  std::size_t replica = 0;
  std::chrono::steady_clock::time_point from;
  std::optional<std::chrono::steady_clock::time_point> until;  // empty: it never came back
};

class replicas {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit replicas(std::vector<std::uint16_t> ports)
      : all_(ports.size()), ports_{std::move(ports)} {}

  [[nodiscard]] std::size_t size() const { return ports_.size(); }
  [[nodiscard]] std::uint16_t port(std::size_t replica) const { return ports_[replica]; }
  [[nodiscard]] bool all_here() const { return away_ == 0; }
  [[nodiscard]] const std::vector<absence>& absences() const { return absences_; }

  /// A replica to ask, other than `not_this` where there is another; any if none seems to be there.
  [[nodiscard]] std::size_t choose(random_numbers& chance, time_point now,
                                   std::optional<std::size_t> not_this) const {
    std::vector<std::size_t> here;
    for (std::size_t one = 0; one < size(); ++one) {
      if (one != not_this && all_[one].ask_again_at <= now) here.push_back(one);
    }
    if (here.empty()) return static_cast<std::size_t>(chance.below(size()));
    return here[static_cast<std::size_t>(chance.below(here.size()))];
  }

  /// How often the replica went away: connections from before are dead, even if it is back.
  [[nodiscard]] std::size_t losses(std::size_t replica) const { return all_[replica].losses; }

  void on_answer(std::size_t replica, time_point now) {
    state& of = all_[replica];
    of.ask_again_at = {};
    if (!of.away) return;
    absences_[*of.away].until = now;
    of.away.reset();
    --away_;
  }

  void on_silence(std::size_t replica, time_point now) {
    state& of = all_[replica];
    of.ask_again_at = now + std::chrono::milliseconds{500};
    if (of.away) return;
    ++of.losses;
    of.away = absences_.size();
    absences_.push_back({replica, now, std::nullopt});
    ++away_;
  }

 private:
  struct state {
    time_point ask_again_at{};
    std::optional<std::size_t> away;  // which of absences_ it is in
    std::size_t losses = 0;
  };

  std::vector<state> all_;
  std::vector<std::uint16_t> ports_;
  std::vector<absence> absences_;
  /// Invariant: the number of states in `all_` that are away.
  std::size_t away_ = 0;
};

}  // namespace catalog
