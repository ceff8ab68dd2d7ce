#include "store_fixture.hpp"

#include "copies_fixture.hpp"

using namespace kith;
using namespace kith::replica;
using wire::mutate_status;
using wire::mutation;

namespace {

version own_version(std::uint64_t seq) { return {first_epoch, sequence{seq}}; }

}  // namespace

TEST_CASE("write through: the store is written first, and reads see the old value meanwhile") {
  storing_owner o;
  o.put(bert, "old");
  o.end(o.writing());
  o.clear();
  o.put(anna, "new");
  CHECK(o.row().key == to_bytes(key));
  CHECK(o.row().value == to_bytes("new"));
  CHECK(o.sent<wire::mutate_reply>(anna).empty());
  CHECK(o.value() == "old");
  o.end(o.writing());
  CHECK(o.status(anna) == mutate_status::applied);
  CHECK(o.one<wire::mutate_reply>(anna).version == own_version(2));
  CHECK(o.one<wire::mutate_reply>(anna).existed);
  CHECK(o.value() == "new");
  CHECK(o.counted().store_writes == 2);
}

TEST_CASE("write through: an erase is a write without a value") {
  storing_owner o;
  o.put(bert, "old");
  o.end(o.writing());
  o.clear();
  o.erase(anna);
  CHECK(o.row().value == std::nullopt);
  CHECK(o.value() == "old");
  o.end(o.writing());
  CHECK(o.status(anna) == mutate_status::applied);
  CHECK(o.value().empty());
}

TEST_CASE("write through: writes of a key go one after the other, others do not wait") {
  storing_owner o;
  o.put(anna, "first");
  o.put(bert, "second");
  o.erase(bert);
  CHECK(o.writes().size() == 1);
  o.put(self, "free", key_of(home, 0));
  CHECK(o.writes().size() == 2);
  const write_ticket first = o.writes()[0].ticket;
  o.end(first);
  REQUIRE(o.writes().size() == 3);
  CHECK(o.row().value == to_bytes("second"));
  CHECK(o.value() == "first");
  o.end(o.writing());
  CHECK(o.row().value == std::nullopt);
  o.end(o.writing());
  CHECK(o.value().empty());
  CHECK(o.sent<wire::mutate_reply>(bert).size() == 2);
}

TEST_CASE("write through: a condition that does not hold fails without the store") {
  storing_owner o;
  o.put(bert, "there");
  o.end(o.writing());
  for (const mutation kind :
       {mutation::put_if_absent, mutation::compare_and_put, mutation::erase_if_version}) {
    o.clear();
    o.mutate(anna, {.kind = kind, .value = as_bytes("x"), .expected = own_version(7)});
    CHECK(o.status(anna) == mutate_status::refused);
    CHECK(o.one<wire::mutate_reply>(anna).version == own_version(1));
    CHECK(o.writes().empty());
  }
  o.clear();
  o.mutate(anna, {.kind = mutation::add, .value = as_bytes("no number")});
  CHECK(o.status(anna) == mutate_status::wrong_type);
  CHECK(o.writes().empty());
}

TEST_CASE("write through: one that fails in the queue frees those behind it") {
  storing_owner o;
  o.put(anna, "first");
  o.mutate(anna, {.kind = mutation::put_if_absent, .value = as_bytes("second")});
  o.put(bert, "third");
  o.end(o.writing());
  CHECK(o.row().value == to_bytes("third"));
  CHECK(o.sent<wire::mutate_reply>(anna).size() == 2);
  o.end(o.writing());
  CHECK(o.value() == "third");
}

TEST_CASE("write through: a condition that holds is written, and applied under the same value") {
  storing_owner o;
  o.put(bert, "there");
  o.end(o.writing());
  o.clear();
  o.mutate(
      anna,
      {.kind = mutation::compare_and_put, .value = as_bytes("next"), .expected = own_version(1)});
  CHECK(o.row().value == to_bytes("next"));
  o.end(o.writing());
  CHECK(o.status(anna) == mutate_status::applied);
  o.mutate(bert, {.kind = mutation::erase_if_version, .expected = own_version(2)});
  CHECK(o.row().value == std::nullopt);
  o.end(o.writing());
  CHECK(o.value().empty());
}

