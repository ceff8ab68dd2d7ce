// Bytes as values and as views. Keys and values travel and rest as opaque bytes; only the façade
// knows their types.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace kith {

using bytes = std::vector<std::byte>;
using byte_view = std::span<const std::byte>;

[[nodiscard]] inline byte_view as_bytes(std::string_view text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}

[[nodiscard]] inline std::string_view as_text(byte_view view) {
  return {reinterpret_cast<const char*>(view.data()), view.size()};
}

[[nodiscard]] inline bytes to_bytes(byte_view view) { return {view.begin(), view.end()}; }
[[nodiscard]] inline bytes to_bytes(std::string_view text) { return to_bytes(as_bytes(text)); }

[[nodiscard]] inline bool equal(byte_view a, byte_view b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace kith
