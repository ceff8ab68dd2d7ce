// How full a member's memory is, and what follows from it: a ladder of four rungs, each of which
// costs its users more than the one before. A function of numbers, so that lanes, drivers and the
// simulator come to the same.
//
//   from 85 %   no_copies     owners ask nobody to listen: other members keep no new near copies
//   from 90 %   shrink_near   this member's near caches shrink, to a sixteenth of their limits
//   from 95 %   evict         its own entries are evicted, the coldest first, down to 90 %
//   at 100 %    refuse        writes that bring bytes end with errc::out_of_memory
//
// A rung is left where memory is leave_gap_percent below what led to it: who stands at a threshold
// does not change his mind with every call.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace kith::store {

enum class pressure : std::uint8_t { none, no_copies, shrink_near, evict, refuse };
inline constexpr std::size_t pressure_count = 5;

/// Of the limit, by rung.
inline constexpr std::array<std::uint64_t, pressure_count> enter_percent{0, 85, 90, 95, 100};
inline constexpr std::uint64_t leave_gap_percent = 5;
/// What remains of a near cache's limit under shrink_near.
inline constexpr std::uint64_t near_part_kept = 16;
/// Entries that one turn of a lane or of a near cache evicts for a limit at most.
inline constexpr std::size_t evictions_a_turn = 256;

struct memory_use {
  std::uint64_t used = 0;
  /// 0: there is none.
  std::uint64_t limit = 0;

  /// Rounded down.
  [[nodiscard]] constexpr std::uint64_t part(std::uint64_t percent) const {
    return limit / 100 * percent + limit % 100 * percent / 100;
  }
  [[nodiscard]] constexpr std::uint64_t above(std::uint64_t percent) const {
    return limit > 0 && used > part(percent) ? used - part(percent) : 0;
  }
};

/// The rung after `now`.
[[nodiscard]] constexpr pressure next_pressure(pressure now, const memory_use& of) {
  if (of.limit == 0) return pressure::none;
  for (std::size_t i = pressure_count - 1; i > 0; --i) {
    const bool here = i <= static_cast<std::size_t>(now);
    const std::uint64_t from = enter_percent[i] - (here ? leave_gap_percent : 0);
    if (of.used >= of.part(from)) return static_cast<pressure>(i);
  }
  return pressure::none;
}

/// What a lane is told before an input.
struct memory_state {
  kith::store::pressure pressure = kith::store::pressure::none;
  /// What this lane is to evict; 0 below `evict`.
  std::uint64_t excess = 0;
};

}  // namespace kith::store
