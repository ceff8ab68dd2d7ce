#include "owner_fixture.hpp"

using namespace kith;
using namespace kith::replica;
using wire::get_status;
using wire::mutate_status;
using wire::mutation;

namespace {

load_ticket begin_load(owner& o, const member_id& from) {
  o.load(from);
  const auto runs = o.effects<run_load>();
  REQUIRE(runs.size() == 1);
  o.clear();
  return runs[0].ticket;
}

void finish(owner& o, const load_ticket& ticket, std::string_view row) {
  o.machine.on_load_done(o.now, ticket, loaded{to_bytes(row), std::nullopt}, o.out);
}

/// An owner whose process has no loader.
struct owner_without_loader : owner {
  owner_without_loader() {
    cache_settings settings;
    settings.id = books;
    machine.open_cache(settings);
  }
};

}  // namespace

TEST_CASE("load: all who ask for an absent key share one load, which is stored and told") {
  owner o;
  o.put(self, "x");
  o.erase(self);
  o.near_get(bert, key_of(home, 0));
  o.pass(10ms);
  o.clear();
  o.load(anna);
  o.load(bert);
  o.load(self);
  const auto runs = o.effects<run_load>();
  REQUIRE(runs.size() == 1);
  CHECK(runs[0].key == to_bytes(key));
  CHECK(runs[0].fence == version{first_epoch, sequence{2}});
  CHECK(o.out.size() == 1);
  o.clear();
  finish(o, runs[0].ticket, "row");
  for (const member_id& who : {anna, bert}) {
    const auto reply = o.one<wire::get_reply>(who);
    CHECK(reply.status == get_status::hit);
    CHECK(reply.version == version{first_epoch, sequence{3}});
    CHECK(reply.as_of == sequence{3});
    CHECK(reply.loaded);
    CHECK(reply.cacheable);
    CHECK(as_text(reply.value) == "row");
    CHECK(o.one<wire::invalidate>(who).entries[0].seq == sequence{3});
  }
  CHECK(o.effects<answer_get>()[0].value == to_bytes("row"));
  CHECK(o.value() == "row");
}

TEST_CASE("load: a put during the load wins, and the early reader may not keep the old row") {
  owner o;
  const load_ticket ticket = begin_load(o, anna);
  o.put(bert, "new");
  o.clear();
  finish(o, ticket, "old");
  const auto reply = o.one<wire::get_reply>(anna);
  CHECK(as_text(reply.value) == "old");
  CHECK_FALSE(reply.cacheable);
  CHECK(o.value() == "new");
  CHECK(o.counted().loads_outrun == 1);
}

TEST_CASE("load: an erase of a version during the load keeps the row out if it erases") {
  owner o;
  const load_ticket ticket = begin_load(o, anna);
  o.mutate(bert, {.kind = mutation::erase_if_version});
  CHECK(o.one<wire::mutate_reply>(bert).status == mutate_status::refused);
  finish(o, ticket, "row");
  CHECK(o.value() == "row");
  o.erase(bert);
  o.clear();
  const load_ticket late = begin_load(o, anna);
  o.put(bert, "new");
  o.clear();
  o.mutate(bert, {.kind = mutation::erase_if_version,
                  .expected = version{first_epoch, sequence{3}}});
  CHECK(o.one<wire::mutate_reply>(bert).status == mutate_status::applied);
  finish(o, late, "old");
  CHECK(o.value().empty());
}

TEST_CASE("load: an erase during the load keeps the row out, also of an absent key") {
  owner o;
  const load_ticket ticket = begin_load(o, anna);
  o.erase(bert);
  o.clear();
  finish(o, ticket, "old");
  CHECK_FALSE(o.one<wire::get_reply>(anna).cacheable);
  CHECK(o.value().empty());
}

TEST_CASE("load: a clear during the load keeps the row out") {
  owner o;
  const load_ticket ticket = begin_load(o, anna);
  o.mutate(bert, {.kind = mutation::clear});
  finish(o, ticket, "old");
  CHECK(o.value().empty());
}

