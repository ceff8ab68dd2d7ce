#include "owner_fixture.hpp"

using namespace kith;
using namespace kith::replica;
using wire::get_status;
using wire::mutate_status;
using wire::mutation;

namespace {

const epoch second_epoch{view_number{6}, 0};

void move_on(owner& o, const member_id& to, epoch began) {
  o.machine.on_ownership(o.now, home, to, began, o.out);
}

wire::get get_in(epoch term) {
  wire::get message;
  message.epoch = term;
  message.cache = books;
  message.key = as_bytes(key);
  return message;
}

}  // namespace

TEST_CASE("replica: a request of another epoch is told the right one") {
  owner o;
  o.put(self, "x");
  o.term = {view_number{4}, 9};
  o.get(anna, {});
  o.put(anna, "old");
  CHECK(o.one<wire::get_reply>(anna).status == get_status::wrong_epoch);
  CHECK(o.one<wire::get_reply>(anna).epoch == first_epoch);
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::wrong_epoch);
  CHECK(o.effects<pull_view>().empty());
  outbox counted;
  CHECK(o.machine.on_count(o.now, anna, 1, home, {o.term, books}, counted));
  wire::count_reply reply;
  CHECK(wire::decode(std::get<wire::send>(counted[0]).message.payload, reply) ==
        wire::decode_error::none);
  CHECK(reply.status == get_status::wrong_epoch);
  o.term = first_epoch;
  CHECK(o.value() == "x");
}

TEST_CASE("replica: who speaks of a higher epoch is asked for its view") {
  owner o;
  o.clear();
  o.term = second_epoch;
  o.get(anna, {});
  CHECK(o.one<wire::get_reply>(anna).status == get_status::wrong_epoch);
  REQUIRE(o.effects<pull_view>().size() == 1);
  CHECK(o.effects<pull_view>()[0].from == anna);
  o.clear();
  CHECK(o.ack(anna, anna_sid, 0));
  CHECK(o.effects<pull_view>().size() == 1);
}

TEST_CASE("replica: a partition in a new epoch begins with nothing, whoever owned it") {
  for (const bool away : {false, true}) {
    owner o;
    o.put(self, "x");
    o.near_get(anna);
    o.mutate(anna, {.operation = 77, .kind = mutation::put, .value = as_bytes("y")});
    epoch began = second_epoch;
    if (away) {
      move_on(o, bert, second_epoch);
      o.term = second_epoch;
      o.clear();
      o.get(anna, {});
      CHECK(o.one<wire::get_reply>(anna).status == get_status::wrong_epoch);
      CHECK(o.one<wire::get_reply>(anna).epoch == second_epoch);
      CHECK_FALSE(o.machine.owns(home));
      began = {view_number{7}, 0};
    }
    move_on(o, self, began);
    o.term = began;
    CHECK(o.value().empty());
    o.clear();
    o.pass(1s);
    o.mutate(anna, {.operation = 77, .kind = mutation::put, .value = as_bytes("z")});
    CHECK(o.one<wire::mutate_reply>(anna).version == version{began, sequence{1}});
    CHECK(o.sent<wire::invalidate>(anna).empty());
    o.near_get(anna);
    CHECK(o.one<wire::get_reply>(anna).n_last == stream_number{0});
    CHECK(o.counted().epochs_ended == 1);
  }
}

TEST_CASE("replica: a view that changes nothing for a partition leaves it as it is") {
  owner o;
  o.put(self, "x");
  move_on(o, self, first_epoch);
  move_on(o, bert, {view_number{4}, 0});
  CHECK(o.value() == "x");
}

TEST_CASE("replica: whoever waits when the epoch ends asks again elsewhere") {
  owner o;
  o.load(anna);
  const load_ticket load = o.effects<run_load>().at(0).ticket;
  o.mutate(anna, {.kind = mutation::invoke}, key_of(home, 0));
  o.put(bert, "waits", key_of(home, 0));
  const processor_ticket processor = o.effects<run_processor>().at(0).ticket;
  o.clear();
  move_on(o, self, second_epoch);
  CHECK(o.one<wire::get_reply>(anna).status == get_status::wrong_epoch);
  CHECK(o.one<wire::get_reply>(anna).epoch == second_epoch);
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::wrong_epoch);
  CHECK(o.one<wire::mutate_reply>(bert).status == mutate_status::wrong_epoch);
  o.clear();
  o.machine.on_load_done(o.now, load, loaded{to_bytes("row"), std::nullopt}, o.out);
  o.machine.on_processor_done(o.now, processor, processed{processor_action::set, {}, {}}, o.out);
  CHECK(o.out.empty());
  CHECK(o.counted().loads_orphaned == 1);
  CHECK(o.counted().processors_orphaned == 1);
}

