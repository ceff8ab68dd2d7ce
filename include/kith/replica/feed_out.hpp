// The feed of one partition to one member, at its owner: what the member was not told yet, what it
// has not acknowledged, and how far the copying has come.
//
//   copying   what was there is being sent, between what changes
//   closing   all was sent, the end item too; its acknowledgement is missing
//   in_sync   the member has all, and is told of each change
//   broken    it did not keep up: nothing more is sent
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/feed_item.hpp>
#include <kith/replica/row.hpp>
#include <kith/store/handle.hpp>
#include <kith/wire/feed_messages.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace kith::replica {

enum class feed_stage : std::uint8_t { copying, closing, in_sync, broken };

class feed_out {
 public:
  /// `began`: the partition's changes so far.
  feed_out(const member_id& receiver, wire::feed_scope chosen, std::uint64_t number,
           std::uint64_t began, time_point now)
      : to{receiver}, scope{chosen}, round{number}, progress_at{now}, began_{began} {}

  /// What of a feed is left to say when a round that says more takes its place.
  struct rest {
    /// The member has all changes up to this one.
    std::uint64_t covered = 0;
    /// It was told of these, and has not acknowledged them.
    std::vector<shared_item> changes{};
  };
  /// Of one that was in sync; `changes`: the partition's so far.
  [[nodiscard]] std::optional<rest> left_over(std::uint64_t changes) const;
  /// Begins with that: what waits for the member goes on waiting for no more than before.
  void carry_on(time_point now, const rest& of);

  struct place {
    cache_id cache{};
    store::handle at = store::no_handle;
  };

  member_id to;
  wire::feed_scope scope;
  std::uint64_t round;
  feed_stage stage = feed_stage::copying;
  /// In the row of the installed view.
  std::optional<std::uint8_t> position;
  /// The member may be made a successor by the next view: it was sent the end item, and said to be
  /// in sync.
  bool bound = false;
  /// It is to be the owner. What changed up to `barrier` may not have waited for it.
  bool heir = false;
  std::uint64_t barrier = 0;
  /// What was there when the round began and was not sent yet, last first.
  std::vector<place> to_copy;
  /// Of the end item, once that is sent.
  std::uint64_t end_number = 0;
  /// It may copy now: only so many do at a time.
  bool scanning = false;

  /// When the member acknowledged last, or something began to wait.
  time_point progress_at;
  time_point resend_at = never;
  duration pause{};
  /// A claim was made in this view, and is made again then.
  bool claimed = false;
  time_point claim_at = never;

  /// Has what a cache of `copies` copies consists of.
  [[nodiscard]] bool has(std::uint8_t copies) const {
    return scope == wire::whole_scope || copies > scope;
  }
  /// A write of a cache with so many synchronous copies is not answered before this member has it.
  [[nodiscard]] bool required(std::uint8_t sync) const {
    const bool in_row = position && *position < sync;
    return in_row || (bound && (heir || scope == wire::whole_scope || scope < sync));
  }
  /// The member has the change.
  [[nodiscard]] bool covers(std::uint64_t change) const {
    if (stage == feed_stage::broken) return false;
    if (change <= began_) return carried_ || stage == feed_stage::in_sync;
    return changes_.empty() || changes_.front().change > change;
  }

  /// Returns the item's number.
  std::uint64_t append(time_point now, shared_item item);
  /// What may be sent now: items first+1 ... of the round; none when enough is under way.
  struct batch {
    std::uint64_t first = 0;
    std::vector<const feed_item*> items;
  };
  [[nodiscard]] batch take_unsent(std::size_t window, std::size_t message);
  /// True: that was news.
  bool acknowledge(time_point now, std::uint64_t up_to);
  /// What was sent and not acknowledged is sent again.
  void rewind();
  /// Nothing is kept for it any more, and what it still acknowledges is no news.
  void fail();

  [[nodiscard]] bool idle() const { return waiting_.empty(); }
  [[nodiscard]] bool unsent() const { return sent_ < acked_ + waiting_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::uint64_t acked() const { return acked_; }

 private:
  struct told_change {
    std::uint64_t change = 0;
    std::uint64_t number = 0;
  };

  /// What was changed up to here is in the entries that are copied; or, where `carried_`, the
  /// member had it before.
  std::uint64_t began_;
  bool carried_ = false;
  /// Invariant: items acked_ + 1, ... of the round.
  std::deque<shared_item> waiting_;
  /// Those of them that are changes.
  std::deque<told_change> changes_;
  std::uint64_t acked_ = 0;
  std::uint64_t sent_ = 0;
  std::size_t bytes_ = 0;
  /// Of what was sent and not acknowledged.
  std::size_t under_way_ = 0;
  /// The item up to which a message of several frames goes. Frames of later messages may overtake
  /// such a message, so nothing follows until it has arrived.
  std::uint64_t large_ = 0;
};

// --- implementation ---

inline std::uint64_t feed_out::append(time_point now, shared_item item) {
  KITH_ASSERT(stage != feed_stage::broken);
  if (waiting_.empty()) progress_at = now;
  bytes_ += item->size();
  const std::uint64_t number = acked_ + waiting_.size() + 1;
  if (item->change != 0) changes_.push_back({item->change, number});
  waiting_.push_back(std::move(item));
  return number;
}

inline auto feed_out::left_over(std::uint64_t changes) const -> std::optional<rest> {
  if (stage != feed_stage::in_sync && !(carried_ && stage != feed_stage::broken)) {
    return std::nullopt;
  }
  rest left{changes_.empty() ? changes : changes_.front().change - 1, {}};
  for (const shared_item& item : waiting_) {
    if (item->change != 0) left.changes.push_back(item);
  }
  return left;
}

inline void feed_out::carry_on(time_point now, const rest& of) {
  carried_ = true;
  began_ = of.covered;
  for (const shared_item& item : of.changes) append(now, item);
}

inline auto feed_out::take_unsent(std::size_t window, std::size_t message) -> batch {
  batch made{sent_ + 1, {}};
  if (large_ > acked_) return made;
  std::size_t size = 0;
  while (unsent() && under_way_ < window) {
    const feed_item& next = *waiting_[sent_ - acked_];
    if (!made.items.empty() && size + next.size() > message) break;
    size += next.size();
    under_way_ += next.size();
    ++sent_;
    made.items.push_back(&next);
  }
  if (size > message) large_ = sent_;
  return made;
}

inline bool feed_out::acknowledge(time_point now, std::uint64_t up_to) {
  if (up_to <= acked_ || up_to > sent_) return false;
  while (acked_ < up_to) {
    bytes_ -= waiting_.front()->size();
    under_way_ -= waiting_.front()->size();
    waiting_.pop_front();
    ++acked_;
  }
  while (!changes_.empty() && changes_.front().number <= acked_) changes_.pop_front();
  progress_at = now;
  return true;
}

inline void feed_out::rewind() {
  sent_ = acked_;
  under_way_ = 0;
  large_ = 0;
}

inline void feed_out::fail() {
  stage = feed_stage::broken;
  waiting_.clear();
  changes_.clear();
  bytes_ = under_way_ = 0;
  sent_ = acked_;
  to_copy.clear();
  scanning = false;
  resend_at = never;
}

}  // namespace kith::replica
