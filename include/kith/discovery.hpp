// Where a starting member looks for others: a value of the options. Resolving and dialling are the
// driver's.
#pragma once

#include <kith/core/endpoint.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace kith {

/// The ports of this machine that members without seeds share. A member binds the lowest free one
/// and looks for others on the rest; 64 members a machine are enough for development and tests.
inline constexpr std::uint16_t loopback_first_port = 5801;
inline constexpr std::uint16_t loopback_last_port = 5864;

/// Processes of this machine find each other without configuration. The default.
struct loopback_discovery {
  std::uint16_t first_port = loopback_first_port;
  std::uint16_t last_port = loopback_last_port;

  friend bool operator==(const loopback_discovery&, const loopback_discovery&) = default;
};

/// A list of members that are likely to be there: any one that answers is enough. Names are
/// resolved at every attempt, so a name may stand for a changing set of addresses.
struct seed_discovery {
  std::vector<endpoint> seeds;

  friend bool operator==(const seed_discovery&, const seed_discovery&) = default;
};

using discovery = std::variant<loopback_discovery, seed_discovery>;

/// The places to dial, in the order in which they are tried.
[[nodiscard]] inline std::vector<endpoint> candidates(const discovery& where) {
  if (const auto* given = std::get_if<seed_discovery>(&where)) return given->seeds;
  const auto& loopback = std::get<loopback_discovery>(where);
  std::vector<endpoint> found;
  for (std::uint32_t port = loopback.first_port; port <= loopback.last_port; ++port) {
    found.push_back({"127.0.0.1", static_cast<std::uint16_t>(port)});
  }
  return found;
}

}  // namespace kith
