#include "explorer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using model::explore;
using model::outcome;
using model::step;
using model::verdict;

/// Two jars of five and three litres; four litres in the large one are a violation where it says
/// so.
struct jars {
  struct state {
    std::uint8_t large = 0;
    std::uint8_t small = 0;
  };

  bool four_is_wrong = true;

  [[nodiscard]] state initial() const { return {}; }
  [[nodiscard]] const char* violated(const state& s) const {
    return four_is_wrong && s.large == 4 ? "four litres" : nullptr;
  }
  template <class Sink>
  void successors(const state& s, Sink&& sink) const {
    const auto poured = [&](int to_small) {
      return state{static_cast<std::uint8_t>(s.large - to_small),
                   static_cast<std::uint8_t>(s.small + to_small)};
    };
    sink(state{5, s.small}, step{"the large jar is filled", {}});
    sink(state{s.large, 3}, step{"the small jar is filled", {}});
    sink(state{0, s.small}, step{"the large jar is emptied", {}});
    sink(state{s.large, 0}, step{"the small jar is emptied", {}});
    const int to_small = std::min<int>(s.large, 3 - s.small);
    const int to_large = std::min<int>(s.small, 5 - s.large);
    sink(poured(to_small), step{"# litres into the small jar", {to_small}});
    sink(poured(-to_large), step{"# litres into the large jar", {to_large}});
  }
};

TEST_CASE("explorer: a violation comes with a shortest trace") {
  const outcome found = explore(jars{}, 1'000);
  CHECK(found.result == verdict::violated);
  CHECK(found.broken == "four litres");
  CHECK(found.trace ==
        std::vector<std::string>{"the large jar is filled", "3 litres into the small jar",
                                 "the small jar is emptied", "2 litres into the small jar",
                                 "the large jar is filled", "1 litres into the small jar"});
}

TEST_CASE("explorer: without a violation all states are counted once") {
  const outcome found = explore(jars{.four_is_wrong = false}, 1'000);
  CHECK(found.result == verdict::holds);
  CHECK(found.states == 16);  // a jar is empty or full in all that can be reached
  CHECK(found.transitions == 16 * 6);
  CHECK(found.trace.empty());
}

TEST_CASE("explorer: at the bound it stops and says so") {
  const outcome found = explore(jars{.four_is_wrong = false}, 7);
  CHECK(found.result == verdict::bound_reached);
  CHECK(found.states == 7);
}

TEST_CASE("explorer: a violation in the first state has an empty trace") {
  struct broken_jars : jars {
    [[nodiscard]] const char* violated(const state&) const { return "always"; }
  };
  const outcome found = explore(broken_jars{}, 1'000);
  CHECK(found.result == verdict::violated);
  CHECK(found.trace.empty());
}

}  // namespace
