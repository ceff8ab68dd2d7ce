// What a hit in the near cache costs, against a bare absl::flat_hash_map, and what a second thread
// adds: on keys of its own choice, and on one key that all read. Of a strong cache, against the
// same and a reading of the clock, which it cannot do without.

#include "measure.hpp"
#include "subject.hpp"

#include <kith/net/clock.hpp>

#include <absl/container/flat_hash_map.h>

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t key_count = 10000;
constexpr std::size_t order_size = 1 << 16;

using bare_map = absl::flat_hash_map<std::string, bench::record>;

struct subjects {
  const bench::record_cache& cache;
  const bare_map& bare;
  const std::vector<std::string>& keys;
  const std::vector<std::uint32_t>& order;

  [[nodiscard]] const std::string& key(std::size_t i) const { return keys[order[i % order_size]]; }
};

std::uint64_t read_near(const bench::record_cache& cache, const std::string& key) {
  const auto found = cache.get(key);
  return found->id;
}

std::uint64_t read_bare(const bare_map& map, const std::string& key) {
  return map.find(key)->second.id;
}

/// Calls a second of one round of `threads` threads, each with `calls` of `one(i)`.
template <class One>
double throughput(std::size_t threads, std::size_t calls, One&& one) {
  std::atomic<std::size_t> waiting{threads};
  std::vector<std::chrono::steady_clock::time_point> starts(threads), ends(threads);
  const auto body = [&](std::size_t self) {
    waiting.fetch_sub(1);
    while (waiting.load() != 0) std::this_thread::yield();
    starts[self] = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < calls; ++i) one(i + self * order_size / 2);
    ends[self] = std::chrono::steady_clock::now();
  };
  std::vector<std::thread> readers;
  for (std::size_t t = 0; t < threads; ++t) readers.emplace_back(body, t);
  for (std::thread& reader : readers) reader.join();
  const std::chrono::duration<double> spent =
      *std::max_element(ends.begin(), ends.end()) - *std::min_element(starts.begin(), starts.end());
  return static_cast<double>(threads * calls) / spent.count();
}

struct scaling {
  double near_spread = 0;
  double near_hot = 0;
  double bare_spread = 0;
};

scaling measure_scaling(const subjects& on, std::chrono::milliseconds time) {
  constexpr std::size_t calls = 40000;
  constexpr std::size_t bare_calls = 5 * calls;  // about the same time a round
  const auto spread = [&](std::size_t i) {
    std::uint64_t id = read_near(on.cache, on.key(i));
    bench::keep(id);
  };
  const auto hot = [&](std::size_t) {
    std::uint64_t id = read_near(on.cache, on.keys[0]);
    bench::keep(id);
  };
  const auto bare = [&](std::size_t i) {
    std::uint64_t id = read_bare(on.bare, on.key(i));
    bench::keep(id);
  };
  std::vector<double> seen[6];
  const auto until = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < until) {
    for (std::size_t threads : {1U, 2U}) {
      seen[threads - 1].push_back(throughput(threads, calls, spread));
      seen[threads + 1].push_back(throughput(threads, calls, hot));
      seen[threads + 3].push_back(throughput(threads, bare_calls, bare));
    }
  }
  const auto ratio = [&](std::size_t at) {
    return bench::median(seen[at + 1]) / bench::median(seen[at]);
  };
  return {ratio(0), ratio(2), ratio(4)};
}

void measure(const subjects& on, bool quick, bench::report& report) {
  const auto before = on.cache.stats();
  const auto ns = bench::interleave(
      {quick ? 50U : 1000U, 2000},
      [&](std::size_t i) {
        std::uint64_t id = read_bare(on.bare, on.key(i * 31));
        bench::keep(id);
      },
      [&](std::size_t i) {
        std::uint64_t id = read_near(on.cache, on.key(i * 31));
        bench::keep(id);
      });
  const scaling two = measure_scaling(on, std::chrono::milliseconds{quick ? 500 : 8000});
  const auto after = on.cache.stats();
  const std::uint64_t hits = after.near_hits - before.near_hits;
  const std::uint64_t missed = after.owner_hits - before.owner_hits;
  std::printf("one thread: bare find %.1f ns, near hit %.1f ns\n", ns[0], ns[1]);
  std::printf("two threads: the bare map scales %.2f x on this machine now, load %.1f\n",
              two.bare_spread, bench::machine_load());
  std::printf("%llu near hits, %llu reads went to the owner\n",
              static_cast<unsigned long long>(hits), static_cast<unsigned long long>(missed));
  report.figure("near_hit_1t", ns[1] / ns[0], "x");
  report.figure("near_hit_2t_scaling", two.near_spread, "x");
  report.figure("near_hit_hotkey_2t_scaling", two.near_hot, "x");
  report.figure("near_hit_1t_ns", ns[1], "ns");
}

