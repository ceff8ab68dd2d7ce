#include <kith/store/pressure.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <utility>
#include <vector>

using kith::store::memory_use;
using kith::store::next_pressure;
using kith::store::pressure;

TEST_CASE("pressure: each rung is entered at its part of the limit") {
  const std::vector<std::pair<std::uint64_t, pressure>> all = {
      {0, pressure::none},          {849, pressure::none},  {850, pressure::no_copies},
      {900, pressure::shrink_near}, {949, pressure::shrink_near},
      {950, pressure::evict},       {999, pressure::evict}, {1000, pressure::refuse},
      {5000, pressure::refuse}};
  for (const auto& [used, rung] : all) {
    CAPTURE(used);
    CHECK(next_pressure(pressure::none, {used, 1000}) == rung);
  }
}

TEST_CASE("pressure: a rung is left only a gap below where it began, and several at once") {
  CHECK(next_pressure(pressure::refuse, {951, 1000}) == pressure::refuse);
  CHECK(next_pressure(pressure::refuse, {949, 1000}) == pressure::evict);
  CHECK(next_pressure(pressure::evict, {900, 1000}) == pressure::evict);
  CHECK(next_pressure(pressure::evict, {899, 1000}) == pressure::shrink_near);
  CHECK(next_pressure(pressure::shrink_near, {849, 1000}) == pressure::no_copies);
  CHECK(next_pressure(pressure::no_copies, {800, 1000}) == pressure::no_copies);
  CHECK(next_pressure(pressure::no_copies, {799, 1000}) == pressure::none);
  CHECK(next_pressure(pressure::refuse, {10, 1000}) == pressure::none);
}

TEST_CASE("pressure: without a limit there is none, and the largest limits do not overflow") {
  CHECK(next_pressure(pressure::refuse, {UINT64_MAX, 0}) == pressure::none);
  CHECK(next_pressure(pressure::none, {UINT64_MAX / 2, UINT64_MAX}) == pressure::none);
  CHECK(next_pressure(pressure::none, {UINT64_MAX, UINT64_MAX}) == pressure::refuse);
  CHECK(memory_use{UINT64_MAX, 0}.above(90) == 0);
  CHECK(memory_use{950, 1000}.above(90) == 50);
  CHECK(memory_use{890, 1000}.above(90) == 0);
}
