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

using plain_numbers = kith::cache<std::int64_t, std::int64_t>;
using plain_options = kith::cache_options<std::int64_t, std::int64_t>;

[[nodiscard]] plain_numbers open_plain(kith::member& at, plain_options options = {}) {
  options.near.local = true;
  options.timeout = patience;
  return at.cache<std::int64_t, std::int64_t>("plain", options);
}

struct double_it {
  std::int64_t operator()(kith::entry<std::int64_t, std::int64_t>& entry) const {
    entry.set(2 * entry.value());
    return entry.value();
  }
  template <class Archive>
  void serialize(Archive&, unsigned /*version*/) {}
};

/// A key that the member owns.
template <class Cache>
[[nodiscard]] std::int64_t owned_by(const kith::member& which, const Cache& cache) {
  std::int64_t key = 0;
  while (cache.explain(key).owner != which.address()) ++key;
  return key;
}

/// Reads until the member's own copy answers, which says `value`.
template <class Cache>
void read_into_copy(const Cache& owner, std::int64_t key, std::int64_t value) {
  CHECK(wait_until([&] {
    const std::uint64_t hits = owner.stats().near_hits;
    CHECK(*owner.get(key) == value);
    return owner.stats().near_hits > hits;
  }));
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

// Method: after each change, by the owner and by another member, the owner's next read, which is
// not the copy's, and the one after, which is.
TEST_CASE("face: a near entry at the owner ends with what changes it without a value") {
  members both{2};
  const plain_numbers owner = open_plain(both[0]);
  const plain_numbers other = open_plain(both[1]);
  for (const plain_numbers* each : {&owner, &other}) each->register_processor<double_it>("double");
  const std::int64_t key = owned_by(both[0], owner);
  for (const plain_numbers* writer : {&owner, &other}) {
    owner.put(key, 10);
    read_into_copy(owner, key, 10);
    CHECK_FALSE(owner.explain(key).near->ttl_left);
    CHECK(writer->touch(key, {.ttl = 1h}));
    read_into_copy(owner, key, 10);
    const auto touched = owner.explain(key).near;
    REQUIRE(touched);
    CHECK(touched->ttl_left > 30min);
    CHECK(touched->version == owner.get_versioned(key).version);
    CHECK(writer->add(key, 5) == 15);
    read_into_copy(owner, key, 15);
    CHECK(writer->invoke(key, double_it{}) == 30);
    read_into_copy(owner, key, 30);
  }
}

TEST_CASE("face: a near entry at the owner ends at the time that a touch has given it") {
  members one{1};
  const plain_numbers cache = open_plain(one[0]);
  cache.put(1, 10);
  read_into_copy(cache, 1, 10);
  CHECK(cache.touch(1, {.ttl = 30ms}));
  static_cast<void>(cache.get(1));
  CHECK(wait_until([&] { return !cache.get(1); }));
}

// Method: once the owner has the refreshed value, its copy of the old one answers nobody.
TEST_CASE("face: a near entry at the owner ends with a refresh") {
  members one{1};
  std::atomic<std::int64_t> row{1};
  plain_options options;
  options.loading.refresh_after = 1ms;
  options.load = [&](std::int64_t) { return row.load(); };
  const plain_numbers cache = open_plain(one[0], options);
  for (std::int64_t turn = 1; turn <= 3; ++turn) {
    row = turn;
    CHECK(wait_until([&] {
      static_cast<void>(cache.get(1));
      return *cache.get_versioned(1).value == turn;
    }));
    CHECK(*cache.get(1) == turn);
  }
  CHECK(cache.stats().near_hits > 0);
}

TEST_CASE("face: a near entry at the owner ends with an entry that was idle") {
  members one{1};
  plain_options options;
  options.idle = 20ms;
  const plain_numbers cache = open_plain(one[0], options);
  cache.put(1, 10);
  static_cast<void>(cache.get(1));
  CHECK(wait_until([&] { return cache.size() == 0; }));
  CHECK_FALSE(cache.get(1));
}

// Goal: what a member kept of its own keys ends with its term. Method: a second member takes some
// of them, writes them, and goes; the first owns them again, in another term.
TEST_CASE("face: near entries of an owner's first term are not served in its second") {
  const std::string name = cluster_name();
  kith::member first{at(name)};
  const plain_numbers cache = open_plain(first);
  constexpr std::int64_t keys = 64;
  for (std::int64_t key = 0; key < keys; ++key) {
    cache.put(key, key);
    read_into_copy(cache, key, key);
  }
  std::vector<std::int64_t> moved;
  {
    kith::member second{at(name, {first.address()})};
    const plain_numbers there = open_plain(second);
    REQUIRE(wait_until([&] { return second.stats().lanes.partitions_owned == 512; }));
    REQUIRE(wait_until([&] { return first.stats().lanes.partitions_owned == 512; }));
    for (std::int64_t key = 0; key < keys; ++key) {
      if (cache.explain(key).owner == second.address()) moved.push_back(key);
    }
    for (const std::int64_t key : moved) {
      there.put(key, key + 1000);
      CHECK(wait_until([&] {
        const auto found = cache.get(key);
        return found && *found == key + 1000;
      }));
    }
  }
  REQUIRE_FALSE(moved.empty());
  REQUIRE(wait_until([&] { return first.members().size() == 1; }));
  for (const std::int64_t key : moved) {
    CHECK(wait_until([&] { return cache.explain(key).owner == first.address(); }));
    const auto found = cache.get(key);
    CHECK((!found || *found == key + 1000));
    CHECK(static_cast<bool>(found) == static_cast<bool>(cache.get_versioned(key)));
  }
}
