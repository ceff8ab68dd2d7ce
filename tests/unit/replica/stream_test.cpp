#include "owner_fixture.hpp"

using namespace kith;
using namespace kith::replica;
using wire::opcode;

namespace {


stream_number n(std::uint64_t value) { return stream_number{value}; }

using list = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("stream: only a near get subscribes") {
  owner o;
  o.get(anna, {});
  CHECK_FALSE(o.one<wire::get_reply>(anna).cacheable);
  o.put(bert, "x");
  CHECK(numbers_told(o).empty());
  o.near_get(anna);
  o.clear();
  o.pass(1s);
  o.put(bert, "y");
  CHECK(numbers_told(o) == list{1});
}

TEST_CASE("stream: the writer is told of its own mutation as everybody is") {
  owner o;
  o.near_get(anna);
  o.clear();
  o.put(anna, "mine");
  CHECK(o.order(anna) == std::vector{opcode::invalidate, opcode::mutate_reply});
}

TEST_CASE("stream: coherence messages carry the session, and stop when it ends") {
  owner o;
  o.near_get(anna);
  o.clear();
  o.put(bert, "1");
  CHECK(std::get<wire::send>(o.out[0]).message.sid == anna_sid);
  CHECK(std::get<wire::send>(o.out[0]).message.partition == home);
  o.machine.on_session(o.now, anna, 0, o.out);
  o.clear();
  o.pass(1s);
  o.put(bert, "2");
  o.pass(2s);
  CHECK(o.order(anna).empty());
  o.near_get(anna);
  CHECK_FALSE(o.one<wire::get_reply>(anna).cacheable);
}

TEST_CASE("stream: numbers are dense across a loss of interest in the same session") {
  owner o;
  o.near_get(anna);
  put_times(o, 3);
  o.pass(1ms);
  CHECK(o.ack(anna, anna_sid, 3, true));
  CHECK(o.counted().unsubscriptions == 1);
  put_times(o, 5);
  o.pass(1s);
  CHECK(numbers_told(o) == list{1, 2, 3});
  o.clear();
  o.near_get(anna);
  CHECK(o.one<wire::get_reply>(anna).n_last == n(3));
  CHECK(o.one<wire::get_reply>(anna).as_of == sequence{8});
  put_times(o, 1);
  CHECK(numbers_told(o) == list{4});
  CHECK(o.sent<wire::invalidate>(anna)[0].entries[0].seq == sequence{9});
}

TEST_CASE("stream: what waited when interest ended never had a number") {
  owner o;
  o.near_get(anna);
  put_times(o, 3);
  CHECK(o.ack(anna, anna_sid, 1, true));
  o.pass(1s);
  o.clear();
  o.near_get(anna);
  CHECK(o.one<wire::get_reply>(anna).n_last == n(1));
  put_times(o, 1);
  o.pass(1ms);
  CHECK(numbers_told(o) == list{2});
}

TEST_CASE("stream: an acknowledgement that crosses the loss of interest is no violation") {
  owner o;
  o.near_get(anna);
  put_times(o, 2);
  o.pass(1ms);
  CHECK(o.ack(anna, anna_sid, 1, true));
  CHECK(o.ack(anna, anna_sid, 2));
}

TEST_CASE("stream: a new session resumes where the reader stands and gets what was lost") {
  owner o;
  o.near_get(anna);
  put_times(o, 3);
  o.pass(1ms);
  o.machine.on_session(o.now, anna, 0, o.out);
  put_times(o, 2);
  o.machine.on_session(o.now, anna, 21, o.out);
  o.clear();
  CHECK(o.subscribe(anna, 21, {2}));
  CHECK(o.order(anna) == std::vector{opcode::subscribed, opcode::replay});
  const auto answer = o.one<wire::subscribed>(anna);
  CHECK_FALSE(answer.reset);
  CHECK(answer.n == n(5));
  const auto lost = o.one<wire::replay>(anna);
  CHECK(lost.first == n(3));
  REQUIRE(lost.entries.size() == 3);
  CHECK(lost.entries[0].seq == sequence{3});
  CHECK(lost.entries[2].seq == sequence{5});
  o.clear();
  o.pass(1s);
  put_times(o, 1);
  CHECK(numbers_told(o) == list{6});
  CHECK(std::get<wire::send>(o.out.at(0)).message.sid == 21);
}

TEST_CASE("stream: a new session that missed nothing resumes without a replay") {
  owner o;
  o.near_get(anna);
  put_times(o, 1);
  o.machine.on_session(o.now, anna, 21, o.out);
  o.clear();
  CHECK(o.subscribe(anna, 21, {1}));
  CHECK(o.order(anna) == std::vector{opcode::subscribed});
  CHECK(o.counted().resumes == 1);
}

TEST_CASE("stream: a request that overtakes the first message of a session loses nothing") {
  owner o;
  o.near_get(anna);
  put_times(o, 1);
  o.machine.on_session(o.now, anna, 0, o.out);
  put_times(o, 1);
  o.machine.on_session(o.now, anna, 21, o.out);
  o.near_get(anna);
  o.clear();
  CHECK(o.subscribe(anna, 21, {1}));
  CHECK(o.one<wire::replay>(anna).entries.at(0).seq == sequence{2});
}

TEST_CASE("stream: what the log no longer has means starting anew") {
  replica_options options = options_of_home();
  options.log_entries = 4;
  owner o{options};
  o.near_get(anna);
  put_times(o, 1);
  o.machine.on_session(o.now, anna, 0, o.out);
  put_times(o, 5);
  o.machine.on_session(o.now, anna, 21, o.out);
  o.clear();
  CHECK(o.subscribe(anna, 21, {1}));
  const auto answer = o.one<wire::subscribed>(anna);
  CHECK(answer.reset);
  CHECK(answer.n == n(6));
  CHECK(answer.seq == sequence{6});
  CHECK(o.sent<wire::replay>(anna).empty());
  CHECK(o.counted().resets == 1);
  o.clear();
  o.pass(1s);
  put_times(o, 1);
  CHECK(numbers_told(o) == list{7});
}

TEST_CASE("stream: a reader that is not known starts anew behind what it has seen") {
  owner o;
  put_times(o, 2);
  CHECK(o.subscribe(anna, anna_sid, {40}));
  CHECK(o.one<wire::subscribed>(anna).reset);
  CHECK(o.one<wire::subscribed>(anna).n == n(40));
  o.pass(1s);
  put_times(o, 1);
  CHECK(numbers_told(o) == list{41});
}

TEST_CASE("stream: a partition that a new session leaves out is not subscribed any more") {
  owner o;
  o.near_get(anna);
  put_times(o, 1);
  o.machine.on_session(o.now, anna, 21, o.out);
  CHECK(o.subscribe(anna, 21, {}));
  o.clear();
  o.pass(1s);
  put_times(o, 3);
  o.pass(1s);
  CHECK(o.order(anna).empty());
  o.near_get(anna);
  CHECK(o.one<wire::get_reply>(anna).n_last == n(1));
}

TEST_CASE("stream: a reader that lost interest and then resumes cannot hide what it missed") {
  owner o;
  o.near_get(anna);
  put_times(o, 1);
  CHECK(o.ack(anna, anna_sid, 1, true));
  put_times(o, 1);
  o.machine.on_session(o.now, anna, 21, o.out);
  o.clear();
  CHECK(o.subscribe(anna, 21, {1}));
  CHECK(o.one<wire::subscribed>(anna).reset);
}

TEST_CASE("stream: a gap is replayed from the log, as often as it is asked for") {
  owner o;
  o.near_get(anna);
  put_times(o, 5);
  o.pass(1ms);
  for (int i = 0; i < 2; ++i) {
    o.clear();
    CHECK(o.ask_replay(anna, anna_sid, 2, 4));
    const auto again = o.one<wire::replay>(anna);
    CHECK_FALSE(again.too_old);
    CHECK(again.first == n(2));
    REQUIRE(again.entries.size() == 3);
    CHECK(again.entries[0].seq == sequence{2});
    CHECK(again.entries[2].seq == sequence{4});
  }
}

TEST_CASE("stream: a gap that the log no longer has is too old, and named until acknowledged") {
  replica_options options = options_of_home();
  options.log_entries = 4;
  owner o{options};
  o.near_get(anna);
  for (int i = 0; i < 8; ++i) {
    put_times(o, 1);
    o.pass(1ms);
  }
  put_times(o, 1);
  o.clear();
  CHECK(o.ask_replay(anna, anna_sid, 3, 8));
  const auto answer = o.one<wire::replay>(anna);
  CHECK(answer.too_old);
  CHECK(answer.first == n(9));
  CHECK(answer.seq == sequence{9});
  CHECK(answer.entries.empty());
  o.clear();
  CHECK(o.beat(anna, anna_sid, o.now));
  CHECK(o.one<wire::digest>(anna).behind.at(0).n == n(9));
  CHECK(o.ack(anna, anna_sid, 9));
  o.clear();
  o.pass(1s);
  CHECK(o.one<wire::digest>(anna).behind.empty());
}

TEST_CASE("stream: what others were told while a reader had no interest is not its past") {
  owner o;
  o.near_get(anna);
  o.near_get(bert);
  put_times(o, 3);
  o.pass(1ms);
  CHECK(o.ack(anna, anna_sid, 3, true));
  put_times(o, 2);
  // It held nothing and waits for nothing: there is nothing to replay either.
  o.clear();
  CHECK(o.ask_replay(anna, anna_sid, 2, 3));
  CHECK(o.one<wire::replay>(anna).too_old);
  CHECK(o.one<wire::replay>(anna).first == n(3));
  o.near_get(anna);
  put_times(o, 1);
  o.pass(1ms);
  o.clear();
  CHECK(o.ask_replay(anna, anna_sid, 3, 4));
  CHECK(o.one<wire::replay>(anna).too_old);
  CHECK(o.one<wire::replay>(anna).first == n(4));
  o.clear();
  CHECK(o.ask_replay(anna, anna_sid, 4, 4));
  CHECK(o.one<wire::replay>(anna).entries.at(0).seq == sequence{6});
}

TEST_CASE("stream: a digest echoes the newest time of this session, behind the invalidations") {
  owner o;
  o.near_get(anna);
  put_times(o, 2);
  o.clear();
  const time_point sent_at{123456789ns};
  CHECK(o.beat(anna, anna_sid, sent_at));
  CHECK(o.order(anna) == std::vector{opcode::invalidate, opcode::digest});
  const auto digest = o.one<wire::digest>(anna);
  CHECK(digest.has_echo);
  CHECK(digest.echo == sent_at);
  REQUIRE(digest.behind.size() == 1);
  CHECK(digest.behind[0].partition == home);
  CHECK(digest.behind[0].epoch == first_epoch);
  CHECK(digest.behind[0].n == n(2));
  o.machine.on_session(o.now, anna, 21, o.out);
  CHECK(o.subscribe(anna, 21, {2}));
  o.clear();
  o.pass(1s);
  CHECK_FALSE(o.one<wire::digest>(anna).has_echo);
}

TEST_CASE("stream: a digest names what is not acknowledged each time, not only what is new") {
  owner o;
  o.near_get(anna);
  put_times(o, 1);
  for (int i = 0; i < 3; ++i) {
    o.clear();
    o.pass(1s);
    CHECK(o.one<wire::digest>(anna).behind.size() == 1);
  }
  CHECK(o.ack(anna, anna_sid, 1));
  o.clear();
  o.pass(1s);
  CHECK(o.one<wire::digest>(anna).behind.empty());
  CHECK(o.ack(anna, anna_sid, 1, true));
  o.clear();
  o.pass(1s);
  o.pass(1s);
  CHECK(o.order(anna).empty());
  CHECK(o.machine.next_timeout() == never);
}

TEST_CASE("stream: beats are answered with a gap between digests") {
  owner o;
  o.near_get(anna);
  o.clear();
  for (int i = 0; i < 50; ++i) CHECK(o.beat(anna, anna_sid, o.now + duration{i}));
  CHECK(o.sent<wire::digest>(anna).size() == 1);
  o.clear();
  o.pass(100ms);
  CHECK(o.one<wire::digest>(anna).echo == o.now - 100ms + 49ns);
}

TEST_CASE("stream: an owner that may have been replaced vouches for nothing") {
  owner o;
  o.near_get(anna);
  o.now += 10s;
  o.clear();
  CHECK(o.beat(anna, anna_sid, o.now));
  o.machine.on_timeout(o.now, o.out);
  CHECK(o.sent<wire::digest>(anna).empty());
  o.pass(1s);
  CHECK(o.one<wire::digest>(anna).echo == o.now - 1s);
}

TEST_CASE("stream: a reader that acknowledges nothing is cut to one order to drop everything") {
  replica_options options = options_of_home();
  options.backlog_keys = 10;
  owner o{options};
  o.near_get(anna);
  for (int i = 0; i < 10; ++i) {
    put_times(o, 1);
    o.pass(1ms);
  }
  CHECK(numbers_told(o).size() == 10);
  o.clear();
  for (int i = 0; i < 5; ++i) {
    put_times(o, 1);
    o.pass(1ms);
  }
  CHECK(o.order(anna) == std::vector{opcode::invalidate_all});
  const auto all = o.one<wire::invalidate_all>(anna);
  CHECK(all.n == n(11));
  CHECK(all.seq == sequence{11});
  CHECK(o.counted().overflows_collapsed == 1);

  // A digest may not overtake what is held back, so it brings it along.
  o.clear();
  o.pass(1s);
  CHECK(o.order(anna) == std::vector{opcode::invalidate_all, opcode::digest});
  CHECK(o.one<wire::invalidate_all>(anna).n == n(15));
  CHECK(o.one<wire::digest>(anna).behind.at(0).n == n(15));

  // Nor may a reply that the reader may keep.
  put_times(o, 1);
  o.clear();
  o.near_get(anna);
  CHECK(o.order(anna) == std::vector{opcode::invalidate_all, opcode::get_reply});
  CHECK(o.one<wire::get_reply>(anna).n_last == n(16));

  // Part of it is not enough; all of it opens the stream again.
  put_times(o, 1);
  o.clear();
  CHECK(o.ack(anna, anna_sid, 10));
  CHECK(o.out.empty());
  CHECK(o.ack(anna, anna_sid, 16));
  CHECK(numbers_told(o) == list{17});
  put_times(o, 1);
  o.pass(1ms);
  CHECK(numbers_told(o) == list{17, 18});
}

TEST_CASE("stream: a stalled stream whose log ran out goes on with another collapse") {
  replica_options options = options_of_home();
  options.backlog_keys = 2;
  options.log_entries = 4;
  owner o{options};
  o.near_get(anna);
  for (int i = 0; i < 20; ++i) {
    put_times(o, 1);
    o.pass(1ms);
  }
  CHECK(o.one<wire::invalidate_all>(anna).n == n(3));
  o.clear();
  CHECK(o.ack(anna, anna_sid, 3));
  CHECK(o.one<wire::invalidate_all>(anna).n == n(20));
}

TEST_CASE("stream: one slow reader does not cut off another") {
  replica_options options = options_of_home();
  options.backlog_keys = 2;
  owner o{options};
  o.near_get(anna);
  o.near_get(bert);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    o.put(self, "x");
    o.pass(1ms);
    CHECK(o.ack(bert, 12, i));
  }
  CHECK(o.sent<wire::invalidate_all>(anna).size() == 1);
  CHECK(o.sent<wire::invalidate_all>(bert).empty());
  CHECK(o.sent<wire::invalidate>(bert).size() == 5);
}

TEST_CASE("stream: a member that left the view is told nothing more") {
  owner o;
  o.near_get(anna);
  const member_id rest[] = {self, bert};
  o.machine.on_view(o.now, first_epoch.view, rest, o.out);
  o.clear();
  o.pass(1s);
  o.put(bert, "x");
  CHECK(o.order(anna).empty());
}

TEST_CASE("stream: a beat of one who does not listen is not echoed") {
  owner o;
  CHECK(o.beat(anna, anna_sid, o.now));
  o.near_get(anna);
  CHECK(o.ack(anna, anna_sid, 0, true));
  CHECK(o.beat(anna, anna_sid, o.now));
  o.clear();
  o.pass(2s);
  CHECK(o.order(anna).empty());
}
