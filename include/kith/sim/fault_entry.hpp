// One decision of the faults of a run: which fault, when, on whom, for how long. All that was drawn
// for it is in its entry, and nothing else is: what becomes of it depends on the cluster that it
// meets, and is not drawn. So a list of entries repeats the faults of a run, and with one entry
// less it is a run with one fault less.
#pragma once

#include <kith/core/time.hpp>
#include <kith/sim/fault_plan.hpp>
#include <kith/sim/network.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace kith::sim {

/// Which of these an entry has, each_field says.
struct fault_entry {
  fault which = fault::crash;
  /// Of a reset: it strikes within a chunk, of which a part arrives.
  bool within_chunk = false;
  /// Since the faults began.
  duration at{};
  host_index member = 0;
  host_index from = 0;
  host_index to = 0;
  duration length{};
  /// By how much a clog, a reader or a tick is late; how long a member that leaves waits at most.
  duration by{};
  /// Who is on one side of a partition, or is struck together.
  std::vector<host_index> side{};
  /// Of those, how much later than the entry each is struck.
  std::vector<duration> after{};
  /// Their machines die too and answer nothing.
  bool silently = false;
  std::optional<host_index> bridge{};
  /// Which of the member's connections breaks, or which bit of the chunk is turned over, counted
  /// round and round.
  std::uint64_t nth = 0;
  /// Occasions of the same instant that it lets pass.
  std::uint64_t skip = 0;
  /// Bytes of the chunk that arrive all the same.
  std::uint64_t kept = 0;
  std::uint64_t rounds = 0;
  /// How long the link is cut in each round that came to pass, and how long not, behind it.
  std::vector<duration> cut{};
  std::vector<duration> open{};
  std::uint64_t rung = 0;
  /// Bytes that each lane is to evict.
  std::uint64_t excess = 0;

  friend bool operator==(const fault_entry&, const fault_entry&) = default;
};

/// It has no event of its own, but waits for its first occasion from `at` on: a timer that is set,
/// a chunk that is sent, an event that is over.
[[nodiscard]] constexpr bool awaits(const fault_entry& one) {
  return one.within_chunk || one.which == fault::late_ticks || one.which == fault::changeover;
}

inline constexpr std::string_view reset_within_chunk = "reset_within";

/// What it is called in a schedule.
[[nodiscard]] constexpr std::string_view name_of(const fault_entry& one) {
  return one.within_chunk ? reset_within_chunk : to_string(one.which);
}

/// Calls `visit(name, field)` for each field that an entry of this fault has.
template <class Entry, class Visit>
void each_field(Entry& one, Visit&& visit) {
  visit("at", one.at);
  switch (one.which) {
    case fault::crash:
    case fault::silent_crash:
    case fault::pause:
    case fault::freeze:
    case fault::stall: visit("member", one.member); return visit("for", one.length);
    case fault::partition: visit("bridge", one.bridge); [[fallthrough]];
    case fault::isolated_pair: visit("side", one.side); return visit("for", one.length);
    case fault::one_way_loss:
      visit("from", one.from);
      visit("to", one.to);
      return visit("for", one.length);
    case fault::clog:
      visit("from", one.from);
      visit("to", one.to);
      visit("by", one.by);
      return visit("for", one.length);
    case fault::duplicate_connection: visit("from", one.from); return visit("to", one.to);
    case fault::reset:
      if (!one.within_chunk) {
        visit("member", one.member);
        return visit("nth", one.nth);
      }
      visit("from", one.from);
      visit("to", one.to);
      visit("skip", one.skip);
      return visit("kept", one.kept);
    case fault::slow_reader:
      visit("member", one.member);
      visit("by", one.by);
      return visit("for", one.length);
    case fault::late_ticks:
      visit("member", one.member);
      visit("skip", one.skip);
      return visit("by", one.by);
    case fault::flip_flop:
      visit("from", one.from);
      visit("to", one.to);
      visit("rounds", one.rounds);
      visit("cut", one.cut);
      return visit("open", one.open);
    case fault::memory:
      visit("member", one.member);
      visit("rung", one.rung);
      visit("excess", one.excess);
      return visit("for", one.length);
    case fault::changeover:
      visit("skip", one.skip);
      visit("members", one.side);
      visit("after", one.after);
      visit("silently", one.silently);
      return visit("for", one.length);
    case fault::leave:
      visit("members", one.side);
      visit("by", one.by);
      return visit("for", one.length);
    case fault::replay:
      visit("from", one.from);
      visit("to", one.to);
      return visit("for", one.length);
    case fault::damage:
      visit("from", one.from);
      visit("to", one.to);
      visit("nth", one.nth);
      return visit("for", one.length);
  }
}

/// What happened in a run, in its order; entries grow while their rounds go on.
struct fault_log {
  std::vector<fault_entry> entries{};
  /// By entry: whether it hit anybody.
  std::vector<bool> struck{};
};

}  // namespace kith::sim
