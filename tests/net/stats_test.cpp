// What members tell of themselves, through the public face.
#include "face_support.hpp"

#include <kith/kith.hpp>

#include <boost/asio/use_future.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <future>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace face_test;

namespace {

struct always_throws {
  void operator()(kith::entry<int, int>&) const { throw std::runtime_error{"it always throws"}; }
  template <class Archive>
  void serialize(Archive&, unsigned /*version*/) {}
};

/// All metrics of a member by name and labels.
std::map<std::string, std::uint64_t> numbers_of(const kith::member& member) {
  std::map<std::string, std::uint64_t> found;
  member.visit_stats([&](const kith::metric& one) {
    std::string key{one.name};
    for (const kith::metric_label& label : one.labels) key += ' ' + std::string{label.value};
    CHECK_MESSAGE(!found.contains(key), key);
    found[key] = one.type == kith::metric_type::histogram ? one.buckets.count() : one.value;
  });
  return found;
}

}  // namespace

// Goal: the numbers of two members tell what was done. Method: reads and writes of fixed number,
// then the sums over both.
TEST_CASE("stats: members count what was asked of them") {
  members both{2};
  auto first = both[0].cache<int, std::string>("numbers");
  auto second = both[1].cache<int, std::string>("numbers");
  for (int i = 0; i < 100; ++i) first.put(i, "number " + std::to_string(i));
  for (int i = 0; i < 100; ++i) CHECK(second.get(i));
  for (int i = 0; i < 100; ++i) CHECK(second.get(i));

  const kith::cache_stats a = first.stats();
  const kith::cache_stats b = second.stats();
  CHECK(a.owned_entries + b.owned_entries == 100);
  CHECK(a.owned_bytes > 0);
  CHECK(a.owned_store.inserts + b.owned_store.inserts == 100);
  CHECK(b.hits() == 200);
  CHECK(b.misses() == 0);
  CHECK(b.near_hits > 0);
  CHECK(b.near_ages.count() == b.near_hits);
  CHECK(b.near_entries == a.owned_entries);
  CHECK(b.near_store.inserts == a.owned_entries);
  CHECK(b.near_absent + b.near_not_fresh == 200 - b.near_hits);
  CHECK(b.oldest_near_hit <= 3s);

  const kith::member_stats here = both[0].stats();
  const kith::member_stats there = both[1].stats();
  CHECK(here.members == 2);
  CHECK(here.view_number == there.view_number);
  CHECK(here.caches == 1);
  CHECK(here.lanes.partitions_owned + there.lanes.partitions_owned == kith::partition_count);
  CHECK(here.lanes.owner.mutations + there.lanes.owner.mutations == 100);
  CHECK(here.membership.views_installed >= 1);
  CHECK(here.driver.messages > 0);
  REQUIRE(here.peers.size() == 1);
  CHECK(here.peers[0].peer == both[1].address());
  CHECK(here.peers[0].sent_bytes > 1000);
  CHECK(here.peers[0].received_bytes > 1000);

  CHECK(here.lanes.write_times.count() == b.owned_entries);
  CHECK(there.lanes.read_times.count() > 0);

  const auto numbers = numbers_of(both[1]);
  CHECK(numbers.at("members") == 2);
  CHECK(numbers.at("reads numbers near") == b.near_hits);
  CHECK(numbers.at("near_hit_age numbers") == b.near_hits);
  CHECK(numbers.at("owned_entries numbers") == b.owned_entries);
  CHECK(numbers.at("peer_unanswered " + to_string(both[0].address())) == 0);
}

TEST_CASE("stats: a handle tells what it counted when its member is gone") {
  members one{1};
  auto cache = one[0].cache<int, int>("numbers");
  cache.put(1, 1);
  CHECK(cache.get(1));
  one.end(0);
  CHECK(cache.stats().owner_hits == 1);
}

TEST_CASE("stats: a cache counts its writes and those that failed") {
  members one{1};
  auto cache = one[0].cache<int, int>("numbers");
  cache.register_processor<always_throws>("throws");
  for (int i = 0; i < 3; ++i) cache.put(i, i);
  cache.erase(0);
  CHECK_FALSE(cache.put_if_absent(1, 1));
  CHECK(error_of([&] { cache.invoke(1, always_throws{}); }) == kith::errc::processor_failed);
  cache.clear();
  CHECK(cache.stats().writes == 5);
  CHECK(cache.stats().writes_failed == 1);
  CHECK(cache.stats().processor_times.count() == 1);
  const auto numbers = numbers_of(one[0]);
  CHECK(numbers.at("writes numbers done") == 5);
  CHECK(numbers.at("writes numbers failed") == 1);
  CHECK(numbers.at("processor_time numbers") == 1);
}

