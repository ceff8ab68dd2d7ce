// The copies that one lane keeps of partitions of other owners: what each one was told, in order.
//
// A round of a feed says the partition anew. Until its end item, what it has said lies over what
// the copy had before: a member of the row is a lawful successor all the time, and what it had from
// before is the only place of some acknowledged writes. The end item removes what the round did not
// name (rule B5 of docs/coherence.md).
//
// Entries end by their time here too, but are never chosen to be evicted: the owner says what it
// evicted. So all copies of a partition hold what its owner holds, and their bytes are bounded by
// their owners'.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/entries.hpp>
#include <kith/replica/operation.hpp>
#include <kith/replica/options.hpp>
#include <kith/wire/decode.hpp>
#include <kith/wire/feed_messages.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace kith::replica {

/// What its owner had not written to the store, by cache and key.
struct owed_copy {
  /// Absent: the row is to be erased.
  std::optional<bytes> value;
  kith::version version;
  std::uint64_t mark = 0;
};
using owed_copies = std::map<std::pair<cache_id, bytes>, owed_copy>;

/// Beside the entries.
struct copy {
  /// Of the owner that told it last; of no view: there is no copy.
  kith::epoch epoch;
  std::uint64_t round = 0;
  /// The items of the round that are done.
  std::uint64_t applied = 0;
  /// The end of a round was reached in this epoch.
  bool complete = false;
  /// What it has of this epoch and of earlier ones, during a round too.
  wire::feed_scope scope = 0;
  /// The highest that it was told of in this epoch.
  sequence seq;
  std::vector<wire::term> terms;
  /// What it will have once the present round has ended.
  wire::feed_opening promised;
  std::map<member_id, operation_window> windows;
  /// What the present round has said of operations: it is all there is, once the round has ended.
  std::map<member_id, operation_window> named;
  /// Entries that the present round has named have this mark.
  std::uint64_t mark = 0;
  owed_copies owed;

  /// Rounds up to this one are not gone on with.
  std::uint64_t ended_round = 0;

  [[nodiscard]] bool held() const { return epoch != kith::epoch{}; }
  [[nodiscard]] bool ended() const { return held() && round <= ended_round; }
};

/// Of two scopes, the one with fewer caches.
[[nodiscard]] constexpr wire::feed_scope narrower(wire::feed_scope a, wire::feed_scope b) {
  if (a == wire::whole_scope) return b;
  return b == wire::whole_scope ? a : std::max(a, b);
}

class copies {
 public:
  copies(const replica_options& options)
      : options_{options}, all_(partition_count / options.lanes) {}
  copies(const copies&) = delete;
  copies& operator=(const copies&) = delete;

  [[nodiscard]] const copy& of(std::size_t slot) const { return all_[slot]; }

  enum class result : std::uint8_t {
    done,
    /// Of a round that is over, or behind a hole: nothing was done.
    passed_over,
    /// No honest owner says that.
    violation,
  };
  /// The owner of the partition in slot `slot` says so in its epoch. When it is done, of(slot)
  /// tells how far.
  result on_feed(time_point now, partition_id partition, std::size_t slot, const wire::feed& said);

  /// The owner goes on with none of these rounds.
  void end(std::size_t slot, std::uint64_t round) { all_[slot].ended_round = round; }
  /// Forgets the copy.
  void drop(std::size_t slot);
  /// Takes it out; `visit(cache_id, hash, key, stored&&, ends)` is told each entry, oldest first.
  template <class Visit>
  [[nodiscard]] copy take(time_point now, std::size_t slot, Visit&& visit);

  void expire(time_point now, std::size_t work);
  [[nodiscard]] time_point next_timeout() const;

  /// Of all copies.
  [[nodiscard]] std::uint64_t bytes_held() const;
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::size_t held() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(all_, [](const copy& one) { return one.held(); }));
  }
  /// Null when no copy ever had an entry of the cache.
  [[nodiscard]] const entries* cache(cache_id id) const {
    const auto at = caches_.find(id);
    return at == caches_.end() ? nullptr : &at->second->of;
  }

 private:
  /// One cache's entries of all copies of the lane.
  struct copied {
    copied(const cache_settings& settings, const replica_options& options)
        : of{settings, options} {}
    entries of;
    store::handle_map<std::uint64_t> marks;
  };

  copied& use(cache_id id);
  [[nodiscard]] bool begin(std::size_t slot, const wire::feed& said, const wire::feed_item& first);
  [[nodiscard]] bool apply(time_point now, partition_id partition, std::size_t slot,
                           const wire::feed_item& item);
  void put(time_point now, std::size_t slot, std::uint64_t hash, const wire::feed_item& item);
  void erase(time_point now, std::uint64_t hash, const wire::feed_item& item);
  static void doubt_answers(copy& in, const wire::feed_opening& opening);
  void note_early_answer(copy& in, wire::feed_answer answer) const;
  static std::vector<wire::term> shared_terms(const copy& had, const wire::feed_opening& opening);
  static void note_owed(copy& in, const wire::feed_item& item);
  void note_answer(std::map<member_id, operation_window>& in,
                   const wire::feed_answer& answer) const;
  void sweep(std::size_t slot);

  const replica_options options_;
  std::vector<copy> all_;
  /// Ordered: it is walked.
  std::map<cache_id, std::unique_ptr<copied>> caches_;
  std::uint64_t marks_ = 0;
};

