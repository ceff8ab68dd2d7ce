// How a cache's typed side runs the user's loaders, and says how long an entry lives
// (cache_state.hpp).
#pragma once

#include <kith/codec.hpp>
#include <kith/core/bytes.hpp>
#include <kith/core/time.hpp>
#include <kith/handle/cache_state.hpp>
#include <kith/handle/encoding.hpp>
#include <kith/handle/operation.hpp>
#include <kith/handle/tag_names.hpp>
#include <kith/loader.hpp>
#include <kith/node/call.hpp>
#include <kith/replica/effect.hpp>
#include <kith/wire/limits.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

namespace kith::handle {

/// What a user's function threw, while it is handled.
[[nodiscard]] inline replica::load_failure current_failure() {
  try {
    throw;
  } catch (const std::exception& thrown) {
    return {thrown.what(), std::current_exception()};
  } catch (...) {
    return {"the loader threw", std::current_exception()};
  }
}

template <class Key, class Value>
std::optional<duration> cache_state<Key, Value>::expiry_of(const Key& key,
                                                           const Value& value) const {
  if (!options_.expiry) return std::nullopt;
  const std::optional<duration> given = options_.expiry(key, value);
  return given ? std::max(*given, duration{}) : given;
}

template <class Key, class Value>
void cache_state<Key, Value>::set_expiry(node::call& put, const Value& value) const {
  if (!options_.expiry) return;
  const std::optional<Key> key = kith::decode<Key>(put.key);
  std::optional<duration> ttl;
  try {
    if (key) ttl = expiry_of(*key, value);
  } catch (...) {
    binding_->count_write(true);
    throw_refusal("expiry", "it");
  }
  if (!ttl) return;
  put.rule = wire::ttl_rule::given;
  put.ttl = *ttl;
}

template <class Key, class Value>
replica::load_result cache_state<Key, Value>::encode_loaded(const Key& key,
                                                            loaded_value<Value> row) const {
  const std::optional<duration> ttl = row.keep ? row.ttl : duration{};
  std::vector<wire::tag> tags = tags_of(row.tags);
  if (!row.value) return replica::not_found{ttl};
  bytes encoded = kith::encode(*row.value);
  if (encoded.size() > wire::limits::value_bytes) {
    return replica::load_failure{"the loaded value is too long"};
  }
  return replica::loaded{std::move(encoded), ttl ? ttl : expiry_of(key, *row.value),
                         std::move(tags)};
}

template <class Key, class Value>
replica::load_result cache_state<Key, Value>::load(byte_view key) noexcept {
  if (!options_.load) return std::move(load_many({to_bytes(key)}).front());
  counters_.loads_here.fetch_add(1, std::memory_order_relaxed);
  const time_point began = port_->now();
  replica::load_result result = run_loader(key);
  record_time(counters_.load_times, began);
  if (std::holds_alternative<replica::load_failure>(result)) {
    counters_.loads_failed.fetch_add(1, std::memory_order_relaxed);
  }
  return result;
}

template <class Key, class Value>
replica::load_result cache_state<Key, Value>::run_loader(byte_view key) noexcept {
  try {
    const std::optional<Key> typed = kith::decode<Key>(key);
    if (!typed) return replica::load_failure{"the key is not of the cache's type"};
    return encode_loaded(*typed, options_.load(*typed));
  } catch (...) {
    return current_failure();
  }
}

/// Found again by their encoded keys: a key type need not be comparable. What the value's codec or
/// `expiry` throws is the failure of that row alone.
template <class Key, class Value>
std::vector<replica::load_result> cache_state<Key, Value>::rows_of(
    const std::vector<bytes>& keys) const {
  std::vector<Key> typed;
  std::map<bytes, std::size_t> places;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    std::optional<Key> key = kith::decode<Key>(keys[i]);
    if (!key) throw std::runtime_error{"a key is not of the cache's type"};
    typed.push_back(std::move(*key));
    places.emplace(keys[i], i);
  }
  std::vector<replica::load_result> results(keys.size(), replica::not_found{});
  for (auto& [key, row] : options_.load_many(typed)) {
    const auto place = places.find(to_bytes(encoded_key<Key>{key}.view()));
    if (place == places.end()) continue;
    try {
      results[place->second] = encode_loaded(key, std::move(row));
    } catch (...) {
      results[place->second] = current_failure();
    }
  }
  return results;
}

template <class Key, class Value>
std::vector<replica::load_result> cache_state<Key, Value>::load_many(
    const std::vector<bytes>& keys) noexcept {
  counters_.loads_here.fetch_add(keys.size(), std::memory_order_relaxed);
  const time_point began = port_->now();
  std::vector<replica::load_result> rows;
  try {
    rows = rows_of(keys);
  } catch (...) {
    rows.assign(keys.size(), current_failure());
  }
  record_time(counters_.load_times, began);
  const auto failed = std::ranges::count_if(rows, [](const replica::load_result& row) {
    return std::holds_alternative<replica::load_failure>(row);
  });
  counters_.loads_failed.fetch_add(static_cast<std::uint64_t>(failed), std::memory_order_relaxed);
  return rows;
}

}  // namespace kith::handle
