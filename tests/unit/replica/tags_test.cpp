// Tags at the owner: what a tag's end removes, what it leaves, and who is told.
#include "owner_fixture.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace kith;
using namespace kith::replica;

namespace {

constexpr wire::tag red{101};
constexpr wire::tag blue{202};

struct tagged_owner : owner {
  using owner::owner;
  void put_tagged(std::string_view value, std::vector<wire::tag> tags, std::string_view k = key) {
    mutate(anna, {.value = as_bytes(value), .tags = std::move(tags)}, k);
  }
  void end(wire::tag tag) { mutate(anna, {.kind = wire::mutation::end_tag, .tags = {tag}}); }
};

}  // namespace

TEST_CASE("tags: the end of a tag removes what has it and leaves the rest") {
  tagged_owner o;
  const std::string other = key_of(home, 0);
  const std::string plain = key_of(home, 1);
  o.put_tagged("a", {red, blue});
  o.put_tagged("b", {blue}, other);
  o.put_tagged("c", {}, plain);
  o.end(red);
  CHECK(o.value().empty());
  CHECK(o.value(other) == "b");
  CHECK(o.value(plain) == "c");
  o.end(blue);
  CHECK(o.value(other).empty());
  CHECK(o.value(plain) == "c");
}

TEST_CASE("tags: what is put after the end of its tag stays") {
  tagged_owner o;
  o.end(red);
  o.put_tagged("new", {red});
  CHECK(o.value() == "new");
  o.end(blue);
  CHECK(o.value() == "new");
}

TEST_CASE("tags: the end takes a version and is told as one invalidation") {
  tagged_owner o;
  o.put_tagged("a", {red});
  o.near_get(bert);
  CHECK(o.one<wire::get_reply>(bert).tags == std::vector{red});
  o.pass(10ms);
  o.clear();
  o.end(red);
  CHECK(o.one<wire::mutate_reply>(anna).version == version{first_epoch, sequence{2}});
  const auto told = o.one<wire::invalidate>(bert).entries;
  REQUIRE(told.size() == 1);
  CHECK(told[0] == wire::invalidation{sequence{2}, books, wire::scope::tag, red.hash});
}

TEST_CASE("tags: a condition on an entry whose tag ended finds no entry") {
  tagged_owner o;
  o.put_tagged("a", {red});
  o.end(red);
  o.clear();
  o.mutate(anna, {.kind = wire::mutation::compare_and_put,
                  .value = as_bytes("b"),
                  .expected = {first_epoch, sequence{1}}});
  CHECK(o.one<wire::mutate_reply>(anna).status == wire::mutate_status::refused);
  CHECK_FALSE(o.one<wire::mutate_reply>(anna).existed);
  o.mutate(anna, {.kind = wire::mutation::put_if_absent, .value = as_bytes("b")});
  CHECK(o.value() == "b");
}

TEST_CASE("tags: a put replaces the tags, add and touch leave them") {
  tagged_owner o;
  o.put_tagged("a", {red});
  o.put_tagged("b", {});
  o.end(red);
  CHECK(o.value() == "b");

  const bytes one = write_number(1);
  o.put_tagged(as_text(one), {red});
  o.mutate(anna, {.kind = wire::mutation::add, .value = one});
  o.mutate(anna, {.kind = wire::mutation::touch});
  CHECK_FALSE(o.value().empty());
  o.end(red);
  CHECK(o.value().empty());
}

TEST_CASE("tags: a load that was under way when a tag ended is not stored") {
  tagged_owner o;
  o.load(anna);
  const run_load started = o.effects<run_load>().at(0);
  o.end(red);
  o.clear();
  o.machine.on_load_done(o.now, started.ticket, loaded{to_bytes("old"), std::nullopt}, o.out);
  CHECK(o.value().empty());
  CHECK_FALSE(o.one<wire::get_reply>(anna).cacheable);
}

TEST_CASE("tags: an end without one tag or with a key breaks the protocol") {
  owner o;
  wire::mutate message;
  message.epoch = first_epoch;
  message.cache = books;
  message.kind = wire::mutation::end_tag;
  message.operation = 1;
  CHECK_FALSE(o.machine.on_mutate(o.now, anna, 1, home, message, o.out));
  message.tags = {red, blue};
  CHECK_FALSE(o.machine.on_mutate(o.now, anna, 1, home, message, o.out));
  message.tags = {red};
  message.key = as_bytes(key);
  CHECK_FALSE(o.machine.on_mutate(o.now, anna, 1, home, message, o.out));
  message.key = {};
  CHECK(o.machine.on_mutate(o.now, anna, 1, home, message, o.out));
}
