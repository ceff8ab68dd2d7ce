// In which process something was made. A child that forked has copies of its parent's objects and
// sockets, and none of its threads: what has threads must know that it is a copy, and leave what it
// shares with the original alone.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>

namespace kith::net {

/// Remembers the process in which it was made. Sees fork(), not a bare clone system call.
class fork_mark {
 public:
  fork_mark() {
    // Asking the system for the process's number would cost a system call each time.
    [[maybe_unused]] static const int watching =
        ::pthread_atfork(nullptr, nullptr, [] { forks_.fetch_add(1, std::memory_order_relaxed); });
    made_at_ = forks_.load(std::memory_order_relaxed);
  }

  /// True in a process that forked from the one where this was made, directly or not.
  [[nodiscard]] bool elsewhere() const {
    return made_at_ != forks_.load(std::memory_order_relaxed);
  }

 private:
  /// The forks between the first process that made a mark and this one.
  inline static std::atomic<std::uint32_t> forks_{0};

  std::uint32_t made_at_ = 0;
};

}  // namespace kith::net
