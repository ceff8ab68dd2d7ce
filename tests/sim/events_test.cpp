// Listeners of simulated members: the same on every run.
#include <kith/sim/cluster.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

std::vector<std::string> heard_in_one_run() {
  kith::sim::cluster cluster({.members = 3, .seed = 42});
  cluster.run_until_stable();
  std::vector<std::string> heard;
  std::vector<kith::cache<std::uint32_t, std::int64_t>> caches;
  std::vector<kith::subscription> subscriptions;
  for (std::size_t i = 0; i < 3; ++i) {
    caches.push_back(cluster.cache<std::uint32_t, std::int64_t>(i, "numbers", {}));
    subscriptions.push_back(caches[i].listen_local({
        .changed =
            [&heard, i](const kith::entry_event<std::uint32_t, std::int64_t>& event) {
              heard.push_back(std::to_string(i) + ": " + std::to_string(event.key) + " is " +
                              std::to_string(event.value.value_or(-1)));
            },
        .missed =
            [&heard, i](const kith::events_missed& what) {
              if (what.moved_here) heard.push_back(std::to_string(i) + ": moved");
            },
        .values = true,
    }));
  }
  for (std::uint32_t key = 0; key < 12; ++key) {
    caches[key % 3].put(key, key);
    caches[(key + 1) % 3].put(key, key + 100);
  }
  cluster.run_for(10ms);
  REQUIRE(heard.size() == 24);
  cluster.crash(2);
  cluster.run_until_stable();
  cluster.run_for(10ms);
  return heard;
}

}  // namespace

TEST_CASE("sim: listeners of entries hear the same in every run") {
  const std::vector<std::string> first = heard_in_one_run();
  CHECK(first.size() > 24);
  CHECK(first.back().ends_with("moved"));
  CHECK(heard_in_one_run() == first);
}
