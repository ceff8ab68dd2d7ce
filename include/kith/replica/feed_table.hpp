// All feeds of one lane, by partition: who is told of a change, and whose acknowledgement an answer
// waits for. feeding.hpp begins, sends and ends them.
#pragma once

#include <kith/core/hash_map.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/counters.hpp>
#include <kith/replica/feed_item.hpp>
#include <kith/replica/feed_out.hpp>
#include <kith/replica/options.hpp>
#include <kith/replica/row.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

namespace kith::replica {

class feed_table {
 public:
  feed_table(const replica_options& options, counters& counted)
      : options_{options}, counters_{&counted}, fed_(partition_count / options.lanes) {}

  struct fed_partition {
    std::vector<feed_out> feeds;
    /// How many changes were told in this epoch.
    std::uint64_t changes = 0;
    /// The newest change, while its answer may still be added: nobody was told of it yet.
    std::optional<feed_item> open;
  };

  /// From now on these are the cluster's caches; a write of any other one has to wait.
  void on_caches(std::span<const cache_copies> all);
  [[nodiscard]] bool knows(cache_id id) const { return !told_ || copies_.contains(id); }
  /// One of the caches is strong.
  [[nodiscard]] bool any_strong() const { return any_strong_; }
  [[nodiscard]] bool strong(cache_id id) const { return any_strong_ && copies_of(id).strong; }
  [[nodiscard]] cache_copies copies_of(cache_id id) const {
    const auto at = copies_.find(id);
    return at == copies_.end() ? cache_copies{id} : at->second;
  }

  [[nodiscard]] fed_partition& at(std::size_t slot) { return fed_[slot]; }
  [[nodiscard]] const fed_partition& at(std::size_t slot) const { return fed_[slot]; }
  [[nodiscard]] bool feeds(std::size_t slot) const { return !fed_[slot].feeds.empty(); }

  /// A change of the partition, for all who have the cache. It leaves when the lane's turn is over.
  void record(time_point now, std::size_t slot, feed_item item);
  struct must_wait {
    std::uint64_t change = 0;
    std::uint8_t sync = 0;
  };
  /// The answer of an operation, which did the newest change if it has its version. Says for what
  /// it has to wait.
  std::optional<must_wait> attach(time_point now, std::size_t slot, told_answer told);
  /// No answer belongs to the newest change.
  void close(time_point now, std::size_t slot);
  /// All whose acknowledgement a write of such a cache needs have the change.
  [[nodiscard]] bool confirmed(std::size_t slot, std::uint64_t change, std::uint8_t sync) const {
    return std::ranges::all_of(fed_[slot].feeds, [&](const feed_out& to) {
      return !to.required(sync) || to.covers(change);
    });
  }
  /// Everybody in the row has all that this owner has.
  [[nodiscard]] bool row_in_sync(std::size_t slot) const {
    return std::ranges::all_of(fed_[slot].feeds, [](const feed_out& to) {
      return !to.position || to.stage == feed_stage::in_sync;
    });
  }
  /// No cache has fewer copies: who has the caches of a lower position has all.
  [[nodiscard]] std::uint8_t least_copies() const { return least_; }
  /// So much waits for acknowledgements that no more may be written.
  [[nodiscard]] bool full() const { return bytes() >= options_.feed_bytes; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  /// To be told after each change of the feed's waiting items: the bytes that it had before.
  void recount(const feed_out& of, std::size_t before) { bytes_ = bytes_ - before + of.bytes(); }
  void touch(std::size_t slot) { touched_.insert(slot); }
  /// The partitions with something to send, since the last call.
  [[nodiscard]] std::set<std::size_t> take_touched() { return std::exchange(touched_, {}); }
  [[nodiscard]] bool touched() const { return !touched_.empty(); }

 private:
  const replica_options options_;
  counters* counters_;
  std::vector<fed_partition> fed_;
  bool told_ = false;
  bool any_strong_ = false;
  std::uint8_t least_ = 0;
  hash_map<cache_id, cache_copies> copies_;
  /// Ordered: it is walked.
  std::set<std::size_t> touched_;
  /// Invariant: the bytes of all feeds.
  std::size_t bytes_ = 0;
};

// --- implementation ---

inline void feed_table::on_caches(std::span<const cache_copies> all) {
  told_ = true;
  any_strong_ = std::ranges::any_of(all, &cache_copies::strong);
  copies_.clear();
  least_ = all.empty() ? std::uint8_t{0} : all.front().all();
  for (const cache_copies& one : all) {
    copies_.emplace(one.cache, one);
    least_ = std::min(least_, one.all());
  }
}

inline void feed_table::record(time_point now, std::size_t slot, feed_item item) {
  fed_partition& in = fed_[slot];
  if (in.feeds.empty()) return;
  close(now, slot);
  item.change = ++in.changes;
  in.open = std::move(item);
  touch(slot);
}

inline void feed_table::close(time_point now, std::size_t slot) {
  fed_partition& in = fed_[slot];
  if (!in.open) return;
  const auto shared = std::make_shared<const feed_item>(*std::exchange(in.open, std::nullopt));
  const std::uint8_t copies = copies_of(shared->cache).all();
  for (feed_out& to : in.feeds) {
    if (to.stage == feed_stage::broken || !to.has(copies)) continue;
    const std::size_t before = to.bytes();
    to.append(now, shared);
    recount(to, before);
    ++counters_->feed_items;
  }
}

inline auto feed_table::attach(time_point now, std::size_t slot, told_answer told)
    -> std::optional<must_wait> {
  fed_partition& in = fed_[slot];
  if (!in.open || in.open->version != told.answer.version) return std::nullopt;
  const must_wait wait{in.open->change, copies_of(in.open->cache).sync};
  in.open->told = std::move(told);
  close(now, slot);
  if (confirmed(slot, wait.change, wait.sync)) return std::nullopt;
  return wait;
}

}  // namespace kith::replica
