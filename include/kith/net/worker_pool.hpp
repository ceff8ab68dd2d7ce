// The threads that run users' code which may block: loaders and processors. As many as were asked
// for; what finds no thread waits in a queue of a named length.
//
// A job may wait for what another job has to do: a loader that gets a key which is loaded. If all
// threads waited so, none would ever be told. So for each job that waits there may be one thread
// more, up to a named bound: a substitute. It is started when a job finds no idle thread, takes the
// newest first, which is most likely what somebody waits for, and ends when there is no job left or
// fewer jobs wait than there are substitutes.
//
// At the bound jobs that would wait too are not started (job_queue.hpp). Where nothing else moves,
// as when each loader of a long row waits for the next one, the oldest is started all the same
// after a while: it may not wait, and the row ends with its error.
#pragma once

#include <kith/core/mutex.hpp>
#include <kith/error.hpp>
#include <kith/net/io_threads.hpp>
#include <kith/net/job_queue.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
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
  /// Jobs that may wait for other jobs at a time; one more may not wait. As many substitutes.
  std::size_t waiting_jobs = 64;
  /// For so long all that run waited, none began or ended, and none may be started: then one is
  /// started anyway.
  std::chrono::milliseconds stalled{1000};
};

class worker_pool {
 public:
  using job = job_queue::job;
  using clock = std::chrono::steady_clock;

  /// Throws kith::error(overloaded) where the system starts no more threads.
  explicit worker_pool(const worker_limits& limits);
  ~worker_pool() { stop(std::chrono::seconds{0}); }
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  /// False when the queue is full or the pool has stopped: the job will not run. It may not throw.
  /// `of` says which jobs run the same user's code.
  [[nodiscard]] bool post(job what, job_queue::kind of = 0);

  [[nodiscard]] bool on_one_of_them() const { return here().pool == shared_.get(); }

  /// The right of one job to wait for others, which it gives back at its end.
  class waiting_job;
  /// For the job that runs on the calling thread. Null: as many jobs wait as may.
  [[nodiscard]] std::unique_ptr<waiting_job> try_wait();

  /// Drops what waits and gives what runs `grace` to end. Returns the number of jobs that did not:
  /// their threads are left to themselves, with nothing but what the job itself holds.
  std::size_t stop(std::chrono::milliseconds grace);

 private:
  enum class role : std::uint8_t { lasting, substitute };

  /// Outlives the pool where a job hangs.
  struct shared {
    explicit shared(const worker_limits& limits)
        : jobs{limits.waiting_jobs}, stalled{limits.stalled} {}

    kith::mutex mutex;
    condition_variable changed;
    job_queue jobs KITH_GUARDED_BY(mutex);
    const std::chrono::milliseconds stalled;
    /// When a job began or ended last.
    clock::time_point moved KITH_GUARDED_BY(mutex) = clock::now();
    std::size_t running_threads KITH_GUARDED_BY(mutex) = 0;
    /// Threads without a job.
    std::size_t idle KITH_GUARDED_BY(mutex) = 0;
    std::size_t waiting_jobs KITH_GUARDED_BY(mutex) = 0;
    /// Invariant: no more than the limit of waiting_jobs.
    std::map<std::thread::id, std::thread> substitutes KITH_GUARDED_BY(mutex);
    /// Substitutes that have nothing more to do than to be joined.
    std::vector<std::thread> ended KITH_GUARDED_BY(mutex);
    bool stopped KITH_GUARDED_BY(mutex) = false;
  };

  /// The pool whose thread this is, and the kind of the job that it runs.
  struct standing {
    const shared* pool = nullptr;
    job_queue::kind of = 0;
  };
  static standing& here();
  static void work(shared& with, role as = role::lasting);
  /// Waits for the next job. Nothing: the thread is to end.
  static std::optional<job_queue::started> take(shared& with, role as) KITH_REQUIRES(with.mutex);
  [[nodiscard]] static bool ends(const shared& with, role as) KITH_REQUIRES(with.mutex);
  /// Starts a substitute if a job finds no thread and one may be.
  static void add_substitute(const std::shared_ptr<shared>& with) KITH_EXCLUDES(with->mutex);

  const worker_limits limits_;
  std::shared_ptr<shared> shared_;
  std::vector<std::thread> threads_;
};

// --- implementation ---

inline worker_pool::worker_pool(const worker_limits& limits)
    : limits_{limits}, shared_{std::make_shared<shared>(limits)} {
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

inline worker_pool::standing& worker_pool::here() {
  thread_local standing mine;
  return mine;
}

/// A substitute without a job to come, or beyond the jobs that wait, is not needed any more.
inline bool worker_pool::ends(const shared& with, role as) {
  const bool surplus = with.jobs.empty() || with.substitutes.size() > with.waiting_jobs;
  return with.stopped || (as == role::substitute && surplus);
}

inline std::optional<job_queue::started> worker_pool::take(shared& with, role as) {
  while (!ends(with, as)) {
    auto next = as == role::lasting ? with.jobs.start_oldest() : with.jobs.start_newest();
    const bool nothing_moves = with.jobs.running() == with.waiting_jobs &&
                               clock::now() >= with.moved + with.stalled;
    if (!next && nothing_moves && !with.jobs.empty()) next = with.jobs.start_anyway();
    if (next) {
      with.moved = clock::now();
      return next;
    }
    ++with.idle;
    if (with.jobs.empty()) {
      with.changed.wait(with.mutex);
    } else {
      static_cast<void>(with.changed.wait_until(with.mutex, clock::now() + with.stalled));
    }
    --with.idle;
  }
  return std::nullopt;
}

inline void worker_pool::work(shared& with, role as) {
  standing& mine = here();
  mine.pool = &with;
  mutex_lock lock{with.mutex};
  while (std::optional<job_queue::started> next = take(with, as)) {
    lock.unlock();
    mine.of = next->of;
    next->run();
    next->run = nullptr;  // what it holds may end here, and not under the lock
    lock.lock();
    with.moved = clock::now();
    with.jobs.ended(next->of);
    // One that could not be started may be now.
    if (!with.jobs.empty()) with.changed.notify_one();
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
    const bool needed = !with->stopped && with->jobs.size() > with->idle &&
                        with->substitutes.size() < with->waiting_jobs;
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
    shared_->jobs.waits(here().of);
    if (shared_->waiting_jobs >= limits_.waiting_jobs) return nullptr;
    ++shared_->waiting_jobs;
  }
  return std::make_unique<waiting_job>(shared_);
}

inline bool worker_pool::post(job what, job_queue::kind of) {
  bool crowded = false;
  {
    const mutex_lock lock{shared_->mutex};
    if (shared_->stopped || shared_->jobs.size() >= limits_.queue) return false;
    shared_->jobs.push(of, std::move(what));
    crowded = shared_->waiting_jobs > 0;
  }
  shared_->changed.notify_one();
  if (crowded) add_substitute(shared_);
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