// --- implementation ---

inline copies::copied& copies::use(cache_id id) {
  std::unique_ptr<copied>& at = caches_[id];
  if (at == nullptr) {
    cache_settings settings;
    settings.id = id;
    settings.max_bytes = std::numeric_limits<std::int64_t>::max();
    at = std::make_unique<copied>(settings, options_);
  }
  return *at;
}

inline auto copies::on_feed(time_point now, partition_id partition, std::size_t slot,
                            const wire::feed& said) -> result {
  if (said.items.empty() || said.round == 0 || said.first == 0) return result::violation;
  copy& in = all_[slot];
  const bool same = in.epoch == said.epoch && in.round == said.round;
  if (!same) {
    if (in.epoch == said.epoch && said.round < in.round) return result::passed_over;
    if (said.first != 1) return result::passed_over;
    if (!begin(slot, said, said.items.front())) return result::violation;
  }
  if (said.first > in.applied + 1) return result::passed_over;
  // What was done already comes again after a connection was lost.
  for (std::uint64_t i = in.applied + 1 - said.first; i < said.items.size(); ++i) {
    const wire::feed_item& item = said.items[i];
    const bool opens = item.kind == wire::feed_kind::begin;
    if (opens != (said.first + i == 1) || !apply(now, partition, slot, item)) {
      return result::violation;
    }
    in.applied = said.first + i;
  }
  return result::done;
}

inline bool copies::begin(std::size_t slot, const wire::feed& said, const wire::feed_item& first) {
  wire::feed_opening opening;
  if (first.kind != wire::feed_kind::begin ||
      wire::decode(first.value, opening) != wire::decode_error::none) {
    return false;
  }
  copy& in = all_[slot];
  if (!in.held() || in.epoch != said.epoch) {
    if (in.held()) doubt_answers(in, opening);
    in.terms = in.held() ? shared_terms(in, opening) : opening.terms;
    in.scope = opening.scope;
    in.seq = opening.seq;
  } else {
    in.scope = narrower(in.scope, opening.scope);
  }
  in.named.clear();
  in.ended_round = 0;
  in.epoch = said.epoch;
  in.round = said.round;
  in.applied = 0;
  in.complete = false;
  in.promised = std::move(opening);
  in.mark = ++marks_;
  return true;
}

/// Who is to go on with an unfinished round has of earlier owners what it had and what the owner of
/// the round had too: what it did not have may not have come yet.
inline std::vector<wire::term> copies::shared_terms(const copy& had,
                                                    const wire::feed_opening& opening) {
  std::vector<wire::term> all = had.terms;
  all.push_back({had.epoch, had.seq, had.scope});
  std::vector<wire::term> shared;
  for (const wire::term& told : opening.terms) {
    const auto known = std::ranges::find(all, told.epoch, &wire::term::epoch);
    if (known == all.end()) continue;
    shared.push_back(
        {told.epoch, std::min(told.last, known->last), narrower(told.kept, known->kept)});
  }
  return shared;
}

/// B7: what the earlier owner did last may have come here and not to its successor: nobody was
/// answered, and it is as if it had not been done, but for what of it is still here. So nobody is
/// told that such an operation was applied, nor is it applied again: it is not known.
inline void copies::doubt_answers(copy& in, const wire::feed_opening& opening) {
  for (auto& [from, window] : in.windows) {
    window.for_each([&](std::uint64_t, operation_record& record) {
      const kith::version& done = record.answer.version;
      const auto ended = std::ranges::find(opening.terms, done.epoch, &wire::term::epoch);
      const bool kept = ended != opening.terms.end() && done.seq <= ended->last;
      if (!kept) record.answer.status = wire::mutate_status::stale_operation;
    });
  }
}

inline bool copies::apply(time_point now, partition_id partition, std::size_t slot,
                          const wire::feed_item& item) {
  copy& in = all_[slot];
  const bool keyed = item.kind == wire::feed_kind::put || item.kind == wire::feed_kind::erase ||
                     item.kind == wire::feed_kind::drop || item.kind == wire::feed_kind::written;
  const std::uint64_t hash = keyed ? stable_hash(item.key) : 0;
  if (keyed && partition_of(hash) != partition) return false;
  if (keyed && item.kind != wire::feed_kind::drop) note_owed(in, item);
  switch (item.kind) {
    case wire::feed_kind::begin:
    case wire::feed_kind::written:
    case wire::feed_kind::answer: break;
    case wire::feed_kind::put: put(now, slot, hash, item); break;
    case wire::feed_kind::erase:
    case wire::feed_kind::drop: erase(now, hash, item); break;
    case wire::feed_kind::clear: use(item.cache).of.drop(slot); break;
    case wire::feed_kind::end_tag:
      if (item.tags.size() != 1) return false;
      use(item.cache).of.erase_tagged(slot, item.tags.front().hash);
      break;
    case wire::feed_kind::end:
      if (in.complete) return false;
      sweep(slot);
      std::erase_if(in.owed, [&](const auto& each) { return each.second.mark != in.mark; });
      in.windows = std::move(in.named);
      in.named.clear();
      in.scope = in.promised.scope;
      in.terms = std::move(in.promised.terms);
      in.promised = {};
      in.complete = true;
      break;
  }
  const bool counts = item.kind != wire::feed_kind::drop && item.version.epoch == in.epoch;
  if (counts) in.seq = std::max(in.seq, item.version.seq);
  if (item.answer) {
    const bool early = !in.complete && item.kind == wire::feed_kind::answer;
    if (!in.complete) note_answer(in.named, *item.answer);
    early ? note_early_answer(in, *item.answer) : note_answer(in.windows, *item.answer);
  }
  return true;
}

