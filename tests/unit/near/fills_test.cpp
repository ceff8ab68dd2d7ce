// Which answers may be kept near, and who may share them: rules F1 to F7 of docs/coherence.md.
#include <kith/near/coherence.hpp>

#include <support/near_reader.hpp>

#include <doctest/doctest.h>

using namespace kith;
using namespace kith::near;
using namespace kith::test;

TEST_CASE("fill: an answer is installed and the next read hits (F1 F4)") {
  near_reader r;
  CHECK_FALSE(r.hit(r.key));
  r.fill(r.key, 1);
  const auto found = r.find(r.key);
  REQUIRE(found);
  CHECK(*found == "value 1");
  CHECK(found.version() == r.at(1));
  CHECK(r.counted().installs == 1);
  CHECK(r.lane.fills() == 0);
}

TEST_CASE("fill: an invalidation while it is pending poisons it (F2)") {
  near_reader r;
  const auto id = r.lead(r.key);
  CHECK(r.invalidate(1, {r.entry(r.key, 9)}));
  CHECK(r.counted().fills_poisoned == 1);
  // F3: the leader's own value is good, the owner read it within the call.
  CHECK(r.reply(id, r.value(8, 8, 1)) == reply_verdict::deliver);
  CHECK(r.counted().refused_poisoned == 1);
  CHECK_FALSE(r.hit(r.key));
}

TEST_CASE("fill: a poisoned one that read after the mutation is installed (F4)") {
  near_reader r;
  const auto id = r.lead(r.key);
  CHECK(r.invalidate(1, {r.entry(r.key, 9)}));
  CHECK(r.reply(id, r.value(9, 9, 1)) == reply_verdict::deliver_and_install);
  CHECK(r.install(id, r.key, 9));
  CHECK(r.hit(r.key));
}

TEST_CASE("fill: an invalidation of another key of the partition does not poison") {
  near_reader r;
  const auto id = r.lead(r.key);
  CHECK(r.invalidate(1, {r.entry(r.neighbour, 9)}));
  CHECK(r.reply(id, r.value(8, 8, 1)) == reply_verdict::deliver_and_install);
}

TEST_CASE("fill: a reader that must see what was written follows none that left earlier") {
  near_reader r;
  r.lead(r.key);
  fill_request strict = r.request(r.key, ++r.rid);
  strict.may_follow = false;
  CHECK(r.lane.begin(r.now, strict) == begin_result::lead);
  CHECK(r.counted().fills == 2);
}

TEST_CASE("fill: a poisoned one is not joined by later readers (F2)") {
  near_reader r;
  r.lead(r.key);
  r.follow(r.key);
  CHECK(r.invalidate(1, {r.entry(r.key, 9)}));
  r.lead(r.key);
  CHECK(r.counted().fills == 2);
}

TEST_CASE("fill: an invalidation while its value is decoded keeps it out (F4 again at install)") {
  near_reader r;
  const auto id = r.lead(r.key);
  const auto waiter = r.follow(r.key);
  CHECK(r.reply(id, r.value(1, 1)) == reply_verdict::deliver_and_install);
  CHECK(r.invalidate(1, {r.entry(r.key, 2)}));
  r.out.clear();
  CHECK_FALSE(r.install(id, r.key, 1));
  CHECK_FALSE(r.hit(r.key));
  const auto reissued = r.effects<reissue>();
  REQUIRE(reissued.size() == 1);
  CHECK(reissued[0].waiter == waiter);
}

TEST_CASE("fill: followers get what was installed (F5)") {
  near_reader r;
  const auto id = r.lead(r.key);
  const auto waiter = r.follow(r.key);
  CHECK(r.reply(id, r.value(1, 1)) == reply_verdict::deliver_and_install);
  CHECK(r.effects<serve>().empty());
  CHECK(r.install(id, r.key, 1));
  const auto served = r.effects<serve>();
  REQUIRE(served.size() == 1);
  CHECK(served[0].waiter == waiter);
  CHECK(served[0].version == r.at(1));
  CHECK(*ref_from<std::string>(served[0].value) == "value 1");
}

