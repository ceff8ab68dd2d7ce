// Every operation of the façade, blocking and with each kind of completion token.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <cstdint>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace face_test;
namespace asio = boost::asio;

namespace {

struct append_word {
  std::string word;

  std::size_t operator()(kith::entry<std::string, std::string>& entry) const {
    if (word == "throw") throw std::runtime_error{"the processor says no"};
    std::string next = entry.exists() ? entry.value() : std::string{};
    next += word;
    const std::size_t size = next.size();
    entry.set(std::move(next));
    return size;
  }
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive & word;
  }
};

using words = kith::cache<std::string, std::string>;
using sums = kith::cache<std::string, std::int64_t>;

void blocking_operations(const words& cache, const sums& counts, const std::string& prefix) {
  const std::string a = prefix + "a";
  const std::string b = prefix + "b";
  CHECK_FALSE(cache.get(a));
  CHECK_FALSE(cache.contains(a));
  const kith::versioned<std::string> absent = cache.get_versioned(a);
  CHECK_FALSE(absent);
  CHECK(cache.compare_and_put(a, absent.version, "1"));
  CHECK_FALSE(cache.compare_and_put(a, absent.version, "2"));
  const kith::versioned<std::string> seen = cache.get_versioned(a);
  CHECK(*seen.value == "1");
  CHECK(cache.put(a, "3") > seen.version);
  CHECK_FALSE(cache.compare_and_put(a, seen.version, "4"));
  CHECK(*cache.get(a) == "3");
  CHECK(cache.contains(a));
  CHECK_FALSE(cache.put_if_absent(a, "5"));
  CHECK(cache.put_if_absent(b, "6"));
  cache.put_many({{prefix + "c", "7"}, {prefix + "d", "8"}});
  const auto found = cache.get_many({prefix + "d", prefix + "none", a, prefix + "c", b});
  REQUIRE(found.size() == 4);
  CHECK(found[0].first == prefix + "d");
  CHECK(*found[1].second == "3");
  CHECK(found[2].first == prefix + "c");
  CHECK(*found[3].second == "6");
  cache.erase(a);
  CHECK_FALSE(cache.get(a));
  CHECK(cache.invoke(a, append_word{"xy"}) == 2);
  CHECK(cache.invoke(a, append_word{"z"}) == 3);
  CHECK(*cache.get(a) == "xyz");
  cache.invoke(a, clear_word{});
  CHECK_FALSE(cache.contains(a));
  CHECK(counts.add(prefix, 5) == 5);
  CHECK(counts.add(prefix, -7) == -2);
  CHECK(*counts.get(prefix) == -2);
}

void future_operations(const words& cache, const sums& counts, const std::string& prefix) {
  const std::string a = prefix + "a";
  CHECK_FALSE(cache.async_get(a, asio::use_future).get());
  CHECK_FALSE(cache.async_contains(a, asio::use_future).get());
  const auto absent = cache.async_get_versioned(a, asio::use_future).get();
  CHECK(cache.async_compare_and_put(a, absent.version, "1", asio::use_future).get());
  CHECK(cache.async_put(a, "2", asio::use_future).get() > absent.version);
  CHECK(cache.async_put(a, "3", {.ttl = 1h}, asio::use_future).get() > absent.version);
  CHECK(*cache.async_get(a, {.read = kith::read::owner}, asio::use_future).get() == "3");
  CHECK_FALSE(cache.async_put_if_absent(a, "4", asio::use_future).get());
  const std::vector<std::pair<std::string, std::string>> more{{prefix + "b", "5"},
                                                              {prefix + "c", "6"}};
  cache.async_put_many(more, asio::use_future).get();
  const std::vector<std::string> keys{prefix + "c", prefix + "none", a};
  const auto found = cache.async_get_many(keys, asio::use_future).get();
  REQUIRE(found.size() == 2);
  CHECK(*found[0].second == "6");
  CHECK(found[1].first == a);
  CHECK(cache.async_invoke(a, append_word{"w"}, asio::use_future).get() == 2);
  cache.async_invoke(a, clear_word{}, asio::use_future).get();
  cache.async_erase(prefix + "b", asio::use_future).get();
  CHECK_FALSE(cache.get(prefix + "b"));
  CHECK(counts.async_add(prefix, 4, asio::use_future).get() == 4);
}

// g++ 12 takes a coroutine's inlined operator delete for another allocator's.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif
asio::awaitable<void> awaited_operations(words cache, sums counts, std::string prefix) {
  const std::string a = prefix + "a";
  CHECK_FALSE(co_await cache.async_get(a, asio::use_awaitable));
  CHECK_FALSE(co_await cache.async_contains(a, asio::use_awaitable));
  const auto absent = co_await cache.async_get_versioned(a, asio::use_awaitable);
  CHECK(co_await cache.async_compare_and_put(a, absent.version, "1", asio::use_awaitable));
  co_await cache.async_put(a, "2", asio::use_awaitable);
  CHECK_FALSE(co_await cache.async_put_if_absent(a, "3", asio::use_awaitable));
  const std::vector<std::pair<std::string, std::string>> more{{prefix + "b", "5"}};
  co_await cache.async_put_many(more, asio::use_awaitable);
  const std::vector<std::string> keys{prefix + "b", a};
  const auto found = co_await cache.async_get_many(keys, asio::use_awaitable);
  CHECK(found.size() == 2);
  const append_word append{"w"};  // g++ 12 ends an aggregate within a co_await expression twice
  CHECK(co_await cache.async_invoke(a, append, asio::use_awaitable) == 2);
  CHECK(co_await counts.async_add(prefix, 4, asio::use_awaitable) == 4);
  co_await cache.async_erase(a, asio::use_awaitable);
  CHECK(co_await cache.async_size(asio::use_awaitable) > 0);
  co_await cache.async_clear(asio::use_awaitable);
  CHECK(co_await cache.async_size(asio::use_awaitable) == 0);
}

}  // namespace

