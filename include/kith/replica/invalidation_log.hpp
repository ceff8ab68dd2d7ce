// The newest invalidations of one partition, for whoever has to send them: streams read their next
// batch from it, and a reader that lost some gets them again. Entries have an index that only grows
// within an epoch; a bounded number is kept.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/wire/coherence_messages.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace kith::replica {

class invalidation_log {
 public:
  static_assert(sizeof(wire::invalidation) <= 32, "1024 entries stay far below 256 KiB");

  void append(const wire::invalidation& entry, std::size_t entries_max) {
    entries_.push_back(entry);
    ++end_;
    while (entries_.size() > entries_max) entries_.pop_front();
  }

  /// The indices that are kept: [begin, end).
  [[nodiscard]] std::uint64_t begin() const { return end_ - entries_.size(); }
  [[nodiscard]] std::uint64_t end() const { return end_; }

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

  /// Requires begin() <= from and from + count <= end().
  [[nodiscard]] std::vector<wire::invalidation> copy(std::uint64_t from,
                                                     std::uint64_t count) const {
    KITH_ASSERT(from >= begin() && count <= end_ - from);
    const auto first = entries_.begin() + static_cast<std::ptrdiff_t>(from - begin());
    return {first, first + static_cast<std::ptrdiff_t>(count)};
  }

  /// Nobody listens: frees the memory. Indices go on where they were.
  void discard() { entries_.clear(); }

 private:
  std::deque<wire::invalidation> entries_;
  std::uint64_t end_ = 0;
};

}  // namespace kith::replica