TEST_CASE("write through: an add writes the sum, a processor what it made, a touch nothing") {
  storing_owner o;
  const bytes five = write_number(5);
  o.mutate(anna, {.kind = mutation::add, .value = five});
  CHECK(o.row().value == five);
  o.end(o.writing());
  o.mutate(anna, {.kind = mutation::add, .value = five});
  CHECK(o.row().value == write_number(10));
  o.end(o.writing());
  CHECK(as_text(o.sent<wire::mutate_reply>(anna).at(1).result) == as_text(write_number(10)));
  o.clear();
  o.mutate(bert, {.kind = mutation::invoke, .processor = as_bytes("twice")});
  const processor_ticket run = o.effects<run_processor>().at(0).ticket;
  o.machine.on_processor_done(
      o.now, run, processed{processor_action::set, to_bytes("made"), to_bytes("said")}, o.out);
  CHECK(o.row().value == to_bytes("made"));
  CHECK(o.sent<wire::mutate_reply>(bert).empty());
  o.end(o.writing());
  CHECK(o.status(bert) == mutate_status::applied);
  CHECK(as_text(o.one<wire::mutate_reply>(bert).result) == "said");
  CHECK(o.value() == "made");
  o.clear();
  o.mutate(bert, {.kind = mutation::touch, .rule = wire::ttl_rule::given, .ttl = 1h});
  CHECK(o.status(bert) == mutate_status::applied);
  CHECK(o.writes().empty());
}

TEST_CASE("write through: a processor that keeps its entry writes nothing") {
  storing_owner o;
  o.mutate(bert, {.kind = mutation::invoke, .processor = as_bytes("looks")});
  o.machine.on_processor_done(o.now, o.effects<run_processor>().at(0).ticket, processed{}, o.out);
  CHECK(o.status(bert) == mutate_status::applied);
  CHECK(o.writes().empty());
}

TEST_CASE("write through: what the store refuses is not applied, and its words reach the caller") {
  storing_owner o;
  o.put(bert, "old");
  o.end(o.writing());
  o.clear();
  o.mutate(anna, {.operation = 50, .value = as_bytes("new")});
  o.put(bert, "behind it");
  o.end(o.writing(), write_refusal{"no\n"});
  CHECK(o.status(anna) == mutate_status::write_failed);
  CHECK(as_text(o.one<wire::mutate_reply>(anna).result) == "no?");
  CHECK(o.value() == "old");
  CHECK(o.row().value == to_bytes("behind it"));
  CHECK(o.counted().store_writes_refused == 1);
}

TEST_CASE("write through: an uncertain end removes the entry, tells listeners and the caller") {
  storing_owner o;
  o.put(bert, "old");
  o.end(o.writing());
  o.near_get(anna);
  o.clear();
  o.put(bert, "new");
  o.end(o.writing(), write_failure{"gone\n"});
  CHECK(o.status(bert) == mutate_status::write_uncertain);
  CHECK(as_text(o.one<wire::mutate_reply>(bert).result) == "gone?");
  CHECK(o.value().empty());
  CHECK(o.sent<wire::invalidate>(anna).size() == 1);
  CHECK(o.counted().store_writes_uncertain == 1);
}

TEST_CASE("write through: a writer that does not answer in time leaves an uncertain key") {
  storing_owner o;
  o.put(bert, "new");
  const write_ticket late = o.writing();
  o.put(anna, "behind it");
  o.pass(10s);
  CHECK(o.status(bert) == mutate_status::write_uncertain);
  REQUIRE(o.writes().size() == 2);
  CHECK(o.row().value == to_bytes("behind it"));
  o.clear();
  o.end(late);
  CHECK(o.out.empty());
  CHECK(o.counted().store_writes_orphaned == 1);
}