TEST_CASE("fill: followers of an answer that may not be kept begin again (F5)") {
  near_reader r;
  const auto id = r.lead(r.key);
  r.follow(r.key);
  r.follow(r.key);
  wire::get_reply answer = r.value(1, 1);
  answer.cacheable = false;
  CHECK(r.reply(id, answer) == reply_verdict::deliver);
  CHECK(r.effects<serve>().empty());
  CHECK(r.effects<reissue>().size() == 2);
  CHECK(r.counted().refused_not_cacheable == 1);
}

TEST_CASE("fill: an answer of another epoch is no answer (F3)") {
  near_reader r;
  const auto id = r.lead(r.key);
  wire::get_reply answer = r.value(1, 1);
  SUBCASE("of an older one") { answer.epoch = {view_number{3}, 0}; }
  SUBCASE("of a higher one: pull the view") { answer.epoch = {view_number{5}, 0}; }
  const bool higher = answer.epoch > r.term;
  CHECK(r.reply(id, answer) == reply_verdict::retry);
  CHECK_FALSE(r.hit(r.key));
  CHECK(r.effects<pull_view>().size() == (higher ? 1 : 0));
  CHECK(r.counted().replies_of_other_epoch == 1);
}

TEST_CASE("fill: an answer while the stream is suspect is delivered and not kept (F4)") {
  near_reader r;
  const auto id = r.lead(r.key);
  CHECK(r.invalidate(3, {r.entry(r.neighbour, 9)}));
  CHECK(r.suspects(r.key));
  CHECK(r.reply(id, r.value(9, 1, 3)) == reply_verdict::deliver);
  CHECK(r.counted().refused_suspect == 1);
  CHECK_FALSE(r.hit(r.key));
}

TEST_CASE("fill: an answer to a get from before a flush is delivered and not kept (F4)") {
  near_reader r;
  const auto id = r.lead(r.key);
  CHECK(r.invalidate_all(4, 9));
  CHECK(r.reply(id, r.value(9, 1, 4)) == reply_verdict::deliver);
  CHECK(r.counted().refused_generation == 1);
  // Nor is it joined: it belongs to what was dropped.
  const auto next = r.lead(r.key);
  CHECK(next != id);
}

TEST_CASE("fill: a refused answer still erases an older entry before it returns (F4)") {
  near_reader r;
  r.fill(r.key, 1);
  r.now += 4s;
  r.hear_coordinator();
  const auto id = r.lead(r.key);
  wire::get_reply answer = r.value(5, 5);
  answer.cacheable = false;
  CHECK(r.reply(id, answer) == reply_verdict::deliver);
  CHECK_FALSE(r.kept.find(r.key.hash, r.key.text, r.now, any_age));
}

TEST_CASE("fill: a refused answer leaves an entry of its own version") {
  near_reader r;
  r.fill(r.key, 1);
  const auto id = r.lead(r.key);
  wire::get_reply answer = r.value(5, 1);
  answer.cacheable = false;
  CHECK(r.reply(id, answer) == reply_verdict::deliver);
  CHECK(r.hit(r.key));
}

TEST_CASE("fill: an answer that the key is absent erases the entry and followers share it") {
  near_reader r;
  r.fill(r.key, 1);
  const auto id = r.lead(r.key);
  r.follow(r.key);
  wire::get_reply answer = r.value(5, 0);
  answer.status = wire::get_status::absent;
  CHECK(r.reply(id, answer) == reply_verdict::deliver);
  CHECK_FALSE(r.hit(r.key));
  const auto served = r.effects<serve>();
  REQUIRE(served.size() == 1);
  CHECK_FALSE(served[0].value);
}

TEST_CASE("fill: an answer behind what was processed when it was asked is asked again (F7)") {
  near_reader r;
  CHECK(r.invalidate(1, {r.entry(r.neighbour, 11)}));
  const auto id = r.lead(r.key);
  CHECK(r.reply(id, r.value(9, 9, 1)) == reply_verdict::retry);
  CHECK(r.counted().replies_behind_floor == 1);
  CHECK_FALSE(r.hit(r.key));
}

