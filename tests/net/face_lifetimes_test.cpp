// The times of entries as a reader with a near cache sees them, whose keys another member owns.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <future>
#include <optional>
#include <string>
#include <vector>

using namespace face_test;

namespace {

using timed = kith::cache<std::string, std::string>;
using timed_options = kith::cache_options<std::string, std::string>;

/// A reader and an owner of one cache, and keys of the owner.
struct reader_and_owner {
  explicit reader_and_owner(timed_options options) {
    options.timeout = patience;
    options.near.max_staleness = patience;
    reader = all[0].cache<std::string, std::string>("timed", options);
    owner = all[1].cache<std::string, std::string>("timed", options);
    for (int i = 0; keys.size() < 32; ++i) {
      std::string next = "key" + std::to_string(i);
      if (reader->explain(next).owner == all[1].address()) keys.push_back(std::move(next));
    }
  }
  [[nodiscard]] const std::string& key() const { return keys.front(); }
  /// What is left of the near copy of `key`, which the reader gets first.
  [[nodiscard]] std::optional<kith::duration> copy_left(const std::string& key) {
    std::optional<kith::explanation::near_entry> near;
    CHECK(wait_until([&] {
      static_cast<void>(reader->get(key));
      near = reader->explain(key).near;
      return near && near->alive;
    }));
    return near->ttl_left;
  }
  [[nodiscard]] auto counted() { return all[1].stats().lanes.owner; }

  members all{2};
  std::optional<timed> reader;
  std::optional<timed> owner;
  std::vector<std::string> keys;
};

}  // namespace

TEST_CASE("lifetimes: a reader's copy ends when a refresh is due and what it reads is renewed") {
  timed_options options;
  options.ttl = 2h;
  options.loading.refresh_after = 1h;
  options.load = [](const std::string&) { return std::string{"row"}; };
  reader_and_owner fresh{options};
  CHECK(fresh.copy_left(fresh.key()) <= 1h);

  std::atomic<int> row{1};
  options.loading.refresh_after = 1ms;
  options.load = [&](const std::string&) { return std::to_string(row); };
  reader_and_owner due{options};
  CHECK(*due.reader->get(due.key()) == "1");
  static_cast<void>(due.copy_left(due.key()));
  row = 2;
  CHECK(wait_until([&] { return *due.reader->get(due.key()) == "2"; }));
  CHECK(due.reader->stats().near_hits > 0);
  CHECK(due.counted().refreshes > 0);
  CHECK(due.reader->stats().absent == 0);
}

TEST_CASE("lifetimes: copies of what was written together end apart where there is a jitter") {
  timed_options options;
  options.ttl = 2h;
  options.ttl_jitter = 1h;
  reader_and_owner both{options};
  std::vector<kith::duration> left;
  for (const std::string& key : both.keys) both.owner->put(key, "value");
  for (const std::string& key : both.keys) {
    const auto of_copy = both.copy_left(key);
    REQUIRE(of_copy);
    CHECK(*of_copy <= 2h);
    CHECK(*of_copy > 1h - patience);
    left.push_back(*of_copy);
  }
  const auto [least, most] = std::ranges::minmax(left);
  CHECK(most - least > 10min);
}

TEST_CASE("lifetimes: a copy lives at most half of the idle time and ends with its entry") {
  timed_options options;
  options.idle = 2h;
  reader_and_owner used{options};
  used.owner->put(used.key(), "value");
  CHECK(used.copy_left(used.key()) <= 1h);

  options.idle = 40ms;
  reader_and_owner idle{options};
  idle.owner->put(idle.key(), "value");
  static_cast<void>(idle.reader->get(idle.key()));
  CHECK(wait_until([&] { return idle.owner->size() == 0; }));
  CHECK_FALSE(idle.reader->get(idle.key()));
}

TEST_CASE("lifetimes: an absence is remembered at its owner and ends with a write") {
  std::atomic<int> runs{0};
  timed_options options;
  options.loading.negative_ttl = 1h;
  options.load = [&](const std::string&) -> std::optional<std::string> {
    ++runs;
    return std::nullopt;
  };
  reader_and_owner both{options};
  for (int i = 0; i < 5; ++i) CHECK_FALSE(both.reader->get(both.key()));
  CHECK_FALSE(both.owner->get(both.key()));
  CHECK(runs == 1);
  CHECK(both.reader->stats().absent == 5);
  CHECK(both.counted().absences_answered == 5);
  both.owner->put(both.key(), "value");
  static_cast<void>(both.copy_left(both.key()));
  CHECK(*both.reader->get(both.key()) == "value");
  both.owner->erase(both.key());
  CHECK_FALSE(both.reader->get(both.key(), {.read = kith::read::owner}));
  CHECK(runs == 2);

  options.loading.negative_ttl = 1ms;
  reader_and_owner brief{options};
  CHECK(wait_until([&] { return !brief.reader->get(brief.key()) && runs > 3; }));
}

TEST_CASE("lifetimes: a value whose time is over is answered at once and kept by no reader") {
  std::promise<void> opened;
  std::atomic<int> runs{0};
  timed_options options;
  options.ttl = 20ms;
  options.loading.stale_while_revalidate = 1h;
  options.load = [&, open = opened.get_future().share()](
                     const std::string&) -> kith::loaded_value<std::string> {
    if (++runs == 1) return {.value = "old"};
    open.wait();
    return {.value = "new", .ttl = 1h};
  };
  reader_and_owner both{options};
  CHECK(*both.reader->get(both.key()) == "old");
  CHECK(wait_until([&] {
    CHECK(*both.reader->get(both.key()) == "old");
    return both.counted().stale_answered > 0;
  }));
  for (int i = 0; i < 5; ++i) {
    CHECK(*both.reader->get(both.key()) == "old");
    const auto near = both.reader->explain(both.key()).near;
    CHECK_FALSE((near && near->alive));
  }
  CHECK(wait_until([&] { return runs == 2; }));
  opened.set_value();
  CHECK(wait_until([&] { return *both.reader->get(both.key()) == "new"; }));
  CHECK(runs == 2);
}
