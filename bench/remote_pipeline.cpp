// How many reads of another process's keys a second one connection carries when many are under way,
// with and without puts among them, and against redis with as many in its pipeline.

#include "measure.hpp"
#include "peers.hpp"
#include "redis.hpp"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t window = 64;
constexpr std::chrono::milliseconds slice{100};

double per_second(std::size_t count, clock::time_point start) {
  return static_cast<double>(count) / std::chrono::duration<double>(clock::now() - start).count();
}

/// A window of async calls: each that completes starts the next one.
class pipeline {
 public:
  pipeline(bench::record_cache cache, const std::vector<std::string>& keys)
      : cache_{std::move(cache)}, keys_{keys} {}

  /// Calls a second of one slice; one in `put_every` is a put, 0: none.
  double run(std::size_t put_every) {
    put_every_ = put_every;
    done_ = 0;
    under_way_ = window;
    stop_ = false;
    const auto start = clock::now();
    for (std::size_t i = 0; i < window; ++i) next();
    std::this_thread::sleep_for(slice);
    stop_ = true;
    for (std::size_t left = under_way_; left != 0; left = under_way_) under_way_.wait(left);
    bench::require(failed_ == 0, "a call failed or gave the wrong value");
    return per_second(done_, start);
  }

 private:
  void next() {
    const std::size_t number = started_.fetch_add(1, std::memory_order_relaxed);
    const std::size_t key = number * 7 % keys_.size();
    if (put_every_ != 0 && number % put_every_ == 0) {
      cache_.async_put(keys_[key], bench::make_record(key),
                       [this](kith::error_code error, kith::version) { completed(!error); });
      return;
    }
    cache_.async_get(keys_[key], [this, key](kith::error_code error,
                                             kith::ref<bench::record> found) {
      completed(!error && found && found->id == key);
    });
  }
  void completed(bool good) {
    if (!good) failed_.fetch_add(1);
    done_.fetch_add(1, std::memory_order_relaxed);
    if (!stop_.load(std::memory_order_relaxed)) return next();
    if (under_way_.fetch_sub(1) == 1) under_way_.notify_one();
  }

  bench::record_cache cache_;
  const std::vector<std::string>& keys_;
  std::size_t put_every_ = 0;
  std::atomic<std::size_t> started_{0}, done_{0}, failed_{0}, under_way_{0};
  std::atomic<bool> stop_{false};
};

/// The same number of requests in one write, then all of their replies, decoded.
class redis_pipeline {
 public:
  redis_pipeline(bench::redis& redis, const std::vector<std::string>& keys)
      : redis_{redis}, keys_{keys} {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const kith::bytes value = kith::encode(bench::make_record(i));
      value_size_ = value.size();
      const std::string_view text{reinterpret_cast<const char*>(value.data()), value.size()};
      bench::require(redis.put(keys[i], text), "redis did not take a value");
    }
  }
  double run() {
    std::size_t done = 0;
    std::string batch;
    const auto start = clock::now();
    while (clock::now() - start < slice) {
      batch.clear();
      for (std::size_t i = 0; i < window; ++i) {
        batch += bench::redis::get_request(keys_[(done + i) * 7 % keys_.size()]);
      }
      redis_.send(batch);
      for (std::size_t i = 0; i < window; ++i, ++done) {
        const std::string_view text = redis_.receive(value_size_);
        const auto found = kith::decode<bench::record>(
            {reinterpret_cast<const std::byte*>(text.data()), text.size()});
        bench::require(found && found->id == done * 7 % keys_.size(), "redis: wrong value");
      }
    }
    return per_second(done, start);
  }

 private:
  bench::redis& redis_;
  const std::vector<std::string>& keys_;
  std::size_t value_size_ = 0;
};

int run(int argc, char** argv) {
  bench::report report{argc, argv,
                       "remote_pipeline: 64 async_get under way, of keys that another process "
                       "owns, no near cache,\none connection over loopback; the same with one call "
                       "in ten a put; redis with 64 GET in one write,\nvalues decoded. Slices of "
                       "100 ms turn about, medians."};
  const std::unique_ptr<bench::redis> redis = bench::redis::start_if_installed();
  const std::vector<std::string> keys = bench::make_keys(bench::remote_keys);
  std::unique_ptr<redis_pipeline> other;
  if (redis) other = std::make_unique<redis_pipeline>(*redis, keys);
  bench::remote_pair pair{"bench-remote-pipeline-" + std::to_string(::getpid())};
  pipeline own{pair.open(), keys};

  std::vector<double> gets, mixed, redis_gets;
  (void)own.run(0);
  const std::size_t rounds = bench::is_quick(argc, argv) ? 2 : 30;
  for (std::size_t round = 0; round < rounds; ++round) {
    gets.push_back(own.run(0));
    mixed.push_back(own.run(10));
    if (other) redis_gets.push_back(other->run());
  }
  const double ops = bench::median(gets);
  std::printf("%.0f gets a second, %.0f calls a second with one in ten a put\n", ops,
              bench::median(mixed));
  if (other) std::printf("redis: %.0f GET a second\n", bench::median(redis_gets));
  std::printf("load of the machine: %.1f\n", bench::machine_load());
  report.figure("remote_pipeline_ops", ops, "1/s");
  report.figure("remote_pipeline_puts", bench::median(mixed) / ops, "x");
  if (other) report.figure("remote_pipeline_vs_redis", ops / bench::median(redis_gets), "x");
  return report.finish();
}

}  // namespace

int main(int argc, char** argv) { return bench::run_program(argc, argv, run); }
