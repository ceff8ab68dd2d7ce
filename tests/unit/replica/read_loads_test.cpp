#include "owner_fixture.hpp"

using namespace kith;
using namespace kith::replica;
using wire::get_status;
using wire::mutate_status;
using wire::mutation;

namespace {

/// Anna waits for a load that does not end, 200 ms long.
struct slow_load : owner_with {
  slow_load() : owner_with{{.hard_timeout = 200ms}} {
    load(anna);
    ticket = begun();
  }
  load_ticket ticket;
};

}  // namespace

TEST_CASE("read_loads: for a while a stale value is answered at once while one load replaces it") {
  owner_with o{{.stale_while_revalidate = 10s}};
  o.load_row("old");
  const version before = o.ask().version;
  o.pass(60s);
  const auto reply = o.ask();
  CHECK(as_text(reply.value) == "old");
  CHECK(reply.version == before);
  CHECK_FALSE(reply.cacheable);
  const load_ticket ticket = o.begun();
  o.pass(9s);
  CHECK(as_text(o.ask().value) == "old");
  CHECK(o.effects<run_load>().empty());
  CHECK(o.counted().stale_answered == 2);
  o.finish(ticket, "new");
  CHECK(o.value() == "new");
}

TEST_CASE("read_loads: beyond its hard limit a stale value is answered to nobody") {
  owner_with o{{.stale_while_revalidate = 10s}};
  o.load_row("old");
  o.pass(60s);
  o.ask();
  const load_ticket ticket = o.begun();
  o.pass(10s);
  CHECK(o.asks_and_waits());
  o.fail(ticket);
  CHECK(o.one<wire::get_reply>(anna).status == get_status::load_failed);
}

TEST_CASE("read_loads: a stale value is none to all but reads that load") {
  owner_with o{{.stale_while_revalidate = 10s}};
  o.load_row("old");
  o.pass(60s);
  CHECK(o.ask({.near = true}).status == get_status::absent);
  o.clear();
  o.mutate(anna, {.kind = mutation::touch});
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::refused);
  int seen = 0;
  store::handle next{0};
  while (next != store::no_handle) {
    next = o.machine.scan(o.now, books, next, 64, [&](byte_view, const stored&) { ++seen; });
  }
  CHECK(seen == 0);
  o.clear();
  o.mutate(anna, {.kind = mutation::put_if_absent, .value = as_bytes("mine")});
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::applied);
  CHECK(o.value() == "mine");
}

TEST_CASE("read_loads: nothing stale is answered after an erase or a clear") {
  for (const mutation kind : {mutation::erase, mutation::clear}) {
    owner_with o{{.stale_while_revalidate = 10s, .stale_if_error = 100s}};
    o.load_row("old");
    o.pass(61s);
    o.mutate(bert, {.kind = kind});
    CHECK(o.asks_and_waits());
    o.fail(o.begun());
    CHECK(o.one<wire::get_reply>(anna).status == get_status::load_failed);
  }
}

TEST_CASE("read_loads: a reader that wants nothing so old waits for the load") {
  owner_with o{{.stale_while_revalidate = 10s}};
  o.load_row("old");
  o.pass(63s);
  CHECK(as_text(o.ask({.load = true, .stale_max = 3s}).value) == "old");
  o.clear();
  o.get(anna, {.load = true, .stale_max = 2s});
  CHECK(o.sent<wire::get_reply>(anna).empty());
}

TEST_CASE("read_loads: a load that fails is answered with the value that may be so stale") {
  owner_with o{{.stale_if_error = 100s}};
  o.load_row("old");
  const version before = o.ask().version;
  o.pass(60s);
  REQUIRE(o.asks_and_waits());
  o.get(bert, {.load = true, .stale_max = duration::zero()});
  o.pass(1s);
  o.fail(o.begun());
  CHECK(as_text(o.one<wire::get_reply>(anna).value) == "old");
  CHECK(o.one<wire::get_reply>(anna).version == before);
  CHECK(o.one<wire::get_reply>(bert).status == get_status::load_failed);
  CHECK(o.counted().stale_after_failure == 1);
  // The database is not asked again by every read.
  CHECK(as_text(o.ask().value) == "old");
  CHECK(o.effects<run_load>().empty());
  o.pass(1s);
  CHECK(o.asks_and_waits());
  const load_ticket ticket = o.begun();
  o.pass(98s);  // with the two above, 100 s
  o.clear();
  o.machine.on_load_done(o.now, ticket, load_failure{"again"}, o.out);
  CHECK(o.asks_and_waits());
}

