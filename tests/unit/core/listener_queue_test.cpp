// Events in their order, a hole that is told where it is, and an end after which nothing is told.
#include <kith/core/listener_queue.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using kith::listener_queue;

namespace {

struct heard {
  explicit heard(std::size_t events_max = 4096, std::size_t bytes_max = 1 << 20) {
    listener_queue<int>::options made;
    made.tell = [this](int event) {
      if (event < 0) throw std::runtime_error{"less than nothing"};
      said.push_back(std::to_string(event));
    };
    made.tell_lost = [this](std::uint64_t count) {
      said.push_back("lost " + std::to_string(count));
    };
    made.failed = [this](const std::string& why) { said.push_back("threw " + why); };
    made.events_max = events_max;
    made.bytes_max = bytes_max;
    queue = std::make_unique<listener_queue<int>>(std::move(made));
  }
  std::vector<std::string> said;
  std::unique_ptr<listener_queue<int>> queue;
};

}  // namespace

TEST_CASE("listener_queue: events are told in their order by one run") {
  heard h;
  CHECK_FALSE(h.queue->begin());
  for (int i = 0; i < 3; ++i) h.queue->push(i, 1);
  CHECK(h.queue->begin());
  CHECK_FALSE(h.queue->begin());
  h.queue->push(3, 1);
  CHECK_FALSE(h.queue->run());
  CHECK(h.said == std::vector<std::string>{"0", "1", "2", "3"});
  CHECK_FALSE(h.queue->begin());
}

TEST_CASE("listener_queue: from the first event that finds no room all are counted until told") {
  heard h{2};
  for (int i = 0; i < 5; ++i) h.queue->push(i, 1);
  CHECK(h.queue->begin());
  CHECK_FALSE(h.queue->run());
  h.queue->push(5, 1);
  CHECK_FALSE(h.queue->run());
  CHECK(h.said == std::vector<std::string>{"0", "1", "lost 3", "5"});
}

TEST_CASE("listener_queue: nothing is told past a hole before the hole is") {
  std::vector<int> told;
  listener_queue<int>* self = nullptr;
  listener_queue<int>::options made;
  made.tell = [&](int event) {
    told.push_back(event);
    if (event == 0) self->push(3, 1);  // there is room again
  };
  made.tell_lost = [&](std::uint64_t count) { told.push_back(-static_cast<int>(count)); };
  made.events_max = 2;
  listener_queue<int> queue{std::move(made)};
  self = &queue;
  for (int i = 0; i < 3; ++i) queue.push(i, 1);
  CHECK_FALSE(queue.run());
  CHECK(told == std::vector<int>{0, 1, -2});
}

TEST_CASE("listener_queue: bytes are bounded too and one event may be larger than that") {
  heard h{10, 100};
  h.queue->push(0, 1000);
  h.queue->push(1, 1);
  CHECK_FALSE(h.queue->run());
  CHECK(h.said == std::vector<std::string>{"0", "lost 1"});
}

TEST_CASE("listener_queue: what the listener throws is reported and the rest is told") {
  heard h;
  h.queue->push(-1, 1);
  h.queue->push(2, 1);
  CHECK_FALSE(h.queue->run());
  CHECK(h.said == std::vector<std::string>{"threw less than nothing", "2"});
}

// A listener that is slower than its events come would keep its thread for ever.
TEST_CASE("listener_queue: a run is bounded and goes on when it is called again") {
  std::vector<int> told;
  listener_queue<int>* self = nullptr;
  listener_queue<int>::options made;
  made.tell = [&](int event) {
    told.push_back(event);
    if (event < 5) self->push(event + 1, 1);
  };
  made.run_max = 2;
  listener_queue<int> queue{std::move(made)};
  self = &queue;
  queue.push(0, 1);
  CHECK(queue.begin());
  CHECK(queue.run());
  CHECK(told == std::vector<int>{0, 1});
  CHECK_FALSE(queue.begin());  // the caller has it run again
  CHECK(queue.run());
  CHECK_FALSE(queue.run());
  CHECK(told == std::vector<int>{0, 1, 2, 3, 4, 5});
  CHECK_FALSE(queue.begin());
}

TEST_CASE("listener_queue: a run that could not be had is asked for again") {
  heard h;
  h.queue->push(1, 1);
  CHECK(h.queue->begin());
  h.queue->abandon();
  CHECK(h.queue->begin());
}

TEST_CASE("listener_queue: nothing is told after the end, which waits for the listener") {
  std::atomic<bool> inside{false};
  std::atomic<bool> leave{false};
  std::atomic<int> told{0};
  listener_queue<int>::options made;
  made.tell = [&](int) {
    inside = true;
    while (!leave) std::this_thread::yield();
    ++told;
  };
  listener_queue<int> queue{std::move(made)};
  queue.push(1, 1);
  queue.push(2, 1);
  std::thread runner{[&] { CHECK_FALSE(queue.run()); }};
  while (!inside) std::this_thread::yield();
  std::thread closer{[&] {
    queue.close();
    CHECK(told == 1);
  }};
  // An event waits, so that only the end can say that there is nothing to begin.
  while (queue.begin()) {
    queue.abandon();
    std::this_thread::yield();
  }
  leave = true;
  closer.join();
  runner.join();
  CHECK(told == 1);
  queue.push(3, 1);
  CHECK_FALSE(queue.begin());
}

TEST_CASE("listener_queue: a listener may end itself") {
  int told = 0;
  listener_queue<int>* self = nullptr;
  listener_queue<int>::options made;
  made.tell = [&](int) {
    ++told;
    self->close();
  };
  listener_queue<int> queue{std::move(made)};
  self = &queue;
  queue.push(1, 1);
  queue.push(2, 1);
  CHECK_FALSE(queue.run());
  CHECK(told == 1);
}
