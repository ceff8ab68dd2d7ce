// Where a reader stands in the invalidation stream of one partition.
//
// The stream counts without holes, so a hole is a loss (R2). A reader with a hole, or without its
// connection, suspects every entry of the partition: reads go to the owner and nothing is kept
// until the hole is filled or everything was dropped.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace kith::near {

/// Numbers from here on are nobody's: far enough from the end that adding a batch cannot wrap.
inline constexpr std::uint64_t number_max = std::uint64_t{1} << 63;

enum class suspicion : std::uint8_t {
  none,
  /// Until `contiguous` reaches `target`.
  gap,
  /// The connection is lost.
  disconnected,
  /// There is a new one, and the owner has not yet said where the stream goes on.
  resubscribing,
};

/// What a batch of `first`, `first` + 1, ... is to the reader.
enum class arrival : std::uint8_t { next, duplicate, behind_gap };

struct reader_stream {
  member_id owner;
  kith::epoch epoch;
  /// Everything up to here was processed.
  stream_number contiguous;
  /// The highest sequence that was processed.
  sequence floor;
  suspicion suspected = suspicion::disconnected;
  stream_number target;
  /// A replay was asked for and neither came nor was due again.
  bool asked = false;
  /// Gets that subscribe have left, so entries may come: beats are due.
  bool subscribed = false;
  /// The owner has shown that it counts this member among the partition's listeners. Only then may
  /// "no interest" be sent: it would be about a stream that does not exist.
  bool confirmed = false;
  /// Beats for which nothing was held, or for which an answer to a subscription was missing.
  std::uint32_t idle_beats = 0;

  /// A new owner, or a new term of the old one (E1).
  void restart(const member_id& its_owner, const kith::epoch& its_epoch) {
    *this = {};
    owner = its_owner;
    epoch = its_epoch;
  }

  [[nodiscard]] arrival judge(stream_number first, std::size_t count) const {
    if (first.value() + count - 1 <= contiguous.value()) return arrival::duplicate;
    return first.value() > contiguous.value() + 1 ? arrival::behind_gap : arrival::next;
  }

  /// Something up to `n` was sent and did not come. A lost connection outranks a gap: the answer to
  /// the subscription sets the target anew.
  void suspect_gap(stream_number n) {
    if (suspected == suspicion::disconnected || suspected == suspicion::resubscribing) return;
    suspected = suspicion::gap;
    target = std::max(target, n);
  }

  void advance(stream_number n) { contiguous = std::max(contiguous, n); }
  void raise_floor(sequence seq) { floor = std::max(floor, seq); }

  /// Ends a suspicion whose reason is gone.
  void settle() {
    if (suspected == suspicion::gap && contiguous >= target) trust();
  }
  void trust() {
    suspected = suspicion::none;
    target = {};
    asked = false;
    idle_beats = 0;
  }
};

}  // namespace kith::near