inline void copies::put(time_point now, std::size_t slot, std::uint64_t hash,
                        const wire::feed_item& item) {
  if (item.ttl_left && *item.ttl_left <= duration::zero()) return erase(now, hash, item);
  copied& in = use(item.cache);
  in.of.put(now, hash, item.key, {to_bytes(item.value), item.version},
            expiry_after(now, item.ttl_left), hashes_of(item.tags));
  const auto found = in.of.peek(now, hash, item.key);
  if (!found) return;
  in.marks.cover(found.at);
  in.marks[found.at] = all_[slot].mark;
}

inline void copies::erase(time_point now, std::uint64_t hash, const wire::feed_item& item) {
  entries& in = use(item.cache).of;
  const auto found = in.peek(now, hash, item.key);
  if (!found) return;
  if (item.kind == wire::feed_kind::drop && found->value().version != item.version) return;
  in.erase(found.at);
}

inline void copies::note_owed(copy& in, const wire::feed_item& item) {
  std::pair<cache_id, bytes> name{item.cache, to_bytes(item.key)};
  if (!item.owed) {
    in.owed.erase(name);
    return;
  }
  std::optional<bytes> value;
  if (item.kind == wire::feed_kind::put) value = to_bytes(item.value);
  in.owed.insert_or_assign(std::move(name), owed_copy{std::move(value), item.version, in.mark});
}

inline void copies::note_answer(std::map<member_id, operation_window>& in,
                                const wire::feed_answer& answer) const {
  operation_window& window = in[answer.from];
  window.settle_below(answer.lowest_unsettled);
  const auto status =
      answer.doubted ? wire::mutate_status::stale_operation : wire::mutate_status::applied;
  window.note(answer.operation, {status, answer.version, answer.existed, to_bytes(answer.result)});
  window.shrink(options_.operations_kept, options_.operation_bytes_kept);
}

/// An answer at the head of a round comes before the entry that it is about. Until the round has
/// ended, the operation counts as not known, unless it came here with its change.
inline void copies::note_early_answer(copy& in, wire::feed_answer answer) const {
  operation_window& window = in.windows[answer.from];
  const operation_record* had = window.find(answer.operation);
  if (had != nullptr && had->settled && had->answer.version == answer.version) return;
  answer.doubted = true;
  note_answer(in.windows, answer);
}

inline void copies::sweep(std::size_t slot) {
  for (auto& [id, in] : caches_) {
    for (const store::handle at : in->of.handles(slot)) {
      const bool named = in->marks.covers(at) && in->marks[at] == all_[slot].mark;
      if (!named) in->of.erase(at);
    }
  }
}

inline void copies::drop(std::size_t slot) {
  if (!all_[slot].held()) return;
  for (auto& [id, in] : caches_) in->of.drop(slot);
  all_[slot] = {};
}

template <class Visit>
copy copies::take(time_point now, std::size_t slot, Visit&& visit) {
  for (auto& [id, in] : caches_) {
    std::vector<store::handle> all = in->of.handles(slot);
    for (auto at = all.rbegin(); at != all.rend(); ++at) {
      const auto found = in->of.at(now, slot, *at);
      if (!found) continue;
      visit(id, found->hash(), byte_view{found->key()}, found->value(), found->expires());
    }
    in->of.drop(slot);
  }
  return std::exchange(all_[slot], {});
}

inline void copies::expire(time_point now, std::size_t work) {
  for (auto& [id, in] : caches_) in->of.expire(now, work);
}

inline time_point copies::next_timeout() const {
  time_point next = never;
  for (const auto& [id, in] : caches_) next = std::min(next, in->of.next_timeout());
  return next;
}

inline std::uint64_t copies::bytes_held() const {
  std::uint64_t sum = 0;
  for (const auto& [id, in] : caches_) sum += in->of.bytes_held();
  for (const copy& each : all_) {
    for (const auto& [name, one] : each.owed) {
      sum += store::job_bytes + name.second.size() + (one.value ? one.value->size() : 0);
    }
  }
  return sum;
}

inline std::size_t copies::size() const {
  std::size_t sum = 0;
  for (const auto& [id, in] : caches_) sum += in->of.size();
  return sum;
}

}  // namespace kith::replica
