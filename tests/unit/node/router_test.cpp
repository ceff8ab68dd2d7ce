// How calls end at their deadline, and what the error says of a write that may have been applied.
#include "router_fixture.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>
#include <variant>

using namespace kith;
using namespace kith::test;
using namespace std::chrono_literals;

namespace {

struct waiting_caller : router_caller {
  explicit waiting_caller(node::router_options options = {})
      : router_caller{partition_id{16}, options} {}

  void submit(node::call_kind kind, wire::mutation mutation = wire::mutation::put) {
    node::call what = call(kind);
    what.mutation = mutation;
    what.tags = {wire::tag{7}};
    machine.submit(now, std::move(what), out);
  }
  /// The owner's answer to the last request.
  void answer(wire::mutate_status status) {
    wire::mutate_reply reply;
    reply.status = status;
    reply.epoch = epoch{view_number{1}};
    machine.on_mutate_reply(now, other, last_request(), reply, out);
  }
  [[nodiscard]] std::uint64_t last_request() const {
    const auto sent = all_of<wire::send>(out);
    return sent.empty() ? 0 : sent.back().message.rid;
  }
  void lose_and_ask_again() {
    machine.on_session(now, other, out);
    ask_again();
  }
  void ask_again() {
    out.clear();
    while (!asked() && machine.pending() > 0) {
      now = machine.next_timeout();
      machine.on_timeout(now, out);
    }
  }
  [[nodiscard]] bool asked() const { return !all_of<wire::send>(out).empty(); }
  /// What the call ends with at its deadline.
  [[nodiscard]] error_code end() {
    while (machine.pending() > 0) {
      now = machine.next_timeout();
      machine.on_timeout(now, out);
    }
    return std::get<node::complete>(out.back()).result.error;
  }
};

}  // namespace

TEST_CASE("router: a write whose owner is gone may have been applied") {
  waiting_caller caller;
  caller.own(other, 1);
  caller.submit(node::call_kind::mutate);
  CHECK(caller.asked());
  caller.own({}, 2);
  const error_code told = caller.end();
  CHECK(told == errc::timed_out);
  CHECK(told == condition::maybe_applied);
}

TEST_CASE("router: a write that found no owner was not applied") {
  waiting_caller caller;
  caller.submit(node::call_kind::mutate);
  CHECK_FALSE(caller.asked());
  const error_code told = caller.end();
  CHECK(told == errc::no_owner);
  CHECK_FALSE(told == condition::maybe_applied);
}

TEST_CASE("router: a write that an owner refuses at once was not applied") {
  for (const auto status :
       {wire::mutate_status::overloaded, wire::mutate_status::out_of_memory,
        wire::mutate_status::unknown_processor, wire::mutate_status::write_failed}) {
    waiting_caller caller;
    caller.own(other, 1);
    caller.submit(node::call_kind::mutate);
    caller.answer(status);
    CHECK_FALSE(caller.end() == condition::maybe_applied);
  }
}

TEST_CASE("router: a write for which the owner has no memory ends with an error of its own") {
  waiting_caller caller;
  caller.own(other, 1);
  caller.submit(node::call_kind::mutate);
  caller.answer(wire::mutate_status::out_of_memory);
  CHECK(caller.machine.pending() == 0);
  CHECK(caller.end() == errc::out_of_memory);
}

TEST_CASE("router: what became of a write of the store ends it with an error of its own") {
  waiting_caller caller;
  caller.own(other, 1);
  caller.submit(node::call_kind::mutate);
  caller.answer(wire::mutate_status::write_failed);
  CHECK(caller.end() == errc::write_failed);
  waiting_caller second;
  second.own(other, 1);
  second.submit(node::call_kind::mutate);
  second.answer(wire::mutate_status::write_uncertain);
  const error_code told = second.end();
  CHECK(told == errc::write_uncertain);
  CHECK(told == condition::maybe_applied);
}

TEST_CASE("router: a write that is refused after it was sent on was not applied") {
  for (const auto status :
       {wire::mutate_status::overloaded, wire::mutate_status::out_of_memory,
        wire::mutate_status::unknown_processor, wire::mutate_status::write_failed}) {
    waiting_caller caller;
    caller.own(other, 1);
    caller.submit(node::call_kind::mutate);
    caller.answer(wire::mutate_status::wrong_epoch);
    caller.ask_again();
    caller.answer(status);
    CHECK(caller.machine.pending() == 0);
    CHECK_FALSE(caller.end() == condition::maybe_applied);
  }
}

TEST_CASE("router: a write that is refused after it was lost once may have been applied") {
  for (const auto status :
       {wire::mutate_status::overloaded, wire::mutate_status::out_of_memory,
        wire::mutate_status::unknown_processor, wire::mutate_status::write_failed}) {
    waiting_caller caller;
    caller.own(other, 1);
    caller.submit(node::call_kind::mutate);
    caller.lose_and_ask_again();
    caller.answer(status);
    CHECK(caller.end() == errc::timed_out);
  }
  waiting_caller caller;
  caller.own(other, 1);
  caller.submit(node::call_kind::mutate);
  caller.binding->id.store(0);
  caller.binding->refused = true;
  caller.machine.on_session(caller.now, other, caller.out);
  CHECK(caller.end() == errc::timed_out);
}

