// What a cache's options say about cuts, as the machines have to know it, and merges.
#pragma once

#include <kith/codec.hpp>
#include <kith/core/bytes.hpp>
#include <kith/node/call.hpp>
#include <kith/node/shipment.hpp>
#include <kith/options.hpp>
#include <kith/replica/effect.hpp>
#include <kith/wire/decode.hpp>

#include <optional>

namespace kith::handle {

template <class Key, class Value>
void bind_policies(node::cache_binding& binding, const cache_options<Key, Value>& options) {
  const bool goes_on = options.minority_policy == minority_policy::go_on;
  const bool stops = options.minority_policy == minority_policy::stop;
  binding.writes_cut_off = goes_on;
  binding.reads_cut_off = goes_on || (options.serve_stale && !stops);
  // A loader has a database behind it, which is right when the two sides are not.
  const bool loads = options.load || options.load_many;
  const merge_policy without = loads ? merge_policy::invalidate : merge_policy::discard;
  const merge_policy chosen =
      options.merge_policy.value_or(options.merge ? merge_policy::newest : without);
  binding.tells_dirty = chosen != merge_policy::discard;
  binding.tells_values = chosen == merge_policy::newest;
}

/// Merges what another side of a cut had of a key with what its owner has (node/shipment.hpp): by
/// the user's function, or for the newer version. Throws what that function does.
template <class Key, class Value>
[[nodiscard]] replica::processor_result merge_entry(const cache_options<Key, Value>& options,
                                                    const replica::run_processor& job) {
  node::merge_fields ours;
  if (wire::decode(job.fields, ours) != wire::decode_error::none) {
    return replica::processor_failure{"the fields are not a merge's"};
  }
  replica::processed done;
  if (!options.merge) {
    const bool newer = !job.current || ours.version > job.current_version;
    if (!ours.present || !newer) return done;
    done.action = replica::processor_action::set;
    done.value = to_bytes(ours.value);
    return done;
  }
  const std::optional<Key> key = kith::decode<Key>(job.key);
  std::optional<Value> theirs;
  std::optional<Value> brought;
  if (job.current) theirs = kith::decode<Value>(*job.current);
  if (ours.present) brought = kith::decode<Value>(ours.value);
  if (!key || theirs.has_value() != job.current.has_value() ||
      brought.has_value() != ours.present) {
    return replica::processor_failure{"the entry is not of the cache's types"};
  }
  const std::optional<Value> merged =
      options.merge(*key, theirs ? &*theirs : nullptr, brought ? &*brought : nullptr);
  done.action = merged ? replica::processor_action::set : replica::processor_action::erase;
  if (merged) done.value = kith::encode(*merged);
  return done;
}

}  // namespace kith::handle
