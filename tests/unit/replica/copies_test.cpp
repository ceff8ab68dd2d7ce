// The copies that a lane keeps, by themselves: what feeds make of them, honest ones and others.
#include "copies_fixture.hpp"

#include <kith/replica/copies.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace kith;
using namespace kith::replica;
using wire::feed_kind;

namespace {

using outcome = copies::result;
using told_item = wire::feed_item;

/// The copies of one lane, told about `home` in rounds of `first_epoch`.
struct kept_copies {
  replica_options options = options_of_home();
  copies all{options};
  time_point now{1h};
  epoch term = first_epoch;
  std::size_t slot = index_of(home) / options.lanes;

  outcome say(std::uint64_t round, std::uint64_t first, std::vector<told_item> items) {
    return all.on_feed(now, home, slot, {term, round, first, std::move(items)});
  }
  [[nodiscard]] const copy& state() const { return all.of(slot); }
  [[nodiscard]] std::string value(std::string_view k = key) const {
    const entries* known = all.cache(books);
    if (known == nullptr) return {};
    const auto found = known->peek(now, stable_hash(as_bytes(k)), as_bytes(k));
    return found ? std::string{as_text(found->value().value)} : std::string{};
  }
};

struct opening_item {
  bytes encoded;
  explicit opening_item(const wire::feed_opening& of = {}) : encoded{wire::encoded(of)} {}
  operator told_item() const {
    told_item made;
    made.kind = feed_kind::begin;
    made.value = encoded;
    return made;
  }
};

told_item item_about(feed_kind kind, std::string_view k, std::uint64_t seq,
                     std::string_view value = {}) {
  told_item made;
  made.kind = kind;
  made.cache = books;
  made.key = as_bytes(k);
  made.value = as_bytes(value);
  made.version = {first_epoch, sequence{seq}};
  return made;
}
told_item put_item(std::string_view k, std::uint64_t seq, std::string_view value) {
  return item_about(feed_kind::put, k, seq, value);
}
told_item plain_item(feed_kind kind) {
  told_item made;
  made.kind = kind;
  made.cache = books;
  return made;
}
told_item answer_item(std::uint64_t operation, std::uint64_t lowest = 0) {
  told_item made;
  made.answer =
      wire::feed_answer{carl, operation, lowest, {first_epoch, sequence{1}}, false, false, {}};
  return made;
}

/// Of another partition that the same lane holds.
partition_id of_same_lane() {
  return static_cast<partition_id>((index_of(home) + options_of_home().lanes) % partition_count);
}

}  // namespace

TEST_CASE("copies: items are done once, in their order, and behind no hole") {
  kept_copies c;
  const opening_item opening;
  CHECK_FALSE(c.state().held());
  CHECK(c.say(1, 1, {opening, put_item(key, 1, "one")}) == outcome::done);
  CHECK(c.state().applied == 2);
  CHECK(c.say(1, 4, {put_item(key, 3, "three")}) == outcome::passed_over);
  CHECK(c.value() == "one");
  CHECK(c.say(1, 3, {put_item(key, 2, "two")}) == outcome::done);
  CHECK(c.say(1, 1, {opening, put_item(key, 1, "one")}) == outcome::done);
  CHECK(c.value() == "two");
  CHECK(c.state().applied == 3);
  CHECK(c.say(1, 2, {put_item(key, 1, "one"), put_item(key, 2, "two"), put_item(key, 3, "3")}) ==
        outcome::done);
  CHECK(c.value() == "3");
}

TEST_CASE(
    "copies: a round that is over is passed over, and so is one whose beginning was not seen") {
  kept_copies c;
  const opening_item opening;
  CHECK(c.say(2, 2, {put_item(key, 1, "x")}) == outcome::passed_over);
  CHECK_FALSE(c.state().held());
  CHECK(c.say(2, 1, {opening}) == outcome::done);
  CHECK(c.say(1, 1, {opening, put_item(key, 1, "x")}) == outcome::passed_over);
  CHECK(c.say(3, 2, {put_item(key, 1, "x")}) == outcome::passed_over);
  CHECK(c.state().round == 2);
  CHECK(c.value().empty());
}

