// What a register does, one operation after the other: the specification that linearizability.hpp
// searches by.
//
// Each write gives the entry a version, a whole number above all before. Some answers tell it and
// others do not; so of a version that nobody was told yet the state knows how small it may be and
// what it is not, and an answer that names it settles it.
#pragma once

#include <kith/sim/register_history.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace kith::sim {

struct register_state {
  bool present = false;
  std::int64_t value = 0;
  /// The entry's version; unless `exact`, the smallest that it may be. Of an absent entry, that of
  /// what removed it: nobody is told it later, so it is always exact.
  std::uint64_t least = 0;
  bool exact = true;
  /// Above `least`: what the version is not. Sorted; empty when exact.
  std::vector<std::uint64_t> excluded;

  friend bool operator==(const register_state&, const register_state&) = default;
};

/// The state after `op`. Absent: this answer is none of a register in the state `before`. Of an
/// operation without an answer: how it takes effect, absent where it has none.
[[nodiscard]] std::optional<register_state> step(const register_state& before,
                                                 const register_operation& op);

/// The highest `least` of states that an answered operation fits in. A step never lowers it.
[[nodiscard]] std::uint64_t least_before(const register_operation& op);

// --- implementation ---

[[nodiscard]] inline bool may_have_version(const register_state& in, std::uint64_t version) {
  if (!in.present || version == 0) return false;
  if (in.exact) return version == in.least;
  return version >= in.least &&
         !std::binary_search(in.excluded.begin(), in.excluded.end(), version);
}

[[nodiscard]] inline register_state with_version(register_state in, std::uint64_t version) {
  in.least = version;
  in.exact = true;
  in.excluded.clear();
  return in;
}

/// Absent: it has no other version.
[[nodiscard]] inline std::optional<register_state> without_version(register_state in,
                                                                   std::uint64_t version) {
  if (!may_have_version(in, version)) return in;
  if (in.exact) return std::nullopt;
  auto& excluded = in.excluded;
  excluded.insert(std::lower_bound(excluded.begin(), excluded.end(), version), version);
  auto first = excluded.begin();
  for (; first != excluded.end() && *first == in.least; ++first) ++in.least;
  excluded.erase(excluded.begin(), first);
  return in;
}

/// Puts `value`, or with none removes the entry.
[[nodiscard]] inline std::optional<register_state> written(const register_state& before,
                                                           const register_operation& op,
                                                           std::optional<std::int64_t> value) {
  const std::uint64_t told = op.returned ? op.version : 0;
  if (told != 0 && told <= before.least) return std::nullopt;
  register_state next;
  next.present = value.has_value();
  next.value = value.value_or(0);
  next.least = told != 0 ? told : before.least + 1;
  next.exact = told != 0 || !next.present;
  return next;
}

[[nodiscard]] inline std::optional<register_state> compared_and_put(const register_state& before,
                                                                    const register_operation& op) {
  const bool put = op.yes || !op.returned;
  if (op.expected == 0) {
    if (put == before.present) return std::nullopt;
    return put ? written(before, op, op.argument) : before;
  }
  if (!put) return without_version(before, op.expected);
  if (!may_have_version(before, op.expected)) return std::nullopt;
  return written(with_version(before, op.expected), op, op.argument);
}

[[nodiscard]] inline std::optional<register_state> got(const register_state& before,
                                                       const register_operation& op) {
  if (op.yes != before.present) return std::nullopt;
  if (!op.yes) return before;
  if (op.value != before.value) return std::nullopt;
  if (op.version == 0) return before;
  if (!may_have_version(before, op.version)) return std::nullopt;
  return with_version(before, op.version);
}

inline std::optional<register_state> step(const register_state& before,
                                          const register_operation& op) {
  switch (op.action) {
    case register_action::get: return op.returned ? got(before, op) : std::nullopt;
    case register_action::put: return written(before, op, op.argument);
    case register_action::put_if_absent: {
      const bool put = op.yes || !op.returned;
      if (put == before.present) return std::nullopt;
      return put ? written(before, op, op.argument) : before;
    }
    case register_action::compare_and_put: return compared_and_put(before, op);
    case register_action::erase: return written(before, op, std::nullopt);
    case register_action::add: {
      // Unsigned: beyond the largest number it goes on at the smallest.
      const auto sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(before.value) +
                                                 static_cast<std::uint64_t>(op.argument));
      if (op.returned && op.value != sum) return std::nullopt;
      return written(before, op, sum);
    }
  }
  return std::nullopt;
}

inline std::uint64_t least_before(const register_operation& op) {
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  if (op.version != 0) most = writes(op) ? op.version - 1 : op.version;
  if (op.yes && op.expected != 0) most = std::min(most, op.expected);
  return most;
}

}  // namespace kith::sim
