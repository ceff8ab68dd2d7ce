#include "owner_fixture.hpp"

#include <limits>
#include <optional>

using namespace kith;
using namespace kith::replica;
using wire::mutate_status;
using wire::mutation;

namespace {

version version_of(std::uint64_t seq) { return {first_epoch, sequence{seq}}; }

}  // namespace

TEST_CASE("mutations: a put is stored under the next version and read back") {
  owner o;
  o.put(anna, "one");
  const auto reply = o.one<wire::mutate_reply>(anna);
  CHECK(reply.status == mutate_status::applied);
  CHECK(reply.version == version_of(1));
  CHECK_FALSE(reply.existed);
  CHECK(o.value() == "one");
  o.clear();
  o.put(bert, "two");
  CHECK(o.one<wire::mutate_reply>(bert).version == version_of(2));
  CHECK(o.one<wire::mutate_reply>(bert).existed);
  CHECK(o.value() == "two");
}

TEST_CASE("mutations: put_if_absent is refused with the version of what is there") {
  owner o;
  o.mutate(anna, {.kind = mutation::put_if_absent, .value = as_bytes("first")});
  o.mutate(bert, {.kind = mutation::put_if_absent, .value = as_bytes("second")});
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::applied);
  const auto reply = o.one<wire::mutate_reply>(bert);
  CHECK(reply.status == mutate_status::refused);
  CHECK(reply.version == version_of(1));
  CHECK(reply.existed);
  CHECK(o.value() == "first");
}

TEST_CASE("mutations: compare_and_put needs the very version, and zero for an absent key") {
  owner o;
  const auto compare = [&](version expected, std::string_view value) {
    o.clear();
    o.mutate(anna,
             {.kind = mutation::compare_and_put, .value = as_bytes(value), .expected = expected});
    return o.one<wire::mutate_reply>(anna);
  };
  CHECK(compare(version_of(1), "early").status == mutate_status::refused);
  CHECK(compare({}, "first").status == mutate_status::applied);
  CHECK(compare({}, "again").status == mutate_status::refused);
  CHECK(compare(version_of(2), "wrong").status == mutate_status::refused);
  CHECK(compare(version_of(1), "second").version == version_of(2));
  CHECK(o.value() == "second");
}

TEST_CASE("mutations: a refused mutation takes no version and is not told") {
  owner o;
  o.near_get(bert);
  o.put(anna, "x");
  o.pass(10ms);
  o.clear();
  o.mutate(anna, {.kind = mutation::put_if_absent, .value = as_bytes("y")});
  o.pass(10ms);
  CHECK(o.sent<wire::invalidate>(bert).empty());
  o.put(anna, "z");
  CHECK(o.one<wire::invalidate>(bert).entries[0].seq == sequence{2});
}

TEST_CASE("mutations: erase removes, of an absent key it still takes a version and is told") {
  owner o;
  o.put(anna, "x");
  o.clear();
  o.erase(anna);
  CHECK(o.one<wire::mutate_reply>(anna).existed);
  CHECK(o.value().empty());
  o.near_get(bert);
  o.pass(10ms);
  o.clear();
  o.erase(anna);
  const auto reply = o.one<wire::mutate_reply>(anna);
  CHECK(reply.status == mutate_status::applied);
  CHECK_FALSE(reply.existed);
  CHECK(reply.version == version_of(3));
  CHECK(o.one<wire::invalidate>(bert).entries[0].seq == sequence{3});
}

TEST_CASE("mutations: add counts an absent entry as zero, answers the sum, and wraps") {
  owner o;
  const auto add = [&](std::int64_t delta) {
    o.clear();
    const bytes number = write_number(delta);
    o.mutate(anna, {.kind = mutation::add, .value = number});
    return read_number(o.one<wire::mutate_reply>(anna).result);
  };
  CHECK(add(5) == 5);
  CHECK(add(-7) == -2);
  CHECK(add(std::numeric_limits<std::int64_t>::max()) ==
        std::numeric_limits<std::int64_t>::max() - 2);
  CHECK(add(3) == std::numeric_limits<std::int64_t>::min());
}

TEST_CASE("mutations: numbers are eight bytes, the lowest first") {
  const bytes number = write_number(0x0102);
  REQUIRE(number.size() == 8);
  CHECK(number[0] == std::byte{2});
  CHECK(number[1] == std::byte{1});
  CHECK(read_number(as_bytes("seven b")) == std::nullopt);
}

TEST_CASE("mutations: add to what is no number, or of no number, is refused") {
  owner o;
  const bytes number = write_number(1);
  o.put(anna, "text");
  o.clear();
  o.mutate(anna, {.kind = mutation::add, .value = number});
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::wrong_type);
  CHECK(o.value() == "text");
  o.erase(anna);
  o.clear();
  o.mutate(anna, {.kind = mutation::add, .value = as_bytes("1")});
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::wrong_type);
}

