// How the owner of a partition keeps its copies on other members: a stream of items, numbered from
// 1 without holes in each round, in the order in which the owner did what they say. Docs:
// coherence.md, "Copies".
//
// None of these belongs to a session: what an old connection still brings is of a round that is
// over, or says again what is known. Keys and values are views into the received frame.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/field.hpp>
#include <kith/wire/limits.hpp>
#include <kith/wire/opcode.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace kith::wire {

enum class feed_kind : std::uint8_t {
  /// A round begins; `value` is an encoded feed_opening.
  begin,
  /// The entry is as said here.
  put,
  erase,
  /// The owner has the entry no more, if it still is of `version`; no mutation.
  drop,
  /// No entry of the cache is left in the partition.
  clear,
  /// None that has the only tag of `tags` is left.
  end_tag,
  /// Nothing but an answer.
  answer,
  /// All that was there when the round began has been sent.
  end,
  /// The store has the entry as it is, or never will.
  written,
};
template <>
inline constexpr feed_kind last_enumerator<feed_kind> = feed_kind::written;

/// The answer that one operation got, for retries that come to a later owner.
struct feed_answer {
  member_id from;
  std::uint64_t operation = 0;
  /// Of the operation's sender, when it sent it.
  std::uint64_t lowest_unsettled = 0;
  kith::version version;
  bool existed = false;
  /// It may have been applied, or not: nobody is told more than that.
  bool doubted = false;
  byte_view result;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.from, self.operation, self.lowest_unsettled, self.version, self.existed,
          self.doubted, capped(self.result, limits::value_bytes));
  }
};

struct feed_item {
  feed_kind kind = feed_kind::answer;
  cache_id cache{};
  byte_view key;
  byte_view value;
  /// The entry's; of the mutation, where there is no entry.
  kith::version version;
  /// How long the entry lives from now on; absent: until it is dropped.
  std::optional<duration> ttl_left;
  std::vector<tag> tags;
  /// The store of the cache does not have it yet.
  bool owed = false;
  /// Of the operation that did it.
  std::optional<feed_answer> answer;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.kind, self.cache, capped(self.key, limits::key_bytes),
          capped(self.value, limits::value_bytes), self.version, self.ttl_left,
          capped(self.tags, limits::tags), self.owed, self.answer);
  }
};

/// Which caches a copy has: those that are copied to more than so many positions; or all of them.
using feed_scope = std::uint8_t;
inline constexpr feed_scope whole_scope = 0xFF;

/// An owner that was, and how far its sequence reached when the next one took over; the next one
/// had the caches of `kept`.
struct term {
  kith::epoch epoch;
  sequence last;
  feed_scope kept = whole_scope;

  friend bool operator==(const term&, const term&) = default;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.epoch, self.last, self.kept);
  }
};
/// Of one partition, the latest.
inline constexpr std::size_t terms_max = 64;

struct feed_opening {
  feed_scope scope = 0;
  /// The owner's, when the round began.
  sequence seq;
  /// The earlier owners, oldest first.
  std::vector<term> terms;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.scope, self.seq, capped(self.terms, terms_max));
  }
};

/// Items `first`, `first` + 1, ... of the round.
struct feed {
  static constexpr opcode code = opcode::feed;

  kith::epoch epoch;
  std::uint64_t round = 0;
  std::uint64_t first = 0;
  std::vector<feed_item> items;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.epoch, self.round, self.first, capped(self.items, limits::batch_items));
  }
};

/// The member has done everything up to and including `up_to`.
struct feed_ack {
  static constexpr opcode code = opcode::feed_ack;

  kith::epoch epoch;
  std::uint64_t round = 0;
  std::uint64_t up_to = 0;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.epoch, self.round, self.up_to);
  }
};

/// The copy is not kept any more: the member may forget it.
struct feed_end {
  static constexpr opcode code = opcode::feed_end;

  kith::epoch epoch;
  std::uint64_t round = 0;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.epoch, self.round);
  }
};

}  // namespace kith::wire
