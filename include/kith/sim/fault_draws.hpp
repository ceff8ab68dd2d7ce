// Draws the entries of a run's faults from its seed, one class at a time from a source of its own,
// so that turning one class off leaves the draws of the others as they are.
#pragma once

#include <kith/core/random.hpp>
#include <kith/core/time.hpp>
#include <kith/sim/cluster.hpp>
#include <kith/sim/fault_entry.hpp>
#include <kith/sim/fault_plan.hpp>
#include <kith/store/pressure.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace kith::sim {

class fault_draws {
 public:
  fault_draws(cluster& on, const fault_plan& plan, std::uint64_t seed) : cluster_{on}, plan_{plan} {
    random_source root{seed};
    for (std::size_t i = 0; i < fault_count; ++i) randoms_.push_back(root.fork());
  }

  /// Until the next fault of the class.
  [[nodiscard]] duration wait(fault which);
  /// A fault of this moment. `left`: by then what lasts should be over.
  [[nodiscard]] fault_entry draw(fault which, duration left);
  /// A further round of a flip_flop.
  void add_round(fault_entry& to);
  /// How late a timer that is set now runs, if it does.
  [[nodiscard]] std::optional<duration> late_tick();

 private:
  [[nodiscard]] random_source& random(fault which) {
    return randoms_[static_cast<std::size_t>(which)];
  }
  [[nodiscard]] host_index any_member(fault which);
  [[nodiscard]] host_index any_end(fault which) {
    return static_cast<host_index>(random(which).below(cluster_.size()));
  }
  [[nodiscard]] duration between(fault which, std::int64_t least_ms, std::int64_t most_ms);
  /// Mostly up to `usual_ms`, one in eight up to `most_ms`; but at most `left`.
  [[nodiscard]] duration lasting(fault which, std::int64_t least_ms, std::int64_t usual_ms,
                                 std::int64_t most_ms, duration left);
  void draw_pause(fault_entry& into, duration left);
  void draw_partition(fault_entry& into, duration left);
  void draw_pair(fault_entry& into, duration left);
  void draw_reset(fault_entry& into);
  void draw_memory(fault_entry& into);
  void draw_leave(fault_entry& into, duration left);

  cluster& cluster_;
  const fault_plan plan_;
  std::vector<random_source> randoms_;
};

// --- implementation ---

inline duration fault_draws::wait(fault which) {
  const auto mean = static_cast<std::uint64_t>(plan_.interval.count());
  return duration{static_cast<std::int64_t>(random(which).below(2 * mean))};
}

inline duration fault_draws::between(fault which, std::int64_t least_ms, std::int64_t most_ms) {
  const auto ms = random(which).between(static_cast<std::uint64_t>(least_ms),
                                        static_cast<std::uint64_t>(most_ms));
  return std::chrono::milliseconds{static_cast<std::int64_t>(ms)};
}

inline duration fault_draws::lasting(fault which, std::int64_t least_ms, std::int64_t usual_ms,
                                     std::int64_t most_ms, duration left) {
  const bool long_one = random(which).below(8) == 0;
  return std::min(between(which, least_ms, long_one ? most_ms : usual_ms), left);
}

/// In a large cluster as often one of those that have clients as any.
inline host_index fault_draws::any_member(fault which) {
  constexpr std::size_t few = 32;
  const std::size_t all = cluster_.size();
  const bool any = all <= few || random(which).below(2) == 0;
  return static_cast<host_index>(random(which).below(any ? all : few));
}

