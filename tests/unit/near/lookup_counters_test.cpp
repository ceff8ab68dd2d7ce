// Hits are counted once each, by their age bound, whichever thread counts them.
#include <kith/near/lookup_counters.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

using namespace kith;
using namespace std::chrono_literals;

TEST_CASE("lookup counters: a hit is counted under its age, and the oldest is kept exactly") {
  const auto counted = std::make_unique<near::lookup_counters>();
  counted->count_hit(0, 5ms);
  counted->count_hit(3, 1500ms + 7ns);
  counted->count_hit(3, 40ms);
  CHECK(counted->hits() == 3);
  CHECK(counted->oldest() == 1500ms + 7ns);
  const age_histogram ages = counted->ages();
  CHECK(ages.view().counts[age_scale::index_of(5'000'000)] == 1);
  CHECK(ages.view().counts[age_scale::index_of(40'000'000)] == 1);
  CHECK(ages.view().counts[age_scale::index_of(1'500'000'007)] == 1);
}

TEST_CASE("lookup counters: an owner heard of after the reader took the time is of age zero") {
  const auto counted = std::make_unique<near::lookup_counters>();
  counted->count_hit(0, -2ms);
  CHECK(counted->ages().view().counts[0] == 1);
  CHECK(counted->oldest() == 0ns);
}

TEST_CASE("lookup counters: threads beyond the own cells share one and lose nothing") {
  const auto counted = std::make_unique<near::lookup_counters>();
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&counted, t] {
      for (int i = 0; i < 300000; ++i) {
        counted->count_hit(100 + t, std::chrono::milliseconds{i % 1000});
      }
    });
  }
  for (std::thread& one : threads) one.join();
  CHECK(counted->hits() == 1200000);
  CHECK(counted->oldest() == 999ms);
}
