// Many members: the cost of a view change is linear, and mass death is one or two views.
#include "harness.hpp"

#include <doctest/doctest.h>

using namespace harness;

namespace {

void lose_some(std::size_t n, std::size_t percent) {
  world_options options;
  options.check = false;
  options.ports = 1;  // all know the first member, as from a seed list
  options.seed = n + percent;
  world w{options};
  w.add();
  w.run_for(1s);
  for (std::size_t i = 1; i < n; ++i) w.add();
  const bool formed = w.run_until(60s, [&] { return w.one_view(w.living()); });
  MESSAGE(n, " members form in virtual ms ", w.now().time_since_epoch().count() / 1'000'000);
  REQUIRE(formed);
  w.run_for(2s);

  const std::uint64_t number = w.machine(0).current()->key.number.value();
  const auto view_messages = [&] {
    using enum wire::opcode;
    return w.sent(accept) + w.sent(accepted) + w.sent(commit) + w.sent(view_stable);
  };
  const std::uint64_t before = view_messages();
  for (std::size_t i = 1; i < n; ++i) {
    if (i * percent / 100 != (i - 1) * percent / 100) w.crash(i);
  }
  const time_point killed = w.now();
  const bool survived = w.run_until(30s, [&] { return w.one_view(w.living()); });
  REQUIRE(survived);
  const std::uint64_t views = w.machine(0).current()->key.number.value() - number;
  MESSAGE(percent, " % die: virtual ms ", (w.now() - killed).count() / 1'000'000, ", views ", views,
          ", messages ", view_messages() - before);
  CHECK(views <= 3);
  CHECK(view_messages() - before <= 5 * n * views);
}

/// So many of a hundred die at once, where each member knows few others that could say so.
void lose_most(std::size_t percent, bool with_oldest) {
  world_options options;
  options.check = false;
  options.ports = 1;
  options.seed = percent;
  world w{options};
  w.add();
  w.run_for(1s);
  for (std::size_t i = 1; i < 100; ++i) w.add();
  REQUIRE(w.run_until(60s, [&] { return w.one_view(w.living()); }));
  w.run_for(2s);
  random_source draw{percent};
  std::size_t left = percent;
  if (with_oldest) {
    w.crash(0);
    --left;
  }
  for (std::size_t i = 1; i < 100; ++i) {
    if (draw.below(100 - i) >= left) continue;
    w.crash(i);
    --left;
  }
  const time_point killed = w.now();
  CHECK(w.run_until(90s, [&] { return w.one_view(w.living()); }));
  MESSAGE(percent, " % die: virtual ms ", (w.now() - killed).count() / 1'000'000);
}

}  // namespace

// Most of the dead have no observer left.
TEST_CASE("membership: of a hundred members most die at once") {
  for (const std::size_t percent : {40, 60, 75, 90, 97}) lose_most(percent, false);
}
TEST_CASE("membership: of a hundred members the oldest and most others die at once") {
  for (const std::size_t percent : {40, 60, 75, 90, 97}) lose_most(percent, true);
}

TEST_CASE("membership: three hundred members lose one percent") { lose_some(300, 1); }
TEST_CASE("membership: three hundred members lose thirty percent") { lose_some(300, 30); }
