// Readers of a near cache against lanes that install, invalidate, flush, clear and evict, and
// against a policy that has too little room. To be run under ThreadSanitizer and AddressSanitizer:
// the cache's promise is that a value in a reader's hands is whole, is of the key that was asked
// for, and stays alive until the reader lets go.
#include <kith/core/random.hpp>
#include <kith/near/near_cache.hpp>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

using namespace kith;
using namespace kith::near;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t poison = 0xDEADDEADDEADDEAD;
std::atomic<std::int64_t> alive{0};

/// Tells whether it is whole, and is recognisable after its end.
struct payload {
  std::uint64_t key = 0;
  std::uint64_t seq = 0;
  std::array<std::uint64_t, 6> words{};

  payload(std::uint64_t k, std::uint64_t s) : key{k}, seq{s} {
    fill();
    alive.fetch_add(1, std::memory_order_relaxed);
  }
  payload(const payload& other) : key{other.key}, seq{other.seq} {
    fill();
    alive.fetch_add(1, std::memory_order_relaxed);
  }
  ~payload() {
    words.fill(poison);
    alive.fetch_sub(1, std::memory_order_relaxed);
  }
  void fill() { words.fill(key * 31 + seq); }
  [[nodiscard]] bool whole_for(std::uint64_t asked) const {
    if (key != asked) return false;
    for (const std::uint64_t word : words) {
      if (word != key * 31 + seq) return false;
    }
    return true;
  }
};

using cache_of = near_cache<std::uint64_t, payload>;

struct arena {
  std::unique_ptr<gates> shared = std::make_unique<gates>();
  std::unique_ptr<cache_of> cache;
  const time_point now{1000s};
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> hits{0};
  std::atomic<std::uint64_t> broken{0};
  std::atomic<std::uint64_t> gone_back{0};

  explicit arena(std::uint64_t bytes_max) {
    for (partition_gate& gate : shared->partitions) {
      gate.suspect = false;
      gate.fresh = now.time_since_epoch().count();
    }
    shared->coordinator_fresh = now.time_since_epoch().count();
    cache = std::make_unique<cache_of>(near_config{.bytes_max = bytes_max, .salt = 5}, *shared);
  }

  ref<payload> find(std::uint64_t key) const {
    return cache->find(stable_hash_word(key), key, now, 3s);
  }
  void install(std::uint64_t key, std::uint64_t seq) {
    const version at{epoch{view_number{1}, 0}, sequence{seq}};
    cache->install(
        now, cache_of::draft({.hash = stable_hash_word(key), .version = at, .charge = 100}, key,
                             payload{key, seq}));
  }
  void invalidate(std::uint64_t key, std::uint64_t seq) {
    cache->erase_older(stable_hash_word(key), {epoch{view_number{1}, 0}, sequence{seq}});
  }

  /// Reads keys, holds some references for a while, copies some.
  void read(std::uint64_t seed, std::uint64_t keys) {
    random_source chance{seed};
    std::vector<ref<payload>> held(12);
    std::vector<std::uint64_t> newest(keys, 0);
    std::uint64_t found = 0;
    while (!stop.load(std::memory_order_relaxed)) {
      const std::uint64_t key = chance.below(keys);
      ref<payload> seen = find(key);
      if (!seen) continue;
      ++found;
      if (!seen->whole_for(key)) broken.fetch_add(1);
      if (seen->seq < newest[key]) gone_back.fetch_add(1);
      newest[key] = seen->seq;
      ref<payload>& kept = held[chance.below(held.size())];
      if (kept && !kept->whole_for(kept->key)) broken.fetch_add(1);
      switch (chance.below(4)) {
        case 0: kept = seen; break;
        case 1: kept = std::move(seen); break;
        case 2: kept = {}; break;
        default: break;
      }
    }
    hits.fetch_add(found);
  }
};

constexpr auto length = 1500ms;

}  // namespace

