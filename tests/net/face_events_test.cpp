// Listeners of entries and views through the façade.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <kith/core/mutex.hpp>

#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <future>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

using namespace face_test;

namespace {

using texts = kith::cache<std::string, std::string>;
using text_event = kith::entry_event<std::string, std::string>;

/// What listeners heard, from any thread.
struct diary {
  void add(const std::string& line) {
    const kith::mutex_lock lock{mutex};
    lines.push_back(line);
  }
  [[nodiscard]] std::vector<std::string> all() {
    const kith::mutex_lock lock{mutex};
    return lines;
  }
  kith::mutex mutex;
  std::vector<std::string> lines;
};

}  // namespace

TEST_CASE("face: listeners of all members together hear each change once and in its order") {
  members all{3};
  std::vector<texts> caches;
  std::vector<kith::subscription> subscriptions;
  kith::mutex mutex;
  std::map<std::string, std::vector<std::string>> heard;
  for (std::size_t i = 0; i < all.size(); ++i) {
    caches.push_back(all[i].cache<std::string, std::string>("words"));
    subscriptions.push_back(caches.back().listen_local({
        .changed =
            [&](const text_event& event) {
              const kith::mutex_lock lock{mutex};
              heard[event.key].push_back(event.value.value_or("erased"));
            },
        .values = true,
    }));
  }
  for (int round = 0; round < 20; ++round) {
    for (int k = 0; k < 16; ++k) {
      caches[static_cast<std::size_t>(round + k) % 3].put("key" + std::to_string(k),
                                                          std::to_string(round));
    }
  }
  for (int k = 0; k < 16; ++k) caches[0].erase("key" + std::to_string(k));
  std::vector<std::string> whole;
  for (int round = 0; round < 20; ++round) whole.push_back(std::to_string(round));
  whole.push_back("erased");
  for (int k = 0; k < 16; ++k) {
    CHECK(wait_until([&] {
      const kith::mutex_lock lock{mutex};
      return heard["key" + std::to_string(k)] == whole;
    }));
  }
}

TEST_CASE("face: a listener that ended hears nothing more and one may end itself") {
  members all{1};
  auto cache = all[0].cache<std::string, std::string>("words");
  diary heard;
  kith::subscription outer = cache.listen_local(
      {.changed = [&](const text_event& event) { heard.add("outer " + event.key); }});
  kith::subscription once;
  once = cache.listen_local({.changed = [&](const text_event& event) {
    heard.add("once " + event.key);
    once.end();
  }});
  cache.put("a", "1");
  CHECK(wait_until([&] { return heard.all().size() == 2; }));
  cache.put("b", "2");
  CHECK(wait_until([&] { return heard.all().size() == 3; }));
  outer = {};
  cache.put("c", "3");
  kith::subscription last = cache.listen_local(
      {.changed = [&](const text_event& event) { heard.add("last " + event.key); }});
  cache.put("d", "4");
  CHECK(wait_until([&] { return heard.all().size() == 4; }));
  auto lines = heard.all();
  std::ranges::sort(lines);
  CHECK(lines == std::vector<std::string>{"last d", "once a", "outer a", "outer b"});
}

TEST_CASE("face: a listener that is too slow is told how much it missed") {
  members all{1};
  auto cache = all[0].cache<std::string, std::string>("words");
  std::promise<void> entered;
  std::promise<void> go;
  std::atomic<std::size_t> told{0};
  std::atomic<std::size_t> missed{0};
  const kith::subscription slow = cache.listen_local({
      .changed =
          [&](const text_event&) {
            if (told++ > 0) return;
            entered.set_value();
            go.get_future().wait();
          },
      .missed = [&](const kith::events_missed& what) { missed += what.count; },
      .queue_max = 10,
  });
  cache.put("first", "x");
  entered.get_future().wait();
  for (int i = 0; i < 100; ++i) cache.put("key", std::to_string(i));
  go.set_value();
  CHECK(wait_until([&] { return missed == 90; }));
  CHECK(told == 11);
  cache.put("key", "again");
  CHECK(wait_until([&] { return told == 12; }));
}

