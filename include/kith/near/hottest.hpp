// Which cells a near cache would keep longest (cell_store.hpp): for who wants to know what is hot,
// and for snapshots, which begin with it.
//
// Of a SIEVE that is known for each entry: whether it was read since it was last judged, one bit;
// and its place in the order of coming, which the hand passes from old to new. So what is listed is
// the order of eviction, backwards, if nothing were read any more. How often an entry was read,
// nobody has counted: a hit would pay for it.
#pragma once

#include <kith/core/mutex.hpp>
#include <kith/core/time.hpp>
#include <kith/near/cell.hpp>
#include <kith/near/cell_store.hpp>
#include <kith/store/handle.hpp>
#include <kith/store/policy.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace kith::near {

inline auto cell_store::hottest(time_point now, std::size_t most) const -> std::vector<hot_cell> {
  std::vector<candidate> found;
  // What is surely not among them is let go as the walk goes on, with no lock held.
  const auto keep = [&](std::size_t at_most) {
    if (found.size() <= at_most) return;
    const auto last = found.begin() + static_cast<std::ptrdiff_t>(at_most);
    std::nth_element(found.begin(), last, found.end());
    found.erase(last, found.end());
  };
  std::optional<std::uint32_t> begun;
  for (store::handle next = engine::first; next != store::no_handle && most > 0;) {
    // Not under the mutex: to move a million of them takes milliseconds.
    if (found.capacity() - found.size() < slots_a_turn) {
      found.reserve(std::max(2 * found.capacity(), found.size() + slots_a_turn));
    }
    {
      mutex_lock held{mutex_};
      if (!begun) begun = installs_;
      next = rank(now, next, *begun, found);
    }
    if (found.size() / 2 >= most) keep(most);
  }
  keep(most);
  std::sort(found.begin(), found.end());
  std::vector<hot_cell> cells;
  cells.reserve(found.size());
  for (candidate& one : found) cells.push_back({std::move(one.held), one.coldness == 0});
  return cells;
}

inline store::handle cell_store::rank(time_point now, store::handle from, std::uint32_t begun,
                                      std::vector<candidate>& found) const {
  const auto age_of = [&](const cell& seen) {
    return static_cast<std::int32_t>(begun - seen.place.order);
  };
  const store::policy& chooser = engine_.chooser();
  const store::handle hand = chooser.judged_next();
  const std::int32_t spared_from =
      hand == store::no_handle ? INT32_MAX : age_of(*engine_[hand].value());
  return engine_.scan(from, slots_a_turn, [&](store::handle at, const engine::entry_type& seen) {
    const cell& here = *seen.value();
    if (!visible(here) || now >= here.place.expires) return;
    const std::int32_t age = age_of(here);
    const bool read = here.marked() || chooser.read_lately(at);
    found.push_back({read ? 0U : age > spared_from ? 1U : 2U, age, seen.value()});
  });
}

}  // namespace kith::near