TEST_CASE(
    "write through: what is loaded of an uncertain key is answered and not kept for a while") {
  storing_owner o;
  o.put(bert, "new");
  o.end(o.writing(), write_failure{"gone"});
  CHECK_FALSE(o.keeps_load("old row"));
  o.now += 20s;
  o.machine.set_standing(o.now);
  CHECK(o.keeps_load("new row"));
  CHECK(o.counted().loads_doubted == 1);
}

TEST_CASE("write through: a load that began while its key was uncertain is not kept later either") {
  storing_owner o;
  o.put(bert, "new");
  o.end(o.writing(), write_failure{"gone"});
  o.pass(19s);
  o.clear();
  o.load(anna);
  const auto ticket = o.effects<run_load>().at(0).ticket;
  o.pass(2s);
  o.machine.on_load_done(o.now, ticket, loaded{to_bytes("old row"), std::nullopt}, o.out);
  CHECK_FALSE(o.one<wire::get_reply>(anna).cacheable);
  CHECK(o.value().empty());
}

TEST_CASE("write through: that an uncertain key has no row is not remembered") {
  storing_owner o;
  o.put(bert, "new");
  o.end(o.writing(), write_failure{"gone"});
  o.clear();
  o.load(anna);
  o.machine.on_load_done(o.now, o.effects<run_load>().at(0).ticket, not_found{1h}, o.out);
  CHECK_FALSE(o.one<wire::get_reply>(anna).cacheable);
  o.clear();
  o.load(anna);
  CHECK(o.effects<run_load>().size() == 1);
}

TEST_CASE("write through: a load from before a write is not stored over it") {
  storing_owner o;
  o.load(anna);
  const auto before = o.effects<run_load>().at(0).ticket;
  o.put(bert, "new");
  o.end(o.writing());
  o.machine.on_load_done(o.now, before, loaded{to_bytes("old row"), std::nullopt}, o.out);
  CHECK(o.value() == "new");
}

TEST_CASE("write through: a clear under it does not matter to the write") {
  storing_owner o;
  o.put(bert, "old");
  o.end(o.writing());
  o.mutate(anna, {.operation = 70,
                  .kind = mutation::compare_and_put,
                  .value = as_bytes("new"),
                  .expected = own_version(1)});
  const write_ticket under_way = o.writing();
  o.mutate(bert, {.operation = 71, .kind = mutation::clear});
  CHECK(o.value().empty());
  o.end(under_way);
  CHECK(o.status(anna) == mutate_status::applied);
  CHECK(o.value() == "new");
}

TEST_CASE("write through: a clear, the end of a tag and an invalidation do not reach the store") {
  storing_owner o;
  o.put(bert, "old");
  o.end(o.writing());
  o.clear();
  o.mutate(bert, {.kind = mutation::invalidate});
  CHECK(o.status(bert) == mutate_status::applied);
  CHECK(o.value().empty());
  o.mutate(anna, {.kind = mutation::clear});
  o.mutate(anna, {.kind = mutation::end_tag, .tags = {{5}}});
  CHECK(o.writes().empty());
}

TEST_CASE("write through: fences grow with each write that is tried, and with the owner") {
  storing_owner o;
  std::vector<write_fence> fences;
  const auto put_and = [&](write_result result) {
    o.put(anna, "x");
    fences.push_back(o.row().fence);
    o.end(o.writing(), std::move(result));
  };
  put_and(written{});
  put_and(write_refusal{"no"});
  put_and(write_failure{"gone"});
  o.mutate(bert, {.kind = mutation::clear});
  o.mutate(bert, {.kind = mutation::clear});
  put_and(written{});
  o.term = {view_number{6}, 0};
  o.machine.on_ownership(o.now, home, self, o.term, o.out);
  put_and(written{});
  CHECK(std::ranges::adjacent_find(fences, std::greater_equal<>{}) == fences.end());
  CHECK(fences[0].view == first_epoch.view);
  CHECK(fences.back().view == view_number{6});
}