TEST_CASE("mutations: clear empties the cache in the partition and is told as one") {
  owner o;
  const std::string other = key_of(home, 0);
  o.put(anna, "x");
  o.put(anna, "y", other);
  o.near_get(bert);
  o.pass(10ms);
  o.clear();
  o.mutate(anna, {.kind = mutation::clear});
  CHECK(o.one<wire::mutate_reply>(anna).existed);
  CHECK(o.value().empty());
  CHECK(o.value(other).empty());
  const auto told = o.one<wire::invalidate>(bert).entries;
  REQUIRE(told.size() == 1);
  CHECK(told[0] == wire::invalidation{sequence{3}, books, wire::scope::cache, 0});
  outbox counted;
  CHECK(o.machine.on_count(o.now, self, 1, home, {first_epoch, books}, counted));
  CHECK(std::get<answer_count>(counted[0]).reply.entries == 0);
}

TEST_CASE("mutations: a value above all limits is refused and takes no version") {
  replica_options options = options_of_home();
  owner o{options};
  cache_settings small;
  small.id = books;
  small.max_bytes = 1024;
  o.machine.open_cache(small);
  o.put(anna, "small");
  o.clear();
  o.put(anna, std::string(2000, 'x'));
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::too_large);
  CHECK(o.value() == "small");
  const std::string long_key(wire::limits::key_bytes + 1, 'k');
  const auto there = partition_of(stable_hash(as_bytes(long_key)));
  replica_options lane = options;
  lane.lane = index_of(there) % lane.lanes;
  kith::replica::replica other{self, lane};
  other.on_ownership(o.now, there, self, first_epoch, o.out);
  other.set_standing(o.now);
  wire::mutate message;
  message.epoch = first_epoch;
  message.key = as_bytes(long_key);
  o.clear();
  CHECK(other.on_mutate(o.now, self, 1, there, message, o.out));
  CHECK(o.effects<answer_mutate>()[0].reply.status == mutate_status::too_large);
}

TEST_CASE("mutations: a time to live beyond all times has no end") {
  owner o;
  const duration longest{never.time_since_epoch().count()};
  for (const duration ttl : {longest, longest - 1h}) {
    o.mutate(anna, {.kind = mutation::put,
                    .value = write_number(1),
                    .rule = wire::ttl_rule::given,
                    .ttl = ttl});
    o.clear();
    o.get(anna, {});
    CHECK_FALSE(o.one<wire::get_reply>(anna).ttl_left);
  }
}

TEST_CASE("mutations: put resets the time to live to the cache's, add keeps what remains") {
  owner o;
  cache_settings settings;
  settings.id = books;
  settings.ttl = 10s;
  o.machine.open_cache(settings);
  const auto left = [&] {
    o.clear();
    o.get(anna, {});
    return o.one<wire::get_reply>(anna).ttl_left;
  };
  const bytes one = write_number(1);
  o.mutate(anna, {.kind = mutation::put, .value = one});
  CHECK(left() == duration{10s});
  o.pass(4s);
  o.mutate(anna, {.kind = mutation::add, .value = one});
  CHECK(left() == duration{6s});
  o.mutate(anna, {.kind = mutation::put, .value = one});
  CHECK(left() == duration{10s});
  o.mutate(anna, {.kind = mutation::put, .value = one, .rule = wire::ttl_rule::given, .ttl = 1min});
  CHECK(left() == duration{1min});
  o.mutate(anna, {.kind = mutation::put, .value = one, .rule = wire::ttl_rule::keep});
  CHECK(left() == duration{1min});
  o.mutate(anna, {.kind = mutation::put, .value = one, .rule = wire::ttl_rule::unlimited});
  CHECK(left() == std::nullopt);
  o.mutate(
      anna,
      {.kind = mutation::put, .value = one, .rule = wire::ttl_rule::given, .ttl = duration::max()});
  CHECK(left() == std::nullopt);
}

TEST_CASE("mutations: touch gives an entry a new time to live and leaves its value") {
  owner o;
  cache_settings settings;
  settings.id = books;
  settings.ttl = 10s;
  o.machine.open_cache(settings);
  const auto touch = [&](wire::ttl_rule rule, duration ttl) {
    o.clear();
    o.mutate(anna, {.kind = mutation::touch, .rule = rule, .ttl = ttl});
    return o.one<wire::mutate_reply>(anna);
  };
  const auto left = [&] {
    o.clear();
    o.get(anna, {});
    return o.one<wire::get_reply>(anna).ttl_left;
  };
  o.put(anna, "x");
  o.pass(4s);
  const auto reply = touch(wire::ttl_rule::cache_default, {});
  CHECK(reply.status == mutate_status::applied);
  CHECK(reply.version == version_of(2));
  CHECK(reply.existed);
  CHECK(left() == duration{10s});
  CHECK(o.one<wire::get_reply>(anna).version == version_of(2));
  CHECK(touch(wire::ttl_rule::given, 1min).version == version_of(3));
  CHECK(left() == duration{1min});
  o.pass(30s);
  CHECK(o.value() == "x");
  CHECK(touch(wire::ttl_rule::given, 1s).status == mutate_status::applied);
  o.pass(1s);
  CHECK(o.value().empty());
}

