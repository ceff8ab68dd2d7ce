// One of several processes is killed, stopped, or cut off: the others go on serving.
#include <doctest/doctest.h>

#include "processes.hpp"

#include <string>
#include <utility>

using namespace process_test;

namespace {

constexpr std::size_t words = 64;
const std::string all_words = std::to_string(words);

/// Four members that all hold `words` words in their near caches.
struct four_processes {
  four_processes() {
    REQUIRE(wait_until([&] { return ready && share_partitions(all); }));
    put_all(*all[0], "before");
    for (const auto& each : all) get_all(*each, "before", words);
  }

  static void put_all(process& by, const std::string& value) {
    REQUIRE(by.ask("forget") == "ok");
    REQUIRE(by.ask("puts w " + all_words + ' ' + value) == "ok");
    REQUIRE(all_ended(by, words));
    CHECK(tallied(by, "ok") == words);
  }
  static void get_all(process& by, const std::string& value, std::size_t number) {
    REQUIRE(by.ask("forget") == "ok");
    REQUIRE(by.ask("gets w " + all_words) == "ok");
    REQUIRE(all_ended(by, words));
    CHECK(tallied(by, value) == number);
  }

  processes all = start(4, {cluster_name("faults")});
  bool ready = [this] {
    for (const auto& each : all) each->wait_until_ready();
    return true;
  }();
};

/// What is no answer but no wrong answer: the caller asks again.
[[nodiscard]] std::size_t refused(process& by) {
  return tallied(by, "timed_out") + tallied(by, "no_owner") + tallied(by, "not_connected");
}

}  // namespace

TEST_CASE("faults: three go on serving when the fourth is killed") {
  four_processes run;
  run.all[3]->kill();
  run.all.pop_back();

  // All of them are put again, whoever owned them: the calls wait for the next view, not longer.
  run.put_all(*run.all[0], "again");
  REQUIRE(wait_until([&] { return share_a_view(run.all, 3); }));
  for (const auto& each : run.all) {
    CHECK(wait_until([&] { return each->ask("own w0") == "value again"; }));
    each->ask("forget");
    each->ask("gets w " + all_words);
    REQUIRE(all_ended(*each, words));
    // An entry that moved once more is gone, and nobody has an older one.
    CHECK(tallied(*each, "again") + tallied(*each, "absent") == words);
  }
  run.put_all(*run.all[1], "third");
  for (const auto& each : run.all) {
    CHECK(wait_until([&] { return each->ask("get w1") == "value third"; }));
  }
}

TEST_CASE("faults: what the dead owned is absent") {
  four_processes run;
  run.all[0]->kill();  // likely the oldest, and so the coordinator
  run.all.erase(run.all.begin());
  REQUIRE(wait_until([&] { return share_a_view(run.all, 3); }));
  for (const auto& each : run.all) {
    each->ask("forget");
    for (std::size_t i = 0; i < words; ++i) {
      const std::string answer = each->ask("own w" + std::to_string(i));
      CHECK((answer == "value before" || answer == "absent"));
    }
  }
  run.put_all(*run.all[0], "after");
  run.get_all(*run.all[0], "after", words);
}

// 10 s are longer than everything that the others wait for: they remove the silent one, and what it
// owned moves. Large values fill the windows towards it, so its connections stand still.
TEST_CASE("faults: a process that was stopped for 10 s comes back and answers nothing old") {
  four_processes run;
  process& sleeper = *run.all[3];
  sleeper.stop();
  const auto stopped = clock::now();
  process& busy = *run.all[0];
  REQUIRE(busy.ask("forget") == "ok");
  REQUIRE(busy.ask("puts w " + all_words + " during 262144") == "ok");
  // The living serve theirs while the silent one is a member still.
  CHECK(wait_until([&] { return tallied(busy, "ok") >= words / 4; }));
  CHECK(members_of(busy.ask("view")) == 4);
  std::size_t rounds = 0;
  while (clock::now() - stopped < 10s) {
    REQUIRE(all_ended(busy, words));
    CHECK(tallied(busy, "ok") == words);
    REQUIRE(busy.ask("forget") == "ok");
    REQUIRE(busy.ask("puts w " + all_words + " during 262144") == "ok");
    ++rounds;
  }
  REQUIRE(all_ended(busy, words));
  processes awake;
  for (int i = 0; i < 3; ++i) awake.push_back(std::move(run.all[static_cast<std::size_t>(i)]));
  REQUIRE(wait_until([&] { return share_a_view(awake, 3); }));
  MESSAGE(rounds << " rounds of " << words << " puts during the stop");
  CHECK(rounds > 1);
  // Written again just now, which is what the waking one must not be older than: max_staleness
  // passed long ago for what it holds.
  sleeper.tell("forget");
  sleeper.tell("gets w " + all_words);
  sleeper.signal(SIGCONT);
  CHECK(sleeper.hear() == "ok");
  CHECK(sleeper.hear() == "ok");
  REQUIRE(all_ended(sleeper, words));
  CHECK(tallied(sleeper, "before") == 0);
  CHECK(tallied(sleeper, "during") + tallied(sleeper, "absent") + refused(sleeper) == words);

  REQUIRE(wait_until([&] { return share_a_view(awake, 4); }, 60s));
  REQUIRE(wait_until([&] { return sleeper.ask("view") == awake[0]->ask("view"); }, 60s));
  run.put_all(sleeper, "after");
  for (const auto& each : awake) {
    CHECK(wait_until([&] { return each->ask("get w0") == "value after"; }));
  }
}

TEST_CASE("faults: one that asks to leave is missed by nobody") {
  four_processes run;
  CHECK(run.all[1]->quit() == 0);
  run.all.erase(run.all.begin() + 1);
  REQUIRE(wait_until([&] { return share_a_view(run.all, 3); }));
  run.put_all(*run.all[0], "after");
  for (const auto& each : run.all) {
    CHECK(wait_until([&] { return each->ask("own w0") == "value after"; }));
  }
}
