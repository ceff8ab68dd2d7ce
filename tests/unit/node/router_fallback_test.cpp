// A processor that the owner of its key does not know: the caller's member runs it.
#include "router_fixture.hpp"

#include <kith/wire/decode.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace kith;
using namespace kith::test;
using namespace std::chrono_literals;

namespace {

const std::string text = "key";
const std::uint64_t hash = stable_hash(as_bytes(text));
const epoch term{view_number{1}};

/// A member that invoked "twice" on a key of another's. The request stays alive with its message.
struct invoker : router_caller {
  invoker() : router_caller{partition_of(hash)} {
    binding->ttl = 7s;
    own(other, 1);
    node::call what = call(node::call_kind::mutate);
    what.mutation = wire::mutation::invoke;
    what.processor = "twice";
    what.value = to_bytes("fields");
    what.key_hash = hash;
    what.key = to_bytes(text);
    what.cancel_id = 1;
    machine.submit(now, std::move(what), out);
  }

  /// The last request that left, which has to be a `Message`. Its views point into `last`.
  template <class Message>
  Message asked() {
    last = {};
    for (node::router_effect& effect : out) {
      if (auto* sent = std::get_if<wire::send>(&effect)) last = std::move(sent->message);
    }
    out.clear();
    REQUIRE(last.code == Message::code);
    Message message;
    REQUIRE(wire::decode(last.payload, message) == wire::decode_error::none);
    return message;
  }
  void answer(wire::mutate_status status, std::uint64_t seq = 0) {
    wire::mutate_reply reply;
    reply.status = status;
    reply.epoch = term;
    if (seq > 0) reply.version = {term, sequence{seq}};
    machine.on_mutate_reply(now, other, last.rid, reply, out);
  }
  void answer_get(std::uint64_t seq) {
    const bytes held = to_bytes("old");
    wire::get_reply reply;
    reply.status = seq > 0 ? wire::get_status::hit : wire::get_status::absent;
    reply.epoch = term;
    reply.version = {term, sequence{seq}};
    reply.value = held;
    if (seq > 0) reply.tags = {wire::tag{42}};
    machine.on_get_reply(now, other, last.rid, reply, out);
  }
  /// The run that was asked for.
  node::process_here job() {
    REQUIRE(out.size() == 1);
    REQUIRE(std::holds_alternative<node::process_here>(out[0]));
    auto found = std::get<node::process_here>(std::move(out[0]));
    out.clear();
    return found;
  }
  void ran(std::uint64_t rid, replica::processor_action action, std::string_view value = {}) {
    machine.on_processed_here(now, rid,
                              replica::processed{action, to_bytes(value), to_bytes("result")}, out);
  }
  /// To the first run: the owner does not know the processor and has version `seq`.
  std::uint64_t run(std::uint64_t seq) {
    static_cast<void>(asked<wire::mutate>());
    answer(wire::mutate_status::unknown_processor);
    static_cast<void>(asked<wire::get>());
    answer_get(seq);
    return job().rid;
  }
  /// Until it is time for something.
  void wait() {
    while (out.empty()) {
      now = machine.next_timeout();
      machine.on_timeout(now, out);
    }
  }
  node::outcome end() {
    REQUIRE(!out.empty());
    REQUIRE(std::holds_alternative<node::complete>(out.back()));
    CHECK(machine.pending() == 0);
    CHECK(machine.pending_bytes() == 0);
    return std::move(std::get<node::complete>(out.back()).result);
  }

  wire::packet last;
};

}  // namespace

TEST_CASE("fallback: an unknown processor runs here between a read and a conditional put") {
  invoker caller;
  const auto invoke = caller.asked<wire::mutate>();
  CHECK(invoke.kind == wire::mutation::invoke);
  const std::uint64_t first = invoke.operation;
  caller.answer(wire::mutate_status::unknown_processor);
  const auto get = caller.asked<wire::get>();
  CHECK_FALSE(get.near);
  CHECK_FALSE(get.load);
  caller.answer_get(7);
  const auto job = caller.job();
  CHECK(job.run.name == "twice");
  CHECK(job.run.key == to_bytes(text));
  CHECK(job.run.fields == to_bytes("fields"));
  CHECK(job.run.current == to_bytes("old"));
  CHECK(job.run.current_version == version{term, sequence{7}});
  caller.ran(job.rid, replica::processor_action::set, "new");
  const auto put = caller.asked<wire::mutate>();
  CHECK(put.kind == wire::mutation::compare_and_put);
  CHECK(put.expected == version{term, sequence{7}});
  CHECK(as_text(put.value) == "new");
  CHECK(put.rule == wire::ttl_rule::keep);
  // The owner may never have opened the cache.
  CHECK(put.ttl == 7s);
  CHECK(put.tags == std::vector{wire::tag{42}});
  CHECK(put.operation > first);
  CHECK(put.lowest_unsettled == put.operation);  // the owner may forget the invoke
  caller.answer(wire::mutate_status::applied, 8);
  const node::outcome told = caller.end();
  CHECK_FALSE(told.error);
  CHECK(told.version == version{term, sequence{8}});
  CHECK(told.value == to_bytes("result"));
  CHECK(caller.machine.counters().fallbacks == 1);
}

