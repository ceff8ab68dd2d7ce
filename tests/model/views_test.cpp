#include "views.hpp"

#include <doctest/doctest.h>

#include <iterator>

#include "model_check.hpp"

namespace {

using namespace model::views;
using model::check_caught;
using model::check_holds;

TEST_CASE("views: two members agree on two changes") {
  check_holds(views_model<2>({.changes = 2}), 50'000);
}

TEST_CASE("views: three members agree on a change") { check_holds(views_model<3>({}), 800'000); }

TEST_CASE("views: the coordinator of three members may leave") {
  check_holds(views_model<3>({.leaves = true}), 800'000);
}

TEST_CASE("views: the coordinator of a new view is taken over at once") {
  check_holds(views_model<4>({.changes = 2, .window = 1, .begins_in_change = true}), 3'000'000);
}

struct mutation {
  rule left_out;
  int members;
  scope where;
  const char* broken;
};

constexpr scope two_changes{.changes = 2};
constexpr scope short_window{.changes = 2, .window = 1};
constexpr scope with_leaver{.changes = 2, .window = 1, .leaves = true};
constexpr scope taken_over{.changes = 2, .window = 1, .begins_in_change = true};

constexpr mutation mutations[] = {
    {rule::tie_needs_oldest, 2, two_changes, "I15: live fences of two"},
    {rule::commit_needs_quorum, 3, {}, "I12"},
    {rule::quorum_of_old_view, 3, {}, "I12"},
    {rule::adopts_what_was_accepted, 3, {}, "I12"},
    {rule::votes_in_own_view, 3, short_window, "I12"},
    {rule::ballot_zero_is_of_oldest, 2, two_changes, "I15"},
    {rule::ballots_differ, 2, two_changes, "I15"},
    {rule::window_starts_at_install, 4, taken_over, "I15: live fences of two"},
    {rule::window_survives_install, 4, taken_over, "I15: live fences of two"},
    {rule::window_binds, 2, two_changes, "I15"},
    {rule::echo_ends_with_vote, 3, {}, "I15"},
    {rule::authority_binds, 2, two_changes, "I15"},
    {rule::stable_waits_for_fences, 2, two_changes, "I1: "},
    {rule::stable_waits_for_all_gone, 2, two_changes, "I1: "},
    {rule::quiet_after_hand_over, 3, with_leaver, "I1: "},
    {rule::fence_counts_from_sending, 2, two_changes, "I1: "},
    {rule::fence_within_authority, 3, {}, "I15"},
};

TEST_CASE("views: each rule that is left out breaks a promise") {
  CHECK(std::size(mutations) == static_cast<std::size_t>(rule::count));
  for (const mutation& m : mutations) {
    CAPTURE(static_cast<int>(m.left_out));
    scope where = m.where;
    where.without = m.left_out;
    if (m.members == 2) check_caught(views_model<2>(where), m.broken);
    if (m.members == 3) check_caught(views_model<3>(where), m.broken);
    if (m.members == 4) check_caught(views_model<4>(where), m.broken);
  }
}

}  // namespace
