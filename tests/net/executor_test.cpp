// The pieces that run what is not a connection: timers, workers.
#include <doctest/doctest.h>

#include "support.hpp"

#include <kith/net/alarm.hpp>
#include <kith/net/worker_pool.hpp>

#include <boost/asio/steady_timer.hpp>

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

using namespace net_test;

namespace {

/// A pool whose only thread has a job until it is let go, and with room for two that wait.
struct held_pool {
  held_pool() {
    CHECK(pool.post([this] {
      started.set_value();
      release.get_future().wait();
    }));
    started.get_future().wait();
  }

  std::promise<void> started;
  std::promise<void> release;
  kith::net::worker_pool pool{{.threads = 1, .queue = 2}};
};

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)

/// The process may grow by the stacks of a few threads only: the next does not start.
class few_threads {
 public:
  few_threads() {
    ::pthread_getattr_default_np(&before_);
    pthread_attr_t large;
    ::pthread_getattr_default_np(&large);
    REQUIRE(::pthread_attr_setstacksize(&large, stack) == 0);
    REQUIRE(::pthread_setattr_default_np(&large) == 0);
    ::pthread_attr_destroy(&large);
    std::size_t pages = 0;
    std::ifstream{"/proc/self/statm"} >> pages;
    REQUIRE(::getrlimit(RLIMIT_AS, &space_) == 0);
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const rlimit tight{pages * page + 4 * stack, space_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_AS, &tight) == 0);
  }
  ~few_threads() {
    ::setrlimit(RLIMIT_AS, &space_);
    ::pthread_setattr_default_np(&before_);
    ::pthread_attr_destroy(&before_);
  }

 private:
  static constexpr std::size_t stack = std::size_t{256} << 20;

  pthread_attr_t before_;
  rlimit space_{};
};

// Goal: a thread that does not start is an error and not the end of the process.
template <class Threads, class Count>
std::string refusal_of_threads(const Count& count) {
  const few_threads limit;
  try {
    const Threads made{count};
  } catch (const kith::error& error) {
    CHECK(error.code() == kith::errc::overloaded);
    return error.what();
  }
  return {};
}

TEST_CASE("io threads and workers: one that cannot start ends the others and is an error") {
  const std::string io = refusal_of_threads<kith::net::io_threads>(std::size_t{16});
  CHECK(io.find("io_threads: thread ") == 0);
  CHECK(io.find("thread 1 of 16") == std::string::npos);  // some had started
  CHECK(io.find("of 16 did not start") != std::string::npos);
  const std::string pool =
      refusal_of_threads<kith::net::worker_pool>(kith::net::worker_limits{.threads = 16});
  CHECK(pool.find("workers: thread ") == 0);
  CHECK(pool.find("thread 1 of 16") == std::string::npos);
}

#endif

TEST_CASE("alarm: the earliest deadline wakes, and the callback says when again") {
  kith::net::io_threads threads{1};
  std::promise<void> thrice;
  int calls = 0;
  const auto wake = std::make_shared<kith::net::alarm>(threads.home(), [&] {
    if (++calls == 3) thrice.set_value();
    return calls < 3 ? kith::net::now() + 1ms : kith::never;
  });
  wake->arm(kith::never);
  wake->arm(kith::net::now() + 1h);
  wake->arm(kith::net::now() + 1ms);
  CHECK(thrice.get_future().wait_for(patience) == std::future_status::ready);
  threads.stop();
}

TEST_CASE("alarm: armed by many threads it misses none of their deadlines") {
  kith::net::io_threads threads{1};
  std::atomic<int> due{0};
  bell rung;
  const auto wake = std::make_shared<kith::net::alarm>(threads.home(), [&] {
    kith::mutex_lock lock{rung.mutex};
    due.store(0);
    rung.changed.notify_all();
    return kith::never;
  });
  for (int round = 0; round < 50; ++round) {
    std::vector<std::thread> armers;
    for (int i = 0; i < 4; ++i) {
      armers.emplace_back([&] {
        due.fetch_add(1);
        wake->arm(kith::net::now());
      });
    }
    for (std::thread& each : armers) each.join();
    REQUIRE(rung.wait([&] { return due.load() == 0; }));
  }
  threads.stop();
}

TEST_CASE("worker pool: a full queue refuses, what waits is dropped at the end") {
  held_pool held;
  std::atomic<int> ran{0};
  CHECK(held.pool.post([&] { ++ran; }));
  CHECK(held.pool.post([&] { ++ran; }));
  CHECK_FALSE(held.pool.post([&] { ++ran; }));
  SUBCASE("a job that ends in time is waited for") {
    held.release.set_value();
    CHECK(held.pool.stop(std::chrono::milliseconds{patience}) == 0);
  }
  SUBCASE("a job that hangs is left behind") {
    auto end = std::make_shared<std::promise<void>>();
    kith::net::worker_pool hanging{{.threads = 1, .queue = 1}};
    std::promise<void> entered;
    CHECK(hanging.post([end, &entered] {
      entered.set_value();
      end->get_future().wait();
    }));
    entered.get_future().wait();
    CHECK(hanging.stop(1ms) == 1);
    end->set_value();
    held.release.set_value();
    CHECK(held.pool.stop(std::chrono::milliseconds{patience}) == 0);
  }
  CHECK_FALSE(held.pool.post([] {}));
}

