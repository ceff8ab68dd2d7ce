// How long what is kept may be served, and what a lost and a new connection do to it: section 2.5
// and rule R2 of docs/coherence.md.
#include <kith/near/freshness.hpp>

#include <support/near_reader.hpp>

#include <doctest/doctest.h>

using namespace kith;
using namespace kith::near;
using namespace kith::test;

TEST_CASE("freshness: an answer renews it from the time its get left and not from its arrival") {
  near_reader r;
  const time_point sent = r.now;
  const auto id = r.lead(r.key);
  r.now += 2s;
  r.hear_coordinator();
  CHECK(r.reply(id, r.value(1, 1)) == reply_verdict::deliver_and_install);
  CHECK(r.install(id, r.key, 1));
  CHECK(r.gates->permit_for(r.key.partition).fresh == sent);
  r.now = sent + 3s;
  CHECK(r.hit(r.key));
  r.now = sent + 3s + 1ns;
  CHECK_FALSE(r.hit(r.key));
}

TEST_CASE("freshness: an echo renews it from the time its beat left (2.5.2)") {
  near_reader r;
  r.fill(r.key, 1);
  r.now = r.lane.next_timeout();
  r.lane.on_timeout(r.now, r.out);
  const auto beats = r.sent<wire::beat>();
  REQUIRE(beats.size() == 1);
  CHECK(beats[0].sent_at == r.now);
  CHECK(r.effects<wire::send>().back().message.sid == r.sid);
  const time_point sent = r.now;
  r.now += 10s;
  r.hear_coordinator();
  CHECK(r.echo(sent));
  // Ten seconds in a buffer do not make it fresh.
  CHECK_FALSE(r.hit(r.key));
  r.now = sent + 3s;
  CHECK(r.hit(r.key));
}

TEST_CASE("freshness: the coordinator must have been heard of as well (2.5.2)") {
  near_reader r;
  r.fill(r.key, 1);
  for (int i = 0; i < 4; ++i) {
    r.now += 1s;
    r.lane.on_timeout(r.now, r.out);
    CHECK(r.echo(r.now));
  }
  CHECK_FALSE(r.hit(r.key));
  CHECK(r.kept.lookups().not_fresh == 1);
  r.hear_coordinator();
  CHECK(r.hit(r.key));
}

TEST_CASE("freshness: a caller may ask for less age and a cache may serve at any") {
  near_reader r;
  r.fill(r.key, 1);
  r.now += 2s;
  CHECK_FALSE(r.kept.find(r.key.hash, r.key.text, r.now, 1s));
  CHECK(r.kept.find(r.key.hash, r.key.text, r.now, 2s));
  r.now += 100s;
  CHECK_FALSE(r.hit(r.key));
  CHECK(r.kept.find(r.key.hash, r.key.text, r.now, any_age));
}

TEST_CASE("freshness: an older echo takes nothing back") {
  near_reader r;
  r.fill(r.key, 1);
  const time_point first = r.now;
  r.now += 1s;
  r.lane.on_timeout(r.now, r.out);
  CHECK(r.echo(r.now));
  CHECK(r.echo(first - 1s));
  CHECK(r.gates->permit_for(r.key.partition).fresh == first);
  CHECK(r.gates->partitions[index_of(r.key.partition)].fresh == r.now.time_since_epoch().count());
}

TEST_CASE("hostile: an echo of a time that was never sent closes the connection") {
  near_reader r;
  r.fill(r.key, 1);
  CHECK_FALSE(r.echo(r.now));
  r.now += 1s;
  r.lane.on_timeout(r.now, r.out);
  CHECK_FALSE(r.echo(r.now + 1ns));
  CHECK_FALSE(r.echo(never));
  CHECK(r.echo(r.now));
}

TEST_CASE("freshness: an echo that comes with a gap leaves the partition suspect") {
  near_reader r;
  r.fill(r.key, 1);
  r.now += 1s;
  r.hear_coordinator();
  r.lane.on_timeout(r.now, r.out);
  CHECK(r.echo(r.now, {{r.key.partition, r.term, stream_number{1}}}));
  CHECK_FALSE(r.hit(r.key));
  CHECK(r.kept.lookups().suspect == 1);
  CHECK(r.replay(1, {r.entry(r.neighbour, 2)}));
  CHECK(r.hit(r.key));
}

