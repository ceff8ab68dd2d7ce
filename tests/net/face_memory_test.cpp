// One limit over all that a member holds: set, reached, and changed while it serves.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace face_test;

namespace {

using blobs = kith::cache<std::string, std::string>;

/// Puts `count` entries of about a kilobyte.
void put_blobs(const blobs& into, int count) {
  for (int done = 0; done < count;) {
    std::vector<std::pair<std::string, std::string>> some;
    for (; some.size() < 200 && done < count; ++done) {
      some.emplace_back("blob" + std::to_string(done), std::string(1000, 'b'));
    }
    into.put_many(some);
  }
}

void read_blobs(const blobs& from, int count) {
  for (int i = 0; i < count; ++i) static_cast<void>(from.get("blob" + std::to_string(i)));
}

}  // namespace

TEST_CASE("memory: what a member holds adds up, and is told") {
  members all{1};
  const blobs cache = all[0].cache<std::string, std::string>("blobs");
  put_blobs(cache, 1000);
  const kith::member_stats now = all[0].stats();
  CHECK(now.memory.owned == cache.stats().owned_bytes);
  CHECK(now.memory.owned > 1'000'000);
  CHECK(now.memory.directories > 0);
  CHECK(now.memory.limit == 0);
  CHECK(now.memory.pressure == kith::store::pressure::none);
  std::set<std::string> parts;
  all[0].visit_stats([&](const kith::metric& one) {
    if (one.name == "memory") parts.emplace(one.labels[0].value);
  });
  CHECK(parts == std::set<std::string>{"owned", "near", "directories", "queues"});
}

TEST_CASE("memory: a member that gets a limit evicts down below it, and grows once it is lifted") {
  members all{1};
  const blobs cache = all[0].cache<std::string, std::string>("blobs");
  put_blobs(cache, 8000);
  const std::uint64_t full = all[0].stats().memory.used();
  all[0].set_memory_limit(full / 2);
  CHECK(wait_until([&] {
    const kith::memory_stats now = all[0].stats().memory;
    return now.used() < full / 2 / 100 * 95 && now.pressure < kith::store::pressure::evict;
  }));
  const kith::member_stats pressed = all[0].stats();
  CHECK(pressed.memory.used() > full / 2 / 100 * 80);
  CHECK(pressed.lanes.owner.pressure_evictions > 1000);
  CHECK(pressed.driver.pressed_evict >= 1);
  // Under load too: the entries come and go, the limit stays.
  put_blobs(cache, 8000);
  CHECK(all[0].stats().memory.used() < full / 2);
  all[0].set_memory_limit(std::nullopt);
  CHECK(wait_until([&] { return all[0].stats().memory.pressure == kith::store::pressure::none; }));
  put_blobs(cache, 8000);
  CHECK(all[0].stats().memory.owned > full / 10 * 9);
}

TEST_CASE("memory: writes are refused where nothing is left to give up, until there is room") {
  members all{1};
  const blobs cache = all[0].cache<std::string, std::string>("blobs");
  put_blobs(cache, 400);
  // Less than what is remembered of the calls themselves.
  all[0].set_memory_limit(1);
  CHECK(wait_until([&] {
    return error_of([&] { cache.put("more", "value"); }) == kith::errc::out_of_memory;
  }));
  CHECK(kith::error_code{kith::errc::out_of_memory} == kith::condition::retryable);
  CHECK_FALSE(error_of([&] { cache.erase("blob1"); }));
  CHECK_FALSE(error_of([&] { static_cast<void>(cache.get("blob2")); }));
  CHECK(all[0].stats().lanes.owner.writes_without_memory >= 1);
  CHECK(all[0].stats().driver.pressed_refuse >= 1);
  all[0].set_memory_limit(std::nullopt);
  CHECK(wait_until([&] { return !error_of([&] { cache.put("more", "value"); }); }));
}

TEST_CASE("memory: near caches shrink before entries are evicted") {
  members all{2};
  const blobs owner = all[0].cache<std::string, std::string>("blobs");
  // A sixteenth of it would stay.
  const blobs reader = all[1].cache<std::string, std::string>(
      "blobs", {.near = {.max_bytes = kith::byte_count{4'000'000}}});
  put_blobs(owner, 4000);
  REQUIRE(wait_until([&] {
    read_blobs(reader, 4000);
    return reader.stats().near_entries > 1000;
  }));
  const kith::memory_stats before = all[1].stats().memory;
  const std::uint64_t evicted = all[1].stats().lanes.owner.pressure_evictions;
  all[1].set_memory_limit(before.used() / 100 * 109);  // 92 % of it
  CHECK(wait_until([&] {
    const kith::memory_stats now = all[1].stats().memory;
    return now.near < before.near && now.pressure < kith::store::pressure::shrink_near;
  }));
  CHECK(all[1].stats().driver.near_shrunk > 0);
  CHECK(all[1].stats().lanes.owner.pressure_evictions == evicted);
  CHECK(reader.stats().near_entries > 0);
}

TEST_CASE("memory: the limits of a cache are changed while it serves") {
  members all{2};
  const blobs owner = all[0].cache<std::string, std::string>("blobs");
  const blobs reader = all[1].cache<std::string, std::string>("blobs");
  put_blobs(owner, 4000);
  REQUIRE(wait_until([&] {
    read_blobs(reader, 4000);
    return reader.stats().near_entries > 1000;
  }));
  reader.set_near_max_bytes(kith::byte_count{100'000});
  CHECK(reader.stats().near_bytes <= 100'000);
  reader.set_max_bytes(kith::byte_count{1'000'000});
  CHECK(wait_until([&] { return reader.stats().owned_bytes <= 1'000'000; }));
  CHECK(reader.stats().owned_bytes > 500'000);
  // The other member has its own share.
  CHECK(owner.stats().owned_bytes > 1'500'000);
  reader.set_max_bytes(kith::byte_count{64'000'000});
  put_blobs(owner, 4000);
  CHECK(reader.stats().owned_bytes > 1'500'000);
}

TEST_CASE("memory: a limit of nothing is an error that names the option") {
  members all{1};
  const blobs cache = all[0].cache<std::string, std::string>("blobs");
  std::string text;
  CHECK(error_of([&] { all[0].set_memory_limit(0); }, &text) == kith::errc::invalid_option);
  CHECK(contains(text, "memory_limit"));
  CHECK(error_of([&] { cache.set_max_bytes(0); }, &text) == kith::errc::invalid_argument);
  CHECK(contains(text, "max_bytes"));
  CHECK(error_of([&] { cache.set_near_max_bytes(0); }, &text) == kith::errc::invalid_argument);
  CHECK(contains(text, "near.max_bytes"));
  kith::member_options options = at(cluster_name());
  options.memory_limit = 0;
  CHECK(error_of([&] { kith::member never{options}; }, &text) == kith::errc::invalid_option);
  CHECK(contains(text, "memory_limit"));
}