/// Two members of which one owns all and the other has all near.
class two_members {
 public:
  two_members(const std::string& cluster, const std::vector<std::string>& keys, kith::coherence of)
      : owner_{with(of, bench::apart(cluster))},
        reader_{with(of, bench::apart(cluster, owner_.address().port, 0))} {
    bench::record_options options;
    options.coherence = of;
    if (of == kith::coherence::strong) options.backups = 1;
    options.timeout = std::chrono::seconds{30};
    const auto owned = owner_.cache<std::string, bench::record>("records", options);
    bench::wait_for_members(reader_, 2);
    near_.push_back(reader_.cache<std::string, bench::record>("records", options));
    bench::fill(owned, keys);
    for (int twice = 0; twice < 2; ++twice) {
      for (const std::string& key : keys) (void)near().get(key);
    }
  }
  [[nodiscard]] const bench::record_cache& near() const { return near_.front(); }

 private:
  static kith::member_options with(kith::coherence of, kith::member_options made) {
    if (of == kith::coherence::eventual) return made;
    made.quorum = kith::quorum::majority;
    made.bootstrap_expect = 2;
    return made;
  }

  kith::member owner_;
  kith::member reader_;
  std::vector<bench::record_cache> near_;
};

void measure_strong(const subjects& on, bool quick, bench::report& report) {
  const auto before = on.cache.stats();
  const auto ns = bench::interleave(
      {quick ? 50U : 1000U, 2000},
      [&](std::size_t i) {
        std::uint64_t id = read_bare(on.bare, on.key(i * 31));
        kith::time_point now = kith::net::now();
        bench::keep(id);
        bench::keep(now);
      },
      [&](std::size_t i) {
        std::uint64_t id = read_near(on.cache, on.key(i * 31));
        bench::keep(id);
      });
  const auto after = on.cache.stats();
  std::printf(
      "strong: bare find and clock %.1f ns, near hit %.1f ns, %llu reads went to the owner\n",
      ns[0], ns[1], static_cast<unsigned long long>(after.owner_hits - before.owner_hits));
  report.figure("near_hit_strong_1t", ns[1] / ns[0], "x");
}

int run(int argc, char** argv) {
  bench::report report{argc, argv,
                       "near_hit: cache::get of keys that another member owns, all in the near "
                       "cache, against\nfind in an absl::flat_hash_map<string, value>. 10000 keys "
                       "of 14 bytes, random order, one field read.\nRounds of 2000 calls turn "
                       "about, medians. Two threads: rounds of 40000 calls a thread; one and two "
                       "turn about.\nstrong: of a strong cache, against find and a "
                       "clock_gettime."};
  const std::string cluster = "bench-near-hit-" + std::to_string(::getpid());
  const std::vector<std::string> keys = bench::make_keys(key_count);
  const std::vector<std::uint32_t> order = bench::make_order(order_size, key_count);
  bare_map bare;
  for (std::size_t i = 0; i < keys.size(); ++i) bare.emplace(keys[i], bench::make_record(i));
  const bool quick = bench::is_quick(argc, argv);
  {
    const two_members eventual{cluster, keys, kith::coherence::eventual};
    measure({eventual.near(), bare, keys, order}, quick, report);
  }
  const two_members strong{cluster + "-strong", keys, kith::coherence::strong};
  measure_strong({strong.near(), bare, keys, order}, quick, report);
  return report.finish();
}

}  // namespace

int main(int argc, char** argv) {
  return bench::guarded([&] { return run(argc, argv); });
}
