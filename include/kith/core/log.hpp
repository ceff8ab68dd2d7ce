// A log line as a value. The core has no log of its own: a machine appends a record to its effects
// and the driver hands it to the user's callback.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kith {

enum class log_level : unsigned char { debug, info, warning, error };

[[nodiscard]] constexpr std::string_view to_string(log_level level) {
  switch (level) {
    case log_level::debug: return "debug";
    case log_level::info: return "info";
    case log_level::warning: return "warning";
    case log_level::error: return "error";
  }
  return "unknown";
}

/// What happened, in two or three words that never change, and the facts as key and value.
struct log_record {
  log_level level = log_level::info;
  std::string event;
  std::vector<std::pair<std::string, std::string>> fields;
};

}  // namespace kith
