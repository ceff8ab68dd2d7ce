// What clients of a strong cache are told is in one order, over changes of owners too.
#include <kith/sim/history.hpp>
#include <kith/sim/linear_order.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

using namespace kith;

namespace {

using kind = sim::operation_kind;

constexpr epoch before{view_number{3}, 7};
constexpr epoch after{view_number{5}, 7};
constexpr epoch elsewhere{view_number{1}, 8};

version numbered(const epoch& in, std::uint64_t number) { return {in, sequence{number}}; }

sim::judged_call asked(kind what, const epoch& in, int invoked, int answered) {
  sim::judged_call call;
  call.op.kind = what;
  call.op.invoked = time_point{std::chrono::milliseconds{invoked}};
  call.op.answered = time_point{std::chrono::milliseconds{answered}};
  call.op.began = in;
  call.until = in;
  return call;
}
sim::judged_call told(kind what, const version& with, int invoked, int answered) {
  sim::judged_call call = asked(what, with.epoch, invoked, answered);
  call.op.version = with;
  call.op.yes = true;
  return call;
}
sim::judged_call failed_erase(int invoked) {
  sim::judged_call call = asked(kind::erase, before, invoked, invoked + 5);
  call.op.failed = call.maybe_applied = true;
  return call;
}

std::string order_broken_by(const std::vector<sim::judged_call>& calls, bool kept = true) {
  sim::linear_order order{[&](std::uint32_t, const epoch&, const epoch&) { return kept; }};
  for (const sim::judged_call& call : calls) order.told(call);
  order.judge();
  std::string rules;
  for (const sim::violation& one : order.violations()) rules += one.what.substr(0, 2) + " ";
  return rules;
}

}  // namespace

TEST_CASE(
    "linear_order: nothing older is read than what was written before, in a later epoch too") {
  const auto put = told(kind::write, numbered(after, 4), 10, 20);
  CHECK(order_broken_by({put, told(kind::read, numbered(after, 4), 30, 40)}).empty());
  CHECK(order_broken_by({put, told(kind::read, numbered(before, 9), 30, 40)}) == "L1 ");
  CHECK(order_broken_by({put, told(kind::read, numbered(after, 3), 20, 40)}).empty());
  CHECK(order_broken_by({put, told(kind::read, numbered(after, 3), 21, 40)}) == "L1 ");
}

TEST_CASE("linear_order: nothing older is read than what anybody has read before") {
  CHECK(order_broken_by({told(kind::read, numbered(before, 5), 10, 20),
                         told(kind::read, numbered(before, 4), 30, 40)}) == "L1 ");
  CHECK(order_broken_by({told(kind::read, numbered(before, 5), 10, 35),
                         told(kind::read, numbered(before, 4), 30, 40)})
            .empty());
}

TEST_CASE("linear_order: what was written is found, unless it was erased or lost") {
  const auto put = told(kind::write, numbered(before, 4), 10, 20);
  const auto absent = asked(kind::read, after, 30, 40);
  CHECK(order_broken_by({put, absent}) == "L2 ");
  CHECK(order_broken_by({put, absent}, false).empty());
  CHECK(order_broken_by({put, told(kind::erase, numbered(before, 5), 35, 50), absent}).empty());
  CHECK(order_broken_by({put, failed_erase(5), absent}).empty());
  CHECK(order_broken_by({told(kind::erase, numbered(before, 3), 1, 5), put, absent}) == "L2 ");
}

TEST_CASE("linear_order: an erase whose process died with it may be behind an absence") {
  const auto put = told(kind::write, numbered(before, 4), 10, 20);
  const auto absent = asked(kind::read, after, 30, 40);
  sim::judged_call announced = failed_erase(25);
  announced.op.began = {};
  announced.until.reset();
  CHECK(order_broken_by({put, announced, absent}).empty());
  announced.op.invoked = time_point{std::chrono::milliseconds{45}};
  CHECK(order_broken_by({put, announced, absent}) == "L2 ");
}

TEST_CASE("linear_order: a write comes behind what was known before it") {
  CHECK(order_broken_by({told(kind::write, numbered(before, 4), 10, 20),
                         told(kind::write, numbered(before, 4), 30, 40)}) == "L3 ");
  CHECK(order_broken_by({told(kind::write, numbered(before, 4), 10, 20),
                         told(kind::erase, numbered(after, 1), 30, 40)})
            .empty());
}

TEST_CASE("linear_order: a cluster that was founded anew owes nothing of the one before") {
  CHECK(order_broken_by({told(kind::write, numbered(before, 4), 10, 20),
                         told(kind::read, numbered(elsewhere, 1), 30, 40)})
            .empty());
}