TEST_CASE("read_loads: a read that waited for the soft timeout gets the stale value") {
  owner_with o{{.stale_if_error = 100s, .soft_timeout = 50ms}};
  o.load_row("old");
  o.pass(60s);
  REQUIRE(o.asks_and_waits());
  const load_ticket ticket = o.begun();
  o.pass(49ms);
  CHECK(o.sent<wire::get_reply>(anna).empty());
  CHECK(o.machine.next_timeout() <= o.now + 1ms);
  o.pass(1ms);
  CHECK(as_text(o.one<wire::get_reply>(anna).value) == "old");
  CHECK(o.counted().stale_after_soft_timeout == 1);
  o.clear();
  o.finish(ticket, "new");
  CHECK(o.sent<wire::get_reply>(anna).empty());
  CHECK(o.value() == "new");
}

TEST_CASE("read_loads: an erase leaves nothing to a read that waits for its soft timeout") {
  owner_with o{{.stale_if_error = 100s, .soft_timeout = 50ms}};
  o.load_row("old");
  o.pass(60s);
  REQUIRE(o.asks_and_waits());
  o.erase(bert);
  o.pass(50ms);
  CHECK(o.sent<wire::get_reply>(anna).empty());
}

TEST_CASE("read_loads: a read waits no longer than the hard timeout and the load goes on") {
  slow_load o;
  o.pass(150ms);
  o.load(bert);
  CHECK(o.effects<run_load>().size() == 1);
  o.pass(50ms);
  CHECK(o.one<wire::get_reply>(anna).status == get_status::load_failed);
  CHECK(o.sent<wire::get_reply>(bert).empty());
  o.pass(150ms);
  CHECK(o.one<wire::get_reply>(bert).status == get_status::load_failed);
  CHECK(o.counted().hard_timeouts == 2);
  o.finish(o.ticket, "late");
  CHECK(o.value() == "late");
}

TEST_CASE("read_loads: a late result is not stored after an erase") {
  slow_load o;
  o.pass(200ms);
  o.erase(bert);
  o.finish(o.ticket, "late");
  CHECK(o.value().empty());
}

TEST_CASE("read_loads: at the hard timeout what there is beats an error") {
  owner_with o{{.stale_if_error = 100s, .hard_timeout = 200ms}};
  o.load_row("old");
  o.pass(60s);
  REQUIRE(o.asks_and_waits());
  o.pass(200ms);
  CHECK(as_text(o.one<wire::get_reply>(anna).value) == "old");
}

TEST_CASE("read_loads: a load that hangs is given up and its key loaded anew") {
  owner_with o{{.hard_timeout = 200ms}};
  o.load(anna);
  o.pass(200ms);
  o.pass(30s);
  CHECK(o.counted().loads_timed_out == 1);
  CHECK(o.asks_and_waits());
  CHECK(o.effects<run_load>().size() == 1);
}

// A value that is gone again has no end and no tags that a copy could be given.
TEST_CASE("read_loads: a value that had no room is answered, and nobody keeps it") {
  owner_with o{{.stale_if_error = 60s}, 10s};
  cache_settings small;
  small.id = books;
  small.ttl = 10s;
  small.has_loader = true;
  small.life.stale_if_error = 60s;
  small.max_bytes = 1000;
  o.machine.open_cache(small);
  o.load_row("old");
  const std::string other = key_of(home, 0);
  o.put(bert, std::string(300, 'b'), other);
  o.pass(11s);
  o.put(bert, std::string(300, 'b'), other);
  CHECK(o.asks_and_waits());
  o.finish(o.begun(), std::string(600, 'a'));
  const auto reply = o.one<wire::get_reply>(anna);
  CHECK(reply.value.size() == 600);
  CHECK(o.value().empty());
  CHECK_FALSE(reply.cacheable);
}

