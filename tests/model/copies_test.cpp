#include "copies.hpp"

#include <doctest/doctest.h>

#include <iterator>

#include "model_check.hpp"

namespace {

using namespace model::copies;
using model::check_caught;
using model::check_holds;

TEST_CASE("copies: one backup and a newcomer with two writes of a key in two views") {
  check_holds(copies_model<3>({.views = 2}), 1'000'000);
}

TEST_CASE("copies: two backups with two writes of two keys in two views") {
  check_holds(copies_model<3>({.views = 2, .key_of = {0, 1}, .backups = 0b110}), 1'000'000);
}

TEST_CASE("copies: ownership is handed over and back in three views with one write") {
  check_holds(copies_model<3>({.views = 3, .operations = 1}), 1'000'000);
}

TEST_CASE("copies: two backups promoted one after the other with two writes of a key") {
  check_holds(copies_model<3>({.views = 3, .backups = 0b110, .hand_over = false}), 1'000'000);
}

struct mutation {
  rule left_out;
  scope where;
  const char* broken;
};

constexpr const char* lost = "an answered operation is missing";
constexpr const char* twice = "an operation was applied twice";
constexpr const char* unlike = "a copy that is in sync differs";
constexpr const char* ownerless = "the row has no owner";

// In most scopes copies are not compared with their owner's, so that what callers see must break.
constexpr scope one_backup{.hand_over = false, .compare = false};
constexpr scope two_backups{.backups = 0b110, .hand_over = false, .compare = false};
constexpr scope two_keys{.key_of = {0, 1}, .backups = 0b110, .hand_over = false, .compare = false};
constexpr scope compared{.backups = 0b110, .hand_over = false};

constexpr mutation mutations[] = {
    {rule::feed_of_own_view, two_backups, lost},
    {rule::row_is_required, two_backups, lost},
    {rule::end_marker_is_required, one_backup, lost},
    {rule::required_across_views, one_backup, lost},
    {rule::claim_after_end_marker, one_backup, lost},
    {rule::claims_die_with_view, one_backup, lost},
    {rule::waits_until_view_without, one_backup, lost},
    {rule::stays_if_owner_goes, one_backup, ownerless},
    {rule::old_copy_until_end, two_keys, lost},
    {rule::sweep_at_end, compared, unlike},
    {rule::applied_once, one_backup, twice},
    {rule::inherited_is_covered, two_backups, lost},
    {rule::records_ride_with_entry, two_backups, twice},
    {rule::records_are_replaced, two_backups, lost},
};

TEST_CASE("copies: each rule that is left out breaks a promise") {
  CHECK(std::size(mutations) == static_cast<std::size_t>(rule::count));
  for (const mutation& m : mutations) {
    CAPTURE(static_cast<int>(m.left_out));
    scope where = m.where;
    where.without = m.left_out;
    check_caught(copies_model<3>(where), m.broken);
  }
}

}  // namespace