TEST_CASE("write through: a retry while the store is written is not written again") {
  storing_owner o;
  o.mutate(anna, {.operation = 9, .value = as_bytes("x")});
  const std::uint64_t rid = o.mutate(anna, {.operation = 9, .value = as_bytes("x")});
  CHECK(o.writes().size() == 1);
  const write_ticket ticket = o.writing();
  o.clear();
  o.end(ticket);
  REQUIRE(o.effects<wire::send>().size() == 1);
  CHECK(o.effects<wire::send>()[0].message.rid == rid);
  o.clear();
  o.mutate(anna, {.operation = 9, .value = as_bytes("x")});
  CHECK(o.status(anna) == mutate_status::applied);
  CHECK(o.writes().empty());
}

TEST_CASE("write through: a retry of an uncertain write is told the same, and not written") {
  storing_owner o;
  o.mutate(anna, {.operation = 9, .value = as_bytes("x")});
  o.end(o.writing(), write_failure{"gone"});
  o.clear();
  o.mutate(anna, {.operation = 9, .value = as_bytes("x")});
  CHECK(o.status(anna) == mutate_status::write_uncertain);
  CHECK(o.writes().empty());
}

TEST_CASE(
    "write through: at the end of an epoch what may be done again is, the rest is uncertain") {
  storing_owner o;
  o.put(anna, "x");
  const write_ticket put = o.writing();
  o.mutate(bert, {.kind = mutation::add, .value = write_number(1)}, key_of(home, 0));
  o.clear();
  o.machine.on_ownership(o.now, home, anna, {view_number{6}, 0}, o.out);
  CHECK(o.status(anna) == mutate_status::wrong_epoch);
  CHECK(o.status(bert) == mutate_status::write_uncertain);
  o.clear();
  o.end(put);
  CHECK(o.out.empty());
  CHECK(o.counted().store_writes_orphaned == 1);
}

TEST_CASE("write through: an owner that lost contact meanwhile does not say that it was applied") {
  storing_owner o;
  o.put(anna, "new");
  o.now += 10s;
  o.end(o.writing());
  CHECK(o.status(anna) == mutate_status::write_uncertain);
  o.machine.set_standing(o.now);
  CHECK(o.value().empty());
}

TEST_CASE("write through: writes under way and uncertain keys are bounded together") {
  replica_options options = options_of_home();
  options.store_writes = 2;
  storing_owner o{store_kind::through, options};
  o.put(anna, "x");
  o.end(o.writing(), write_failure{"gone"});
  o.clear();
  o.put(anna, "x", key_of(home, 0));
  CHECK(o.writes().size() == 1);
  o.put(bert, "x", key_of(home, 1));
  CHECK(o.status(bert) == mutate_status::overloaded);
  CHECK(o.writes().size() == 1);
}

TEST_CASE("write through: a value that no entry may hold is in the store, and nothing is cached") {
  storing_owner o;
  cache_settings small;
  small.id = books;
  small.max_bytes = 1000;
  o.machine.open_cache(small);
  o.put(anna, "old");
  o.end(o.writing());
  o.clear();
  o.put(anna, std::string(5000, 'x'));
  o.end(o.writing());
  CHECK(o.status(anna) == mutate_status::applied);
  CHECK(o.value().empty());
}

TEST_CASE("write through: copies are told of an uncertain key before its caller is") {
  copied_team t;
  const cache_copies all[] = {{books, 1, 0, store_kind::through}};
  for (const auto& [who, machine] : t.members) machine->on_caches(all);
  t.put("old");
  const auto end = [&](std::uint64_t number, write_result result) {
    outbox out;
    t.at(self).on_write_done(t.now, {home, number}, std::move(result), out);
    t.carry_out(self, out);
  };
  // The fixture drops the effect that names the run: numbers are given in order.
  std::uint64_t number = 0;
  while (t.at(self).counters().mutations == 0) end(++number, written{});
  t.deliver();
  CHECK(t.copied(anna) == "old");
  const std::uint64_t rid = t.put("new");
  while (t.at(self).counters().store_writes_uncertain == 0) end(++number, write_failure{"gone"});
  CHECK(t.status(rid) == std::nullopt);
  t.deliver();
  CHECK(t.copied(anna).empty());
  CHECK(t.status(rid) == mutate_status::write_uncertain);
}