inline fault_entry fault_draws::draw(fault which, duration left) {
  fault_entry one{.which = which};
  switch (which) {
    case fault::crash:
    case fault::silent_crash:
      one.member = any_member(which);
      one.length = lasting(which, 100, which == fault::crash ? 8'000 : 15'000, 60'000, left);
      break;
    case fault::pause:
    case fault::freeze: draw_pause(one, left); break;
    case fault::partition: draw_partition(one, left); break;
    case fault::isolated_pair: draw_pair(one, left); break;
    case fault::one_way_loss:
      one.from = any_end(which);
      one.to = any_end(which);
      one.length = lasting(which, 300, 15'000, 120'000, left);
      break;
    case fault::flip_flop:
      one.from = any_end(which);
      one.to = any_end(which);
      one.rounds = random(which).between(2, 5);
      if (one.from != one.to) add_round(one);
      break;
    case fault::stall:
      one.member = any_member(which);
      one.length = between(which, 500, 15'000);
      break;
    case fault::clog:
      one.from = any_end(which);
      one.to = any_end(which);
      one.by = between(which, 1, 10'000);
      one.length = between(which, 300, 10'000);
      break;
    case fault::duplicate_connection:
      one.from = any_member(which);
      one.to = any_member(which);
      break;
    case fault::reset: draw_reset(one); break;
    case fault::slow_reader:
      one.member = any_member(which);
      one.by = lasting(which, 1, 200, 1'000, left);
      one.length = between(which, 300, 8'000);
      break;
    case fault::memory: draw_memory(one); break;
    case fault::leave: draw_leave(one, left); break;
    case fault::damage:
      one.from = any_end(which);
      one.to = any_end(which);
      one.nth = random(which).next();
      one.length = between(which, 1, 5'000);
      break;
    case fault::replay:
      one.from = any_end(which);
      one.to = any_end(which);
      one.length = between(which, 1'000, 10'000);
      break;
    case fault::late_ticks: break;  // they are drawn tick by tick
    case fault::changeover: break;  // drawn when its moment has come (changeovers.hpp)
  }
  return one;
}

inline void fault_draws::draw_pause(fault_entry& into, duration left) {
  into.member = any_member(into.which);
  // Near the limits of the protocol as often as anywhere.
  constexpr std::array<std::int64_t, 4> limits_ms{3000, 4000, 5000, 6000};
  into.length = lasting(into.which, 10, 12'000, 30'000, left);
  if (random(into.which).below(2) == 0) {
    const std::int64_t limit = limits_ms[random(into.which).below(limits_ms.size())];
    into.length = between(into.which, limit * 9 / 10, limit * 11 / 10);
  }
}

/// Halves, one member alone, or a bridge: one member that both sides reach.
inline void fault_draws::draw_partition(fault_entry& into, duration left) {
  random_source& draw = random(fault::partition);
  const std::uint64_t shape = draw.below(3);
  const host_index chosen = any_end(fault::partition);
  for (host_index i = 0; i < cluster_.size(); ++i) {
    if (shape == 1 ? i == chosen : draw.below(2) == 0) into.side.push_back(i);
  }
  if (shape == 2) into.bridge = chosen;
  into.length = lasting(fault::partition, 500, 20'000, 120'000, left);
}

/// Often an owner and a reader of what it owns: they agree with each other and with nobody else.
inline void fault_draws::draw_pair(fault_entry& into, duration left) {
  const std::size_t n = cluster_.size();
  const host_index one = any_end(fault::isolated_pair);
  const std::uint64_t further =
      1 + random(fault::isolated_pair).below(std::max<std::size_t>(n, 2) - 1);
  into.side = {one, static_cast<host_index>((one + further) % n)};
  into.length = lasting(fault::isolated_pair, 500, 20'000, 120'000, left);
}

inline void fault_draws::draw_reset(fault_entry& into) {
  into.member = any_member(fault::reset);
  const std::size_t all = cluster_.network().connections_of(into.member).size();
  if (all > 0) into.nth = random(fault::reset).below(all);
}

inline void fault_draws::draw_memory(fault_entry& into) {
  into.member = any_member(fault::memory);
  into.rung = random(fault::memory).between(1, store::pressure_count - 1);
  into.length = between(fault::memory, 100, 8'000);
  // Bytes a lane: up to ten entries of some two hundred.
  const bool evicts =
      plan_.evictions && into.rung >= static_cast<std::uint64_t>(store::pressure::evict);
  if (evicts) into.excess = random(fault::memory).between(1, 2'000);
}

/// One, or several at once; those who take their places come together too.
inline void fault_draws::draw_leave(fault_entry& into, duration left) {
  random_source& draw = random(fault::leave);
  const host_index first = any_member(fault::leave);
  const bool storm = draw.below(3) == 0;
  for (host_index i = 0; i < cluster_.size(); ++i) {
    if (i == first || (storm && draw.below(2) == 0)) into.side.push_back(i);
  }
  into.by = between(fault::leave, 100, 8'000);
  into.length = lasting(fault::leave, 1, 4'000, 15'000, left);
}

inline void fault_draws::add_round(fault_entry& to) {
  to.cut.push_back(between(fault::flip_flop, 500, 20'000));
  to.open.push_back(between(fault::flip_flop, 500, 20'000));
}

inline std::optional<duration> fault_draws::late_tick() {
  random_source& random_of = random(fault::late_ticks);
  if (random_of.below(200) != 0) return std::nullopt;
  return duration{static_cast<std::int64_t>(random_of.below(5'000'000'000))};
}

}  // namespace kith::sim
