// The ledgers against what malloc says that it gave out.
//
// Goal: what a member counts is what it takes, within a tenth, over the sizes of caches' entries.
// Method: mallinfo2() before and after, in a process of its own (CTest runs each case so). It is
// glibc's, and the sanitizers bring another malloc that does not know it; there the cases are left
// out, and one says so.
#include <kith/core/random.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/near/gates.hpp>
#include <kith/near/near_cache.hpp>
#include <kith/replica/entries.hpp>
#include <kith/store/budget.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#if defined(__GLIBC__) && defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define KITH_OTHER_MALLOC 1
#endif
#endif
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KITH_OTHER_MALLOC 1
#endif

#if !defined(KITH_OTHER_MALLOC)
#include <malloc.h>
#endif

namespace kith {
namespace {

#if defined(KITH_OTHER_MALLOC)

TEST_CASE("memory ledger: not held against malloc here") {
  MESSAGE("mallinfo2 is glibc's, and this program has another malloc");
}

#else

std::uint64_t given_out() {
  const struct mallinfo2 now = ::mallinfo2();
  return now.uordblks + now.hblkhd;
}

/// Sizes from 16 to 4096, each power of two as likely as the next: most entries are small.
std::size_t draw_size(random_source& random) {
  const std::size_t lowest = std::size_t{16} << random.below(8);
  return lowest + random.below(lowest + 1);
}

void check_within_a_tenth(std::uint64_t ledger, std::uint64_t malloc_says) {
  CAPTURE(ledger);
  CAPTURE(malloc_says);
  CHECK(ledger * 10 >= malloc_says * 9);
  CHECK(ledger * 10 <= malloc_says * 11);
}

constexpr std::uint32_t lanes = 16;

/// What a member owns of one cache: the entries of its lanes.
struct owned_entries {
  explicit owned_entries(std::optional<duration> ttl = std::nullopt) {
    replica::cache_settings settings;
    settings.max_bytes = std::uint64_t{1} << 40;
    settings.ttl = ttl;
    for (std::uint32_t i = 0; i < lanes; ++i) {
      replica::replica_options options;
      options.lane = i;
      of.push_back(std::make_unique<replica::entries>(settings, options));
    }
  }
  void put(std::uint64_t number, std::size_t size) {
    const bytes key = to_bytes("key:" + std::to_string(number));
    const std::uint64_t hash = stable_hash(key);
    replica::entries& in = *of[index_of(partition_of(hash)) % lanes];
    in.put(now, hash, key, {bytes(size), version{}}, in.default_end(now, hash, version{}));
  }
  template <class Read>
  std::uint64_t sum(const Read& read) const {
    std::uint64_t all = 0;
    for (const auto& each : of) all += read(*each);
    return all;
  }
  std::uint64_t allocated() const {
    return sum([](const replica::entries& each) { return each.bytes_allocated(); });
  }
  std::uint64_t charged() const {
    return sum([](const replica::entries& each) { return each.bytes_held(); });
  }

  time_point now{duration{1}};
  std::vector<std::unique_ptr<replica::entries>> of;
};

TEST_CASE("memory ledger: a million owned entries of 16 to 4096 bytes") {
  random_source random{1};
  const std::uint64_t before = given_out();
  owned_entries owned;
  for (std::uint64_t i = 0; i < 1'000'000; ++i) owned.put(i, draw_size(random));
  const std::uint64_t taken = given_out() - before;
  check_within_a_tenth(owned.allocated(), taken);
  // What decides about eviction is a sum over entries, and as near.
  check_within_a_tenth(owned.charged(), taken);
}

TEST_CASE("memory ledger: entries of one size, with a time and without") {
  for (const std::size_t size : {16, 100, 4096}) {
    for (const bool timed : {false, true}) {
      CAPTURE(size);
      CAPTURE(timed);
      const std::uint64_t before = given_out();
      owned_entries owned{timed ? std::optional<duration>{std::chrono::hours{1}} : std::nullopt};
      // Not a power of two: the index is then at its mean load, about.
      for (std::uint64_t i = 0; i < 150'000; ++i) owned.put(i, size);
      const std::uint64_t taken = given_out() - before;
      check_within_a_tenth(owned.allocated(), taken);
      check_within_a_tenth(owned.charged(), taken);
    }
  }
}

TEST_CASE("memory ledger: what entries leave behind is counted, and given back with the last one") {
  const std::uint64_t before = given_out();
  owned_entries owned;
  for (std::uint64_t i = 0; i < 200'000; ++i) owned.put(i, 16);
  const std::uint64_t full = given_out() - before;
  for (const auto& each : owned.of) each->evict_bytes(owned.now, each->bytes_held() / 2, SIZE_MAX);
  const std::uint64_t half = given_out() - before;
  check_within_a_tenth(owned.allocated(), half);
  CHECK(half > full / 2);  // the room of those that left
  for (std::uint32_t lane = 0; lane < lanes; ++lane) {
    for (std::size_t slot = 0; slot < partition_count / lanes; ++slot) owned.of[lane]->drop(slot);
  }
  const std::uint64_t empty = given_out() - before;
  CHECK(empty < full / 10);
  CHECK(owned.allocated() < full / 10);
}

TEST_CASE("memory ledger: near entries of texts, 16 to 4096 bytes") {
  random_source random{2};
  const auto gates = std::make_unique<near::gates>();
  const std::uint64_t before = given_out();
  using near_texts = near::near_cache<std::string, std::string>;
  near_texts cache{{.bytes_max = std::uint64_t{1} << 40}, *gates};
  for (std::uint64_t i = 0; i < 150'000; ++i) {
    std::string key = "key:" + std::to_string(i);
    const std::size_t size = draw_size(random);
    const near::entry_terms terms{stable_hash(as_bytes(key)), version{},
                                  store::near_charge_of({key.size(), size}), never};
    cache.install(time_point{}, near_texts::draft(terms, std::move(key), std::string(size, 'v')));
  }
  check_within_a_tenth(cache.bytes(), given_out() - before);
}

#endif

}  // namespace
}  // namespace kith
