// The order of versions holds for what a register can have answered, and breaks for what it cannot.
#include <kith/sim/history_text.hpp>
#include <kith/sim/version_order.hpp>

#include <support/register_brute_force.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>

using namespace kith;

namespace {

/// The rule that is broken, as far as its words; empty where none is.
std::string fault_of(const std::string& text, sim::history_part part = sim::history_part::whole) {
  sim::register_histories all;
  REQUIRE_FALSE(sim::parse_histories(text, all).has_value());
  const auto fault = sim::judge_versions(all["k"], part);
  return fault ? fault->what : "";
}

}  // namespace

TEST_CASE("version_order: a write's version is above all that was completed before") {
  CHECK(fault_of("k 1 10 20 put 5 = ok v4\nk 2 30 40 put 6 = ok v5").empty());
  CHECK(fault_of("k 1 10 30 put 5 = ok v4\nk 2 20 40 put 6 = ok v3").empty());
  CHECK(fault_of("k 1 10 20 put 5 = ok v4\nk 2 30 40 erase = ok v3") ==
        "version 4 was known before it was invoked");
  // Also above what was only observed: the write that was read has no answer yet.
  CHECK(fault_of("k 1 10 90 put 5 = ok v4\nk 2 20 30 get = 5 v4\nk 3 40 50 put 6 = ok v3") ==
        "version 4 was known before it was invoked");
}

TEST_CASE("version_order: a read's version is not below what was known before it was invoked") {
  CHECK(fault_of("k 1 10 20 put 5 = ok v4\nk 2 30 40 get = 5 v4").empty());
  CHECK(fault_of("k 1 10 12 put 5 = ok v3\nk 1 15 20 put 6 = ok v4\nk 2 30 40 get = 5 v3") ==
        "version 4 was known before it was invoked");
  CHECK(fault_of("k 1 10 20 put 5 = ok v3\nk 1 25 45 put 6 = ok v4\nk 2 30 40 get = 5 v3").empty());
}

TEST_CASE("version_order: what is read was written by something invoked before") {
  CHECK(fault_of("k 1 10 20 get = 5 v4\nk 2 30 40 put 5 = ok v4") ==
        "nobody had written version 4 when it returned");
  // Of a part of a history that says nothing, and a write without an answer may be the one.
  CHECK(fault_of("k 1 10 20 get = 5 v4", sim::history_part::some).empty());
  CHECK(fault_of("k 1 10 20 get = 5 v4\nk 2 5 ? put 5 = ?").empty());
  // The later write is wrong even so: its version was observed before it was invoked.
  CHECK_FALSE(
      fault_of("k 1 10 20 get = 5 v4\nk 2 30 40 put 5 = ok v4", sim::history_part::some).empty());
}

TEST_CASE("version_order: what is absent was erased") {
  CHECK(fault_of("k 1 10 20 get = absent").empty());
  CHECK(fault_of("k 1 10 20 put 5 = ok v4\nk 2 30 40 get = absent") ==
        "nothing erased what was there, version 4 or newer");
  CHECK(
      fault_of("k 1 10 20 put 5 = ok v4\nk 1 30 60 erase = ok v5\nk 2 30 40 get = absent").empty());
  CHECK(fault_of("k 1 10 20 put 5 = ok v4\nk 1 30 ? erase = ?\nk 2 40 50 get = absent").empty());
  // The erase was before what is missing, or came after the read.
  CHECK_FALSE(
      fault_of("k 1 10 20 erase = ok v3\nk 1 10 20 put 5 = ok v4\nk 2 30 40 get = absent").empty());
  CHECK_FALSE(
      fault_of("k 1 10 20 put 5 = ok v4\nk 2 30 40 get = absent\nk 1 50 60 erase = ok v5").empty());
  CHECK_FALSE(fault_of("k 1 10 20 put 5 = ok v4\nk 2 30 40 put_if_absent 6 = yes").empty());
}

TEST_CASE("version_order: a write that was not told its version counts one") {
  CHECK(fault_of("k 1 10 20 put 5 = ok v4\nk 1 30 40 add 1 = 6\nk 1 50 60 put 7 = ok v6").empty());
  CHECK(fault_of("k 1 10 20 put 5 = ok v4\nk 1 30 40 add 1 = 6\nk 1 50 60 put 7 = ok v5") ==
        "version 5 was known before it was invoked");
}

TEST_CASE("version_order: a version is of one write and has one value") {
  CHECK(fault_of("k 1 10 40 put 5 = ok v4\nk 2 10 40 put 6 = ok v4") ==
        "version 4 is of two writes");
  CHECK(fault_of("k 1 10 40 put 5 = ok v4\nk 2 10 40 get = 6 v4") == "version 4 has two values");
  CHECK(fault_of("k 1 10 40 erase = ok v4\nk 3 5 ? put 6 = ?\nk 2 10 40 get = 6 v4") ==
        "version 4 is of an erase and of a value");
}

TEST_CASE("version_order: of two compare_and_put from one version one succeeds") {
  const std::string put = "k 1 10 20 put 5 = ok v4\n";
  CHECK(fault_of(put + "k 2 30 60 compare_and_put v4 6 = yes\nk 3 30 60 compare_and_put v4 7 = no")
            .empty());
  CHECK(fault_of(put +
                 "k 2 30 60 compare_and_put v4 6 = yes\nk 3 30 60 compare_and_put v4 7 = yes") ==
        "another one from version 4 succeeded");
  CHECK(fault_of(put + "k 1 25 27 put 5 = ok v5\nk 2 30 60 compare_and_put v4 6 = yes") ==
        "version 5 was known before it was invoked");
}

TEST_CASE("version_order: what was there at the beginning needs no write") {
  const std::string inherited = "k 0 1 1 inherit v3 = ok\n";
  CHECK(fault_of(inherited + "k 1 10 20 get = 5 v2").empty());
  CHECK(fault_of(inherited + "k 1 10 20 get = absent").empty());
  CHECK(fault_of(inherited + "k 1 10 20 get = 5 v4") ==
        "nobody had written version 4 when it returned");
  CHECK(fault_of(inherited + "k 1 10 20 put 5 = ok v4\nk 2 30 40 get = 6 v2") ==
        "version 4 was known before it was invoked");
  CHECK(fault_of(inherited + "k 1 10 20 get = 6 v2\nk 2 30 40 get = absent") ==
        "nothing erased what was there, version 2 or newer");
}

TEST_CASE("version_order: what it refuses is not linearizable") {
  std::size_t refused = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    const auto which = seed % 2 == 0 ? test::drawn_actions::all : test::drawn_actions::inheriting;
    const auto history = test::drawn_history{seed, which}.draw();
    const auto fault = sim::judge_versions(history);
    if (!fault) continue;
    ++refused;
    INFO(sim::to_text("k", history), fault->what);
    CHECK_FALSE(test::brute_force{history}.linearizable());
  }
  CHECK(refused > 100);
}

TEST_CASE("version_order: of gets, puts and erases with versions it misses nothing") {
  std::size_t refused = 0;
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    const auto history = test::drawn_history{seed, test::drawn_actions::plain}.draw();
    const bool fits = test::brute_force{history}.linearizable();
    INFO(sim::to_text("k", history));
    CHECK(sim::judge_versions(history).has_value() == !fits);
    refused += fits ? 0 : 1;
  }
  CHECK(refused > 150);
  CHECK(refused < 1350);
}
