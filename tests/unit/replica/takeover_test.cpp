// The next owner of a partition: what it begins with, what it answers of what was done before it,
// and how a partition is handed over.
#include "copies_fixture.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <utility>
#include <vector>

using namespace kith;
using namespace kith::replica;
using wire::claim_kind;
using wire::get_status;
using wire::mutate_status;
using wire::mutation;

namespace {

const std::string second_key = key_of(home, 0);

version first_term(std::uint64_t seq) { return {first_epoch, sequence{seq}}; }

/// Films are on anna and bert; bert is the first to succeed.
struct film_team : copying {
  film_team() : copying{one_by_one()} {
    install(row_with({bert, anna}));
    deliver();
    clear();
  }
  std::uint64_t film(std::string_view value, std::uint64_t operation = 0,
                     std::string_view k = key) {
    return mutate({.operation = operation, .value = as_bytes(value)}, k, films);
  }
  void pass_to(const member_id& next, const epoch& began, std::vector<member_id> backups) {
    crash(installed.owner);
    cut_off.clear();
    clear();
    install(row_after(next, began, std::move(backups)));
  }
};

}  // namespace

TEST_CASE("takeover: the next owner begins with the entries, their versions and tags") {
  copied_team t;
  constexpr wire::tag red{101};
  t.put("one");
  t.mutate({.value = as_bytes("tagged"), .tags = {red}}, second_key);
  t.deliver();
  t.crash(self);
  t.install(row_after(anna, second_epoch, {}));
  CHECK(t.value() == "one");
  CHECK(t.get().version == first_term(1));
  CHECK(t.value(second_key) == "tagged");
  t.mutate({.kind = mutation::end_tag, .tags = {red}});
  CHECK(t.value(second_key).empty());
  CHECK(t.value() == "one");
  CHECK(t.counted(anna).copies_adopted == 1);
  CHECK_FALSE(t.copy_of(anna).held());
}

TEST_CASE("takeover: the sequence goes on, in an epoch of its own") {
  copied_team t;
  t.put("one");
  t.put("two");
  t.deliver();
  t.crash(self);
  t.install(row_after(anna, second_epoch, {}));
  const auto told = t.reply(t.put("three"));
  REQUIRE(told);
  CHECK(told->version == version{second_epoch, sequence{3}});
  CHECK(told->existed);
}

TEST_CASE("takeover: a retry gets the answer that the first got, and is not applied again") {
  copied_team t;
  t.add(1);
  t.add(2);
  t.deliver();
  t.crash(self);
  t.install(row_after(anna, second_epoch, {}));
  const auto told = t.reply(t.add(1));
  REQUIRE(told);
  CHECK(told->status == mutate_status::applied);
  CHECK(told->version == first_term(1));
  CHECK(read_number(told->result) == 1);
  CHECK(read_number(t.reply(t.add(3))->result) == 3);
}

TEST_CASE("takeover: a copy that began later knows the answers that were given before") {
  copying t;
  t.install(row_with({}));
  t.add(1);
  t.install(row_with({anna}));
  t.deliver();
  t.crash(self);
  t.install(row_after(anna, second_epoch, {}));
  CHECK(read_number(t.reply(t.add(1))->result) == 1);
  CHECK(t.counted(anna).retries_answered == 1);
}

TEST_CASE("takeover: what a window has pushed out unanswered is not done again by the next owner") {
  replica_options options = options_of_home();
  options.operations_kept = 1;
  copying t{options};
  t.install(row_with({bert}));
  t.deliver();
  t.add(1);
  t.add(2);
  t.install(row_with({anna}));
  t.deliver();
  t.crash(self);
  t.install(row_after(anna, second_epoch, {}));
  CHECK(t.status(t.add(1)) == mutate_status::stale_operation);
  CHECK(t.answered(t.add(2)));
  CHECK(read_number(t.reply(t.add(3))->result) == 3);
}

TEST_CASE("takeover: the answer of an earlier owner is told when all in the row have it") {
  copied_team t;
  t.add(1);
  t.deliver();
  t.crash(self);
  t.install(row_after(anna, second_epoch, {bert}));
  CHECK(t.status(t.add(1)) == mutate_status::retry);
  CHECK(t.counted(anna).answers_held == 1);
  t.deliver();
  const auto told = t.reply(t.add(1));
  REQUIRE(told);
  CHECK(told->status == mutate_status::applied);
  CHECK(read_number(told->result) == 1);
}

