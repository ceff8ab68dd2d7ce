#include "owner_fixture.hpp"

#include <cstdlib>
#include <set>
#include <span>

using namespace kith;
using namespace kith::replica;
using wire::get_status;
using wire::mutation;

// What a loader may say of one result.

TEST_CASE("lifetime: what is not to be kept is answered and not stored") {
  owner_with o{{}};
  o.load(anna);
  o.load(bert);
  o.finish(o.begun(), "row", 0s);
  for (const member_id& who : {anna, bert}) {
    CHECK(as_text(o.one<wire::get_reply>(who).value) == "row");
    CHECK_FALSE(o.one<wire::get_reply>(who).cacheable);
  }
  CHECK(o.counted().loads_uncached == 1);
  CHECK(o.asks_and_waits());
}

TEST_CASE("lifetime: a row that is not there is remembered for its own time") {
  owner_with o{{.negative_ttl = 5s}};
  o.load(anna);
  o.machine.on_load_done(o.now, o.begun(), not_found{}, o.out);
  CHECK(o.one<wire::get_reply>(anna).status == get_status::absent);
  o.pass(4999ms);
  CHECK(o.ask().status == get_status::absent);
  CHECK(o.effects<run_load>().empty());
  CHECK(o.counted().absences_answered == 1);
  o.pass(1ms);
  CHECK(o.asks_and_waits());
  CHECK(o.effects<run_load>().size() == 1);
}

TEST_CASE("lifetime: a loader says how long its nothing is remembered") {
  owner_with o{{.negative_ttl = 5s}};
  o.load(anna);
  o.machine.on_load_done(o.now, o.begun(), not_found{20s}, o.out);
  o.pass(19s);
  CHECK(o.ask().status == get_status::absent);
  o.pass(1s);
  CHECK(o.asks_and_waits());
  o.machine.on_load_done(o.now, o.begun(), not_found{0s}, o.out);
  CHECK(o.asks_and_waits());
}

TEST_CASE("lifetime: writes of a key end what is known of its absence") {
  owner_with o{{.negative_ttl = 60s}};
  const auto nothing = [&] {
    REQUIRE(o.asks_and_waits());
    o.machine.on_load_done(o.now, o.begun(), not_found{}, o.out);
    REQUIRE(o.ask().status == get_status::absent);
  };
  nothing();
  o.erase(bert);
  nothing();
  o.put(bert, "new");
  CHECK(o.value() == "new");
  o.erase(bert);
  nothing();
  o.mutate(bert, {.kind = mutation::clear});
  nothing();
}

TEST_CASE("lifetime: a write during a load that finds nothing is not forgotten") {
  owner_with o{{.negative_ttl = 60s}};
  o.load(anna);
  const load_ticket ticket = o.begun();
  o.erase(bert);
  o.machine.on_load_done(o.now, ticket, not_found{}, o.out);
  CHECK(o.asks_and_waits());
}

TEST_CASE("lifetime: another epoch knows of no absence") {
  owner_with o{{.negative_ttl = 60s}};
  o.load(anna);
  o.machine.on_load_done(o.now, o.begun(), not_found{}, o.out);
  o.term = {view_number{6}, 0};
  o.machine.on_ownership(o.now, home, self, o.term, o.out);
  CHECK(o.asks_and_waits());
}

TEST_CASE("lifetime: jitter shortens the default time to live and no other") {
  owner_with o{{.ttl_jitter = 10s}};
  std::set<duration> lives;
  for (int i = 0; i < 20; ++i) {
    o.put(bert, "x");
    const auto reply = o.ask();
    REQUIRE(reply.ttl_left.has_value());
    CHECK(*reply.ttl_left <= 60s);
    CHECK(*reply.ttl_left > 50s);
    lives.insert(*reply.ttl_left);
  }
  CHECK(lives.size() > 10);
  o.mutate(bert, {.value = as_bytes("x"), .rule = wire::ttl_rule::given, .ttl = 30s});
  CHECK(o.ask().ttl_left == 30s);
}

