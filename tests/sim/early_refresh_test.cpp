// Early refreshes seen by a reader with a near cache, in virtual time: how long a load takes
// decides how early, and no machine is too slow for it.
#include <kith/sim/cluster.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

using namespace std::chrono_literals;

namespace {

using loaded_words = kith::cache<std::string, std::string>;
using loaded_options = kith::cache_options<std::string, std::string>;

/// Loads take 1 to 2 s. `one` reads keys that `other` owns.
struct slow_loads {
  kith::sim::cluster cluster{{.members = 2, .seed = 1, .load_least = 1s, .load_most = 2s}};
  int runs = 0;
  std::optional<loaded_words> one;
  std::optional<loaded_words> other;

  explicit slow_loads(loaded_options options) {
    cluster.run_until_stable();
    options.timeout = 30s;
    options.load = [this](const std::string&) { return std::to_string(++runs); };
    one = cluster.cache<std::string, std::string>(0, "words", options);
    other = cluster.cache<std::string, std::string>(1, "words", options);
  }
  [[nodiscard]] std::string key_of_other(int from = 0) const {
    while (!other->explain("key " + std::to_string(from)).owned) ++from;
    return "key " + std::to_string(from);
  }
  /// The least that is left of the reader's copies of eight keys.
  [[nodiscard]] kith::duration least_left() const {
    kith::duration least = kith::duration::max();
    for (int i = 0; i < 8; ++i) {
      const std::string key = key_of_other(100 * i);
      REQUIRE(one->get(key));
      const auto near = one->explain(key).near;
      REQUIRE(near);
      REQUIRE(near->ttl_left);
      least = std::min(least, *near->ttl_left);
    }
    return least;
  }
};

}  // namespace

TEST_CASE("early refresh: copies end before the entry by a multiple of what the load took") {
  loaded_options options;
  options.ttl = 1h;
  // Counted from when the reader asked: a load is 2 s at most.
  CHECK(slow_loads{options}.least_left() > 1h - 3s);
  options.loading.early_refresh = 16;
  CHECK(slow_loads{options}.least_left() < 1h - 10s);
}

TEST_CASE("early refresh: what a reader keeps is loaded anew before its end while copies answer") {
  loaded_options options;
  options.ttl = 60s;
  options.loading.early_refresh = 16;
  slow_loads s{options};
  const std::string key = s.key_of_other();
  for (int i = 0; i < 100; ++i) {  // less than the time to live
    CHECK(s.one->get(key));
    s.cluster.run_for(500ms);
  }
  CHECK(s.runs > 1);
  CHECK(s.one->stats().near_hits > 0);
  CHECK(s.one->stats().absent == 0);
}