TEST_CASE("fill: a slow decoder does not put back what a later answer has overtaken") {
  near_reader r;
  const auto slow = r.lead(r.key);
  CHECK(r.reply(slow, r.value(1, 1)) == reply_verdict::deliver_and_install);
  // Another reader, who may not follow any more, gets the next value, which is not kept.
  r.now += 4s;
  r.hear_coordinator();
  const auto quick = r.lead(r.key);
  wire::get_reply newer = r.value(2, 2);
  newer.cacheable = false;
  CHECK(r.reply(quick, newer) == reply_verdict::deliver);
  CHECK_FALSE(r.install(slow, r.key, 1));
  CHECK_FALSE(r.hit(r.key));
  CHECK(r.counted().refused_poisoned == 1);
}

TEST_CASE("write: a member's own write is an invalidation before its caller is told (F6)") {
  near_reader r;
  r.fill(r.key, 1);
  const auto id = r.lead(r.key);
  r.lane.on_mutation_reply(r.key.partition, r.cache, r.key.hash, r.at(2));
  CHECK_FALSE(r.hit(r.key));
  CHECK(r.reply(id, r.value(1, 1)) == reply_verdict::deliver);
  CHECK_FALSE(r.hit(r.key));
  // The get that follows is owed what the write has done: its floor rose too.
  const auto next = r.lead(r.key);
  CHECK(r.reply(next, r.value(1, 1)) == reply_verdict::retry);
}

TEST_CASE("write: a write that was overtaken by a newer entry leaves it") {
  near_reader r;
  r.fill(r.key, 5);
  r.lane.on_mutation_reply(r.key.partition, r.cache, r.key.hash, r.at(4));
  CHECK(r.hit(r.key));
}

TEST_CASE("write: one that ended without an answer drops the entry and poisons the fills") {
  near_reader r;
  r.fill(r.key, 5);
  const auto id = r.lead(r.key);
  r.lane.poison(r.cache, r.key.hash);
  CHECK_FALSE(r.hit(r.key));
  CHECK(r.reply(id, r.value(8, 5)) == reply_verdict::deliver);
  CHECK_FALSE(r.hit(r.key));
  r.fill(r.key, 9);
  CHECK(r.hit(r.key));
}

TEST_CASE("versions: an invalidation of a new term is newer than any entry of the old one (F2)") {
  near_reader r;
  // The owner was promoted with what the old one had: its entry has the old term's version.
  const auto id = r.lead(r.key);
  wire::get_reply answer = r.value(0, 0);
  answer.version = {epoch{view_number{3}, 0}, sequence{500}};
  CHECK(r.reply(id, answer) == reply_verdict::deliver_and_install);
  const auto made = r.kept.draft({.hash = r.key.hash, .version = answer.version, .charge = 300},
                                 r.key.text, "old");
  CHECK(r.lane.install(r.now, id, made, r.out));
  CHECK(r.hit(r.key));
  CHECK(r.invalidate(1, {r.entry(r.key, 1)}));
  CHECK_FALSE(r.hit(r.key));
}

TEST_CASE("join: not behind a get that left too long ago") {
  near_reader r;
  r.lead(r.key);
  r.now += 2s;
  r.hear_coordinator();
  r.follow(r.key);
  r.now += 2s;
  r.hear_coordinator();
  r.lead(r.key);
  CHECK(r.counted().joins_refused == 1);
}

TEST_CASE("join: not while the coordinator was not heard of") {
  near_reader r;
  r.now += 2s;
  r.lead(r.key);
  r.now += 2s;
  r.lead(r.key);
  CHECK(r.counted().joins_refused == 1);
}

TEST_CASE("join: not a get that does not run the loader when one wants it run") {
  near_reader r;
  r.lead(r.key);
  fill_request loading = r.request(r.key, ++r.rid);
  loading.load = true;
  CHECK(r.lane.begin(r.now, loading) == begin_result::lead);
}

