// What goes wrong in a simulated run, and when: drawn from the seed, one class at a time, so that
// turning one class off leaves the draws of the others as they are.
//
// Classes are numbered as in docs/testing.md. Reordering (7) needs no switch: connections know no
// order among each other.
#pragma once

#include <kith/core/random.hpp>
#include <kith/core/time.hpp>
#include <kith/options.hpp>
#include <kith/sim/cluster.hpp>
#include <kith/store/pressure.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kith::sim {

enum class fault : std::uint8_t {
  crash,
  silent_crash,
  pause,
  partition,
  one_way_loss,
  clog,
  duplicate_connection,
  reset,
  slow_reader,
  late_ticks,
  freeze,
  isolated_pair,
  flip_flop,
  stall,
  /// The last: draw_plan leaves it out.
  memory,
};
inline constexpr std::size_t fault_count = 15;

[[nodiscard]] constexpr std::string_view to_string(fault which) {
  constexpr std::array<std::string_view, fault_count> names{
      "crash", "silent_crash", "pause",      "partition", "one_way_loss",  "clog",      "duplicate",
      "reset", "slow_reader",  "late_ticks", "freeze",    "isolated_pair", "flip_flop", "stall",
      "memory"};
  return names[static_cast<std::size_t>(which)];
}

struct fault_plan {
  std::array<bool, fault_count> enabled{};
  /// Mean time between two faults of one class.
  duration interval = std::chrono::seconds{8};
  /// Of a million chunks: how many end in a reset, where resets are enabled.
  std::uint32_t reset_per_million = 200;
  /// While there are faults the network is so slow; absent: as it is without.
  std::optional<duration> delay_mean = std::nullopt;
  /// The same for network_options::heavy_links_per_mille.
  std::uint32_t heavy_links_per_mille = 0;
  /// Where memory is short, owners evict. Then whatever was written may be absent.
  bool evictions = false;

  [[nodiscard]] bool has(fault which) const { return enabled[static_cast<std::size_t>(which)]; }
  [[nodiscard]] std::string describe() const;
};

/// Each class with probability one half, but for memory, which every sixteenth seed has.
[[nodiscard]] fault_plan draw_plan(random_source& random);
/// How often and how hard.
void draw_rates(fault_plan& plan, random_source& random);
[[nodiscard]] fault_plan all_faults();

class fault_injector {
 public:
  /// So long after the end of the faults the last partition, pause and slow reader is over.
  static constexpr duration over_after = std::chrono::seconds{20};

  fault_injector(cluster& on, const fault_plan& plan, kith::quorum quorum, std::uint64_t seed);

  /// Schedules faults until `end`.
  void start(time_point end);
  /// Ends every fault and starts every member that is down.
  void stop();

  /// Those that struck: what hit nobody did not happen.
  [[nodiscard]] const std::array<std::uint64_t, fault_count>& counts() const { return counts_; }

 private:
  void schedule(fault which);
  /// Each of these draws all it needs and returns whether it struck.
  bool strike(fault which);
  bool crash(bool silently);
  bool pause(fault which);
  bool partition();
  bool isolate_pair();
  /// Members of different sides do not reach each other, but both reach the bridge, if it is one.
  bool cut_apart(const std::vector<bool>& side, std::size_t bridge, duration length);
  bool flip_flop();
  void flip_flop(host_index from, host_index to, std::uint64_t rounds);
  bool stall();
  bool one_way();
  bool clog();
  bool duplicate();
  bool reset();
  bool slow_reader();
  bool short_memory();

  [[nodiscard]] random_source& random(fault which) {
    return randoms_[static_cast<std::size_t>(which)];
  }
  [[nodiscard]] std::size_t any_member(fault which);
  /// It runs, and there is another one.
  [[nodiscard]] bool has_traffic(std::size_t victim) {
    return cluster_.size() > 1 && cluster_.host(victim).running();
  }
  /// With quorum = majority a run in which a quorum is gone for ever has nothing to show.
  [[nodiscard]] bool may_crash(std::size_t victim);
  [[nodiscard]] duration between(fault which, std::int64_t least_ms, std::int64_t most_ms);
  /// Mostly up to `usual_ms`, one in eight up to `most_ms`; but over soon after the faults are.
  [[nodiscard]] duration lasting(fault which, std::int64_t least_ms, std::int64_t usual_ms,
                                 std::int64_t most_ms);
  /// Runs `what` later, unless the faults were stopped.
  void after(duration delay, std::function<void()> what);

