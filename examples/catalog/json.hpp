// The texts that replicas and clients exchange.
#pragma once

#include "database.hpp"
#include "package.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace catalog {

/// A reply to GET /package/NAME.
[[nodiscard]] std::string to_json(const package& shown);

/// The body of PUT /package/NAME: an object with some of version, section, size and description.
/// Throws std::invalid_argument that says what is wrong with it.
[[nodiscard]] package_change change_from_json(std::string_view body);

/// A reply to GET /stats: sums that only grow, so that two of them can be subtracted.
struct stats {
  std::uint64_t near = 0;
  std::uint64_t owner = 0;
  std::uint64_t database = 0;
  std::uint64_t absent = 0;
  std::uint64_t failed = 0;
  std::uint64_t writes = 0;
  std::uint64_t selects = 0;
  /// The most that an answer from the near cache can have been behind its owner.
  std::uint64_t oldest_near_ms = 0;
  /// The bound that the cache promises for it.
  std::uint64_t staleness_max_ms = 0;
  std::uint64_t view = 0;
  std::uint64_t members = 0;

  /// All reads that got an answer.
  [[nodiscard]] std::uint64_t reads() const { return near + owner + database + absent; }

  friend bool operator==(const stats&, const stats&) = default;
};

[[nodiscard]] std::string to_json(const stats& shown);
/// Throws std::invalid_argument.
[[nodiscard]] stats stats_from_json(std::string_view text);

/// {"error": "..."}, for replies that are one.
[[nodiscard]] std::string error_json(std::string_view what);

}  // namespace catalog
