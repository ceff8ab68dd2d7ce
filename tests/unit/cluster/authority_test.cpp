#include <kith/cluster/authority.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace kith;
using namespace kith::cluster;
using namespace std::chrono_literals;

namespace {

constexpr duration lease = 4s;
constexpr time_point t0{duration{1h}};

view view_of(std::uint64_t n, std::uint64_t without = 0) {
  std::vector<member_record> members;
  for (std::uint64_t i = 1; i <= n; ++i) {
    if (i != without)
      members.push_back({{i, i, 1}, {"host", static_cast<std::uint16_t>(i)}, 1, {}});
  }
  return make_first_view({view_number{1}, 0}, std::move(members));
}

authority authority_of(std::uint64_t n) {
  authority a{lease};
  a.on_install(nullptr, view_of(n));
  return a;
}

void echo(authority& a, std::uint16_t member, time_point sent) {
  a.note_sent(member, sent);
  REQUIRE(a.on_echo(member, sent));
}

}  // namespace

TEST_CASE("allegiance: a window restarts only with a new echo") {
  allegiance m{lease};
  m.on_install(t0, false);
  CHECK(m.window() == t0 + lease);
  m.note_coordinator_time(t0);
  CHECK(m.on_heartbeat(t0 + 1s, true) == t0);
  CHECK(m.window() == t0 + 1s + lease);
  CHECK(m.on_heartbeat(t0 + 2s, true) == t0);  // the coordinator has said nothing since
  CHECK(m.window() == t0 + 1s + lease);
}

TEST_CASE("allegiance: who promised another echoes nothing") {
  allegiance m{lease};
  m.on_install(t0, false);
  m.note_coordinator_time(t0);
  CHECK(m.on_heartbeat(t0 + 1s, false) == time_point{});
  CHECK(m.window() == t0 + lease);
}

TEST_CASE("allegiance: installing a view starts a window and ends none (V1)") {
  allegiance m{lease};
  m.on_install(t0, false);
  m.note_coordinator_time(t0);
  static_cast<void>(m.on_heartbeat(t0 + 3s, true));
  m.on_install(t0 + 3500ms, false);
  CHECK(m.window() == t0 + 3500ms + lease);
  CHECK(m.on_heartbeat(t0 + 4s, true) == time_point{});  // nothing of the new coordinator yet
}

TEST_CASE("allegiance: a fence counts from the own sending and is at most F") {
  allegiance m{lease};
  m.on_install(t0, false);
  static_cast<void>(m.on_heartbeat(t0 + 1s, true));
  CHECK(m.on_ack(t0 + 1s, t0, 1h));
  CHECK(m.fence() == t0 + 1s + lease);
}

TEST_CASE("allegiance: an echo of nothing that was sent is refused") {
  allegiance m{lease};
  m.on_install(t0, false);
  static_cast<void>(m.on_heartbeat(t0 + 1s, true));
  CHECK_FALSE(m.on_ack(t0 + 2s, t0, 1s));
  CHECK_FALSE(m.on_ack({}, t0, 1s));
  CHECK(m.fence() == time_point{});
}

TEST_CASE("allegiance: an answer in an older view is no freshness in this one") {
  allegiance m{lease};
  m.on_install(t0, false);
  static_cast<void>(m.on_heartbeat(t0 + 1s, true));
  m.on_install(t0 + 2s, true);
  CHECK_FALSE(m.on_ack(t0 + 1s, t0, 1s));
  CHECK(m.fresh() == time_point{});
}

TEST_CASE("authority: lasts as long as a quorum is bound") {
  authority a = authority_of(5);
  CHECK(a.until(t0, true) == time_point{});
  echo(a, 1, t0);
  CHECK(a.until(t0, true) == time_point{});
  echo(a, 2, t0 + 1s);
  CHECK(a.until(t0 + 1s, true) == t0 + shortened(lease));
  echo(a, 3, t0 + 2s);
  CHECK(a.until(t0 + 2s, true) == t0 + 1s + shortened(lease));
}

TEST_CASE("authority: the oldest of two holds it alone, until it promises another") {
  const authority a = authority_of(2);
  CHECK(a.until(t0, true) == t0 + shortened(lease));
  CHECK(a.until(t0, false) == time_point{});
}

TEST_CASE("authority: a fence ends before the authority, and none is granted after it") {
  authority a = authority_of(3);
  echo(a, 1, t0);
  const time_point later = t0 + 2s;
  const duration granted = a.grant(2, later, true);
  CHECK(lengthened(granted) <= a.until(later, true) - later + 1ns);
  CHECK(granted > 1s);
  CHECK(a.grant(2, t0 + lease, true) == duration{});
}

TEST_CASE("authority: an echo of nothing that was sent counts for nothing") {
  authority a = authority_of(3);
  CHECK_FALSE(a.on_echo(1, t0));
  CHECK(a.until(t0, true) == time_point{});
}

TEST_CASE("authority: the last grants to all that were removed are remembered (V3)") {
  authority a = authority_of(4);
  const view four = view_of(4);
  echo(a, 1, t0);
  echo(a, 2, t0);
  static_cast<void>(a.grant(3, t0, true));
  view three = view_of(4, 4);
  a.on_install(&four, three);
  CHECK(a.removed_until() == t0 + shortened(lease));
  view next = three;
  a.on_install(&three, next);  // another view before that one was stable
  CHECK(a.removed_until() == t0 + shortened(lease));
  a.on_stable();
  CHECK(a.removed_until() == time_point{});
}

TEST_CASE("authority: freshness of the coordinator needs a strict majority, the oldest or not") {
  authority two = authority_of(2);
  CHECK(two.fresh(t0 + 5s) == time_point{});
  echo(two, 1, t0);
  CHECK(two.fresh(t0 + 5s) == t0);
  authority four = authority_of(4);
  echo(four, 1, t0 + 1s);
  CHECK(four.fresh(t0 + 5s) == time_point{});
  echo(four, 3, t0);
  CHECK(four.fresh(t0 + 5s) == t0);
  CHECK(authority_of(1).fresh(t0) == t0);
}