TEST_CASE("takeover: that a write is lost is told when all in the row have what there is") {
  copied_team t;
  t.put("one");
  t.deliver();
  t.crash(self);
  t.install(row_after(anna, second_epoch, {bert}));
  CHECK(t.get(first_term(1)).status == get_status::hit);
  CHECK(t.get(first_term(2)).status == get_status::retry);
  t.deliver();
  CHECK(t.get(first_term(2)).status == get_status::lost_write);
  CHECK(t.counted(anna).tokens_lost == 1);
  CHECK(t.get(first_term(1)).status == get_status::hit);
}

TEST_CASE("takeover: tokens of all owners whose entries were passed on are known") {
  copying t;
  t.install(row_with({anna}));
  t.put("one");
  t.deliver();
  t.crash(self);
  t.install(row_after(anna, second_epoch, {bert}));
  t.put("two");
  t.deliver();
  t.crash(anna);
  t.install(row_after(bert, third_epoch, {}));
  CHECK(t.get(first_term(1)).status == get_status::hit);
  CHECK(t.get({second_epoch, sequence{2}}).status == get_status::hit);
  CHECK(t.get(first_term(2)).status == get_status::lost_write);
  CHECK(t.get({second_epoch, sequence{3}}).status == get_status::lost_write);
  CHECK(t.get({epoch{view_number{4}, 0}, sequence{1}}).status == get_status::lost_write);
  CHECK(t.get({third_epoch, sequence{3}}).status == get_status::unknown_version);
}

TEST_CASE("takeover: of a cache that its copy did not have, the next owner has no writes") {
  copying t;
  t.install(row_with({anna, bert}));
  t.put("book");
  t.put("film", key, films);
  t.deliver();
  t.crash(self);
  t.crash(anna);
  t.install(row_after(bert, second_epoch, {}));
  CHECK(t.get(first_term(1), key, films).status == get_status::hit);
  CHECK(t.value(key, films) == "film");
  CHECK(t.get(first_term(1)).status == get_status::lost_write);
  CHECK(t.value().empty());
}

TEST_CASE("takeover: one that should have a copy and has none begins with nothing") {
  copying t;
  t.install(row_with({}));
  t.put("one");
  t.crash(self);
  t.install(row_after(bert, second_epoch, {}));
  CHECK(t.counted(bert).copies_missing == 1);
  CHECK(t.value().empty());
  CHECK(t.get(first_term(1)).status == get_status::lost_write);
}

TEST_CASE("takeover: who is not in the row of the next owner forgets its copy") {
  copying t;
  t.install(row_with({anna, bert}));
  t.put("film", key, films);
  t.deliver();
  t.crash(self);
  SUBCASE("it is in the row") {
    t.install(row_after(anna, second_epoch, {bert}));
    CHECK(t.copied(bert, key, films) == "film");
  }
  SUBCASE("it is not") {
    t.install(row_after(anna, second_epoch, {}));
    CHECK_FALSE(t.copy_of(bert).held());
    CHECK(t.copied(bert, key, films).empty());
  }
}

TEST_CASE("takeover: an owner that is deposed answers nothing of what waits for copies") {
  copied_team t;
  const auto rid = t.put("one");
  t.install(row_after(anna, second_epoch, {}));
  t.deliver();
  CHECK_FALSE(t.reply(rid));
  CHECK(t.counted(anna).feeds_refused == 1);
  CHECK(t.value().empty());
}

TEST_CASE("takeover: during a round a copy is what it had, under what the round has said") {
  film_team t;
  t.film("old", 41);
  t.film("old", 42, second_key);
  t.deliver();
  t.pass_to(bert, second_epoch, {anna});
  const auto changed = t.film("new", 43);
  while (t.copied(anna, key, films) != "new") t.deliver(1);
  CHECK_FALSE(t.copy_of(anna).complete);
  CHECK(t.copied(anna, second_key, films) == "old");
  CHECK_FALSE(t.reply(changed));
  t.pass_to(anna, third_epoch, {});
  CHECK(t.counted(anna).copies_adopted_early == 1);
  CHECK(t.value(key, films) == "new");
  CHECK(t.value(second_key, films) == "old");
  CHECK(t.reply(t.film("old", 42, second_key))->version == first_term(2));
  CHECK(t.reply(t.film("new", 43))->version == version{second_epoch, sequence{3}});
}

