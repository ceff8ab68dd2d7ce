// What the administration server counts of itself, and the metrics of it (stats.hpp).
#pragma once

#include <kith/stats.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>

namespace kith::admin {

/// `Number` is atomic where the server counts, and plain where somebody has read.
template <class Number>
struct request_counters {
  Number connections{0};
  /// Requests that got what they asked for; also a readiness that is none.
  Number answered{0};
  /// Well-formed ones that are not allowed, or ask for what there is not.
  Number refused{0};
  /// Bytes that are no request, or too many of them.
  Number malformed{0};
  /// Requests that did not arrive, and answers that did not leave, in their time.
  Number too_slow{0};
  /// Exceptions while one was answered.
  Number failed{0};
};

using running_counters = request_counters<std::atomic<std::uint64_t>>;
using request_counts = request_counters<std::uint64_t>;

template <class Number, class Of = request_counters<Number>>
inline constexpr counter_row<Of, Number> request_rows[] = {
    {&Of::connections, "admin_connections", "Connections to the administration page.", {}, {}},
    {&Of::answered, "admin_requests", "Requests for the administration page.", "result",
     "answered"},
    {&Of::refused, {}, {}, {}, "refused"},
    {&Of::malformed, {}, {}, {}, "malformed"},
    {&Of::too_slow, {}, {}, {}, "too_slow"},
    {&Of::failed, {}, {}, {}, "failed"},
};
static_assert(describes_all(request_rows<std::uint64_t>));

[[nodiscard]] inline request_counts read(const running_counters& counted) {
  request_counts now;
  for (std::size_t i = 0; i < std::size(request_rows<std::uint64_t>); ++i) {
    now.*request_rows<std::uint64_t>[i].field =
        (counted.*request_rows<std::atomic<std::uint64_t>>[i].field)
            .load(std::memory_order_relaxed);
  }
  return now;
}

inline void count(std::atomic<std::uint64_t>& which) {
  which.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace kith::admin
