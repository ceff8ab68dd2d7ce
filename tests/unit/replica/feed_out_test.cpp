// The feed of one partition to one member, by itself.
#include <kith/replica/feed_out.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

using namespace kith;
using namespace kith::replica;

namespace {

constexpr member_id reader_of_feed{2, 2, 1};
constexpr time_point dawn{std::chrono::hours{1}};
constexpr time_point noon{std::chrono::hours{12}};
/// As large as a test needs it.
constexpr std::size_t plenty = std::size_t{1} << 20;

shared_item item_of_size(std::size_t size, std::uint64_t change = 0) {
  feed_item made;
  made.change = change;
  made.value.resize(size - made.size());
  return std::make_shared<const feed_item>(std::move(made));
}

/// One that began when there had been three changes.
feed_out made_feed(wire::feed_scope scope = 0) { return {reader_of_feed, scope, 1, 3, dawn}; }

}  // namespace

TEST_CASE("feed: no more is under way than the window, and no message is larger than its bound") {
  feed_out feed = made_feed();
  for (int i = 0; i < 10; ++i) feed.append(dawn, item_of_size(1'000));
  auto batch = feed.take_unsent(5'000, 2'500);
  CHECK(batch.first == 1);
  CHECK(batch.items.size() == 2);
  batch = feed.take_unsent(5'000, 2'500);
  CHECK(batch.first == 3);
  CHECK(batch.items.size() == 2);
  CHECK(feed.take_unsent(5'000, 2'500).items.size() == 1);
  CHECK(feed.take_unsent(5'000, 2'500).items.empty());
  CHECK(feed.acknowledge(noon, 2));
  CHECK(feed.progress_at == noon);
  batch = feed.take_unsent(5'000, 2'500);
  CHECK(batch.first == 6);
  CHECK(batch.items.size() == 2);
}

TEST_CASE(
    "feed: an item above the bound of a message goes alone, and nothing before it has arrived") {
  feed_out feed = made_feed();
  feed.append(dawn, item_of_size(1'000));
  feed.append(dawn, item_of_size(5'000));
  feed.append(dawn, item_of_size(1'000));
  CHECK(feed.take_unsent(plenty, 2'500).items.size() == 1);
  const auto large = feed.take_unsent(plenty, 2'500);
  CHECK(large.first == 2);
  CHECK(large.items.size() == 1);
  CHECK(feed.take_unsent(plenty, 2'500).items.empty());
  CHECK(feed.acknowledge(noon, 1));
  CHECK(feed.take_unsent(plenty, 2'500).items.empty());
  CHECK(feed.acknowledge(noon, 2));
  CHECK(feed.take_unsent(plenty, 2'500).first == 3);
}

TEST_CASE("feed: what was not sent or is known already is no news") {
  feed_out feed = made_feed();
  feed.append(dawn, item_of_size(1'000));
  CHECK_FALSE(feed.acknowledge(noon, 1));
  CHECK(feed.take_unsent(plenty, plenty).items.size() == 1);
  CHECK_FALSE(feed.acknowledge(noon, 2));
  CHECK(feed.acknowledge(noon, 1));
  CHECK_FALSE(feed.acknowledge(noon, 1));
  CHECK(feed.idle());
  CHECK(feed.bytes() == 0);
  CHECK(feed.append(dawn, item_of_size(1'000)) == 2);
}

TEST_CASE("feed: what was sent and not acknowledged is sent again from its first item on") {
  feed_out feed = made_feed();
  for (int i = 0; i < 3; ++i) feed.append(dawn, item_of_size(1'000));
  CHECK(feed.take_unsent(plenty, plenty).items.size() == 3);
  CHECK(feed.acknowledge(noon, 1));
  CHECK_FALSE(feed.unsent());
  feed.rewind();
  CHECK(feed.unsent());
  const auto again = feed.take_unsent(plenty, plenty);
  CHECK(again.first == 2);
  CHECK(again.items.size() == 2);
}

TEST_CASE("feed: a change is there when it was acknowledged, and those before once it is in sync") {
  feed_out feed = made_feed();
  CHECK_FALSE(feed.covers(3));
  feed.append(dawn, item_of_size(1'000, 4));
  feed.append(dawn, item_of_size(1'000, 5));
  CHECK(feed.take_unsent(plenty, plenty).items.size() == 2);
  CHECK_FALSE(feed.covers(4));
  CHECK(feed.acknowledge(noon, 1));
  CHECK(feed.covers(4));
  CHECK_FALSE(feed.covers(5));
  CHECK_FALSE(feed.covers(3));
  feed.stage = feed_stage::in_sync;
  CHECK(feed.covers(3));
}

TEST_CASE("feed: one that failed has nothing, keeps nothing, and hears no acknowledgement") {
  feed_out feed = made_feed();
  feed.append(dawn, item_of_size(1'000, 4));
  CHECK(feed.take_unsent(plenty, plenty).items.size() == 1);
  feed.stage = feed_stage::in_sync;
  feed.fail();
  CHECK(feed.idle());
  CHECK(feed.bytes() == 0);
  CHECK_FALSE(feed.acknowledge(noon, 1));
  CHECK_FALSE(feed.covers(3));
  CHECK_FALSE(feed.covers(4));
  CHECK(feed.take_unsent(plenty, plenty).items.empty());
}

TEST_CASE("feed: a cache is fed to the positions below the number of its copies") {
  CHECK(made_feed(0).has(1));
  CHECK_FALSE(made_feed(0).has(0));
  CHECK_FALSE(made_feed(1).has(1));
  CHECK(made_feed(1).has(2));
  CHECK(made_feed(wire::whole_scope).has(0));
}

TEST_CASE("feed: who is in the row at a synchronous position is waited for") {
  feed_out feed = made_feed(1);
  CHECK_FALSE(feed.required(2));
  feed.position = 1;
  CHECK(feed.required(2));
  CHECK_FALSE(feed.required(1));
  CHECK_FALSE(feed.required(0));
}

TEST_CASE("feed: who may be in the next row is waited for where it would be, an heir for all") {
  feed_out feed = made_feed(1);
  feed.bound = true;
  CHECK(feed.required(2));
  CHECK_FALSE(feed.required(1));
  feed.heir = true;
  CHECK(feed.required(0));
  feed.bound = false;
  CHECK_FALSE(feed.required(0));
}
