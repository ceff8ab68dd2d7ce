// Feature flags: read on every request, changed now and then from a console. A service reads its
// near cache, without a message and without a lock, and hears of a change about a millisecond after
// it was made, without asking for it.
#include "support.hpp"

#include <kith/kith.hpp>

#include <chrono>
#include <iostream>
#include <mutex>
#include <string>
#include <vector>

using namespace std::chrono_literals;

using flags = kith::cache<std::string, std::string>;

// What every request of the service does.
bool is_on(const flags& all, const std::string& name) {
  bool on = false;
  all.visit(name, [&](const std::string& value) { on = value == "on"; });
  return on;
}

int main() {
  // A weight of 0: the services own no flags, so that a restart of one loses none. In a real system
  // there are several members that do, or a loader that reads the flags from a table.
  kith::member console({.cluster = "example-feature-flags"});
  kith::member service({.cluster = "example-feature-flags", .weight = 0});
  kith::member another({.cluster = "example-feature-flags", .weight = 0});
  for (const kith::member* member : {&console, &service, &another}) {
    wait_until([&] { return member->members().size() == 3; }, "the members found each other");
  }

  flags owned = console.cache<std::string, std::string>("flags");
  flags here = service.cache<std::string, std::string>("flags");
  flags there = another.cache<std::string, std::string>("flags");

  // Listeners hear of what their member owns: an audit log is kept where the flags are.
  std::mutex mutex;
  std::vector<std::string> audit;
  const kith::subscription listening = owned.listen_local({
      .changed = [&](const kith::entry_event<std::string, std::string>& event) {
        const std::lock_guard lock{mutex};
        audit.push_back(event.key + " is " + event.value.value_or("gone"));
      },
      .values = true,
  });

  const kith::version off = owned.put("dark-mode", "off");
  // Nobody has read the flag before, so whoever asks now gets it from its owner.
  expect(*here.get("dark-mode") == "off", "one service sees the new flag");
  expect(*there.get("dark-mode") == "off", "so does the other");

  const auto before = here.stats().near_hits;
  for (int request = 0; request < 10'000; ++request) {
    expect(!is_on(here, "dark-mode"), "the flag is off in every request");
  }
  const auto hits = here.stats().near_hits - before;
  std::cout << "10000 requests read the flag; most of them asked nobody: "
            << (hits > 5'000 ? "yes" : "no") << '\n';
  expect(hits > 5'000, "requests are answered from the near cache");

  // Two people in two consoles: the second one is told that what he saw is no longer so.
  expect(owned.compare_and_put("dark-mode", off, "on"), "nobody changed the flag meanwhile");
  expect(!owned.compare_and_put("dark-mode", off, "half"), "somebody has");

  wait_until([&] { return is_on(here, "dark-mode") && is_on(there, "dark-mode"); },
             "both services see the change");
  std::cout << "both services see dark-mode on\n";

  const auto heard = [&] {
    const std::lock_guard lock{mutex};
    return audit.size();
  };
  wait_until([&] { return heard() == 2; }, "the listener heard of both changes");
  const std::lock_guard lock{mutex};
  for (const std::string& line : audit) std::cout << "audit: " << line << '\n';
  expect(audit[1] == "dark-mode is on", "changes of a flag are told in their order");
}
