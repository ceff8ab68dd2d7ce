// What clients asked of one register and were told: values only, for the judges of such histories
// (linearizability.hpp, version_order.hpp) and their text form (history_text.hpp).
//
// Times are of one clock that all clients share; what they count does not matter. An operation that
// returned at a time before another one was invoked came before it; at the same time, they were
// under way together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace kith::sim {

enum class register_action : std::uint8_t {
  get,
  put,
  put_if_absent,
  compare_and_put,
  erase,
  add,
  /// Nobody asks for it: what the register begins with is not known. It has any entry, or none. Has
  /// no effect but at the beginning.
  inherit,
};
inline constexpr std::size_t register_action_count = 7;

struct register_operation {
  std::uint64_t client = 0;
  std::int64_t invoked = 0;
  /// Absent: nobody knows how it ended. It may have taken effect at any time since, or never.
  std::optional<std::int64_t> returned;
  register_action action = register_action::get;
  /// What a write stores, or an addition adds.
  std::int64_t argument = 0;
  /// Of compare_and_put: the version that the entry has to have. 0: there has to be none. Of
  /// inherit: the highest that the entry may have, from 1; what is written later has one above.
  std::uint64_t expected = 0;

  // The answer. Without `returned` there is none.
  /// Of a get: there was an entry. Of a conditional write: it was put.
  bool yes = false;
  /// What a get found, or the sum of an addition.
  std::int64_t value = 0;
  /// Of what a get found, or of what was written. 0: not told.
  std::uint64_t version = 0;

  friend bool operator==(const register_operation&, const register_operation&) = default;
};

/// Of one register, which begins absent unless it inherits. In any order.
using register_history = std::vector<register_operation>;

/// It changed the register, or may have.
[[nodiscard]] inline bool writes(const register_operation& op) {
  switch (op.action) {
    case register_action::get: return false;
    case register_action::put_if_absent:
    case register_action::compare_and_put: return op.yes || !op.returned;
    case register_action::put:
    case register_action::erase:
    case register_action::add:
    case register_action::inherit: return true;
  }
  return true;
}

}  // namespace kith::sim