TEST_CASE("replica: an owner that was paused answers nothing until the coordinator is heard") {
  owner o;
  o.put(self, "x");
  o.clear();
  o.now += 3s;
  CHECK(o.value() == "x");
  o.now += 1ns;
  o.get(anna, {});
  CHECK(o.one<wire::get_reply>(anna).status == get_status::retry);
  o.put(anna, "y");
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::retry);
  o.get(self, {});
  REQUIRE(o.effects<answer_get>().size() == 1);
  CHECK(o.effects<answer_get>()[0].reply.status == get_status::retry);
  o.machine.set_standing(o.now);
  CHECK(o.value() == "x");
  CHECK(o.counted().not_fresh == 3);
}

TEST_CASE("replica: no cache's staleness lets an owner serve beyond its window") {
  owner tight{options_of_home(), 1s};
  tight.now += 1s + 1ns;
  tight.get(anna, {});
  CHECK(tight.one<wire::get_reply>(anna).status == get_status::retry);
  owner wide{options_of_home(), 1h};
  wide.now += 4s;
  wide.get(anna, {});
  CHECK(wide.one<wire::get_reply>(anna).status == get_status::absent);
  wide.clear();
  wide.now += 1ns;
  wide.get(anna, {});
  CHECK(wide.one<wire::get_reply>(anna).status == get_status::retry);
}

TEST_CASE("replica: a caller in the owner's process is answered without encoding") {
  owner o;
  o.clear();
  const std::uint64_t rid = o.put(self, "x");
  REQUIRE(o.effects<answer_mutate>().size() == 1);
  CHECK(o.effects<answer_mutate>()[0].rid == rid);
  CHECK(o.effects<answer_mutate>()[0].partition == home);
  o.get(self, {});
  const answer_get read = o.effects<answer_get>()[0];
  CHECK(read.reply.version == version{first_epoch, sequence{1}});
  CHECK(as_text(read.value) == "x");
  CHECK_FALSE(read.reply.cacheable);
  o.near_get(self);
  CHECK(o.effects<answer_get>()[1].reply.cacheable);
  CHECK(o.machine.listeners(home).empty());
}

TEST_CASE(
    "replica: an owner that never opened the cache stores, adds and invalidates its entries") {
  owner o;
  constexpr cache_id unknown{99};
  o.near_get(anna);
  o.clear();
  wire::mutate message;
  message.epoch = first_epoch;
  message.operation = 1;
  message.kind = mutation::add;
  message.cache = unknown;
  message.key = as_bytes(key);
  const bytes one = write_number(1);
  message.value = one;
  CHECK(o.machine.on_mutate(o.now, bert, 1, home, message, o.out));
  CHECK(o.one<wire::mutate_reply>(bert).status == mutate_status::applied);
  CHECK(o.one<wire::invalidate>(anna).entries.at(0).cache == unknown);
  cache_settings late;
  late.id = unknown;
  o.machine.open_cache(late);
  message.operation = 2;
  o.clear();
  CHECK(o.machine.on_mutate(o.now, bert, 2, home, message, o.out));
  CHECK(read_number(o.one<wire::mutate_reply>(bert).result) == 2);
}

TEST_CASE("replica: a sequence near its end is refused, not wrapped") {
  replica_options options = options_of_home();
  options.first_sequence = sequence{sequence_max.value() - 1};
  owner o{options};
  o.put(anna, "last");
  CHECK(o.one<wire::mutate_reply>(anna).version.seq == sequence_max);
  o.clear();
  o.put(anna, "beyond");
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::overloaded);
  CHECK(o.value() == "last");
  CHECK(o.counted().sequence_exhausted == 1);
}

TEST_CASE("replica: count is of the cache and the partition") {
  owner o;
  o.put(self, "x");
  o.put(self, "y", key_of(home, 0));
  const auto count = [&](cache_id of) {
    outbox out;
    CHECK(o.machine.on_count(o.now, self, 1, home, {first_epoch, of}, out));
    return std::get<answer_count>(out.at(0)).reply.entries;
  };
  CHECK(count(books) == 2);
  CHECK(count(cache_id{8}) == 0);
  o.erase(self);
  CHECK(count(books) == 1);
}

