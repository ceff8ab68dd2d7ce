// The two ways to wait for calls: a thread that blocks, and a handler that is posted. Both are
// completions (node/call.hpp); neither knows keys or values.
#pragma once

#include <kith/error.hpp>
#include <kith/handle/port.hpp>
#include <kith/node/call.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace kith::handle {

namespace asio = boost::asio;

/// Throws kith::error if the outcome is one, with what the loader threw nested in it.
inline void throw_failure(const node::outcome& result) {
  if (!result.error) return;
  const error failure = result.detail.empty()
                            ? error{result.error}
                            : error{static_cast<errc>(result.error.value()), result.detail};
  if (!result.thrown) throw failure;
  try {
    std::rethrow_exception(result.thrown);
  } catch (...) {
    std::throw_with_nested(failure);
  }
}

/// Calls that are waited for together; `on_all` runs when the last one is done. Lives until then.
class call_group {
 public:
  call_group(std::size_t size, std::function<void()> on_all)
      : members_(size), left_{size}, on_all_{std::move(on_all)} {
    for (member& one : members_) one.group = this;
  }
  call_group(const call_group&) = delete;
  call_group& operator=(const call_group&) = delete;

  [[nodiscard]] node::completion* at(std::size_t i) { return &members_[i]; }
  [[nodiscard]] node::outcome& result(std::size_t i) { return members_[i].result; }
  [[nodiscard]] std::size_t size() const { return members_.size(); }

 private:
  struct member final : node::completion {
    void complete(node::outcome&& outcome) noexcept override {
      result = std::move(outcome);
      call_group& all = *group;
      // The last to arrive must see what the others wrote.
      if (all.left_.fetch_sub(1, std::memory_order_acq_rel) == 1) all.on_all_();
    }
    call_group* group = nullptr;
    node::outcome result;
  };

  std::vector<member> members_;
  std::atomic<std::size_t> left_;
  std::function<void()> on_all_;
};

/// One call that a thread waits for.
class blocking_call final : public node::completion {
 public:
  explicit blocking_call(port& port) : waiter_{port.make_waiter()} {}

  void complete(node::outcome&& outcome) noexcept override {
    result_ = std::move(outcome);
    waiter_->signal();
  }
  /// Submits `what` and waits for it.
  [[nodiscard]] node::outcome run(port& port, node::call&& what) {
    what.done = this;
    port.submit(std::move(what));
    waiter_->wait();
    return std::move(result_);
  }

 private:
  std::unique_ptr<waiter> waiter_;
  node::outcome result_;
};

/// The result of an operation that has none: its handlers get an error_code alone.
struct nothing {};

template <class Result>
struct completion_signature {
  using type = void(error_code, Result);
};
template <>
struct completion_signature<nothing> {
  using type = void(error_code);
};

/// Posts a handler with its results, on its associated executor or the member's.
template <class Result, class Handler>
class posted_handler {
 public:
  posted_handler(Handler handler, const asio::any_io_executor& fallback)
      : executor_{asio::get_associated_executor(handler, fallback)},
        // The user's context must not run dry while its handler waits here.
        work_{executor_},
        handler_{std::move(handler)} {}

  void post(error_code code, Result result) {
    if constexpr (std::is_same_v<Result, nothing>) {
      asio::post(executor_, asio::append(std::move(handler_), code));
    } else {
      asio::post(executor_, asio::append(std::move(handler_), code, std::move(result)));
    }
    work_.reset();
  }

 private:
  using executor_type = asio::associated_executor_t<Handler, asio::any_io_executor>;

  executor_type executor_;
  asio::executor_work_guard<executor_type> work_;
  Handler handler_;
};

/// One call whose outcome `Finish` turns into (error_code, Result) for a handler. Deletes itself.
template <class Result, class Finish, class Handler>
class async_call final : public node::completion {
 public:
  async_call(posted_handler<Result, Handler> handler, Finish finish)
      : handler_{std::move(handler)}, finish_{std::move(finish)} {}

  void complete(node::outcome&& outcome) noexcept override {
    std::unique_ptr<async_call> self{this};
    Result result{};
    const error_code code = finish_(outcome, result);
    handler_.post(code, std::move(result));
  }

 private:
  posted_handler<Result, Handler> handler_;
  Finish finish_;
};

}  // namespace kith::handle
