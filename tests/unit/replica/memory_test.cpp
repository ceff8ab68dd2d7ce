// What an owner does when memory is short: each rung of store/pressure.hpp, and changed limits.
#include "owner_fixture.hpp"

#include <kith/core/stable_hash.hpp>
#include <kith/replica/absences.hpp>
#include <kith/replica/replica.hpp>
#include <kith/store/pressure.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace kith::replica {
namespace {

using store::pressure;

/// The first keys of the partition of the tests; a thousandth of all that are tried.
const std::vector<std::string>& home_keys() {
  static const std::vector<std::string> found = [] {
    std::vector<std::string> keys;
    for (int i = 0; keys.size() < 1000; ++i) {
      std::string one = "k" + std::to_string(i);
      if (partition_of(stable_hash(as_bytes(one))) == home) keys.push_back(std::move(one));
    }
    return keys;
  }();
  return found;
}

struct pressed_owner : owner {
  void press(pressure rung, std::uint64_t excess = 0) {
    machine.set_memory(now, {rung, excess});
  }
  wire::mutate_status status_of(wire::mutation kind, std::string_view value = "new",
                                std::string_view k = key) {
    clear();
    mutate(anna, {.kind = kind, .value = as_bytes(value)}, k);
    return one<wire::mutate_reply>(anna).status;
  }
  std::size_t entries() const { return machine.cache(books)->size(); }
  void fill(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) put(anna, std::string(100, 'v'), home_keys()[i]);
  }
};

}  // namespace

TEST_CASE("owner under pressure: no reader is given leave to keep a copy, and none listens") {
  pressed_owner o;
  o.put(anna, "v");
  o.press(pressure::no_copies);
  o.clear();
  o.near_get(bert);
  const auto withheld = o.one<wire::get_reply>(bert);
  CHECK(as_text(withheld.value) == "v");
  CHECK_FALSE(withheld.cacheable);
  CHECK(o.machine.listeners(home).empty());
  CHECK(o.machine.counters().copies_withheld == 1);
  o.press(pressure::none);
  o.clear();
  o.near_get(bert);
  CHECK(o.one<wire::get_reply>(bert).cacheable);
  CHECK(o.machine.listeners(home).size() == 1);
}

TEST_CASE("owner under pressure: entries are evicted, so many a turn, until the excess is gone") {
  pressed_owner o;
  o.fill(600);
  const std::uint64_t full = o.machine.owned_bytes();
  o.press(pressure::evict, full);
  CHECK(o.entries() == 600 - store::evictions_a_turn);
  CHECK(o.machine.counters().pressure_evictions == store::evictions_a_turn);
  const std::uint64_t before = o.machine.owned_bytes();
  o.press(pressure::evict, 1);
  CHECK(o.entries() == 600 - store::evictions_a_turn - 1);
  o.press(pressure::evict, 10 * (before - o.machine.owned_bytes()));
  CHECK(o.entries() == 600 - store::evictions_a_turn - 11);
  o.press(pressure::evict, 0);
  CHECK(o.entries() == 600 - store::evictions_a_turn - 11);
}

TEST_CASE("owner under pressure: the cache that has most gives first") {
  pressed_owner o;
  cache_settings other;
  other.id = cache_id{99};
  o.machine.open_cache(other);
  o.fill(50);
  o.press(pressure::evict, 1);
  CHECK(o.entries() == 49);
  CHECK(o.machine.cache(cache_id{99})->size() == 0);
}

TEST_CASE("owner under pressure: at its limit it refuses what brings bytes and does the rest") {
  pressed_owner o;
  o.put(anna, "old");
  o.press(pressure::refuse);
  for (const auto kind : {wire::mutation::put, wire::mutation::put_if_absent,
                          wire::mutation::compare_and_put, wire::mutation::add,
                          wire::mutation::invoke}) {
    CAPTURE(static_cast<int>(kind));
    CHECK(o.status_of(kind) == wire::mutate_status::out_of_memory);
  }
  CHECK(o.machine.counters().writes_without_memory == 5);
  CHECK(o.value() == "old");
  CHECK(o.status_of(wire::mutation::touch, "") == wire::mutate_status::applied);
  CHECK(o.status_of(wire::mutation::erase, "") == wire::mutate_status::applied);
  CHECK(o.value().empty());
  o.press(pressure::evict);
  CHECK(o.status_of(wire::mutation::put) == wire::mutate_status::applied);
}

