// Permissions: checked on every request, and when one is revoked, no request that begins afterwards
// may still pass, on whatever replica. A strong cache promises that, and its checks are near hits.
#include "support.hpp"

#include <kith/kith.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
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
          .bootstrap_expect = 3};
}

// What every request of the service does.
bool may(const permissions& all, const std::string& who) {
  const kith::ref<bool> found = all.get(who);
  return found && *found;
}

// One permission, from when it is given until it is revoked on one of the replicas, which serve
// requests meanwhile. How many of these passed although they began after the revocation.
int give_and_revoke(const std::vector<permissions>& replicas, const std::string& who,
                    const permissions& revoking) {
  std::atomic<bool> revoked{false};
  std::atomic<bool> stop{false};
  std::atomic<int> passed_too_late{0};
  std::vector<std::atomic<int>> checks(replicas.size());
  replicas[0].put(who, true);
  std::vector<std::thread> requests;
  for (std::size_t i = 0; i < replicas.size(); ++i) {
    requests.emplace_back([&, i] {
      for (; !stop; std::this_thread::sleep_for(20us)) {
        const bool began_after = revoked;
        if (may(replicas[i], who) && began_after) ++passed_too_late;
        ++checks[i];
      }
    });
  }
  const auto checked = [&](int times) {
    return [&, times] { return std::ranges::all_of(checks, [&](int n) { return n >= times; }); };
  };
  wait_until(checked(20), "each replica serves requests");
  revoking.put(who, false);
  revoked = true;
  for (std::atomic<int>& each : checks) each = 0;
  wait_until(checked(5), "each replica serves requests after the revocation");
  stop = true;
  for (std::thread& each : requests) each.join();
  return passed_too_late;
}

int main() {
  std::array<std::unique_ptr<kith::member>, 3> members;
  for (auto& each : members) each = std::make_unique<kith::member>(options());
  std::vector<permissions> replicas;
  for (const auto& each : members) {
    replicas.push_back(each->cache<std::string, bool>(
        "permissions", {.coherence = kith::coherence::strong, .backups = 1}));
  }

  int passed_too_late = 0;
  for (int i = 0; i < 50; ++i) {
    const permissions& revoking = replicas[static_cast<std::size_t>(i) % replicas.size()];
    passed_too_late += give_and_revoke(replicas, "user-" + std::to_string(i), revoking);
  }
  std::cout << "50 revocations, requests that passed after one: " << passed_too_late << '\n';
  expect(passed_too_late == 0, "nobody read the old permission");
  std::uint64_t near_hits = 0;
  for (const permissions& replica : replicas) near_hits += replica.stats().near_hits;
  expect(near_hits > 0, "checks are answered from near caches");

  // What has to be there, and is not, is said before anything is promised.
  kith::member alone({.cluster = "example-permissions-alone"});
  try {
    static_cast<void>(alone.cache<std::string, bool>(
        "permissions", {.coherence = kith::coherence::strong, .backups = 1}));
  } catch (const kith::error& refused) {
    std::cout << refused.what() << '\n';
  }
}