TEST_CASE("takeover: what the owner before may not have passed on is neither told nor done again") {
  film_team t;
  t.film("both", 41);
  t.deliver();
  t.cut_off = {bert};
  const auto rid = t.film("only anna", 42);
  t.deliver();
  CHECK_FALSE(t.reply(rid));
  SUBCASE("another one has begun a round") {
    t.pass_to(bert, second_epoch, {anna});
    t.deliver(1);
    CHECK(t.copy_of(anna).epoch == second_epoch);
    t.pass_to(anna, third_epoch, {});
    CHECK(t.status(t.film("only anna", 42)) == mutate_status::stale_operation);
    CHECK(t.reply(t.film("both", 41))->version == first_term(1));
  }
  SUBCASE("nobody was between") {
    t.pass_to(anna, second_epoch, {});
    CHECK(t.reply(t.film("only anna", 42))->version == first_term(2));
  }
}

TEST_CASE(
    "takeover: what a round says of an operation counts with its change or at the round's end") {
  film_team t;
  t.cut_off = {anna};
  const auto rid = t.film("only bert", 42);
  t.deliver();
  CHECK_FALSE(t.reply(rid));
  t.cut_off.clear();
  t.pass_to(bert, second_epoch, {anna});
  SUBCASE("the answer has come and the entry has not") {
    while (!t.copy_of(anna).windows.contains(carl)) t.deliver(1);
    REQUIRE(t.copied(anna, key, films).empty());
    t.pass_to(anna, third_epoch, {});
    CHECK(t.status(t.film("only bert", 42)) == mutate_status::stale_operation);
  }
  SUBCASE("the round has ended") {
    t.deliver();
    REQUIRE(t.copy_of(anna).complete);
    t.pass_to(anna, third_epoch, {});
    CHECK(t.reply(t.film("only bert", 42))->version == first_term(1));
    CHECK(t.value(key, films) == "only bert");
  }
}

TEST_CASE(
    "takeover: a write is lost that had not come when the owner of an unfinished round went") {
  film_team t;
  t.film("both", 41);
  t.deliver();
  t.cut_off = {anna};
  t.film("only bert", 42);
  t.deliver();
  t.pass_to(bert, second_epoch, {anna});
  CHECK(t.value(key, films) == "only bert");
  t.deliver(1);
  CHECK(t.copy_of(anna).epoch == second_epoch);
  t.pass_to(anna, third_epoch, {});
  CHECK(t.value(key, films) == "both");
  CHECK(t.get(first_term(2), key, films).status == get_status::lost_write);
  CHECK(t.get(first_term(1), key, films).status == get_status::hit);
}

TEST_CASE("takeover: a copy that was to have more caches has no writes of them before it has all") {
  copying t{one_by_one()};
  t.install(row_with({anna, bert}));
  t.put("book");
  t.put("film", key, films);
  t.deliver();
  t.crash(anna);
  row gap = row_with({member_id{}, bert});
  gap.wanted = {bert};
  t.install(gap);
  t.deliver(1);
  CHECK_FALSE(t.copy_of(bert).complete);
  t.crash(self);
  t.install(row_after(bert, second_epoch, {}));
  CHECK(t.value().empty());
  CHECK(t.get(first_term(1)).status == get_status::lost_write);
  CHECK(t.get(first_term(2), key, films).status == get_status::hit);
}

TEST_CASE("takeover: the end of a round removes what it did not name, and nothing does before") {
  film_team t;
  t.film("both", 41);
  t.deliver();
  t.cut_off = {bert};
  t.film("only anna", 42, second_key);
  t.deliver();
  t.pass_to(bert, second_epoch, {anna});
  t.deliver(1);
  while (!t.copy_of(anna).complete) {
    CHECK(t.copied(anna, second_key, films) == "only anna");
    t.deliver(1);
  }
  CHECK(t.copied(anna, second_key, films).empty());
  CHECK(t.copied(anna, key, films) == "both");
  t.deliver();
  t.pass_to(anna, third_epoch, {});
  // It was never done, so it is done now.
  CHECK(t.reply(t.film("only anna", 42, second_key))->version.epoch == third_epoch);
  CHECK(t.reply(t.film("both", 41))->version == first_term(1));
}

