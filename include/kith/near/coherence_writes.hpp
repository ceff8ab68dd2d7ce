// The part of coherence.hpp about this member's own writes: what it wrote, it never reads older.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/near/coherence.hpp>
#include <kith/near/stream.hpp>
#include <kith/wire/coherence_messages.hpp>

#include <cstddef>
#include <cstdint>

namespace kith::near {

inline void coherence::on_mutation_reply(partition_id p, cache_id cache, std::uint64_t hash,
                                         version applied) {
  reader_stream& s = lane_.streams[lane_.slot_of(p)];
  lane_.invalidate(cache, hash, applied);
  if (applied.epoch == s.epoch) s.raise_floor(applied.seq);
}

inline void coherence::on_own_mutation(time_point now, partition_id p, const epoch& in,
                                       const wire::invalidation& entry) {
  const std::size_t slot = lane_.slot_of(p);
  const reader_stream& s = lane_.streams[slot];
  if (s.owner != lane_.self || s.epoch != in) return;
  listener_.apply_one(now, slot, entry);
  ++lane_.counters.own_mutations_applied;
}

inline void coherence::on_clear_reply(time_point now, partition_id p, cache_id cache,
                                      version applied) {
  const std::size_t slot = lane_.slot_of(p);
  lane_.clear(now, slot, cache, applied);
  reader_stream& s = lane_.streams[slot];
  if (applied.epoch == s.epoch) s.raise_floor(applied.seq);
}

inline void coherence::on_end_tag_reply(time_point now, partition_id p, cache_id cache,
                                        std::uint64_t tag, version applied) {
  const std::size_t slot = lane_.slot_of(p);
  lane_.end_tag(now, slot, cache, tag, applied);
  reader_stream& s = lane_.streams[slot];
  if (applied.epoch == s.epoch) s.raise_floor(applied.seq);
}

}  // namespace kith::near
