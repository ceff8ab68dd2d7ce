#include "owner_fixture.hpp"

using namespace kith;
using namespace kith::replica;
using wire::mutate_status;
using wire::mutation;

TEST_CASE("operation: a retry gets the first answer and is applied once") {
  owner o;
  const bytes one = write_number(1);
  o.mutate(anna, {.operation = 9, .kind = mutation::add, .value = one});
  const auto first = o.one<wire::mutate_reply>(anna);
  const version taken = first.version;
  o.put(bert, "between", key_of(home, 0));
  o.clear();
  const std::uint64_t rid = o.mutate(anna, {.operation = 9, .kind = mutation::add, .value = one});
  const auto again = o.one<wire::mutate_reply>(anna);
  CHECK(again.status == mutate_status::applied);
  CHECK(again.version == taken);
  CHECK(read_number(again.result) == 1);
  CHECK(std::get<wire::send>(o.out[0]).message.rid == rid);
  CHECK(read_number(as_bytes(o.value())) == 1);
  CHECK(o.counted().retries_answered == 1);
}

TEST_CASE("operation: a refused mutation is refused again, although it could be applied now") {
  owner o;
  o.put(bert, "x");
  o.mutate(anna, {.operation = 9, .kind = mutation::put_if_absent});
  o.erase(bert);
  o.clear();
  o.mutate(anna, {.operation = 9, .kind = mutation::put_if_absent});
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::refused);
}

TEST_CASE("operation: members number their operations independently") {
  owner o;
  o.mutate(anna, {.operation = 9, .kind = mutation::put, .value = as_bytes("a")});
  o.mutate(bert, {.operation = 9, .kind = mutation::put, .value = as_bytes("b")});
  CHECK(o.value() == "b");
}

TEST_CASE("operation: what the sender has settled is stale, applied or not") {
  owner o;
  o.mutate(anna, {.operation = 4, .kind = mutation::put, .value = as_bytes("4")});
  o.mutate(anna,
           {.operation = 9, .lowest_unsettled = 6, .kind = mutation::put, .value = as_bytes("9")});
  for (const std::uint64_t old : {4u, 5u}) {
    o.clear();
    o.mutate(anna, {.operation = old, .kind = mutation::put, .value = as_bytes("old")});
    CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::stale_operation);
  }
  CHECK(o.value() == "9");
  o.clear();
  // A message that was under way for long says an older bound: it does not bring answers back.
  o.mutate(anna, {.operation = 6, .lowest_unsettled = 1, .kind = mutation::put});
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::applied);
  o.clear();
  o.mutate(anna, {.operation = 5, .lowest_unsettled = 1, .kind = mutation::put});
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::stale_operation);
}

TEST_CASE(
    "operation: above its bound the oldest answer becomes stale, never a second application") {
  replica_options options = options_of_home();
  options.operations_kept = 3;
  owner o{options};
  const bytes one = write_number(1);
  for (std::uint64_t i = 1; i <= 4; ++i) {
    o.mutate(anna, {.operation = i, .kind = mutation::add, .value = one});
  }
  o.clear();
  o.mutate(anna, {.operation = 1, .kind = mutation::add, .value = one});
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::stale_operation);
  o.clear();
  o.mutate(anna, {.operation = 2, .kind = mutation::add, .value = one});
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::applied);
  CHECK(read_number(as_bytes(o.value())) == 4);
}

TEST_CASE("operation: the results that are kept are bounded, the newest one always stays") {
  operation_window window;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    window.begin(i, i);
    CHECK(window.settle(i, {mutate_status::applied, {}, false, bytes(100)}));
    window.shrink(100, 150);
  }
  CHECK(window.size() == 1);
  CHECK(window.look_up(3) == operation_window::state::settled);
  CHECK(window.look_up(2) == operation_window::state::stale);
  window.shrink(100, 0);
  CHECK(window.size() == 1);
}

TEST_CASE("operation: answers below the lowest unsettled one are forgotten") {
  operation_window window;
  for (std::uint64_t i = 1; i <= 5; ++i) window.begin(i, i);
  window.settle_below(4);
  CHECK(window.size() == 2);
  CHECK_FALSE(window.settle(3, {}));
  CHECK(window.settle(4, {}));
}

TEST_CASE("operation: a mutation that was not tried is not remembered") {
  owner o;
  o.machine.set_standing(o.now - 1h);
  o.mutate(anna, {.operation = 9, .kind = mutation::put, .value = as_bytes("x")});
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::retry);
  o.machine.set_standing(o.now);
  o.clear();
  o.mutate(anna, {.operation = 9, .kind = mutation::put, .value = as_bytes("x")});
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::applied);
}

TEST_CASE("operation: a member that left the view is refused, for its window is gone") {
  owner o;
  const bytes one = write_number(1);
  o.mutate(anna, {.operation = 9, .kind = mutation::add, .value = one});
  const member_id rest[] = {self, bert};
  o.machine.on_view(o.now, first_epoch.view, rest, o.out);
  o.clear();
  o.mutate(anna, {.operation = 9, .kind = mutation::add, .value = one});
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::retry);
  CHECK(read_number(as_bytes(o.value())) == 1);
  CHECK(o.counted().strangers == 1);
}
