#include <kith/core/histogram.hpp>
#include <kith/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace {

using kith::age_scale;
using kith::histogram;
using kith::latency_scale;
using kith::log_linear_scale;

/// Values of every magnitude, as many of each.
std::uint64_t any_magnitude(kith::random_source& random, unsigned bits_max) {
  const std::uint64_t bits = random.below(bits_max + 1);
  return bits == 0 ? 0 : random.below(std::uint64_t{1} << bits);
}

template <class Scale>
void check_scale(unsigned sub_bits, unsigned unit_bits, unsigned top_bits) {
  CHECK(Scale::lowest(0) == 0);
  CHECK(Scale::lowest(Scale::size) == std::uint64_t{1} << top_bits);
  kith::random_source random{7};
  for (int round = 0; round < 100000; ++round) {
    const std::uint64_t value = any_magnitude(random, top_bits);
    const std::size_t i = Scale::index_of(value);
    REQUIRE(i < Scale::size);
    REQUIRE(Scale::lowest(i) <= value);
    REQUIRE(value < Scale::lowest(i + 1));
    const std::uint64_t width = Scale::lowest(i + 1) - Scale::lowest(i);
    // One step at the low end, then at most one part in 2^sub_bits of the value.
    REQUIRE(width <= std::max(std::uint64_t{1} << unit_bits, value >> sub_bits));
  }
}

}  // namespace

TEST_CASE("histogram: every value is in the bucket that covers it, within the error bound") {
  check_scale<latency_scale>(3, 10, 36);
  check_scale<age_scale>(2, 16, 36);
  check_scale<log_linear_scale<5, 0, 40>>(5, 0, 40);
}

TEST_CASE("histogram: buckets follow each other without a hole") {
  for (std::size_t i = 0; i < latency_scale::size; ++i) {
    CHECK(latency_scale::index_of(latency_scale::lowest(i)) == i);
    CHECK(latency_scale::index_of(latency_scale::lowest(i + 1) - 1) == i);
  }
}

TEST_CASE("histogram: what is above the top is counted in the last bucket") {
  histogram<latency_scale> counted;
  counted.record(std::uint64_t{1} << 36);
  counted.record(UINT64_MAX);
  CHECK(counted.view().counts[latency_scale::size - 1] == 2);
  CHECK(counted.count() == 2);
}

// Goal: parts that were counted apart say what one that saw everything says. Method: random values,
// each to one of four parts by chance.
TEST_CASE("histogram: merged parts equal the whole") {
  kith::random_source random{11};
  histogram<latency_scale> whole;
  std::vector<histogram<latency_scale>> parts(4);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t value = any_magnitude(random, 40);
    whole.record(value);
    parts[random.below(parts.size())].record(value);
  }
  histogram<latency_scale> merged;
  for (const auto& part : parts) merged.merge(part);
  CHECK(merged == whole);
}

TEST_CASE("histogram: percentiles and the sum are within the error bound of the exact ones") {
  kith::random_source random{13};
  histogram<latency_scale> counted;
  std::vector<std::uint64_t> values;
  std::uint64_t sum = 0;
  for (int i = 0; i < 10007; ++i) {
    values.push_back(10000 + any_magnitude(random, 34));
    sum += values.back();
    counted.record(values.back());
  }
  std::ranges::sort(values);
  for (const unsigned share : {0u, 1u, 50u, 90u, 99u, 100u}) {
    const std::size_t rank = std::max<std::size_t>(1, (values.size() * share + 99) / 100);
    const std::uint64_t exact = values[rank - 1];
    const std::uint64_t told = counted.view().percentile(share);
    CHECK(told >= exact);
    CHECK(told <= exact + exact / 8 + 1024);
  }
  const std::uint64_t told = counted.view().sum();
  CHECK(told >= sum - sum / 16);
  CHECK(told <= sum + sum / 16);
}

TEST_CASE("histogram: an empty one has no percentile and no sum") {
  const histogram<age_scale> none;
  CHECK(none.view().percentile(99) == 0);
  CHECK(none.view().sum() == 0);
}

TEST_CASE("histogram: threads with their own and a shared one lose nothing") {
  kith::single_writer_histogram<age_scale> own, shared;
  std::thread other{[&] {
    for (std::uint64_t i = 0; i < 20000; ++i) shared.record_shared(i << 16);
  }};
  for (std::uint64_t i = 0; i < 20000; ++i) {
    own.record(i << 16);
    shared.record_shared(i << 16);
  }
  other.join();
  CHECK(own.count() == 20000);
  histogram<age_scale> twice, once;
  shared.add_to(twice);
  own.add_to(once);
  own.add_to(once);
  CHECK(twice == once);
}