TEST_CASE("copies: what no honest owner says is a violation, and what was there stays") {
  kept_copies c;
  const opening_item opening;
  const std::string foreign = key_of(of_same_lane(), 0);
  REQUIRE(c.say(2, 1, {opening, put_item(key, 1, "one"), plain_item(feed_kind::end)}) ==
          outcome::done);
  const auto violates = [&](std::uint64_t round, std::uint64_t first,
                            std::vector<told_item> items) {
    return c.say(round, first, std::move(items)) == outcome::violation;
  };
  CHECK(violates(2, 4, {}));
  CHECK(violates(0, 4, {put_item(key, 2, "two")}));
  CHECK(violates(2, 0, {put_item(key, 2, "two")}));
  CHECK(violates(3, 1, {put_item(key, 2, "two")}));
  CHECK(violates(2, 4, {put_item(foreign, 2, "two")}));
  CHECK(violates(2, 4, {item_about(feed_kind::erase, foreign, 2)}));
  CHECK(violates(2, 4, {item_about(feed_kind::drop, foreign, 2)}));
  CHECK(violates(2, 4, {opening}));
  CHECK(violates(2, 4, {plain_item(feed_kind::end)}));
  told_item garbled = opening;
  garbled.value = as_bytes("?");
  CHECK(violates(3, 1, {garbled}));
  told_item tags = plain_item(feed_kind::end_tag);
  CHECK(violates(2, 4, {tags}));
  tags.tags = {{1}, {2}};
  CHECK(violates(2, 4, {tags}));
  CHECK(c.value() == "one");
  CHECK(c.value(foreign).empty());
  CHECK(c.state().applied == 3);
  CHECK(c.state().round == 2);
  CHECK(c.state().complete);
  CHECK(c.say(2, 4, {put_item(key, 2, "two")}) == outcome::done);
  CHECK(c.value() == "two");
}

TEST_CASE("copies: an entry is dropped if it still is of the version that left its owner") {
  kept_copies c;
  const opening_item opening;
  REQUIRE(c.say(1, 1, {opening, put_item(key, 2, "two")}) == outcome::done);
  REQUIRE(c.say(1, 3, {item_about(feed_kind::drop, key, 1)}) == outcome::done);
  CHECK(c.value() == "two");
  REQUIRE(c.say(1, 4, {item_about(feed_kind::drop, key, 2)}) == outcome::done);
  CHECK(c.value().empty());
}

TEST_CASE("copies: a clear and the end of a tag are of one partition") {
  kept_copies c;
  const opening_item opening;
  const std::string foreign = key_of(of_same_lane(), 0);
  told_item tagged = put_item(key, 1, "mine");
  tagged.tags = {{5}};
  told_item theirs = put_item(foreign, 1, "theirs");
  theirs.tags = {{5}};
  REQUIRE(c.say(1, 1, {opening, tagged}) == outcome::done);
  const std::size_t other = index_of(of_same_lane()) / c.options.lanes;
  REQUIRE(c.all.on_feed(c.now, of_same_lane(), other, {c.term, 1, 1, {opening, theirs}}) ==
          outcome::done);
  told_item ended = plain_item(feed_kind::end_tag);
  ended.tags = {{5}};
  REQUIRE(c.say(1, 3, {ended}) == outcome::done);
  CHECK(c.value().empty());
  CHECK(c.value(foreign) == "theirs");
  REQUIRE(c.say(1, 4, {put_item(key, 2, "mine"), plain_item(feed_kind::clear)}) == outcome::done);
  CHECK(c.value().empty());
  CHECK(c.value(foreign) == "theirs");
}

TEST_CASE(
    "copies: the sequence is the highest of the epoch that was told, not that of old entries") {
  kept_copies c;
  wire::feed_opening opening;
  opening.seq = sequence{4};
  told_item old = put_item(key, 900, "old");
  old.version.epoch = epoch{view_number{2}, 0};
  REQUIRE(c.say(1, 1, {opening_item{opening}, old}) == outcome::done);
  CHECK(c.state().seq == sequence{4});
  REQUIRE(c.say(1, 3, {item_about(feed_kind::drop, key, 700)}) == outcome::done);
  CHECK(c.state().seq == sequence{4});
  REQUIRE(c.say(1, 4, {item_about(feed_kind::erase, key, 7)}) == outcome::done);
  CHECK(c.state().seq == sequence{7});
}

TEST_CASE("copies: what has no time left when it comes is erased") {
  kept_copies c;
  const opening_item opening;
  REQUIRE(c.say(1, 1, {opening, put_item(key, 1, "one")}) == outcome::done);
  told_item over = put_item(key, 2, "two");
  over.ttl_left = duration::zero();
  REQUIRE(c.say(1, 3, {over}) == outcome::done);
  CHECK(c.value().empty());
}