TEST_CASE("near cache: readers against installs and invalidations of hot keys") {
  {
    constexpr std::uint64_t keys = 8;
    arena a{1 << 20};
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < 3; ++i) threads.emplace_back([&a, i] { a.read(i + 1, keys); });
    threads.emplace_back([&a] {
      random_source chance{77};
      std::uint64_t seq = 0;
      while (!a.stop.load(std::memory_order_relaxed)) {
        const std::uint64_t key = chance.below(keys);
        ++seq;
        if (chance.below(2) == 0) a.invalidate(key, seq);
        a.install(key, seq);
      }
    });
    std::this_thread::sleep_for(length);
    a.stop = true;
    for (std::thread& t : threads) t.join();
    CHECK(a.broken == 0);
    CHECK(a.gone_back == 0);
    CHECK(a.hits > 1000);
    CHECK(alive == static_cast<std::int64_t>(a.cache->size()));
  }
  CHECK(alive == 0);
}

TEST_CASE("near cache: readers against evictions and flushes and a growing index by two lanes") {
  {
    constexpr std::uint64_t keys = 4000;
    arena a{200'000};
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < 2; ++i) threads.emplace_back([&a, i] { a.read(i + 1, keys); });
    for (std::uint64_t lane = 0; lane < 2; ++lane) {
      threads.emplace_back([&a, lane] {
        random_source chance{lane + 50};
        std::uint64_t seq = 0;
        while (!a.stop.load(std::memory_order_relaxed)) {
          // A key and a partition belong to one lane.
          const std::uint64_t key = chance.below(keys);
          const partition_id p = partition_of(stable_hash_word(key));
          if (index_of(p) % 2 != lane) continue;
          ++seq;
          a.invalidate(key, seq);
          a.install(key, seq);
          switch (chance.below(64)) {
            case 0:
              a.shared->flush(p);
              a.cache->expect_dead();
              break;
            case 1: a.cache->clear(p); break;
            case 2: a.cache->reclaim(a.now, 64); break;
            case 3: a.cache->set_bytes_max(a.now, 100'000 + chance.below(200'000)); break;
            default: break;
          }
        }
      });
    }
    std::this_thread::sleep_for(length);
    a.stop = true;
    for (std::thread& t : threads) t.join();
    CHECK(a.broken == 0);
    CHECK(a.hits > 1000);
    CHECK(alive == static_cast<std::int64_t>(a.cache->size()));
    CHECK(a.cache->engine_counters().evictions > 0);
    std::uint32_t counted = 0;
    a.cache->expect_dead();
    while (a.cache->reclaim(a.now, 1000)) {
    }
    for (std::uint32_t i = 0; i < partition_count; ++i) {
      counted += a.shared->entries(static_cast<partition_id>(i));
    }
    CHECK(counted == a.cache->size());
  }
  CHECK(alive == 0);
}

TEST_CASE("near cache: references outlive the cache while threads come and go") {
  for (int round = 0; round < 40; ++round) {
    std::vector<ref<payload>> kept;
    {
      arena a{1 << 20};
      for (std::uint64_t key = 0; key < 32; ++key) a.install(key, 1);
      std::vector<std::thread> threads;
      std::array<std::vector<ref<payload>>, 3> taken;
      for (std::size_t i = 0; i < taken.size(); ++i) {
        threads.emplace_back([&, i] {
          for (std::uint64_t key = 0; key < 32; ++key) taken[i].push_back(a.find(key));
        });
      }
      for (std::uint64_t key = 0; key < 32; ++key) a.invalidate(key, 2);
      for (std::thread& t : threads) t.join();
      for (auto& some : taken) {
        for (auto& one : some) kept.push_back(std::move(one));
      }
    }
    for (const ref<payload>& one : kept) CHECK((!one || one->whole_for(one->key)));
    kept.clear();
    CHECK(alive == 0);
  }
}
