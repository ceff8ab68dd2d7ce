// Processes whose caches have a copy of each entry on another one: SIGKILL takes no write that was
// acknowledged.
#include <doctest/doctest.h>

#include "processes.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

using namespace process_test;

namespace {

constexpr std::size_t entries = 128;

[[nodiscard]] bool all_copied(const processes& all) {
  return std::ranges::all_of(all, [](const auto& each) { return each->ask("copied 1") == "yes"; });
}

/// Processes that share a view, in which each partition has a copy.
struct backed_processes {
  explicit backed_processes(std::size_t size)
      : all{start(size, {cluster_name("backups"), "backups=1"})} {
    for (const auto& each : all) each->wait_until_ready();
    REQUIRE(settled());
  }
  [[nodiscard]] bool settled() const {
    return wait_until([&] { return share_a_view(all, all.size()) && all_copied(all); },
                      2 * patience);
  }
  /// SIGKILL, and nobody waits for anything.
  void kill(std::size_t i) {
    all[i]->kill();
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
  }

  processes all;
};

/// Starts so many calls; what they have ended with is in the tally.
void begin(process& by, const std::string& calls) {
  REQUIRE(by.ask("forget") == "ok");
  REQUIRE(by.ask(calls) == "ok");
}

void put_all(process& by, const std::string& prefix, const std::string& value) {
  begin(by, "puts " + prefix + ' ' + std::to_string(entries) + ' ' + value);
  REQUIRE(all_ended(by, entries));
  CHECK(tallied(by, "ok") == entries);
}

/// How many of them have the value, as their owners say.
[[nodiscard]] std::size_t found(process& by, const std::string& prefix, const std::string& value) {
  begin(by, "gets " + prefix + ' ' + std::to_string(entries) + " owner");
  REQUIRE(all_ended(by, entries));
  return tallied(by, value);
}

}  // namespace

TEST_CASE("backups: all that was put is read until one process is left") {
  backed_processes run{4};
  put_all(*run.all[0], "w", "first");
  // Likely the coordinator, and so is the next one.
  while (run.all.size() > 1) {
    run.kill(0);
    for (const auto& each : run.all) CHECK(found(*each, "w", "first") == entries);
    if (run.all.size() > 1) REQUIRE(run.settled());
    put_all(*run.all.back(), "v" + std::to_string(run.all.size()), "later");
  }
  CHECK(found(*run.all[0], "v3", "later") == entries);
  CHECK(found(*run.all[0], "v2", "later") == entries);
}

TEST_CASE("backups: what was acknowledged while a process was killed is there") {
  backed_processes run{4};
  process& writer = *run.all[0];
  begin(writer, "puts w " + std::to_string(entries) + " during 65536");
  REQUIRE(wait_until([&] { return tallied(writer, "ok") > 0; }));
  run.kill(2);
  REQUIRE(all_ended(writer, entries));
  const std::size_t acknowledged = tallied(writer, "ok");
  CHECK(acknowledged > 0);
  for (const auto& each : run.all) CHECK(found(*each, "w", "during") >= acknowledged);
}

TEST_CASE("backups: adds that were acknowledged while a process was killed count once each") {
  constexpr std::size_t adds = 200;
  constexpr int sums = 8;  // some are the killed one's
  backed_processes run{4};
  process& writer = *run.all[0];
  REQUIRE(writer.ask("forget") == "ok");
  for (int i = 0; i < sums; ++i) {
    REQUIRE(writer.ask("adds s" + std::to_string(i) + ' ' + std::to_string(adds)) == "ok");
  }
  run.kill(3);
  REQUIRE(all_ended(writer, sums * adds));
  std::size_t sum = 0;
  for (int i = 0; i < sums; ++i) {
    const std::string answer = run.all[1]->ask("sum s" + std::to_string(i));
    REQUIRE(answer.starts_with("value "));
    sum += std::stoul(answer.substr(6));
  }
  const std::size_t acknowledged = tallied(writer, "ok");
  CHECK(acknowledged > 0);
  CHECK(sum >= acknowledged);
  CHECK(sum <= acknowledged + tallied(writer, "timed_out"));
}