TEST_CASE("replica: evictions leave the partitions' counts right and are not told") {
  replica_options options = options_of_home();
  owner o{options};
  cache_settings small;
  small.id = books;
  small.max_entries = 3;
  o.machine.open_cache(small);
  o.near_get(anna);
  for (int i = 0; i < 20; ++i) o.put(self, "x", key_of(home, i));
  const std::size_t slot = index_of(home) / options.lanes;
  CHECK(o.machine.cache(books)->size(slot) == 3);
  o.mutate(self, {.kind = mutation::clear});
  CHECK(o.machine.cache(books)->size(slot) == 0);
  o.pass(1ms);
  std::size_t told = 0;
  for (const auto& batch : o.sent<wire::invalidate>(anna)) told += batch.entries.size();
  CHECK(told == 21);
}

// What a peer may not do. False: its connection is closed.

TEST_CASE("replica: hostile: a key or a lane of another partition") {
  owner o;
  o.clear();
  const auto neighbour = static_cast<partition_id>((index_of(home) + 16) % partition_count);
  const auto foreign = static_cast<partition_id>((index_of(home) + 1) % partition_count);
  wire::mutate write;
  write.epoch = first_epoch;
  write.cache = books;
  write.key = as_bytes(key);
  wire::mutate whole = write;
  whole.kind = mutation::clear;
  for (const partition_id wrong : {neighbour, foreign}) {
    CHECK_FALSE(o.machine.on_get(o.now, anna, 1, wrong, get_in(first_epoch), o.out));
    CHECK_FALSE(o.machine.on_mutate(o.now, anna, 1, wrong, write, o.out));
  }
  CHECK_FALSE(o.machine.on_mutate(o.now, anna, 1, home, whole, o.out));
  CHECK_FALSE(o.machine.on_count(o.now, anna, 1, foreign, {first_epoch, books}, o.out));
  const wire::invalidate_ack ack{first_epoch, {}, false};
  CHECK_FALSE(o.machine.on_invalidate_ack(o.now, anna, anna_sid, foreign, ack, o.out));
  const wire::replay_request replay{first_epoch, stream_number{1}, stream_number{1}};
  CHECK_FALSE(o.machine.on_replay_request(o.now, anna, anna_sid, foreign, replay, o.out));
  const auto lane = static_cast<partition_id>(options_of_home().lane);
  wire::subscribe positions;
  positions.positions.push_back({foreign, first_epoch, {}});
  CHECK_FALSE(o.machine.on_subscribe(o.now, anna, anna_sid, lane, positions, o.out));
  CHECK_FALSE(o.machine.on_subscribe(o.now, anna, anna_sid, foreign, {}, o.out));
  CHECK_FALSE(o.machine.on_beat(o.now, anna, anna_sid, foreign, {}, o.out));
  CHECK(o.out.empty());
  CHECK(o.counted().violations == 11);
}

TEST_CASE("replica: hostile: an acknowledgement beyond what was sent, or by nobody who listens") {
  owner o;
  CHECK_FALSE(o.ack(anna, anna_sid, 0));
  o.near_get(anna);
  CHECK(o.ack(anna, anna_sid, 0));
  CHECK_FALSE(o.ack(anna, anna_sid, 1));
  o.put(bert, "1");
  o.put(bert, "2");
  // The second one waits in its batch: it was not sent.
  CHECK_FALSE(o.ack(anna, anna_sid, 2));
  CHECK(o.ack(anna, anna_sid, 1));
  CHECK_FALSE(o.ack(anna, anna_sid, UINT64_MAX));
  CHECK_FALSE(o.ack(bert, 12, 0));
}

TEST_CASE("replica: hostile: garbage in a replay request") {
  owner o;
  CHECK_FALSE(o.ask_replay(anna, anna_sid, 1, 1));
  o.near_get(anna);
  o.put(bert, "1");
  CHECK_FALSE(o.ask_replay(anna, anna_sid, 0, 1));
  CHECK_FALSE(o.ask_replay(anna, anna_sid, 2, 1));
  CHECK_FALSE(o.ask_replay(anna, anna_sid, 1, 2));
  CHECK_FALSE(o.ask_replay(anna, anna_sid, UINT64_MAX, UINT64_MAX));
  CHECK(o.ask_replay(anna, anna_sid, 1, 1));
}

