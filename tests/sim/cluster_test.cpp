// How a simulated cluster ends.
#include <kith/cache.hpp>
#include <kith/codec_boost.hpp>
#include <kith/error.hpp>
#include <kith/sim/cluster.hpp>

#include <doctest/doctest.h>

#include <cstdint>

using namespace kith;

TEST_CASE("cluster: what is asked when it stops is answered while those who asked live") {
  sim::cluster members{sim::cluster_options{}};
  members.run_until_stable();
  const auto numbers = members.cache<std::uint32_t, std::int64_t>(0, "numbers");
  // One that this member owns it would answer at once.
  std::uint32_t key = 0;
  while (numbers.explain(key).owned) ++key;
  error_code put;
  error_code got;
  numbers.async_put(key, 2, [&](error_code code, version) { put = code; });
  numbers.async_get(key, [&](error_code code, const ref<std::int64_t>&) { got = code; });
  members.stop();
  CHECK(put == errc::closed);
  CHECK(got == errc::closed);
  // Its own end finds nothing left to do.
  members.stop();
}
