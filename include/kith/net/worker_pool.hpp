// The threads that run users' code which may block: loaders, processors, and listeners by turns. As
// many as were asked for; what finds no thread waits in a queue of a named length.
//
// A job may wait for what another job has to do: a loader that gets a key which is loaded. If all
// threads waited so, none would ever be told. Therefore
//
//   - jobs that another one waits for come first (job_queue.hpp), and
//   - for each job that waits there may be one thread more, up to a named bound: a substitute. It
//     runs what somebody waits for, and other jobs only where nothing else moves: all that run wait
//     for jobs that are elsewhere, or that somebody asked for who did not wait.
//
// So as many jobs that nobody waits for run at a time as there are lasting threads, and the rest of
// the threads are for those that they wait for.
#pragma once

#include <kith/core/mutex.hpp>
#include <kith/error.hpp>
#include <kith/net/io_threads.hpp>
#include <kith/net/job_queue.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
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
  /// Substitutes at a time. As many jobs may wait for others, and one a lasting thread; one more
  /// may not.
  std::size_t substitutes = 64;
  /// Jobs in a row of which each waits for the next.
  std::uint32_t depth = 64;
  /// What the threads are called, and which option an error about them names.
  const char* thread_name = "kith-load-";
  const char* field = "workers";
};

class worker_pool {
 public:
  using job = job_queue::job;

  /// Throws kith::error(overloaded) where the system starts no more threads.
  explicit worker_pool(const worker_limits& limits);
  ~worker_pool() { stop(std::chrono::seconds{0}); }
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  /// False when the queue is full or the pool has stopped: the job will not run. It may not throw.
  /// `depth`: of the call that it is for, depth_here() where that began.
  [[nodiscard]] bool post(job what, std::uint32_t depth = 0);
  /// A job of many turns: as long as it returns true, it runs again behind what waits then. Such
  /// jobs have room beyond the queue's: each who posts them is to have one at a time. False when
  /// the pool has stopped.
  bool post_turns(std::function<bool()> turn) { return post_turns(shared_, std::move(turn)); }

  [[nodiscard]] bool on_one_of_them() const { return here().pool == shared_.get(); }
  /// The depth of a job that the calling thread asks for: 0 outside of jobs.
  [[nodiscard]] std::uint32_t depth_here() const {
    return on_one_of_them() ? here().depth + 1 : 0;
  }

  /// The right of one job to wait for others, which it gives back at its end.
  class waiting_job;
  /// For the job that runs on the calling thread. Null: as many jobs wait as may, or one more would
  /// be too deep.
  [[nodiscard]] std::unique_ptr<waiting_job> try_wait();

  struct occupancy {
    /// Jobs without a thread yet.
    std::uint64_t waiting = 0;
    std::uint64_t running = 0;
    /// Of those that run: wait for what another job has to do, or may at any moment.
    std::uint64_t blocked = 0;
  };
  [[nodiscard]] occupancy held() const {
    const mutex_lock lock{shared_->mutex};
    return {shared_->jobs.size(), shared_->running_jobs, shared_->waiting_jobs};
  }

  /// Drops what waits and gives what runs `grace` to end. Returns the number of jobs that did not:
  /// their threads are left to themselves, with nothing but what the job itself holds.
  std::size_t stop(std::chrono::milliseconds grace);

 private:
  enum class role : std::uint8_t { lasting, substitute };

  /// Outlives the pool where a job hangs.
  struct shared {
    explicit shared(const worker_limits& given) : limits{given} {}

    const worker_limits limits;
    kith::mutex mutex;
    condition_variable changed;
    job_queue jobs KITH_GUARDED_BY(mutex);
    std::size_t running_threads KITH_GUARDED_BY(mutex) = 0;
    std::size_t running_jobs KITH_GUARDED_BY(mutex) = 0;
    /// Of the lasting threads.
    std::size_t idle KITH_GUARDED_BY(mutex) = 0;
    std::size_t waiting_jobs KITH_GUARDED_BY(mutex) = 0;
    std::map<std::thread::id, std::thread> substitutes KITH_GUARDED_BY(mutex);
    /// Substitutes that have nothing more to do than to be joined.
    std::vector<std::thread> ended KITH_GUARDED_BY(mutex);
    bool stopped KITH_GUARDED_BY(mutex) = false;
  };

