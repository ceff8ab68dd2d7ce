// Which faults a simulated run has, and how often and how hard they strike.
//
// Classes are numbered as in docs/testing.md. Reordering (7) needs no switch: connections know no
// order among each other.
#pragma once

#include <kith/core/random.hpp>
#include <kith/core/time.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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
  /// This and what follows is not draw_plan's.
  memory,
  changeover,
  leave,
  damage,
  replay,
};
inline constexpr std::size_t fault_count = 19;

[[nodiscard]] constexpr std::string_view to_string(fault which) {
  constexpr std::array<std::string_view, fault_count> names{
      "crash",     "silent_crash", "pause",       "partition",  "one_way_loss", "clog",
      "duplicate", "reset",        "slow_reader", "late_ticks", "freeze",       "isolated_pair",
      "flip_flop", "stall",        "memory",      "changeover", "leave",        "damage",
      "replay"};
  return names[static_cast<std::size_t>(which)];
}

/// So long after the end of the faults the last partition, pause and slow reader is over.
inline constexpr duration faults_over_after = std::chrono::seconds{20};

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
  void set(fault which, bool on) { enabled[static_cast<std::size_t>(which)] = on; }
  [[nodiscard]] std::string describe() const;
};

/// Each class with probability one half, but for memory and what came later.
[[nodiscard]] fault_plan draw_plan(random_source& random);
/// Those: memory in every sixteenth seed, the others with a probability of their own.
void draw_more_classes(fault_plan& plan, std::uint64_t seed);
/// How often and how hard.
void draw_rates(fault_plan& plan, random_source& random);
[[nodiscard]] fault_plan all_faults();

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
  for (std::size_t i = 0; i < static_cast<std::size_t>(fault::memory); ++i) {
    plan.enabled[i] = random.below(2) == 0;
  }
  return plan;
}

inline void draw_more_classes(fault_plan& plan, std::uint64_t seed) {
  plan.set(fault::memory, seed % 16 == 11);
  plan.evictions = seed % 32 == 11;
  random_source random{seed ^ 0x636C617373000001u};
  plan.set(fault::changeover, random.below(2) == 0);
  plan.set(fault::leave, random.below(4) == 0);
  plan.set(fault::damage, random.below(4) == 0);
  plan.set(fault::replay, random.below(4) == 0);
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

}  // namespace kith::sim