TEST_CASE("mutations: touch is told to those who keep a copy, unless there is no entry") {
  owner o;
  o.put(anna, "x");
  o.near_get(bert);
  o.pass(10ms);
  o.clear();
  const auto operation = o.operations + 1;
  o.mutate(anna, {.operation = operation, .kind = mutation::touch});
  o.mutate(anna, {.operation = operation, .kind = mutation::touch});  // asked again
  CHECK(o.one<wire::invalidate>(bert).entries.size() == 1);
  CHECK(o.one<wire::invalidate>(bert).entries[0].seq == sequence{2});
  o.operations = operation;
  o.erase(anna);
  o.pass(10ms);
  o.clear();
  o.mutate(anna, {.kind = mutation::touch});
  o.pass(10ms);
  CHECK(o.one<wire::mutate_reply>(anna).status == mutate_status::refused);
  CHECK_FALSE(o.one<wire::mutate_reply>(anna).existed);
  CHECK(o.sent<wire::invalidate>(bert).empty());
}

TEST_CASE("mutations: a touched entry is not the next to be evicted") {
  owner o;
  cache_settings settings;
  settings.id = books;
  settings.max_entries = 3;
  o.machine.open_cache(settings);
  for (int i = 0; i < 3; ++i) o.put(anna, "x", key_of(home, i));
  o.mutate(anna, {.kind = mutation::touch}, key_of(home, 0));
  o.put(anna, "x", key_of(home, 3));
  CHECK(o.value(key_of(home, 0)) == "x");
  CHECK(o.value(key_of(home, 1)).empty());
}

TEST_CASE("mutations: erase_if_version needs the very version, and an entry") {
  owner o;
  const auto erase_if = [&](version expected) {
    o.clear();
    o.mutate(anna, {.kind = mutation::erase_if_version, .expected = expected});
    return o.one<wire::mutate_reply>(anna);
  };
  CHECK(erase_if({}).status == mutate_status::refused);
  o.put(bert, "x");
  o.near_get(bert);
  o.pass(10ms);
  CHECK(erase_if({}).status == mutate_status::refused);
  CHECK(erase_if(version_of(2)).version == version_of(1));
  CHECK(o.value() == "x");
  o.pass(10ms);
  CHECK(o.sent<wire::invalidate>(bert).empty());
  const auto reply = erase_if(version_of(1));
  CHECK(reply.status == mutate_status::applied);
  CHECK(reply.version == version_of(2));
  CHECK(reply.existed);
  CHECK(o.value().empty());
  CHECK(o.one<wire::invalidate>(bert).entries[0].seq == sequence{2});
  CHECK(erase_if(version_of(1)).status == mutate_status::refused);
}

TEST_CASE("mutations: an entry is gone at its time, without a version and untold") {
  owner o;
  o.near_get(bert);
  o.mutate(
      anna,
      {.kind = mutation::put, .value = as_bytes("x"), .rule = wire::ttl_rule::given, .ttl = 5s});
  CHECK(o.machine.next_timeout() <= o.now + 5s + 2ms);
  o.pass(5s - 1ns);
  CHECK(o.value() == "x");
  o.clear();
  o.now += 1ns;
  CHECK(o.value().empty());
  o.pass(2ms);
  CHECK(o.machine.cache(books)->size(index_of(home) / 16) == 0);
  CHECK(o.sent<wire::invalidate>(bert).empty());
}

TEST_CASE("mutations: many entries that expire together are removed in bounded turns") {
  replica_options options = options_of_home();
  options.expiry_work = 10;
  owner o{options};
  for (int i = 0; i < 25; ++i) {
    o.mutate(anna, {.kind = mutation::put, .rule = wire::ttl_rule::given, .ttl = 1s},
             key_of(home, i));
  }
  const std::size_t slot = index_of(home) / 16;
  o.pass(2s);
  CHECK(o.machine.cache(books)->size(slot) > 0);
  CHECK(o.machine.next_timeout() <= o.now);
  for (int turn = 0; turn < 10; ++turn) o.pass(0s);
  CHECK(o.machine.cache(books)->size(slot) == 0);
}