TEST_CASE("router: a read whose owner is gone has none") {
  waiting_caller caller;
  caller.own(other, 1);
  caller.submit(node::call_kind::count);
  CHECK(caller.asked());
  caller.own({}, 2);
  CHECK(caller.end() == errc::no_owner);
}

TEST_CASE("router: a newer view is asked of another member, never of this one") {
  const auto pulls = [](const member_id& owner) {
    waiting_caller caller;
    caller.own(owner, 1);
    caller.submit(node::call_kind::mutate);
    std::uint64_t rid = 0;
    for (const node::router_effect& effect : caller.out) {
      if (const auto* here = std::get_if<node::ask_here>(&effect)) rid = here->rid;
      if (const auto* sent = std::get_if<wire::send>(&effect)) rid = sent->message.rid;
    }
    wire::mutate_reply newer;
    newer.status = wire::mutate_status::wrong_epoch;
    newer.epoch = epoch{view_number{2}};
    caller.machine.on_mutate_reply(caller.now, owner, rid, newer, caller.out);
    return std::ranges::count_if(caller.out, [](const node::router_effect& effect) {
      return std::holds_alternative<node::pull_view>(effect);
    });
  };
  CHECK(pulls(other) == 1);
  CHECK(pulls(self) == 0);
}

TEST_CASE("router: a ticket for a read that is over goes back to its owner") {
  waiting_caller caller;
  caller.own(other, 1);
  caller.submit(node::call_kind::get);
  const std::uint64_t rid = caller.last_request();
  CHECK(caller.end() == errc::timed_out);
  caller.out.clear();
  wire::get_reply given;
  given.status = wire::get_status::ticket;
  given.epoch = epoch{view_number{1}};
  given.ticket = 77;
  caller.machine.on_get_reply(caller.now, other, rid, given, caller.out);
  REQUIRE(caller.out.size() == 1);
  const auto& back = std::get<node::unused_ticket>(caller.out[0]);
  CHECK(back.owner == other);
  CHECK(back.ticket == 77);
}

TEST_CASE("router: the time of an answered write counts its retries, a failed one counts none") {
  waiting_caller caller;
  caller.own(other, 1);
  caller.submit(node::call_kind::mutate);
  caller.now += 3ms;
  caller.answer(wire::mutate_status::retry);
  caller.out.clear();
  while (!caller.asked()) {
    caller.now = caller.machine.next_timeout();
    caller.machine.on_timeout(caller.now, caller.out);
  }
  caller.now += 7ms;
  const auto spent = static_cast<std::uint64_t>((caller.now - time_point{1s}).count());
  CHECK(spent >= 10'000'000);
  caller.answer(wire::mutate_status::applied);
  const latency_histogram& times = caller.machine.write_times();
  CHECK(times.count() == 1);
  CHECK(times.view().counts[latency_scale::index_of(spent)] == 1);
  CHECK(caller.machine.read_times().count() == 0);

  caller.submit(node::call_kind::mutate);
  caller.answer(wire::mutate_status::too_large);
  CHECK(times.count() == 1);
}

// Goal: a cache knows how many of its writes ended and how many failed, however they did. Method:
// one that is applied, one that does not hold, one whose time is over, one that is too many.
TEST_CASE("router: a cache counts the writes that ended and those that failed") {
  waiting_caller caller{{.pending_max = 1}};
  caller.own(other, 1);
  caller.submit(node::call_kind::mutate);
  CHECK(caller.binding->writes == 0);
  caller.submit(node::call_kind::mutate);  // no room for it
  CHECK(caller.binding->writes == 0);
  CHECK(caller.binding->writes_failed == 1);
  caller.answer(wire::mutate_status::applied);
  caller.submit(node::call_kind::mutate);
  caller.answer(wire::mutate_status::refused);
  CHECK(caller.binding->writes == 2);
  CHECK(caller.binding->writes_failed == 1);
  caller.submit(node::call_kind::mutate);
  CHECK(caller.end() == errc::timed_out);
  caller.submit(node::call_kind::count);
  CHECK(caller.end() == errc::timed_out);
  CHECK(caller.binding->writes == 2);
  CHECK(caller.binding->writes_failed == 2);
}

TEST_CASE("router: ends of all and results of loads are no writes of the user") {
  waiting_caller caller;
  caller.own(other, 1);
  using wire::mutation;
  for (const mutation told :
       {mutation::fill, mutation::fill_absent, mutation::clear, mutation::end_tag}) {
    caller.submit(node::call_kind::mutate, told);
    caller.answer(wire::mutate_status::applied);
    caller.submit(node::call_kind::mutate, told);
    CHECK(caller.end() == errc::timed_out);
  }
  CHECK(caller.machine.pending() == 0);
  CHECK(caller.binding->writes == 0);
  CHECK(caller.binding->writes_failed == 0);
}
