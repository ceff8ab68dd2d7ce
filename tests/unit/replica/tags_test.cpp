// Tags at the owner: what a tag's end removes, what it leaves, and who is told.
#include "owner_fixture.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace kith;
using namespace kith::replica;

namespace {

constexpr wire::tag red{101};
constexpr wire::tag blue{202};

load_result row_of(std::string_view text, std::vector<wire::tag> tags) {
  return loaded{to_bytes(text), std::nullopt, std::move(tags)};
}

struct tagged_owner : owner {
  using owner::owner;
  void put_tagged(std::string_view value, std::vector<wire::tag> tags, std::string_view k = key) {
    mutate(anna, {.value = as_bytes(value), .tags = std::move(tags)}, k);
  }
  void end(wire::tag tag) { mutate(anna, {.kind = wire::mutation::end_tag, .tags = {tag}}); }
};

/// With times after which values are loaded anew, and listeners.
struct lasting_owner : owner_with {
  lasting_owner() : owner_with{{.refresh_after = 10s, .stale_if_error = 60s}, 20s} {}
  void put_tagged(std::string_view value, std::vector<wire::tag> tags) {
    mutate(anna, {.value = as_bytes(value), .tags = std::move(tags)});
  }
  void end(wire::tag tag) { mutate(anna, {.kind = wire::mutation::end_tag, .tags = {tag}}); }
  void finish_tagged(std::string_view row, std::vector<wire::tag> tags) {
    machine.on_load_done(now, begun(), loaded{to_bytes(row), std::nullopt, std::move(tags)}, out);
  }
};

struct watched_tagged_owner : tagged_owner {
  watched_tagged_owner() {
    cache_settings settings;
    settings.id = books;
    settings.watched = watched;
    machine.open_cache(settings);
    static_cast<void>(machine.take_notices());
  }
  /// One line a change that was told: what, key, sequence.
  std::vector<std::string> told() {
    std::vector<std::string> all;
    for (const change_notice& one : machine.take_notices()) {
      if (one.what == entry_change::put) continue;
      CHECK(one.what == entry_change::erased);
      all.push_back(std::string{as_text(one.key)} + ' ' + std::to_string(one.version.seq.value()));
    }
    return all;
  }
  std::shared_ptr<watch_level> watched = std::make_shared<watch_level>(watching::keys);
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

TEST_CASE("tags: a load that was under way when its tag ended is not stored") {
  lasting_owner o;
  o.load(anna);
  const load_ticket started = o.begun();
  o.end(red);
  o.clear();
  o.machine.on_load_done(o.now, started, row_of("old", {blue, red}), o.out);
  CHECK(o.value().empty());
  CHECK_FALSE(o.one<wire::get_reply>(anna).cacheable);
  CHECK(o.counted().loads_outrun == 1);
}

// Goal: where tags end all the time, what is loaded is stored all the same.
TEST_CASE("tags: a load that brings other tags or none is stored though a tag ended meanwhile") {
  for (const std::vector<wire::tag>& tags : {std::vector<wire::tag>{}, {blue}}) {
    lasting_owner o;
    o.load(anna);
    const load_ticket started = o.begun();
    o.end(red);
    o.load(bert);  // it asked after the end
    o.clear();
    o.machine.on_load_done(o.now, started, row_of("row", tags), o.out);
    CHECK(o.value() == "row");
    CHECK(o.one<wire::get_reply>(anna).cacheable);
    CHECK(o.one<wire::get_reply>(bert).cacheable);
    CHECK(o.effects<run_load>().empty());
    CHECK(o.counted().loads_outrun == 0);
  }
}

TEST_CASE("tags: who asked after the end of a tag waits for another load if the row has it") {
  lasting_owner o;
  o.load(anna);
  const load_ticket started = o.begun();
  o.end(red);
  o.load(bert);
  o.clear();
  o.machine.on_load_done(o.now, started, row_of("old", {red}), o.out);
  CHECK(as_text(o.one<wire::get_reply>(anna).value) == "old");
  CHECK(o.sent<wire::get_reply>(bert).empty());
  o.machine.on_load_done(o.now, o.begun(), row_of("new", {red}), o.out);
  CHECK(as_text(o.one<wire::get_reply>(bert).value) == "new");
  CHECK(o.value() == "new");
}

TEST_CASE("tags: a load whose old value had the tag that ended is not stored") {
  lasting_owner o;
  o.put_tagged("old", {red});
  o.pass(11s);
  o.ask();
  const load_ticket refresh = o.begun();
  o.end(red);
  o.machine.on_load_done(o.now, refresh, row_of("row", {blue}), o.out);
  CHECK(o.value().empty());
  CHECK(o.counted().loads_outrun == 1);
}

TEST_CASE("tags: an absence is not remembered if a tag ended while it was looked for") {
  owner_with o{{.negative_ttl = 60s}};
  o.load(anna);
  const load_ticket started = o.begun();
  o.mutate(anna, {.kind = wire::mutation::end_tag, .tags = {red}});
  o.load(bert);
  o.clear();
  o.machine.on_load_done(o.now, started, not_found{}, o.out);
  CHECK_FALSE(o.one<wire::get_reply>(anna).cacheable);
  CHECK(o.sent<wire::get_reply>(bert).empty());
  o.machine.on_load_done(o.now, o.begun(), not_found{}, o.out);
  CHECK(o.one<wire::get_reply>(bert).cacheable);
  CHECK(o.ask().status == wire::get_status::absent);
}

TEST_CASE("tags: a value whose row is gone goes though a tag of others ended meanwhile") {
  lasting_owner o;
  o.put_tagged("old", {blue});
  o.pass(11s);
  o.ask();
  const load_ticket refresh = o.begun();
  o.end(red);
  o.machine.on_load_done(o.now, refresh, not_found{}, o.out);
  CHECK(o.value().empty());
}

TEST_CASE("tags: a processor runs again if a tag of its entry ended and only then") {
  for (const wire::tag ended : {red, blue}) {
    tagged_owner o;
    o.put_tagged("old", {red});
    o.mutate(bert, {.kind = wire::mutation::invoke, .processor = as_bytes("append")});
    const processor_ticket first = o.effects<run_processor>().at(0).ticket;
    o.end(ended);
    o.clear();
    processed done;
    done.action = processor_action::set;
    done.value = to_bytes("old and more");
    o.machine.on_processor_done(o.now, first, done, o.out);
    const auto again = o.effects<run_processor>();
    CHECK(again.size() == (ended == red ? 1 : 0));
    if (ended == red) CHECK_FALSE(again.at(0).current);
    CHECK(o.value() == (ended == red ? "" : "old and more"));
  }
}

TEST_CASE("tags: a value beyond its end is not answered when its tag ended") {
  lasting_owner o;
  o.put_tagged("old", {red});
  o.pass(21s);
  o.end(red);
  CHECK(o.asks_and_waits());
  o.fail(o.begun());
  CHECK(o.one<wire::get_reply>(anna).status == wire::get_status::load_failed);
}

TEST_CASE("tags: a loader's tags are the entry's and go with its answer") {
  lasting_owner o;
  o.load(bert);
  o.finish_tagged("row", {red, blue});
  CHECK(o.one<wire::get_reply>(bert).tags == std::vector{red, blue});
  CHECK(o.ask().tags == std::vector{red, blue});
  o.end(blue);
  CHECK(o.asks_and_waits());
}

TEST_CASE("tags: a value that is loaded anew keeps its tags unless the loader names others") {
  lasting_owner o;
  o.put_tagged("old", {red});
  o.pass(11s);
  CHECK(as_text(o.ask().value) == "old");
  o.finish_tagged("row", {});
  CHECK(o.ask().tags == std::vector{red});
  o.pass(21s);
  CHECK(o.asks_and_waits());
  o.finish_tagged("row", {});
  CHECK(o.ask().tags == std::vector{red});
  o.pass(11s);
  o.ask();
  o.finish_tagged("row", {blue});
  CHECK(o.ask().tags == std::vector{blue});
}

TEST_CASE("tags: what a caller loads with a ticket has its tags") {
  owner_with o{{}, std::nullopt, false};
  o.load(anna);
  const std::uint64_t ticket = o.one<wire::get_reply>(anna).ticket;
  o.mutate(anna, {.kind = wire::mutation::fill,
                  .value = as_bytes("row"),
                  .ticket = ticket,
                  .tags = {red}});
  CHECK(o.value() == "row");
  o.mutate(anna, {.kind = wire::mutation::end_tag, .tags = {red}});
  CHECK(o.value().empty());
}

TEST_CASE("tags: listeners are told of each entry that ends with its tag") {
  watched_tagged_owner o;
  o.put_tagged("a", {red});
  o.put_tagged("b", {blue}, key_of(home, 0));
  o.end(red);
  CHECK(o.told() == std::vector<std::string>{std::string{key} + " 3"});
  o.end(red);
  CHECK(o.told().empty());
  // Nobody watched at the end: it is told when the entry is found to be gone.
  o.watched->store(watching::nothing);
  o.end(blue);
  o.watched->store(watching::keys);
  CHECK(o.value(key_of(home, 0)).empty());
  CHECK(o.told() == std::vector<std::string>{key_of(home, 0) + " 2"});
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

TEST_CASE("tags: the end of one ends what is known of absences") {
  owner_with o{{.negative_ttl = 60s}};
  o.clear();
  o.load(anna);
  o.machine.on_load_done(o.now, o.begun(), not_found{}, o.out);
  CHECK(o.ask().status == wire::get_status::absent);
  o.mutate(bert, {.kind = wire::mutation::end_tag, .tags = {red}});
  CHECK(o.asks_and_waits());
}

// Method: the tag's entries are read, the others never; there is room for both until more come.
TEST_CASE("tags: entries that a tag ended leave before live ones that nobody read") {
  tagged_owner o;
  cache_settings settings;
  settings.id = books;
  settings.max_entries = 4;
  o.machine.open_cache(settings);
  std::vector<std::string> names;
  for (int i = 0; i < 6; ++i) names.push_back(key_of(home, i));
  for (const int hot : {0, 1}) {
    o.put_tagged("hot", {red}, names[static_cast<std::size_t>(hot)]);
    CHECK(o.value(names[static_cast<std::size_t>(hot)]) == "hot");
  }
  for (const int cold : {2, 3}) o.put(anna, "cold", names[static_cast<std::size_t>(cold)]);
  o.end(red);
  for (const int next : {4, 5}) o.put(anna, "new", names[static_cast<std::size_t>(next)]);
  for (const int live : {2, 3, 4, 5}) {
    CHECK_FALSE(o.value(names[static_cast<std::size_t>(live)]).empty());
  }
}
