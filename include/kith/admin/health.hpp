// Is the member alive, and may it be asked?
//
// Alive: its home thread, which decides on views and serves the network, makes its turns. The pulse
// puts one beat at a time into that thread's queue and looks when it comes back. A handler of the
// program's that blocks the thread is a fault of this kind.
//
// Ready: it is in its own newest view. Not more is asked on purpose: a coordinator that dies leaves
// all members without authority for some seconds, and if all were unready then, nobody would serve.
#pragma once

#include <kith/core/time.hpp>
#include <kith/net/clock.hpp>
#include <kith/net/runtime.hpp>

#include <boost/asio/post.hpp>

#include <atomic>
#include <memory>
#include <string_view>

namespace kith::admin {

/// Of one thread; only what it leaves in the member's queue is shared.
class pulse {
 public:
  explicit pulse(duration silence_max) : silence_max_{silence_max} {}

  /// Now and then, a few times in `silence_max`.
  void beat(net::runtime& of) {
    if (!back_->load(std::memory_order_acquire)) return;
    back_->store(false, std::memory_order_relaxed);
    sent_ = net::now();
    boost::asio::post(of.handler_executor(),
                      [back = back_] { back->store(true, std::memory_order_release); });
  }
  [[nodiscard]] bool alive() const {
    return back_->load(std::memory_order_acquire) || net::now() - sent_ <= silence_max_;
  }

 private:
  const duration silence_max_;
  time_point sent_{};
  const std::shared_ptr<std::atomic<bool>> back_ = std::make_shared<std::atomic<bool>>(true);
};

/// Why the member is not ready; empty if it is.
[[nodiscard]] inline std::string_view why_not_ready(const net::runtime& of) {
  if (of.closed()) return "the member has ended";
  const auto view = of.view();
  if (view == nullptr) return "the member has not joined a cluster yet";
  if (!view->contains(of.self())) return "the member was taken out of its view and joins again";
  return {};
}

}  // namespace kith::admin
