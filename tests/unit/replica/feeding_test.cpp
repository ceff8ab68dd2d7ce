// Copies of a partition: what waits for them, and what they are told.
#include "copies_fixture.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace kith;
using namespace kith::replica;
using wire::claim_kind;
using wire::feed_kind;
using wire::mutate_status;
using wire::mutation;

namespace {

constexpr wire::tag green{303};

cache_settings books_with(const lifetime_settings& life) {
  cache_settings settings = books_settings();
  settings.life = life;
  return settings;
}

std::vector<feed_kind> kinds_of(const std::vector<wire::feed>& messages) {
  std::vector<feed_kind> kinds;
  for (const wire::feed& message : messages) {
    for (const wire::feed_item& item : message.items) kinds.push_back(item.kind);
  }
  return kinds;
}

}  // namespace

TEST_CASE("feeding: a put is visible at once and answered when its copy is made") {
  copied_team t;
  const auto rid = t.put("one");
  CHECK(t.value() == "one");
  CHECK(t.copied(anna).empty());
  CHECK_FALSE(t.reply(rid));
  t.deliver(1);
  CHECK(t.copied(anna) == "one");
  CHECK_FALSE(t.reply(rid));
  t.deliver(1);
  CHECK(t.answered(rid));
  CHECK(t.counted(self).answers_confirmed == 1);
}

TEST_CASE("feeding: a partition without copies answers at once") {
  copying t;
  t.install(row_with({}));
  const auto rid = t.put("one");
  CHECK(t.answered(rid));
  CHECK(t.under_way.empty());
}

TEST_CASE("feeding: a round in another one's place has nobody wait for its end") {
  copying t{one_by_one()};
  t.install(row_with({bert, anna}));
  t.deliver();
  for (int i = 1; i < 6; ++i) t.put("film", key_of(home, i), films);
  t.deliver();
  t.cut_off = {anna};
  const auto rid = t.put("another", key, films);
  t.deliver();
  CHECK_FALSE(t.answered(rid));
  // Anna is to be the owner, so she is told of all caches.
  t.cut_off.clear();
  row moving = row_with({bert, anna});
  moving.heir = anna;
  t.install(moving);
  for (int i = 0; i < 100 && !t.answered(rid); ++i) t.deliver(1);
  CHECK(t.answered(rid));
  CHECK(t.copied(anna, key, films) == "another");
  CHECK_FALSE(t.copy_of(anna).complete);
}

TEST_CASE("feeding: an asynchronous copy is told and not waited for") {
  copying t{options_of_home(), books_settings(), {{books, 0, 1}}};
  t.install(row_with({anna}));
  t.deliver();
  const auto rid = t.put("one");
  CHECK(t.answered(rid));
  t.deliver();
  CHECK(t.copied(anna) == "one");
}

TEST_CASE("feeding: a synchronous copy is waited for where an asynchronous one is not") {
  copying t{options_of_home(), books_settings(), {{books, 1, 1}}};
  t.install(row_with({anna, bert}));
  t.deliver();
  t.cut_off = {bert};
  const auto rid = t.put("one");
  CHECK_FALSE(t.reply(rid));
  t.deliver();
  CHECK(t.answered(rid));
}

TEST_CASE("feeding: a cache with one copy is not at position 1, and does not wait for it") {
  copying t;
  t.install(row_with({anna, bert}));
  t.put("before");
  t.deliver();
  t.put("film", key, films);
  t.put("book");
  t.deliver();
  CHECK(t.copied(anna) == "book");
  CHECK(t.copied(anna, key, films) == "film");
  CHECK(t.copied(bert).empty());
  CHECK(t.copied(bert, key, films) == "film");
  t.cut_off = {bert};
  const auto book = t.put("two");
  t.deliver();
  CHECK(t.answered(book));
  const auto film = t.put("two", key, films);
  t.deliver();
  CHECK(t.copied(anna, key, films) == "two");
  CHECK_FALSE(t.reply(film));
}

TEST_CASE("feeding: what was there when a copy began is there when its round has ended") {
  copying t;
  t.install(row_with({}));
  const std::string other = key_of(home, 0);
  t.put("one");
  t.put("two", other);
  t.install(row_wanting({anna}));
  CHECK(t.claimed(claim_kind::in_sync).empty());
  t.deliver();
  CHECK(t.copied(anna) == "one");
  CHECK(t.copied(anna, other) == "two");
  CHECK(t.copy_of(anna).complete);
  CHECK(t.copy_of(anna).seq == sequence{2});
  REQUIRE(t.claimed(claim_kind::in_sync).size() == 1);
  CHECK(t.claims[0].what.member == anna);
  CHECK(t.claims[0].what.position == 0);
}

