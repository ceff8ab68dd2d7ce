// Permissions: checked on every request, and when one is revoked, no request that begins afterwards
// may still pass, on whatever replica. A strong cache promises that, and its checks are near hits.
#include "support.hpp"

#include <kith/kith.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

using permissions = kith::cache<std::string, bool>;

kith::member_options options() {
  return {.cluster = "example-permissions",
          // Of a cluster that is cut in two, one side goes on.
          .quorum = kith::quorum::majority,
          .timing = kith::timing_options::fast(),
          .bootstrap_expect = 3};
}

// What every request of the service does.
bool may(const permissions& all, const std::string& who) {
  const kith::ref<bool> found = all.get(who);
  return found && *found;
}

int main() {
  std::array<std::unique_ptr<kith::member>, 3> members;
  for (auto& each : members) each = std::make_unique<kith::member>(options());
  std::vector<permissions> replicas;
  for (const auto& each : members) {
    replicas.push_back(each->cache<std::string, bool>(
        "permissions", {.coherence = kith::coherence::strong, .backups = 1}));
  }

  // Each replica serves requests of its own. The state is odd from when a revocation has returned
  // until the permission is about to be given again.
  std::atomic<int> state{0};
  std::atomic<bool> stop{false};
  std::atomic<int> passed_too_late{0};
  std::vector<std::thread> requests;
  replicas[0].put("anna", true);
  for (const permissions& replica : replicas) {
    requests.emplace_back([&, replica] {
      while (!stop) {
        const int before = state;
        const bool passed = may(replica, "anna");
        if (passed && before % 2 == 1 && state == before) ++passed_too_late;
      }
    });
  }

  const auto near_hits = [&] {
    std::uint64_t all = 0;
    for (const permissions& replica : replicas) all += replica.stats().near_hits;
    return all;
  };
  for (int i = 0; i < 50; ++i) {
    const auto hits = near_hits();
    wait_until([&] { return near_hits() > hits + 100; }, "checks are answered from near caches");
    replicas[static_cast<std::size_t>(i) % 3].put("anna", false);
    ++state;
    expect(!may(replicas[0], "anna"), "who revokes sees it");
    std::this_thread::sleep_for(1ms);
    ++state;
    replicas[static_cast<std::size_t>(i + 1) % 3].put("anna", true);
  }
  stop = true;
  for (std::thread& each : requests) each.join();
  std::cout << "50 revocations, requests that passed after one: " << passed_too_late << '\n';
  expect(passed_too_late == 0, "nobody read the old permission");

  // What has to be there, and is not, is said before anything is promised.
  kith::member alone({.cluster = "example-permissions-alone"});
  try {
    static_cast<void>(alone.cache<std::string, bool>(
        "permissions", {.coherence = kith::coherence::strong, .backups = 1}));
  } catch (const kith::error& refused) {
    std::cout << refused.what() << '\n';
  }
}
