// Where a member's randomness begins.
#pragma once

#include <kith/core/assert.hpp>

#include <sys/random.h>

#include <cstdint>

namespace kith::net {

/// Chance from the system: for identities and salts, which must differ between processes.
[[nodiscard]] inline std::uint64_t system_random() {
  std::uint64_t drawn = 0;
  KITH_ASSERT(::getrandom(&drawn, sizeof drawn, 0) == sizeof drawn);
  return drawn;
}

}  // namespace kith::net
