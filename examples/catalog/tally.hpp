// What clients saw, over a stretch of time.
#pragma once

#include "histogram.hpp"

#include <algorithm>
#include <cstdint>

namespace catalog {

struct tally {
  /// Answers to reads, by what the replica says it took.
  std::uint64_t near = 0;
  std::uint64_t owner = 0;
  std::uint64_t database = 0;
  std::uint64_t absent = 0;
  std::uint64_t writes = 0;
  /// Requests that broke off or were refused, and went to another replica.
  std::uint64_t sent_again = 0;
  /// Requests that no replica answered: what a user would have seen as an error.
  std::uint64_t errors = 0;
  /// Answers older than a write that was acknowledged before they were asked for.
  std::uint64_t old_answers = 0;
  std::uint64_t oldest_us = 0;
  /// Those among them that are older than the cache allows: the write was lost.
  std::uint64_t lost_writes_seen = 0;
  /// Microseconds from the first try to the answer, of reads.
  histogram latency;
  std::uint64_t slowest_write_us = 0;

  [[nodiscard]] std::uint64_t reads() const { return near + owner + database + absent; }

  void add(const tally& other) {
    near += other.near;
    owner += other.owner;
    database += other.database;
    absent += other.absent;
    writes += other.writes;
    sent_again += other.sent_again;
    errors += other.errors;
    old_answers += other.old_answers;
    oldest_us = std::max(oldest_us, other.oldest_us);
    lost_writes_seen += other.lost_writes_seen;
    latency.add(other.latency);
    slowest_write_us = std::max(slowest_write_us, other.slowest_write_us);
  }
};

}  // namespace catalog