  /// The pool whose thread this is, and the depth of the job that it runs.
  struct standing {
    const shared* pool = nullptr;
    std::uint32_t depth = 0;
  };
  static bool post_turns(const std::shared_ptr<shared>& with, std::function<bool()> turn);
  static standing& here();
  static void work(shared& with, role as = role::lasting);
  /// The next job of a lasting thread, which waits for it. Nothing: the thread is to end.
  static std::optional<job_queue::taken> wait_for_job(shared& with) KITH_REQUIRES(with.mutex);
  /// Whether a substitute has something to do.
  [[nodiscard]] static bool substitute_helps(const shared& with) KITH_REQUIRES(with.mutex);
  /// Starts a substitute if a job finds no thread and one may be.
  static void add_substitute(const std::shared_ptr<shared>& with) KITH_EXCLUDES(with->mutex);

  std::shared_ptr<shared> shared_;
  std::vector<std::thread> threads_;
};

// --- implementation ---

inline worker_pool::worker_pool(const worker_limits& limits)
    : shared_{std::make_shared<shared>(limits)} {
  {
    const mutex_lock lock{shared_->mutex};
    shared_->running_threads = limits.threads;
  }
  threads_.reserve(limits.threads);
  for (std::size_t i = 0; i < limits.threads; ++i) {
    try {
      threads_.emplace_back([with = shared_, i] {
        name_this_thread(with->limits.thread_name + std::to_string(i));
        work(*with);
      });
    } catch (const std::system_error& why) {
      {
        const mutex_lock lock{shared_->mutex};
        shared_->running_threads = i;
      }
      // They have no job yet: they end at once.
      stop(std::chrono::hours{1});
      throw error{errc::overloaded, not_started(limits.field, i, limits.threads, why)};
    }
  }
}

inline worker_pool::standing& worker_pool::here() {
  thread_local standing mine;
  return mine;
}

inline std::optional<job_queue::taken> worker_pool::wait_for_job(shared& with) {
  while (!with.stopped && with.jobs.empty()) {
    ++with.idle;
    with.changed.wait(with.mutex);
    --with.idle;
  }
  if (with.stopped) return std::nullopt;
  return with.jobs.take();
}

/// Of jobs that nobody waits for it begins another one only while half of the substitutes are left
/// for those that may be waited for then.
inline bool worker_pool::substitute_helps(const shared& with) {
  if (with.stopped || with.jobs.empty()) return false;
  const bool nothing_moves = with.running_jobs == with.waiting_jobs;
  return with.jobs.has_nested() ||
         (nothing_moves && with.waiting_jobs < with.limits.substitutes / 2);
}

inline void worker_pool::work(shared& with, role as) {
  standing& mine = here();
  mine.pool = &with;
  mutex_lock lock{with.mutex};
  for (;;) {
    std::optional<job_queue::taken> next;
    if (as == role::lasting) {
      next = wait_for_job(with);
    } else if (with.substitutes.size() <= with.waiting_jobs && substitute_helps(with)) {
      next = with.jobs.take();
    }
    if (!next) break;
    ++with.running_jobs;
    lock.unlock();
    mine.depth = next->depth;
    next->run();
    next->run = nullptr;  // what it holds may end here, and not under the lock
    lock.lock();
    --with.running_jobs;
  }
  const auto self = with.substitutes.find(std::this_thread::get_id());
  if (self != with.substitutes.end()) {
    with.ended.push_back(std::move(self->second));
    with.substitutes.erase(self);
  }
  --with.running_threads;
  with.changed.notify_all();
}

