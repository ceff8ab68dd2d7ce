#include <kith/core/crc32c.hpp>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <thread>

namespace kith {

// Goal: the question whether the processor has the instruction is asked once, at the first use, and
// that use may come from any thread. Method: threads meet at a gate before their first call. CTest
// runs each case in a process of its own, so these calls are the first of the process.
TEST_CASE("crc32c: first calls from several threads agree") {
  std::array<std::uint32_t, 4> sums{};
  std::atomic<std::size_t> waiting{sums.size()};
  {
    std::vector<std::jthread> threads;
    for (std::uint32_t& sum : sums) {
      threads.emplace_back([&sum, &waiting] {
        --waiting;
        while (waiting > 0) std::this_thread::yield();
        sum = crc32c(as_bytes("123456789"));
      });
    }
  }
  for (const std::uint32_t sum : sums) CHECK(sum == 0xE3069283);
}

}  // namespace kith
