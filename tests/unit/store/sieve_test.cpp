#include <kith/core/random.hpp>
#include <kith/store/sieve.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <vector>

using kith::store::handle;
using kith::store::no_handle;
using kith::store::policy;
using kith::store::removal;
using kith::store::sieve;

namespace {

using trace = std::vector<std::uint64_t>;

/// The pseudocode of the paper (algorithm 1), word for word: the object at the head is the newest.
std::uint64_t hits_by_paper(const trace& requests, std::size_t capacity) {
  struct object {
    std::uint64_t key;
    bool visited;
  };
  std::list<object> queue;
  std::map<std::uint64_t, std::list<object>::iterator> cache;
  auto hand = queue.end();
  std::uint64_t hits = 0;
  for (const std::uint64_t key : requests) {
    if (const auto found = cache.find(key); found != cache.end()) {
      found->second->visited = true;
      ++hits;
      continue;
    }
    if (cache.size() == capacity) {
      auto o = hand == queue.end() ? std::prev(queue.end()) : hand;
      while (o->visited) {
        o->visited = false;
        o = o == queue.begin() ? std::prev(queue.end()) : std::prev(o);
      }
      hand = o == queue.begin() ? queue.end() : std::prev(o);
      cache.erase(o->key);
      queue.erase(o);
    }
    queue.push_front({key, false});
    cache[key] = queue.begin();
  }
  return hits;
}

/// A cache that inserts before it evicts, as a shard does.
std::uint64_t hits_by_policy(const trace& requests, std::size_t capacity) {
  sieve chooser;
  std::map<std::uint64_t, handle> cache;
  std::map<handle, std::uint64_t> keys;
  std::vector<handle> free;
  std::uint64_t hits = 0;
  for (const std::uint64_t key : requests) {
    if (const auto found = cache.find(key); found != cache.end()) {
      chooser.on_access(found->second);
      ++hits;
      continue;
    }
    handle at{static_cast<std::uint32_t>(cache.size())};
    if (!free.empty()) {
      at = free.back();
      free.pop_back();
    }
    cache[key] = at;
    keys[at] = key;
    chooser.on_insert(at, {key, 1});
    while (cache.size() > capacity) {
      const handle gone = chooser.victim();
      chooser.on_erase(gone, removal::evicted);
      cache.erase(keys.at(gone));
      keys.erase(gone);
      free.push_back(gone);
    }
  }
  return hits;
}

/// Skewed, with scans: a popular third of the requests, a warm third, and runs of new keys.
trace mixed_trace(std::uint64_t seed, std::size_t length) {
  kith::random_source random{seed};
  trace requests;
  std::uint64_t fresh = 1'000'000;
  while (requests.size() < length) {
    const std::uint64_t dice = random.below(100);
    if (dice < 45) {
      requests.push_back(random.below(1 + random.below(100)));
    } else if (dice < 90) {
      requests.push_back(random.below(1 + random.below(3000)));
    } else if (dice < 99) {
      requests.push_back(fresh++);
    } else {
      for (std::uint64_t left = random.below(60); left > 0; --left) requests.push_back(fresh++);
    }
  }
  return requests;
}

}  // namespace

TEST_CASE("sieve: hit counts equal those of the paper's pseudocode") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    const trace requests = mixed_trace(seed, 5000);
    for (const std::size_t capacity : {1u, 2u, 3u, 7u, 50u, 333u}) {
      CAPTURE(capacity);
      CHECK(hits_by_policy(requests, capacity) == hits_by_paper(requests, capacity));
    }
  }
}

TEST_CASE("sieve: the hand at the newest end spares the newcomer and starts again at the oldest") {
  sieve chooser;
  for (std::uint32_t i = 0; i < 3; ++i) chooser.on_insert(handle{i}, {});
  chooser.on_access(handle{0});
  CHECK(chooser.victim() == handle{1});
  chooser.on_erase(handle{1}, removal::evicted);
  CHECK(chooser.victim() == handle{0});
  chooser.on_erase(handle{0}, removal::erased);
  CHECK(chooser.victim() == handle{2});
}

TEST_CASE("sieve: a dead entry that the hand meets leaves whatever its mark says") {
  handle dead = no_handle;
  sieve chooser{[&](handle at) { return at == dead; }};
  for (std::uint32_t i = 0; i < 4; ++i) chooser.on_insert(handle{i}, {});
  chooser.on_access(handle{0});
  chooser.on_access(handle{1});
  dead = handle{1};
  CHECK(chooser.victim() == handle{1});
  chooser.on_erase(handle{1}, removal::evicted);
  dead = no_handle;
  CHECK(chooser.victim() == handle{2});
}

TEST_CASE("sieve: the victim is the oldest entry that was not read") {
  sieve chooser;
  for (std::uint32_t i = 0; i < 4; ++i) chooser.on_insert(handle{i}, {});
  chooser.on_access(handle{0});
  chooser.on_update(handle{1}, {});
  CHECK(chooser.victim() == handle{2});
  CHECK(chooser.victim() == handle{2});
  chooser.on_erase(handle{2}, removal::evicted);
  // The marks were cleared on the way, the hand starts again at the oldest.
  CHECK(chooser.victim() == handle{0});
  chooser.on_erase(handle{0}, removal::evicted);
  CHECK(chooser.victim() == handle{1});
  chooser.on_erase(handle{1}, removal::evicted);
  CHECK(chooser.victim() == handle{3});
}

// Method: a plain vector of what lives; victims must live, and each must be removed once.
TEST_CASE("sieve: erasing anywhere, the hand included, keeps every entry reachable") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    kith::random_source random{seed};
    sieve chooser;
    std::vector<handle> live;
    std::vector<handle> free;
    for (std::uint32_t i = 64; i > 0; --i) free.push_back(handle{i - 1});
    for (int step = 0; step < 2000; ++step) {
      const std::uint64_t dice = random.below(100);
      if (dice < 40 && !free.empty()) {
        live.push_back(free.back());
        free.pop_back();
        chooser.on_insert(live.back(), {});
      } else if (dice < 60 && !live.empty()) {
        chooser.on_access(live[random.below(live.size())]);
      } else if (!live.empty()) {
        const bool evict = dice < 80;
        const handle gone = evict ? chooser.victim() : live[random.below(live.size())];
        const auto where = std::find(live.begin(), live.end(), gone);
        REQUIRE(where != live.end());
        live.erase(where);
        free.push_back(gone);
        chooser.on_erase(gone, evict ? removal::evicted : removal::erased);
      }
    }
    while (!live.empty()) {
      const auto where = std::find(live.begin(), live.end(), chooser.victim());
      REQUIRE(where != live.end());
      chooser.on_erase(*where, removal::evicted);
      live.erase(where);
    }
  }
}

// Golden: any change of these numbers is a change of the policy, not a detail.
TEST_CASE("sieve: golden hit counts on a fixed trace") {
  const trace requests = mixed_trace(2024, 100'000);
  CHECK(hits_by_policy(requests, 10) == 8265);
  CHECK(hits_by_policy(requests, 100) == 38119);
  CHECK(hits_by_policy(requests, 1000) == 54711);
}