TEST_CASE("copies: an entry ends by its time, and there is a deadline for that") {
  kept_copies c;
  const opening_item opening;
  told_item mortal = put_item(key, 1, "one");
  mortal.ttl_left = 10s;
  REQUIRE(c.say(1, 1, {opening, mortal}) == outcome::done);
  CHECK(c.all.next_timeout() < never);
  CHECK(c.all.size() == 1);
  c.now += 11s;
  CHECK(c.value().empty());
  c.all.expire(c.now, 1'000);
  CHECK(c.all.size() == 0);
  CHECK(c.all.bytes_held() == 0);
}

TEST_CASE("copies: answers are kept within bounds, and what is below the lowest is stale") {
  replica_options few = options_of_home();
  few.operations_kept = 2;
  copies all{few};
  const std::size_t slot = index_of(home) / few.lanes;
  const opening_item opening;
  const auto say = [&](std::uint64_t first, std::vector<told_item> items) {
    return all.on_feed(time_point{1h}, home, slot, {first_epoch, 1, first, std::move(items)});
  };
  REQUIRE(say(1, {opening, answer_item(1), answer_item(2), answer_item(3)}) == outcome::done);
  const auto state_of = [&](std::uint64_t operation) {
    return all.of(slot).windows.at(carl).look_up(operation);
  };
  CHECK(state_of(1) == operation_window::state::stale);
  CHECK(state_of(2) == operation_window::state::settled);
  CHECK(state_of(3) == operation_window::state::settled);
  CHECK(state_of(4) == operation_window::state::fresh);
  REQUIRE(say(5, {answer_item(9, 8)}) == outcome::done);
  CHECK(state_of(3) == operation_window::state::stale);
  CHECK(state_of(9) == operation_window::state::settled);
}

TEST_CASE("copies: when a round has ended, the answers that it named are all there are") {
  kept_copies c;
  const opening_item opening;
  const auto state_of = [&](std::uint64_t operation) {
    return c.state().windows.at(carl).look_up(operation);
  };
  REQUIRE(c.say(1, 1, {opening, answer_item(1)}) == outcome::done);
  REQUIRE(c.say(2, 1, {opening, answer_item(2)}) == outcome::done);
  CHECK(state_of(1) == operation_window::state::settled);
  REQUIRE(c.say(2, 3, {plain_item(feed_kind::end)}) == outcome::done);
  CHECK(state_of(1) == operation_window::state::fresh);
  CHECK(state_of(2) == operation_window::state::settled);
  REQUIRE(c.say(2, 4, {answer_item(3)}) == outcome::done);
  CHECK(state_of(3) == operation_window::state::settled);
}

TEST_CASE("copies: a result that no message can carry beside its value is doubted instead") {
  feed_item item{.kind = feed_kind::put, .cache = books};
  item.value = bytes(wire::limits::value_bytes);
  item.told = told_answer{carl, 1, 0, {wire::mutate_status::applied, {}, true, item.value}};
  const auto made = wire_item(time_point{1h}, item);
  CHECK(made.answer->doubted);
  CHECK(made.answer->result.empty());
  CHECK(wire::encoded(wire::feed{{}, 1, 1, {made}}).size() <= wire::limits::message_bytes);
  item.value.clear();
  CHECK_FALSE(wire_item(time_point{1h}, item).answer->doubted);
}

TEST_CASE("copies: what its owner does not know of an operation its copy does not know either") {
  kept_copies c;
  told_item doubted = answer_item(1);
  doubted.answer->doubted = true;
  REQUIRE(c.say(1, 1, {opening_item{}, doubted, answer_item(2), plain_item(feed_kind::end)}) ==
          outcome::done);
  operation_window window = c.state().windows.at(carl);
  CHECK(window.find(1)->answer.status == wire::mutate_status::stale_operation);
  CHECK(window.find(2)->answer.status == wire::mutate_status::applied);
  const feed_item kept{.kind = feed_kind::answer,
                       .told = told_answer{carl, 1, 0, window.find(1)->answer}};
  CHECK(wire_item(c.now, kept).answer->doubted);
}

TEST_CASE("copies: an answer is doubted that one of the owners since did not have") {
  kept_copies c;
  REQUIRE(c.say(1, 1,
                {opening_item{}, answer_item(1), put_item(key, 1, "one"),
                 plain_item(feed_kind::end)}) == outcome::done);
  const auto status_of = [&](std::uint64_t operation) {
    operation_window window = c.state().windows.at(carl);
    return window.find(operation)->answer.status;
  };
  wire::feed_opening second;
  second.terms = {{first_epoch, sequence{1}, 0}};
  c.term = second_epoch;
  REQUIRE(c.say(1, 1, {opening_item{second}}) == outcome::done);
  CHECK(status_of(1) == wire::mutate_status::applied);
  wire::feed_opening third;
  third.terms = {{first_epoch, sequence{0}, 0}, {second_epoch, sequence{1}, 0}};
  c.term = third_epoch;
  REQUIRE(c.say(1, 1, {opening_item{third}}) == outcome::done);
  CHECK(status_of(1) == wire::mutate_status::stale_operation);
}

TEST_CASE("copies: until a round has ended a copy has of earlier owners what both sides had") {
  kept_copies c;
  wire::feed_opening first;
  first.scope = 1;
  REQUIRE(c.say(1, 1, {opening_item{first}, put_item(key, 5, "one"), plain_item(feed_kind::end)}) ==
          outcome::done);
  wire::feed_opening second;
  second.scope = wire::whole_scope;
  second.seq = sequence{9};
  second.terms = {{epoch{view_number{2}, 0}, sequence{3}, 0}, {first_epoch, sequence{9}, 0}};
  c.term = second_epoch;
  REQUIRE(c.say(1, 1, {opening_item{second}}) == outcome::done);
  CHECK(c.state().terms == std::vector<wire::term>{{first_epoch, sequence{5}, 1}});
  CHECK(c.state().scope == wire::whole_scope);
  REQUIRE(c.say(1, 2, {plain_item(feed_kind::end)}) == outcome::done);
  CHECK(c.state().terms == second.terms);
  // The next round of the same owner has fewer caches, and then more.
  wire::feed_opening narrow = second;
  narrow.scope = 2;
  REQUIRE(c.say(2, 1, {opening_item{narrow}}) == outcome::done);
  CHECK(c.state().scope == 2);
  REQUIRE(c.say(3, 1, {opening_item{second}}) == outcome::done);
  CHECK(c.state().scope == 2);
  CHECK(c.state().terms == second.terms);
  REQUIRE(c.say(3, 2, {plain_item(feed_kind::end)}) == outcome::done);
  CHECK(c.state().scope == wire::whole_scope);
}

TEST_CASE("copies: a copy is taken out with all that it has, the oldest entry first") {
  kept_copies c;
  wire::feed_opening opening;
  opening.scope = 1;
  opening.terms = {{epoch{view_number{2}, 0}, sequence{3}, 0}};
  const std::string other = key_of(home, 0);
  told_item mortal = put_item(other, 2, "two");
  mortal.ttl_left = 10s;
  REQUIRE(c.say(1, 1, {opening_item{opening}, put_item(key, 1, "one"), mortal, answer_item(1)}) ==
          outcome::done);
  CHECK(c.all.held() == 1);
  std::vector<std::pair<std::string, time_point>> seen;
  const copy taken = c.all.take(
      c.now, c.slot,
      [&](cache_id cache, std::uint64_t hash, byte_view k, stored& value, time_point ends) {
        CHECK(cache == books);
        CHECK(hash == stable_hash(k));
        seen.emplace_back(as_text(value.value), ends);
      });
  CHECK(seen ==
        std::vector<std::pair<std::string, time_point>>{{"one", never}, {"two", c.now + 10s}});
  CHECK(taken.epoch == first_epoch);
  CHECK(taken.seq == sequence{2});
  CHECK(taken.scope == 1);
  CHECK(taken.terms == opening.terms);
  CHECK(taken.windows.size() == 1);
  CHECK_FALSE(taken.complete);
  CHECK_FALSE(c.state().held());
  CHECK(c.all.held() == 0);
  CHECK(c.all.size() == 0);
}

TEST_CASE("copies: a round that its owner does not go on with has ended, the next one has not") {
  kept_copies c;
  const opening_item opening;
  REQUIRE(c.say(3, 1, {opening}) == outcome::done);
  c.all.end(c.slot, 2);
  CHECK_FALSE(c.state().ended());
  c.all.end(c.slot, 3);
  CHECK(c.state().ended());
  REQUIRE(c.say(4, 1, {opening}) == outcome::done);
  CHECK_FALSE(c.state().ended());
}

TEST_CASE("copies: a hostile feed is counted, and what was there stays") {
  copied_team t;
  t.put("one");
  t.deliver();
  const auto says = [&](wire::feed message) {
    message.epoch = first_epoch;
    outbox out;
    const bool fine = t.at(anna).on_feed(t.now, self, home, message, out);
    CHECK(out.empty());
    return fine;
  };
  told_item item;
  CHECK_FALSE(says({{}, 5, 1, {}}));
  CHECK_FALSE(says({{}, 0, 1, {item}}));
  CHECK_FALSE(says({{}, 5, 0, {item}}));
  CHECK_FALSE(says({{}, 5, 1, {item}}));
  CHECK(t.counted(anna).violations == 4);
  CHECK(t.copied(anna) == "one");
  const auto rid = t.put("two");
  t.deliver();
  CHECK(t.answered(rid));
}
