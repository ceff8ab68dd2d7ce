// What holds for every operation alike: how long it may take, its own timeout or the cache's, and
// what it answers when the member is gone.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <boost/asio/deferred.hpp>
#include <boost/asio/use_future.hpp>

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace face_test;
namespace asio = boost::asio;

namespace {

struct keep_word {
  void operator()(kith::entry<std::string, std::string>&) const {}
  template <class Archive>
  void serialize(Archive&, unsigned /*version*/) {}
};

using words = kith::cache<std::string, std::string>;
using sums = kith::cache<std::string, std::int64_t>;
using pairs = std::vector<std::pair<std::string, std::string>>;

const std::vector<std::string> some_keys{"a", "b"};

constexpr auto ignore = [](const std::string&) {};

/// What one operation ended with, and how it said so.
struct ended {
  std::string operation;
  kith::error_code code;
  std::string text;
};

class endings {
 public:
  template <class Operation>
  void add(const std::string& name, Operation&& operation) {
    ended one{name, {}, {}};
    try {
      operation();
    } catch (const boost::system::system_error& wrong) {
      one.code = wrong.code();
      one.text = wrong.what();
    }
    all_.push_back(std::move(one));
  }
  [[nodiscard]] const std::vector<ended>& all() const { return all_; }

 private:
  std::vector<ended> all_;
};

[[nodiscard]] std::vector<ended> blocking(const words& cache, const sums& counts,
                                          kith::duration t) {
  endings each;
  const kith::call_options call{.timeout = t};
  const kith::put_options put{.timeout = t};
  each.add("get", [&] { static_cast<void>(cache.get("k", {.timeout = t})); });
  each.add("visit", [&] { cache.visit("k", ignore, {.timeout = t}); });
  each.add("get_versioned", [&] { static_cast<void>(cache.get_versioned("k", call)); });
  each.add("get_many", [&] { static_cast<void>(cache.get_many(some_keys, {.timeout = t})); });
  each.add("contains", [&] { static_cast<void>(cache.contains("k", call)); });
  each.add("put", [&] { cache.put("k", "v", put); });
  each.add("put_many", [&] { cache.put_many({{"k", "v"}}, put); });
  each.add("put_if_absent", [&] { cache.put_if_absent("k", "v", put); });
  each.add("compare_and_put", [&] { cache.compare_and_put("k", {}, "v", put); });
  each.add("touch", [&] { cache.touch("k", put); });
  each.add("erase", [&] { cache.erase("k", call); });
  each.add("erase_if_version", [&] { cache.erase_if_version("k", {}, call); });
  each.add("add", [&] { counts.add("k", 1, call); });
  each.add("invoke", [&] { cache.invoke("k", keep_word{}, call); });
  each.add("contains_many", [&] { static_cast<void>(cache.contains_many(some_keys, call)); });
  each.add("put_if_absent_many", [&] { cache.put_if_absent_many({{"k", "v"}}, put); });
  each.add("compare_and_put_many", [&] { cache.compare_and_put_many({{"k", {}, "v"}}, put); });
  each.add("touch_many", [&] { cache.touch_many(some_keys, put); });
  each.add("erase_many", [&] { cache.erase_many(some_keys, call); });
  each.add("add_many", [&] { counts.add_many({{"k", 1}}, call); });
  each.add("invoke_many", [&] { cache.invoke_many(some_keys, keep_word{}, call); });
  each.add("clear", [&] { cache.clear(call); });
  each.add("size", [&] { static_cast<void>(cache.size(call)); });
  return each.all();
}

[[nodiscard]] std::vector<ended> async(const words& cache, const sums& counts, kith::duration t) {
  endings each;
  const auto token = asio::use_future;
  const kith::call_options call{.timeout = t};
  const kith::put_options put{.timeout = t};
  const pairs entries{{"k", "v"}};
  const keep_word keep;
  each.add("get", [&] { cache.async_get("k", {.timeout = t}, token).get(); });
  each.add("visit", [&] { cache.async_visit("k", ignore, {.timeout = t}, token).get(); });
  each.add("get_versioned", [&] { cache.async_get_versioned("k", call, token).get(); });
  each.add("get_many", [&] { cache.async_get_many(some_keys, {.timeout = t}, token).get(); });
  each.add("contains", [&] { cache.async_contains("k", call, token).get(); });
  each.add("put", [&] { cache.async_put("k", "v", put, token).get(); });
  each.add("put_many", [&] { cache.async_put_many(entries, put, token).get(); });
  each.add("put_if_absent", [&] { cache.async_put_if_absent("k", "v", put, token).get(); });
  each.add("compare_and_put",
           [&] { cache.async_compare_and_put("k", {}, "v", put, token).get(); });
  each.add("touch", [&] { cache.async_touch("k", put, token).get(); });
  each.add("erase", [&] { cache.async_erase("k", call, token).get(); });
  each.add("erase_if_version",
           [&] { cache.async_erase_if_version("k", {}, call, token).get(); });
  each.add("add", [&] { counts.async_add("k", 1, call, token).get(); });
  each.add("invoke", [&] { cache.async_invoke("k", keep, call, token).get(); });
  each.add("contains_many", [&] { cache.async_contains_many(some_keys, call, token).get(); });
  each.add("put_if_absent_many",
           [&] { cache.async_put_if_absent_many(entries, put, token).get(); });
  each.add("compare_and_put_many",
           [&] { cache.async_compare_and_put_many({{"k", {}, "v"}}, put, token).get(); });
  each.add("touch_many", [&] { cache.async_touch_many(some_keys, put, token).get(); });
  each.add("erase_many", [&] { cache.async_erase_many(some_keys, call, token).get(); });
  each.add("add_many", [&] { counts.async_add_many({{"k", 1}}, call, token).get(); });
  each.add("invoke_many", [&] { cache.async_invoke_many(some_keys, keep, call, token).get(); });
  each.add("clear", [&] { cache.async_clear(call, token).get(); });
  each.add("size", [&] { cache.async_size(call, token).get(); });
  return each.all();
}

/// A member that owns nothing, so that nobody answers.
[[nodiscard]] kith::member_options idle() {
  kith::member_options made = at(cluster_name());
  made.weight = 0;
  return made;
}

[[nodiscard]] bool waits(const std::future<kith::ref<std::string>>& one) {
  return one.wait_for(0s) == std::future_status::timeout;
}

}  // namespace

