#include <kith/cluster/quorum_watch.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace kith;
using namespace std::chrono_literals;

namespace {

/// F of 4 s, looked at every second as heartbeats do.
struct watched {
  bool look(std::optional<time_point> known) { return watch.look(now, known); }
  /// Looks once a second for `length`; returns whether the answer ever changed.
  bool wait(duration length) {
    bool changed = false;
    for (const time_point end = now + length; now < end;) {
      now += 1s;
      changed = look(fresh) || changed;
    }
    return changed;
  }

  cluster::quorum_watch watch{4s, 2s};
  time_point now{1h};
  std::optional<time_point> fresh = now;
};

}  // namespace

TEST_CASE("quorum_watch: a member is cut off when nobody vouched for twice the fence") {
  watched member;
  CHECK_FALSE(member.wait(8s));
  CHECK_FALSE(member.watch.lost());
  CHECK(member.wait(1s));
  CHECK(member.watch.lost());
}

TEST_CASE("quorum_watch: one answer ends it at once") {
  watched member;
  member.wait(20s);
  REQUIRE(member.watch.lost());
  member.fresh = member.now;
  CHECK(member.look(member.fresh));
  CHECK_FALSE(member.watch.lost());
}

TEST_CASE("quorum_watch: who was stopped waits as long as who was awake") {
  watched member;
  member.look(member.fresh);
  member.now += 1h;
  CHECK_FALSE(member.look(member.fresh));
  CHECK_FALSE(member.wait(3s));
  CHECK(member.wait(1s));
}

TEST_CASE("quorum_watch: a stop in the middle of the wait begins it anew") {
  watched member;
  member.wait(7s);
  member.now += 3s;
  CHECK_FALSE(member.look(member.fresh));
  CHECK_FALSE(member.wait(3s));
  CHECK(member.wait(1s));
}

TEST_CASE("quorum_watch: a member without a view, or alone in it, is not cut off") {
  watched member;
  member.fresh.reset();
  CHECK_FALSE(member.wait(1h));
  member.fresh = never;
  CHECK_FALSE(member.wait(1h));
  CHECK_FALSE(member.watch.lost());
}