TEST_CASE("load: who asks after the mutation is not served the old row but by a new load") {
  owner o;
  const load_ticket ticket = begin_load(o, anna);
  o.erase(bert);
  o.load(bert);
  CHECK(o.effects<run_load>().empty());
  o.clear();
  finish(o, ticket, "old");
  CHECK(as_text(o.one<wire::get_reply>(anna).value) == "old");
  CHECK(o.sent<wire::get_reply>(bert).empty());
  CHECK(o.counted().late_waiters == 1);
  const auto again = o.effects<run_load>();
  REQUIRE(again.size() == 1);
  o.clear();
  finish(o, ticket, "older still");
  CHECK(o.out.empty());
  CHECK(o.counted().loads_orphaned == 1);
  finish(o, again[0].ticket, "new");
  CHECK(as_text(o.one<wire::get_reply>(bert).value) == "new");
  CHECK(o.value() == "new");
}

TEST_CASE("load: who asks after a put is served from the store, without the load") {
  owner o;
  const load_ticket ticket = begin_load(o, anna);
  o.put(bert, "new");
  o.clear();
  o.load(bert);
  CHECK(as_text(o.one<wire::get_reply>(bert).value) == "new");
  finish(o, ticket, "old");
  CHECK(o.value() == "new");
}

TEST_CASE("load: no row is an answer that may be kept, unless the key was mutated") {
  owner o;
  load_ticket ticket = begin_load(o, anna);
  o.machine.on_load_done(o.now, ticket, not_found{}, o.out);
  CHECK(o.one<wire::get_reply>(anna).status == get_status::absent);
  CHECK(o.one<wire::get_reply>(anna).cacheable);
  o.clear();
  ticket = begin_load(o, anna);
  o.erase(bert);
  o.clear();
  o.machine.on_load_done(o.now, ticket, not_found{}, o.out);
  CHECK_FALSE(o.one<wire::get_reply>(anna).cacheable);
}

TEST_CASE("load: a failure reaches those who asked before, cleaned, later ones get another load") {
  owner o;
  const load_ticket ticket = begin_load(o, anna);
  o.erase(self);
  o.load(bert);
  o.clear();
  o.machine.on_load_done(o.now, ticket, load_failure{"no\x1b[2J" + std::string(999, 'x')}, o.out);
  const auto reply = o.one<wire::get_reply>(anna);
  CHECK(reply.status == get_status::load_failed);
  CHECK(as_text(reply.value).substr(0, 6) == "no?[2J");
  CHECK(reply.value.size() == wire::limits::text_bytes);
  CHECK_FALSE(reply.cacheable);
  CHECK(o.effects<run_load>().size() == 1);
}

TEST_CASE("load: a loader that hangs fails its readers, and its late result is nobody's") {
  owner o;
  const load_ticket ticket = begin_load(o, anna);
  o.pass(30s - 1ns);
  CHECK(o.sent<wire::get_reply>(anna).empty());
  CHECK(o.machine.next_timeout() <= o.now + 1ns);
  o.pass(1ns);
  CHECK(o.one<wire::get_reply>(anna).status == get_status::load_failed);
  finish(o, ticket, "late");
  CHECK(o.value().empty());
}

TEST_CASE("load: the loader's time to live wins over the cache's") {
  owner o;
  const load_ticket ticket = begin_load(o, anna);
  o.machine.on_load_done(o.now, ticket, loaded{to_bytes("row"), duration{2s}}, o.out);
  CHECK(o.one<wire::get_reply>(anna).ttl_left == duration{2s});
  o.now += 2s;
  CHECK(o.value().empty());
}

TEST_CASE("load: waiters and loads are bounded") {
  replica_options options = options_of_home();
  options.load_waiters = 1;
  options.loads = 1;
  owner o{options};
  o.load(anna);
  o.load(bert);
  CHECK(o.one<wire::get_reply>(bert).status == get_status::overloaded);
  o.clear();
  o.get(bert, {.load = true}, key_of(home, 0));
  CHECK(o.one<wire::get_reply>(bert).status == get_status::overloaded);
  CHECK(o.counted().overloaded == 2);
}

