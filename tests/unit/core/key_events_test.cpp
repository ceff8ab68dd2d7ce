#include <kith/core/key_events.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <vector>

using namespace kith;
using namespace std::chrono_literals;

namespace {

constexpr cache_id books{1};
constexpr cache_id songs{2};

std::vector<std::int64_t> times_of(const key_events& events, std::uint64_t hash) {
  std::vector<std::int64_t> found;
  events.for_key(books, hash, [&](const key_event_record& one) {
    found.push_back(one.at.time_since_epoch() / 1ns);
  });
  return found;
}

}  // namespace

TEST_CASE("key events: a key has its own and those of its whole partition, oldest first") {
  key_events events;
  const std::uint64_t hash = 5;
  const std::uint64_t neighbour = 6;
  const partition_id p = partition_of(hash);
  events.record({time_point{1ns}, key_event::fill_begun, books, p, hash, {}});
  events.record({time_point{2ns}, key_event::fill_begun, songs, p, hash, {}});
  events.record({time_point{3ns}, key_event::fill_begun, books, p, neighbour, {}});
  events.record({time_point{4ns}, key_event::near_flushed, {}, p, {}, {}});
  events.record({time_point{5ns}, key_event::near_cleared, songs, p, {}, {}});
  CHECK(times_of(events, hash) == std::vector<std::int64_t>{1, 4});
}

TEST_CASE("key events: the newest are kept in their order") {
  key_events events;
  const std::uint64_t hash = 5;
  for (std::int64_t i = 0; i < 300; ++i) {
    events.record(
        {time_point{duration{i}}, key_event::invalidated, books, partition_of(hash), hash, {}});
  }
  const auto times = times_of(events, hash);
  REQUIRE(times.size() == key_events::capacity);
  for (std::size_t i = 0; i < times.size(); ++i) {
    CHECK(times[i] == static_cast<std::int64_t>(300 - key_events::capacity + i));
  }
}
