#include "histogram.hpp"

#include "zipf.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

using catalog::histogram;

// Against the sorted samples: never below the true percentile, and at most 1/64 above it.
TEST_CASE("histogram: percentiles are close to those of the sorted samples") {
  catalog::random_numbers chance{11};
  for (const std::size_t count : {1u, 2u, 10u, 999u, 20'000u}) {
    histogram all;
    std::vector<std::uint64_t> samples;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t magnitude = chance.below(36);
      samples.push_back(chance.below(std::uint64_t{1} << magnitude));
      all.add(samples.back());
    }
    std::sort(samples.begin(), samples.end());
    CHECK(all.count() == count);
    CHECK(all.max() == samples.back());
    for (const std::uint64_t per_mille : {0u, 1u, 250u, 500u, 900u, 990u, 999u, 1000u}) {
      const std::size_t rank = std::max<std::size_t>((count * per_mille + 999) / 1000, 1);
      const std::uint64_t exact = samples[rank - 1];
      const std::uint64_t told = all.percentile(per_mille);
      CHECK(told >= exact);
      CHECK(told <= exact + exact / 64);
    }
  }
}

TEST_CASE("histogram: adding two is as if one had seen all") {
  catalog::random_numbers chance{5};
  histogram left, right, both;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = chance.below(1'000'000);
    (i % 3 == 0 ? left : right).add(value);
    both.add(value);
  }
  left.add(right);
  CHECK(left.count() == both.count());
  for (std::uint64_t p = 0; p <= 1000; p += 10) CHECK(left.percentile(p) == both.percentile(p));
}

TEST_CASE("histogram: nothing, and more than it can hold") {
  histogram one;
  CHECK(one.percentile(500) == 0);
  one.add(UINT64_MAX);
  CHECK(one.percentile(500) == histogram::value_max);
}
