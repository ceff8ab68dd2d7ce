// Reads of keys that the store is owed (owed_writes.hpp), another part of reads.hpp.
#pragma once

#include <kith/core/time.hpp>
#include <kith/replica/effect.hpp>
#include <kith/replica/holdings.hpp>
#include <kith/replica/load.hpp>
#include <kith/replica/read_loads.hpp>

#include <utility>

namespace kith::replica {

/// The entry has left, and the row is older than it was: what is owed is what a load would bring,
/// had the store been written. False: nothing is owed.
inline bool reads::serve_owed(time_point now, owned_partition& in, const reader& who,
                              const key_view& key, outbox& out) {
  const owed_write* owed = held_.owed.find(key.cache, key.key);
  if (owed == nullptr) return false;
  ++held_.counters.behind_read;
  load done;
  done.at = owed->at;
  done.fence = in.newest();
  done.began = now;
  load_waiter waiter{who};
  if (const entries* cache = held_.find_cache(key.cache)) {
    done.tags_count = waiter.tags_count = cache->tags_count();
  }
  done.waiters.push_back(waiter);
  load_result row = not_found{duration{}};
  if (owed->value) row = loaded{*owed->value, std::nullopt};
  finish(now, std::move(done), std::move(row), out);
  return true;
}

}  // namespace kith::replica
