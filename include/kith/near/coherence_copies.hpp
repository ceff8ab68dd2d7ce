// The part of coherence.hpp for reads that this member's own copy of another owner's partition
// answers (`read::backup`). A copy may lag behind its owner, so it takes two rules more (F7):
//
//   - a copy that has less than this member was ever told of the partition is not read, and every
//     answer, of an owner too, counts as told;
//   - what a copy answered is not kept, but nothing older may be seen after it: it ends older near
//     entries, and fills that are under way keep nothing older.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/near/coherence.hpp>
#include <kith/near/fills.hpp>
#include <kith/near/stream.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace kith::near {

inline bool coherence::may_read_copy(partition_id p, const version& as_of) const {
  const reader_stream& s = lane_.streams[lane_.slot_of(p)];
  return s.epoch == as_of.epoch && as_of.seq >= s.floor;
}

inline void coherence::on_copy_read(partition_id p, cache_id cache, std::uint64_t hash,
                                    const version& as_of, const std::optional<version>& found) {
  forget_older(lane_.slot_of(p), cache, hash, as_of, found);
  ++lane_.counters.copy_reads;
}

}  // namespace kith::near