TEST_CASE("load: a stored row that cannot be stored still reaches those who wait") {
  owner o;
  cache_settings small;
  small.id = books;
  small.max_bytes = 512;
  small.has_loader = true;
  o.machine.open_cache(small);
  const load_ticket ticket = begin_load(o, anna);
  finish(o, ticket, std::string(1000, 'x'));
  const auto reply = o.one<wire::get_reply>(anna);
  CHECK(reply.value.size() == 1000);
  CHECK_FALSE(reply.cacheable);
  CHECK(o.value().empty());
}

TEST_CASE("load: a reader whose session ended meanwhile may not keep the row") {
  owner o;
  const load_ticket ticket = begin_load(o, anna);
  o.machine.on_session(o.now, anna, 21, o.out);
  o.clear();
  finish(o, ticket, "row");
  CHECK_FALSE(o.one<wire::get_reply>(anna).cacheable);
}

TEST_CASE("load: an owner that lost contact while the loader ran stores nothing") {
  owner o;
  const load_ticket ticket = begin_load(o, anna);
  o.now += 10s;
  finish(o, ticket, "row");
  CHECK(o.one<wire::get_reply>(anna).status == get_status::retry);
  o.machine.set_standing(o.now);
  CHECK(o.value().empty());
}

TEST_CASE("load: without a loader one caller gets a ticket, and its fill answers the others") {
  owner_without_loader o;
  o.load(anna);
  const auto granted = o.one<wire::get_reply>(anna);
  CHECK(granted.status == get_status::ticket);
  CHECK(granted.ticket != 0);
  CHECK(o.effects<run_load>().empty());
  o.load(bert);
  CHECK(o.sent<wire::get_reply>(bert).empty());
  o.clear();
  o.mutate(anna, {.kind = mutation::fill, .value = as_bytes("row"), .ticket = granted.ticket});
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::applied);
  CHECK(as_text(o.one<wire::get_reply>(bert).value) == "row");
  CHECK(o.one<wire::get_reply>(bert).cacheable);
  CHECK(o.value() == "row");
}

TEST_CASE("load: a fill after a put is refused with the version of what is there") {
  owner_without_loader o;
  o.load(anna);
  const std::uint64_t ticket = o.one<wire::get_reply>(anna).ticket;
  o.put(bert, "new");
  o.clear();
  o.mutate(anna, {.kind = mutation::fill, .value = as_bytes("old"), .ticket = ticket});
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::refused);
  CHECK(o.one<wire::mutate_reply>(anna).version == version{first_epoch, sequence{1}});
  CHECK(o.value() == "new");
}

TEST_CASE("load: only the holder fills, only its key, and only once") {
  owner_without_loader o;
  o.load(anna);
  const std::uint64_t ticket = o.one<wire::get_reply>(anna).ticket;
  const auto fill = [&](const member_id& from, std::string_view k) {
    o.clear();
    o.mutate(from, {.kind = mutation::fill, .value = as_bytes("row"), .ticket = ticket}, k);
    return o.one<wire::mutate_reply>(from).status;
  };
  CHECK(fill(bert, key) == mutate_status::refused);
  CHECK(fill(anna, key_of(home, 0)) == mutate_status::refused);
  CHECK(o.value().empty());
  CHECK(fill(anna, key) == mutate_status::applied);
  CHECK(fill(anna, key) == mutate_status::refused);
}

TEST_CASE("load: a fill that found nothing or failed ends the wait of the others") {
  owner_without_loader o;
  for (const std::string_view words : {"", "database down"}) {
    o.clear();
    o.load(anna);
    const std::uint64_t ticket = o.one<wire::get_reply>(anna).ticket;
    o.load(bert);
    o.clear();
    o.mutate(anna, {.kind = mutation::fill_absent, .value = as_bytes(words), .ticket = ticket});
    CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::applied);
    const auto reply = o.one<wire::get_reply>(bert);
    CHECK(reply.status == (words.empty() ? get_status::absent : get_status::load_failed));
    CHECK(as_text(reply.value) == words);
  }
}