// A copy that lasts would keep reads from the owner, who is to begin the refresh.
TEST_CASE("read_loads: a copy ends when a refresh is due, and soon while one runs") {
  owner_with o{{.refresh_after = 10s}};
  o.load_row("old");
  CHECK(o.ask().ttl_left == 10s);
  o.pass(4s);
  CHECK(o.ask().ttl_left == 6s);
  o.pass(6s);
  CHECK(o.ask().ttl_left == 1s);
  o.finish(o.begun(), "new");
  CHECK(o.one<wire::get_reply>(anna).ttl_left == 1s);  // of the old value, before it was replaced
  CHECK(o.ask().ttl_left == 10s);
  o.clear();
  o.erase(bert);
  o.load(anna);
  o.finish(o.begun(), "loaded");
  CHECK(o.one<wire::get_reply>(anna).ttl_left == 10s);
}

TEST_CASE("read_loads: a copy of what may be refreshed early ends before the entry") {
  owner_with o{{.early_refresh = std::uint64_t{1} << 16}};
  o.clear();
  o.load(anna);
  o.pass(2s);
  o.finish(o.begun(), "old");
  bool earlier = false;
  for (int i = 0; i < 50; ++i) {
    const auto left = o.ask({.near = true}).ttl_left;
    REQUIRE(left);
    CHECK(*left <= 60s);
    CHECK(*left >= 1s);
    earlier = earlier || *left < 59s;
  }
  CHECK(earlier);
}

TEST_CASE("read_loads: who is served anew has waited all the time") {
  owner_with o{{.hard_timeout = 200ms}};
  o.clear();
  o.load(bert);
  const load_ticket first = o.begun();
  o.erase(bert);
  CHECK(o.asks_and_waits());  // late: its load is the next one
  o.pass(150ms);
  o.finish(first, "old");
  o.pass(50ms);
  CHECK(o.one<wire::get_reply>(anna).status == get_status::load_failed);
}

TEST_CASE("read_loads: what may be stale while it is renewed may not be where that failed") {
  owner_with o{{.stale_while_revalidate = 10s, .stale_if_error = 1s}};
  o.load_row("old");
  o.pass(65s);
  CHECK(as_text(o.ask().value) == "old");
  o.fail(o.begun());
  CHECK(as_text(o.ask().value) == "old");  // it is renewed again, after the pause
  o.pass(6s);
  CHECK(o.asks_and_waits());
  o.fail(o.begun());
  CHECK(o.one<wire::get_reply>(anna).status == get_status::load_failed);
}

// Method: two loads, each with more readers than a turn releases.
TEST_CASE("read_loads: a turn releases the readers of so many loads and the next one goes on") {
  constexpr std::size_t readers = store::turn_limit + 44;
  owner_with o{{.hard_timeout = 200ms}};
  const std::string second = key_of(home, 0);
  const auto fill_both = [&] {
    for (std::size_t i = 0; i < readers; ++i) {
      o.get(anna, {.load = true});
      o.get(anna, {.load = true}, second);
    }
    o.clear();
  };
  const auto answered = [&] {
    std::size_t failed = 0;
    for (const auto& reply : o.sent<wire::get_reply>(anna)) {
      failed += reply.status == get_status::load_failed ? 1u : 0u;
    }
    return failed;
  };
  fill_both();
  SUBCASE("at the hard timeout") { o.pass(200ms); }
  SUBCASE("when the loads are given up") {
    o.pass(200ms);
    o.pass(29s);
    CHECK(answered() == 2 * readers);
    fill_both();
    o.pass(1s);
    CHECK(o.counted().loads_timed_out == 1);
  }
  CHECK(answered() == readers);
  CHECK(o.machine.next_timeout() <= o.now);
  o.pass(0s);
  CHECK(answered() == 2 * readers);
  CHECK(o.machine.next_timeout() > o.now);
}
