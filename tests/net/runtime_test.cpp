// Real members in one process, over the loopback: the machines under threads, sockets and timers.
#include <doctest/doctest.h>

#include "real_member.hpp"
#include "support.hpp"

#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace net_test;

namespace {

kith::net::runtime_options options_for(const std::string& name,
                                       const std::vector<kith::endpoint>& others = {}) {
  kith::net::runtime_options options;
  options.cluster = name;
  options.membership.candidates = others;
  return options;
}

/// `size` members that know the first one's address.
class real_cluster {
 public:
  explicit real_cluster(std::size_t size, std::size_t io_threads = 1) {
    auto first = options_for("runtime test");
    first.io_threads = io_threads;
    members_.push_back(std::make_unique<real_member>(first));
    while (members_.size() < size) {
      auto next = options_for("runtime test", {members_[0]->runtime().local()});
      next.io_threads = io_threads;
      members_.push_back(std::make_unique<real_member>(next));
    }
  }

  real_member& operator[](std::size_t i) { return *members_[i]; }
  void stop(std::size_t i) { members_[i]->stop(); }

  /// Waits until all of `running` see a view of that size.
  [[nodiscard]] bool wait_for_view(std::size_t size, const std::vector<std::size_t>& running) {
    return std::all_of(running.begin(), running.end(), [&](std::size_t i) {
      return wait_until([&] { return sees(*members_[i], size); });
    });
  }

 private:
  std::vector<std::unique_ptr<real_member>> members_;
};

TEST_CASE("runtime: a member alone serves") {
  real_member alone{options_for("alone")};
  auto cache = alone.cache<std::string, std::string>("c");
  cache.put("k", "v");
  CHECK(*cache.get("k") == "v");
  cache.erase("k");
  CHECK_FALSE(cache.get("k"));
  CHECK(cache.async_put("a", "b", boost::asio::use_future).get() != kith::version{});
  CHECK(*cache.async_get("a", boost::asio::use_future).get() == "b");
}

TEST_CASE("runtime: three members share a cache, and one that leaves is missed by nobody") {
  real_cluster all{3};
  REQUIRE(all.wait_for_view(3, {0, 1, 2}));
  std::vector<kith::cache<std::string, std::string>> caches;
  for (std::size_t i = 0; i < 3; ++i) {
    caches.push_back(all[i].cache<std::string, std::string>("shared"));
  }
  for (int i = 0; i < 200; ++i) {
    const std::string key = "key" + std::to_string(i);
    caches[static_cast<std::size_t>(i % 3)].put(key, std::to_string(i));
  }
  for (auto& each : caches) {
    for (int i = 0; i < 200; ++i) {
      CHECK(*each.get("key" + std::to_string(i)) == std::to_string(i));
    }
  }
  all.stop(1);
  REQUIRE(all.wait_for_view(2, {0, 2}));
  for (int i = 0; i < 200; ++i) {
    const std::string key = "key" + std::to_string(i);
    caches[0].put(key, "again");
    CHECK(*caches[2].get(key, {.read = kith::read::owner}) == "again");
  }
  CHECK_THROWS_AS(caches[1].put("key", "late"), kith::error);
}

TEST_CASE("runtime: many keys at once, large values, counters, several threads") {
  for (const std::size_t io_threads : {1u, 2u}) {
    real_cluster all{2, io_threads};
    REQUIRE(all.wait_for_view(2, {0, 1}));
    auto left = all[0].cache<std::int64_t, std::string>("many");
    auto right = all[1].cache<std::int64_t, std::string>("many");
    std::vector<std::pair<std::int64_t, std::string>> entries;
    std::vector<std::int64_t> keys;
    for (std::int64_t i = 0; i < 500; ++i) {
      entries.emplace_back(i, std::to_string(i));
      keys.push_back(i);
    }
    left.put_many(entries);
    CHECK(right.get_many(keys).size() == 500);
    CHECK(right.size() == 500);
    const std::string large(4 << 20, 'x');
    for (std::int64_t i = 0; i < 4; ++i) left.put(i, large);
    for (std::int64_t i = 0; i < 4; ++i) CHECK(right.get(i)->size() == large.size());

    auto hits = all[0].cache<std::string, std::int64_t>("hits");
    auto hits_too = all[1].cache<std::string, std::int64_t>("hits");
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        auto& mine = t % 2 == 0 ? hits : hits_too;
        for (int i = 0; i < 100; ++i) mine.add("key" + std::to_string(i % 7), 1);
      });
    }
    for (std::thread& each : threads) each.join();
    std::int64_t sum = 0;
    for (int i = 0; i < 7; ++i) {
      sum += *hits.get("key" + std::to_string(i), {.read = kith::read::owner});
    }
    CHECK(sum == 400);
  }
}

