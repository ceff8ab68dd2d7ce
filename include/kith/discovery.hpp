// Where a starting member looks for others, as a list of addresses. Resolving and dialling are the
// driver's.
#pragma once

#include <kith/core/endpoint.hpp>
#include <kith/options.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace kith {

/// The ports of this machine that members without an address of their own share: each binds the
/// lowest free one and looks for others on the rest. 64 members a machine are enough for
/// development and tests.
inline constexpr std::uint16_t loopback_first_port = 5801;
inline constexpr std::uint16_t loopback_last_port = 5864;
inline constexpr const char* loopback_host = "127.0.0.1";

/// The addresses to try, each once: seeds first, then the ports of this machine.
[[nodiscard]] inline std::vector<endpoint> candidates(const discovery_options& where) {
  std::vector<endpoint> found;
  const auto add = [&found](const endpoint& one) {
    if (std::ranges::find(found, one) == found.end()) found.push_back(one);
  };
  for (const endpoint& seed : where.seeds) add(seed);
  if (!where.loopback) return found;
  for (std::uint32_t port = loopback_first_port; port <= loopback_last_port; ++port) {
    add({loopback_host, static_cast<std::uint16_t>(port)});
  }
  return found;
}

}  // namespace kith
