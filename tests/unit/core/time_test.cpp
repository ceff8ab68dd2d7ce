#include <kith/core/time.hpp>

#include <doctest/doctest.h>

namespace kith {

TEST_CASE("never: is later than centuries and leaves room to add a duration") {
  using namespace std::chrono_literals;
  CHECK(never > time_point{} + 24h * 365 * 100);
  CHECK(never + 24h * 365 * 100 > never);
}

}  // namespace kith
