#include "strong.hpp"

#include <doctest/doctest.h>

#include <iterator>

#include "model_check.hpp"

namespace {

using namespace model::strong;
using model::check_caught;
using model::check_holds;

TEST_CASE("strong: an owner is removed with two writes of a key") {
  check_holds(strong_model<1>({.leases = 1}), 60'000);
}

TEST_CASE("strong: one write and a renewal while an owner is removed") {
  check_holds(strong_model<1>({.writes = 1}), 400'000);
}

TEST_CASE("strong: views are agreed before old fences end") {
  check_holds(strong_model<1>({.leases = 1, .late = true}), 80'000);
}

TEST_CASE("strong: two owners are removed one after the other") {
  check_holds(strong_model<1>({.leases = 1, .views = 2}), 100'000);
}

TEST_CASE("strong: a reader is cut off with the old owner") {
  check_holds(strong_model<1>({.writes = 1, .minority = true}), 250'000);
}

TEST_CASE("strong: messages come twice") {
  check_holds(strong_model<1>({.writes = 1, .leases = 1, .late = true, .duplicates = true}),
              30'000);
}

TEST_CASE("strong: two keys share leases and the count of writes") {
  check_holds(strong_model<2>({.leases = 1, .views = 0}), 50'000);
  check_holds(strong_model<2>({.writes = 1, .leases = 1}), 40'000);
}

struct mutation {
  rule left_out;
  scope where;
};

constexpr scope plain{.writes = 1, .leases = 1};
constexpr scope late{.writes = 1, .leases = 1, .late = true};
constexpr scope cut_off{.writes = 1, .leases = 1, .minority = true};
constexpr scope renewing{.writes = 1, .leases = 2, .views = 0};
constexpr scope busy{.writes = 2, .leases = 2, .views = 0};

constexpr mutation mutations[] = {
    {rule::fill_minds_poison, plain},          {rule::followers_mind_poison, plain},
    {rule::applied_then_acknowledged, plain},  {rule::acknowledgement_has_seq, busy},
    {rule::loss_is_no_acknowledgement, plain}, {rule::reply_of_own_epoch, plain},
    {rule::backup_minds_epoch, late},          {rule::answer_waits_for_readers, plain},
    {rule::answer_waits_for_backup, plain},    {rule::pending_is_hidden, plain},
    {rule::pending_is_not_kept, plain},        {rule::get_registers, plain},
    {rule::lease_counts_from_sending, plain},  {rule::hit_minds_lease, plain},
    {rule::lapse_drops_entries, renewing},     {rule::hit_minds_fence, cut_off},
    {rule::owner_minds_fence, plain},          {rule::active_after_stable, plain},
    {rule::view_waits_for_fences, plain},      {rule::promoted_in_sync, {.leases = 1, .views = 2}},
};

TEST_CASE("strong: each rule that is left out makes a read stale") {
  CHECK(std::size(mutations) == static_cast<std::size_t>(rule::count));
  for (const mutation& m : mutations) {
    CAPTURE(static_cast<int>(m.left_out));
    scope where = m.where;
    where.without = m.left_out;
    check_caught(strong_model<1>(where), "an older value");
  }
}

}  // namespace
