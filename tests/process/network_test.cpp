// Connections that break or stand still under members that are well.
#include <doctest/doctest.h>

#include "processes.hpp"
#include "proxy.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

using namespace process_test;

namespace {

/// Three members that reach each other through proxies only.
struct proxied_processes {
  proxied_processes() {
    const std::string name = cluster_name("network");
    for (int i = 0; i < 3; ++i) {
      proxies.push_back(std::make_unique<proxy>());
      all.push_back(std::make_unique<process>(
          std::vector<std::string>{name, "advertise=" + std::to_string(proxies.back()->port()),
                                   "seed=" + std::to_string(proxies.front()->port())}));
      proxies.back()->forward_to(all.back()->hear_port());
      all.back()->wait_until_ready();
    }
    REQUIRE(wait_until([&] { return share_partitions(all); }));
  }

  std::vector<std::unique_ptr<proxy>> proxies;
  processes all;
};

}  // namespace

// Every connection of the cluster breaks again and again under the calls. They are sent again with
// the same operation ids, so that what is counted in the end is what was asked for.
TEST_CASE("network: resets cost no call and nothing is applied twice") {
  proxied_processes run;
  constexpr std::size_t adds = 200;
  constexpr int rounds = 8;
  for (int round = 0; round < rounds; ++round) {
    for (const auto& each : run.all) each->ask("adds a" + std::to_string(round) + " 200");
    for (const auto& each : run.proxies) each->reset();
    for (const auto& each : run.all) {
      REQUIRE(all_ended(*each, adds));
      CHECK(tallied(*each, "ok") == adds);
      each->ask("forget");
    }
  }
  std::size_t resets = 0;
  for (const auto& each : run.proxies) resets += each->resets();
  MESSAGE(resets << " connections were reset");
  CHECK(resets > 0);
  CHECK(wait_until([&] { return share_a_view(run.all, 3); }));
  for (int round = 0; round < rounds; ++round) {
    CHECK(run.all[0]->ask("sum a" + std::to_string(round)) == "value 600");
  }
}

// The others dialled the first one, so what it says and hears passes through its proxy, until the
// silence is long enough for somebody to dial anew. Large values fill the windows before that.
TEST_CASE("network: a member behind a zero window leaves the others serving and comes back") {
  proxied_processes run;
  REQUIRE(wait_until([&] { return run.proxies[0]->connections() == 2; }));
  run.proxies[0]->stand_still(true);
  const auto begin = clock::now();
  std::size_t rounds = 0;
  clock::duration longest{};
  while (clock::now() - begin < 8s) {
    const auto round = clock::now();
    for (std::size_t i = 1; i < 3; ++i) {
      run.all[i]->ask("forget");
      run.all[i]->ask("puts w 64 during 262144");
    }
    for (std::size_t i = 1; i < 3; ++i) {
      // Theirs do not wait for the silent one.
      CHECK(wait_until([&] { return tallied(*run.all[i], "ok") >= 16; }, 4s));
      REQUIRE(all_ended(*run.all[i], 64));
      CHECK(tallied(*run.all[i], "ok") == 64);
    }
    longest = std::max(longest, clock::now() - round);
    ++rounds;
  }
  MESSAGE(rounds << " rounds of 128 puts beside the zero window and the longest took "
                 << std::chrono::duration_cast<std::chrono::milliseconds>(longest).count()
                 << " ms");
  run.proxies[0]->stand_still(false);
  REQUIRE(wait_until([&] { return share_a_view(run.all, 3); }, 60s));
  CHECK(run.all[0]->ask("put word after") == "ok");
  for (const auto& each : run.all) {
    CHECK(wait_until([&] { return each->ask("get word") == "value after"; }));
  }
}
