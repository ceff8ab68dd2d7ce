// The position of one member's invalidation stream of one partition.
//
// Numbers. The stream counts 1, 2, 3, ... without a hole: a hole is how a reader knows that it lost
// something. While a member listens, each mutation of the partition has the next number, so the
// number of a log entry is its index minus a constant, and nothing has to be done for each listener
// at a mutation. A member that lost interest stops counting where it was told last; if it listens
// again it goes on from there. Numbers never restart within an epoch, whatever the sessions do:
// a reader would take a number that it has seen for a duplicate.
//
//   acked <= sent <= last        acked: the member applied; sent: it was told; last: there is
//
// Session. When it ends, what was sent may be lost. The stream is then suspended: it goes on
// counting, so that the new session can resume where the reader stands.
#pragma once

#include <kith/replica/invalidation_log.hpp>

#include <algorithm>
#include <cstdint>

namespace kith::replica {

enum class listening : std::uint8_t { ended, active, suspended };

struct stream {
  listening state = listening::ended;
  /// The number and the log index at which this subscription began: number n > base is the log
  /// entry base_index + n - base - 1.
  std::uint64_t base = 0;
  std::uint64_t base_index = 0;
  std::uint64_t sent = 0;
  std::uint64_t acked = 0;
  /// The numbers that one "drop everything" stands for, and not acknowledged if acked < all_last.
  std::uint64_t all_first = 0;
  std::uint64_t all_last = 0;
  /// It was sent because the reader is too slow: nothing more until it is acknowledged.
  bool overflowed = false;

  [[nodiscard]] std::uint64_t last(const invalidation_log& log) const {
    return state == listening::ended ? sent : base + (log.end() - base_index);
  }
  [[nodiscard]] std::uint64_t index_of(std::uint64_t number) const {
    return base_index + (number - base - 1);
  }
  /// The log has everything from `number` on.
  [[nodiscard]] bool covered(std::uint64_t number, const invalidation_log& log) const {
    return number > base && index_of(number) >= log.begin();
  }
  /// Its reader has applied the log up to index `end`; what is from before it began to listen is
  /// nothing that it could have kept.
  [[nodiscard]] bool applied(std::uint64_t end) const {
    return end <= base_index || acked >= base + (end - base_index);
  }
  [[nodiscard]] bool stalled() const { return overflowed && acked < all_last; }

  /// Keys under way; one for all that a "drop everything" stands for.
  [[nodiscard]] std::uint64_t in_flight() const {
    if (state != listening::active) return 0;
    if (acked >= all_last) return sent - acked;
    return sent - all_last + 1 + (all_first > acked + 1 ? all_first - 1 - acked : 0);
  }

  void begin(const invalidation_log& log) {
    state = listening::active;
    base = acked = sent;
    base_index = log.end();
    all_first = all_last = 0;
    overflowed = false;
  }

  /// "Drop everything" goes out, in the place of all that was not sent.
  void replace_unsent(std::uint64_t up_to) {
    if (acked >= all_last) all_first = sent + 1;
    all_last = sent = up_to;
  }

  /// The reader starts anew behind `up_to`, whatever it had acknowledged.
  void restart_behind(std::uint64_t up_to) {
    all_first = acked + 1;
    all_last = sent = up_to;
    overflowed = false;
  }
};

}  // namespace kith::replica
