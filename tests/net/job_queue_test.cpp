#include <kith/net/job_queue.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <vector>

using kith::net::job_queue;

namespace {

constexpr job_queue::kind pages = 1;
constexpr job_queue::kind rows = 2;

/// Jobs that note their numbers.
struct noting {
  job_queue queue{2};
  std::vector<int> ran;

  void push(job_queue::kind of, int number) {
    queue.push(of, [this, number] { ran.push_back(number); });
  }
  /// Runs what `next` has started, without its end.
  bool run(std::optional<job_queue::started> next) {
    if (next) next->run();
    return next.has_value();
  }
};

}  // namespace

TEST_CASE("job queue: the oldest or the newest of all kinds") {
  noting n;
  n.push(pages, 1);
  n.push(rows, 2);
  n.push(pages, 3);
  n.push(rows, 4);
  CHECK(n.queue.size() == 4);
  CHECK(n.run(n.queue.start_oldest()));
  CHECK(n.run(n.queue.start_newest()));
  CHECK(n.run(n.queue.start_oldest()));
  CHECK(n.run(n.queue.start_newest()));
  CHECK_FALSE(n.run(n.queue.start_oldest()));
  CHECK(n.ran == std::vector{1, 4, 2, 3});
  CHECK(n.queue.running() == 4);
}

TEST_CASE("job queue: of kinds that wait no more are started than may wait, others are") {
  noting n;
  for (int i = 1; i <= 3; ++i) n.push(pages, i);
  CHECK(n.run(n.queue.start_oldest()));
  n.queue.waits(pages);
  CHECK(n.run(n.queue.start_oldest()));
  CHECK_FALSE(n.run(n.queue.start_oldest()));
  CHECK_FALSE(n.run(n.queue.start_newest()));
  n.push(rows, 10);
  CHECK(n.run(n.queue.start_oldest()));
  CHECK(n.ran == std::vector{1, 2, 10});
  n.queue.ended(rows);
  CHECK_FALSE(n.run(n.queue.start_oldest()));
  n.queue.ended(pages);
  CHECK(n.run(n.queue.start_newest()));
  CHECK(n.queue.running() == 2);
}

TEST_CASE("job queue: what may not be started can be, in its order, and dropped") {
  noting n;
  for (int i = 1; i <= 4; ++i) n.push(pages, i);
  CHECK(n.run(n.queue.start_oldest()));
  CHECK(n.run(n.queue.start_oldest()));
  n.queue.waits(pages);
  CHECK_FALSE(n.run(n.queue.start_oldest()));
  n.queue.start_anyway().run();
  CHECK(n.ran == std::vector{1, 2, 3});
  CHECK(n.queue.take_all().size() == 1);
  CHECK(n.queue.empty());
}
