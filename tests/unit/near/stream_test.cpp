// Following an owner's invalidation streams: nothing missed, nothing tolerated. Rules R1, R2, E2
// and section 2.5 of docs/coherence.md.
#include <kith/near/listener.hpp>

#include <support/near_reader.hpp>

#include <doctest/doctest.h>

using namespace kith;
using namespace kith::near;
using namespace kith::test;

TEST_CASE("stream: an invalidation is applied and then acknowledged (R1)") {
  near_reader r;
  r.fill(r.key, 1);
  r.fill(r.neighbour, 1);
  r.out.clear();
  CHECK(r.invalidate(1, {r.entry(r.key, 2), r.entry(r.distant, 0), r.entry(r.key, 3)}) == false);
  CHECK(r.hit(r.key));
  CHECK(r.invalidate(1, {r.entry(r.key, 2), r.entry(r.key, 3)}));
  CHECK_FALSE(r.hit(r.key));
  CHECK(r.hit(r.neighbour));
  const auto acks = r.sent<wire::invalidate_ack>();
  REQUIRE(acks.size() == 1);
  CHECK(acks[0].up_to == stream_number{2});
  CHECK(acks[0].epoch == r.term);
  CHECK_FALSE(acks[0].no_interest);
  CHECK(r.lane.stream(r.key.partition).floor == sequence{3});
}

TEST_CASE("stream: an entry that is newer than the invalidation stays (F2)") {
  near_reader r;
  r.fill(r.key, 5);
  CHECK(r.invalidate(1, {r.entry(r.key, 5)}));
  CHECK(r.hit(r.key));
  CHECK(r.invalidate(2, {r.entry(r.key, 6)}));
  CHECK_FALSE(r.hit(r.key));
}

TEST_CASE("stream: a gap makes the partition suspect until the replay came (R2)") {
  near_reader r;
  r.fill(r.key, 1);
  r.fill(r.distant, 1);
  CHECK(r.invalidate(1, {r.entry(r.neighbour, 2)}));
  r.out.clear();
  CHECK(r.invalidate(4, {r.entry(r.neighbour, 5), r.entry(r.neighbour, 6)}));
  CHECK(r.suspects(r.key));
  CHECK_FALSE(r.hit(r.key));
  CHECK(r.hit(r.distant));
  CHECK(r.sent<wire::invalidate_ack>().empty());
  auto asked = r.sent<wire::replay_request>();
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].from == stream_number{2});
  CHECK(asked[0].to == stream_number{5});
  // What is missing turns out to be about the key; the rest of the replay is cut.
  CHECK(r.replay(2, {r.entry(r.key, 3), r.entry(r.neighbour, 4)}));
  CHECK(r.suspects(r.key));
  asked = r.sent<wire::replay_request>();
  REQUIRE(asked.size() == 2);
  CHECK(asked[1].from == stream_number{4});
  CHECK(r.replay(4, {r.entry(r.neighbour, 5), r.entry(r.neighbour, 6)}));
  CHECK_FALSE(r.suspects(r.key));
  CHECK_FALSE(r.hit(r.key));
  CHECK(r.counted().gaps == 1);
  CHECK(r.counted().replays_applied == 2);
}

TEST_CASE("stream: an entry that no invalidation named comes back after the repair") {
  near_reader r;
  r.fill(r.key, 1);
  CHECK(r.invalidate(2, {r.entry(r.neighbour, 3)}));
  CHECK_FALSE(r.hit(r.key));
  CHECK(r.replay(1, {r.entry(r.neighbour, 2), r.entry(r.neighbour, 3)}));
  CHECK(r.hit(r.key));
}

TEST_CASE("stream: a gap is asked for once until the next digest shows it (R2 2.5.2)") {
  near_reader r;
  r.fill(r.key, 1);
  CHECK(r.invalidate(3, {r.entry(r.key, 3)}));
  CHECK(r.invalidate(4, {r.entry(r.key, 4)}));
  CHECK(r.sent<wire::replay_request>().size() == 1);
  CHECK(r.behind(4));
  const auto asked = r.sent<wire::replay_request>();
  REQUIRE(asked.size() == 2);
  CHECK(asked[1].from == stream_number{1});
  CHECK(asked[1].to == stream_number{4});
  CHECK(r.behind(4));
  CHECK(r.sent<wire::replay_request>().size() == 3);
}

