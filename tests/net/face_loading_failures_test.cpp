// What becomes of users' functions that throw where a value is put or loaded: who is told, and what
// is counted.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <boost/asio/use_future.hpp>

#include <atomic>
#include <cstddef>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace face_test;
namespace asio = boost::asio;

namespace {

using failing = kith::cache<std::string, std::string>;
using failing_options = kith::cache_options<std::string, std::string>;
using failing_rows = std::vector<std::pair<std::string, std::string>>;

/// Throws for keys that begin with "bad", and what is no exception for "odd".
[[nodiscard]] failing_options with_expiry_that_throws() {
  failing_options options;
  options.timeout = patience;
  options.expiry = [](const std::string& key, const std::string&) -> std::optional<kith::duration> {
    if (key.starts_with("bad")) throw std::runtime_error{"no such tariff"};
    if (key == "odd") throw 3;
    return 1h;
  };
  return options;
}

template <class Future>
[[nodiscard]] kith::error_code told_by(Future&& future) {
  try {
    future.get();
  } catch (const boost::system::system_error& failed) {
    return failed.code();
  }
  return {};
}

}  // namespace

TEST_CASE("loading: what an expiry function throws is the error of the put") {
  members all{1};
  const failing cache =
      all[0].cache<std::string, std::string>("expiry", with_expiry_that_throws());
  std::string text;
  CHECK(error_of([&] { cache.put("bad", "v"); }, &text) == kith::errc::invalid_argument);
  CHECK(contains(text, "expiry: no such tariff"));
  CHECK(error_of([&] { cache.put("odd", "v"); }, &text) == kith::errc::invalid_argument);
  CHECK(contains(text, "expiry"));
  CHECK(error_of([&] { cache.put_if_absent("bad", "v"); }) == kith::errc::invalid_argument);
  CHECK(error_of([&] { cache.compare_and_put("bad", {}, "v"); }) == kith::errc::invalid_argument);
  CHECK(error_of([&] { cache.put_many({{"good", "v"}, {"bad", "v"}}); }) ==
        kith::errc::invalid_argument);
  try {
    cache.put("bad", "v");
    FAIL("nothing was thrown");
  } catch (const kith::error& wrong) {
    CHECK_THROWS_WITH_AS(std::rethrow_if_nested(wrong), "no such tariff", std::runtime_error);
  }
  const auto token = asio::use_future;
  CHECK(told_by(cache.async_put("bad", "v", token)) == kith::errc::invalid_argument);
  CHECK(told_by(cache.async_put_if_absent("bad", "v", token)) == kith::errc::invalid_argument);
  CHECK(told_by(cache.async_compare_and_put("bad", {}, "v", token)) ==
        kith::errc::invalid_argument);
  CHECK(told_by(cache.async_put_many({{"good", "v"}, {"bad", "v"}}, token)) ==
        kith::errc::invalid_argument);
  CHECK(cache.stats().writes_failed == 10);
  CHECK(cache.size() == 0);  // nothing was asked of anybody
  // It is asked only where it decides.
  cache.put("bad", "v", {.ttl = 1h});
  CHECK(*cache.get("bad") == "v");
}

// Method: several wait for one load, at its owner and at another member; then the row comes.
TEST_CASE("loading: an expiry function that throws on a loaded row releases all who wait") {
  members all{2};
  std::promise<void> opened;
  failing_options options = with_expiry_that_throws();
  options.load = [open = opened.get_future().share()](const std::string&) {
    open.wait();
    return std::string{"row"};
  };
  const std::vector<failing> caches = open_words(all, options);
  std::vector<std::future<kith::ref<std::string>>> readers;
  for (int i = 0; i < 24; ++i) {
    readers.push_back(caches[static_cast<std::size_t>(i) % 2].async_get(
        "bad" + std::to_string(i % 3), asio::use_future));
  }
  opened.set_value();
  for (auto& reader : readers) {
    REQUIRE(reader.wait_for(patience) == std::future_status::ready);
    CHECK(told_by(reader) == kith::errc::load_failed);
  }
  std::string text;
  CHECK(error_of([&] { static_cast<void>(caches[0].get("bad0")); }, &text) ==
        kith::errc::load_failed);
  CHECK(contains(text, "no such tariff"));
  CHECK(*caches[0].get("good") == "row");
  std::uint64_t failed = 0;
  for (const failing& each : caches) failed += each.stats().loads_failed;
  CHECK(failed >= 4);
}

TEST_CASE("loading: of many rows the one whose expiry throws fails alone") {
  members all{1};
  std::atomic<std::size_t> loaded{0};
  failing_options options = with_expiry_that_throws();
  options.load_many = [&](const std::vector<std::string>& keys) {
    loaded += keys.size();
    failing_rows rows;
    for (const std::string& key : keys) rows.emplace_back(key, "row");
    return rows;
  };
  const failing cache = all[0].cache<std::string, std::string>("rows", options);
  CHECK(error_of([&] { static_cast<void>(cache.get_many({"one", "bad", "two"})); }) ==
        kith::errc::load_failed);
  CHECK(loaded == 3);
  CHECK(cache.get_many({"one", "two"}).size() == 2);
  CHECK(loaded == 3);
}

TEST_CASE("loading: rows and calls of load_many that failed are counted and timed as of load") {
  members all{1};
  failing_options options;
  options.timeout = patience;
  options.load_many = [](const std::vector<std::string>& keys) {
    if (keys.front() == "none") throw std::runtime_error{"no database"};
    failing_rows rows;
    for (const std::string& key : keys) {
      rows.emplace_back(key, key == "long" ? std::string(9 << 20, 'x') : "row");
    }
    return rows;
  };
  const failing cache = all[0].cache<std::string, std::string>("counted", options);
  CHECK(error_of([&] { static_cast<void>(cache.get_many({"one", "long", "two"})); }) ==
        kith::errc::load_failed);
  CHECK(cache.stats().loads_here == 3);
  CHECK(cache.stats().loads_failed == 1);
  CHECK(cache.stats().load_times.count() == 1);
  CHECK(error_of([&] { static_cast<void>(cache.get_many({"none", "neither"})); }) ==
        kith::errc::load_failed);
  CHECK(cache.stats().loads_here == 5);
  CHECK(cache.stats().loads_failed == 3);
  CHECK(cache.stats().load_times.count() == 2);
}
