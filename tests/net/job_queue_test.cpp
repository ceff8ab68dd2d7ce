#include <kith/net/job_queue.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

TEST_CASE("job queue: the deepest first, and of those the oldest") {
  kith::net::job_queue queue;
  std::vector<int> ran;
  std::vector<std::uint32_t> depths;
  const auto push = [&](std::uint32_t depth, int number) {
    queue.push(depth, [&ran, number] { ran.push_back(number); });
  };
  push(0, 1);
  push(0, 2);
  CHECK_FALSE(queue.has_nested());
  push(2, 3);
  push(1, 4);
  push(2, 5);
  CHECK(queue.has_nested());
  CHECK(queue.size() == 5);
  while (auto next = queue.take()) {
    next->run();
    depths.push_back(next->depth);
  }
  CHECK(ran == std::vector{3, 5, 4, 1, 2});
  CHECK(depths == std::vector<std::uint32_t>{2, 2, 1, 0, 0});
  CHECK(queue.empty());
}

TEST_CASE("job queue: what was not taken can be taken at once") {
  kith::net::job_queue queue;
  queue.push(0, [] {});
  queue.push(3, [] {});
  CHECK(queue.take_all().size() == 2);
  CHECK(queue.empty());
  CHECK_FALSE(queue.has_nested());
  CHECK_FALSE(queue.take());
}