TEST_CASE("stream: a gap that the owner does not know of is asked for at each digest too") {
  near_reader r;
  const auto id = r.lead(r.key);
  CHECK(r.reply(id, r.value(9, 9, 3)) == reply_verdict::deliver);
  CHECK(r.sent<wire::replay_request>().size() == 1);
  // The owner began the stream behind number 3, believing that the reader had come so far.
  CHECK(r.lane.on_digest(r.now, r.owner, r.sid, {false, {}, false, {}}, r.out));
  CHECK(r.sent<wire::replay_request>().size() == 2);
  CHECK(r.too_old(3, 9));
  CHECK_FALSE(r.suspects(r.key));
}

TEST_CASE("stream: a digest that shows more than came is a gap (2.5.2)") {
  near_reader r;
  r.fill(r.key, 1);
  CHECK(r.behind(2));
  CHECK(r.suspects(r.key));
  CHECK(r.replay(1, {r.entry(r.key, 2), r.entry(r.key, 3)}));
  CHECK_FALSE(r.suspects(r.key));
  CHECK_FALSE(r.hit(r.key));
}

TEST_CASE("stream: a digest that shows what was applied is acknowledged again") {
  near_reader r;
  CHECK(r.invalidate(1, {r.entry(r.key, 1)}));
  r.out.clear();
  CHECK(r.behind(1));
  CHECK_FALSE(r.suspects(r.key));
  REQUIRE(r.sent<wire::invalidate_ack>().size() == 1);
  CHECK(r.sent<wire::invalidate_ack>()[0].up_to == stream_number{1});
}

TEST_CASE("stream: a replay behind another hole waits for the next digest") {
  near_reader r;
  CHECK(r.invalidate(9, {r.entry(r.key, 9)}));
  r.out.clear();
  CHECK(r.replay(5, {r.entry(r.key, 5)}));
  CHECK(r.out.empty());
  CHECK(r.lane.stream(r.key.partition).contiguous == stream_number{0});
  CHECK(r.suspects(r.key));
}

TEST_CASE("stream: duplicates are acknowledged again and ignored (R2)") {
  near_reader r;
  CHECK(r.invalidate(1, {r.entry(r.neighbour, 1), r.entry(r.neighbour, 2)}));
  r.fill(r.key, 3, 2);
  r.out.clear();
  CHECK(r.invalidate(1, {r.entry(r.key, 9), r.entry(r.key, 9)}));
  CHECK(r.hit(r.key));
  REQUIRE(r.sent<wire::invalidate_ack>().size() == 1);
  CHECK(r.sent<wire::invalidate_ack>()[0].up_to == stream_number{2});
  CHECK(r.counted().duplicates == 1);
  // Where a batch overlaps only its new end counts.
  CHECK(r.invalidate(2, {r.entry(r.key, 9), r.entry(r.neighbour, 4)}));
  CHECK(r.hit(r.key));
  CHECK(r.lane.stream(r.key.partition).contiguous == stream_number{3});
}

TEST_CASE("stream: drop-everything is taken at any number and replaces what is before it (R2)") {
  near_reader r;
  r.fill(r.key, 1);
  r.fill(r.distant, 1);
  const auto id = r.lead(r.neighbour);
  r.out.clear();
  CHECK(r.invalidate_all(40, 99));
  CHECK_FALSE(r.hit(r.key));
  CHECK(r.hit(r.distant));
  CHECK_FALSE(r.suspects(r.key));
  CHECK(r.lane.stream(r.key.partition).contiguous == stream_number{40});
  CHECK(r.lane.stream(r.key.partition).floor == sequence{99});
  CHECK(r.sent<wire::invalidate_ack>().back().up_to == stream_number{40});
  CHECK(r.reply(id, r.value(99, 99, 40)) == reply_verdict::deliver);
  CHECK(r.counted().refused_generation == 1);
  CHECK(r.invalidate(41, {r.entry(r.key, 100)}));
  CHECK(r.invalidate_all(41, 100));
  CHECK(r.counted().invalidate_all_applied == 1);
  CHECK(r.counted().duplicates == 1);
}

TEST_CASE("stream: drop-everything beyond a gap ends the suspicion (R2)") {
  near_reader r;
  CHECK(r.invalidate(3, {r.entry(r.key, 3)}));
  CHECK(r.suspects(r.key));
  CHECK(r.invalidate_all(2, 2));
  CHECK(r.suspects(r.key));
  CHECK(r.invalidate_all(5, 5));
  CHECK_FALSE(r.suspects(r.key));
}