TEST_CASE("feeding: who is in no row is waited for once it was sent the end item, and not before") {
  copying t{one_by_one()};
  t.install(row_with({}));
  t.put("old");
  t.install(row_wanting({anna}));
  // Only the first item is under way.
  CHECK(t.answered(t.put("during", key_of(home, 0))));
  while (!t.copy_of(anna).complete) t.deliver(1);
  const auto rid = t.put("after");
  CHECK_FALSE(t.reply(rid));
  CHECK(t.claimed(claim_kind::in_sync).empty());
  t.deliver();
  CHECK(t.answered(rid));
  CHECK(t.claimed(claim_kind::in_sync).size() == 1);
}

TEST_CASE("feeding: a member is said to be in sync when it acknowledged the end item, not before") {
  copying t;
  t.install(row_wanting({anna}));
  const auto sent = t.feeds_to(anna);
  REQUIRE(kinds_of(sent) == std::vector{feed_kind::begin, feed_kind::end});
  CHECK(t.claims.empty());
  t.deliver();
  CHECK(t.claimed(claim_kind::in_sync).size() == 1);
}

TEST_CASE("feeding: what was claimed in one view is claimed again in the next") {
  copying t;
  const row wanted = row_wanting({anna});
  t.install(wanted);
  t.deliver();
  t.clear();
  t.pass(10ms);
  CHECK(t.claims.empty());
  t.install(wanted);
  CHECK(t.claimed(claim_kind::in_sync).size() == 1);
  t.clear();
  t.pass(t.at(self).options().claim_again);
  CHECK(t.claimed(claim_kind::in_sync).size() == 1);
  t.install(row_with({anna}));
  t.clear();
  t.pass(t.at(self).options().claim_again);
  CHECK(t.claims.empty());
}

TEST_CASE("feeding: an erase, a clear and the end of a tag reach the copy") {
  copied_team t;
  const std::string other = key_of(home, 0);
  const std::string third = key_of(home, 1);
  t.put("1");
  t.mutate({.value = as_bytes("2"), .tags = {green}}, other);
  t.put("3", third);
  t.deliver();
  CHECK(t.copied(anna, other) == "2");
  t.mutate({.kind = mutation::erase});
  t.deliver();
  CHECK(t.copied(anna).empty());
  CHECK(t.copied(anna, third) == "3");
  t.mutate({.kind = mutation::end_tag, .tags = {green}});
  t.deliver();
  CHECK(t.copied(anna, other).empty());
  CHECK(t.copied(anna, third) == "3");
  t.mutate({.kind = mutation::clear});
  t.deliver();
  CHECK(t.copied(anna, third).empty());
  CHECK(t.copy_of(anna).seq == sequence{6});
}

TEST_CASE("feeding: a clear and the end of a tag wait for the copy") {
  copied_team t;
  const auto cleared = t.mutate({.kind = mutation::clear});
  const auto ended = t.mutate({.kind = mutation::end_tag, .tags = {green}});
  CHECK_FALSE(t.reply(cleared));
  CHECK_FALSE(t.reply(ended));
  t.deliver();
  CHECK(t.answered(cleared));
  CHECK(t.answered(ended));
}

TEST_CASE("feeding: an eviction reaches the copy, which evicts nothing by itself") {
  cache_settings two = books_settings();
  two.max_entries = 2;
  copied_team t{options_of_home(), two};
  for (int i = 0; i < 4; ++i) t.put("x", key_of(home, i));
  t.pass(10ms);
  t.deliver();
  int left = 0;
  for (int i = 0; i < 4; ++i) {
    CHECK(t.copied(anna, key_of(home, i)) == t.value(key_of(home, i)));
    left += t.value(key_of(home, i)).empty() ? 0 : 1;
  }
  CHECK(left == 2);
}

TEST_CASE("feeding: an entry that nobody used ends at its copy too, and not by the copy's time") {
  copied_team t{options_of_home(), books_with({.idle = 2s})};
  t.put("one");
  t.deliver();
  t.pass(1500ms);
  CHECK(t.value() == "one");
  t.pass(1s);
  CHECK(t.copied(anna) == "one");
  t.pass(2s);
  t.deliver();
  CHECK(t.counted(self).idle_ends == 1);
  CHECK(t.copied(anna).empty());
}

TEST_CASE("feeding: a time to live goes with the entry") {
  copied_team t;
  t.mutate({.value = as_bytes("x"), .rule = wire::ttl_rule::given, .ttl = 10s});
  t.deliver();
  t.pass(9s);
  CHECK(t.copied(anna) == "x");
  t.crash(self);
  t.install(row_after(anna, second_epoch, {}));
  CHECK(t.value() == "x");
  t.pass(1s);
  CHECK(t.value().empty());
}

