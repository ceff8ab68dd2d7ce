// What the driver counts beside its machines, and the metrics of it (stats.hpp).
#pragma once

#include <kith/stats.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>

namespace kith::net {

/// `Number` is atomic where any thread counts, and plain where somebody has read.
template <class Number>
struct driver_counters {
  Number messages{0};
  Number malformed{0};
  Number violations{0};
  /// Requests of peers that do not read, put aside until they do.
  Number parked{0};
  /// Requests of peers with too many unanswered ones, told to come again.
  Number refused_in_flight{0};
  Number links_up{0};
  Number links_down{0};
  /// Of those: a message that did not go on, one above its cap, no memory to put one together, a
  /// peer that did not read.
  Number closed_stalled{0};
  Number closed_too_long{0};
  Number closed_no_memory{0};
  Number closed_overflow{0};
  Number dials_failed{0};
  Number jobs_refused{0};
  /// Exceptions that left listeners of views.
  Number view_listener_failures{0};
  /// Rungs of store/pressure.hpp that memory climbed to.
  Number pressed_no_copies{0};
  Number pressed_shrink_near{0};
  Number pressed_evict{0};
  Number pressed_refuse{0};
  /// Near entries that had to go because the member's memory was short.
  Number near_shrunk{0};
};

using runtime_counters = driver_counters<std::atomic<std::uint64_t>>;
using runtime_counts = driver_counters<std::uint64_t>;

template <class Number, class Of = driver_counters<Number>>
inline constexpr counter_row<Of, Number> runtime_rows[] = {
    {&Of::messages, "messages_received", "Messages of other members.", {}, {}},
    {&Of::malformed, "bad_messages", "Messages that cost their peer the connection.", "kind",
     "malformed"},
    {&Of::violations, {}, {}, {}, "violation"},
    {&Of::parked, "requests_put_off", "Requests of peers that do not read or ask too much.", "how",
     "parked"},
    {&Of::refused_in_flight, {}, {}, {}, "refused"},
    {&Of::links_up, "link_changes", "Connections to members.", "change", "up"},
    {&Of::links_down, {}, {}, {}, "down"},
    {&Of::closed_stalled, "links_closed", "Connections that were closed here, by fault.", "reason",
     "stalled"},
    {&Of::closed_too_long, {}, {}, {}, "too_long"},
    {&Of::closed_no_memory, {}, {}, {}, "no_memory"},
    {&Of::closed_overflow, {}, {}, {}, "overflow"},
    {&Of::dials_failed, "dials_failed", "Addresses that did not answer as a member.", {}, {}},
    {&Of::jobs_refused, "jobs_refused", "Loads and processors refused: too many wait.", {}, {}},
    {&Of::view_listener_failures,
     "view_listener_failures",
     "Exceptions that left listeners of views.",
     {},
     {}},
    {&Of::pressed_no_copies, "memory_pressed", "Times that memory reached a rung.", "rung",
     "no_copies"},
    {&Of::pressed_shrink_near, {}, {}, {}, "shrink_near"},
    {&Of::pressed_evict, {}, {}, {}, "evict"},
    {&Of::pressed_refuse, {}, {}, {}, "refuse"},
    {&Of::near_shrunk,
     "near_shrunk",
     "Near entries that went because the member's memory was short.",
     {},
     {}},
};
static_assert(describes_all(runtime_rows<std::uint64_t>));

[[nodiscard]] inline runtime_counts read(const runtime_counters& counted) {
  runtime_counts now;
  for (std::size_t i = 0; i < std::size(runtime_rows<std::uint64_t>); ++i) {
    now.*runtime_rows<std::uint64_t>[i].field =
        (counted.*runtime_rows<std::atomic<std::uint64_t>>[i].field)
            .load(std::memory_order_relaxed);
  }
  return now;
}

}  // namespace kith::net
