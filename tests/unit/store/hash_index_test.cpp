#include <kith/core/random.hpp>
#include <kith/store/hash_index.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <vector>

using kith::store::handle;
using kith::store::hash_index;
using kith::store::no_handle;

namespace {

// Few hashes, so that many entries share one and erasing has long runs to shift.
void compare_with_map(std::uint64_t seed, std::uint64_t hashes) {
  kith::random_source random{seed};
  hash_index index{seed};
  std::map<handle, std::uint64_t> oracle;
  for (int step = 0; step < 4000; ++step) {
    const handle at{static_cast<std::uint32_t>(random.below(500))};
    if (const auto known = oracle.find(at); known != oracle.end()) {
      index.erase(known->second, at);
      oracle.erase(known);
    } else {
      const std::uint64_t hash = random.below(hashes) * 0x100000000u;
      index.insert(hash, at);
      oracle.emplace(at, hash);
    }
    REQUIRE(index.size() == oracle.size());
    if (step % 50 != 0) continue;
    for (std::uint32_t i = 0; i < 500; ++i) {
      const auto known = oracle.find(handle{i});
      const std::uint64_t hash = known == oracle.end() ? 0 : known->second;
      const handle found = index.find(hash, [i](handle seen) { return seen == handle{i}; });
      REQUIRE(found == (known == oracle.end() ? no_handle : handle{i}));
    }
  }
  for (const auto& [at, hash] : oracle) index.erase(hash, at);
  REQUIRE(index.size() == 0);
}

}  // namespace

TEST_CASE("hash_index: random inserts and erases agree with a map") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    compare_with_map(seed, 1 + seed * 20);
    compare_with_map(seed, UINT32_MAX);
  }
}

// Hashes that agree in all low bits (chosen, or of one partition) must still be spread: with 2^15
// of them a table that used low bits alone would compare half a billion times.
TEST_CASE("hash_index: hashes with equal low bits are spread") {
  hash_index index{99};
  std::uint64_t compared = 0;
  constexpr std::uint32_t count = 1 << 15;
  for (std::uint32_t i = 0; i < count; ++i) {
    index.insert(std::uint64_t{i} << 48 | 0x1234, handle{i});
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    const handle found = index.find(std::uint64_t{i} << 48 | 0x1234, [&](handle at) {
      ++compared;
      return at == handle{i};
    });
    REQUIRE(found == handle{i});
  }
  CHECK(compared < count + count / 100);
}
