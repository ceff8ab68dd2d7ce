// Why an entry, or its value, left the engine.
#pragma once

#include <cstdint>
#include <string_view>

namespace kith::store {

enum class removal : std::uint8_t {
  /// Its time was over.
  expired,
  /// Room was needed and the policy chose it.
  evicted,
  /// The caller erased it.
  erased,
  /// It got another value; the entry itself stays.
  replaced,
};

[[nodiscard]] constexpr std::string_view to_string(removal cause) {
  switch (cause) {
    case removal::expired: return "expired";
    case removal::evicted: return "evicted";
    case removal::erased: return "erased";
    case removal::replaced: return "replaced";
  }
  return "unknown";
}

}  // namespace kith::store
