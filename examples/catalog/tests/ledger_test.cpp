#include "ledger.hpp"
#include "replicas.hpp"

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono_literals;
using catalog::ledger;

TEST_CASE("ledger: an answer is old if a later revision was acknowledged before it was asked for") {
  const ledger::clock::time_point start{};
  ledger known;
  CHECK_FALSE(known.age(1, 1, start));
  known.acknowledged(1, 5, start + 10ms);
  known.acknowledged(1, 6, start + 30ms);
  CHECK_FALSE(known.age(1, 4, start + 10ms));       // asked for no later than the write was told
  CHECK(known.age(1, 4, start + 11ms) == 1ms);
  CHECK(known.age(1, 4, start + 50ms) == 40ms);     // counted from the first write it missed
  CHECK(known.age(1, 5, start + 50ms) == 20ms);
  CHECK_FALSE(known.age(1, 6, start + 50ms));
  CHECK_FALSE(known.age(1, 7, start + 50ms));       // of a write that is not acknowledged yet
  CHECK_FALSE(known.age(2, 1, start + 50ms));
}

TEST_CASE("replicas: one that is silent is left out and asked again after half a second") {
  const catalog::replicas::time_point start{};
  catalog::replicas all{{81, 82, 83}};
  catalog::random_numbers chance{1};
  all.on_silence(1, start + 1s);
  all.on_silence(1, start + 1100ms);
  CHECK(all.losses(1) == 1);
  CHECK_FALSE(all.all_here());
  for (int i = 0; i < 100; ++i) {
    CHECK(all.choose(chance, start + 1200ms, std::nullopt) != 1);
    CHECK(all.choose(chance, start + 1200ms, 0) == 2);
  }
  bool asked = false;
  for (int i = 0; i < 100; ++i) asked |= all.choose(chance, start + 1600ms, std::nullopt) == 1;
  CHECK(asked);

  all.on_answer(1, start + 3s);
  CHECK(all.all_here());
  CHECK(all.losses(1) == 1);
  REQUIRE(all.absences().size() == 1);
  CHECK(all.absences()[0].replica == 1);
  CHECK(all.absences()[0].from == start + 1s);
  CHECK(all.absences()[0].until == start + 3s);
}