TEST_CASE("lifetime: an owner that never opened the cache has its time to live from the writer") {
  owner_with o{{}, std::nullopt, false};
  o.mutate(bert, {.value = as_bytes("x"), .ttl = 5s});
  CHECK(o.ask().ttl_left == 5s);
  o.pass(5s);
  const auto reply = o.ask();
  CHECK(reply.status == get_status::ticket);
  o.mutate(anna, {.kind = mutation::fill,
                  .value = as_bytes("row"),
                  .ttl = 5s,
                  .ticket = reply.ticket});
  CHECK(o.ask().ttl_left == 5s);
  o.erase(bert);
  o.mutate(bert, {.value = as_bytes("x"), .rule = wire::ttl_rule::keep, .ttl = 5s});
  CHECK(o.ask().ttl_left == 5s);
  owner_with opened{{}, 60s};
  opened.mutate(bert, {.value = as_bytes("x"), .ttl = 5s});
  CHECK(opened.ask().ttl_left == 60s);
}

// Refreshes.

TEST_CASE("lifetime: a read of an entry that is to be refreshed gets the old value and one load") {
  owner_with o{{.refresh_after = 20s}};
  o.load_row("old");
  const version before = o.ask().version;
  o.pass(20s - 1ns);
  o.ask();
  CHECK(o.effects<run_load>().empty());
  o.pass(1ns);
  CHECK(o.ask().version == before);
  CHECK(as_text(o.one<wire::get_reply>(anna).value) == "old");
  CHECK(o.one<wire::get_reply>(anna).cacheable);
  const load_ticket ticket = o.begun();
  CHECK(as_text(o.ask().value) == "old");
  CHECK(o.effects<run_load>().empty());
  CHECK(o.counted().refreshes == 1);
  o.clear();
  o.finish(ticket, "new");
  CHECK(o.one<wire::invalidate>(anna).entries.size() == 1);
  CHECK(o.ask().version > before);
  CHECK(o.value() == "new");
  CHECK(o.ask().ttl_left == 20s);
}

TEST_CASE("lifetime: a write during a refresh wins") {
  for (const mutation kind : {mutation::put, mutation::erase, mutation::clear}) {
    owner_with o{{.refresh_after = 20s}};
    o.load_row("old");
    o.pass(20s);
    o.ask();
    const load_ticket ticket = o.begun();
    o.mutate(bert, {.kind = kind, .value = as_bytes("written")});
    o.finish(ticket, "older");
    CHECK(o.value() == (kind == mutation::put ? "written" : ""));
    CHECK(o.counted().loads_outrun == 1);
  }
}

TEST_CASE("lifetime: a refresh that finds nothing removes the entry and tells it") {
  owner_with o{{.negative_ttl = 5s, .refresh_after = 20s}};
  o.load_row("old");
  o.pass(20s);
  o.ask();
  const load_ticket ticket = o.begun();
  o.clear();
  o.machine.on_load_done(o.now, ticket, not_found{}, o.out);
  CHECK(o.one<wire::invalidate>(anna).entries.size() == 1);
  CHECK(o.ask().status == get_status::absent);
  CHECK(o.effects<run_load>().empty());
}

TEST_CASE("lifetime: a refresh whose result is not to be kept removes the old value") {
  owner_with o{{.refresh_after = 20s}};
  o.load_row("old");
  o.pass(20s);
  o.ask();
  o.finish(o.begun(), "new", 0s);
  CHECK(o.value().empty());
}

TEST_CASE("lifetime: a refresh that fails leaves the value and is tried again after a pause") {
  owner_with o{{.refresh_after = 20s}};
  o.load_row("old");
  o.pass(20s);
  o.ask();
  o.fail(o.begun());
  CHECK(o.counted().refreshes_failed == 1);
  o.pass(999ms);
  CHECK(as_text(o.ask().value) == "old");
  CHECK(o.effects<run_load>().empty());
  o.pass(1ms);
  o.ask();
  CHECK(o.effects<run_load>().size() == 1);
}

