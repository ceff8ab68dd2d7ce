// Operations on many keys: results in the order of the keys, the first error, nothing asked twice.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace face_test;
namespace asio = boost::asio;

namespace {

struct append_unless_bad {
  std::string word;

  std::size_t operator()(kith::entry<std::string, std::string>& entry) const {
    if (entry.key().starts_with("bad")) throw std::runtime_error{"not " + entry.key()};
    entry.set((entry.exists() ? entry.value() : std::string{}) + word);
    return entry.value().size();
  }
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive & word;
  }
};

using words = kith::cache<std::string, std::string>;
using sums = kith::cache<std::string, std::int64_t>;
using strings = std::vector<std::string>;
using flags = std::vector<bool>;
using pairs = std::vector<std::pair<std::string, std::string>>;
using deltas = std::vector<std::pair<std::string, std::int64_t>>;
using numbers = std::vector<std::int64_t>;
using compared = std::vector<kith::compared_put<std::string, std::string>>;

/// More keys than lanes, so that each member owns some and some share a lane.
constexpr std::size_t key_count = 64;

[[nodiscard]] strings keys_of(const std::string& prefix) {
  strings keys;
  for (std::size_t i = 0; i < key_count; ++i) keys.push_back(prefix + std::to_string(i));
  return keys;
}

/// True where `one(i)` is.
template <class One>
[[nodiscard]] flags each(One&& one) {
  flags all;
  for (std::size_t i = 0; i < key_count; ++i) all.push_back(one(i));
  return all;
}

[[nodiscard]] bool even(std::size_t i) { return i % 2 == 0; }

/// Puts a value for every second key.
void put_even(const words& cache, const strings& keys) {
  pairs entries;
  for (std::size_t i = 0; i < key_count; i += 2) entries.emplace_back(keys[i], "value " + keys[i]);
  cache.put_many(entries);
}

void blocking_on_many(const words& cache, const sums& counts, const std::string& prefix) {
  const strings keys = keys_of(prefix);
  const flags evens = each(even);
  put_even(cache, keys);
  CHECK(cache.contains_many(keys) == evens);
  CHECK(cache.touch_many(keys, {.ttl = 1h}) == evens);

  pairs entries;
  compared puts;
  for (std::size_t i = 0; i < key_count; ++i) {
    entries.emplace_back(keys[i], "new " + keys[i]);
    puts.push_back(
        {keys[i], i % 4 == 0 ? cache.get_versioned(keys[i]).version : kith::version{}, "compared"});
  }
  CHECK(cache.compare_and_put_many(puts) == each([](std::size_t i) { return i % 4 != 2; }));
  CHECK(*cache.get(keys[0]) == "compared");
  CHECK(*cache.get(keys[2]) == "value " + keys[2]);
  const std::vector<kith::version> erased = cache.erase_many({keys[1], keys[3]});
  REQUIRE(erased.size() == 2);
  CHECK(cache.put_if_absent_many(entries) == each([](std::size_t i) { return i == 1 || i == 3; }));
  CHECK(cache.get_versioned(keys[3]).version > erased[1]);
  CHECK(*cache.get(keys[3]) == "new " + keys[3]);

  std::vector<std::size_t> sizes;
  for (const std::string& key : keys) sizes.push_back(cache.get(key)->size() + 2);
  CHECK(cache.invoke_many(keys, append_unless_bad{"xy"}) == sizes);
  cache.invoke_many(keys, clear_word{});
  CHECK(cache.contains_many(keys) == flags(key_count, false));

  deltas changes;
  numbers expected;
  for (std::size_t i = 0; i < key_count; ++i) {
    expected.push_back(static_cast<std::int64_t>(i) - 7);
    changes.emplace_back(keys[i], expected.back());
  }
  CHECK(counts.add_many(changes) == expected);
  // The same key twice: in their order.
  CHECK(counts.add_many({{keys[8], 10}, {keys[9], 1}, {keys[8], 10}}) == numbers{11, 3, 21});
}

