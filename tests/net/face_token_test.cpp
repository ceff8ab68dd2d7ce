// Causal tokens through the façade: what is refused, and what a read behind one sees.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <boost/asio/use_future.hpp>

#include <string>
#include <vector>

using namespace face_test;
namespace asio = boost::asio;

TEST_CASE("face: a read behind a token sees the write that it names from every member") {
  members all{3};
  std::vector<kith::cache<std::string, std::string>> caches;
  for (std::size_t i = 0; i < all.size(); ++i) {
    caches.push_back(all[i].cache<std::string, std::string>("pages"));
  }
  for (int round = 0; round < 50; ++round) {
    const auto& writer = caches[static_cast<std::size_t>(round) % 3];
    for (const auto& each : caches) static_cast<void>(each.get("/"));  // near copies of the last
    const std::string text = "page " + std::to_string(round);
    const std::string told = to_string(writer.token("/", writer.put("/", text)));
    const kith::causal_token after = kith::parse_causal_token(told);
    for (const auto& each : caches) {
      CHECK(*each.get("/", {.after = after}) == text);
      CHECK(*each.async_get("/", {.after = after}, asio::use_future).get() == text);
    }
  }
  const kith::causal_token gone = caches[0].token("/", caches[0].erase("/"));
  for (const auto& each : caches) CHECK_FALSE(each.get("/", {.after = gone}));
}

TEST_CASE("face: a near hit that covers a token is served without a message") {
  members all{2};
  kith::cache_options<std::string, std::string> options;
  options.near.max_staleness = patience;
  auto cache = all[0].cache<std::string, std::string>("pages", options);
  auto other = all[1].cache<std::string, std::string>("pages", options);
  int elsewhere = 0;
  for (int i = 0; i < 64; ++i) {
    const std::string key = "page " + std::to_string(i);
    const kith::causal_token after = other.token(key, other.put(key, "text"));
    CHECK(*cache.get(key, {.after = after}) == "text");
    CHECK(*cache.get(key, {.after = after}) == "text");
    const kith::ref<std::string> seen = cache.get(key);
    CHECK(*other.get(key, {.after = cache.token(key, seen.version())}) == "text");
    if (cache.explain(key).owner != all[1].address()) continue;
    ++elsewhere;
    CHECK(wait_until([&] {
      static_cast<void>(cache.get(key));
      const auto near = cache.explain(key).near;
      return near && near->alive;
    }));
    const kith::cache_stats before = cache.stats();
    CHECK(*cache.get(key, {.after = after}) == "text");
    CHECK(cache.stats().near_hits == before.near_hits + 1);
    CHECK(cache.stats().owner_hits == before.owner_hits);
  }
  CHECK(elsewhere > 0);
}

TEST_CASE("face: a token of another cache or partition or of no write is refused") {
  members all{2};
  auto cache = all[0].cache<std::string, std::string>("pages");
  auto drafts = all[0].cache<std::string, std::string>("drafts");
  const kith::version at = cache.put("/", "home");
  const auto refused = [&](const std::string& key, const kith::causal_token& after) {
    std::string text;
    CHECK(error_of([&] { static_cast<void>(cache.get(key, {.after = after})); }, &text) ==
          kith::errc::invalid_argument);
    return text;
  };
  CHECK(contains(refused("/", drafts.token("/", at)), "after: the token is of another cache"));
  CHECK(contains(refused("/about", cache.token("/", at)), "another partition"));
  kith::version never = at;
  never.seq = kith::sequence{at.seq.value() + 1000};
  CHECK(contains(refused("/", cache.token("/", never)), "names no write"));
  kith::version lost = at;
  lost.epoch.view = {};
  CHECK(error_of([&] { static_cast<void>(cache.get("/", {.after = cache.token("/", lost)})); }) ==
        kith::errc::lost_write);
  CHECK(*cache.get("/", {.after = cache.token("/", {})}) == "home");
}
