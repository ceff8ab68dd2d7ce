// What callers feel when a million entries of an owner end at one instant.

#include "measure.hpp"
#include "subject.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;
using burst_cache = kith::cache<std::uint64_t, std::uint64_t>;

/// Reads and writes, turn about, of keys that this member owns.
struct caller {
  const bench::record_cache& cache;
  std::vector<std::string> keys = bench::make_keys(10000);
  std::vector<std::uint32_t> order = bench::make_order(1 << 16, keys.size());
  bench::record value = bench::make_record(1);
  std::size_t calls = 0;

  /// `count` calls; how long each took, in nanoseconds, is added to `times`.
  void call(std::size_t count, std::vector<double>& times) {
    for (std::size_t i = 0; i < count; ++i, ++calls) {
      const std::string& key = keys[order[calls * 31 % order.size()]];
      const auto start = clock_type::now();
      if (calls % 2 == 0) {
        if (!cache.get(key)) throw std::runtime_error{"a key is gone"};
      } else {
        cache.put(key, value);
      }
      times.push_back(std::chrono::duration<double, std::nano>(clock_type::now() - start).count());
    }
  }
};

double p999(std::vector<double>& times) {
  const auto at = times.begin() + static_cast<std::ptrdiff_t>(times.size() * 999 / 1000);
  std::nth_element(times.begin(), at, times.end());
  return *at;
}

/// Entries that all end at one instant, which is returned. Where the machine takes longer than
/// `ahead` to put them, it is tried again with more time.
clock_type::time_point fill(const burst_cache& cache, std::size_t count,
                            clock_type::duration ahead) {
  constexpr int attempts = 5;
  for (int attempt = 0; attempt < attempts; ++attempt, ahead *= 2) {
    const auto end = clock_type::now() + ahead;
    for (std::size_t done = 0; done < count && clock_type::now() < end;) {
      std::vector<std::pair<std::uint64_t, std::uint64_t>> some;
      for (; some.size() < 1000 && done < count; ++done) some.emplace_back(done, done);
      cache.put_many(some, {.ttl = std::max(end - clock_type::now(), clock_type::duration{1})});
    }
    if (clock_type::now() < end) return end;
  }
  throw std::runtime_error{"the entries ended while they were put"};
}

struct round_times {
  double quiet = 0;
  double burst = 0;
  double burst_ms = 0;
};

round_times run_round(caller& by, const burst_cache& cache, std::size_t count,
                      clock_type::duration ahead) {
  round_times took;
  const auto end = fill(cache, count, ahead);
  std::this_thread::sleep_until(end);
  std::vector<double> burst;
  // Asked now and then: the question takes each lane's lock.
  do {
    by.call(2000, burst);
  } while (cache.stats().owned_entries > 0);
  took.burst_ms = std::chrono::duration<double, std::milli>(clock_type::now() - end).count();
  std::vector<double> quiet;
  while (quiet.size() < burst.size()) {
    by.call(2000, quiet);
    static_cast<void>(cache.stats());
  }
  took.burst = p999(burst);
  took.quiet = p999(quiet);
  return took;
}

int run(int argc, char** argv) {
  bench::report report{argc, argv,
                       "expiry: a million entries of an owner end at one instant. Calls of one "
                       "thread on other keys of\nthis owner, reads and writes turn about, from "
                       "that instant until the last entry is gone; and as many\nafter it. The "
                       "99.9th percentile of each, turn about, medians of the rounds."};
  const bool quick = bench::is_quick(argc, argv);
  const std::size_t count = quick ? 50'000 : 1'000'000;
  kith::member member{bench::apart("bench-expiry-" + std::to_string(::getpid()))};
  const auto steady = member.cache<std::string, bench::record>("records");
  const auto burst = member.cache<std::uint64_t, std::uint64_t>(
      "burst", {.max_bytes = kith::byte_count{std::uint64_t{4} << 30}});
  caller by{steady};
  bench::fill(steady, by.keys);
  std::vector<double> quiet_times, burst_times;
  for (int round = 0; round < (quick ? 2 : 7); ++round) {
    const round_times took = run_round(by, burst, count, std::chrono::seconds{quick ? 2 : 8});
    std::printf("quiet %.1f us, burst %.1f us, gone after %.0f ms\n", took.quiet / 1000,
                took.burst / 1000, took.burst_ms);
    quiet_times.push_back(took.quiet);
    burst_times.push_back(took.burst);
  }
  std::printf("load of the machine: %.1f\n", bench::machine_load());
  report.figure("expiry_burst_p999", bench::median(burst_times) / bench::median(quiet_times), "x");
  return report.finish();
}

}  // namespace

int main(int argc, char** argv) {
  return bench::guarded([&] { return run(argc, argv); });
}
