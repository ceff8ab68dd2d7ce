// The part of entries.hpp that treats a partition's entries as a whole: they are cleared, copied,
// counted and lost together.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/entries.hpp>
#include <kith/store/handle.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace kith::replica {

inline void entries::note_clear(std::size_t slot, const kith::version& at) {
  if (watched() == watching::nothing) return;
  for (store::handle h = lists_[slot].first; h != store::no_handle; h = links_[h].next) {
    note(entry_change::erased, shard_[h].hash(), shard_[h].key(), at);
  }
}

inline void entries::end_tag(std::size_t slot, std::uint64_t tag, const kith::version& at) {
  tag_ends_.end(tag);
  // What was not found has no tags: it may be what the tag is about.
  if (absent_) absent_->forget_all(slot);
  if (watched() == watching::nothing) return;
  for (store::handle h = lists_[slot].first; h != store::no_handle;) {
    const store::handle here = std::exchange(h, links_[h].next);
    const stored& seen = shard_[here].value();
    if (!seen.tags || std::ranges::find(seen.tags->tags, tag) == seen.tags->tags.end()) continue;
    note(entry_change::erased, shard_[here].hash(), shard_[here].key(), at);
    erase(here);
  }
}

inline std::vector<store::handle> entries::handles(std::size_t slot) const {
  std::vector<store::handle> all;
  all.reserve(lists_[slot].size);
  for (store::handle h = lists_[slot].first; h != store::no_handle; h = links_[h].next) {
    all.push_back(h);
  }
  return all;
}

inline auto entries::at(time_point now, std::size_t slot, store::handle named) -> found {
  if (!shard_.live(named) || slot_of(shard_[named].hash()) != slot) return {};
  const bool gone = shard_[named].expired(now) || ended(now, named);
  return gone || tag_ended(shard_[named].value()) ? found{} : found{&shard_[named], named};
}

inline void entries::erase_tagged(std::size_t slot, std::uint64_t tag) {
  for (const store::handle h : handles(slot)) {
    const stored& seen = shard_[h].value();
    if (seen.tags && std::ranges::find(seen.tags->tags, tag) != seen.tags->tags.end()) erase(h);
  }
}

inline std::size_t entries::drop(std::size_t slot) {
  const std::size_t dropped = lists_[slot].size;
  while (lists_[slot].first != store::no_handle) erase(lists_[slot].first);
  if (absent_) absent_->forget_all(slot);
  trim();
  return dropped;
}

}  // namespace kith::replica