TEST_CASE("face: every operation ends at its own timeout where that is shorter than the cache's") {
  kith::member alone{idle()};
  auto cache = alone.cache<std::string, std::string>("words", {.timeout = patience});
  auto counts = alone.cache<std::string, std::int64_t>("sums", {.timeout = patience});
  cache.register_processor<keep_word>("keep_word");
  const auto patient = cache.async_get("k", asio::use_future);
  for (const auto& all : {blocking(cache, counts, 5ms), async(cache, counts, 5ms)}) {
    for (const ended& one : all) {
      CAPTURE(one.operation);
      CHECK(one.code == kith::errc::no_owner);
    }
  }
  CHECK(waits(patient));
}

TEST_CASE("face: an operation waits longer than the cache's timeout if it was told to") {
  kith::member alone{at(cluster_name())};
  std::promise<void> go;
  const std::shared_future<void> may_go = go.get_future().share();
  auto cache = alone.cache<std::string, std::string>(
      "rows", {.load =
                   [may_go](const std::string& key) {
                     may_go.wait();
                     return std::optional{"row " + key};
                   },
               .timeout = 1s});
  auto patient = cache.async_get("k", {.timeout = patience}, asio::use_future);
  auto lazy = cache.async_get("k", asio::deferred);
  CHECK(error_of([&] { static_cast<void>(cache.get("k")); }) == kith::errc::timed_out);
  CHECK(waits(patient));
  go.set_value();
  CHECK(*patient.get() == "row k");
  // Its time begins now, not when it was made.
  CHECK(*std::move(lazy)(asio::use_future).get() == "row k");
}

TEST_CASE("face: a timeout that is not positive is refused by its name") {
  kith::member alone{at(cluster_name())};
  auto cache = alone.cache<std::string, std::string>("words");
  auto counts = alone.cache<std::string, std::int64_t>("sums");
  cache.register_processor<keep_word>("keep_word");
  for (const kith::duration wrong : {kith::duration{0}, kith::duration{-1}}) {
    for (const ended& one : blocking(cache, counts, wrong)) {
      CAPTURE(one.operation);
      CHECK(one.code == kith::errc::invalid_argument);
      CHECK(contains(one.text, "timeout"));
    }
    for (const ended& one : async(cache, counts, wrong)) {
      CAPTURE(one.operation);
      CHECK(one.code == kith::errc::invalid_argument);
    }
  }
  CHECK_FALSE(cache.contains("k"));
  cache.put("k", "v", {.timeout = kith::duration::max()});
  CHECK(*cache.get("k", {.timeout = kith::duration::max()}) == "v");
}

TEST_CASE("face: a get of many keys heeds where it may be answered and how old") {
  members all{2};
  std::vector<words> caches;
  for (std::size_t i = 0; i < all.size(); ++i) {
    caches.push_back(all[i].cache<std::string, std::string>("words"));
  }
  std::vector<std::string> keys;
  for (int i = 0; i < 16; ++i) {
    keys.push_back("key" + std::to_string(i));
    caches[0].put(keys.back(), "v");
  }
  const auto hits = [&] { return caches[1].stats().near_hits; };
  REQUIRE(wait_until([&] {
    const std::uint64_t before = hits();
    return caches[1].get_many(keys).size() == keys.size() && hits() > before;
  }));
  const std::uint64_t before = hits();
  CHECK(caches[1].get_many(keys, {.read = kith::read::owner}).size() == keys.size());
  CHECK(caches[1].get_many(keys, {.max_age = -1s}).size() == keys.size());
  CHECK(hits() == before);
  auto owners = caches[1].async_get_many(keys, {.read = kith::read::owner}, asio::use_future);
  CHECK(owners.get().size() == keys.size());
  CHECK(hits() == before);
}

TEST_CASE("face: conditional puts and puts of many take options in their async forms too") {
  members all{1};
  auto cache = all[0].cache<std::string, std::string>("words");
  const auto token = asio::use_future;
  CHECK(cache.async_put_if_absent("a", "v", {.ttl = 1ms}, token).get());
  CHECK(cache.async_compare_and_put("b", {}, "v", {.ttl = 1ms}, token).get());
  cache.async_put_many({{"c", "v"}}, {.ttl = 1ms}, token).get();
  CHECK(wait_until([&] { return cache.get_many({"a", "b", "c"}).empty(); }));
}

TEST_CASE("face: every operation answers closed when its member is gone") {
  auto alone = std::make_unique<kith::member>(at(cluster_name()));
  auto cache = alone->cache<std::string, std::string>("words");
  auto counts = alone->cache<std::string, std::int64_t>("sums");
  cache.register_processor<keep_word>("keep_word");
  alone.reset();
  for (const auto& all : {blocking(cache, counts, patience), async(cache, counts, patience)}) {
    for (const ended& one : all) {
      CAPTURE(one.operation);
      CHECK(one.code == kith::errc::closed);
    }
  }
}
