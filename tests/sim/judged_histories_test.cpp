// Each operation counts in the epoch in which it was answered, and in others only as a write that
// may have been applied there.
#include <kith/sim/history.hpp>
#include <kith/sim/judged_histories.hpp>
#include <kith/sim/version_numbers.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

using namespace kith;

namespace {

using judged_kind = sim::operation_kind;

constexpr epoch first_epoch{view_number{3}, 0};
constexpr epoch second_epoch{view_number{5}, 0};
constexpr epoch third_epoch{view_number{8}, 0};

version at(const epoch& in, std::uint64_t number) { return {in, sequence{number}}; }

/// Asked and told in one epoch.
sim::judged_call call_in(const epoch& in, judged_kind kind, int invoked, int answered) {
  sim::judged_call call;
  call.op.kind = kind;
  call.op.invoked = time_point{std::chrono::milliseconds{invoked}};
  call.op.answered = time_point{std::chrono::milliseconds{answered}};
  call.op.began = in;
  call.until = in;
  return call;
}

sim::judged_call put_of(const version& got, std::int64_t value, int invoked, int answered) {
  sim::judged_call call = call_in(got.epoch, judged_kind::write, invoked, answered);
  call.op.version = got;
  call.op.value = value;
  return call;
}

sim::judged_call read_of(const version& found, std::int64_t value, int invoked, int answered) {
  sim::judged_call call = call_in(found.epoch, judged_kind::read, invoked, answered);
  call.op.yes = true;
  call.op.version = found;
  call.op.value = value;
  return call;
}

/// Asked and told in the second epoch.
sim::judged_call inherited(const version& found, std::int64_t value, int invoked, int answered) {
  sim::judged_call call = read_of(found, value, invoked, answered);
  call.op.began = second_epoch;
  call.until = second_epoch;
  return call;
}

/// How often each rule was broken, as in "J1 J2 ".
std::string broken_by(const std::vector<sim::judged_call>& calls,
                      sim::history_part part = sim::history_part::whole,
                      const std::vector<epoch>& inheriting = {}) {
  sim::judged_histories all{"judged", part};
  for (const sim::judged_call& call : calls) all.told(call);
  all.judge([&](std::uint32_t, const epoch& in) {
    return std::ranges::find(inheriting, in) != inheriting.end();
  });
  std::string rules;
  for (const sim::violation& one : all.violations()) rules += one.what.substr(0, 2) + " ";
  return rules;
}

std::string broken_behind_copies(const std::vector<sim::judged_call>& calls) {
  return broken_by(calls, sim::history_part::whole, {second_epoch});
}

std::optional<sim::register_operation> part_of(const epoch& in, const sim::judged_call& call) {
  return sim::judged_histories::as_part_of(sim::version_numbers{in}, call);
}

}  // namespace

TEST_CASE("judged_histories: an epoch begins with nothing") {
  CHECK(broken_by({put_of(at(first_epoch, 4), 5, 10, 20),
                   call_in(second_epoch, judged_kind::read, 30, 40),
                   put_of(at(second_epoch, 1), 6, 50, 60)})
            .empty());
}

TEST_CASE("judged_histories: within an epoch a read does not go back") {
  const std::vector<sim::judged_call> calls = {put_of(at(first_epoch, 4), 5, 10, 20),
                                               put_of(at(first_epoch, 7), 6, 30, 40),
                                               read_of(at(first_epoch, 4), 5, 50, 60)};
  CHECK(broken_by(calls) == "J1 J2 ");
  CHECK(broken_by(calls, sim::history_part::some) == "J1 ");
  CHECK(broken_by({put_of(at(first_epoch, 4), 5, 10, 20),
                   call_in(first_epoch, judged_kind::read, 30, 40)}) == "J1 J2 ");
}

TEST_CASE("judged_histories: what has no version is judged too") {
  // The key was there to nobody's knowledge.
  sim::judged_call refused = call_in(first_epoch, judged_kind::put_if_absent, 30, 40);
  refused.op.value = 6;
  CHECK(broken_by({refused}) == "J2 ");
  // A sum that another addition must have taken part in.
  sim::judged_call added = call_in(first_epoch, judged_kind::add, 30, 40);
  added.op.value = 2;
  CHECK(broken_by({added}) == "J2 ");
  sim::judged_call lost = call_in(first_epoch, judged_kind::add, 10, 20);
  lost.op.failed = lost.maybe_applied = true;
  CHECK(broken_by({added, lost}).empty());
}

TEST_CASE("judged_histories: an answer counts in the epoch of its version") {
  sim::judged_call late = put_of(at(second_epoch, 1), 6, 10, 60);
  late.op.began = first_epoch;
  CHECK(sim::judged_histories::epoch_of(late) == second_epoch);
  late.op.version = {};
  CHECK_FALSE(sim::judged_histories::epoch_of(late).has_value());
  late.op.began = second_epoch;
  CHECK(sim::judged_histories::epoch_of(late) == second_epoch);
  late.until.reset();
  CHECK_FALSE(sim::judged_histories::epoch_of(late).has_value());
  late.until = second_epoch;
  late.op.failed = true;
  CHECK_FALSE(sim::judged_histories::epoch_of(late).has_value());
}

TEST_CASE("judged_histories: a write may have been applied in epochs before that of its answer") {
  sim::judged_call late = put_of(at(second_epoch, 1), 6, 10, 60);
  late.op.began = first_epoch;
  const auto before = part_of(first_epoch, late);
  REQUIRE(before.has_value());
  CHECK_FALSE(before->returned.has_value());
  CHECK(before->version == 0);
  CHECK(part_of(second_epoch, late)->version == 1);
  CHECK_FALSE(part_of(third_epoch, late).has_value());
  late.op.began = second_epoch;
  CHECK_FALSE(part_of(first_epoch, late).has_value());
}