// Goal: what is done in turns is never refused for want of room, and keeps no thread from others.
TEST_CASE("worker pool: a job of turns runs though the queue is full and behind what waits") {
  held_pool held;
  kith::net::worker_pool& pool = held.pool;
  std::string order;  // of the one thread
  std::promise<void> ended;
  CHECK(pool.post([&] { order += 'a'; }));
  CHECK(pool.post([&] { order += 'b'; }));
  CHECK(pool.post_turns([&] {
    order += 't';
    if (order.size() < 6) return true;
    ended.set_value();
    return false;
  }));
  CHECK_FALSE(pool.post([&] { order += 'c'; }));
  CHECK(pool.post_turns([&] { return order += 'u', false; }));
  held.release.set_value();
  REQUIRE(ended.get_future().wait_for(patience) == std::future_status::ready);
  CHECK(pool.stop(std::chrono::milliseconds{patience}) == 0);
  CHECK(order == "abtutt");
  CHECK_FALSE(pool.post_turns([] { return true; }));
}

TEST_CASE("worker pool: while jobs wait for jobs, others take their threads' place") {
  constexpr int deep = 20;
  kith::net::worker_pool pool{{.threads = 1, .queue = 100, .substitutes = 100, .depth = deep}};
  std::promise<bool> refused;
  std::function<void(int)> nest = [&](int depth) {
    const auto right = pool.try_wait();
    if (right == nullptr) return refused.set_value(depth == deep);
    const auto inner = std::make_shared<std::promise<void>>();
    CHECK(pool.post(
        [&, depth, inner] {
          CHECK(pool.on_one_of_them());
          nest(depth + 1);
          inner->set_value();
        },
        pool.depth_here()));
    right->begin();
    inner->get_future().wait();
  };
  CHECK_FALSE(pool.on_one_of_them());
  for (int round = 0; round < 3; ++round) {
    refused = {};
    std::promise<void> outer;
    CHECK(pool.post([&] {
      nest(0);
      outer.set_value();
    }));
    REQUIRE(outer.get_future().wait_for(patience) == std::future_status::ready);
    CHECK(refused.get_future().get());
  }
  CHECK(pool.stop(std::chrono::milliseconds{patience}) == 0);
}

// Goal: no job is refused the right to wait, however many are asked for at once. What they wait for
// is asked for here at once, or comes back from elsewhere later.
TEST_CASE("worker pool: jobs that wait are begun as there are threads for what they wait for") {
  constexpr int outer = 300;
  for (const auto away : {0ms, 2ms}) {
    kith::net::worker_pool pool{{.threads = 4, .substitutes = 8}};
    kith::net::io_threads elsewhere{1};
    std::atomic<int> refused{0};
    std::atomic<int> left{outer};
    auto all = std::make_shared<std::promise<void>>();
    const auto inner = [&pool](const std::shared_ptr<std::promise<void>>& done) {
      CHECK(pool.post([done] { done->set_value(); }, 1));
    };
    for (int i = 0; i < outer; ++i) {
      CHECK(pool.post([&, all] {
        if (const auto right = pool.try_wait()) {
          CHECK(pool.depth_here() == 1);
          const auto done = std::make_shared<std::promise<void>>();
          const auto timer = std::make_shared<boost::asio::steady_timer>(elsewhere.home(), away);
          if (away > 0ms) {
            timer->async_wait([&inner, done, timer](const auto&) { inner(done); });
          } else {
            inner(done);
          }
          right->begin();
          done->get_future().wait();
        } else {
          ++refused;
        }
        if (--left == 0) all->set_value();
      }));
    }
    REQUIRE(all->get_future().wait_for(patience) == std::future_status::ready);
    CHECK(refused == 0);
    CHECK(pool.stop(std::chrono::milliseconds{patience}) == 0);
    elsewhere.stop();
  }
}

TEST_CASE("worker pool: it tells what waits and what runs") {
  kith::net::worker_pool pool{{.threads = 1}};
  std::promise<void> entered, release;
  CHECK(pool.post([&] {
    entered.set_value();
    release.get_future().wait();
  }));
  entered.get_future().wait();
  CHECK(pool.post([] {}));
  CHECK(pool.post([] {}));
  CHECK(pool.held().waiting == 2);
  CHECK(pool.held().running == 1);
  CHECK(pool.held().blocked == 0);
  release.set_value();
  CHECK(wait_until([&] { return pool.held().running + pool.held().waiting == 0; }));
}

TEST_CASE("worker pool: it tells how many jobs may wait for others") {
  kith::net::worker_pool pool{{.threads = 1}};
  std::promise<void> entered, release;
  CHECK(pool.post([&] {
    const auto right = pool.try_wait();
    entered.set_value();
    release.get_future().wait();
  }));
  entered.get_future().wait();
  // Nothing else is posted: beside a job that waits, a substitute may run it at any moment.
  CHECK(pool.held().running == 1);
  CHECK(pool.held().blocked == 1);
  release.set_value();
  CHECK(wait_until([&] { return pool.held().running == 0; }));
  CHECK(pool.held().blocked == 0);
}

TEST_CASE("worker pool: with no job that waits there are as many threads as were asked for") {
  constexpr std::size_t threads = 3;
  kith::net::worker_pool pool{{.threads = threads}};
  std::atomic<std::size_t> running{0};
  std::atomic<std::size_t> most{0};
  std::atomic<int> left{300};
  std::promise<void> all;
  for (int i = 0; i < 300; ++i) {
    CHECK(pool.post([&] {
      const std::size_t now = ++running;
      std::size_t known = most;
      while (now > known && !most.compare_exchange_weak(known, now)) {
      }
      std::this_thread::yield();
      --running;
      if (--left == 0) all.set_value();
    }));
  }
  REQUIRE(all.get_future().wait_for(patience) == std::future_status::ready);
  CHECK(most <= threads);
}

}  // namespace
