// visit: a function sees the value where it lies, on the calling thread or the handler's executor.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace face_test;
namespace asio = boost::asio;

namespace {

/// A value that tells of its copies.
struct precious {
  static inline std::atomic<int> copies{0};

  std::uint32_t number = 0;

  precious() = default;
  explicit precious(std::uint32_t n) : number{n} {}
  precious(precious&&) = default;
  precious& operator=(precious&&) = default;
  precious(const precious& other) : number{other.number} { ++copies; }
  precious& operator=(const precious& other) {
    number = other.number;
    ++copies;
    return *this;
  }
};

using words = kith::cache<std::string, std::string>;

}  // namespace

template <>
struct kith::codec<precious> {
  static constexpr std::string_view tag = "precious 1";
  static void write(const precious& p, kith::byte_sink& out) { out.put(p.number); }
  static bool read(kith::byte_source& in, precious& p) { return in.take(p.number); }
};

TEST_CASE("face: visit shows the value of a key that is there, from the owner and from near") {
  members all{2};
  auto left = all[0].cache<std::string, precious>("precious");
  auto right = all[1].cache<std::string, precious>("precious");
  for (std::uint32_t i = 0; i < 8; ++i) {
    const std::string key = "key" + std::to_string(i);
    CHECK_FALSE(right.visit(key, [](const precious&) { FAIL("there is none"); }));
    left.put(key, precious{i});
  }
  precious::copies = 0;
  std::uint64_t seen = 0;
  const auto see = [&](const precious& value) { seen += value.number; };
  for (int round = 0; round < 4; ++round) {
    seen = 0;
    for (int i = 0; i < 8; ++i) CHECK(right.visit("key" + std::to_string(i), see));
    CHECK(seen == 28);
  }
  CHECK(right.stats().near_hits > 0);
  CHECK(right.visit("key1", see, {.read = kith::read::owner}));
  CHECK(precious::copies == 0);
}

TEST_CASE("face: visit loads an absent key as get does") {
  members all{2};
  std::atomic<int> loads{0};
  std::vector<words> caches;
  for (std::size_t i = 0; i < all.size(); ++i) {
    caches.push_back(all[i].cache<std::string, std::string>(
        "rows", {.load = [&](const std::string& key) -> std::optional<std::string> {
          ++loads;
          if (key == "none") return std::nullopt;
          return "row " + key;
        }}));
  }
  std::string seen;
  const auto see = [&](const std::string& value) { seen = value; };
  CHECK(caches[0].visit("a", see));
  CHECK(seen == "row a");
  CHECK(caches[1].visit("a", see));
  CHECK(loads == 1);
  CHECK_FALSE(caches[1].visit("none", see));
  CHECK_FALSE(caches[1].async_visit("none", see, asio::use_future).get());
  CHECK(seen == "row a");
}

TEST_CASE("face: what a visitor throws reaches the caller, and a visitor may use the cache") {
  members all{1};
  auto cache = all[0].cache<std::string, std::string>("words");
  cache.put("k", "v");
  CHECK_THROWS_AS(cache.visit("k", [](const std::string&) { throw std::runtime_error{"mine"}; }),
                  std::runtime_error);
  CHECK(cache.visit("k", [&](const std::string& value) {
    cache.put("k", "w");
    CHECK(*cache.get("k") == "w");
    CHECK(value == "v");
  }));
}

TEST_CASE("face: an async visitor runs on the handler's executor before the handler") {
  members all{2};
  const words caches[] = {all[0].cache<std::string, std::string>("words"),
                          all[1].cache<std::string, std::string>("words")};
  for (int i = 0; i < 8; ++i) {
    const std::string key = "key" + std::to_string(i);
    caches[0].put(key, "v");
    for (const words& cache : caches) {
      for (int round = 0; round < 2; ++round) {  // from the owner, then from near
        asio::io_context context;
        std::thread::id visited;
        std::optional<bool> told;
        cache.async_visit(
            key,
            [&, alone = std::make_unique<int>()](const std::string& value) {
              CHECK(value == "v");
              CHECK_FALSE(told);
              visited = std::this_thread::get_id();
            },
            asio::bind_executor(context, [&](kith::error_code code, bool present) {
              CHECK_FALSE(code);
              told = present;
            }));
        context.run();
        CHECK(visited == std::this_thread::get_id());
        CHECK(told == true);
      }
    }
  }
  std::promise<std::pair<std::thread::id, std::thread::id>> threads;
  auto visited = std::make_shared<std::thread::id>();
  caches[0].async_visit(
      "key1", [visited](const std::string&) { *visited = std::this_thread::get_id(); },
      {.max_age = 1s}, [&, visited](kith::error_code, bool) {
        threads.set_value({*visited, std::this_thread::get_id()});
      });
  const auto [first, second] = threads.get_future().get();
  CHECK(first == second);
}

// g++ 12 takes a coroutine's inlined operator delete for another allocator's.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif
TEST_CASE("face: the handler is told once when its async visitor throws") {
  members all{1};
  auto cache = all[0].cache<std::string, std::string>("words");
  cache.put("k", "v");
  const auto fail = [](const std::string&) { throw std::runtime_error{"mine"}; };
  asio::io_context context;
  int calls = 0;
  cache.async_visit("k", fail,
                    asio::bind_executor(context, [&](kith::error_code code, bool present) {
                      CHECK(code == kith::errc::visitor_failed);
                      CHECK(present);
                      ++calls;
                    }));
  context.run();
  CHECK(calls == 1);
  kith::error_code code;
  const auto awaited = [&]() -> asio::awaitable<void> {
    try {
      co_await cache.async_visit("k", fail, asio::use_awaitable);
    } catch (const boost::system::system_error& wrong) {
      code = wrong.code();
    }
  };
  asio::io_context second;
  auto done = asio::co_spawn(second, awaited(), asio::use_future);
  second.run();
  done.get();
  CHECK(code == kith::errc::visitor_failed);
}
