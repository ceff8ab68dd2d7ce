// Two rate limits that hold for a whole service, however many replicas answer: so many requests a
// minute (a counter that ends by itself), and a token bucket (an entry processor). Both decide at
// the owner of the client's key, one request at a time, so nothing slips through between replicas.
#include "support.hpp"

#include <kith/kith.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

struct bucket {
  double tokens = 0;
  std::int64_t filled_ms = 0;  // when `tokens` was right

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & tokens & filled_ms;
  }
};

// Takes one token, if there is one. A processor has no clock of its own: its result would differ
// with the member that runs it. The caller says what time it is.
struct take_token {
  double burst = 0;
  double per_second = 0;
  std::int64_t now_ms = 0;

  bool operator()(kith::entry<std::string, bucket>& entry) const {
    bucket held = entry.exists() ? entry.value() : bucket{burst, now_ms};
    // Replicas' clocks differ a little; one that is behind adds nothing.
    const auto passed = std::max<std::int64_t>(now_ms - held.filled_ms, 0);
    held.tokens = std::min(burst, held.tokens + per_second * static_cast<double>(passed) / 1000);
    held.filled_ms = std::max(now_ms, held.filled_ms);
    const bool allowed = held.tokens >= 1;
    if (allowed) held.tokens -= 1;
    entry.set(held);
    return allowed;
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & burst & per_second & now_ms;
  }
};

// 30 requests of one client at each of two replicas, all at once, of which 40 a window may pass.
void limit_by_window(kith::member& one, kith::member& other) {
  constexpr std::int64_t limit = 40;
  std::vector<int> passed(2);
  std::vector<std::thread> replicas;
  for (kith::member* member : {&one, &other}) {
    replicas.emplace_back([&passed = passed[replicas.size()], member] {
      // The window begins with a client's first request, and is not moved by later ones: `add`
      // leaves the time to live as it is.
      auto requests = member->cache<std::string, std::int64_t>("requests", {.ttl = 60s});
      for (int i = 0; i < 30; ++i) {
        if (requests.add("10.0.0.7", 1) <= limit) ++passed;
      }
    });
  }
  for (std::thread& replica : replicas) replica.join();
  std::cout << "window: " << passed[0] + passed[1] << " of 60 requests passed\n";
  expect(passed[0] + passed[1] == limit, "exactly the limit passes, over both replicas");
}

void limit_by_bucket(kith::member& one, kith::member& other) {
  // Whoever is silent for so long has a full bucket anyway.
  const kith::cache_options<std::string, bucket> options{.ttl = 1h};
  auto here = one.cache<std::string, bucket>("buckets", options);
  auto there = other.cache<std::string, bucket>("buckets", options);
  here.register_processor<take_token>("take_token");
  there.register_processor<take_token>("take_token");

  take_token take{.burst = 5, .per_second = 2, .now_ms = 1'000'000};
  const auto passing = [&](int requests) {
    int passed = 0;
    for (int i = 0; i < requests; ++i) {
      if ((i % 2 == 0 ? here : there).invoke("10.0.0.7", take)) ++passed;
    }
    return passed;
  };
  const int burst = passing(8);
  take.now_ms += 1500;
  const int later = passing(8);
  std::cout << "bucket: " << burst << " of 8 requests passed, " << later
            << " of 8 a second and a half later\n";
  expect(burst == 5 && later == 3, "a burst, and then two a second");
}

int main() {
  kith::member one({.cluster = "example-rate-limiter"});
  kith::member other({.cluster = "example-rate-limiter"});
  wait_until([&] { return one.members().size() == 2; }, "the members found each other");
  wait_until([&] { return other.members().size() == 2; }, "and both know");
  limit_by_window(one, other);
  limit_by_bucket(one, other);
}
