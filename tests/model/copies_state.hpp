// The copies of one partition: the state of the model, its scopes and the rules that it may leave
// out.
//
// Members 0 to N-1 and a row {owner, epoch, backups} in each agreed view. Operations are written as
// additions: each leaves a trace in the value of its key, so that one which is lost and one which
// was applied twice both show. A put is an addition that hides the others: what holds here holds
// for it.
//
// Abstractions. The coordinator is a list of views; what agreement on them needs is in views.hpp. A
// crash is a member that takes no further step, which any member may do at any time, and a pause is
// a crash that ends. A removal may hit a member that lives: it goes on in its old view. A feed is a
// queue that survives resets, for what was not acknowledged is sent again and taken once. An
// acknowledgement arrives with the item that it is for: later ones allow nothing more. Any caller
// may ask any owner at any time, and again after it was answered, so requests may be late and
// repeated.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "sets.hpp"

namespace model::copies {

enum class rule : byte {
  feed_of_own_view,          // P1
  row_is_required,           // P2
  end_marker_is_required,    // P2
  required_across_views,     // P2
  claim_after_end_marker,    // P3
  claims_die_with_view,      // P4
  waits_until_view_without,  // P5
  stays_if_owner_goes,       // P6
  old_copy_until_end,        // P7
  sweep_at_end,              // P7
  applied_once,              // P8
  inherited_is_covered,      // P9
  records_ride_with_entry,   // P10
  records_are_replaced,      // P10
  count
};

inline constexpr int operations_max = 3;
inline constexpr int keys_max = 2;
inline constexpr int views_max = 5;
inline constexpr int queue_max = 6;

/// What is explored. All sets of operations and keys are small, for each costs a factor of ten.
struct scope {
  int views = 3;                                        // agreed ones, the first included
  int operations = 2;                                   // each asked for as often as callers like
  std::array<byte, operations_max> key_of = {0, 0, 0};  // of each operation
  set backups = 0b10;                                   // of member 0 in the first view
  bool hand_over = true;                                // owners may claim it
  bool compare = true;                                  // copies in sync with their owner's too
  std::optional<rule> without = std::nullopt;           // a rule that nobody keeps
};

/// A value and the records of operations: what a member holds of the partition.
struct contents {
  byte times = 0;   // how often each operation is in its key's value: two bits each
  set records = 0;  // operations whose answer is known
  bool operator==(const contents&) const = default;
};

constexpr int times_of(const contents& c, int operation) { return c.times >> 2 * operation & 3; }

constexpr void add(contents& c, int operation) {
  if (times_of(c, operation) < 2) c.times = static_cast<byte>(c.times + (1U << 2 * operation));
  c.records = with(c.records, operation);
}

constexpr byte times_mask(set operations) {
  byte mask = 0;
  for (int o = 0; o < operations_max; ++o) {
    if (has(operations, o)) mask = static_cast<byte>(mask | 3U << 2 * o);
  }
  return mask;
}

/// Those operations that are in a value.
constexpr set present(const contents& c) {
  set found = 0;
  for (int o = 0; o < operations_max; ++o) {
    if (times_of(c, o) > 0) found = with(found, o);
  }
  return found;
}

enum class item_kind : byte { none, entry, end };

struct item {
  item_kind kind = item_kind::none;
  byte key = 0;
  contents carried = {};
};

/// What an owner sends one holder in its epoch. The queue is what the holder has not taken.
struct feed {
  byte started = 0;
  byte begun = 0;  // the holder has taken the first item
  set keys = 0;    // whose entries were sent
  byte ended = 0;  // the end marker was sent
  byte end_acknowledged = 0;
  set acknowledged = 0;  // operations in what the holder has taken
  byte size = 0;
  std::array<item, queue_max> queue = {};
};

struct member {
  byte view = 0;
  contents copy = {};
  set marked = 0;     // keys that came in the present feed
  set inherited = 0;  // operations that an owner found in its copy when it began
  set leaving = 0;    // of whom it has claimed that they do not keep up, in this epoch
};

struct row {
  byte owner = 0;
  byte epoch = 0;  // the number of the view in which it began
  set backups = 0;
  set members = 0;  // of the view
};

enum class wrong : byte { nothing, no_successor, queue_full };

template <int N>
struct state {
  byte views = 1;
  wrong broken = wrong::nothing;
  set answered = 0;
  set in_sync = 0, out_of_sync = 0, hand_over = 0;  // claims of the newest view
  std::array<row, views_max> rows = {};
  std::array<member, N> members = {};
  std::array<std::array<feed, N>, N> feeds = {};  // [owner][holder]

  [[nodiscard]] const row& newest() const { return rows[views - 1U]; }
  /// The row that `m` believes in.
  [[nodiscard]] const row& row_of(int m) const {
    return rows[members[static_cast<std::size_t>(m)].view];
  }
  [[nodiscard]] bool owns(int m) const { return row_of(m).owner == m; }
};

}  // namespace model::copies