TEST_CASE("fallback: what the processor wants done is done to the entry that it saw") {
  invoker caller;
  SUBCASE("it leaves the entry as it is") {
    caller.ran(caller.run(7), replica::processor_action::keep);
    CHECK(caller.end().version == version{term, sequence{7}});
  }
  SUBCASE("it erases") {
    caller.ran(caller.run(7), replica::processor_action::erase);
    const auto erase = caller.asked<wire::mutate>();
    CHECK(erase.kind == wire::mutation::erase_if_version);
    CHECK(erase.expected == version{term, sequence{7}});
    caller.answer(wire::mutate_status::applied, 8);
    CHECK(caller.end().version == version{term, sequence{8}});
  }
  SUBCASE("it erases what is absent") {
    caller.ran(caller.run(0), replica::processor_action::erase);
    const node::outcome told = caller.end();
    CHECK_FALSE(told.error);
    CHECK(told.value == to_bytes("result"));
  }
  SUBCASE("it makes what is absent") {
    caller.ran(caller.run(0), replica::processor_action::set, "new");
    CHECK(caller.asked<wire::mutate>().expected == version{});
    caller.answer(wire::mutate_status::applied, 1);
    CHECK_FALSE(caller.end().error);
  }
}

TEST_CASE("fallback: it begins again while others write and gives up after so many runs") {
  invoker caller;
  std::uint64_t rid = caller.run(7);
  const std::uint32_t most = caller.machine.options().fallback_tries;
  for (std::uint32_t i = 1; i < most; ++i) {
    caller.ran(rid, replica::processor_action::set, "new");
    static_cast<void>(caller.asked<wire::mutate>());
    caller.answer(wire::mutate_status::refused, 8);
    static_cast<void>(caller.asked<wire::get>());
    caller.answer_get(8);
    rid = caller.job().rid;
  }
  caller.ran(rid, replica::processor_action::set, "new");
  static_cast<void>(caller.asked<wire::mutate>());
  caller.answer(wire::mutate_status::refused, 9);
  const node::outcome told = caller.end();
  CHECK(told.error == errc::overloaded);
  CHECK(told.detail.find("does not know the processor twice") != std::string::npos);
  CHECK(caller.machine.counters().fallbacks == most);
  CHECK(caller.machine.counters().fallbacks_exhausted == 1);
}

TEST_CASE("fallback: what goes wrong with the run is the call's error") {
  invoker caller;
  const std::uint64_t rid = caller.run(7);
  SUBCASE("it throws") {
    caller.machine.on_processed_here(caller.now, rid, replica::processor_failure{"no"}, caller.out);
    const node::outcome told = caller.end();
    CHECK(told.error == errc::processor_failed);
    CHECK(told.detail == "no");
  }
  SUBCASE("it is not known here either") {
    caller.machine.on_processed_here(caller.now, rid, replica::processor_unknown{}, caller.out);
    CHECK(caller.end().error == errc::unknown_processor);
  }
  SUBCASE("it does not end in time") {
    caller.wait();
    CHECK(caller.end().error == errc::timed_out);
    caller.out.clear();
    caller.ran(rid, replica::processor_action::set, "late");
    CHECK(caller.out.empty());
  }
}

