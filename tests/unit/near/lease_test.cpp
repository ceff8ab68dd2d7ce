// Near entries of strong caches: read under a lease and the member's fence. Rule S1 of
// docs/coherence.md.
#include <kith/near/coherence.hpp>

#include <support/near_reader.hpp>

#include <doctest/doctest.h>

using namespace kith;
using namespace kith::near;
using namespace kith::test;

namespace {

constexpr duration lease = 3s;

struct leased_reader : near_reader {
  leased_reader() {
    lane.detach(cache);
    lane.attach_strong(cache, kept, lease);
    hold_fence(60s);
  }
  void hold_fence(duration length) { gates->set_standing(now, now + length); }
  bool served(const near_key& k) const {
    return static_cast<bool>(kept.find_leased(k.hash, k.text, [&] { return now; }, lease));
  }
  bool digest(time_point echo, bool leases) {
    return lane.on_digest(now, owner, sid, {true, echo, leases, {}}, out);
  }
  time_point beat() {
    lane.on_timeout(now, out);
    return now;
  }
};

}  // namespace

TEST_CASE("lease: it is counted from when the get left") {
  leased_reader r;
  const time_point sent = r.now;
  const auto id = r.lead(r.key);
  r.now += 2s;
  CHECK(r.reply(id, r.value(1, 1)) == reply_verdict::deliver_and_install);
  CHECK(r.install(id, r.key, 1));
  r.now = sent + lease - 1ns;
  CHECK(r.served(r.key));
  r.now = sent + lease;
  CHECK_FALSE(r.served(r.key));
  CHECK(r.kept.lookups().not_fresh == 1);
}

TEST_CASE("lease: beyond the fence nothing is served") {
  leased_reader r;
  r.fill(r.key, 1);
  CHECK(r.served(r.key));
  r.hold_fence(1s);
  r.now += 1s;
  CHECK_FALSE(r.served(r.key));
}

TEST_CASE("lease: a digest renews it only if it says so") {
  leased_reader r;
  r.fill(r.key, 1);
  r.now += 1s;
  const time_point sent = r.beat();
  CHECK(r.digest(sent, false));
  r.now += 2s;
  CHECK_FALSE(r.served(r.key));
  CHECK(r.digest(sent, true));
  CHECK(r.served(r.key));
  CHECK(r.lane.counters().leases == 1);
}

TEST_CASE("lease: an answer of an eventual cache brings none") {
  leased_reader r;
  r.lane.detach(near_reader::cache);
  r.lane.attach(near_reader::cache, r.kept, 3s);
  r.fill(r.key, 1);
  CHECK(r.hit(r.key));
  CHECK_FALSE(r.served(r.key));
}

TEST_CASE("lease: the clock is read after the entry") {
  leased_reader r;
  r.fill(r.key, 1);
  bool looked = false;
  // While the clock is read the lease ends, and the entry goes with the lane's lock held.
  const auto found = r.kept.find_leased(
      r.key.hash, r.key.text,
      [&] {
        looked = true;
        return r.now + lease;
      },
      lease);
  CHECK(looked);
  CHECK_FALSE(found);
}

TEST_CASE("lease: a follower takes what came only under the lease of its leader's get (F5)") {
  leased_reader r;
  const auto leader = r.lead(r.key);
  r.now += 2s;
  r.hold_fence(60s);
  r.follow(r.key);
  r.now += 1s;
  CHECK(r.reply(leader, r.value(1, 1)) == reply_verdict::deliver);
  CHECK(r.effects<reissue>().size() == 1);
  CHECK(r.lane.counters().refused_lapsed == 1);
}

TEST_CASE("lease: who is about to leave keeps nothing and tells its owners") {
  leased_reader r;
  r.fill(r.key, 1);
  const auto asked = r.lead(r.neighbour);
  r.lane.retire(r.now, r.out);
  CHECK_FALSE(r.served(r.key));
  CHECK(r.effects<retry>().size() == 1);
  const auto told = r.sent<wire::subscribe>();
  REQUIRE(told.size() == 1);
  CHECK(told[0].positions.empty());
  CHECK(r.reply(asked, r.value(1, 1)) == reply_verdict::ignore);
  CHECK(r.begin(r.key, 900) == begin_result::bypass);
}

TEST_CASE("lease: what this member owns is served as long as its fence lasts") {
  leased_reader r;
  r.lane.on_ownership(r.now, r.key.partition, near_reader::self, r.term, r.out);
  const auto id = r.lead(r.key);
  CHECK(r.lane.on_reply(r.now, near_reader::self, id, r.value(1, 1), r.out) ==
        reply_verdict::deliver_and_install);
  CHECK(r.install(id, r.key, 1));
  r.now += 50s;
  CHECK(r.served(r.key));
  r.now += 10s;
  CHECK_FALSE(r.served(r.key));
}
