// From a completion token to calls: one or many, each ending in one posted handler.
#pragma once

#include <kith/core/time.hpp>
#include <kith/error.hpp>
#include <kith/handle/cancellation.hpp>
#include <kith/handle/operation.hpp>
#include <kith/handle/port.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace kith::handle {

/// The time of a call runs from its submission: it may have been made long before.
inline void start_clock(time_point now, node::call& what) {
  what.deadline = what.timeout < never - now ? now + what.timeout : never;
}

/// A call made when the operation was asked for, or why it cannot be made: tokens may be lazy, the
/// arguments may be gone when the operation starts.
struct prepared_call {
  node::call what;
  error_code refused;

  template <class Make>
  [[nodiscard]] static prepared_call from(Make&& make) {
    try {
      return {make(), {}};
    } catch (const error& wrong) {
      return {{}, wrong.code()};
    }
  }
};

/// The same for many, as what start_calls takes.
struct prepared_calls {
  std::vector<node::call> calls;
  error_code refused;

  template <class Make>
  [[nodiscard]] static prepared_calls from(Make&& make) {
    try {
      return {make(), {}};
    } catch (const error& wrong) {
      return {{}, wrong.code()};
    }
  }
  [[nodiscard]] std::vector<node::call> operator()() {
    if (refused) throw error{refused};
    return std::move(calls);
  }
};

/// The default of start_call's `early`: nothing is known before the owner was asked.
struct never_early {
  template <class Result>
  bool operator()(node::call&, Result&) const {
    return false;
  }
};

/// Starts the call and ends with `finish(outcome&, Result&) -> error_code`, unless
/// `early(call, Result&)` has the result already.
template <class Result, class Finish, class Token, class Early = never_early>
auto start_call(std::shared_ptr<port> to, prepared_call call, Finish finish, Token&& token,
                Early early = {}) {
  return asio::async_initiate<Token, typename completion_signature<Result>::type>(
      [](auto handler, std::shared_ptr<port> member, prepared_call&& prepared, Finish&& take,
         Early&& known) {
        using handler_type = decltype(handler);
        const auto slot = asio::get_associated_cancellation_slot(handler);
        posted_handler<Result, handler_type> posted{std::move(handler), member->executor()};
        Result result{};
        if (prepared.refused) return posted.post(prepared.refused, std::move(result));
        if (known(prepared.what, result)) return posted.post({}, std::move(result));
        node::call what = std::move(prepared.what);
        start_clock(member->now(), what);
        connect(slot, member, &what, 1);
        what.done =
            new async_call<Result, Finish, handler_type>{std::move(posted), std::move(take)};
        member->submit(std::move(what));
      },
      token, std::move(to), std::move(call), std::move(finish), std::move(early));
}

/// Makes the calls report to the group, in their order.
inline void join_group(const port& to, call_group& group, std::vector<node::call>& calls) {
  const time_point now = to.now();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    start_clock(now, calls[i]);
    calls[i].done = group.at(i);
  }
}

/// The calls of one operation on many keys, with whatever else lives until they are done.
template <class Result, class Finish, class Handler>
struct async_group {
  posted_handler<Result, Handler> handler;
  Finish finish;
  std::unique_ptr<call_group> calls;
};

/// The same for many: `make() -> std::vector<node::call>` runs when the operation starts,
/// `finish(call_group&, Result&) -> error_code` when all are done.
template <class Result, class Make, class Finish, class Token>
auto start_calls(std::shared_ptr<port> to, Make make, Finish finish, Token&& token) {
  return asio::async_initiate<Token, typename completion_signature<Result>::type>(
      [](auto handler, std::shared_ptr<port> member, Make&& make_calls, Finish&& take) {
        using handler_type = decltype(handler);
        const auto slot = asio::get_associated_cancellation_slot(handler);
        posted_handler<Result, handler_type> posted{std::move(handler), member->executor()};
        std::vector<node::call> calls;
        try {
          calls = make_calls();
        } catch (const error& refused) {
          return posted.post(refused.code(), Result{});
        }
        using group_type = async_group<Result, Finish, handler_type>;
        auto* group = new group_type{std::move(posted), std::move(take), nullptr};
        const auto finish_all = [group] {
          std::unique_ptr<group_type> over{group};
          Result result{};
          const error_code code = over->finish(*over->calls, result);
          over->handler.post(code, std::move(result));
        };
        if (calls.empty()) {
          group->calls = std::make_unique<call_group>(0, nullptr);
          return finish_all();
        }
        group->calls = std::make_unique<call_group>(calls.size(), finish_all);
        join_group(*member, *group->calls, calls);
        connect(slot, member, calls.data(), calls.size());
        member->submit_many(std::move(calls));
      },
      token, std::move(to), std::move(make), std::move(finish));
}