TEST_CASE("lifetime: reads that may not load do not refresh") {
  owner_with o{{.refresh_after = 20s}};
  o.load_row("old");
  o.pass(30s);
  CHECK(as_text(o.ask({.near = true}).value) == "old");
  CHECK(o.effects<run_load>().empty());
}

TEST_CASE("lifetime: with as many loads as may be there is no refresh") {
  replica_options options = options_of_home();
  options.loads = 1;
  owner o{options};
  cache_settings settings;
  settings.id = books;
  settings.has_loader = true;
  settings.life.refresh_after = 20s;
  o.machine.open_cache(settings);
  o.put(bert, "old");
  o.get(bert, {.load = true}, key_of(home, 0));
  o.pass(20s);
  o.clear();
  o.load(anna);
  CHECK(as_text(o.one<wire::get_reply>(anna).value) == "old");
  CHECK(o.effects<run_load>().empty());
  CHECK(o.counted().refreshes_skipped == 1);
}

TEST_CASE("lifetime: an owner without a loader gives the ticket of a refresh beside the value") {
  owner_with o{{.refresh_after = 20s}, 60s, false};
  o.put(bert, "old");
  o.pass(20s);
  const auto reply = o.ask();
  CHECK(as_text(reply.value) == "old");
  REQUIRE(reply.ticket != 0);
  CHECK(o.ask().ticket == 0);
  o.mutate(anna, {.kind = mutation::fill, .value = as_bytes("new"), .ticket = reply.ticket});
  CHECK(o.value() == "new");
}

TEST_CASE("lifetime: what a ticket brings may be not to be kept or absent for a time") {
  owner_with o{{}, 60s, false};
  auto ticket = o.ask().ticket;
  o.load(bert);
  o.mutate(anna, {.kind = mutation::fill,
                  .value = as_bytes("row"),
                  .rule = wire::ttl_rule::given,
                  .ticket = ticket});
  CHECK(as_text(o.one<wire::get_reply>(bert).value) == "row");
  CHECK(o.value().empty());

  owner_with other{{.negative_ttl = 5s}, 60s, false};
  ticket = other.ask().ticket;
  other.mutate(anna, {.kind = mutation::fill_absent,
                      .rule = wire::ttl_rule::given,
                      .ttl = 7s,
                      .ticket = ticket});
  other.pass(6s);
  CHECK(other.ask().status == get_status::absent);
  other.pass(1s);
  CHECK(other.ask().status == get_status::ticket);
}

// Early refreshes.

TEST_CASE("lifetime: early refreshes come more often towards the end and with longer loads") {
  random_source random{1};
  const time_point now{std::chrono::hours{1}};
  const auto early = [&](duration before_end, duration took) {
    int count = 0;
    const lifetime life{now + before_end, never, time_point::min(), took};
    for (int i = 0; i < 1000; ++i) {
      count += refresh_of(life, now, random_source::exponential_one, random) ==
                       refresh_cause::early
                   ? 1
                   : 0;
    }
    return count;
  };
  // The chance is e^-(before the end / duration of the load).
  CHECK(early(1s, 0s) == 0);
  CHECK(early(60s, 1s) == 0);
  CHECK(std::abs(early(2s, 1s) - 135) < 40);
  CHECK(std::abs(early(1s, 1s) - 368) < 50);
  CHECK(std::abs(early(1s, 10s) - 905) < 40);
  CHECK(std::abs(early(100ms, 1s) - 905) < 40);
}