TEST_CASE("stream: what the owner cannot replay any more is dropped altogether (R2)") {
  near_reader r;
  r.fill(r.key, 1);
  const auto id = r.lead(r.neighbour);
  CHECK(r.invalidate(9, {r.entry(r.neighbour, 9)}));
  CHECK(r.too_old(12, 20));
  CHECK_FALSE(r.suspects(r.key));
  CHECK_FALSE(r.kept.find(r.key.hash, r.key.text, r.now, any_age));
  CHECK(r.lane.stream(r.key.partition).contiguous == stream_number{12});
  CHECK(r.lane.stream(r.key.partition).floor == sequence{20});
  CHECK(r.reply(id, r.value(20, 20, 12)) == reply_verdict::deliver);
  CHECK(r.too_old(12, 20));
  CHECK(r.counted().too_old == 1);
}

TEST_CASE("stream: clearing one cache drops its entries and poisons its fills only") {
  near_reader r;
  near_cache<std::string, std::string> other{{.bytes_max = 1 << 16, .salt = 3}, *r.gates};
  r.lane.attach(cache_id{8}, other, 3s);
  r.fill(r.key, 1);
  const auto made =
      other.draft({.hash = r.key.hash, .version = r.at(1), .charge = 300}, r.key.text, "kept");
  CHECK(other.install(r.now, made) == install_result::installed);
  CHECK(r.gates->entries(r.key.partition) == 2);
  const auto id = r.lead(r.neighbour);
  wire::invalidation all{sequence{5}, r.cache, wire::scope::cache, 0};
  CHECK(r.invalidate(1, {all}));
  CHECK_FALSE(r.kept.find(r.key.hash, r.key.text, r.now, any_age));
  CHECK(other.find(r.key.hash, r.key.text, r.now, 3s));
  CHECK(r.gates->entries(r.key.partition) == 1);
  CHECK(r.reply(id, r.value(4, 4, 1)) == reply_verdict::deliver);
  r.fill(r.neighbour, 6, 1);
  CHECK(r.hit(r.neighbour));
  CHECK(r.counted().clears_applied == 1);
  r.lane.detach(cache_id{8});
}

TEST_CASE("stream: an answer that shows more than came is a gap and makes nothing fresh") {
  near_reader r;
  const auto id = r.lead(r.key);
  CHECK(r.reply(id, r.value(9, 9, 3)) == reply_verdict::deliver);
  CHECK(r.suspects(r.key));
  CHECK(r.sent<wire::replay_request>().size() == 1);
  CHECK(r.gates->permit_for(r.key.partition).fresh == never_heard);
}

TEST_CASE("stream: numbers that went back drop everything rather than look like duplicates") {
  near_reader r;
  CHECK(r.invalidate(1, {r.entry(r.neighbour, 1), r.entry(r.neighbour, 2)}));
  r.fill(r.key, 3, 2);
  const auto id = r.lead(r.neighbour);
  CHECK(r.reply(id, r.value(4, 4, 0)) == reply_verdict::deliver);
  CHECK_FALSE(r.hit(r.key));
  CHECK(r.counted().numbers_went_back == 1);
  r.fill(r.key, 5, 0);
  CHECK(r.invalidate(1, {r.entry(r.key, 6)}));
  CHECK_FALSE(r.hit(r.key));
}

TEST_CASE("outdated: frames of another session or an older term change nothing (E2)") {
  near_reader r;
  r.fill(r.key, 1);
  r.out.clear();
  const wire::invalidate current{r.term, stream_number{1}, {r.entry(r.key, 2)}};
  const auto hear = [&](const member_id& from, std::uint32_t sid, const epoch& term) {
    wire::invalidate message = current;
    message.epoch = term;
    return r.lane.on_invalidate(r.now, from, sid, r.key.partition, message, r.out);
  };
  CHECK(hear(r.owner, 4, r.term));
  CHECK(hear(r.owner, 0, r.term));
  CHECK(hear(r.stranger, 0, r.term));
  CHECK(hear(r.owner, r.sid, {view_number{3}, 9}));
  CHECK(r.out.empty());
  CHECK(r.hit(r.key));
  CHECK(r.counted().outdated_messages == 4);
}

