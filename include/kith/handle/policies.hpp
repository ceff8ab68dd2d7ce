// What a cache's options say about cuts, as the machines have to know it.
#pragma once

#include <kith/node/call.hpp>
#include <kith/options.hpp>

namespace kith::handle {

template <class Key, class Value>
void bind_policies(node::cache_binding& binding, const cache_options<Key, Value>& options) {
  const bool goes_on = options.minority_policy == minority_policy::go_on;
  const bool stops = options.minority_policy == minority_policy::stop;
  binding.writes_cut_off = goes_on;
  binding.reads_cut_off = goes_on || (options.serve_stale && !stops);
  // A loader has a database behind it, which is right when the two sides are not.
  const bool loads = options.load || options.load_many;
  const merge_policy chosen =
      options.merge_policy.value_or(loads ? merge_policy::invalidate : merge_policy::discard);
  binding.tells_dirty = chosen == merge_policy::invalidate;
}

}  // namespace kith::handle