TEST_CASE("feeding: a large value goes alone, and nothing follows before it has arrived") {
  copied_team t;
  const std::string large(t.at(self).options().feed_message + 1, 'x');
  t.put("1");
  t.put(large);
  t.put("2");
  auto sent = t.feeds_to(anna);
  REQUIRE(sent.size() == 2);
  REQUIRE(sent[1].items.size() == 1);
  CHECK(sent[1].items[0].value.size() == large.size());
  t.deliver(4);
  CHECK(t.copied(anna) == large);
  sent = t.feeds_to(anna);
  REQUIRE(sent.size() == 1);
  t.deliver();
  CHECK(t.copied(anna) == "2");
}

TEST_CASE("feeding: what was not acknowledged in time is sent again, later each time") {
  copied_team t;
  const auto rid = t.put("one");
  t.lose();
  t.pass(t.at(self).options().feed_retry_first - 1ms);
  CHECK(t.under_way.empty());
  t.pass(1ms);
  CHECK(t.feeds_to(anna).size() == 1);
  t.lose();
  t.pass(t.at(self).options().feed_retry_first);
  CHECK(t.under_way.empty());
  t.pass(t.at(self).options().feed_retry_first);
  CHECK(t.counted(self).feeds_resent == 2);
  t.deliver();
  CHECK(t.answered(rid));
}

TEST_CASE("feeding: what was not acknowledged is sent again when the way is open again") {
  copied_team t;
  const auto rid = t.put("one");
  t.lose();
  outbox out;
  t.at(self).on_session(t.now, anna, 77, out);
  t.carry_out(self, out);
  t.deliver();
  CHECK(t.answered(rid));
}

TEST_CASE(
    "feeding: what was lost on the way is passed over until it comes, repeats are acknowledged") {
  copied_team t;
  t.put("1");
  const auto first = t.under_way.front();
  t.lose();
  const auto rid = t.put("2");
  t.deliver();
  CHECK(t.copied(anna).empty());
  CHECK(t.counted(anna).feeds_passed_over == 1);
  CHECK_FALSE(t.reply(rid));
  CHECK(t.hand(first));
  CHECK(t.copied(anna) == "1");
  t.lose();
  // The acknowledgement was lost too.
  t.pass(t.at(self).options().feed_retry_first);
  t.deliver();
  CHECK(t.copied(anna) == "2");
  CHECK(t.answered(rid));
  CHECK(t.hand(first));
  CHECK(t.under_way.size() == 1);
  CHECK(t.copied(anna) == "2");
}

TEST_CASE("feeding: who acknowledges nothing is to leave the row, and is waited for until it has") {
  copied_team t;
  t.cut_off = {anna};
  const auto rid = t.put("one");
  t.pass_in_steps(t.at(self).options().copy_patience - 10ms);
  CHECK(t.claims.empty());
  t.pass_in_steps(20ms);
  REQUIRE(t.claimed(claim_kind::out_of_sync).size() == 1);
  CHECK(t.claims[0].what.member == anna);
  CHECK(t.counted(self).feeds_broken == 1);
  CHECK_FALSE(t.reply(rid));
  const auto later = t.put("two");
  CHECK_FALSE(t.reply(later));
  // An acknowledgement that comes now is of no use: what came after it was not kept.
  t.cut_off.clear();
  t.pass_in_steps(100ms);
  t.deliver();
  CHECK_FALSE(t.reply(rid));
  t.install(row_with({}));
  CHECK(t.answered(rid));
  CHECK(t.answered(later));
}

TEST_CASE("feeding: a member that did not keep up is not fed again for a while") {
  copied_team t;
  t.cut_off = {anna};
  t.put("one");
  t.pass_in_steps(2100ms);
  t.install(row_wanting({anna}));
  t.cut_off.clear();
  t.pass_in_steps(1s);
  CHECK(t.feeds_to(anna).empty());
  t.pass_in_steps(t.at(self).options().copy_pause);
  t.clear();
  t.deliver();
  CHECK(t.copied(anna) == "one");
  CHECK(t.claimed(claim_kind::in_sync).size() == 1);
}

TEST_CASE("feeding: the write of a cache that the view does not name is refused") {
  copied_team t;
  const auto rid = t.put("x", key, cache_id{99});
  CHECK(t.status(rid) == mutate_status::unknown_cache);
  CHECK(t.counted(self).unknown_caches == 1);
  CHECK(t.under_way.empty());
}