void futures_on_many(const words& cache, const sums& counts, const std::string& prefix) {
  const auto token = asio::use_future;
  const strings keys = keys_of(prefix);
  put_even(cache, keys);
  CHECK(cache.async_contains_many(keys, token).get() == each(even));
  CHECK(cache.async_touch_many(keys, token).get() == each(even));
  CHECK(cache.async_put_if_absent_many({{keys[0], "v"}, {keys[1], "v"}}, token).get() ==
        flags{false, true});
  const compared puts{{keys[1], {}, "w"}, {keys[3], {}, "w"}};
  CHECK(cache.async_compare_and_put_many(puts, token).get() == flags{false, true});
  CHECK(cache.async_invoke_many({keys[3], keys[1]}, append_unless_bad{"xy"}, token).get() ==
        std::vector<std::size_t>{3, 3});
  CHECK(cache.async_invoke_many(keys, clear_word{}, token).get().size() == key_count);
  CHECK(cache.async_erase_many(keys, token).get().size() == key_count);
  CHECK(counts.async_add_many({{keys[0], 3}, {keys[1], 4}}, token).get() == numbers{3, 4});
  // The keys are taken at the call, also where the operation starts later.
  strings passing{keys[0], keys[1]};
  auto later = cache.async_contains_many(passing, asio::deferred);
  passing.clear();
  cache.put(keys[1], "v");
  CHECK(std::move(later)(token).get() == flags{false, true});
}

// g++ 12 takes a coroutine's inlined operator delete for another allocator's.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif
asio::awaitable<void> awaited_batches(words cache, std::string prefix) {
  const strings keys = keys_of(prefix);
  put_even(cache, keys);
  const flags there = co_await cache.async_contains_many(keys, asio::use_awaitable);
  CHECK(there == each(even));
  const auto erased = co_await cache.async_erase_many(keys, asio::use_awaitable);
  CHECK(erased.size() == key_count);
}

}  // namespace

TEST_CASE("face: every operation on many keys from every member") {
  members all{3};
  std::vector<words> caches;
  std::vector<sums> counts;
  for (std::size_t i = 0; i < all.size(); ++i) {
    caches.push_back(all[i].cache<std::string, std::string>("words"));
    counts.push_back(all[i].cache<std::string, std::int64_t>("sums"));
    caches[i].register_processor<append_unless_bad>("append_unless_bad");
    caches[i].register_processor<clear_word>("clear_word");
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    blocking_on_many(caches[i], counts[i], "blocking " + std::to_string(i) + ' ');
    futures_on_many(caches[i], counts[i], "future " + std::to_string(i) + ' ');
    asio::io_context context;
    auto done = asio::co_spawn(
        context, awaited_batches(caches[i], "awaited " + std::to_string(i)), asio::use_future);
    context.run();
    done.get();
  }
}

TEST_CASE("face: operations on no keys end at once") {
  members all{1};
  auto cache = all[0].cache<std::string, std::string>("words");
  CHECK(cache.contains_many({}).empty());
  CHECK(cache.erase_many({}).empty());
  CHECK(cache.async_touch_many({}, asio::use_future).get().empty());
  cache.put_many({});
}

TEST_CASE("face: the first error in the order of the keys is told, and the others were applied") {
  members all{2};
  std::vector<words> caches;
  for (std::size_t i = 0; i < all.size(); ++i) {
    caches.push_back(all[i].cache<std::string, std::string>("words"));
    caches[i].register_processor<append_unless_bad>("append_unless_bad");
  }
  strings keys = keys_of("key");
  keys[10] = "bad ten";
  keys[11] = "bad eleven";
  for (const words& cache : caches) {
    std::string text;
    CHECK(error_of([&] { cache.invoke_many(keys, append_unless_bad{"x"}); }, &text) ==
          kith::errc::processor_failed);
    CHECK(contains(text, "not bad ten"));
    kith::error_code code;
    try {
      cache.async_invoke_many(keys, append_unless_bad{"x"}, asio::use_future).get();
    } catch (const boost::system::system_error& wrong) {
      code = wrong.code();
    }
    CHECK(code == kith::errc::processor_failed);
  }
  for (std::size_t i = 0; i < key_count; ++i) {
    if (i != 10 && i != 11) CHECK(*caches[0].get(keys[i], {.read = kith::read::owner}) == "xxxx");
  }
  CHECK(error_of([&] { caches[0].erase_many({"key0", ""}); }) == kith::errc::invalid_argument);
  CHECK(caches[0].contains("key0"));  // nothing was asked
}