TEST_CASE("beats: one an owner and lane while something is kept and none when nothing is") {
  near_reader r;
  CHECK(r.lane.next_timeout() == never);
  r.fill(r.key, 1);
  r.fill(r.distant, 1);
  r.out.clear();
  for (int i = 0; i < 3; ++i) {
    r.now = r.lane.next_timeout();
    r.lane.on_timeout(r.now, r.out);
  }
  CHECK(r.sent<wire::beat>().size() == 3);
  CHECK(r.effects<wire::send>().size() == 3);
}

TEST_CASE("beats: come at a third of the smallest bound where that is shorter") {
  near_reader r;
  near_cache<int, int> strict{{}, *r.gates};
  r.lane.attach(cache_id{8}, strict, 600ms);
  r.fill(r.key, 1);
  CHECK(r.lane.next_timeout() == r.now + 200ms);
  r.lane.detach(cache_id{8});
}

TEST_CASE("interest: it ends when nothing is kept and with a fill under way it does not (2.5.2)") {
  near_reader r;
  r.fill(r.key, 1);
  CHECK(r.invalidate(1, {r.entry(r.key, 2)}));
  const auto id = r.lead(r.key);
  const auto beat = [&] {
    r.now = r.lane.next_timeout();
    r.hear_coordinator();
    r.lane.on_timeout(r.now, r.out);
  };
  for (int i = 0; i < 5; ++i) beat();
  CHECK(r.counted().no_interest_sent == 0);
  r.lane.abandon(id, r.out);
  r.out.clear();
  beat();
  CHECK(r.counted().no_interest_sent == 0);
  beat();
  const auto acks = r.sent<wire::invalidate_ack>();
  REQUIRE(acks.size() == 1);
  CHECK(acks[0].no_interest);
  CHECK(acks[0].up_to == stream_number{1});
  beat();
  CHECK(r.lane.next_timeout() == never);
  // Listening again goes on where the numbers were.
  r.fill(r.key, 3, 1);
  CHECK(r.invalidate(2, {r.entry(r.key, 4)}));
  CHECK_FALSE(r.hit(r.key));
}

TEST_CASE("interest: of a stream that the owner never began none is told to end") {
  near_reader r;
  const auto id = r.lead(r.key);
  wire::get_reply busy = r.value(1, 1);
  busy.status = wire::get_status::overloaded;
  busy.cacheable = false;
  CHECK(r.reply(id, busy) == reply_verdict::deliver);
  for (int i = 0; i < 4 && r.lane.next_timeout() != never; ++i) {
    r.now = r.lane.next_timeout();
    r.lane.on_timeout(r.now, r.out);
  }
  CHECK(r.lane.next_timeout() == never);
  CHECK(r.counted().no_interest_sent == 0);
}

TEST_CASE("interest: a stream that this member did not ask for is ended too") {
  near_reader r;
  r.fill(r.key, 1);
  CHECK(r.invalidate(1, {r.entry(r.key, 2)}));
  // Nothing is kept, so the new session subscribes to nothing; a get of the old one did.
  r.reconnect(6);
  r.out.clear();
  CHECK(r.lane.on_invalidate(r.now, r.owner, 6, r.key.partition,
                             {r.term, stream_number{2}, {r.entry(r.key, 3)}}, r.out));
  for (int i = 0; i < 5 && r.lane.next_timeout() != never; ++i) {
    r.now = r.lane.next_timeout();
    r.hear_coordinator();
    r.lane.on_timeout(r.now, r.out);
  }
  CHECK(r.counted().no_interest_sent == 1);
  CHECK(r.lane.next_timeout() == never);
}

TEST_CASE("session: a lost connection makes its partitions suspect and its gets go again") {
  near_reader r;
  r.fill(r.key, 1);
  const auto id = r.lead(r.neighbour);
  const auto waiter = r.follow(r.neighbour);
  r.out.clear();
  r.lane.on_session(r.now, r.owner, 0, r.out);
  CHECK(r.suspects(r.key));
  CHECK_FALSE(r.hit(r.key));
  REQUIRE(r.out.size() == 2);
  CHECK(std::get<retry>(r.out[0]).rid == id);
  CHECK(std::get<reissue>(r.out[1]).waiter == waiter);
  CHECK(r.reply(id, r.value(1, 1)) == reply_verdict::ignore);
}

