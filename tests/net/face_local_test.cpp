// for_each_local: each member sees what it owns, and all together what there is.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <future>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace face_test;

namespace {

using words = kith::cache<std::string, std::string>;
using pairs = std::vector<std::pair<std::string, std::string>>;

constexpr auto see_nothing = [](const std::string&, const std::string&, const kith::version&) {};

[[nodiscard]] pairs entries_of(const std::string& prefix, int size) {
  pairs entries;
  for (int i = 0; i < size; ++i) {
    entries.emplace_back(prefix + std::to_string(i), "value " + std::to_string(i));
  }
  return entries;
}

}  // namespace

TEST_CASE("face: each member sees its own entries, and together they see every one once") {
  members all{3};
  const std::vector<words> caches = open_words(all);
  const pairs entries = entries_of("key", 2000);
  caches[0].put_many(entries);
  std::map<std::string, int> seen;
  for (const words& cache : caches) {
    std::uint64_t mine = 0;
    const std::uint64_t told = cache.for_each_local(
        [&](const std::string& key, const std::string& value, const kith::version& version) {
          ++mine;
          ++seen[key];
          CHECK("value " + key.substr(3) == value);
          if (mine == 1) CHECK(version == caches[0].get_versioned(key).version);
        });
    CHECK(told == mine);
    CHECK(told > 0);
    CHECK(told < entries.size());
  }
  CHECK(seen.size() == entries.size());
  for (const auto& [key, times] : seen) CHECK(times == 1);
}

TEST_CASE("face: a walk may change what it walks over, and large values take turns") {
  members all{1};
  const words cache = open_words(all)[0];
  const std::string large(std::size_t{1} << 20, 'x');
  for (int i = 0; i < 12; ++i) cache.put("large" + std::to_string(i), large);
  cache.put_many(entries_of("key", 500));
  const std::uint64_t told = cache.for_each_local(
      [&](const std::string& key, const std::string&, const kith::version& version) {
        if (key.starts_with("key")) {
          CHECK(cache.erase_if_version(key, version));
        } else {
          cache.put(key, "small");
        }
      });
  CHECK(told == 512);
  CHECK(cache.size() == 12);
  CHECK(*cache.get("large3") == "small");
}

TEST_CASE("face: a walk sees what stays once while others come and go") {
  members all{2};
  const std::vector<words> caches = open_words(all);
  caches[0].put_many(entries_of("stays", 1000));
  std::atomic<bool> over{false};
  std::atomic<int> rounds{0};
  std::thread writer{[&] {
    for (int round = 0; !over; ++round) {
      std::vector<std::string> keys;
      const pairs passing = entries_of("round" + std::to_string(round) + ' ', 200);
      for (const auto& [key, value] : passing) keys.push_back(key);
      caches[1].put_many(passing);
      caches[0].erase_many(keys);
      ++rounds;
    }
  }};
  int walks = 0;
  // The third round that ended began after the first walk, and ended before the last.
  const bool met = wait_until([&] {
    std::map<std::string, int> seen;
    for (const words& cache : caches) {
      cache.for_each_local([&](const std::string& key, const std::string&, const kith::version&) {
        if (key.starts_with("stays")) ++seen[key];
      });
    }
    CHECK(seen.size() == 1000);
    for (const auto& [key, times] : seen) CHECK(times == 1);
    return ++walks >= 5 && rounds >= 3;
  });
  over = true;
  writer.join();
  CHECK(met);
}

TEST_CASE("face: a walk leaves out what is over or cannot be read, and ends with its visitor") {
  members all{1};
  auto cache = all[0].cache<std::string, fussy>("fussy");
  cache.put("good", fussy{7});
  cache.put("bad", fussy{fussy::unreadable});
  cache.put("short", fussy{8}, {.ttl = 1ms});
  REQUIRE(wait_until([&] { return !cache.contains("short"); }));
  const kith::cache_stats before = cache.stats();
  int sum = 0;
  CHECK(cache.for_each_local([&](const std::string&, const fussy& value, const kith::version&) {
    sum += static_cast<int>(value.number);
  }) == 1);
  CHECK(sum == 7);
  CHECK(cache.stats().unreadable == before.unreadable + 1);
  CHECK(cache.stats().failed == before.failed);  // a walk is no read
  CHECK_THROWS_AS(cache.for_each_local([](const std::string&, const fussy&, const kith::version&) {
    throw std::runtime_error{"enough"};
  }),
                  std::runtime_error);
  all.end(0);
  CHECK(error_of([&] {
          cache.for_each_local([](const std::string&, const fussy&, const kith::version&) {});
        }) == kith::errc::closed);
}

TEST_CASE("face: a cache without entries has none to walk over") {
  members all{1};
  CHECK(open_words(all)[0].for_each_local(see_nothing) == 0);
}

TEST_CASE("face: a walk on a thread that serves the network is refused") {
  members all{1};
  const words cache = open_words(all)[0];
  std::promise<kith::error_code> told;
  cache.async_put("k", "v", [&](kith::error_code, kith::version) {
    told.set_value(error_of([&] { cache.for_each_local(see_nothing); }));
  });
  CHECK(told.get_future().get() == kith::errc::would_deadlock);
}