  cluster& cluster_;
  fault_plan plan_;
  kith::quorum quorum_;
  std::vector<random_source> randoms_;
  time_point end_{};
  network_options healthy_{};
  std::uint64_t round_ = 0;
  std::array<std::uint64_t, fault_count> counts_{};
};

// --- implementation ---

inline std::string fault_plan::describe() const {
  std::string text;
  for (std::size_t i = 0; i < fault_count; ++i) {
    if (!enabled[i]) continue;
    if (!text.empty()) text += ',';
    text += to_string(static_cast<fault>(i));
  }
  return text.empty() ? "none" : text;
}

inline fault_plan draw_plan(random_source& random) {
  fault_plan plan;
  for (bool& on : plan.enabled) {
    if (&on != &plan.enabled.back()) on = random.below(2) == 0;
  }
  return plan;
}

inline void draw_rates(fault_plan& plan, random_source& random) {
  constexpr std::array<std::int64_t, 5> intervals_s{3, 6, 8, 12, 24};
  plan.interval = std::chrono::seconds{intervals_s[random.below(intervals_s.size())]};
  constexpr std::array<std::uint32_t, 4> resets{20, 200, 2'000, 10'000};
  plan.reset_per_million = resets[random.below(resets.size())];
  if (random.below(8) == 0) plan.delay_mean = std::chrono::milliseconds{10 + random.below(191)};
  if (random.below(4) == 0) plan.heavy_links_per_mille = 125;
}

inline fault_plan all_faults() {
  fault_plan plan;
  plan.enabled.fill(true);
  return plan;
}

inline fault_injector::fault_injector(cluster& on, const fault_plan& plan, kith::quorum quorum,
                                      std::uint64_t seed)
    : cluster_{on}, plan_{plan}, quorum_{quorum} {
  random_source root{seed};
  for (std::size_t i = 0; i < fault_count; ++i) randoms_.push_back(root.fork());
}

inline duration fault_injector::between(fault which, std::int64_t least_ms, std::int64_t most_ms) {
  const auto ms = random(which).between(static_cast<std::uint64_t>(least_ms),
                                        static_cast<std::uint64_t>(most_ms));
  return std::chrono::milliseconds{static_cast<std::int64_t>(ms)};
}

inline duration fault_injector::lasting(fault which, std::int64_t least_ms, std::int64_t usual_ms,
                                        std::int64_t most_ms) {
  const bool long_one = random(which).below(8) == 0;
  const duration drawn = between(which, least_ms, long_one ? most_ms : usual_ms);
  return std::min(drawn, end_ - cluster_.time().now() + over_after);
}

inline void fault_injector::after(duration delay, std::function<void()> what) {
  cluster_.time().after(delay, [this, round = round_, what = std::move(what)] {
    if (round == round_) what();
  });
}

