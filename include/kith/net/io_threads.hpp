// The threads of a member that do its I/O: one io_context each, which nothing ever leaves. A
// connection, its timers and its handlers stay on the context where they began.
//
// Why not one context for several threads: some compilers keep the address of a thread-local
// variable across the suspension of a coroutine (clang 16 does), and a connection that never
// changes its thread needs no strand.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/error.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <pthread.h>

#include <cstddef>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace kith::net {

/// The name that `ps` and debuggers show; the system keeps 15 characters.
inline void name_this_thread(const std::string& name) {
  ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());
}

/// What the error says when thread `index` of `count` could not be started. `field` names the
/// option.
[[nodiscard]] inline std::string not_started(const char* field, std::size_t index,
                                             std::size_t count, const std::system_error& why) {
  return std::string{field} + ": thread " + std::to_string(index + 1) + " of " +
         std::to_string(count) + " did not start: " + why.code().message();
}

class io_threads {
 public:
  /// Throws kith::error(overloaded) where the system starts no more threads.
  explicit io_threads(std::size_t count);
  ~io_threads() { stop(); }
  io_threads(const io_threads&) = delete;
  io_threads& operator=(const io_threads&) = delete;

  /// Where what belongs to no single connection runs: the listener, the table of links, control.
  [[nodiscard]] boost::asio::io_context& home() { return threads_.front()->context; }
  [[nodiscard]] boost::asio::io_context& at(std::size_t index) { return threads_[index]->context; }
  [[nodiscard]] std::size_t size() const { return threads_.size(); }

  /// The context for the next connection. Only the home thread calls it.
  [[nodiscard]] boost::asio::io_context& next() {
    return threads_[turn_++ % threads_.size()]->context;
  }

  [[nodiscard]] bool on_one_of_them() const;

  /// Lets the running handlers end, drops the others, joins. Not from one of the threads.
  void stop();

 private:
  struct io_thread {
    boost::asio::io_context context{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
        context.get_executor()};
    std::thread thread;
  };

  std::vector<std::unique_ptr<io_thread>> threads_;
  std::size_t turn_ = 0;
};

// --- implementation ---

inline io_threads::io_threads(std::size_t count) {
  KITH_ASSERT(count > 0);
  for (std::size_t i = 0; i < count; ++i) threads_.push_back(std::make_unique<io_thread>());
  for (std::size_t i = 0; i < count; ++i) {
    io_thread& mine = *threads_[i];
    try {
      mine.thread = std::thread{[&mine, i] {
        name_this_thread("kith-io-" + std::to_string(i));
        mine.context.run();
      }};
    } catch (const std::system_error& why) {
      stop();  // the others run already, and a thread that was not joined ends the process
      throw error{errc::overloaded, not_started("io_threads", i, count, why)};
    }
  }
}

inline bool io_threads::on_one_of_them() const {
  for (const auto& each : threads_) {
    if (each->thread.get_id() == std::this_thread::get_id()) return true;
  }
  return false;
}

inline void io_threads::stop() {
  KITH_ASSERT(!on_one_of_them());
  for (const auto& each : threads_) each->context.stop();
  for (const auto& each : threads_) {
    if (each->thread.joinable()) each->thread.join();
  }
}

}  // namespace kith::net
