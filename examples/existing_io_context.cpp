// A program that has an io_context of its own keeps it. The member brings its own threads for the
// network; what a program hears of it runs where the program wants it:
//
// - The handler of an async operation runs on the executor that is bound to it, else on the
//   member's. Here all of them run in the one thread of this program's io_context, so that `served`
//   needs no lock.
// - run() of the io_context does not return while an operation is on its way to a handler of it.
// - An operation is cancelled by its handler's slot, as any of Asio's.
// - Blocking calls block the thread that makes them. A near hit is a look-up in memory, and may be
//   made anywhere; visit and get make one if they can.
// - Not possible: to have the member's sockets served by this io_context. A handler that takes long
//   must not keep a member from its heartbeats, or others would believe that it is gone.
#include "support.hpp"

#include <kith/kith.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <future>
#include <iostream>
#include <string>
#include <thread>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using pages = kith::cache<std::string, std::string>;

// A callback, by an executor that is bound to it.
void put_and_get(asio::io_context& context, const pages& site, int& served) {
  const auto own_thread = std::this_thread::get_id();
  site.async_put("/", "<h1>home</h1>", asio::bind_executor(context, [=, &context, &served](
      kith::error_code failed, kith::version) {
    expect(!failed, "the page is stored");
    expect(std::this_thread::get_id() == own_thread, "the handler runs in this io_context");
    site.async_get("/", asio::bind_executor(context, [&served](
        kith::error_code error, const kith::ref<std::string>& page) {
      expect(!error && page && *page == "<h1>home</h1>", "the page is read again");
      std::cout << "a callback got " << *page << '\n';
      ++served;
    }));
  }));
}

// A coroutine: it goes on in the io_context that it was spawned in.
asio::awaitable<void> wait_and_get(const pages& site, int& served) {
  const auto own_thread = std::this_thread::get_id();
  asio::steady_timer timer{co_await asio::this_coro::executor, 10ms};
  co_await timer.async_wait(asio::use_awaitable);
  const bool there = co_await site.async_contains("/about", asio::use_awaitable);
  expect(std::this_thread::get_id() == own_thread, "the coroutine goes on in this io_context");
  std::cout << "a coroutine looked for /about: " << (there ? "there" : "not there") << '\n';
  ++served;
}

// A load that takes too long for this reader is given up by it; others who wait for it go on.
void give_up(asio::io_context& context, const pages& slow, asio::cancellation_signal& stop,
             int& served) {
  const auto on_page = [&served](kith::error_code error, const kith::ref<std::string>&) {
    expect(error == asio::error::operation_aborted, "a cancelled read says so");
    std::cout << "a read was cancelled\n";
    ++served;
  };
  slow.async_get("/report", asio::bind_cancellation_slot(
      stop.slot(), asio::bind_executor(context, on_page)));
  asio::post(context, [&stop] { stop.emit(asio::cancellation_type::terminal); });
}

int main() {
  asio::io_context context;  // before the member, whose end posts the last handlers to it
  kith::member member({.cluster = "example-existing-io-context"});
  const pages site = member.cache<std::string, std::string>("pages");

  std::promise<void> report_may_end;
  const pages reports = member.cache<std::string, std::string>("reports", {
      .load = [ready = report_may_end.get_future().share()](const std::string&) {
        ready.wait();
        return std::string{"a long report"};
      },
  });

  int served = 0;
  const auto run = [&context] {
    context.restart();
    context.run();
  };
  put_and_get(context, site, served);
  run();
  expect(served == 1, "run() returned when the callback was done");

  asio::co_spawn(context, wait_and_get(site, served), asio::detached);
  run();
  expect(served == 2, "run() returned when the coroutine was done");

  asio::cancellation_signal stop;
  give_up(context, reports, stop, served);
  run();
  report_may_end.set_value();
  expect(served == 3, "run() did not wait for the report");
}
