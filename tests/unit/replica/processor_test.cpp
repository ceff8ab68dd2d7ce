#include "owner_fixture.hpp"

using namespace kith;
using namespace kith::replica;
using wire::mutate_status;
using wire::mutation;

namespace {

std::uint64_t invoke(owner& o, const member_id& from, std::string_view fields = "f",
                     std::uint64_t operation = 0) {
  return o.mutate(from, {.operation = operation,
                         .kind = mutation::invoke,
                         .value = as_bytes(fields),
                         .processor = as_bytes("twice")});
}

processor_ticket running(const owner& o) {
  const auto runs = o.effects<run_processor>();
  REQUIRE(!runs.empty());
  return runs.back().ticket;
}

void set(owner& o, const processor_ticket& ticket, std::string_view value) {
  o.machine.on_processor_done(
      o.now, ticket, processed{processor_action::set, to_bytes(value), to_bytes("done")}, o.out);
}

}  // namespace

TEST_CASE("processor: it is given the entry and its fields, and its result is applied") {
  owner o;
  o.put(bert, "old");
  o.clear();
  invoke(o, anna, "fields");
  const auto run = o.effects<run_processor>().at(0);
  CHECK(run.name == "twice");
  CHECK(run.fields == to_bytes("fields"));
  CHECK(run.current == to_bytes("old"));
  CHECK(run.current_version == version{first_epoch, sequence{1}});
  CHECK(o.sent<wire::mutate_reply>(anna).empty());
  CHECK(o.value() == "old");
  set(o, run.ticket, "new");
  const auto reply = o.one<wire::mutate_reply>(anna);
  CHECK(reply.status == mutate_status::applied);
  CHECK(reply.version == version{first_epoch, sequence{2}});
  CHECK(as_text(reply.result) == "done");
  CHECK(o.value() == "new");
}

TEST_CASE("processor: it may erase, or leave the entry as it is") {
  owner o;
  o.put(bert, "old");
  invoke(o, anna);
  o.machine.on_processor_done(o.now, running(o), processed{}, o.out);
  CHECK(o.one<wire::mutate_reply>(anna).version == version{first_epoch, sequence{1}});
  CHECK(o.value() == "old");
  o.clear();
  invoke(o, anna);
  o.machine.on_processor_done(o.now, running(o), processed{processor_action::erase, {}, {}}, o.out);
  CHECK(o.one<wire::mutate_reply>(anna).version == version{first_epoch, sequence{2}});
  CHECK(o.value().empty());
}

TEST_CASE("processor: other writes of the key wait in order, reads see the old value") {
  owner o;
  o.put(bert, "old");
  o.clear();
  invoke(o, anna);
  o.put(bert, "second");
  invoke(o, anna, "third");
  o.put(bert, "fourth");
  CHECK(o.sent<wire::mutate_reply>(bert).empty());
  CHECK(o.effects<run_processor>().size() == 1);
  CHECK(o.value() == "old");
  o.put(self, "free", key_of(home, 0));
  CHECK(o.effects<answer_mutate>().size() == 1);
  set(o, running(o), "first");
  CHECK(o.sent<wire::mutate_reply>(bert).size() == 1);
  REQUIRE(o.effects<run_processor>().size() == 2);
  CHECK(o.effects<run_processor>()[1].current == to_bytes("second"));
  CHECK(o.effects<run_processor>()[1].fields == to_bytes("third"));
  set(o, running(o), "processed");
  CHECK(o.sent<wire::mutate_reply>(bert).size() == 2);
  CHECK(o.value() == "fourth");
}

TEST_CASE("processor: the writes that wait are bounded, and the refused one may try again") {
  replica_options options = options_of_home();
  options.pending_writes = 1;
  owner o{options};
  invoke(o, anna);
  o.put(bert, "waits");
  o.mutate(bert, {.operation = 50, .kind = mutation::put, .value = as_bytes("too many")});
  CHECK(o.one<wire::mutate_reply>(bert).status == mutate_status::overloaded);
  set(o, running(o), "x");
  o.clear();
  o.mutate(bert, {.operation = 50, .kind = mutation::put, .value = as_bytes("again")});
  CHECK(o.one<wire::mutate_reply>(bert).status == mutate_status::applied);
}

