// The values of dirty keys, for caches whose two sides of a cut are merged (dirty_keys.hpp).
#pragma once

#include <kith/core/time.hpp>
#include <kith/replica/dirty_keys.hpp>
#include <kith/replica/entries.hpp>
#include <kith/replica/holdings.hpp>

#include <cstddef>
#include <vector>

namespace kith::replica {

/// What is noted, with values as far as there is room for them. An entry that went to another owner
/// since is not here; that owner did not write it.
[[nodiscard]] inline std::vector<dirty_cache> take_dirty_of(holdings& held, time_point now) {
  std::vector<dirty_cache> all = held.dirty.take();
  std::size_t room = held.options.dirty_bytes;
  for (dirty_cache& one : all) {
    const entries* known = held.find_cache(one.cache);
    if (known == nullptr || !known->settings().tells_values) continue;
    one.values = true;
    one.left_out = std::erase_if(one.keys, [&](dirty_key& key) {
      const auto found = known->peek(now, key.hash, key.key);
      if (!found) return false;
      const stored& entry = found->value();
      if (entry.value.size() > room) return true;
      room -= entry.value.size();
      key.value = entry.value;
      key.version = entry.version;
      return false;
    });
  }
  return all;
}

}  // namespace kith::replica
