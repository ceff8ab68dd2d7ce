// What members tell of themselves, through the public face.
#include <face_support.hpp>

#include <kith/kith.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <future>
#include <map>
#include <string>
#include <vector>

using namespace face_test;

namespace {

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