// Goal: a listener with much to hear does not keep the only thread from a loader. Method: after the
// events of one run it waits until the loader, which waits for that thread, has run.
TEST_CASE("face: loaders have their turns beside a listener that is never done") {
  constexpr int one_run = 64;
  kith::member_options options = at(cluster_name());
  options.loader_threads = 1;
  kith::member member{options};
  std::promise<void> entered;
  std::promise<void> go;
  std::promise<void> loaded;
  kith::cache_options<std::string, std::string> loading;
  loading.timeout = patience;
  loading.load = [&](const std::string&) {
    loaded.set_value();
    return std::string{"row"};
  };
  auto cache = member.cache<std::string, std::string>("words", loading);
  int told = 0;
  std::promise<bool> in_time;
  const kith::subscription busy = cache.listen_local({.changed = [&](const text_event&) {
    if (++told == 1) {
      entered.set_value();
      go.get_future().wait();
    }
    if (told == one_run + 1) {
      in_time.set_value(loaded.get_future().wait_for(patience) == std::future_status::ready);
    }
  }});
  cache.put("key", "first");
  entered.get_future().wait();
  for (int i = 0; i < 2 * one_run; ++i) cache.put("key", std::to_string(i));
  auto row = cache.async_get("absent", boost::asio::use_future);
  REQUIRE(wait_until([&] { return member.stats().jobs.waiting == 1; }));
  go.set_value();
  CHECK(*row.get() == "row");
  CHECK(in_time.get_future().get());
}

TEST_CASE("face: what a listener throws is logged and counted and it may use the cache") {
  diary log;
  kith::member_options options = at(cluster_name());
  options.log = [&](const kith::log_record& record) { log.add(record.event); };
  kith::member member{options};
  auto cache = member.cache<std::string, std::string>("words");
  const kith::subscription copies = cache.listen_local({.changed = [&](const text_event& event) {
    if (event.key == "bad") throw std::runtime_error{"no"};
    if (event.key == "source") cache.put("copy", *cache.get("source"));
  }});
  cache.put("bad", "x");
  cache.put("source", "text");
  CHECK(wait_until([&] { return cache.contains("copy"); }));
  CHECK(*cache.get("copy") == "text");
  CHECK(cache.stats().listener_failures == 1);
  const auto lines = log.all();
  CHECK(std::ranges::count(lines, "listener threw") == 1);
}

TEST_CASE("face: what a listener of views throws is logged and counted") {
  auto name = cluster_name();
  diary log;
  kith::member_options options = at(name);
  options.log = [&](const kith::log_record& record) { log.add(record.event); };
  kith::member first{options};
  const kith::subscription fails =
      first.on_view([](const kith::view_event&) { throw std::runtime_error{"no"}; });
  const kith::member second{at(name, {first.address()})};
  CHECK(wait_until([&] { return first.stats().driver.view_listener_failures > 0; }));
  CHECK(wait_until([&] { return std::ranges::count(log.all(), "listener threw") > 0; }));
}

TEST_CASE("face: views tell who came and went and what this member has to own") {
  auto name = cluster_name();
  kith::member first{at(name)};
  kith::mutex mutex;
  std::vector<kith::view_event> views;
  kith::subscription listening = first.on_view([&](const kith::view_event& event) {
    const kith::mutex_lock lock{mutex};
    views.push_back(event);
  });
  auto cache = first.cache<std::string, std::string>("words");
  std::atomic<std::size_t> moved{0};
  const kith::subscription entries = cache.listen_local({
      .changed = [](const text_event&) {},
      .missed = [&](const kith::events_missed& what) { moved += what.moved_here ? 1 : 0; },
  });
  // Of all views so far: partitions move in views of their own, when what they have was copied.
  struct totals {
    std::vector<kith::endpoint> joined;
    std::size_t left = 0;
    std::size_t gained = 0;
    std::size_t lost = 0;
  };
  const auto told = [&] {
    const kith::mutex_lock lock{mutex};
    totals all;
    for (const kith::view_event& each : views) {
      all.joined.insert(all.joined.end(), each.joined.begin(), each.joined.end());
      all.left += each.left.size();
      all.gained += each.gained.size();
      all.lost += each.lost.size();
    }
    return all;
  };
  std::size_t gained_before = 0;
  {
    kith::member second{at(name, {first.address()})};
    const kith::endpoint where = second.address();
    CHECK(wait_until([&] {
      const totals all = told();
      return !all.joined.empty() && all.joined.back() == where && all.lost == 512;
    }));
    gained_before = told().gained;
    moved = 0;
  }
  CHECK(wait_until([&] {
    const totals all = told();
    return all.left == 1 && all.gained == gained_before + 512 && all.lost == 512;
  }));
  CHECK(wait_until([&] { return moved == 512; }));
  listening.end();
}

TEST_CASE("face: subscriptions may outlive their member and a listener needs a function") {
  kith::subscription entries;
  kith::subscription views;
  {
    kith::member member{at(cluster_name())};
    auto cache = member.cache<std::string, std::string>("words");
    entries = cache.listen_local({.changed = [](const text_event&) {}});
    views = member.on_view([](const kith::view_event&) {});
    CHECK(error_of([&] { static_cast<void>(cache.listen_local({})); }) ==
          kith::errc::invalid_argument);
    CHECK(error_of([&] { static_cast<void>(member.on_view({})); }) == kith::errc::invalid_argument);
    cache.put("a", "1");
  }
  CHECK(entries);
  entries.end();
  views.end();
  CHECK_FALSE(entries);
}