TEST_CASE("feeding: while too much waits for copies no write that brings bytes begins") {
  replica_options options = options_of_home();
  options.feed_bytes = 600;
  copied_team t{options};
  t.put("1");
  t.put("2");
  t.put("3");
  const auto rid = t.put("4");
  CHECK(t.status(rid) == mutate_status::retry);
  CHECK(t.counted(self).writes_held_back == 1);
  CHECK(t.value() == "3");
  const auto erased = t.mutate({.kind = mutation::erase});
  t.deliver();
  CHECK(t.answered(erased));
  const auto again = t.put("5");
  t.deliver();
  CHECK(t.answered(again));
}

TEST_CASE("feeding: an operation that is retried while it waits for its copy is answered once") {
  copied_team t;
  const auto first = t.add(1);
  const auto retry = t.add(1);
  CHECK_FALSE(t.reply(retry));
  t.deliver();
  CHECK_FALSE(t.reply(first));
  REQUIRE(t.answered(retry));
  CHECK(read_number(t.reply(retry)->result) == 1);
}

TEST_CASE("feeding: so many copies are made at a time") {
  replica_options options = one_by_one();
  options.copies_at_once = 1;
  copying t{options};
  t.install(row_with({}));
  t.put("film", key, films);
  t.put("film", key_of(home, 0), films);
  t.install(row_with({anna, bert}));
  std::vector<member_id> told;
  while (!t.under_way.empty()) {
    const member_id to = t.under_way.front().what.to;
    const auto kinds = kinds_of(t.feeds_to(to));
    if (to != self && kinds.front() == feed_kind::put) told.push_back(to);
    t.deliver(1);
  }
  CHECK(told == std::vector{anna, anna, bert, bert});
}

TEST_CASE("feeding: a holder takes the feed of its view's owner and epoch, and of nobody else") {
  copied_team t;
  t.install(row_with({anna, bert}));
  t.deliver();
  t.clear();
  t.put("one");
  const copying::letter sound = t.under_way.front();
  t.lose();
  wire::feed message;
  REQUIRE(wire::decode(sound.what.message.payload, message) == wire::decode_error::none);
  outbox out;
  CHECK(t.at(anna).on_feed(t.now, bert, home, message, out));
  CHECK(out.empty());
  message.epoch = epoch{view_number{4}, 0};
  CHECK(t.at(anna).on_feed(t.now, self, home, message, out));
  CHECK(out.empty());
  message.epoch = second_epoch;
  CHECK(t.at(anna).on_feed(t.now, self, home, message, out));
  REQUIRE(out.size() == 1);
  CHECK(std::get<pull_view>(out[0]).from == self);
  CHECK(t.counted(anna).feeds_refused == 3);
  CHECK(t.copied(anna).empty());
  CHECK(t.hand(sound));
  CHECK(t.copied(anna) == "one");
}

TEST_CASE("feeding: an acknowledgement of another member, round or epoch confirms nothing") {
  copied_team t;
  const auto rid = t.put("one");
  t.deliver(1);
  wire::feed_ack message;
  REQUIRE(wire::decode(t.under_way.front().what.message.payload, message) ==
          wire::decode_error::none);
  t.lose();
  const auto tell = [&](const member_id& from, const wire::feed_ack& said) {
    outbox out;
    CHECK(t.at(self).on_feed_ack(t.now, from, home, said, out));
    t.carry_out(self, out);
    return t.answered(rid);
  };
  CHECK_FALSE(tell(bert, message));
  CHECK_FALSE(tell(anna, {message.epoch, message.round + 1, message.up_to}));
  CHECK_FALSE(tell(anna, {second_epoch, message.round, message.up_to}));
  CHECK_FALSE(tell(anna, {message.epoch, message.round, message.up_to + 1}));
  CHECK(tell(anna, message));
}

TEST_CASE("feeding: who is in the row keeps its copy when a feed ends, who is in no row does not") {
  copied_team t;
  t.put("one");
  t.deliver();
  const wire::feed_end over{first_epoch, 1'000};
  CHECK(t.at(anna).on_feed_end(self, home, over));
  CHECK(t.copied(anna) == "one");
  t.install(row_with({}));
  t.deliver();
  CHECK(t.copied(anna).empty());
  CHECK_FALSE(t.copy_of(anna).held());
}

TEST_CASE("feeding: the end of a feed that another member tells, or of another epoch, is nothing") {
  copying t;
  t.install(row_wanting({anna}));
  t.put("one");
  t.deliver();
  CHECK(t.at(anna).on_feed_end(bert, home, {first_epoch, 1'000}));
  CHECK(t.at(anna).on_feed_end(self, home, {second_epoch, 1'000}));
  CHECK(t.at(anna).on_feed_end(self, home, {first_epoch, 0}));
  CHECK(t.copied(anna) == "one");
  CHECK(t.at(anna).on_feed_end(self, home, {first_epoch, 1'000}));
  CHECK(t.copied(anna).empty());
}