/// Runs one call on the calling thread's time.
[[nodiscard]] inline node::outcome run_call(port& to, node::call&& what) {
  start_clock(to.now(), what);
  return blocking_call{to}.run(to, std::move(what));
}

/// The same, with the outcome taken by `take(outcome&, Result&) -> error_code`.
template <class Result, class Take>
[[nodiscard]] Result run_and_take(port& to, node::call&& what, Take take) {
  node::outcome outcome = run_call(to, std::move(what));
  Result result{};
  outcome.error = take(outcome, result);
  throw_failure(outcome);
  return result;
}

/// The same for many calls. The group's results are whole when this returns.
[[nodiscard]] inline std::unique_ptr<call_group> run_calls(port& to,
                                                           std::vector<node::call>&& calls) {
  const std::unique_ptr<waiter> wait = to.make_waiter();
  auto group = std::make_unique<call_group>(calls.size(), [&wait] { wait->signal(); });
  if (calls.empty()) return group;
  join_group(to, *group, calls);
  to.submit_many(std::move(calls));
  wait->wait();
  return group;
}

/// The first failure of a group, if there is one.
[[nodiscard]] inline error_code first_error(call_group& group) {
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (group.result(i).error) return group.result(i).error;
  }
  return {};
}

inline void throw_first_failure(call_group& group) {
  for (std::size_t i = 0; i < group.size(); ++i) throw_failure(group.result(i));
}

/// Many calls of which only their failure is of interest.
inline void run_all(port& to, std::vector<node::call>&& calls) {
  throw_first_failure(*run_calls(to, std::move(calls)));
}

/// The same without waiting.
template <class Token>
auto start_all(std::shared_ptr<port> to, prepared_calls calls, Token&& token) {
  return start_calls<nothing>(
      std::move(to), std::move(calls),
      [](call_group& group, nothing&) { return first_error(group); }, std::forward<Token>(token));
}

/// The results of a group, each taken by `take`, in the order of the calls. The first failure is
/// the group's: none of the results is given then.
template <class Result, class Take>
[[nodiscard]] error_code take_all(call_group& group, const Take& take, std::vector<Result>& into) {
  into.reserve(group.size());
  for (std::size_t i = 0; i < group.size(); ++i) {
    Result one{};
    group.result(i).error = take(group.result(i), one);
    into.push_back(std::move(one));
  }
  const error_code first = first_error(group);
  if (first) into.clear();
  return first;
}

/// One operation on many keys: a call for each, and a result for each in their order.
template <class Result, class Take>
[[nodiscard]] std::vector<Result> run_many(port& to, std::vector<node::call>&& calls, Take take) {
  const std::unique_ptr<call_group> group = run_calls(to, std::move(calls));
  std::vector<Result> results;
  if (take_all(*group, take, results)) throw_first_failure(*group);
  return results;
}

/// The same without waiting.
template <class Result, class Take, class Token>
auto start_many(std::shared_ptr<port> to, prepared_calls calls, Take take, Token&& token) {
  return start_calls<std::vector<Result>>(
      std::move(to), std::move(calls),
      [take = std::move(take)](call_group& group, std::vector<Result>& into) {
        return take_all(group, take, into);
      },
      std::forward<Token>(token));
}

}  // namespace kith::handle
