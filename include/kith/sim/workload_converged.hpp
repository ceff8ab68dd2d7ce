// What the clients of a run find when everything is quiet again (workload.hpp).
#pragma once

#include <kith/near/ref.hpp>
#include <kith/sim/checkers.hpp>
#include <kith/sim/workload.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kith::sim {

/// A quiet key has to come from the near cache of every member that may keep it there: the second
/// time, or a little later where the first answer showed that the stream had gone on meanwhile, and
/// its replay was too old.
inline void workload::read_quiet(std::size_t member, const handles& with, std::uint32_t key,
                                 std::vector<violation>& wrong) {
  constexpr int reads = 4;
  const std::uint64_t before = with.rows.stats().near_hits;
  for (int i = 0; i < reads; ++i) {
    const ref<std::int64_t> row = with.rows.get(key);
    const bool kept = options_.near_local || !checker_.owns(member, key);
    if (!row || !kept || with.rows.stats().near_hits > before) return;
  }
  wrong.push_back({"O8: member " + std::to_string(member) + " read the quiet row " +
                   std::to_string(key) + " four times and asked its owner each time"});
}

inline std::vector<violation> workload::converged() {
  std::vector<violation> wrong;
  for (const auto& [member, with] : open_) {
    for (std::uint32_t key = 0; key < options_.keys; ++key) read_quiet(member, *with, key, wrong);
  }
  for (std::uint32_t key = 0; key < options_.keys; ++key) {
    std::optional<std::optional<std::int64_t>> first;
    for (const auto& [member, with] : open_) {
      const ref<std::int64_t> value = with->registers.get(key);
      told(register_values_, member, key, value);
      const std::optional<std::int64_t> seen = value ? std::optional{*value} : std::nullopt;
      // An absence is as good as a near copy of what the owner has evicted.
      const bool says_nothing = options_.evictions && !seen;
      if (!first && !says_nothing) first = seen;
      if (!says_nothing && *first != seen) {
        wrong.push_back({"O6: members read key " + std::to_string(key) + " differently"});
      }
      const ref<std::int64_t> row = with->rows.get(key);
      if (!options_.memory_short) told(row_values_, member, key, row);
      if (!row || *row < checker_.row_owed(member, key)) {
        wrong.push_back({"O5: row " + std::to_string(key) + " is older than an erased one"});
      }
    }
  }
  for (std::uint32_t key = 0; key < options_.keys; ++key) check_explained(key, wrong);
  return wrong;
}

}  // namespace kith::sim
