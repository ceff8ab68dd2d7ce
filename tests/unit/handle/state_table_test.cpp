// What handles of one cache share outlives an opening only if one has succeeded.
#include <kith/error.hpp>
#include <kith/handle/state_table.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <typeindex>

using kith::handle::state_table;

namespace {

std::shared_ptr<void> begin(state_table& in, int value) {
  return in.begin("words", typeid(int), [value] { return std::make_shared<int>(value); });
}

}  // namespace

TEST_CASE("state table: handles of one cache share the first one's state") {
  state_table table;
  const auto first = begin(table, 1);
  table.end("words", true);
  CHECK(begin(table, 2) == first);
  table.end("words", true);
}

TEST_CASE("state table: a failed opening leaves no state") {
  state_table table;
  const auto first = begin(table, 1);
  table.end("words", false);
  CHECK(begin(table, 2) != first);
}

TEST_CASE("state table: a failed opening keeps the state of one that succeeded or is under way") {
  state_table table;
  const auto first = begin(table, 1);
  CHECK(begin(table, 2) == first);
  table.end("words", false);
  CHECK(begin(table, 3) == first);
  table.end("words", true);
  table.end("words", false);
  CHECK(begin(table, 4) == first);
}

TEST_CASE("state table: other types are refused, and named") {
  state_table table;
  static_cast<void>(begin(table, 1));
  const auto other = [&] {
    static_cast<void>(
        table.begin("words", typeid(long), [] { return std::make_shared<long>(1); }));
  };
  CHECK_THROWS_AS(other(), kith::error);
}

TEST_CASE("state table: what was taken is forgotten") {
  state_table table;
  const auto first = begin(table, 1);
  const auto all = table.take();
  REQUIRE(all.size() == 1);
  CHECK(all.at("words") == first);
  table.end("words", true);
  CHECK(begin(table, 2) != first);
}