TEST_CASE("fallback: it is counted as one write however it ends") {
  invoker caller;
  const std::uint64_t rid = caller.run(7);
  SUBCASE("with a conditional put") {
    caller.ran(rid, replica::processor_action::set, "new");
    static_cast<void>(caller.asked<wire::mutate>());
    caller.answer(wire::mutate_status::applied, 8);
    CHECK(caller.binding->writes == 1);
  }
  SUBCASE("with an entry that stays as it is") {
    caller.ran(rid, replica::processor_action::keep);
    CHECK(caller.binding->writes == 1);
  }
  SUBCASE("too late") {
    caller.wait();
    CHECK(caller.binding->writes_failed == 1);
  }
  CHECK(caller.binding->writes + caller.binding->writes_failed == 1);
}

TEST_CASE("fallback: a partition that moves while the processor runs is read anew") {
  invoker caller;
  const std::uint64_t rid = caller.run(7);
  caller.own({3, 3, 1}, 2);
  CHECK_FALSE(caller.asked<wire::get>().near);
  caller.ran(rid, replica::processor_action::set, "of the old owner's entry");
  CHECK(caller.out.empty());
}

TEST_CASE("fallback: a conditional put whose answer was lost is sent again as the same operation") {
  invoker caller;
  caller.ran(caller.run(7), replica::processor_action::set, "new");
  const std::uint64_t operation = caller.asked<wire::mutate>().operation;
  caller.machine.on_session(caller.now, other, caller.out);
  caller.wait();
  CHECK(caller.asked<wire::mutate>().operation == operation);
  caller.answer(wire::mutate_status::applied, 8);
  CHECK_FALSE(caller.end().error);
}

// As docs/operations.md has it: total ends an invoke while nothing can have been written.
TEST_CASE("fallback: it can be cancelled in each of its stages") {
  invoker caller;
  const auto cancel = [&](node::cancelling how) {
    caller.out.clear();
    caller.machine.cancel(caller.now, 1, how, caller.out);
    return !caller.out.empty();
  };
  bool written = false;
  SUBCASE("before the owner said that it does not know the processor") {
    static_cast<void>(caller.asked<wire::mutate>());
    written = true;
  }
  SUBCASE("while it reads") {
    static_cast<void>(caller.asked<wire::mutate>());
    caller.answer(wire::mutate_status::unknown_processor);
    static_cast<void>(caller.asked<wire::get>());
  }
  std::uint64_t rid = 0;
  SUBCASE("while the processor runs") { rid = caller.run(7); }
  SUBCASE("while it writes") {
    caller.ran(caller.run(7), replica::processor_action::set, "new");
    static_cast<void>(caller.asked<wire::mutate>());
    written = true;
  }
  SUBCASE("while it reads again after others wrote") {
    caller.ran(caller.run(7), replica::processor_action::set, "new");
    static_cast<void>(caller.asked<wire::mutate>());
    caller.answer(wire::mutate_status::refused, 8);
    static_cast<void>(caller.asked<wire::get>());
  }
  CHECK(cancel(node::cancelling::without_effect) == !written);
  if (written) CHECK(cancel(node::cancelling::always));
  CHECK(caller.end().error == operation_aborted());
  CHECK(caller.binding->writes_failed == 1);
  // Nothing of it goes on.
  caller.out.clear();
  if (rid != 0) caller.ran(rid, replica::processor_action::set, "late");
  caller.answer(wire::mutate_status::applied, 9);
  caller.machine.on_session(caller.now, other, caller.out);
  CHECK(caller.out.empty());
  CHECK(caller.machine.next_timeout() == never);
}

TEST_CASE("fallback: all that it keeps counts as bytes that wait") {
  invoker caller;
  const std::size_t key = text.size();
  const std::size_t fields = std::string_view{"fields"}.size();
  const std::size_t result = std::string_view{"result"}.size();
  const auto waiting = [&] { return caller.machine.pending_bytes() - key; };
  CHECK(waiting() == fields);
  std::uint64_t rid = caller.run(7);
  CHECK(waiting() == fields);
  for (int i = 0; i < 2; ++i) {
    caller.ran(rid, replica::processor_action::set, "new value");
    CHECK(waiting() == fields + result + std::string_view{"new value"}.size());
    static_cast<void>(caller.asked<wire::mutate>());
    caller.answer(wire::mutate_status::refused, 8);
    CHECK(waiting() == fields);
    static_cast<void>(caller.asked<wire::get>());
    caller.answer_get(8);
    rid = caller.job().rid;
  }
  caller.ran(rid, replica::processor_action::set, "new value");
  static_cast<void>(caller.asked<wire::mutate>());
  caller.answer(wire::mutate_status::applied, 9);
  CHECK(caller.end().value == to_bytes("result"));  // and nothing is left
}
