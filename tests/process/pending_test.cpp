// Many calls that wait for a member that does not answer cost memory, not threads, and all end.
#include <doctest/doctest.h>

#include "processes.hpp"

#include <memory>
#include <string>
#include <vector>

using namespace process_test;

namespace {

constexpr std::size_t calls = 10'000;

/// An owner of everything, and a member that owns nothing and asks it.
struct pair_of_processes {
  explicit pair_of_processes(const std::string& timeout_ms) {
    const std::string name = cluster_name("pending");
    all = start(1, {name});
    all[0]->wait_until_ready();
    all.push_back(std::make_unique<process>(
        std::vector<std::string>{name, "weight=0", "timeout_ms=" + timeout_ms}));
    all[1]->wait_until_ready();
    REQUIRE(wait_until([&] { return share_a_view(all, 2); }));
    REQUIRE(asker().ask("puts k 8 first") == "ok");
    REQUIRE(all_ended(asker(), 8));
    REQUIRE(asker().ask("forget") == "ok");
  }
  process& owner() { return *all[0]; }
  process& asker() { return *all[1]; }

  processes all;
};

}  // namespace

// The owner is stopped for a moment: less than the four seconds after which a silent member may be
// removed. Calls that were answered late are answers all the same.
TEST_CASE("pending: 10000 calls to a stopped owner add no thread and end when it goes on") {
  pair_of_processes both{"20000"};
  const std::string threads = both.asker().ask("threads");
  REQUIRE(both.asker().ask("gets absent 2000") == "ok");
  REQUIRE(all_ended(both.asker(), 2000));
  CHECK(both.asker().ask("threads") == threads);
  REQUIRE(both.asker().ask("forget") == "ok");

  both.owner().stop();
  REQUIRE(both.asker().ask("gets other " + std::to_string(calls)) == "ok");
  CHECK(both.asker().ask("threads") == threads);
  CHECK(tallied(both.asker(), "started") == calls);
  CHECK(tallied(both.asker(), "ended") == 0);
  both.owner().signal(SIGCONT);
  REQUIRE(all_ended(both.asker(), calls));
  CHECK(tallied(both.asker(), "absent") == calls);
  CHECK(both.asker().ask("threads") == threads);
}

// The deadline is a second, so it passes before anybody is removed. What is checked above it is
// generous: fifteen seconds, for a machine that is busy.
TEST_CASE("pending: 10000 calls to a stopped owner end at their deadline") {
  pair_of_processes both{"1000"};
  const std::string threads = both.asker().ask("threads");
  both.owner().stop();
  REQUIRE(both.asker().ask("gets other " + std::to_string(calls)) == "ok");
  CHECK(both.asker().ask("threads") == threads);
  REQUIRE(all_ended(both.asker(), calls, 15s));
  const std::size_t late = tallied(both.asker(), "timed_out");
  CHECK(late == calls);
  CHECK(both.asker().ask("threads") == threads);
  both.owner().signal(SIGCONT);
  CHECK(wait_until([&] { return both.asker().ask("put k0 again") == "ok"; }));
  CHECK(both.owner().ask("get k0") == "value again");
}