inline void fault_injector::start(time_point end) {
  end_ = end;
  network_options& roads = cluster_.network().options();
  healthy_ = roads;
  if (plan_.has(fault::reset)) roads.reset_per_million = plan_.reset_per_million;
  if (plan_.delay_mean) roads.delay_mean = *plan_.delay_mean;
  roads.heavy_links_per_mille = plan_.heavy_links_per_mille;
  for (std::size_t i = 0; i < fault_count; ++i) {
    if (plan_.enabled[i]) schedule(static_cast<fault>(i));
  }
  if (plan_.has(fault::late_ticks)) {
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      cluster_.host(i).set_tick_delay([this]() -> duration {
        random_source& random_of = random(fault::late_ticks);
        if (random_of.below(200) != 0) return {};
        ++counts_[static_cast<std::size_t>(fault::late_ticks)];
        return duration{static_cast<std::int64_t>(random_of.below(5'000'000'000))};
      });
    }
  }
}

inline void fault_injector::schedule(fault which) {
  if (which == fault::late_ticks) return;
  const auto mean = static_cast<std::uint64_t>(plan_.interval.count());
  const duration wait{static_cast<std::int64_t>(random(which).below(2 * mean))};
  if (cluster_.time().now() + wait >= end_) return;
  after(wait, [this, which] {
    if (strike(which)) ++counts_[static_cast<std::size_t>(which)];
    schedule(which);
  });
}

inline bool fault_injector::strike(fault which) {
  switch (which) {
    case fault::crash: return crash(false);
    case fault::silent_crash: return crash(true);
    case fault::pause:
    case fault::freeze: return pause(which);
    case fault::partition: return partition();
    case fault::one_way_loss: return one_way();
    case fault::clog: return clog();
    case fault::duplicate_connection: return duplicate();
    case fault::reset: return reset();
    case fault::slow_reader: return slow_reader();
    case fault::isolated_pair: return isolate_pair();
    case fault::flip_flop: return flip_flop();
    case fault::stall: return stall();
    case fault::memory: return short_memory();
    case fault::late_ticks: break;  // they are drawn tick by tick
  }
  return false;
}

/// In a large cluster as often one of those that have clients as any.
inline std::size_t fault_injector::any_member(fault which) {
  constexpr std::size_t few = 32;
  const std::size_t all = cluster_.size();
  if (all <= few || random(which).below(2) == 0) return random(which).below(all);
  return random(which).below(few);
}

/// Only while all who run are in one view and would still be more than half of it: so the next
/// view, which may be decided already, has a quorum too.
inline bool fault_injector::may_crash(std::size_t victim) {
  if (quorum_ == kith::quorum::none) return true;
  const kith::cluster::view_key key = cluster_.newest_view();
  std::size_t left = 0;
  std::size_t members = 0;
  for (std::size_t i = 0; i < cluster_.size(); ++i) {
    if (!cluster_.host(i).running()) continue;
    const auto& view = cluster_.host(i).control().membership().current();
    if (view == nullptr || view->key != key) return false;
    if (!view->contains(cluster_.host(i).control().self())) return false;
    members = view->size();
    if (i != victim) ++left;
  }
  return 2 * left > members;
}

inline bool fault_injector::crash(bool silently) {
  const fault which = silently ? fault::silent_crash : fault::crash;
  const std::size_t victim = any_member(which);
  const duration down = lasting(which, 100, silently ? 15'000 : 8'000, 60'000);
  if (!cluster_.host(victim).running() || !may_crash(victim)) return false;
  silently ? cluster_.crash_silently(victim) : cluster_.crash(victim);
  after(down, [this, victim] {
    if (!cluster_.host(victim).running()) cluster_.start(victim);
  });
  return true;
}

inline bool fault_injector::pause(fault which) {
  const std::size_t victim = any_member(which);
  // Near the limits of the protocol as often as anywhere.
  constexpr std::array<std::int64_t, 4> limits_ms{3000, 4000, 5000, 6000};
  duration length = lasting(which, 10, 12'000, 30'000);
  if (random(which).below(2) == 0) {
    const std::int64_t limit = limits_ms[random(which).below(limits_ms.size())];
    length = between(which, limit * 9 / 10, limit * 11 / 10);
  }
  if (!cluster_.host(victim).running() || cluster_.host(victim).paused()) return false;
  which == fault::freeze ? cluster_.freeze(victim, length) : cluster_.pause(victim, length);
  return true;
}

inline bool fault_injector::partition() {
  random_source& draw = random(fault::partition);
  const std::size_t n = cluster_.size();
  std::vector<bool> side(n);
  // Halves, one member alone, or a bridge: one member that both sides reach.
  const std::uint64_t shape = draw.below(3);
  const std::size_t chosen = draw.below(n);
  for (std::size_t i = 0; i < n; ++i) side[i] = shape == 1 ? i == chosen : draw.below(2) == 0;
  return cut_apart(side, shape == 2 ? chosen : n, lasting(fault::partition, 500, 20'000, 120'000));
}

/// Often an owner and a reader of what it owns: they agree with each other and with nobody else.
inline bool fault_injector::isolate_pair() {
  random_source& draw = random(fault::isolated_pair);
  const std::size_t n = cluster_.size();
  std::vector<bool> side(n);
  const std::size_t one = draw.below(n);
  side[one] = side[(one + 1 + draw.below(std::max<std::size_t>(n, 2) - 1)) % n] = true;
  return cut_apart(side, n, lasting(fault::isolated_pair, 500, 20'000, 120'000));
}

inline bool fault_injector::cut_apart(const std::vector<bool>& side, std::size_t bridge,
                                      duration length) {
  const std::size_t n = side.size();
  std::vector<std::pair<host_index, host_index>> cut;
  for (host_index a = 0; a < n; ++a) {
    for (host_index b = 0; b < n; ++b) {
      if (side[a] != side[b] && a != bridge && b != bridge) cut.emplace_back(a, b);
    }
  }
  for (const auto& [a, b] : cut) cluster_.network().cut(a, b);
  // Healed even when the faults are over: a partition has an end of its own.
  cluster_.time().after(length, [this, cut] {
    for (const auto& [a, b] : cut) cluster_.network().uncut(a, b);
  });
  return !cut.empty();
}

inline bool fault_injector::one_way() {
  random_source& draw = random(fault::one_way_loss);
  const auto from = static_cast<host_index>(draw.below(cluster_.size()));
  const auto to = static_cast<host_index>(draw.below(cluster_.size()));
  const duration length = lasting(fault::one_way_loss, 300, 15'000, 120'000);
  if (from == to) return false;
  cluster_.network().cut(from, to);
  cluster_.time().after(length, [this, from, to] { cluster_.network().uncut(from, to); });
  return true;
}

/// A one-way cut that comes and goes, as on a link that is routed to and fro.
inline bool fault_injector::flip_flop() {
  random_source& draw = random(fault::flip_flop);
  const auto from = static_cast<host_index>(draw.below(cluster_.size()));
  const auto to = static_cast<host_index>(draw.below(cluster_.size()));
  const std::uint64_t rounds = draw.between(2, 5);
  if (from == to) return false;
  flip_flop(from, to, rounds);
  return true;
}

inline void fault_injector::flip_flop(host_index from, host_index to, std::uint64_t rounds) {
  const duration off = between(fault::flip_flop, 500, 20'000);
  const duration on = between(fault::flip_flop, 500, 20'000);
  cluster_.network().cut(from, to);
  // The cut has an end of its own; the next one comes only while there are faults.
  cluster_.time().after(off, [this, from, to] { cluster_.network().uncut(from, to); });
  if (rounds > 1) after(off + on, [=, this] { flip_flop(from, to, rounds - 1); });
}

inline bool fault_injector::stall() {
  const auto victim = static_cast<host_index>(any_member(fault::stall));
  const duration length = between(fault::stall, 500, 15'000);
  cluster_.network().lossy(victim, true);
  cluster_.time().after(length, [this, victim] { cluster_.network().lossy(victim, false); });
  return has_traffic(victim);
}

inline bool fault_injector::clog() {
  random_source& draw = random(fault::clog);
  const auto from = static_cast<host_index>(draw.below(cluster_.size()));
  const auto to = static_cast<host_index>(draw.below(cluster_.size()));
  const duration more = between(fault::clog, 1, 10'000);
  const duration length = between(fault::clog, 300, 10'000);
  if (from == to) return false;
  cluster_.network().clog(from, to, more);
  cluster_.time().after(length,
                        [this, from, to, more] { cluster_.network().clog(from, to, -more); });
  return true;
}

inline bool fault_injector::duplicate() {
  const std::size_t a = any_member(fault::duplicate_connection);
  const std::size_t b = any_member(fault::duplicate_connection);
  if (a == b) return false;
  bool dialled = false;
  for (const auto& [from, to] : {std::pair{a, b}, std::pair{b, a}}) {
    if (!cluster_.host(from).running()) continue;
    cluster_.host(from).dial_again(cluster_.address_of(to));
    dialled = true;
  }
  return dialled;
}

inline bool fault_injector::reset() {
  const auto victim = static_cast<host_index>(any_member(fault::reset));
  const auto all = cluster_.network().connections_of(victim);
  if (all.empty()) return false;
  cluster_.network().reset(all[random(fault::reset).below(all.size())]);
  return true;
}

inline bool fault_injector::slow_reader() {
  const auto victim = static_cast<host_index>(any_member(fault::slow_reader));
  const duration by = lasting(fault::slow_reader, 1, 200, 1'000);
  const duration length = between(fault::slow_reader, 300, 8'000);
  cluster_.network().slow_reader(victim, by, length);
  return has_traffic(victim);
}

inline bool fault_injector::short_memory() {
  const std::size_t victim = any_member(fault::memory);
  const auto rung = static_cast<store::pressure>(
      random(fault::memory).between(1, store::pressure_count - 1));
  const duration length = between(fault::memory, 100, 8'000);
  // Bytes a lane: up to ten entries of some two hundred.
  const bool evicts = plan_.evictions && rung >= store::pressure::evict;
  const std::uint64_t excess = evicts ? random(fault::memory).between(1, 2'000) : 0;
  if (!cluster_.host(victim).running()) return false;
  cluster_.host(victim).press({rung, excess});
  cluster_.time().after(length, [this, victim] { cluster_.host(victim).press({}); });
  return true;
}

inline void fault_injector::stop() {
  ++round_;
  cluster_.network().options() = healthy_;
  for (std::size_t i = 0; i < cluster_.size(); ++i) {
    cluster_.host(i).set_tick_delay([]() -> duration { return {}; });
    if (!cluster_.host(i).running()) cluster_.start(i);
  }
}

}  // namespace kith::sim
