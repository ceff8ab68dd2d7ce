#include "owner_fixture.hpp"

using namespace kith;
using namespace kith::replica;
using wire::opcode;

namespace {

constexpr std::uint32_t bert_sid = 12;

using list = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("batch: an idle stream tells at once, a busy one in batches of a millisecond") {
  owner o;
  o.near_get(anna);
  o.clear();
  o.put(bert, "1");
  CHECK(numbers_told(o) == list{1});
  CHECK(o.order(bert) == std::vector{opcode::mutate_reply});
  o.put(bert, "2");
  o.put(bert, "3");
  CHECK(numbers_told(o) == list{1});
  CHECK(o.machine.next_timeout() == o.now + 1ms);
  o.pass(1ms);
  CHECK(numbers_told(o) == list{1, 2, 3});
  CHECK(o.sent<wire::invalidate>(anna).size() == 2);
  CHECK(o.sent<wire::invalidate>(anna)[1].entries[1] ==
        wire::invalidation{sequence{3}, books, wire::scope::key, stable_hash(as_bytes("key"))});
}

TEST_CASE("batch: what waits leaves when all listeners acknowledged what left before") {
  owner o;
  o.near_get(anna);
  o.near_get(bert);
  o.put(bert, "1");
  o.put(bert, "2");
  o.put(bert, "3");
  CHECK(o.ack(anna, anna_sid, 1));
  CHECK(numbers_told(o) == list{1});
  CHECK(o.ack(bert, bert_sid, 1));
  CHECK(numbers_told(o) == list{1, 2, 3});
  // Nothing is due any more but the digest.
  CHECK(o.machine.next_timeout() > o.now + 1ms);
  CHECK(o.ack(anna, anna_sid, 3));
  CHECK(o.ack(bert, bert_sid, 3));
  o.put(bert, "4");
  CHECK(numbers_told(o) == list{1, 2, 3, 4});
}

TEST_CASE("batch: what waits leaves when the last one who did not acknowledge stops listening") {
  owner o;
  o.near_get(anna);
  o.near_get(bert);
  o.put(bert, "1");
  CHECK(o.ack(anna, anna_sid, 1));
  o.put(bert, "2");
  CHECK(numbers_told(o) == list{1});
  CHECK(o.ack(bert, bert_sid, 1, true));
  CHECK(numbers_told(o) == list{1, 2});
}

TEST_CASE("batch: a full batch does not wait") {
  owner o;
  o.near_get(anna);
  put_times(o, 1 + 64);
  CHECK(o.sent<wire::invalidate>(anna).size() == 2);
  CHECK(numbers_told(o).size() == 65);
}

TEST_CASE("batch: a reply that may be kept is behind the batch that waits") {
  owner o;
  o.near_get(anna);
  put_times(o, 3);
  o.clear();
  o.near_get(anna);
  CHECK(o.order(anna) == std::vector{opcode::invalidate, opcode::get_reply});
  const auto reply = o.one<wire::get_reply>(anna);
  CHECK(reply.n_last == stream_number{3});
  CHECK(reply.as_of == sequence{3});
  CHECK(reply.cacheable);
  // What left with the reply does not leave again.
  o.clear();
  o.pass(1ms);
  CHECK(o.out.empty());
}

// Goal: the time from a write to its last acknowledgement is counted once, and nothing is counted
// for a write in whose time a member began or ceased to listen.
TEST_CASE("batch: a write is timed until the last listener has acknowledged it") {
  owner o;
  o.near_get(anna);
  o.near_get(bert);
  const auto counted = [&](duration time) {
    const auto bucket = latency_scale::index_of(static_cast<std::uint64_t>(time.count()));
    return o.machine.applied_times().view().counts[bucket];
  };
  o.put(bert, "1");
  o.pass(5ms);
  CHECK(o.ack(anna, anna_sid, 1));
  CHECK(o.ack(anna, anna_sid, 1));
  CHECK(o.machine.applied_times().count() == 0);
  o.pass(35ms);
  CHECK(o.ack(bert, bert_sid, 1));
  CHECK(o.machine.applied_times().count() == 1);
  CHECK(counted(40ms) == 1);

  // One write at a time is timed: the second of these is not.
  o.put(bert, "2");
  o.pass(10ms);
  o.put(bert, "3");
  o.pass(10ms);
  CHECK(o.ack(anna, anna_sid, 3));
  CHECK(o.ack(bert, bert_sid, 2));
  CHECK(o.ack(bert, bert_sid, 3));
  CHECK(o.machine.applied_times().count() == 2);
  CHECK(counted(20ms) == 1);
}

TEST_CASE("batch: a write is not timed where a listener's connection was lost meanwhile") {
  owner o;
  o.near_get(anna);
  o.near_get(bert);
  o.put(bert, "1");
  CHECK(o.ack(anna, anna_sid, 1));
  o.machine.on_session(o.now, bert, 0, o.out);
  o.put(bert, "2");
  CHECK(o.ack(anna, anna_sid, 2));
  // Of the second write only: the first never arrived everywhere.
  CHECK(o.machine.applied_times().count() == 1);
}
