// Names of packages in the targets of requests.
#pragma once

#include "utf8.hpp"

#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>

namespace catalog {

inline constexpr std::string_view package_path = "/package/";
inline constexpr std::size_t name_bytes_max = 256;

/// NAME of "/package/NAME" with its %XX decoded: 1 to 256 bytes of UTF-8. Empty if `target` is not
/// of this form.
[[nodiscard]] inline std::string name_in(std::string_view target) {
  if (!target.starts_with(package_path)) return {};
  target.remove_prefix(package_path.size());
  std::string name;
  for (std::size_t at = 0; at < target.size() && name.size() <= name_bytes_max; ++at) {
    if (target[at] != '%') {
      name.push_back(target[at]);
      continue;
    }
    unsigned code = 0;
    const std::string_view digits = target.substr(at + 1, 2);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (error != std::errc{} || end != target.data() + at + 3) return {};
    name.push_back(static_cast<char>(code));
    at += 2;
  }
  return name.size() <= name_bytes_max && is_utf8(name) ? name : std::string{};
}

/// The target that name_in reads as `name`.
[[nodiscard]] inline std::string target_of(std::string_view name) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::string_view plain = "-._~+:";
  std::string target{package_path};
  for (const char sign : name) {
    const auto code = static_cast<unsigned char>(sign);
    const bool letter = (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z');
    if (letter || (code >= '0' && code <= '9') || plain.find(sign) != std::string_view::npos) {
      target.push_back(sign);
    } else {
      target += {'%', digits[code >> 4], digits[code & 15]};
    }
  }
  return target;
}

}  // namespace catalog
