#include "eventual.hpp"

#include <doctest/doctest.h>

#include <iterator>

#include "model_check.hpp"

namespace {

using namespace model::eventual;
using model::check_caught;
using model::check_holds;

TEST_CASE("eventual: fills and invalidations and a read that joins") {
  check_holds(eventual_model({.gets = 1, .joins = 1}), 40'000);
}

TEST_CASE("eventual: a connection is reset") {
  check_holds(eventual_model({.gets = 1, .resets = 1}), 200'000);
}

TEST_CASE("eventual: frames of the stream are lost and it collapses") {
  check_holds(eventual_model({.gets = 1, .drops = 1, .collapses = 1}), 50'000);
}

TEST_CASE("eventual: a load meets mutations") {
  check_holds(eventual_model({.gets = 1, .loads = 1}), 150'000);
}

TEST_CASE("eventual: values end") {
  check_holds(eventual_model({.gets = 1, .joins = 1, .ttl = 2}), 300'000);
}

TEST_CASE("eventual: a read asks a backup that lags") {
  check_holds(eventual_model({.gets = 1, .backup_reads = 1}), 800'000);
}

TEST_CASE("eventual: the owner is deposed and does not know") {
  check_holds(eventual_model({.writes = 1, .gets = 1, .view = true}), 900'000);
}

struct mutation {
  rule left_out;
  scope where;
  const char* broken;
};

constexpr scope plain{.gets = 1};
constexpr scope joined{.gets = 1, .joins = 1};
constexpr scope reset{.gets = 1, .resets = 1};
constexpr scope lossy{.gets = 1, .drops = 2};
constexpr scope loading{.gets = 1, .loads = 1};
constexpr scope with_backup{.gets = 1, .backup_reads = 1};
constexpr scope deposed{.writes = 1, .gets = 1, .view = true};
constexpr scope deposed_later{.gets = 1, .view = true};
constexpr scope ending{.writes = 1, .gets = 1, .joins = 1, .ttl = 1};

constexpr mutation mutations[] = {
    {rule::poison_is_kept, plain, "C"},
    {rule::versions_are_whole, deposed_later, "C"},
    {rule::reply_of_own_epoch, deposed, "C"},
    {rule::refused_erases_older, {.resets = 1}, "M"},
    {rule::followers_need_install, {.gets = 1, .joins = 1, .loads = 1}, "M"},
    {rule::joins_are_young, joined, "S"},
    {rule::joins_mind_coordinator, {.writes = 1, .joins = 1, .view = true}, "S"},
    {rule::own_reply_invalidates, plain, "M"},
    {rule::older_than_floor_asks_again, with_backup, "M"},
    {rule::replies_raise_floor, with_backup, "M"},
    {rule::backup_answer_poisons, with_backup, "M"},
    {rule::gap_is_suspect, lossy, "C"},
    {rule::request_is_repeated, lossy, "C"},
    {rule::resume_replays, reset, "C"},
    {rule::collapse_drops_all, {.gets = 1, .collapses = 1}, "C"},
    {rule::reset_drops_fills, {.drops = 1}, "C"},
    {rule::view_drops_entries, deposed, "C"},
    {rule::fresh_by_own_sending, plain, "S"},
    {rule::hit_minds_coordinator, deposed, "S"},
    {rule::echo_of_own_view, deposed, "S"},
    {rule::owner_minds_coordinator, deposed, "S"},
    {rule::owner_no_longer_than_reader, deposed, "S"},
    {rule::load_minds_mutations, loading, "M"},
    {rule::load_takes_seq, loading, "C"},
    {rule::late_waiter_asks_again, {.writes = 3, .gets = 1, .loads = 1}, "S"},
    {rule::unstored_is_not_kept, loading, "C"},
    {rule::retry_has_first_answer, {.writes = 1, .gets = 1, .resets = 1}, "O"},
    {rule::end_counts_from_sending, ending, "C"},
    {rule::hit_minds_end, ending, "T"},
    {rule::followers_mind_end, ending, "T"},
};

TEST_CASE("eventual: each rule that is left out breaks a promise") {
  CHECK(std::size(mutations) == static_cast<std::size_t>(rule::count));
  for (const mutation& m : mutations) {
    CAPTURE(static_cast<int>(m.left_out));
    scope where = m.where;
    where.without = m.left_out;
    check_caught(eventual_model(where), m.broken);
  }
}

}  // namespace