TEST_CASE("load: a ticket that is not filled in time goes to the next who waits") {
  owner_without_loader o;
  o.load(anna);
  const std::uint64_t first = o.one<wire::get_reply>(anna).ticket;
  o.load(bert);
  o.clear();
  o.pass(5s);
  const auto granted = o.one<wire::get_reply>(bert);
  CHECK(granted.status == get_status::ticket);
  CHECK(granted.ticket != first);
  o.mutate(anna, {.kind = mutation::fill, .value = as_bytes("late"), .ticket = first});
  CHECK(o.value().empty());
}

TEST_CASE("load: the ticket of a member whose session ended, or that left, is passed on") {
  for (const bool left : {false, true}) {
    owner_without_loader o;
    o.load(anna);
    o.load(bert);
    o.clear();
    const member_id rest[] = {self, bert};
    if (left) {
      o.machine.on_view(o.now, first_epoch.view, rest, o.out);
    } else {
      o.machine.on_session(o.now, anna, 0, o.out);
    }
    CHECK(o.one<wire::get_reply>(bert).status == get_status::ticket);
    CHECK(o.counted().tickets_revoked == 1);
  }
}

TEST_CASE("load: a revoked ticket does not go to another call of the member that lost it") {
  owner_without_loader o;
  o.load(anna);
  o.load(anna);
  o.load(bert);
  o.clear();
  o.machine.on_session(o.now, anna, 0, o.out);
  CHECK(o.sent<wire::get_reply>(anna).empty());
  CHECK(o.one<wire::get_reply>(bert).status == get_status::ticket);
}

TEST_CASE("load: a time to live beyond the wire's range never reaches a reader") {
  for (const duration odd : {duration{-5s}, duration::max()}) {
    owner o;
    const load_ticket ticket = begin_load(o, anna);
    o.machine.on_load_done(o.now, ticket, loaded{to_bytes("row"), odd}, o.out);
    const auto reply = o.one<wire::get_reply>(anna);
    CHECK_FALSE(reply.ttl_left.has_value());
    CHECK(reply.cacheable == (odd > 0s));
  }
}

namespace {

/// An owner without a loader: whoever asks first gets a ticket. Returns its number.
std::uint64_t begin_ticket(owner& o, const member_id& from) {
  cache_settings plain;
  plain.id = books;
  o.machine.open_cache(plain);
  o.load(from);
  const auto given = o.one<wire::get_reply>(from);
  REQUIRE(given.status == get_status::ticket);
  return given.ticket;
}

}  // namespace

TEST_CASE("load: a ticket that comes back goes to the next who waits at once") {
  owner o;
  const std::uint64_t first = begin_ticket(o, anna);
  o.load(bert);
  CHECK(o.sent<wire::get_reply>(bert).empty());
  o.machine.on_return_ticket(o.now, anna, {first}, o.out);
  const auto next = o.one<wire::get_reply>(bert);
  CHECK(next.status == get_status::ticket);
  CHECK(next.ticket != first);
  CHECK(o.counted().tickets_returned == 1);
}

TEST_CASE("load: only its holder can give a ticket back, and once") {
  owner o;
  const std::uint64_t first = begin_ticket(o, anna);
  o.load(bert);
  o.machine.on_return_ticket(o.now, bert, {first}, o.out);
  o.machine.on_return_ticket(o.now, anna, {first + 1}, o.out);
  CHECK(o.sent<wire::get_reply>(bert).empty());
  o.machine.on_return_ticket(o.now, anna, {first}, o.out);
  o.machine.on_return_ticket(o.now, anna, {first}, o.out);
  CHECK(o.sent<wire::get_reply>(bert).size() == 1);
  CHECK(o.counted().loads_orphaned == 3);
}
