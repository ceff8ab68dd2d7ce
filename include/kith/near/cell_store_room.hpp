// The part of cell_store.hpp that makes room, by a new limit or as the member's memory is short,
// and that hands out what is there.
#pragma once

#include <kith/core/mutex.hpp>
#include <kith/core/time.hpp>
#include <kith/near/cell_store.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace kith::near {

inline void cell_store::set_bytes_max(time_point now, std::uint64_t bytes_max) {
  for (bool begun = false, more = true; more; begun = true) {
    leavers gone;
    {
      mutex_lock held{mutex_};
      if (!begun) engine_.set_bytes_max(bytes_max);
      engine_.evict_to_budget(now, store::evictions_a_turn, unlinker{*this, gone});
      more = engine_.above_budget();
    }
    let_go(gone);
  }
}

inline std::size_t cell_store::shrink(time_point now, std::uint64_t bytes,
                                      std::size_t removals_max) {
  leavers gone;
  {
    mutex_lock held{mutex_};
    const std::uint64_t kept = engine_.bytes_max() / store::near_part_kept;
    if (engine_.bytes() <= kept) return 0;
    engine_.evict_bytes(now, std::min(bytes, engine_.bytes() - kept), removals_max,
                        unlinker{*this, gone});
  }
  const std::size_t count = gone.size();
  let_go(gone);
  return count;
}

inline std::uint64_t cell_store::bytes_over() const {
  mutex_lock held{mutex_};
  return engine_.bytes() - std::min(engine_.bytes(), engine_.bytes_in_force());
}

template <class Matches>
counted_cell cell_store::hold(std::uint64_t hash, Matches&& matches) const {
  mutex_lock held{mutex_};
  counted_cell found;
  index_.for_each(hash, [&](const cell& seen) {
    if (matches(seen)) found = engine_[seen.place.at].value();
  });
  return found;
}

}  // namespace kith::near