// Method: a loader that lasts until its clock has moved tells how long that took. The time taken
// is that of the whole run, so it is not shorter.
TEST_CASE("stats: runs of a loader are counted and their time is taken") {
  members one{1};
  kith::duration lasted{};
  kith::cache_options<int, int> options;
  options.load = [&lasted](const int& key) -> std::optional<int> {
    if (key == 0) throw std::runtime_error{"no such row"};
    if (key == 1) return std::nullopt;
    const auto began = std::chrono::steady_clock::now();
    while (lasted == kith::duration{}) lasted = std::chrono::steady_clock::now() - began;
    return key;
  };
  auto cache = one[0].cache<int, int>("rows", options);
  CHECK(error_of([&] { static_cast<void>(cache.get(0)); }) == kith::errc::load_failed);
  CHECK_FALSE(cache.get(1));
  CHECK(cache.stats().load_times.view().count() == 2);
  CHECK(*cache.get(2) == 2);
  const kith::cache_stats stats = cache.stats();
  CHECK(stats.loads_here == 3);
  CHECK(stats.loads_failed == 1);
  CHECK(stats.load_times.count() == 3);
  CHECK(stats.writes + stats.writes_failed == 0);
  CHECK(lasted > kith::duration{});
  CHECK(kith::duration{stats.load_times.view().percentile(100)} >= lasted);
  CHECK(numbers_of(one[0]).at("load_time rows") == 3);
}

// Method: the only thread for loads is held by one of them.
TEST_CASE("stats: a member tells of the loads that run and of those that wait for a thread") {
  kith::member_options settings = at(cluster_name());
  settings.loader_threads = 1;
  kith::member alone{settings};
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  kith::cache_options<int, int> options;
  options.load = [released](const int& key) -> std::optional<int> {
    released.wait();
    return key;
  };
  options.timeout = patience;
  auto cache = alone.cache<int, int>("rows", options);
  std::vector<std::future<kith::ref<int>>> asked;
  for (int i = 0; i < 3; ++i) asked.push_back(cache.async_get(i, boost::asio::use_future));
  CHECK(wait_until([&] {
    const kith::member_stats now = alone.stats();
    return now.jobs.running == 1 && now.jobs.waiting == 2;
  }));
  CHECK(alone.stats().lanes.loads == 3);
  CHECK(numbers_of(alone).at("jobs_waiting") == 2);
  release.set_value();
  for (auto& one : asked) CHECK(one.get());
  CHECK(wait_until([&] { return alone.stats().jobs.running == 0; }));
}

TEST_CASE("stats: a thread that serves the network may ask") {
  members one{1};
  auto cache = one[0].cache<int, int>("numbers");
  std::promise<std::uint64_t> told;
  cache.async_put(1, 1, [&](kith::error_code, kith::version) {
    told.set_value(one[0].stats().lanes.owner.mutations + cache.stats().owned_entries);
  });
  CHECK(told.get_future().get() == 2);
}

namespace {

bool has_event(const kith::explanation& of, kith::key_event what) {
  return std::ranges::any_of(of.events, [&](const auto& one) { return one.what == what; });
}

}  // namespace

// Goal: what each side knows of one key is told, and follows a write.
TEST_CASE("stats: both sides of a key explain it") {
  members both{2};
  auto at_owner = both[0].cache<int, int>("numbers", {.ttl = 10min});
  auto at_reader = both[1].cache<int, int>("numbers", {.ttl = 10min});
  int key = 0;
  while (at_owner.explain(key).owner != both[0].address()) ++key;
  CHECK_FALSE(at_reader.explain(key).near);
  CHECK_FALSE(at_reader.explain(key).owned);
  REQUIRE(at_owner.explain(key).owned);
  CHECK_FALSE(at_owner.explain(key).owned->present);

  const kith::version first = at_owner.put(key, 1);
  CHECK(*at_reader.get(key) == 1);
  const std::uint64_t looked_up = at_reader.stats().near_absent;
  kith::explanation reader = at_reader.explain(key);
  CHECK(at_reader.stats().near_absent == looked_up);
  CHECK(reader.owner == both[0].address());
  CHECK(reader.view_number == both[1].view_number());
  CHECK(reader.epoch == first.epoch);
  REQUIRE(reader.near);
  CHECK(reader.near->version == first);
  CHECK(reader.near->alive);
  REQUIRE(reader.near->ttl_left);
  CHECK(*reader.near->ttl_left <= 10min);
  CHECK(reader.age);
  CHECK_FALSE(reader.suspect);
  CHECK(has_event(reader, kith::key_event::fill_begun));
  CHECK(has_event(reader, kith::key_event::fill_kept));

  const kith::explanation owner = at_owner.explain(key);
  CHECK(owner.owned->present);
  CHECK(owner.owned->version == first);
  CHECK(owner.listeners == std::vector{both[1].address()});
  CHECK(has_event(owner, kith::key_event::write_applied));
  const std::string text = to_string(owner);
  CHECK(contains(text, "owner=" + to_string(both[0].address())));
  CHECK(contains(text, "listeners=" + to_string(both[1].address())));
  CHECK(contains(text, "event=write_applied"));

  at_owner.put(key, 2);
  CHECK(wait_until([&] { return !at_reader.explain(key).near.has_value(); }));
  CHECK(has_event(at_reader.explain(key), kith::key_event::invalidated));
  CHECK(contains(to_string(at_reader.explain(key)), "entry=none"));
}
