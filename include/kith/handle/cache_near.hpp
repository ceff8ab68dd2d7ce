// The bodies of the operations of cache<Key, Value> on this member's near cache.
#pragma once

#include <kith/cache.hpp>
#include <kith/handle/near_warming.hpp>
#include <kith/near/near_cache.hpp>
#include <kith/options.hpp>

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <vector>

namespace kith {

template <class Key, class Value>
std::vector<Key> cache<Key, Value>::hottest(std::size_t most) const {
  using near_cache = near::near_cache<Key, Value>;
  std::vector<Key> keys;
  for (const auto& one : state_->near_cache().hottest(port_->now(), most)) {
    keys.push_back(near_cache::entry_of(one.held).key);
  }
  return keys;
}

template <class Key, class Value>
std::uint64_t cache<Key, Value>::save_near(std::ostream& to) const {
  return handle::near_warming<Key, Value>{*state_, *port_}.save(to);
}

template <class Key, class Value>
warm_result cache<Key, Value>::warm_near(std::istream& from, const warm_options& how) const {
  return handle::near_warming<Key, Value>{*state_, *port_}.warm(from, how);
}

}  // namespace kith