TEST_CASE("owner under pressure: a write that was applied is answered again, not refused") {
  pressed_owner o;
  o.mutate(anna, {.operation = 7, .value = as_bytes("v")});
  o.press(pressure::refuse);
  o.clear();
  o.mutate(anna, {.operation = 7, .value = as_bytes("v")});
  CHECK(o.one<wire::mutate_reply>(anna).status == wire::mutate_status::applied);
  // And one that was refused may come again under its number.
  o.clear();
  o.mutate(anna, {.operation = 8, .value = as_bytes("w")});
  CHECK(o.one<wire::mutate_reply>(anna).status == wire::mutate_status::out_of_memory);
  o.press(pressure::none);
  o.clear();
  o.mutate(anna, {.operation = 8, .value = as_bytes("w")});
  CHECK(o.one<wire::mutate_reply>(anna).status == wire::mutate_status::applied);
  CHECK(o.value() == "w");
}

TEST_CASE("owner under pressure: a loaded value is answered and not stored") {
  pressed_owner o;
  o.load(anna);
  const auto runs = o.effects<run_load>();
  REQUIRE(runs.size() == 1);
  o.press(pressure::refuse);
  o.clear();
  o.machine.on_load_done(o.now, runs[0].ticket, loaded{to_bytes("row"), std::nullopt}, o.out);
  const auto reply = o.one<wire::get_reply>(anna);
  CHECK(as_text(reply.value) == "row");
  CHECK_FALSE(reply.cacheable);
  CHECK(o.machine.counters().loads_without_memory == 1);
  CHECK(o.value().empty());
}

TEST_CASE("owner: a lower limit of a cache is reached in turns, and the lane asks for them") {
  pressed_owner o;
  o.fill(1000);
  const std::uint64_t one = o.machine.owned_bytes() / 1000;
  CHECK(o.machine.next_timeout() > o.now);
  o.machine.set_cache_bytes(books, 100 * one);
  CHECK(o.entries() == 1000);
  CHECK(o.machine.held().bytes_over == 0);
  const std::size_t a_turn = o.machine.options().expiry_work;
  std::size_t turns = 0;
  for (; o.machine.next_timeout() <= o.now; ++turns) {
    const std::size_t before = o.entries();
    o.machine.on_timeout(o.now, o.out);
    CHECK(before - o.entries() <= a_turn);
  }
  CHECK(turns == (900 + a_turn - 1) / a_turn);
  CHECK(o.entries() == 100);
  o.machine.set_cache_bytes(books, 200 * one);
  o.fill(1000);
  CHECK(o.entries() == 200);
}

TEST_CASE("absences: a lower limit is reached in turns") {
  constexpr time_point now{std::chrono::hours{1}};
  absences known{1'000'000, 1, 1};
  for (int i = 0; i < 300; ++i) {
    const bytes k = to_bytes("key" + std::to_string(i));
    known.note(now, 0, stable_hash(k), k, now + 1h);
  }
  const std::uint64_t full = known.bytes_held();
  known.set_bytes_max(full / 10);
  CHECK(known.bytes_bound() == full);
  int turns = 0;
  for (; known.next_timeout() <= now; ++turns) known.expire(now, 50);
  CHECK(turns == 6);
  CHECK(known.bytes_held() <= full / 10);
  CHECK(known.bytes_bound() == full / 10);
}

TEST_CASE("owner: what it remembers beside entries is counted, and goes down with it") {
  pressed_owner o;
  const std::uint64_t empty = o.machine.directory_bytes();
  o.near_get(bert);
  o.fill(20);
  const std::uint64_t told = o.machine.directory_bytes();
  CHECK(told >= empty + 20 * (store::logged_bytes + store::operation_bytes));
  o.mutate(anna, {.lowest_unsettled = o.operations + 1, .value = as_bytes("v")});
  CHECK(o.machine.directory_bytes() <= told - 18 * store::operation_bytes);
}

}  // namespace kith::replica