TEST_CASE("face: every operation from every member") {
  members all{3};
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto cache = all[i].cache<std::string, std::string>("words");
    auto counts = all[i].cache<std::string, std::int64_t>("sums");
    cache.register_processor<append_word>("append_word");
    cache.register_processor<clear_word>("clear_word");
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto cache = all[i].cache<std::string, std::string>("words");
    auto counts = all[i].cache<std::string, std::int64_t>("sums");
    blocking_operations(cache, counts, "blocking " + std::to_string(i));
    future_operations(cache, counts, "future " + std::to_string(i));
    asio::io_context context;
    auto done = asio::co_spawn(
        context, awaited_operations(cache, counts, "awaited " + std::to_string(i)),
        asio::use_future);
    context.run();
    done.get();
  }
  auto cache = all[0].cache<std::string, std::string>("words");
  for (int i = 0; i < 30; ++i) cache.put("key" + std::to_string(i), "v");
  CHECK(all[1].cache<std::string, std::string>("words").size() == 30);
  all[2].cache<std::string, std::string>("words").clear();
  CHECK(cache.size() == 0);
  CHECK(cache.async_size(asio::use_future).get() == 0);
}

TEST_CASE("face: callbacks run on the member's executor or on their own and deferred is lazy") {
  members all{2};
  auto cache = all[0].cache<std::string, std::string>("words");
  std::promise<std::thread::id> plain;
  cache.async_put("k", "v", [&](kith::error_code code, kith::version) {
    CHECK_FALSE(code);
    plain.set_value(std::this_thread::get_id());
  });
  CHECK(plain.get_future().get() != std::this_thread::get_id());

  asio::io_context context;
  std::thread::id bound;
  cache.async_get("k", asio::bind_executor(context, [&](kith::error_code code,
                                                        kith::ref<std::string> value) {
                    CHECK_FALSE(code);
                    CHECK(*value == "v");
                    bound = std::this_thread::get_id();
                  }));
  context.run();  // has work until the handler ran
  CHECK(bound == std::this_thread::get_id());

  auto later = cache.async_put("lazy", "v", asio::deferred);
  CHECK_FALSE(cache.contains("lazy"));
  std::move(later)(asio::use_future).get();
  CHECK(cache.contains("lazy"));
}

TEST_CASE("face: an entry lives as long as it was told to") {
  members all{2};
  auto cache = all[0].cache<std::string, std::string>("short", {.ttl = 200ms});
  auto other = all[1].cache<std::string, std::string>("short", {.ttl = 200ms});
  for (int i = 0; i < 8; ++i) {
    const std::string key = "key" + std::to_string(i);
    cache.put(key, "default");
    cache.put(key + "long", "given", {.ttl = 1h});
  }
  for (int i = 0; i < 8; ++i) {
    const std::string key = "key" + std::to_string(i);
    CHECK(wait_until([&] { return !other.get(key) && !cache.get(key); }));
    CHECK(*other.get(key + "long") == "given");
  }
}

TEST_CASE("face: one load in the cluster for all who ask and its failure reaches them") {
  members all{3};
  std::atomic<int> loads{0};
  std::promise<void> go;
  const std::shared_future<void> may_go = go.get_future().share();
  kith::cache_options<std::string, std::string> options;
  options.load = [&loads, may_go](const std::string& key) -> std::optional<std::string> {
    ++loads;
    if (key == "bad") throw std::runtime_error{"no such row"};
    if (key == "none") return std::nullopt;
    may_go.wait();
    return "row " + key;
  };
  std::vector<kith::cache<std::string, std::string>> caches;
  for (std::size_t i = 0; i < all.size(); ++i) {
    caches.push_back(all[i].cache<std::string, std::string>("rows", options));
  }
  std::vector<std::future<kith::ref<std::string>>> reads;
  for (std::size_t i = 0; i < 50; ++i) {
    reads.push_back(caches[i % 3].async_get("one", asio::use_future));
  }
  go.set_value();
  for (auto& each : reads) CHECK(*each.get() == "row one");
  CHECK(loads == 1);
  for (auto& each : caches) CHECK_FALSE(each.get("none"));

  for (auto& each : caches) {
    std::string text;
    CHECK(error_of([&] { static_cast<void>(each.get("bad")); }, &text) == kith::errc::load_failed);
    CHECK(contains(text, "no such row"));
  }
}
