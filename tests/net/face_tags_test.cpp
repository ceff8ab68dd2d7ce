// Tags over real members: what shares one goes at once, from owners and near caches.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <boost/asio/use_future.hpp>

#include <atomic>
#include <string>
#include <vector>

using namespace face_test;

namespace {

using tagged_words = kith::cache<std::string, std::string>;

constexpr int entries_each = 12;  // some owned by each member

void put_of_tag(const tagged_words& cache, const std::string& tag) {
  for (int i = 0; i < entries_each; ++i) {
    cache.put(tag + std::to_string(i), tag, {.tags = {tag, "all"}});
  }
}

[[nodiscard]] int present(const tagged_words& cache, const std::string& tag) {
  int count = 0;
  for (int i = 0; i < entries_each; ++i) count += cache.get(tag + std::to_string(i)) ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("face: a tag that is invalidated takes its entries away and leaves all others") {
  members all{3};
  std::vector<tagged_words> caches;
  for (std::size_t i = 0; i < all.size(); ++i) {
    caches.push_back(all[i].cache<std::string, std::string>("tagged", {}));
  }
  put_of_tag(caches[0], "red");
  put_of_tag(caches[1], "blue");
  for (const tagged_words& cache : caches) {
    CHECK(wait_until([&] { return present(cache, "red") == entries_each; }));
    CHECK(wait_until([&] { return present(cache, "blue") == entries_each; }));
  }
  caches[2].invalidate_tag("red");
  // Who invalidated sees it at once, the others when they are told.
  CHECK(present(caches[2], "red") == 0);
  for (const tagged_words& cache : caches) {
    CHECK(wait_until([&] { return present(cache, "red") == 0; }));
    CHECK(present(cache, "blue") == entries_each);
  }
  put_of_tag(caches[1], "red");
  CHECK(present(caches[1], "red") == entries_each);
  caches[0].async_invalidate_tag("all", boost::asio::use_future).get();
  CHECK(present(caches[0], "red") == 0);
  CHECK(present(caches[0], "blue") == 0);
}

TEST_CASE("face: invalidate drops one key and invalidate_all every one") {
  members all{2};
  const auto one = all[0].cache<std::string, std::string>("invalidated", {});
  const auto other = all[1].cache<std::string, std::string>("invalidated", {});
  put_of_tag(one, "green");
  one.invalidate("green0");
  CHECK_FALSE(one.get("green0"));
  one.async_invalidate("green1", boost::asio::use_future).get();
  CHECK(present(one, "green") == entries_each - 2);
  other.invalidate_all();
  CHECK(present(other, "green") == 0);
  other.async_invalidate_all(boost::asio::use_future).get();
}

TEST_CASE("face: what loaders bring has the tags that they name") {
  members all{2};
  std::atomic<int> loads{0};
  kith::cache_options<std::string, std::string> options;
  options.load = [&](const std::string& key) {
    ++loads;
    return kith::loaded_value<std::string>{.value = key + '!', .tags = {key.substr(0, 3)}};
  };
  const auto one = all[0].cache<std::string, std::string>("loaded_tags", options);
  const auto other = all[1].cache<std::string, std::string>("loaded_tags", options);
  const auto read = [&](const std::string& tag) {
    for (int i = 0; i < entries_each; ++i) {
      const std::string key = tag + std::to_string(i);
      CHECK(*one.get(key) == key + '!');
    }
  };
  read("red");
  read("sky");
  CHECK(loads == 2 * entries_each);
  other.invalidate_tag("red");
  CHECK(wait_until([&] {
    read("red");
    return loads == 3 * entries_each;
  }));
  read("sky");
  CHECK(loads == 3 * entries_each);
}

TEST_CASE("face: a loader whose tags cannot be has failed") {
  members all{1};
  kith::cache_options<std::string, std::string> options;
  options.load = [](const std::string& key) {
    return kith::loaded_value<std::string>{.value = key, .tags = {""}};
  };
  const auto cache = all[0].cache<std::string, std::string>("bad_loaded_tags", options);
  CHECK(error_of([&] { static_cast<void>(cache.get("k")); }) == kith::errc::load_failed);
}

TEST_CASE("face: tags that cannot be are refused with a clear error") {
  members all{1};
  const auto cache = all[0].cache<std::string, std::string>("wrong_tags", {});
  const std::vector<std::string> many(17, "tag");
  const auto code = [](auto&& call) { return error_of(call); };
  CHECK(code([&] { cache.put("k", "v", {.tags = {""}}); }) == kith::errc::invalid_argument);
  CHECK(code([&] { cache.put("k", "v", {.tags = many}); }) == kith::errc::invalid_argument);
  CHECK(code([&] { cache.put("k", "v", {.tags = {std::string(129, 't')}}); }) ==
        kith::errc::invalid_argument);
  CHECK(code([&] { cache.touch("k", {.tags = {"t"}}); }) == kith::errc::invalid_argument);
  CHECK(code([&] { cache.invalidate_tag(""); }) == kith::errc::invalid_argument);
  CHECK_FALSE(cache.contains("k"));
}