TEST_CASE("session: a new one begins with the subscription and gets go again behind it (R2)") {
  near_reader r;
  r.fill(r.key, 1);
  CHECK(r.invalidate(1, {r.entry(r.neighbour, 2)}));
  r.fill(r.distant, 1);
  r.lane.on_session(r.now, r.owner, 0, r.out);
  const auto early = r.lead(r.neighbour);
  r.out.clear();
  r.lane.on_session(r.now, r.owner, 6, r.out);
  REQUIRE(r.out.size() == 2);
  const auto& first = std::get<wire::send>(r.out[0]);
  CHECK(first.message.code == wire::opcode::subscribe);
  CHECK(first.message.sid == 6);
  CHECK(index_of(first.message.partition) == index_of(r.key.partition) % 16);
  CHECK(std::get<retry>(r.out[1]).rid == early);
  const auto subscribes = r.sent<wire::subscribe>();
  REQUIRE(subscribes.size() == 1);
  REQUIRE(subscribes[0].positions.size() == 2);
  for (const auto& at : subscribes[0].positions) {
    CHECK(at.epoch == r.term);
    CHECK(at.n == stream_number{at.partition == r.key.partition ? 1u : 0u});
  }
}

TEST_CASE("session: what was resumed is suspect until the replay came (R2)") {
  near_reader r;
  r.fill(r.key, 1);
  r.reconnect(6);
  CHECK(r.suspects(r.key));
  CHECK(r.subscribed(6, false, 2));
  CHECK(r.suspects(r.key));
  CHECK(r.sent<wire::replay_request>().empty());
  CHECK(r.lane.on_replay(r.now, r.owner, 6, r.key.partition,
                         {r.term, false, stream_number{1}, {}, {r.entry(r.neighbour, 2)}}, r.out));
  CHECK(r.suspects(r.key));
  CHECK(r.lane.on_replay(r.now, r.owner, 6, r.key.partition,
                         {r.term, false, stream_number{2}, {}, {r.entry(r.neighbour, 3)}}, r.out));
  CHECK_FALSE(r.suspects(r.key));
  CHECK(r.hit(r.key));
  CHECK(r.counted().resumes == 1);
}

TEST_CASE("session: resumed with nothing lost it is whole at once") {
  near_reader r;
  r.fill(r.key, 1);
  r.reconnect(6);
  CHECK(r.subscribed(6, false, 0));
  CHECK(r.hit(r.key));
}

TEST_CASE("session: a stream that starts anew drops everything and takes the owner's number (R2)") {
  near_reader r;
  r.fill(r.key, 1);
  CHECK(r.invalidate(1, {r.entry(r.neighbour, 2), r.entry(r.neighbour, 3)}));
  r.reconnect(6);
  std::uint64_t n = 9;
  SUBCASE("because the owner says so") { CHECK(r.subscribed(6, true, n, 20)); }
  SUBCASE("because its numbers went back") { CHECK(r.subscribed(6, false, n = 1, 20)); }
  CHECK(r.lane.stream(r.key.partition).contiguous == stream_number{n});
  CHECK_FALSE(r.suspects(r.key));
  CHECK_FALSE(r.kept.find(r.key.hash, r.key.text, r.now, any_age));
  CHECK(r.lane.stream(r.key.partition).floor == sequence{20});
  CHECK(r.counted().resets + r.counted().numbers_went_back == 1);
}

TEST_CASE("session: a subscription of the past is answered to nobody") {
  near_reader r;
  r.fill(r.key, 1);
  CHECK(r.subscribed(r.sid, true, 9, 20));
  CHECK(r.hit(r.key));
  r.reconnect(6);
  CHECK(r.subscribed(r.sid, false, 0));
  CHECK(r.suspects(r.key));
}

TEST_CASE("session: frames of the new one are heard and those of the old one are not (E2)") {
  near_reader r;
  r.fill(r.key, 1);
  r.reconnect(6);
  CHECK(r.subscribed(6, false, 0));
  CHECK(r.invalidate(1, {r.entry(r.key, 2)}));
  CHECK(r.hit(r.key));
  CHECK(r.lane.on_invalidate(r.now, r.owner, 6, r.key.partition,
                             {r.term, stream_number{1}, {r.entry(r.key, 2)}}, r.out));
  CHECK_FALSE(r.hit(r.key));
}

