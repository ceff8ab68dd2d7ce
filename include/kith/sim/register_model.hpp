// What a register does, one operation after the other: the specification that linearizability.hpp
// searches by.
//
// Each write gives the entry a version, a whole number above all before. Some answers tell it and
// others do not; so of a version that nobody was told yet the state knows how small it may be and
// what it is not, and an answer that names it settles it. In the same way answers settle what a
// register has that began with something that nobody knows.
#pragma once

#include <kith/sim/register_history.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace kith::sim {

/// What is known of an entry: all but perhaps its version; that there is one; or nothing at all.
enum class register_known : std::uint8_t { value, presence, nothing };

struct register_state {
  /// Where nothing is known, so that this is what an entry would be.
  bool present = false;
  register_known known = register_known::value;
  /// 0 where it is not known.
  std::int64_t value = 0;
  /// The entry's version; unless `exact`, the smallest that it may be. Of an absent entry, that of
  /// what removed it: nobody is told it later, so it is always exact.
  std::uint64_t least = 0;
  bool exact = true;
  /// Above `least`: what the version is not. Sorted; empty when exact.
  std::vector<std::uint64_t> excluded;
  /// The highest version that was there at the beginning. 0: nothing was.
  std::uint64_t inherited = 0;

  friend bool operator==(const register_state&, const register_state&) = default;
};

/// The state after `op`. Absent: this answer is none of a register in the state `before`. Of an
/// operation without an answer: how it takes effect, absent where it has none.
[[nodiscard]] std::optional<register_state> step(const register_state& before,
                                                 const register_operation& op);

/// The highest `least` of states that an answered operation fits in. A step lowers it only where it
/// turns out that nothing was there at the beginning; all versions to come are above then.
[[nodiscard]] std::uint64_t least_before(const register_operation& op);

// --- implementation ---

[[nodiscard]] inline bool may_have_version(const register_state& in, std::uint64_t version) {
  if (!in.present || version == 0) return false;
  if (in.exact) return version == in.least;
  if (in.least <= in.inherited && version > in.inherited) return false;
  return version >= in.least &&
         !std::binary_search(in.excluded.begin(), in.excluded.end(), version);
}

[[nodiscard]] inline register_state with_version(register_state in, std::uint64_t version) {
  in.least = version;
  in.exact = true;
  in.excluded.clear();
  return in;
}

/// It turned out that there was no entry.
[[nodiscard]] inline register_state without_entry(const register_state& in) {
  register_state absent;
  absent.inherited = in.inherited;
  return absent;
}

/// It turned out that there was one.
[[nodiscard]] inline register_state with_entry(register_state in) {
  if (in.known == register_known::nothing) in.known = register_known::presence;
  return in;
}

[[nodiscard]] inline bool may_be_absent(const register_state& in) {
  return !in.present || in.known == register_known::nothing;
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
  const bool from_before = in.least > in.inherited && version <= in.inherited;
  excluded.erase(excluded.begin(), first);
  if (!from_before) return in;
  return may_be_absent(in) ? std::optional{without_entry(in)} : std::nullopt;
}

/// Puts `value`, or with none removes the entry.
[[nodiscard]] inline std::optional<register_state> written(const register_state& before,
                                                           const register_operation& op,
                                                           std::optional<std::int64_t> value) {
  const std::uint64_t told = op.returned ? op.version : 0;
  const std::uint64_t above = std::max(before.least, before.inherited);
  if (told != 0 && told <= above) return std::nullopt;
  register_state next = without_entry(before);
  next.present = value.has_value();
  next.value = value.value_or(0);
  next.least = told != 0 ? told : above + 1;
  next.exact = told != 0 || !next.present;
  return next;
}

[[nodiscard]] inline std::optional<register_state> put_if_none(const register_state& before,
                                                               const register_operation& op) {
  const bool put = op.yes || !op.returned;
  if (put) return may_be_absent(before) ? written(before, op, op.argument) : std::nullopt;
  return before.present ? std::optional{with_entry(before)} : std::nullopt;
}

[[nodiscard]] inline std::optional<register_state> compared_and_put(const register_state& before,
                                                                    const register_operation& op) {
  const bool put = op.yes || !op.returned;
  if (op.expected == 0) return put_if_none(before, op);
  if (!put) return without_version(before, op.expected);
  if (!may_have_version(before, op.expected)) return std::nullopt;
  return written(with_version(before, op.expected), op, op.argument);
}

[[nodiscard]] inline std::optional<register_state> got(const register_state& before,
                                                       const register_operation& op) {
  if (!op.yes && !may_be_absent(before)) return std::nullopt;
  if (!op.yes) return before.present ? without_entry(before) : before;
  if (!before.present) return std::nullopt;
  if (before.known == register_known::value && op.value != before.value) return std::nullopt;
  register_state found = before;
  found.known = register_known::value;
  found.value = op.value;
  if (op.version == 0) return found;
  if (!may_have_version(before, op.version)) return std::nullopt;
  return with_version(std::move(found), op.version);
}

[[nodiscard]] inline std::optional<register_state> added(const register_state& before,
                                                         const register_operation& op) {
  // Unsigned: beyond the largest number it goes on at the smallest.
  const auto sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(before.value) +
                                             static_cast<std::uint64_t>(op.argument));
  const bool known = before.known == register_known::value;
  if (known && op.returned && op.value != sum) return std::nullopt;
  if (known || op.returned) return written(before, op, op.returned ? op.value : sum);
  std::optional<register_state> next = written(before, op, 0);
  if (next) next->known = register_known::presence;
  return next;
}

[[nodiscard]] inline std::optional<register_state> inherits(const register_state& before,
                                                            const register_operation& op) {
  if (before != register_state{} || op.expected == 0) return std::nullopt;
  register_state next;
  next.present = true;
  next.known = register_known::nothing;
  next.least = 1;
  next.exact = false;
  next.inherited = op.expected;
  return next;
}

inline std::optional<register_state> step(const register_state& before,
                                          const register_operation& op) {
  switch (op.action) {
    case register_action::get: return op.returned ? got(before, op) : std::nullopt;
    case register_action::put: return written(before, op, op.argument);
    case register_action::put_if_absent: return put_if_none(before, op);
    case register_action::compare_and_put: return compared_and_put(before, op);
    case register_action::erase: return written(before, op, std::nullopt);
    case register_action::add: return added(before, op);
    case register_action::inherit: return inherits(before, op);
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
