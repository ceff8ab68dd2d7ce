// Part of settling.hpp: the state of the model, its scopes and the rules that it may leave out.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "sets.hpp"

namespace model::settling {

enum class rule : byte {
  changes_are_marked,        // W1
  watermark_is_the_least,    // W2
  marks_have_epochs,         // W2
  erased_keys_are_told,      // W3
  all_of_the_row_settle,     // W3
  told_keys_are_marked,      // W4
  none_before_it_serves,     // W5
  feed_of_own_view,          // W6
  shown_when_acknowledged,   // W7
  count
};

inline constexpr int keys_max = 2;
inline constexpr int operations_max = 4;
inline constexpr int views_max = 4;
inline constexpr std::size_t queue_max = 5;
inline constexpr byte sequences_max = 16;  // of an epoch, which is its view

struct scope {
  int views = 3;
  int operations = 3;
  std::array<byte, operations_max> key_of = {0, 0, 1, 1};  // of each operation
  set erasing = 0b10;                                      // those that erase
  std::optional<rule> without = std::nullopt;
};

/// An operation is named by its place in time plus 1; 0 is the beginning.
using contents = std::array<byte, keys_max>;

struct member {
  byte view = 0;
  byte sequence = 0;
  contents has = {};      // the operation that left each key as it is
  contents marks = {};    // view and sequence; 0: the key has none
  contents changed = {};  // as an owner: the sequence of the key's last change
};

enum class item_kind : byte { none, change, told, settled, watermark };

struct item {
  item_kind kind = item_kind::none;
  byte key = 0;
  byte operation = 0;
  byte sequence = 0;
};

constexpr byte mark_of(byte view, byte sequence) {
  return static_cast<byte>(view * sequences_max + sequence);
}

/// Of one owner to one holder. What was sent arrives, in order, whatever becomes of the sender.
struct feed {
  byte size = 0;
  byte acknowledged = 0;
  std::array<item, queue_max> queue = {};
};

struct row {
  byte owner = 0;
  set backups = 0;
};

template <int N>
struct state {
  byte views = 1;
  byte operations = 0;  // that were applied
  byte watermark = 0;   // the newest owner's
  set settled = 0;      // who of the newest row has what its owner began with
  contents shown = {};
  std::array<row, views_max> rows = {};
  std::array<member, N> members = {};
  std::array<std::array<feed, N>, N> feeds = {};  // [owner][holder]

  [[nodiscard]] const row& newest() const { return rows[views - 1U]; }
};

}  // namespace model::settling
