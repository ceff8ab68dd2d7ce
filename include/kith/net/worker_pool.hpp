// The threads that run users' code which may block: loaders and processors. As many as were asked
// for, whatever they do; what finds no thread waits in a queue of a named length.
#pragma once

#include <kith/core/mutex.hpp>
#include <kith/error.hpp>
#include <kith/net/io_threads.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace kith::net {

struct worker_limits {
  std::size_t threads = 4;
  /// Jobs that wait for a thread; one more is refused.
  std::size_t queue = 65536;
};

class worker_pool {
 public:
  using job = std::function<void()>;

  /// Throws kith::error(overloaded) where the system starts no more threads.
  explicit worker_pool(const worker_limits& limits);
  ~worker_pool() { stop(std::chrono::seconds{0}); }
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  /// False when the queue is full or the pool has stopped: the job will not run. It may not throw.
  [[nodiscard]] bool post(job what);

  [[nodiscard]] bool on_one_of_them() const;

  /// Drops what waits and gives what runs `grace` to end. Returns the number of jobs that did not:
  /// their threads are left to themselves, with nothing but what the job itself holds.
  std::size_t stop(std::chrono::milliseconds grace);

 private:
  /// Outlives the pool where a job hangs.
  struct shared {
    kith::mutex mutex;
    condition_variable changed;
    std::deque<job> waiting KITH_GUARDED_BY(mutex);
    std::size_t running_threads KITH_GUARDED_BY(mutex) = 0;
    bool stopped KITH_GUARDED_BY(mutex) = false;
  };

  static void work(shared& with);

  const worker_limits limits_;
  std::shared_ptr<shared> shared_ = std::make_shared<shared>();
  std::vector<std::thread> threads_;
};

// --- implementation ---

inline worker_pool::worker_pool(const worker_limits& limits) : limits_{limits} {
  {
    const mutex_lock lock{shared_->mutex};
    shared_->running_threads = limits.threads;
  }
  threads_.reserve(limits.threads);
  for (std::size_t i = 0; i < limits.threads; ++i) {
    try {
      threads_.emplace_back([with = shared_, i] {
        name_this_thread("kith-load-" + std::to_string(i));
        work(*with);
      });
    } catch (const std::system_error& why) {
      {
        const mutex_lock lock{shared_->mutex};
        shared_->running_threads = i;
      }
      // They have no job yet: they end at once.
      stop(std::chrono::hours{1});
      throw error{errc::overloaded, not_started("workers", i, limits.threads, why)};
    }
  }
}

inline void worker_pool::work(shared& with) {
  mutex_lock lock{with.mutex};
  while (!with.stopped) {
    if (with.waiting.empty()) {
      with.changed.wait(with.mutex);
      continue;
    }
    job next = std::move(with.waiting.front());
    with.waiting.pop_front();
    lock.unlock();
    next();
    next = nullptr;  // what it holds may end here, and not under the lock
    lock.lock();
  }
  --with.running_threads;
  with.changed.notify_all();
}

inline bool worker_pool::post(job what) {
  {
    const mutex_lock lock{shared_->mutex};
    if (shared_->stopped || shared_->waiting.size() >= limits_.queue) return false;
    shared_->waiting.push_back(std::move(what));
  }
  shared_->changed.notify_one();
  return true;
}

inline bool worker_pool::on_one_of_them() const {
  for (const std::thread& each : threads_) {
    if (each.get_id() == std::this_thread::get_id()) return true;
  }
  return false;
}

inline std::size_t worker_pool::stop(std::chrono::milliseconds grace) {
  std::deque<job> dropped;
  std::size_t hanging = 0;
  {
    mutex_lock lock{shared_->mutex};
    shared_->stopped = true;
    dropped.swap(shared_->waiting);
    shared_->changed.notify_all();
    const auto deadline = std::chrono::steady_clock::now() + grace;
    while (shared_->running_threads > 0) {
      if (!shared_->changed.wait_until(shared_->mutex, deadline)) break;
    }
    hanging = shared_->running_threads;
  }
  for (std::thread& each : threads_) hanging == 0 ? each.join() : each.detach();
  threads_.clear();
  return hanging;
}

}  // namespace kith::net
