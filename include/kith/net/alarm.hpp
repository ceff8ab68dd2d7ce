// The next_timeout() of a machine, on a real timer. Any thread that drove the machine arms it; the
// context's thread calls back when the time has come.
//
// It only ever moves forward: a machine whose deadline moved back is woken early, finds nothing to
// do and says when to come again. So an operation that sets a far deadline costs one comparison.
#pragma once

#include <kith/core/time.hpp>
#include <kith/net/clock.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

namespace kith::net {

class alarm : public std::enable_shared_from_this<alarm> {
 public:
  /// `on_due` drives the machine and returns its next deadline. It is called on `context`.
  alarm(boost::asio::io_context& context, std::function<time_point()> on_due)
      : context_{context}, timer_{context}, on_due_{std::move(on_due)} {}

  /// Calls back at `deadline` or earlier. Any thread.
  void arm(time_point deadline) {
    duration::rep armed = armed_.load(std::memory_order_relaxed);
    const duration::rep wanted = deadline.time_since_epoch().count();
    do {
      if (armed <= wanted) return;
    } while (!armed_.compare_exchange_weak(armed, wanted, std::memory_order_acq_rel));
    boost::asio::post(context_, [self = shared_from_this()] { self->wait(); });
  }

 private:
  [[nodiscard]] time_point deadline() const {
    return time_point{duration{armed_.load(std::memory_order_acquire)}};
  }

  // Replaces the wait that is under way, if there is one.
  void wait() {
    timer_.expires_after(timer_span(now(), deadline()));
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->look();
    });
  }

  void look() {
    if (now() < deadline()) return wait();
    armed_.store(never.time_since_epoch().count(), std::memory_order_release);
    arm(on_due_());
  }

  boost::asio::io_context& context_;
  boost::asio::steady_timer timer_;
  const std::function<time_point()> on_due_;
  std::atomic<duration::rep> armed_{never.time_since_epoch().count()};
};

}  // namespace kith::net
