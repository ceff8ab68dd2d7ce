// When a member's own copy may be read: only what has all that was ever acknowledged.
#include "copies_fixture.hpp"

#include <kith/replica/copy_reads.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

using namespace kith;
using namespace kith::replica;

namespace {

struct read_team : copying {
  explicit read_team(std::vector<cache_copies> all = {{books, 1, 0}, {films, 2, 0}})
      : copying{options_of_home(), books_settings(), std::move(all)} {
    install(row_with({anna, bert}));
    deliver();
  }
  std::optional<copy_answer> read(const member_id& by, std::string_view k = key,
                                  cache_id cache = books, duration max_age = 1h) {
    return at(by).read_copy(now, home, cache, stable_hash(as_bytes(k)), as_bytes(k), max_age);
  }
  /// Empty: absent; nothing: not for the copy to say.
  std::optional<std::string> value(const member_id& by, std::string_view k = key,
                                   cache_id cache = books) {
    const auto answer = read(by, k, cache);
    if (!answer) return std::nullopt;
    return answer->found == nullptr ? std::string{} : std::string{as_text(answer->found->value)};
  }
};

}  // namespace

TEST_CASE("copy reads: what was acknowledged is there, and what is not there is absent") {
  read_team t;
  const auto rid = t.put("one");
  t.deliver();
  REQUIRE(t.answered(rid));
  CHECK(t.value(anna) == "one");
  CHECK(t.value(anna, "another") == "");
  CHECK(t.read(anna)->as_of.epoch == first_epoch);
  CHECK(t.read(anna)->as_of.seq == t.copy_of(anna).seq);
}

TEST_CASE("copy reads: only at a position that writes of the cache wait for") {
  read_team t{{{books, 1, 1}, {films, 2, 0}}};
  t.put("one");
  t.put("film", key, films);
  t.deliver();
  CHECK(t.value(anna) == "one");
  CHECK(t.copied(bert) == "one");
  CHECK_FALSE(t.value(bert));
  CHECK(t.value(bert, key, films) == "film");
  CHECK_FALSE(t.value(self));
}

TEST_CASE("copy reads: a member that is not in the row says nothing, whatever it has") {
  read_team t;
  t.put("one");
  t.deliver();
  t.install(row_with({bert}));
  CHECK(t.copied(anna) == "one");
  CHECK_FALSE(t.value(anna));
}

TEST_CASE("copy reads: nothing of an unfinished round") {
  read_team t;
  t.put("one", key, films);
  t.deliver();
  row next = row_with({anna});
  next.owner = bert;
  next.began = second_epoch;
  next.inherits = true;
  t.install(next);
  CHECK(t.copied(anna, key, films) == "one");
  CHECK_FALSE(t.value(anna, key, films));
  t.deliver();
  CHECK(t.value(anna, key, films) == "one");
  CHECK(t.read(anna, key, films)->as_of.epoch == second_epoch);
}

TEST_CASE("copy reads: as long as the coordinator confirms the view") {
  read_team t;
  t.put("one");
  t.deliver();
  auto& copy = t.at(anna);
  copy.set_standing(t.now);
  t.now += 2s;
  CHECK(t.read(anna));
  CHECK(t.read(anna, key, books, duration::max()));
  CHECK_FALSE(t.read(anna, key, books, 1s));
  t.now += 2s;
  CHECK_FALSE(t.read(anna));
  copy.set_standing(t.now);
  CHECK(t.read(anna));
  copy.on_quorum(true);
  CHECK_FALSE(t.read(anna));
}

TEST_CASE("copy reads: none where only reads at the owner have entries loaded anew") {
  read_team t;
  t.put("one");
  t.deliver();
  for (const bool early : {false, true}) {
    cache_settings renewed = books_settings();
    if (early) {
      renewed.life.early_refresh = 1;
    } else {
      renewed.life.refresh_after = 1h;
    }
    t.at(anna).open_cache(renewed);
    CHECK_FALSE(t.value(anna));
  }
  t.at(anna).open_cache(books_settings());
  CHECK(t.value(anna) == "one");
}

TEST_CASE("copy reads: none of a strong cache, nor of one that writes through") {
  read_team strong{{{books, 1, 0, store_kind::none, true}, {films, 2, 0}}};
  CHECK_FALSE(strong.value(anna));
  CHECK(strong.value(anna, key, films) == "");
  read_team through{{{books, 1, 0, store_kind::through}, {films, 2, 0, store_kind::behind}}};
  CHECK_FALSE(through.value(anna));
  CHECK(through.value(anna, key, films) == "");
}
