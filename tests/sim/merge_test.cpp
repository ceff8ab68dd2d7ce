// What handles see when their member goes over to another cluster.
#include <kith/sim/cluster.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>

using namespace std::chrono_literals;

namespace {

using numbers = kith::cache<std::uint32_t, std::int64_t>;
using settings = kith::cache_options<std::uint32_t, std::int64_t>;

/// Two members that founded a cluster each, because they could not hear one another.
struct two_clusters {
  two_clusters() : all{{.members = 2, .seed = 7, .start = false}} {
    all.cut(0, 1);
    all.start(0);
    all.start(1);
    REQUIRE(all.run_until([&] { return serves(0) && serves(1); }, 30s));
  }
  bool serves(std::size_t i) { return all.host(i).control().membership().current() != nullptr; }

  kith::sim::cluster all;
};

}  // namespace

TEST_CASE("merge: a cache that both sides opened alike serves again, without the loser's entries") {
  two_clusters sides;
  numbers first = sides.all.cache<std::uint32_t, std::int64_t>(0, "numbers");
  numbers second = sides.all.cache<std::uint32_t, std::int64_t>(1, "numbers");
  first.put(1, 10);
  second.put(1, 20);
  sides.all.heal();
  sides.all.run_until_stable();
  const auto here = first.get(1);
  const auto there = second.get(1);
  REQUIRE(here);
  REQUIRE(there);
  CHECK(*here == *there);
}

TEST_CASE("merge: handles of a cache that the surviving side opened otherwise say so") {
  two_clusters sides;
  numbers first = sides.all.cache<std::uint32_t, std::int64_t>(0, "numbers", settings{.ttl = 10s});
  numbers second = sides.all.cache<std::uint32_t, std::int64_t>(1, "numbers", settings{.ttl = 20s});
  first.put(1, 10);
  second.put(1, 20);
  sides.all.heal();
  sides.all.run_until_stable();
  int refused = 0;
  for (numbers* handle : {&first, &second}) {
    try {
      static_cast<void>(handle->get(1));
    } catch (const kith::error& failure) {
      CHECK(failure.code() == kith::errc::config_mismatch);
      ++refused;
    }
  }
  CHECK(refused == 1);
}
