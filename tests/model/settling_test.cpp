#include "settling.hpp"

#include <doctest/doctest.h>

#include <iterator>

#include "model_check.hpp"

namespace {

using namespace model::settling;
using model::check_caught;
using model::check_holds;

TEST_CASE("settling: an owner and its two copies die one after the other with three operations") {
  check_holds(settling_model<3>({}), 50'000);
}

TEST_CASE("settling: what was erased stays so while its key is put again") {
  check_holds(settling_model<3>({.key_of = {0, 0, 0}}), 30'000);
}

TEST_CASE("settling: three copies and two operations") {
  check_holds(settling_model<4>({.operations = 2}), 100'000);
}

TEST_CASE("settling: an owner and its three copies die one after the other with two operations") {
  check_holds(settling_model<4>({.views = 4, .operations = 2}), 500'000);
}

struct mutation {
  rule left_out;
  scope where;
};

// A second owner that dies before it serves, so that only the third one shows what it passed on.
constexpr scope three_deaths{.views = 4, .operations = 1};

constexpr mutation mutations[] = {
    {rule::changes_are_marked, {}},
    {rule::watermark_is_the_least, {}},
    {rule::marks_have_epochs, {.views = 4}},
    {rule::erased_keys_are_told, {}},
    {rule::all_of_the_row_settle, {}},
    {rule::told_keys_are_marked, three_deaths},
    {rule::none_before_it_serves, three_deaths},
    {rule::feed_of_own_view, {}},
    {rule::shown_when_acknowledged, {}},
};

TEST_CASE("settling: each rule that is left out breaks the promise") {
  CHECK(std::size(mutations) == static_cast<std::size_t>(rule::count));
  for (const mutation& m : mutations) {
    CAPTURE(static_cast<int>(m.left_out));
    scope where = m.where;
    where.without = m.left_out;
    check_caught(settling_model<4>(where), "what was shown is undone");
  }
}

}  // namespace