TEST_CASE("runtime: one load in the cluster, and its failure reaches those who wait") {
  real_cluster all{2};
  REQUIRE(all.wait_for_view(2, {0, 1}));
  std::atomic<int> loads{0};
  kith::cache_options<std::string, std::string> loading;
  loading.load = [&](const std::string& key) -> std::optional<std::string> {
    ++loads;
    if (key == "bad") throw std::runtime_error{"no such row"};
    if (key == "none") return std::nullopt;
    return "loaded " + key;
  };
  auto left = all[0].cache<std::string, std::string>("rows", loading);
  auto right = all[1].cache<std::string, std::string>("rows", loading);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      CHECK(*(t % 2 == 0 ? left : right).get("one") == "loaded one");
    });
  }
  for (std::thread& each : threads) each.join();
  CHECK(loads == 1);
  CHECK_FALSE(left.get("none"));
  CHECK_THROWS(left.get("bad"));
  CHECK_THROWS(right.get("bad"));
}

TEST_CASE("runtime: what one member writes, the other's near cache drops") {
  real_cluster all{2};
  REQUIRE(all.wait_for_view(2, {0, 1}));
  auto writer = all[0].cache<std::string, std::string>("near");
  auto reader = all[1].cache<std::string, std::string>("near");
  for (int i = 0; i < 50; ++i) {
    const std::string key = "key" + std::to_string(i);
    writer.put(key, "old");
    CHECK(*reader.get(key) == "old");
    CHECK(*reader.get(key) == "old");
    writer.put(key, "new");
    CHECK(wait_until([&] { return *reader.get(key) == "new"; }));
  }
}

TEST_CASE("runtime: a stopped member answers closed, blocking on its own thread is refused") {
  real_member first{options_for("closing")};
  auto cache = first.cache<std::string, std::string>("c");
  std::promise<bool> refused;
  boost::asio::post(first.runtime().handler_executor(), [&] {
    try {
      cache.put("k", "v");
      refused.set_value(false);
    } catch (const kith::error& error) {
      refused.set_value(error.code() == kith::errc::would_deadlock);
    }
  });
  CHECK(refused.get_future().get());
  first.stop();
  try {
    cache.put("k", "v");
    CHECK(false);
  } catch (const kith::error& error) {
    CHECK(error.code() == kith::errc::closed);
  }
  CHECK_THROWS_AS((first.cache<std::string, std::string>("d")), kith::error);
}

// Goal: a member that asks and does not read costs the owner a bounded amount, and loses nothing.
// Method: its thread of the network is held up while it asks for large values; the owner tells it
// to come again; let go, it gets them all.
TEST_CASE("runtime: a peer that does not read is put off, not forgotten") {
  auto options = options_for("flood");
  options.links.connection.outbox.soft_bytes = 4 << 20;
  real_member owner{options};
  real_member greedy{options_for("flood", {owner.runtime().local()})};
  auto values = owner.cache<std::int64_t, std::string>("big");
  auto same = greedy.cache<std::int64_t, std::string>("big", {.timeout = patience});
  const auto two_members = [](real_member& one) {
    const auto view = one.runtime().view();
    return view && view->size() == 2;
  };
  while (!two_members(owner) || !two_members(greedy)) std::this_thread::yield();

  const auto view = owner.runtime().view();
  std::vector<std::int64_t> keys;
  for (std::int64_t key = 0; keys.size() < 40; ++key) {
    const kith::encoded_key<std::int64_t> encoded{key};
    const auto* holder = view->owner_of(kith::partition_of(encoded.hash()));
    if (holder->address != owner.runtime().local()) continue;
    keys.push_back(key);
    values.put(key, std::string(1 << 20, 'x'));
  }
  std::promise<void> entered;
  std::promise<void> release;
  boost::asio::post(greedy.runtime().handler_executor(), [&] {
    entered.set_value();
    release.get_future().wait();
  });
  entered.get_future().wait();
  std::vector<std::future<kith::ref<std::string>>> answers;
  for (const std::int64_t key : keys) {
    answers.push_back(same.async_get(key, boost::asio::use_future));
  }
  CHECK(wait_until([&] { return owner.runtime().counters().parked > 0; }));
  release.set_value();
  for (auto& each : answers) CHECK(each.get()->size() == 1 << 20);
}

TEST_CASE("runtime: members started at once form one cluster") {
  for (int round = 0; round < 3; ++round) {
    std::vector<kith::endpoint> ports;
    {
      // Free ports, known before anybody starts.
      boost::asio::io_context context;
      std::vector<std::shared_ptr<kith::net::listener>> held;
      for (int i = 0; i < 5; ++i) {
        held.push_back(
            std::make_shared<kith::net::listener>(context, kith::net::listen_options{}));
        ports.push_back(held.back()->local());
      }
    }
    std::vector<std::unique_ptr<real_member>> members;
    for (const kith::endpoint& mine : ports) {
      auto options = options_for("at once", ports);
      options.listen.first_port = options.listen.last_port = mine.port;
      members.push_back(std::make_unique<real_member>(options));
    }
    for (const auto& each : members) {
      CHECK(wait_until([&] { return sees(*each, members.size()); }));
    }
    // Destroyed side by side: a member that leaves waits for the others.
    std::vector<std::thread> ends;
    for (auto& each : members) ends.emplace_back([&] { each->stop(); });
    for (std::thread& each : ends) each.join();
  }
}

}  // namespace
