#include <kith/node/shipment.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

using namespace kith;
using namespace std::chrono_literals;

namespace {

cluster::view view_with(std::uint32_t id) {
  cluster::view made;
  if (id != 0) made.caches.push_back({cache_id{id}, "books", {}});
  return made;
}

struct shipped {
  shipped() { machine.on_view(view_with(3)); }

  void load(std::size_t keys) {
    replica::dirty_cache one;
    one.cache = cache_id{3};
    for (std::size_t i = 0; i < keys; ++i) one.keys.push_back({i, to_bytes(std::to_string(i))});
    machine.load(now, {one});
  }
  std::vector<node::call> leaving() {
    std::vector<node::call> all;
    while (auto next = machine.next(now)) all.push_back(std::move(*next));
    return all;
  }
  void end(const node::call& what, error_code error = {}) {
    node::complete over{what.done, {}};
    over.result.error = error;
    CHECK(machine.take(now, over));
  }

  node::shipment machine;
  time_point now{1h};
};

}  // namespace

TEST_CASE("shipment: nothing leaves before the cache has a number in the new cluster") {
  shipped lane;
  lane.load(1);
  CHECK(lane.leaving().empty());
  lane.machine.on_view(view_with(0));
  CHECK(lane.leaving().empty());
  lane.machine.on_view(view_with(8));
  lane.now = lane.machine.next_timeout();
  const auto calls = lane.leaving();
  REQUIRE(calls.size() == 1);
  CHECK(calls[0].cache->current_id() == cache_id{8});
  CHECK(calls[0].mutation == wire::mutation::erase);
  lane.end(calls[0]);
  CHECK(lane.machine.empty());
  CHECK(lane.machine.next_timeout() == never);
  CHECK(lane.machine.counters().told == 1);
}

TEST_CASE("shipment: keys, tags and whole partitions leave as what they are") {
  shipped lane;
  replica::dirty_cache one;
  one.cache = cache_id{3};
  one.keys.push_back({7, to_bytes(as_bytes("k"))});
  one.tags.emplace_back(partition_id{5}, 9);
  one.whole.push_back(partition_id{6});
  lane.machine.load(lane.now, {one});
  lane.machine.on_view(view_with(3));
  const auto calls = lane.leaving();
  REQUIRE(calls.size() == 3);
  CHECK(calls[0].mutation == wire::mutation::clear);
  CHECK(calls[0].partition == partition_id{6});
  CHECK(calls[1].mutation == wire::mutation::end_tag);
  CHECK(calls[1].partition == partition_id{5});
  REQUIRE(calls[1].tags.size() == 1);
  CHECK(calls[1].tags[0].hash == 9);
  CHECK(as_text(calls[2].key) == "k");
  CHECK(calls[2].partition == partition_of(7));
}

TEST_CASE("shipment: so many are under way at a time, in their order") {
  shipped lane;
  lane.load(node::shipment::at_once + 2);
  lane.machine.on_view(view_with(3));
  const auto calls = lane.leaving();
  REQUIRE(calls.size() == node::shipment::at_once);
  CHECK(as_text(calls[0].key) == "0");
  lane.end(calls[5]);
  const auto more = lane.leaving();
  REQUIRE(more.size() == 1);
  CHECK(as_text(more[0].key) == std::to_string(node::shipment::at_once));
}

TEST_CASE("shipment: what failed is asked again after a pause, also under another identity") {
  shipped lane;
  lane.load(1);
  lane.machine.on_view(view_with(3));
  lane.end(lane.leaving().at(0), make_error_code(errc::timed_out));
  CHECK(lane.leaving().empty());
  CHECK(lane.machine.next_timeout() == lane.now + node::shipment::pause);
  lane.machine.load(lane.now, {});
  lane.now += node::shipment::pause;
  CHECK(lane.leaving().empty());
  lane.machine.on_view(view_with(4));
  const auto calls = lane.leaving();
  REQUIRE(calls.size() == 1);
  CHECK(calls[0].cache->current_id() == cache_id{4});
  CHECK(lane.machine.counters().retried == 1);
}

TEST_CASE("shipment: what has not come through in time, or never will, is dropped") {
  shipped lane;
  lane.load(3);
  lane.machine.on_view(view_with(3));
  const auto calls = lane.leaving();
  REQUIRE(calls.size() == 3);
  lane.end(calls[0], make_error_code(errc::closed));
  lane.now += node::shipment::patience;
  lane.end(calls[1], make_error_code(errc::timed_out));
  lane.end(calls[2]);
  CHECK(lane.machine.counters().dropped == 2);
  CHECK(lane.machine.empty());
  lane.load(1);
  lane.machine.on_view(view_with(0));
  lane.machine.on_view(view_with(9));
  static_cast<void>(lane.leaving());
  CHECK(lane.machine.counters().begun == 4);
}

TEST_CASE("shipment: a cache that the other cluster does not have is waited for, not for ever") {
  shipped lane;
  lane.load(1);
  cluster::view another;
  another.caches.push_back({cache_id{3}, "films", {}});
  lane.machine.on_view(another);
  CHECK(lane.leaving().empty());
  CHECK_FALSE(lane.machine.empty());
  lane.now += node::shipment::patience;
  CHECK(lane.leaving().empty());
  CHECK(lane.machine.empty());
  CHECK(lane.machine.counters().dropped == 1);
}
