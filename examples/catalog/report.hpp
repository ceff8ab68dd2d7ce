// What catalog-load prints: a line a second, and the table at the end.
#pragma once

#include "json.hpp"
#include "load.hpp"
#include "tally.hpp"

#include <chrono>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace catalog {

/// What one replica counted before and after the load; empty where it did not answer.
struct replica_stats {
  std::optional<stats> before;
  std::optional<stats> after;
};

/// "1,234,567".
[[nodiscard]] std::string with_commas(std::uint64_t number);
/// Milliseconds, with more digits the fewer there are: "0.123", "12.3", "1,234".
[[nodiscard]] std::string in_ms(std::uint64_t us);
/// "62.5 %"; "-" of nothing.
[[nodiscard]] std::string percent(std::uint64_t part, std::uint64_t whole);

/// What a replica counted meanwhile: sums are subtracted, highest values and the view are not.
[[nodiscard]] stats difference(const stats& before, const stats& after);

void print_progress(std::ostream& to, std::chrono::seconds since_start, const tally& seen);
void print_table(std::ostream& to, const load_result& clients,
                 const std::vector<replica_stats>& replicas);

}  // namespace catalog