TEST_CASE("processor: the bytes of the writes that wait are bounded over all keys") {
  replica_options options = options_of_home();
  options.pending_write_bytes = 100;
  owner o{options};
  invoke(o, anna);
  const std::string large(60, 'x');
  o.put(bert, large);
  o.mutate(bert, {.operation = 50, .kind = mutation::put, .value = as_bytes(large)});
  CHECK(o.one<wire::mutate_reply>(bert).status == mutate_status::overloaded);
  set(o, running(o), "x");
  CHECK(o.value() == large);
  // What has had its turn counts no more.
  o.clear();
  invoke(o, anna, "f", 51);
  o.mutate(bert, {.operation = 52, .kind = mutation::put, .value = as_bytes(large)});
  CHECK(o.sent<wire::mutate_reply>(bert).empty());
}

TEST_CASE("processor: a retry while it runs is not run again, and gets the answer itself") {
  owner o;
  invoke(o, anna, "f", 9);
  const std::uint64_t rid = invoke(o, anna, "f", 9);
  REQUIRE(o.effects<run_processor>().size() == 1);
  const processor_ticket ticket = running(o);
  o.clear();
  set(o, ticket, "x");
  REQUIRE(o.out.size() == 1);
  CHECK(std::get<wire::send>(o.out[0]).message.rid == rid);
  CHECK(o.counted().retries_pending == 1);
}

TEST_CASE("processor: a clear or a load's result under it makes it run again") {
  owner o;
  o.put(bert, "old");
  invoke(o, anna);
  const processor_ticket first = running(o);
  o.mutate(bert, {.kind = mutation::clear});
  o.clear();
  set(o, first, "made of old");
  CHECK(o.value().empty());
  REQUIRE(o.effects<run_processor>().size() == 1);
  CHECK(o.effects<run_processor>()[0].current == std::nullopt);
  const processor_ticket second = running(o);
  o.load(bert);
  o.machine.on_load_done(o.now, o.effects<run_load>().at(0).ticket,
                         loaded{to_bytes("row"), std::nullopt}, o.out);
  set(o, second, "made of nothing");
  CHECK(o.value() == "row");
  set(o, running(o), "made of row");
  CHECK(o.value() == "made of row");
  CHECK(o.counted().processors_rerun == 2);
}

TEST_CASE("processor: failing, unknown or hanging, it changes nothing and frees the key") {
  owner o;
  o.put(bert, "old");
  o.clear();
  invoke(o, anna);
  o.put(bert, "next");
  o.machine.on_processor_done(o.now, running(o), processor_failure{"bad\n"}, o.out);
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::processor_failed);
  CHECK(as_text(o.one<wire::mutate_reply>(anna).result) == "bad?");
  CHECK(o.value() == "next");
  o.clear();
  invoke(o, anna);
  o.machine.on_processor_done(o.now, running(o), processor_unknown{}, o.out);
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::unknown_processor);
  o.clear();
  invoke(o, anna);
  const processor_ticket slow = running(o);
  o.pass(30s);
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::processor_failed);
  o.clear();
  set(o, slow, "late");
  CHECK(o.out.empty());
  CHECK(o.value() == "next");
}

TEST_CASE("processor: its result is not applied by an owner that lost contact meanwhile") {
  owner o;
  invoke(o, anna, "f", 9);
  o.put(bert, "waits");
  o.now += 10s;
  set(o, running(o), "x");
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::retry);
  CHECK(o.one<wire::mutate_reply>(bert).status == mutate_status::retry);
  o.machine.set_standing(o.now);
  CHECK(o.value().empty());
  o.clear();
  invoke(o, anna, "f", 9);
  CHECK(o.effects<run_processor>().size() == 1);
}

// Method: two keys on whose processors more writes wait than a turn frees, together.
TEST_CASE("processor: a turn frees so many keys of hanging processors and the next one goes on") {
  owner o;
  const std::string second = key_of(home, 0);
  for (const std::string& each : {key, second}) {
    o.mutate(anna, {.kind = mutation::invoke, .processor = as_bytes("hangs")}, each);
    for (std::size_t i = 0; i < store::turn_limit; ++i) o.put(bert, "later", each);
  }
  o.clear();
  o.pass(30s);
  CHECK(o.counted().processors_failed == 1);
  CHECK(o.sent<wire::mutate_reply>(bert).size() == store::turn_limit);
  CHECK(o.machine.next_timeout() <= o.now);
  o.pass(0s);
  CHECK(o.counted().processors_failed == 2);
  CHECK(o.sent<wire::mutate_reply>(bert).size() == 2 * store::turn_limit);
  CHECK(o.value(second) == "later");
}
