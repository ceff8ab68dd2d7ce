// What a lane answers itself: turns of a walk over its entries, each of a bounded size.
#include <kith/cluster/view.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/near/gates.hpp>
#include <kith/node/lane.hpp>

#include "who.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>

using namespace kith;
using namespace std::chrono_literals;

namespace {

struct told final : node::completion {
  void complete(node::outcome&& result) noexcept override { last = std::move(result); }
  node::outcome last;
};

/// Lane 0 of a member that is alone.
struct lone_lane {
  lone_lane() {
    binding->id.store(7);
    replica::cache_settings settings;
    settings.id = cache_id{7};
    settings.max_bytes = std::uint64_t{64} << 20;
    machine.open_cache(settings, nullptr);
    gates->coordinator_fresh.store(now.time_since_epoch().count());
    cluster::view alone =
        cluster::make_first_view({view_number{1}, 0}, {{self, {"127.0.0.1", 1}, 1, {}}});
    alone.caches.push_back({cache_id{7}, "walked", {}});
    machine.on_view(now, *cluster::make_view(std::move(alone)), nullptr, out);
  }

  /// The nth key of the lane.
  static std::string key_of(int nth) {
    for (int i = 0;; ++i) {
      std::string key = "k" + std::to_string(i);
      if (node::lane_of(partition_of(stable_hash(as_bytes(key)))) == 0 && nth-- == 0) return key;
    }
  }
  void put(const std::string& key, std::size_t size) {
    node::call what;
    what.kind = node::call_kind::mutate;
    what.key = to_bytes(key);
    what.key_hash = stable_hash(what.key);
    what.partition = partition_of(what.key_hash);
    what.value = bytes(size);
    what.deadline = now + 5s;
    submit(std::move(what));
    REQUIRE_FALSE(last.last.error);
  }
  void turn(node::scan_turn& into) {
    into.found.clear();
    node::call what;
    what.kind = node::call_kind::scan;
    what.scan = &into;
    submit(std::move(what));
  }
  void submit(node::call&& what) {
    what.cache = binding;
    what.done = &last;
    last.last.error = errc::timed_out;
    machine.submit(now, std::move(what), out);
    for (auto& effect : std::exchange(out, {})) {
      if (auto* one = std::get_if<node::complete>(&effect)) {
        one->done->complete(std::move(one->result));
      }
    }
  }

  time_point now{1h};
  std::unique_ptr<near::gates> gates = std::make_unique<near::gates>();
  std::shared_ptr<node::cache_binding> binding = std::make_shared<node::cache_binding>();
  node::lane machine{0, self, *gates, {}};
  node::lane::outbox out;
  told last;
};

}  // namespace

TEST_CASE("lane: a turn of a walk takes so many slots, and the next goes on there") {
  lone_lane lane;
  constexpr std::size_t most = node::scan_turn::slots_max;
  constexpr std::size_t size = 2 * most + 10;
  std::set<std::string> keys;
  for (int i = 0; keys.size() < size; ++i) {
    const std::string key = "k" + std::to_string(i);
    if (node::lane_of(partition_of(stable_hash(as_bytes(key)))) != 0) continue;
    keys.insert(key);
    lane.put(key, 1);
  }
  node::scan_turn turn;
  std::set<std::string> seen;
  for (const std::size_t expected : {most, most, std::size_t{10}}) {
    REQUIRE(turn.next != store::no_handle);
    lane.turn(turn);
    CHECK_FALSE(lane.last.last.error);
    CHECK(turn.found.size() == expected);
    for (const auto& entry : turn.found) seen.emplace(as_text(entry.key));
  }
  CHECK(turn.next == store::no_handle);
  CHECK(seen == keys);
}

TEST_CASE("lane: a turn of a walk ends once it has copied so many bytes") {
  lone_lane lane;
  for (int i = 0; i < 10; ++i) lane.put(lone_lane::key_of(i), node::scan_turn::bytes_max / 4);
  node::scan_turn turn;
  for (const std::size_t expected : {std::size_t{4}, std::size_t{4}, std::size_t{2}}) {
    lane.turn(turn);
    CHECK(turn.found.size() == expected);
  }
  CHECK(turn.next == store::no_handle);
}

TEST_CASE("lane: a walk over a cache that nobody opened ends at once") {
  lone_lane lane;
  lane.put(lone_lane::key_of(0), 1);
  lane.binding->id.store(8);
  node::scan_turn turn;
  lane.turn(turn);
  CHECK(turn.found.empty());
  CHECK(turn.next == store::no_handle);
}
