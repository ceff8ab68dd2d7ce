// Writes that send no value: touch and erase_if_version, from the owner and from others.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <boost/asio/use_future.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using namespace face_test;
namespace asio = boost::asio;

namespace {

using words = kith::cache<std::string, std::string>;

[[nodiscard]] std::vector<std::string> keys_for(const std::string& prefix) {
  std::vector<std::string> keys;
  for (int i = 0; i < 8; ++i) keys.push_back(prefix + std::to_string(i));  // some owned by each
  return keys;
}

/// Eight keys that the cache's member does not own.
[[nodiscard]] std::vector<std::string> foreign_keys(const words& cache) {
  std::vector<std::string> keys;
  for (int i = 0; keys.size() < 8; ++i) {
    std::string key = "foreign" + std::to_string(i);
    if (!cache.explain(key).owned) keys.push_back(std::move(key));
  }
  return keys;
}

/// Reads until the near cache answers; `cache` is of a member that does not own the key.
void warm(const words& cache, const std::string& key) {
  REQUIRE(wait_until([&] {
    const std::uint64_t before = cache.stats().near_hits;
    return cache.get(key) && cache.stats().near_hits > before;
  }));
}

}  // namespace

TEST_CASE("face: touch gives an entry another time to live and says whether it was there") {
  members all{2};
  const std::vector<words> caches = open_words(all, {.ttl = 1h});
  for (const std::string& key : keys_for("key")) {
    CHECK_FALSE(caches[0].touch(key));
    const kith::version put = caches[0].put(key, "v", {.ttl = patience});
    CHECK(caches[1].touch(key));  // the cache's own, an hour
    const kith::versioned<std::string> seen = caches[0].get_versioned(key);
    CHECK(*seen.value == "v");
    CHECK(seen.version > put);
    CHECK(caches[0].async_touch(key, {.ttl = 2h}, asio::use_future).get());
    CHECK(caches[0].async_touch(key, asio::use_future).get());
    CHECK(error_of([&] { caches[0].touch(key, {.ttl = 0s}); }) == kith::errc::invalid_argument);
    CHECK(error_of([&] { caches[0].touch("", {}); }) == kith::errc::invalid_argument);
  }
  const auto again = keys_for("short");
  for (const std::string& key : again) caches[0].put(key, "v");
  for (const std::string& key : again) CHECK(caches[1].touch(key, {.ttl = 1ms}));
  CHECK(wait_until([&] { return caches[0].get_many(again).empty(); }));
  for (const std::string& key : keys_for("key")) CHECK(caches[1].contains(key));
}

TEST_CASE("face: a touch reaches the near copies, which know the old end") {
  members all{2};
  const std::vector<words> caches = open_words(all, {.ttl = 1h});
  for (const words& toucher : caches) {
    for (const std::string& key : foreign_keys(caches[1])) {
      caches[0].put(key, "v");
      warm(caches[1], key);
      // The end is near now: a copy that kept the old one would be served for an hour.
      CHECK(toucher.touch(key, {.ttl = 1ms}));
      CHECK(wait_until([&] { return !caches[0].get(key) && !caches[1].get(key); }));
    }
  }
}

TEST_CASE("face: whoever touches an entry does not read its own older copy again") {
  members all{2};
  const std::vector<words> caches = open_words(all, {.ttl = 1h});
  for (const std::string& key : foreign_keys(caches[1])) {
    caches[0].put(key, "v");
    warm(caches[1], key);
    const kith::version before = caches[1].get(key).version();
    CHECK(caches[1].touch(key));
    CHECK(caches[1].get(key).version() > before);
  }
}

TEST_CASE("face: erase_if_version removes the version that was seen and no other") {
  members all{2};
  const std::vector<words> caches = open_words(all, {.ttl = 1h});
  for (const std::string& key : keys_for("key")) {
    CHECK_FALSE(caches[0].erase_if_version(key, {}));
    const kith::version first = caches[0].put(key, "v");
    const kith::version second = caches[1].put(key, "w");
    CHECK_FALSE(caches[1].erase_if_version(key, first));
    CHECK_FALSE(caches[1].async_erase_if_version(key, first, asio::use_future).get());
    CHECK(*caches[1].get(key) == "w");
    CHECK(caches[1].erase_if_version(key, second));
    CHECK_FALSE(caches[1].get(key));
    CHECK_FALSE(caches[0].contains(key));
    const kith::version third = caches[0].put(key, "x");
    CHECK(caches[0].async_erase_if_version(key, third, {}, asio::use_future).get());
    CHECK_FALSE(caches[0].erase_if_version(key, third));
  }
}
