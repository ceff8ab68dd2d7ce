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

inline bool coherence::may_read_copy(partition_id p, const epoch& of, sequence seq) const {
  const reader_stream& s = lane_.streams[lane_.slot_of(p)];
  return s.epoch == of && seq >= s.floor;
}

inline void coherence::on_copy_read(partition_id p, cache_id cache, std::uint64_t hash,
                                    const epoch& of, sequence seq,
                                    const std::optional<version>& found) {
  lane_.streams[lane_.slot_of(p)].raise_floor(seq);
  // What is absent has no version of its own.
  if (table* const kept = lane_.table_of(cache)) {
    kept->erase_older(hash, found.value_or(version{of, seq.next()}));
  }
  lane_.fills.for_key(cache, hash, [&](fill& other) {
    other.poison = std::max(other.poison, found.value_or(version{of, seq}));
  });
  ++lane_.counters.copy_reads;
}

}  // namespace kith::near