TEST_CASE("replica: hostile: a position that no stream ever had") {
  owner o;
  CHECK_FALSE(o.subscribe(anna, anna_sid, {UINT64_MAX}));
  o.near_get(anna);
  o.put(bert, "1");
  CHECK_FALSE(o.subscribe(anna, anna_sid, {2}));
  CHECK(o.subscribe(anna, anna_sid, {1, 1, 0}));
}

TEST_CASE("replica: messages of another session, or of none, change nothing") {
  owner o;
  o.near_get(anna);
  o.put(bert, "1");
  o.clear();
  for (const std::uint32_t sid : {0u, 10u, 12u}) {
    CHECK(o.ack(anna, sid, 1, true));
    CHECK(o.ask_replay(anna, sid, 1, 1));
    CHECK(o.subscribe(anna, sid, {}));
    CHECK(o.beat(anna, sid, o.now));
  }
  CHECK(o.out.empty());
  CHECK(o.counted().outdated_messages == 12);
  o.pass(1ms);
  o.put(bert, "2");
  CHECK(o.sent<wire::invalidate>(anna).size() == 1);
}

TEST_CASE("replica: messages of a member that left the view change nothing") {
  owner o;
  o.near_get(anna);
  const member_id rest[] = {self, bert};
  o.machine.on_view(o.now, first_epoch.view, rest, o.out);
  o.clear();
  CHECK(o.subscribe(anna, anna_sid, {0}));
  CHECK(o.beat(anna, anna_sid, o.now));
  CHECK(o.ack(anna, anna_sid, 99));
  CHECK(o.out.empty());
  o.near_get(anna);
  CHECK(o.one<wire::get_reply>(anna).status == get_status::retry);
}

TEST_CASE("replica: a peek shows what an owner has and leaves no trace") {
  owner o;
  const byte_view bytes_of_key = as_bytes(key);
  const auto look = [&] {
    return o.machine.peek(o.now, home, books, stable_hash(bytes_of_key), bytes_of_key);
  };
  REQUIRE(look());
  CHECK_FALSE(look()->present);
  o.put(self, "x");
  const auto hits = o.machine.counters().hits;
  REQUIRE(look());
  CHECK(look()->present);
  CHECK(look()->version == version{first_epoch, sequence{1}});
  CHECK(o.machine.counters().hits == hits);
  move_on(o, anna, second_epoch);
  CHECK_FALSE(look());
}

TEST_CASE("replica: what it holds is counted where it is most") {
  owner o;
  CHECK(o.machine.held().operations_most == 0);
  CHECK(o.machine.held().bytes_over == 0);
  o.put(anna, "x");
  CHECK(o.machine.held().operations_most == 1);
  CHECK(o.machine.held().loads == 0);
}

TEST_CASE("replica: a read behind a token is answered as soon as the owner has that version") {
  owner o;
  o.put(bert, "x");
  const auto answer = [&](const version& after) {
    o.clear();
    o.get(anna, {.after = after});
    return o.one<wire::get_reply>(anna).status;
  };
  CHECK(answer({first_epoch, sequence{1}}) == get_status::hit);
  CHECK(answer({first_epoch, sequence{2}}) == get_status::unknown_version);
  o.erase(bert);
  CHECK(answer({first_epoch, sequence{2}}) == get_status::absent);
}

TEST_CASE("replica: a token of an earlier epoch is of a lost write and of a later one too early") {
  owner o;
  o.put(bert, "x");
  o.clear();
  o.get(anna, {.after = {{view_number{4}, 9}, sequence{1}}});
  CHECK(o.one<wire::get_reply>(anna).status == get_status::lost_write);
  CHECK(o.counted().tokens_lost == 1);
  o.clear();
  o.get(anna, {.near = true, .after = {second_epoch, sequence{1}}});
  CHECK(o.one<wire::get_reply>(anna).status == get_status::retry);
  CHECK(o.counted().tokens_early == 1);
  // The next epoch begins with nothing: the token of this one's put is of a lost write then.
  move_on(o, self, second_epoch);
  o.term = second_epoch;
  o.clear();
  o.get(anna, {.after = {first_epoch, sequence{1}}});
  CHECK(o.one<wire::get_reply>(anna).status == get_status::lost_write);
}
