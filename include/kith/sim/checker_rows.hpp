// Rule E5 (checkers.hpp): rows of the database, read through caches.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/sim/checkers.hpp>
#include <kith/sim/history.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace kith::sim {

inline void checker::wrote_row(const record& erase, std::int64_t row) {
  if (erase.failed) return;
  rows_[erase.key].push_back({erase.answered, erase.version, {}, {}, true, row});
  set_side(erase, rows_[erase.key].back());
  check_session(erase, of_cache::rows);
}

inline void checker::check_row(const record& read) {
  if (read.failed || !read.yes) return;
  ++checks_;
  check_session(read, of_cache::rows);
  check_epoch(read);
  const auto found = rows_.find(read.key);
  if (found == rows_.end() || moved(read)) return;
  const time_point by = read.bound;
  for (const acknowledged& one : found->second) {
    if (one.at < by && one.value > read.value && owes(one, read) &&
        !lost(one, read, options_.row_copies)) {
      fail("E5", read, "row " + std::to_string(one.value) + " was acknowledged");
      return;
    }
  }
}

inline std::optional<std::int64_t> checker::row_owed_to(const record& read) const {
  std::optional<std::int64_t> newest;
  const auto found = rows_.find(read.key);
  if (found == rows_.end() || moved(read)) return newest;
  for (const acknowledged& one : found->second) {
    if (one.at >= read.bound || !owes(one, read) || lost(one, read, options_.row_copies)) continue;
    newest = std::max(newest.value_or(one.value), one.value);
  }
  return newest;
}

/// After everything is quiet: the newest row whose erase was acknowledged on the line of views that
/// this member is on. An erase on a side that gave way is not repeated on the other one yet.
inline std::int64_t checker::row_owed(std::size_t member, std::uint32_t key) const {
  std::int64_t newest = 0;
  const auto found = rows_.find(key);
  if (found == rows_.end()) return newest;
  for (const acknowledged& one : found->second) {
    record now;
    now.member = member;
    now.asked_in = view_key_of(member);
    now.bound = cluster_.time().now();
    now.key = key;
    const bool counts = owes(one, now) && !lost(one, now, options_.row_copies);
    if (counts) newest = std::max(newest, one.value);
  }
  return newest;
}

}  // namespace kith::sim
