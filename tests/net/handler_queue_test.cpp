// Handlers without an executor of their own: where they run, and that none is lost.
#include <kith/net/handler_queue.hpp>

#include <doctest/doctest.h>

#include "support.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

using namespace net_test;
namespace asio = boost::asio;

namespace {

/// A queue, its home, and an executor as handlers get it.
struct queue_at_home {
  asio::io_context home{1};
  std::shared_ptr<kith::net::handler_queue> queue =
      std::make_shared<kith::net::handler_queue>(home);
  asio::any_io_executor executor = kith::net::handler_executor{queue};
};

}  // namespace

TEST_CASE("handler queue: at home in order, and never within the post") {
  queue_at_home at;
  std::vector<int> ran;
  asio::post(at.executor, [&] {
    ran.push_back(1);
    asio::post(at.executor, [&] { ran.push_back(3); });
  });
  asio::post(at.executor, [&] { ran.push_back(2); });
  CHECK(ran.empty());
  at.home.run();
  CHECK(ran == std::vector{1, 2, 3});
}

TEST_CASE("handler queue: what waits at the end runs there, what comes later on another thread") {
  queue_at_home at;
  std::thread::id here;
  std::promise<std::thread::id> later;
  asio::post(at.executor, [&] {
    here = std::this_thread::get_id();
    asio::post(at.executor, [&] { later.set_value(std::this_thread::get_id()); });
  });
  at.queue->end();
  CHECK(here == std::this_thread::get_id());
  auto there = later.get_future();
  REQUIRE(there.wait_for(patience) == std::future_status::ready);
  CHECK(there.get() != here);
}

TEST_CASE("handler queue: none is lost and none runs twice while the queue ends") {
  constexpr int posters = 4;
  constexpr int each = 500;
  for (int round = 0; round < 20; ++round) {
    std::vector<std::atomic<int>> ran(posters * each);
    std::promise<void> all;
    std::atomic<int> left{posters * each};
    queue_at_home at;
    auto work = asio::make_work_guard(at.home);
    std::thread home{[&] { at.home.run(); }};
    std::vector<std::thread> threads;
    for (int t = 0; t < posters; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < each; ++i) {
          asio::post(at.executor, [&, n = t * each + i] {
            ++ran[static_cast<std::size_t>(n)];
            if (--left == 0) all.set_value();
          });
        }
      });
    }
    at.home.stop();
    home.join();
    at.queue->end();
    for (std::thread& one : threads) one.join();
    REQUIRE(all.get_future().wait_for(patience) == std::future_status::ready);
    for (const auto& times : ran) CHECK(times == 1);
  }
}
