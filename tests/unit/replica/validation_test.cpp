// Reads that name the value which their reader has from before: "not modified", or an answer as
// ever.
#include "owner_fixture.hpp"

#include <kith/core/stable_hash.hpp>

using namespace kith;
using namespace kith::replica;
using wire::get_status;

namespace {

[[nodiscard]] wire::known_value known(version at, std::string_view value) {
  return {at, stable_hash(as_bytes(value))};
}

struct asked_owner : owner {
  asked_owner() {
    put(bert, "x");
    at = machine.peek(now, home, books, stable_hash(as_bytes(key)), as_bytes(key))->version;
    clear();
  }
  [[nodiscard]] wire::get_reply ask(const wire::known_value& has, bool load = false) {
    clear();
    get(anna, {.near = true, .load = load, .known = has});
    return one<wire::get_reply>(anna);
  }
  version at;
};

}  // namespace

TEST_CASE("validation: a value that is still the entry's is not sent again") {
  asked_owner o;
  const wire::get_reply said = o.ask(known(o.at, "x"));
  CHECK(said.status == get_status::not_modified);
  CHECK(said.version == o.at);
  CHECK(said.as_of == o.at.seq);
  CHECK(said.cacheable);
  CHECK(said.value.empty());
  CHECK(o.counted().validations_unchanged == 1);
}

TEST_CASE("validation: who is told not modified hears of the next write") {
  asked_owner o;
  static_cast<void>(o.ask(known(o.at, "x")));
  o.clear();
  o.put(bert, "y");
  CHECK(o.sent<wire::invalidate>(anna).size() == 1);
}

TEST_CASE("validation: another version is answered with its value") {
  asked_owner o;
  o.put(bert, "y");
  const wire::get_reply said = o.ask(known(o.at, "x"));
  CHECK(said.status == get_status::hit);
  CHECK(as_text(said.value) == "y");
  CHECK(o.counted().validations_changed == 1);
}

// Goal: a version that was given twice, as in two lives of a cluster, does not let an old value in.
TEST_CASE("validation: the same version of other bytes is answered with its value") {
  asked_owner o;
  const wire::get_reply said = o.ask(known(o.at, "w"));
  CHECK(said.status == get_status::hit);
  CHECK(as_text(said.value) == "x");
}

TEST_CASE("validation: the same bytes under another version are answered as a value") {
  asked_owner o;
  o.put(bert, "x");
  CHECK(o.ask(known(o.at, "x")).status == get_status::hit);
}

TEST_CASE("validation: an absent key is told as absent and is not loaded unless that is asked") {
  asked_owner o;
  o.erase(bert);
  CHECK(o.ask(known(o.at, "x")).status == get_status::absent);
  CHECK(o.effects<run_load>().empty());
  CHECK(o.counted().validations_absent == 1);
  o.clear();
  o.get(anna, {.near = true, .load = true, .known = known(o.at, "x")});
  CHECK(o.effects<run_load>().size() == 1);
}

TEST_CASE("validation: a read by who knows the value is a read, and the value is not sent again") {
  asked_owner o;
  const counters before = o.counted();
  wire::known_value has = known(o.at, "x");
  has.read = true;
  CHECK(o.ask(has).status == get_status::not_modified);
  CHECK(o.counted().hits == before.hits + 1);
  CHECK(o.counted().validations_unchanged == 1);
  o.put(bert, "y");
  const wire::get_reply said = o.ask(has);
  CHECK(said.status == get_status::hit);
  CHECK(as_text(said.value) == "y");
  CHECK(o.counted().validations_changed == 1);
  o.erase(bert);
  CHECK(o.ask(has).status == get_status::absent);
  CHECK(o.counted().misses == before.misses + 1);
  CHECK(o.counted().validations_absent == 1);
  o.clear();
  o.get(anna, {.near = true, .load = true, .known = has});
  CHECK(o.effects<run_load>().size() == 1);
}

TEST_CASE("validation: it is no read of the entry") {
  asked_owner o;
  const counters before = o.counted();
  static_cast<void>(o.ask(known(o.at, "x")));
  static_cast<void>(o.ask(known(o.at, "w")));
  CHECK(o.counted().hits == before.hits);
  CHECK(o.counted().misses == before.misses);
  CHECK(o.machine.cache(books)->counters().hits == 0);
}

TEST_CASE("validation: it does not keep an idle entry alive") {
  owner_with o{{.idle = 10s}};
  o.put(bert, "x");
  const version at =
      o.machine.peek(o.now, home, books, stable_hash(as_bytes(key)), as_bytes(key))->version;
  const auto ask = [&] {
    o.clear();
    o.get(anna, {.near = true, .known = known(at, "x")});
    return o.one<wire::get_reply>(anna);
  };
  o.pass(6s);
  const wire::get_reply said = ask();
  CHECK(said.status == get_status::not_modified);
  CHECK(said.ttl_left == 2s);
  o.pass(6s);
  CHECK(ask().status == get_status::absent);
}

TEST_CASE("validation: what is known travels with the entry's tags and its end") {
  asked_owner o;
  o.mutate(bert, {.value = as_bytes("y"),
                  .rule = wire::ttl_rule::given,
                  .ttl = 20s,
                  .tags = {{.hash = 9}}});
  const version at =
      o.machine.peek(o.now, home, books, stable_hash(as_bytes(key)), as_bytes(key))->version;
  const wire::get_reply said = o.ask(known(at, "y"));
  CHECK(said.status == get_status::not_modified);
  CHECK(said.ttl_left == 20s);
  REQUIRE(said.tags.size() == 1);
  CHECK(said.tags[0].hash == 9);
}

TEST_CASE("validation: an owner whose memory is short gives no leave to keep the value") {
  asked_owner o;
  o.machine.set_memory(o.now, {.pressure = store::pressure::no_copies});
  const wire::get_reply said = o.ask(known(o.at, "x"));
  CHECK(said.status == get_status::not_modified);
  CHECK_FALSE(said.cacheable);
}