inline void worker_pool::add_substitute(const std::shared_ptr<shared>& with) {
  std::vector<std::thread> ended;
  {
    const mutex_lock lock{with->mutex};
    ended.swap(with->ended);
    const std::size_t most = std::min(with->waiting_jobs, with->limits.substitutes);
    const bool needed = with->jobs.size() > with->idle && with->substitutes.size() < most &&
                        substitute_helps(*with);
    if (needed) {
      try {
        std::thread started{[with] {
          name_this_thread("kith-load-sub");
          work(*with, role::substitute);
        }};
        const std::thread::id id = started.get_id();
        with->substitutes.emplace(id, std::move(started));
        ++with->running_threads;
      } catch (const std::system_error&) {
        // The system has no thread left: what waits ends at its deadline.
      }
    }
  }
  for (std::thread& each : ended) each.join();
}

class worker_pool::waiting_job {
 public:
  /// Requires that the job was counted.
  explicit waiting_job(std::shared_ptr<shared> of) : of_{std::move(of)} {}
  ~waiting_job() {
    const mutex_lock lock{of_->mutex};
    --of_->waiting_jobs;
  }
  waiting_job(const waiting_job&) = delete;
  waiting_job& operator=(const waiting_job&) = delete;

  /// The job has to wait now.
  void begin() { add_substitute(of_); }

 private:
  std::shared_ptr<shared> of_;
};

inline std::unique_ptr<worker_pool::waiting_job> worker_pool::try_wait() {
  {
    const mutex_lock lock{shared_->mutex};
    const worker_limits& limits = shared_->limits;
    if (depth_here() > limits.depth) return nullptr;
    if (shared_->waiting_jobs >= limits.substitutes + limits.threads) return nullptr;
    ++shared_->waiting_jobs;
  }
  return std::make_unique<waiting_job>(shared_);
}

inline bool worker_pool::post(job what, std::uint32_t depth) {
  bool crowded = false;
  {
    const mutex_lock lock{shared_->mutex};
    if (shared_->stopped || shared_->jobs.size() >= shared_->limits.queue) return false;
    shared_->jobs.push(std::min(depth, shared_->limits.depth), std::move(what));
    crowded = shared_->waiting_jobs > 0;
  }
  shared_->changed.notify_one();
  if (crowded) add_substitute(shared_);
  return true;
}

/// The job holds what it has to be queued in, which may outlive the pool.
inline bool worker_pool::post_turns(const std::shared_ptr<shared>& with,
                                    std::function<bool()> turn) {
  bool crowded = false;
  {
    const mutex_lock lock{with->mutex};
    if (with->stopped) return false;
    with->jobs.push(0, [with, turn = std::move(turn)] {
      if (turn()) post_turns(with, turn);
    });
    crowded = with->waiting_jobs > 0;
  }
  with->changed.notify_one();
  if (crowded) add_substitute(with);
  return true;
}

inline std::size_t worker_pool::stop(std::chrono::milliseconds grace) {
  std::vector<job> dropped;
  std::vector<std::thread> substitutes;
  std::size_t hanging = 0;
  {
    mutex_lock lock{shared_->mutex};
    shared_->stopped = true;
    dropped = shared_->jobs.take_all();
    shared_->changed.notify_all();
    const auto deadline = std::chrono::steady_clock::now() + grace;
    while (shared_->running_threads > 0) {
      if (!shared_->changed.wait_until(shared_->mutex, deadline)) break;
    }
    hanging = shared_->running_threads;
    substitutes.swap(shared_->ended);
    for (auto& [id, running] : shared_->substitutes) substitutes.push_back(std::move(running));
    shared_->substitutes.clear();
  }
  for (std::thread& each : threads_) hanging == 0 ? each.join() : each.detach();
  for (std::thread& each : substitutes) hanging == 0 ? each.join() : each.detach();
  threads_.clear();
  return hanging;
}

}  // namespace kith::net
