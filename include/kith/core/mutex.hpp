// std::mutex with names for clang's thread-safety analysis (-Wthread-safety): a field says which
// mutex guards it, a function which one it needs, and the compiler checks every access.
//
// Lock order: a lane, then a peer's outbox; every other mutex is a leaf: while it is held nothing
// else is locked, no user code runs and no I/O is done. absl::Mutex is not used: Debian's build of
// it aborts on lock inversions of the program around us and confuses ThreadSanitizer.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define KITH_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define KITH_THREAD_ANNOTATION(x)
#endif

#define KITH_CAPABILITY(name) KITH_THREAD_ANNOTATION(capability(name))
#define KITH_SCOPED_CAPABILITY KITH_THREAD_ANNOTATION(scoped_lockable)
#define KITH_GUARDED_BY(x) KITH_THREAD_ANNOTATION(guarded_by(x))
#define KITH_PT_GUARDED_BY(x) KITH_THREAD_ANNOTATION(pt_guarded_by(x))
#define KITH_REQUIRES(...) KITH_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define KITH_EXCLUDES(...) KITH_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
#define KITH_ACQUIRE(...) KITH_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define KITH_TRY_ACQUIRE(...) KITH_THREAD_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define KITH_RELEASE(...) KITH_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define KITH_NO_THREAD_SAFETY_ANALYSIS KITH_THREAD_ANNOTATION(no_thread_safety_analysis)

namespace kith {

class KITH_CAPABILITY("mutex") mutex {
 public:
  void lock() KITH_ACQUIRE() { inner_.lock(); }
  void unlock() KITH_RELEASE() { inner_.unlock(); }
  [[nodiscard]] bool try_lock() KITH_TRY_ACQUIRE(true) { return inner_.try_lock(); }

 private:
  friend class condition_variable;
  std::mutex inner_;
};

/// Holds a mutex for its scope. It can be let go and taken again within it.
class KITH_SCOPED_CAPABILITY mutex_lock {
 public:
  explicit mutex_lock(mutex& guarded) KITH_ACQUIRE(guarded) : mutex_{guarded} { mutex_.lock(); }
  ~mutex_lock() KITH_RELEASE() {
    if (held_) mutex_.unlock();
  }
  mutex_lock(const mutex_lock&) = delete;
  mutex_lock& operator=(const mutex_lock&) = delete;

  void unlock() KITH_RELEASE() {
    held_ = false;
    mutex_.unlock();
  }
  void lock() KITH_ACQUIRE() {
    mutex_.lock();
    held_ = true;
  }

 private:
  mutex& mutex_;
  bool held_ = true;
};

/// A condition of what `mutex` guards. Wait in a loop that tests it.
class condition_variable {
 public:
  /// Lets `guarded` go, waits, and takes it again.
  void wait(mutex& guarded) KITH_REQUIRES(guarded) {
    std::unique_lock<std::mutex> held{guarded.inner_, std::adopt_lock};
    inner_.wait(held);
    held.release();
  }

  /// The same; false when `deadline` of the standard's steady clock passed.
  template <class Clock, class Duration>
  bool wait_until(mutex& guarded, const std::chrono::time_point<Clock, Duration>& deadline)
      KITH_REQUIRES(guarded) {
    std::unique_lock<std::mutex> held{guarded.inner_, std::adopt_lock};
    const std::cv_status how = inner_.wait_until(held, deadline);
    held.release();
    return how == std::cv_status::no_timeout;
  }

  void notify_one() { inner_.notify_one(); }
  void notify_all() { inner_.notify_all(); }

 private:
  std::condition_variable inner_;
};

}  // namespace kith