TEST_CASE("join: equal hashes do not make equal keys") {
  near_reader r;
  r.lead(r.key);
  fill_request another = r.request(r.key, ++r.rid);
  another.key = as_bytes("another");
  CHECK(r.lane.begin(r.now, another) == begin_result::lead);
}

TEST_CASE("bounds: followers of a fill and fills of a lane are limited") {
  near_reader probe;
  coherence_options options = near_reader::options_for(probe.key);
  options.followers_max = 1;
  options.fills_max = 2;
  near_reader r{options};
  r.lead(r.key);
  r.follow(r.key);
  r.lead(r.key);
  CHECK(r.begin(r.distant, 1) == begin_result::bypass);
  CHECK(r.counted().bypasses == 1);
}

TEST_CASE("bypass: its answer is judged by epoch and erases what it contradicts (F3 F4)") {
  near_reader r;
  r.fill(r.key, 1);
  wire::get_reply answer = r.value(5, 5);
  answer.cacheable = false;
  const auto ask = [&] {
    return r.lane.on_bypass_reply(r.now, r.owner, r.key.partition, r.cache, r.key.hash, answer,
                                  r.out);
  };
  answer.epoch = {view_number{1}, 0};
  CHECK(ask() == reply_verdict::retry);
  CHECK(r.hit(r.key));
  answer.epoch = r.term;
  CHECK(ask() == reply_verdict::deliver);
  CHECK_FALSE(r.hit(r.key));
}

TEST_CASE("failure: followers share what would only fail again and route anew with the leader") {
  near_reader r;
  const auto id = r.lead(r.key);
  r.follow(r.key);
  wire::get_reply answer = r.value(1, 1);
  SUBCASE("the loader failed") {
    answer.status = wire::get_status::load_failed;
    const bytes words = to_bytes("no database");
    answer.value = words;
    CHECK(r.reply(id, answer) == reply_verdict::deliver);
    const auto refused = r.effects<refuse>();
    REQUIRE(refused.size() == 1);
    CHECK(as_text(refused[0].text) == "no database");
  }
  SUBCASE("the owner may not answer now") {
    answer.status = wire::get_status::retry;
    CHECK(r.reply(id, answer) == reply_verdict::retry);
    CHECK(r.effects<reissue>().size() == 1);
  }
  SUBCASE("the leader is to load itself") {
    answer.status = wire::get_status::ticket;
    CHECK(r.reply(id, answer) == reply_verdict::deliver);
    CHECK(r.effects<reissue>().size() == 1);
  }
  SUBCASE("the leader's token is of no use") {
    answer.status = wire::get_status::lost_write;
    CHECK(r.reply(id, answer) == reply_verdict::deliver);
    CHECK(r.effects<refuse>().empty());
    CHECK(r.effects<reissue>().size() == 1);
  }
  SUBCASE("the leader gave up or could not decode") {
    r.lane.abandon(id, r.out);
    r.lane.abandon(id, r.out);
    CHECK(r.effects<reissue>().size() == 1);
    CHECK(r.counted().fills_abandoned == 1);
  }
  CHECK(r.lane.fills() == 0);
}

TEST_CASE("hostile: answers that nobody waits for are ignored and counted") {
  near_reader r;
  const auto id = r.lead(r.key);
  CHECK(r.reply(99, r.value(1, 1)) == reply_verdict::ignore);
  CHECK(r.lane.on_reply(r.now, r.stranger, id, r.value(1, 1), r.out) == reply_verdict::ignore);
  CHECK(r.reply(id, r.value(1, 1)) == reply_verdict::deliver_and_install);
  CHECK(r.reply(id, r.value(1, 1)) == reply_verdict::ignore);
  CHECK(r.counted().replies_unknown == 3);
}