TEST_CASE("session: an echo of the old one counts no more in the new one") {
  near_reader r;
  r.fill(r.key, 1);
  r.now += 1s;
  r.lane.on_timeout(r.now, r.out);
  const time_point sent = r.now;
  CHECK(r.echo(sent));
  r.reconnect(6);
  CHECK_FALSE(r.lane.on_digest(r.now, r.owner, 6, {true, sent, false, {}}, r.out));
}

TEST_CASE("session: partitions of which nothing is kept are left out and trusted") {
  near_reader r;
  r.fill(r.key, 1);
  CHECK(r.invalidate(1, {r.entry(r.key, 2)}));
  r.reconnect(6);
  const auto subscribes = r.sent<wire::subscribe>();
  REQUIRE(subscribes.size() == 1);
  CHECK(subscribes[0].positions.empty());
  CHECK_FALSE(r.suspects(r.key));
  // Something was lost in between: the next answer's number shows it.
  const auto id = r.lead(r.key);
  CHECK(r.reply(id, r.value(4, 4, 3)) == reply_verdict::deliver);
  CHECK(r.suspects(r.key));
}

TEST_CASE("session: a subscription without an answer is given up after a while") {
  near_reader r;
  r.fill(r.key, 1);
  r.reconnect(6);
  for (int i = 0; i < 5; ++i) {
    r.now = r.lane.next_timeout();
    r.lane.on_timeout(r.now, r.out);
  }
  CHECK_FALSE(r.suspects(r.key));
  CHECK(r.gates->entries(r.key.partition) == 0);
  CHECK(r.counted().subscriptions_given_up == 1);
}

TEST_CASE("session: a new number without a loss in between ends the old one too") {
  near_reader r;
  r.fill(r.key, 1);
  const auto id = r.lead(r.neighbour);
  r.out.clear();
  r.lane.on_session(r.now, r.owner, 6, r.out);
  CHECK(r.suspects(r.key));
  CHECK(r.effects<retry>().size() == 1);
  CHECK(r.effects<retry>()[0].rid == id);
  CHECK(r.counted().suspicions_by_disconnect > 0);
}

TEST_CASE("view: what a member that is gone had told is suspect") {
  near_reader r;
  r.fill(r.key, 1);
  const std::vector<member_id> left{r.self};
  r.lane.on_view(left, r.out);
  CHECK(r.suspects(r.key));
}

TEST_CASE("view: a session that is older than the view with its member serves in it") {
  near_reader r;
  const std::vector<member_id> alone{r.self};
  r.lane.on_view(alone, r.out);
  std::vector<member_id> both{r.self, r.owner};
  std::ranges::sort(both);
  r.lane.on_view(both, r.out);
  const epoch next{view_number{r.term.view.value() + 1}, r.term.branch};
  r.lane.on_ownership(r.now, r.key.partition, r.owner, next, r.out);
  CHECK_FALSE(r.suspects(r.key));
}

TEST_CASE("life: a new one of the lane's machine serves nothing that the former one watched") {
  near_reader r;
  r.fill(r.key, 1);
  const coherence next{r.self, *r.gates, near_reader::options_for(r.key)};
  CHECK_FALSE(r.hit(r.key));
  CHECK_FALSE(r.kept.find(r.key.hash, r.key.text, r.now, any_age));
  CHECK(r.suspects(r.key));
}

TEST_CASE("memory: entries that died together are reclaimed by the lane's own timeouts") {
  near_reader r;
  for (std::uint64_t i = 0; i < 8; ++i) r.fill(r.key, i + 1);
  r.fill(r.neighbour, 9);
  CHECK(r.kept.size() == 2);
  CHECK(r.invalidate_all(1, 9));
  CHECK(r.gates->entries(r.key.partition) == 0);
  CHECK(r.kept.size() == 2);
  CHECK(r.lane.next_timeout() == r.now + 100ms);
  r.now += 100ms;
  r.lane.on_timeout(r.now, r.out);
  CHECK(r.kept.size() == 0);
  CHECK(r.kept.bytes() == 0);
}
