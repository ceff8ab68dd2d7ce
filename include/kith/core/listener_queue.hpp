// The events that wait for one listener, in their order, and the one thread at a time that tells
// it. Whoever pushes never waits for the listener.
//
// When the queue is full, events are left out from then on until the listener has heard all that
// waits and has been told how many are missing: so it knows where the hole is.
#pragma once

#include <kith/core/mutex.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace kith {

/// Thread safety: any thread. Its mutex is a leaf: nothing is called while it is held.
template <class Event>
class listener_queue {
 public:
  struct options {
    std::function<void(Event&)> tell;
    std::function<void(std::uint64_t)> tell_lost;
    /// One of the two threw this.
    std::function<void(const std::string&)> failed;
    std::size_t events_max = 4096;
    std::size_t bytes_max = std::size_t{8} << 20;
    /// Told in one run: then the thread is for others, so that no listener keeps it for ever.
    std::size_t run_max = 64;
  };

  explicit listener_queue(options given) : options_{std::move(given)} {}
  listener_queue(const listener_queue&) = delete;
  listener_queue& operator=(const listener_queue&) = delete;

  void push(Event what, std::size_t size) KITH_EXCLUDES(mutex_) {
    const mutex_lock lock{mutex_};
    if (closed_) return;
    const bool full = events_.size() >= options_.events_max ||
                      (bytes_ + size > options_.bytes_max && !events_.empty());
    if (lost_ > 0 || full) {
      ++lost_;
      return;
    }
    bytes_ += size;
    events_.push_back({std::move(what), size});
  }

  /// True: something waits and nobody is about to tell it: the caller is to have run() called.
  [[nodiscard]] bool begin() KITH_EXCLUDES(mutex_) {
    const mutex_lock lock{mutex_};
    if (scheduled_ || !waits()) return false;
    return scheduled_ = true;
  }
  /// Nobody could be found to call run().
  void abandon() KITH_EXCLUDES(mutex_) {
    const mutex_lock lock{mutex_};
    scheduled_ = false;
  }

  /// Tells the listener what waits, up to run_max. Where a thread may block. True: more waits, and
  /// the caller is to have run() called again.
  [[nodiscard]] bool run() noexcept KITH_EXCLUDES(mutex_) {
    const void* const outer = std::exchange(telling(), this);
    mutex_lock lock{mutex_};
    running_ = true;
    for (std::size_t told = 0; told < options_.run_max && waits(); ++told) {
      std::optional<Event> next;
      std::uint64_t lost = 0;
      if (!events_.empty()) {
        next = std::move(events_.front().what);
        bytes_ -= events_.front().bytes;
        events_.pop_front();
      } else {
        lost = std::exchange(lost_, 0);
      }
      lock.unlock();
      tell(next, lost);
      next.reset();
      lock.lock();
    }
    const bool more = waits();
    running_ = false;
    scheduled_ = more;
    idle_.notify_all();
    lock.unlock();
    telling() = outer;
    return more;
  }

  /// The listener will not be told any more. Waits until it does not run, unless it is the caller.
  void close() KITH_EXCLUDES(mutex_) {
    std::deque<waiting> dropped;
    const mutex_lock lock{mutex_};
    closed_ = true;
    dropped.swap(events_);
    if (telling() == this) return;
    while (running_) idle_.wait(mutex_);
  }

 private:
  struct waiting {
    Event what;
    std::size_t bytes = 0;
  };

  [[nodiscard]] bool waits() const KITH_REQUIRES(mutex_) {
    return !closed_ && (lost_ > 0 || !events_.empty());
  }
  /// The queue whose listener this thread runs.
  static const void*& telling() {
    thread_local const void* which = nullptr;
    return which;
  }
  void tell(std::optional<Event>& next, std::uint64_t lost) noexcept {
    try {
      next ? options_.tell(*next) : options_.tell_lost(lost);
    } catch (const std::exception& thrown) {
      options_.failed(thrown.what());
    } catch (...) {
      options_.failed("no standard exception");
    }
  }

  const options options_;
  mutex mutex_;
  condition_variable idle_;
  std::deque<waiting> events_ KITH_GUARDED_BY(mutex_);
  std::size_t bytes_ KITH_GUARDED_BY(mutex_) = 0;
  std::uint64_t lost_ KITH_GUARDED_BY(mutex_) = 0;
  bool scheduled_ KITH_GUARDED_BY(mutex_) = false;
  bool running_ KITH_GUARDED_BY(mutex_) = false;
  bool closed_ KITH_GUARDED_BY(mutex_) = false;
};

}  // namespace kith