TEST_CASE("outdated: a higher term pulls the view and is never acknowledged (E2)") {
  near_reader r;
  r.fill(r.key, 1);
  r.out.clear();
  const wire::invalidate message{{view_number{5}, 0}, stream_number{1}, {r.entry(r.key, 2)}};
  for (int i = 0; i < 50; ++i) {
    CHECK(r.lane.on_invalidate(r.now, r.owner, r.sid, r.key.partition, message, r.out));
  }
  CHECK(r.effects<pull_view>().size() == 1);
  CHECK(r.sent<wire::invalidate_ack>().empty());
  CHECK(r.hit(r.key));
  CHECK(r.counted().higher_epochs_seen == 50);
  r.now += 1s;
  CHECK(r.lane.on_invalidate(r.now, r.owner, r.sid, r.key.partition, message, r.out));
  CHECK(r.effects<pull_view>().size() == 2);
}

TEST_CASE("hostile: a stream message of the present term from a member that is not the owner") {
  near_reader r;
  r.fill(r.key, 1);
  r.lane.on_session(r.now, r.stranger, 6, r.out);
  r.out.clear();
  const partition_id p = r.key.partition;
  const auto bad = [&](auto&& handle) { CHECK_FALSE(handle()); };
  bad([&] {
    return r.lane.on_invalidate(r.now, r.stranger, 6, p,
                                {r.term, stream_number{1}, {r.entry(r.key, 2)}}, r.out);
  });
  bad([&] {
    return r.lane.on_invalidate_all(r.now, r.stranger, 6, p,
                                    {r.term, stream_number{1}, sequence{2}}, r.out);
  });
  bad([&] {
    return r.lane.on_replay(r.now, r.stranger, 6, p,
                            {r.term, true, stream_number{9}, sequence{2}, {}}, r.out);
  });
  bad([&] {
    return r.lane.on_subscribed(r.now, r.stranger, 6, p,
                                {r.term, true, stream_number{9}, sequence{2}}, r.out);
  });
  CHECK(r.out.empty());
  CHECK(r.hit(r.key));
  CHECK(r.counted().violations == 4);
  // A digest may be outdated by a view change; it is ignored as far as others' partitions go.
  CHECK(r.lane.on_digest(r.now, r.stranger, 6, {false, {}, false, {{p, r.term, stream_number{5}}}},
                         r.out));
  CHECK_FALSE(r.suspects(r.key));
}

TEST_CASE("hostile: numbers near the end of their range close the connection without effect") {
  near_reader r;
  r.fill(r.key, 1);
  r.out.clear();
  CHECK_FALSE(r.invalidate(UINT64_MAX, {r.entry(r.key, 2), r.entry(r.key, 3)}));
  CHECK_FALSE(r.invalidate(number_max, {r.entry(r.key, 2)}));
  CHECK_FALSE(r.invalidate(0, {r.entry(r.key, 2)}));
  CHECK_FALSE(r.invalidate(1, {r.entry(r.key, 2), r.entry(r.key, number_max + 1)}));
  CHECK_FALSE(r.invalidate_all(UINT64_MAX, 2));
  CHECK_FALSE(r.invalidate_all(1, UINT64_MAX));
  CHECK_FALSE(r.too_old(UINT64_MAX, 2));
  CHECK_FALSE(r.replay(UINT64_MAX, {r.entry(r.key, 2)}));
  CHECK_FALSE(r.behind(UINT64_MAX));
  CHECK(r.out.empty());
  CHECK(r.hit(r.key));
  CHECK(r.counted().violations == 9);
}

TEST_CASE("hostile: an invalidation of a key of another partition closes the connection") {
  near_reader r;
  r.fill(r.distant, 1);
  CHECK_FALSE(r.invalidate(1, {r.entry(r.distant, 2)}));
  CHECK(r.hit(r.distant));
}

TEST_CASE("hostile: a digest about another lane closes the connection") {
  near_reader r;
  const near_key foreign = key_like(r.key, [](auto a, auto b) { return a % 16 != b % 16; });
  CHECK_FALSE(r.lane.on_digest(r.now, r.owner, r.sid,
                               {false, {}, false, {{foreign.partition, r.term, stream_number{1}}}},
                               r.out));
}

TEST_CASE("hostile: empty batches are harmless") {
  near_reader r;
  CHECK(r.invalidate(1, {}));
  CHECK(r.invalidate(50, {}));
  CHECK(r.replay(50, {}));
  CHECK_FALSE(r.suspects(r.key));
}
