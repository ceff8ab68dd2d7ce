// Which tags were ended and when, on a count of endings instead of a clock: all entries of a tag
// die at once, in O(1), whatever their number. An entry keeps its tags and the count at which it
// was stored; it is dead when one of its tags was ended since.
//
// A bounded number of tags is remembered. When the oldest ending is forgotten, every entry with a
// tag that was stored before it dies too: rather one load too many than an entry too old.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/hash_map.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <utility>

namespace kith::store {

class tag_ends {
 public:
  /// Remembers the endings of `tags_most` tags, 40 to 60 bytes each. Requires at least one.
  explicit tag_ends(std::size_t tags_most) : tags_most_{tags_most} { KITH_ASSERT(tags_most > 0); }

  /// What an entry keeps that is stored now.
  [[nodiscard]] std::uint64_t count() const { return count_; }

  /// Entries of `tag` that were stored before are dead.
  void end(std::uint64_t tag);

  /// One of `tags` was ended after an entry that has them was stored at `count`.
  [[nodiscard]] bool ended_since(std::span<const std::uint64_t> tags, std::uint64_t count) const;

  /// Tags that are remembered.
  [[nodiscard]] std::size_t size() const { return ends_.size(); }

 private:
  using ending = std::pair<std::uint64_t, std::uint64_t>;  // count, tag

  [[nodiscard]] bool newest(const ending& one) const {
    const auto at = ends_.find(one.second);
    return at != ends_.end() && at->second == one.first;
  }
  void forget();

  std::size_t tags_most_;
  std::uint64_t count_ = 0;
  /// Of the newest ending that was forgotten.
  std::uint64_t floor_ = 0;
  hash_map<std::uint64_t, std::uint64_t> ends_;
  /// Oldest first; those of a tag that was ended again since are passed over. Invariant: at most
  /// twice tags_most_.
  std::deque<ending> order_;
};

// --- implementation ---

inline void tag_ends::end(std::uint64_t tag) {
  ends_[tag] = ++count_;
  order_.emplace_back(count_, tag);
  forget();
}

inline void tag_ends::forget() {
  while (ends_.size() > tags_most_) {
    const ending oldest = order_.front();
    order_.pop_front();
    if (!newest(oldest)) continue;
    floor_ = oldest.first;
    ends_.erase(oldest.second);
  }
  if (order_.size() <= 2 * tags_most_) return;
  std::erase_if(order_, [this](const ending& one) { return !newest(one); });
}

inline bool tag_ends::ended_since(std::span<const std::uint64_t> tags, std::uint64_t count) const {
  if (tags.empty() || count == count_) return false;
  if (count < floor_) return true;
  return std::ranges::any_of(tags, [&](std::uint64_t tag) {
    const auto at = ends_.find(tag);
    return at != ends_.end() && at->second > count;
  });
}

}  // namespace kith::store
