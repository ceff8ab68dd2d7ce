// Threads that take records of the guard at the same time. For ThreadSanitizer: what one thread
// reads of another one's new record has to be published.
#include <kith/near/guard.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <set>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t threads_at_once = 4;
constexpr int rounds = 200;

TEST_CASE("guard: threads that begin together get records of different numbers") {
  for (int round = 0; round < rounds; ++round) {
    // Its records are never freed, as those of the process's own registry: 2 KiB a round.
    kith::near::guard::registry records;
    std::atomic<std::size_t> here{0};
    std::vector<std::uint32_t> numbers(threads_at_once);
    std::vector<std::thread> threads;
    for (std::uint32_t& number : numbers) {
      threads.emplace_back([&] {
        ++here;
        while (here < threads_at_once) std::this_thread::yield();
        number = records.take().number;
      });
    }
    for (std::thread& each : threads) each.join();
    CHECK(std::set<std::uint32_t>(numbers.begin(), numbers.end()).size() == threads_at_once);
  }
}

}  // namespace
