// How long a blocking read of another process's key takes, against a bare ping-pong of the same
// sizes between two processes and against redis.

#include "allocations.hpp"
#include "measure.hpp"
#include "peers.hpp"
#include "redis.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

/// What calls cost beside their time: processor time of this process and of the one that answers.
class cost {
 public:
  explicit cost(const bench::child& other) : other_{&other} {}

  template <class Calls>
  void of(Calls&& calls) {
    const double cpu = both_us();
    const std::uint64_t made = bench::allocations.load(std::memory_order_relaxed);
    calls();
    cpu_us_ += both_us() - cpu;
    allocations_ += bench::allocations.load(std::memory_order_relaxed) - made;
  }
  [[nodiscard]] double cpu_us() const { return cpu_us_; }
  [[nodiscard]] std::uint64_t allocations() const { return allocations_; }

 private:
  [[nodiscard]] double both_us() const {
    return bench::cpu_us_of(CLOCK_PROCESS_CPUTIME_ID) + other_->cpu_us();
  }

  const bench::child* other_;
  double cpu_us_ = 0;
  std::uint64_t allocations_ = 0;
};

int run(int argc, char** argv) {
  bench::report report{argc, argv,
                       "remote_get: cache::get of a key that another process owns, no near cache, "
                       "loopback, against\na blocking TCP ping-pong between two processes (52 "
                       "bytes there, 150 back, as the get; TCP_NODELAY)\nand GET of redis by a "
                       "blocking client that decodes the value too.\nRounds of 100 calls turn "
                       "about; percentiles over all calls. This process has one processor, those "
                       "that answer another.\nProcessor time: of both processes, all threads. "
                       "Allocations: in the reading process, a call."};
  bench::apart_on_processors::begin();
  bench::ping_pong floor;
  const std::unique_ptr<bench::redis> redis = bench::redis::start_if_installed();
  bench::remote_pair pair{"bench-remote-get-" + std::to_string(::getpid())};
  const auto cache = pair.open();
  const std::vector<std::string> keys = bench::make_keys(bench::remote_keys);

  std::vector<std::string> requests;
  std::size_t value_size = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const kith::bytes value = kith::encode(bench::make_record(i));
    value_size = value.size();
    requests.push_back(bench::redis::get_request(keys[i]));
    const std::string_view text{reinterpret_cast<const char*>(value.data()), value.size()};
    bench::require(!redis || redis->put(keys[i], text), "redis did not take a value");
  }

  bench::latencies bare, kith_get, redis_get;
  cost kith_cost{pair.owner()};
  std::optional<cost> redis_cost;
  if (redis) redis_cost.emplace(redis->server());
  std::size_t at = 0;
  const auto next = [&] { return at = (at + 7) % keys.size(); };
  const std::size_t rounds = bench::is_quick(argc, argv) ? 5 : 150;
  for (std::size_t round = 0; round < rounds; ++round) {
    bare.time(100, [&] { floor.call(); });
    kith_cost.of([&] {
      kith_get.time(100, [&] {
        const std::size_t i = next();
        const auto found = cache.get(keys[i]);
        bench::require(found && found->id == i, "a get gave the wrong value");
      });
    });
    if (!redis) continue;
    redis_cost->of([&] {
      redis_get.time(100, [&] {
        const std::size_t i = next();
        redis->send(requests[i]);
        const std::string_view text = redis->receive(value_size);
        const auto found = kith::decode<bench::record>(
            {reinterpret_cast<const std::byte*>(text.data()), text.size()});
        bench::require(found && found->id == i, "redis gave the wrong value");
      });
    });
  }
  bare.print("ping-pong");
  kith_get.print("remote get");
  if (redis) redis_get.print("redis GET");
  std::printf("load of the machine: %.1f\n", bench::machine_load());
  report.figure("remote_get_p50", kith_get.at(0.5) / bare.at(0.5), "x");
  report.figure("remote_get_p99", kith_get.at(0.99) / bare.at(0.5), "x");
  const double calls = 100.0 * static_cast<double>(rounds);
  report.figure("remote_get_allocs", static_cast<double>(kith_cost.allocations()) / calls, "count");
  if (redis) {
    report.figure("remote_get_vs_redis", kith_get.at(0.5) / redis_get.at(0.5), "x");
    report.figure("remote_get_cpu_vs_redis", kith_cost.cpu_us() / redis_cost->cpu_us(), "x");
  }
  return report.finish();
}

}  // namespace

int main(int argc, char** argv) { return bench::run_program(argc, argv, run); }
