// Where handlers of async calls run that name no executor: on the member's home thread, in order.
// Each is called exactly once. Those that wait when the threads have ended are run by whoever ended
// them; those that come later run on late_handlers, as they do in a forked child.
#pragma once

#include <kith/core/mutex.hpp>
#include <kith/net/fork_mark.hpp>
#include <kith/net/late_handlers.hpp>

#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <deque>
#include <memory>
#include <type_traits>
#include <utility>

namespace kith::net {

class handler_queue : public std::enable_shared_from_this<handler_queue> {
 public:
  /// One handler with its results.
  class task {
   public:
    virtual ~task() = default;
    virtual void run() = 0;
  };

  /// `home` must not be used any more after end().
  explicit handler_queue(boost::asio::io_context& home) : home_{home} {}

  void post(std::unique_ptr<task> what) KITH_EXCLUDES(mutex_);
  /// Runs what waits, here, and sends what comes later elsewhere. After the last turn of `home`.
  void end() KITH_EXCLUDES(mutex_);

  [[nodiscard]] boost::asio::io_context& home() const { return home_; }

 private:
  void run() KITH_EXCLUDES(mutex_);

  boost::asio::io_context& home_;
  const fork_mark made_;
  mutex mutex_;
  std::deque<std::unique_ptr<task>> waiting_ KITH_GUARDED_BY(mutex_);
  /// run() is on its way.
  bool scheduled_ KITH_GUARDED_BY(mutex_) = false;
  bool ended_ KITH_GUARDED_BY(mutex_) = false;
};

/// The executor of a handler_queue.
class handler_executor {
 public:
  explicit handler_executor(std::shared_ptr<handler_queue> to) : to_{std::move(to)} {}

  template <class Function>
  void execute(Function&& function) const {
    to_->post(std::make_unique<held<std::decay_t<Function>>>(std::forward<Function>(function)));
  }

  // As Asio's executors are described: it never runs a function within execute().
  [[nodiscard]] handler_executor require(boost::asio::execution::blocking_t::never_t) const {
    return *this;
  }
  [[nodiscard]] static constexpr boost::asio::execution::blocking_t query(
      boost::asio::execution::blocking_t) noexcept {
    return boost::asio::execution::blocking.never;
  }
  /// Of use while the member lives.
  [[nodiscard]] boost::asio::execution_context& query(
      boost::asio::execution::context_t) const noexcept {
    return to_->home();
  }
  friend bool operator==(const handler_executor&, const handler_executor&) noexcept = default;

 private:
  template <class Function>
  struct held final : handler_queue::task {
    template <class From>
    explicit held(From&& from) : function{std::forward<From>(from)} {}
    void run() override { std::move(function)(); }
    Function function;
  };

  std::shared_ptr<handler_queue> to_;
};

// --- implementation ---

inline void handler_queue::post(std::unique_ptr<task> what) {
  // In a forked child the mutex may be held by a thread that is not there.
  bool late = made_.elsewhere();
  bool first = false;
  if (!late) {
    const mutex_lock lock{mutex_};
    late = ended_;
    if (!late) {
      waiting_.push_back(std::move(what));
      first = !std::exchange(scheduled_, true);
    }
  }
  if (late) {
    late_handlers::post([one = std::move(what)] { one->run(); });
  } else if (first) {
    boost::asio::post(home_, [self = shared_from_this()] { self->run(); });
  }
}

inline void handler_queue::run() {
  std::deque<std::unique_ptr<task>> taken;
  {
    const mutex_lock lock{mutex_};
    taken.swap(waiting_);
    scheduled_ = false;
  }
  for (std::unique_ptr<task>& each : taken) {
    each->run();
    each = nullptr;
  }
}

inline void handler_queue::end() {
  {
    const mutex_lock lock{mutex_};
    ended_ = true;
  }
  run();
}

}  // namespace kith::net