TEST_CASE("lifetime: an early refresh is by the time that the load took") {
  owner_with o{{.early_refresh = random_source::exponential_one}};
  o.load(anna);
  const load_ticket ticket = o.begun();
  o.pass(10s);
  o.finish(ticket, "row");
  o.pass(59s);
  for (int i = 0; i < 50 && o.counted().refreshes_early == 0; ++i) o.ask();
  CHECK(o.counted().refreshes_early == 1);
  o.put(bert, "put");  // nothing is known of what it took
  o.pass(60s - 1ns);
  for (int i = 0; i < 50; ++i) o.ask();
  CHECK(o.counted().refreshes_early == 1);
}

// Idle expiry.

TEST_CASE("lifetime: an entry that nobody uses ends and that is a mutation") {
  owner_with o{{.idle = 10s}, std::nullopt};
  o.near_get(anna, key_of(home, 0));
  o.put(bert, "x");
  o.pass(1s);
  o.clear();
  o.pass(8s);
  CHECK(o.value() == "x");  // a use
  o.pass(9s);
  CHECK(o.ask({}).status == get_status::hit);
  o.pass(9s);
  o.mutate(bert, {.value = as_bytes("y")});
  o.pass(1s);
  o.clear();
  o.pass(9s + 2ms);
  CHECK(o.one<wire::invalidate>(anna).entries.size() == 1);
  CHECK(o.counted().idle_ends == 1);
  CHECK(o.value().empty());
}

TEST_CASE("lifetime: an idle end that a write comes upon is told at the next turn") {
  owner_with o{{.idle = 10s}, std::nullopt};
  o.put(bert, "x");
  o.now += 11s;
  o.machine.set_standing(o.now);
  o.put(bert, "y");
  CHECK(o.counted().idle_ends == 0);
  // A time that a driver can count with, not the oldest of all.
  CHECK(o.machine.next_timeout() >= o.now - 11s);
  CHECK(o.machine.next_timeout() <= o.now);
  o.pass(0s);
  CHECK(o.counted().idle_ends == 1);
  CHECK(o.value() == "y");
  CHECK(o.machine.next_timeout() > o.now);
}

TEST_CASE("lifetime: a near copy under idle expiry lives at most half of it") {
  owner_with o{{.idle = 10s}};
  o.put(bert, "x");
  CHECK(o.ask().ttl_left == 5s);
  o.mutate(bert, {.value = as_bytes("x"), .rule = wire::ttl_rule::given, .ttl = 3s});
  CHECK(o.ask().ttl_left == 3s);
}

TEST_CASE("lifetime: use does not lengthen the time to live") {
  owner_with o{{.idle = 10s}, 25s};
  o.put(bert, "x");
  for (int i = 0; i < 3; ++i) {
    o.pass(8s);
    CHECK(o.value() == "x");
  }
  o.pass(1s);
  CHECK(o.value().empty());
  o.pass(10s);
  CHECK(o.counted().idle_ends == 0);
}

TEST_CASE("lifetime: what keeps its remaining life keeps it under idle expiry too") {
  owner_with o{{.idle = 10s}, 25s};
  const std::int64_t one = 1;
  const byte_view number = std::as_bytes(std::span{&one, 1});
  o.mutate(bert, {.kind = mutation::add, .value = number});
  o.pass(8s);
  o.mutate(bert, {.kind = mutation::add, .value = number});
  CHECK(o.ask().ttl_left == 5s);
  o.pass(9s);
  CHECK(o.ask().status == get_status::hit);
  o.pass(8s);
  CHECK(o.ask({}).status == get_status::absent);
}

TEST_CASE("lifetime: entries of before the cache was opened keep their ends") {
  owner o;
  o.mutate(bert, {.value = as_bytes("x"), .rule = wire::ttl_rule::given, .ttl = 5s});
  cache_settings settings;
  settings.id = books;
  settings.has_loader = true;
  settings.life.stale_while_revalidate = 100s;
  o.machine.open_cache(settings);
  o.pass(4s);
  CHECK(o.value() == "x");
  o.pass(1s);
  CHECK(o.value().empty());
}
