// The members of the small world of harness.hpp: their clocks, what they believe, and the checks of
// it.
#pragma once

#include <kith/cluster/membership.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace harness {

using namespace kith;
using namespace kith::cluster;
using namespace std::chrono_literals;

struct world_options {
  std::uint64_t seed = 1;
  quorum_mode quorum = quorum_mode::none;
  std::size_t expect = 1;
  duration delay_min = 100us;
  duration delay_max = 2ms;
  /// A connection is reset by this many of a million messages.
  std::uint32_t resets = 0;
  /// Clocks run fast or slow by up to this many of a thousand.
  int drift = 10;
  /// Every member dials these ports on the loopback.
  std::uint16_t first_port = 5801;
  std::uint16_t ports = 64;
  discovered extent = discovered::whole;
  bool check = true;
  membership_timers timers;
};

class observed_members {
 public:
  explicit observed_members(world_options options)
      : options_{std::move(options)}, random_{options_.seed} {}

  struct node {
    std::unique_ptr<membership> machine;
    endpoint address;
    bool alive = false;
    duration offset{};
    double rate = 1;
    time_point paused_until{};
    std::uint64_t life = 0;
    time_point timer_at = never;
    std::uint64_t last_number = 0;
    bool left = false;
    /// How often it was told that it is drained.
    std::size_t drained = 0;
    std::vector<cache_opened> caches;
    std::vector<member_id> identities;
  };

  [[nodiscard]] time_point now() const { return now_; }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] node& at(std::size_t i) { return *nodes_[i]; }
  [[nodiscard]] membership& machine(std::size_t i) { return *nodes_[i]->machine; }
  [[nodiscard]] random_source& random() { return random_; }
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

  /// All of these members have one view, of exactly them, and it is stable.
  [[nodiscard]] bool one_view(const std::vector<std::size_t>& members) {
    const view* first = nullptr;
    for (const std::size_t i : members) {
      const node& n = *nodes_[i];
      if (!n.alive || !n.machine->current() || !n.machine->stable()) return false;
      const view& mine = *n.machine->current();
      if (mine.members.size() != members.size()) return false;
      if (first != nullptr && first->hash != mine.hash) return false;
      first = &mine;
    }
    return true;
  }
  [[nodiscard]] std::vector<std::size_t> living() const {
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i]->alive && !nodes_[i]->left) all.push_back(i);
    }
    return all;
  }

  [[nodiscard]] membership_counters counters() const {
    counter_sum sum = retired_;
    for (const auto& n : nodes_) sum.add(n->machine->counters());
    return sum.total;
  }

  std::string describe() {
    std::string text = "seed " + std::to_string(options_.seed) + " at " +
                       std::to_string(now_.time_since_epoch().count() / 1'000'000) + " ms\n";
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const node& n = *nodes_[i];
      text += "  " + std::to_string(i) + (n.alive ? "" : " dead") + (n.left ? " left" : "");
      text += " role " + std::to_string(static_cast<int>(n.machine->role()));
      if (const auto& v = n.machine->current()) {
        text += (n.machine->stable() ? " stable " : " view ") + names(*v);
      }
      text += "\n";
    }
    return text;
  }

 protected:
  struct counter_sum {
    membership_counters total;
    void add(const membership_counters& more) {
      auto* into = reinterpret_cast<std::uint64_t*>(&total);
      const auto* from = reinterpret_cast<const std::uint64_t*>(&more);
      for (std::size_t i = 0; i < sizeof total / 8; ++i) into[i] += from[i];
    }
  };
  [[nodiscard]] time_point local(std::size_t i) const {
    const node& n = *nodes_[i];
    return time_point{duration{static_cast<duration::rep>(
               static_cast<double>(now_.time_since_epoch().count()) * n.rate)}} +
           n.offset + 1s;
  }
  [[nodiscard]] time_point global(std::size_t i, time_point at) const {
    const node& n = *nodes_[i];
    const double since = static_cast<double>((at - n.offset - 1s).time_since_epoch().count());
    return time_point{duration{static_cast<duration::rep>(since / n.rate) + 1000}};
  }
  /// With KITH_TRACE set, what happened, in order.
  void trace(std::size_t i, const std::string& text) const {
    static const bool wanted = std::getenv("KITH_TRACE") != nullptr;
    if (!wanted) return;
    std::printf("%8lld ms  %zu  %s\n",
                static_cast<long long>(now_.time_since_epoch().count() / 1'000'000), i,
                text.c_str());
  }
  [[nodiscard]] std::string names(const view& v) const {
    std::string text =
        std::to_string(v.key.number.value()) + "/" + std::to_string(v.key.branch) + " {";
    for (const auto& m : v.members) {
      std::string who = "?";
      for (std::size_t k = 0; k < nodes_.size(); ++k) {
        if (nodes_[k]->machine->self() == m.id) who = std::to_string(k);
      }
      text += who + " ";
    }
    return text + "}";
  }

  void check_view(std::size_t i, const view& v) {
    node& n = *nodes_[i];
    if (!options_.check) return;
    const std::uint64_t number = v.key.number.value();
    const bool agreed = options_.quorum == quorum_mode::majority;
    const auto key = std::pair{number, agreed ? 0u : v.key.branch};
    const auto [at, fresh] = hashes_.emplace(key, v.hash);
    if (!fresh && at->second != v.hash) {
      violations_.push_back("I12: two views of number " + std::to_string(number));
    }
    if (number <= n.last_number)
      violations_.push_back("I13: view went back at " + std::to_string(i));
    n.last_number = number;
  }

  void check_fences() {
    if (options_.quorum != quorum_mode::majority) return;
    int leaders = 0;
    std::vector<std::size_t> acting;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const node& n = *nodes_[i];
      if (!n.alive || n.left || !n.machine->current()) continue;
      if (n.machine->fence(local(i)) <= local(i)) continue;
      if (n.machine->role() == member_role::coordinator) ++leaders;
      if (n.machine->stable()) acting.push_back(i);
    }
    if (leaders > 1) violations_.push_back("I15: two coordinators with authority");
    if (acting.size() < 2) return;
    for (std::uint32_t p = 0; p < partition_count; p += 61) {
      int owners = 0;
      for (const std::size_t i : acting) {
        const member_record* owner =
            nodes_[i]->machine->current()->owner_of(static_cast<partition_id>(p));
        if (owner != nullptr && owner->id == nodes_[i]->machine->self()) ++owners;
      }
      if (owners > 1) violations_.push_back("I1: two owners of one partition");
    }
  }

  world_options options_;
  random_source random_;
  time_point now_{};
  std::vector<std::unique_ptr<node>> nodes_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, std::uint64_t> hashes_;
  counter_sum retired_;
  std::vector<std::string> violations_;
};

}  // namespace harness