TEST_CASE("takeover: an heir is handed the partition over when it has all, and goes on with it") {
  copied_team t;
  t.add(1);
  t.put("one", second_key);
  t.deliver();
  row moving = row_with({anna});
  moving.heir = bert;
  t.install(moving);
  CHECK(t.claims.empty());
  t.put("during", second_key);
  t.deliver();
  REQUIRE(t.claimed(claim_kind::hand_over).size() == 1);
  CHECK(t.claims[0].what.member == bert);
  t.cut_off = {bert};
  const auto waits = t.put("after", second_key);
  t.deliver();
  CHECK_FALSE(t.reply(waits));
  t.cut_off.clear();
  t.pass(t.at(self).options().feed_retry_first);
  t.deliver();
  CHECK(t.answered(waits));
  t.install(row_after(bert, second_epoch, {anna}));
  t.deliver();
  CHECK(t.value(second_key) == "after");
  CHECK(read_number(t.reply(t.add(1))->result) == 1);
  CHECK_FALSE(t.at(self).owns(home));
}

TEST_CASE("takeover: an heir is handed nothing over before it has what did not wait for it") {
  copying t{options_of_home(), books_settings(), {{books, 0, 1}}};
  t.install(row_with({anna}));
  t.deliver();
  t.clear();
  CHECK(t.answered(t.put("not waited for")));
  row moving = row_with({anna});
  moving.heir = anna;
  t.install(moving);
  CHECK(t.claims.empty());
  const auto waits = t.put("waited for");
  CHECK_FALSE(t.reply(waits));
  t.deliver();
  CHECK(t.answered(waits));
  CHECK(t.claimed(claim_kind::hand_over).size() == 1);
}

TEST_CASE("takeover: an heir that has some of the caches is told all of them") {
  copying t;
  t.install(row_with({anna, bert}));
  t.put("book");
  t.deliver();
  t.clear();
  CHECK(t.copied(bert).empty());
  row moving = row_with({anna, bert});
  moving.heir = bert;
  t.install(moving);
  CHECK(t.claims.empty());
  t.deliver();
  CHECK(t.copied(bert) == "book");
  CHECK(t.claimed(claim_kind::hand_over).size() == 1);
}

TEST_CASE("takeover: who holds the last position takes a gap before it when it has its caches") {
  copying t;
  t.install(row_with({anna, bert}));
  t.put("book");
  t.deliver();
  t.crash(anna);
  t.clear();
  row gap = row_with({member_id{}, bert});
  gap.wanted = {bert};
  t.install(gap);
  CHECK(t.claims.empty());
  t.deliver();
  CHECK(t.copied(bert) == "book");
  REQUIRE(t.claimed(claim_kind::in_sync).size() == 1);
  CHECK(t.claims[0].what.member == bert);
  CHECK(t.claims[0].what.position == 0);
}

TEST_CASE(
    "takeover: a copy that is not wanted leaves the row, but after the one that replaces it") {
  copied_team t;
  row changing = row_with({anna});
  changing.wanted = {bert};
  t.install(changing);
  t.deliver();
  CHECK(t.claimed(claim_kind::out_of_sync).empty());
  REQUIRE(t.claimed(claim_kind::in_sync).size() == 1);
  CHECK(t.claims[0].what.member == bert);
  t.install(row_with({bert}));
  t.deliver();
  CHECK_FALSE(t.copy_of(anna).held());
  CHECK(t.copy_of(bert).complete);
}

TEST_CASE("takeover: a copy at a position that is not wanted leaves the row") {
  copying t;
  row surplus = row_with({anna, bert});
  surplus.wanted = {anna};
  t.install(surplus);
  t.deliver();
  REQUIRE(t.claimed(claim_kind::out_of_sync).size() == 1);
  CHECK(t.claims[0].what.member == bert);
}
