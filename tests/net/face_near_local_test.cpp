// near.local: what a member owns is kept decoded too, and stays true to what the owner has.
#include <doctest/doctest.h>

#include "face_support.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace face_test;

namespace {

/// A value that counts how often it is read from bytes.
struct read_counted {
  std::int64_t number = 0;
};
std::atomic<std::uint64_t> times_read{0};

}  // namespace

template <>
struct kith::codec<read_counted> {
  static constexpr std::string_view tag = "read counted 1";
  static void write(const read_counted& one, kith::byte_sink& out) { out.put(one.number); }
  static bool read(kith::byte_source& in, read_counted& one) {
    times_read.fetch_add(1);
    return in.take(one.number);
  }
};

namespace {

using counted_numbers = kith::cache<std::int64_t, read_counted>;

[[nodiscard]] counted_numbers open_numbers(kith::member& at, bool local) {
  kith::cache_options<std::int64_t, read_counted> options;
  options.near.local = local;
  return at.cache<std::int64_t, read_counted>("numbers", options);
}

/// A key that the member owns.
[[nodiscard]] std::int64_t owned_by(const kith::member& which, const counted_numbers& cache) {
  std::int64_t key = 0;
  while (cache.explain(key).owner != which.address()) ++key;
  return key;
}

}  // namespace

TEST_CASE("face: a hit on an owned key decodes nothing where near entries of those are kept") {
  members one{1};
  counted_numbers cache = open_numbers(one[0], true);
  cache.put(1, {10});
  CHECK(cache.get(1)->number == 10);
  const std::uint64_t read = times_read;
  for (int i = 0; i < 100; ++i) CHECK(cache.get(1)->number == 10);
  CHECK(times_read == read);
  CHECK(cache.stats().near_hits == 100);
  CHECK(cache.stats().owner_hits == 1);
}

TEST_CASE("face: without near.local each read of an owned key asks the owner") {
  members one{1};
  counted_numbers cache = open_numbers(one[0], false);
  cache.put(1, {10});
  const std::uint64_t read = times_read;
  for (int i = 0; i < 3; ++i) CHECK(cache.get(1)->number == 10);
  CHECK(times_read == read + 3);
  CHECK(cache.stats().near_hits == 0);
}

// Goal: a near copy at the owner does not outlive a write, whoever made it. Method: after each kind
// of write, by the owner and by another member, the owner's next read.
TEST_CASE("face: a near entry at the owner ends with the next write by anyone") {
  members both{2};
  counted_numbers owner = open_numbers(both[0], true);
  counted_numbers other = open_numbers(both[1], true);
  const std::int64_t key = owned_by(both[0], owner);
  std::int64_t last = 0;
  const auto warm = [&](std::int64_t value) {
    owner.put(key, {value});
    CHECK(owner.get(key)->number == value);
    const std::uint64_t hits = owner.stats().near_hits;
    CHECK(owner.get(key)->number == value);
    CHECK(owner.stats().near_hits == hits + 1);
  };
  for (counted_numbers* writer : {&owner, &other}) {
    warm(++last);
    writer->put(key, {++last});
    CHECK(owner.get(key)->number == last);
    warm(++last);
    writer->erase(key);
    CHECK_FALSE(owner.get(key));
    warm(++last);
    writer->clear();
    CHECK_FALSE(owner.get(key));
    writer->put(key, {++last}, {.tags = {"all"}});
    CHECK(owner.get(key)->number == last);
    writer->invalidate_tag("all");
    CHECK_FALSE(owner.get(key));
  }
}

TEST_CASE("face: a near entry at the owner ends with its time to live") {
  members one{1};
  counted_numbers cache = open_numbers(one[0], true);
  cache.put(1, {10}, {.ttl = 30ms});
  static_cast<void>(cache.get(1));
  CHECK(wait_until([&] { return !cache.get(1); }));
}