TEST_CASE("judged_histories: a write that failed counts where its member may have sent it") {
  sim::judged_call lost = call_in(second_epoch, judged_kind::write, 10, 60);
  lost.op.failed = true;
  // Nothing was done, it was told.
  CHECK_FALSE(part_of(second_epoch, lost).has_value());
  lost.maybe_applied = true;
  CHECK_FALSE(part_of(first_epoch, lost).has_value());
  CHECK(part_of(second_epoch, lost).has_value());
  CHECK_FALSE(part_of(third_epoch, lost).has_value());
  // Its member is another one by now: who knows where it asked.
  lost.until.reset();
  CHECK(part_of(first_epoch, lost).has_value());
  CHECK(part_of(third_epoch, lost).has_value());
  lost.op.kind = judged_kind::read;
  CHECK_FALSE(part_of(second_epoch, lost).has_value());
}

TEST_CASE("judged_histories: an answer counts where its member can have been no further") {
  // What was there is of the first epoch; who read it knew the second one when it was told.
  sim::judged_call read = read_of(at(first_epoch, 4), 5, 10, 20);
  read.until = second_epoch;
  CHECK_FALSE(sim::judged_histories::epoch_of(read).has_value());
  read.op.began = second_epoch;
  CHECK(sim::judged_histories::epoch_of(read) == second_epoch);
  sim::judged_call swap = call_in(first_epoch, judged_kind::compare_and_put, 30, 40);
  swap.expected = at(second_epoch, 4);
  swap.until = second_epoch;
  CHECK_FALSE(sim::judged_histories::epoch_of(swap).has_value());
  swap.op.yes = true;
  CHECK(sim::judged_histories::epoch_of(swap) == second_epoch);
}

TEST_CASE("judged_histories: an epoch that inherits begins with anything, or nothing") {
  const sim::judged_call read = inherited(at(first_epoch, 4), 5, 10, 20);
  CHECK_FALSE(broken_by({read}).empty());
  CHECK(broken_behind_copies({read}).empty());
  const sim::judged_call absent = call_in(second_epoch, judged_kind::read, 10, 20);
  CHECK(broken_behind_copies({absent}).empty());
  sim::judged_call refused = call_in(second_epoch, judged_kind::put_if_absent, 30, 40);
  CHECK(broken_behind_copies({refused}).empty());
  sim::judged_call added = call_in(second_epoch, judged_kind::add, 30, 40);
  added.op.value = 7;
  CHECK(broken_behind_copies({refused, added}).empty());
  // Acknowledged in the first epoch, by an owner without copies.
  CHECK(broken_behind_copies({put_of(at(first_epoch, 9), 6, 1, 2), read}).empty());
}

TEST_CASE("judged_histories: what an epoch began with is one thing, and what is over stays over") {
  const sim::judged_call read = inherited(at(first_epoch, 4), 5, 10, 20);
  const sim::judged_call other = inherited(at(first_epoch, 6), 8, 30, 40);
  CHECK(broken_behind_copies({read, other}) == "J2 ");
  const sim::judged_call put = put_of(at(second_epoch, 1), 6, 30, 40);
  sim::judged_call late = read;
  late.op.invoked = put.op.answered + std::chrono::milliseconds{10};
  late.op.answered = late.op.invoked + std::chrono::milliseconds{10};
  CHECK(broken_behind_copies({read, put}).empty());
  CHECK(broken_behind_copies({put, late}) == "J1 J2 ");
  // It was there, and nothing removed it.
  const sim::judged_call absent = call_in(second_epoch, judged_kind::read, 50, 60);
  CHECK(broken_behind_copies({read, absent}) == "J1 J2 ");
}

TEST_CASE("judged_histories: a condition may name what an epoch began with") {
  const sim::judged_call read = inherited(at(first_epoch, 4), 5, 10, 20);
  sim::judged_call swap = call_in(second_epoch, judged_kind::compare_and_put, 30, 40);
  swap.expected = at(first_epoch, 4);
  swap.op.value = 6;
  CHECK(broken_behind_copies({read, swap}) == "J2 ");
  swap.op.yes = true;
  CHECK(broken_behind_copies({read, swap}).empty());
  CHECK(broken_by({swap}) == "J2 ");
}

TEST_CASE("judged_histories: a version of another epoch is no entry's") {
  sim::judged_call swap = call_in(second_epoch, judged_kind::compare_and_put, 30, 40);
  swap.expected = at(first_epoch, 4);
  swap.op.value = 6;
  CHECK_FALSE(part_of(second_epoch, swap).has_value());
  const sim::judged_call put = put_of(at(second_epoch, 4), 5, 10, 20);
  CHECK(broken_by({put, swap}).empty());
  swap.op.yes = true;
  CHECK(broken_by({put, swap}) == "J2 ");
}

TEST_CASE("judged_histories: what shows a violation can be judged by itself") {
  sim::judged_histories all{"judged", sim::history_part::whole};
  all.told(put_of(at(first_epoch, 4), 5, 10, 20));
  all.told(call_in(first_epoch, judged_kind::read, 30, 40));
  all.told(put_of(at(first_epoch, 5), 6, 50, 60));
  all.judge([](std::uint32_t, const epoch&) { return false; });
  CHECK(all.shown() ==
        "judged/0@3.0 0 10000000 20000000 put 5 = ok v4\n"
        "judged/0@3.0 0 30000000 40000000 get = absent\n");
  CHECK(all.counters().searched == 1);
  CHECK(all.counters().operations == 3);
  CHECK(all.counters().undecided == 0);
}