TEST_CASE("ownership: a new term drops entries and fills and leaders begin again (E1)") {
  near_reader r;
  r.fill(r.key, 1);
  const auto id = r.lead(r.neighbour);
  const auto waiter = r.follow(r.neighbour);
  const auto other = r.lead(r.distant);
  CHECK(r.invalidate(1, {r.entry(r.neighbour, 2)}));
  r.out.clear();
  const epoch next{view_number{5}, 0};
  r.lane.on_ownership(r.now, r.key.partition, r.owner, next, r.out);
  CHECK_FALSE(r.kept.find(r.key.hash, r.key.text, r.now, any_age));
  REQUIRE(r.out.size() == 2);
  CHECK(std::get<retry>(r.out[0]).rid == id);
  CHECK(std::get<reissue>(r.out[1]).waiter == waiter);
  CHECK(r.lane.stream(r.key.partition).contiguous == stream_number{0});
  CHECK(r.gates->entries(r.key.partition) == 0);
  CHECK(r.reply(id, r.value(3, 3)) == reply_verdict::ignore);
  CHECK(r.reply(other, r.value(3, 3)) == reply_verdict::deliver_and_install);
}

TEST_CASE("ownership: a value that is decoded across a new term is returned and not kept (E1 F3)") {
  near_reader r;
  const auto id = r.lead(r.key);
  r.follow(r.key);
  CHECK(r.reply(id, r.value(1, 1)) == reply_verdict::deliver_and_install);
  r.lane.on_ownership(r.now, r.key.partition, r.owner, {view_number{5}, 0}, r.out);
  CHECK(r.effects<retry>().empty());
  CHECK(r.effects<reissue>().size() == 1);
  CHECK_FALSE(r.install(id, r.key, 1));
  CHECK_FALSE(r.hit(r.key));
}

// A value from before, whose owner says "not modified", is installed as any answer is.
TEST_CASE("fill: a validated value is installed under the conditions of its answer (F4)") {
  near_reader r;
  wire::get_reply same = r.value(3, 2);
  same.status = wire::get_status::not_modified;
  auto id = r.lead(r.key);
  CHECK_FALSE(r.hit(r.key));
  CHECK(r.reply(id, same) == reply_verdict::deliver_and_install);
  CHECK_FALSE(r.hit(r.key));
  CHECK(r.install(id, r.key, 2));
  CHECK(r.hit(r.key));
  CHECK(r.counted().installs_validated == 1);
}

TEST_CASE("fill: a validated value that a write outran is not installed (F2 F4)") {
  near_reader r;
  wire::get_reply same = r.value(3, 2);
  same.status = wire::get_status::not_modified;
  SUBCASE("before the answer") {
    const auto id = r.lead(r.key);
    CHECK(r.invalidate(1, {r.entry(r.key, 9)}));
    same.n_last = stream_number{1};
    CHECK(r.reply(id, same) == reply_verdict::deliver);
  }
  SUBCASE("while it is decoded") {
    const auto id = r.lead(r.key);
    CHECK(r.reply(id, same) == reply_verdict::deliver_and_install);
    CHECK(r.invalidate(1, {r.entry(r.key, 9)}));
    CHECK_FALSE(r.install(id, r.key, 2));
  }
  SUBCASE("by a flush while it is decoded (E1)") {
    const auto id = r.lead(r.key);
    CHECK(r.reply(id, same) == reply_verdict::deliver_and_install);
    CHECK(r.invalidate_all(5, 9));
    CHECK_FALSE(r.install(id, r.key, 2));
  }
  SUBCASE("and the owner gave no leave") {
    same.cacheable = false;
    CHECK(r.reply(r.lead(r.key), same) == reply_verdict::deliver);
  }
  CHECK_FALSE(r.hit(r.key));
  CHECK(r.counted().installs_validated == 0);
}

TEST_CASE("fill: nobody waits for a fill that may take its time") {
  near_reader r;
  near::fill_request slow = r.request(r.key, ++r.rid);
  slow.may_be_followed = false;
  REQUIRE(r.lane.begin(r.now, slow) == near::begin_result::lead);
  const auto user = r.lead(r.key);
  CHECK(r.reply(user, r.value(2, 2)) == reply_verdict::deliver_and_install);
  CHECK(r.install(user, r.key, 2));
  CHECK(r.hit(r.key));
}
