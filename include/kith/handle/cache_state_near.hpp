// The part of cache_state.hpp that looks into the near cache, and takes up what was found there.
#pragma once

#include <kith/codec.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/handle/cache_state.hpp>
#include <kith/handle/encoding.hpp>
#include <kith/handle/explanation.hpp>
#include <kith/near/cell_store.hpp>
#include <kith/near/gates.hpp>
#include <kith/near/near_cache.hpp>
#include <kith/near/ref.hpp>
#include <kith/node/call.hpp>
#include <kith/options.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace kith::handle {

template <class Key, class Value>
template <class Lookup>
ref<Value> cache_state<Key, Value>::find_near(std::uint64_t hash, const Lookup& lookup,
                                              const get_options& how) {
  // Wrong is wrong, also where a hit takes no time.
  static_cast<void>(timeout_of(how.timeout));
  check_read(how);
  const version after = how.after ? version_after(how.after, hash) : version{};
  if (!options_.near.enabled || how.read == kith::read::owner) return {};
  const auto clock = [&] { return port_->now(); };
  const bool strong = binding_->strong;
  const time_point now = strong ? time_point{} : clock();
  duration max_age = how.max_age.value_or(binding_->max_staleness);
  if (strong) max_age = std::min(max_age, binding_->max_staleness);
  const auto look = [&](const auto& as, duration age) {
    if (strong) return near_->find_leased(hash, as, clock, age);
    return after != version{} ? near_->find_after(hash, as, now, age, after)
                              : near_->find(hash, as, now, age);
  };
  const auto find = [&](duration age) { return look(as_key(lookup), age); };
  const near::gates& gates = port_->gates();
  const bool stops = options_.minority_policy == minority_policy::stop;
  if (stops && gates.is_cut_off()) return {};
  ref<Value> found = find(max_age);
  const bool stale = options_.serve_stale && !strong && !stops && !how.max_age;
  if (found || !stale || !gates.is_cut_off()) return found;
  return find(near::any_age);
}

template <class Key, class Value>
template <class Lookup>
void cache_state<Key, Value>::recall_into(node::call& what, const Lookup& lookup) const {
  // A copy here may answer without asking anybody.
  if (!what.near || what.backup) return;
  near::counted_cell kept = near_->recall(what.key_hash, as_key(lookup));
  if (!kept || kept->value_hash == 0) return;
  what.known = wire::known_value{kept->version, kept->value_hash, true};
  what.recalled = std::move(kept);
}

/// Where the owner says that what the near cache had is still so, another one of it. By its codec:
/// a type may claim a copy constructor that does not compile, as a vector of unique_ptr does.
template <class Key, class Value>
std::optional<Value> cache_state<Key, Value>::value_in(const node::outcome& result) {
  if (!result.yes) return std::nullopt;
  if (!result.recalled) return kith::decode<Value>(result.value);
  try {
    const Value& had = near::near_cache<Key, Value>::entry_of(result.recalled).value;
    return kith::decode<Value>(written(had, "the value"));
  } catch (const error&) {
    return std::nullopt;
  }
}

template <class Key, class Value>
template <class Lookup>
explanation cache_state<Key, Value>::explain(const encoded_key<Key>& key,
                                             const Lookup& lookup) const {
  const auto seen = near_->look(key.hash(), as_key(lookup));
  const node::key_place place{partition_of(key.hash()), binding_->current_id(), key.hash(),
                              key.view()};
  return explain_key(*port_, place, seen, binding_->max_staleness);
}

}  // namespace kith::handle
