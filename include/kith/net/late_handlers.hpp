// Where handlers run whose member is gone: one thread for the whole process, started by the first
// of them. It ends with the static objects of the program; a handler that has not begun by then is
// destroyed and not called.
#pragma once

#include <kith/net/fork_mark.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <memory>
#include <utility>

namespace kith::net {

class late_handlers {
 public:
  late_handlers(const late_handlers&) = delete;
  late_handlers& operator=(const late_handlers&) = delete;

  /// From any thread, also in a forked child.
  template <class Function>
  static void post(Function&& function) {
    boost::asio::post(here().pool_, std::forward<Function>(function));
  }

 private:
  /// Joins at the end of the program.
  struct ending {
    ~ending() {
      late_handlers* last = current_.exchange(nullptr);
      // What a parent had has no thread in its child: nothing to join.
      if (last != nullptr && !last->made_.elsewhere()) delete last;
    }
  };

  late_handlers() = default;
  [[nodiscard]] static late_handlers& here();

  inline static std::atomic<late_handlers*> current_{nullptr};

  const fork_mark made_;
  boost::asio::thread_pool pool_{1};
};

// --- implementation ---

inline late_handlers& late_handlers::here() {
  late_handlers* known = current_.load(std::memory_order_acquire);
  if (known != nullptr && !known->made_.elsewhere()) return *known;
  static const ending at_exit;
  std::unique_ptr<late_handlers> fresh{new late_handlers};
  // Another thread may have been faster; its threads are as good.
  if (!current_.compare_exchange_strong(known, fresh.get(), std::memory_order_acq_rel)) {
    return *known;
  }
  return *fresh.release();
}

}  // namespace kith::net
