// The bodies of cache<Key, Value> that ask no owner; those that do are in the files beside it. Each
// operation is a call made (key_calls.hpp), and an outcome taken.
#pragma once

#include <kith/cache.hpp>
#include <kith/handle/open_cache.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <typeindex>
#include <utility>

namespace kith {

template <class Key, class Value>
cache<Key, Value> cache<Key, Value>::open(std::shared_ptr<handle::port> to, const std::string& name,
                                          cache_options<Key, Value> options, std::uint64_t salt) {
  return cache{handle::open_cache<Key, Value>(to, name, std::move(options), salt), to};
}

template <class Key, class Value>
template <class Processor>
void cache<Key, Value>::register_processor(const std::string& name) const {
  state_->register_processor(name, typeid(Processor), handle::run_processor<Key, Value, Processor>);
}

template <class Key, class Value>
read_stats cache<Key, Value>::stats() const {
  const auto read = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
  const handle::read_counters& counted = state_->counters();
  read_stats stats;
  stats.near_hits = state_->near_cache().lookups().hits();
  stats.owner_hits = read(counted.owner);
  stats.loaded = read(counted.loaded);
  stats.absent = read(counted.absent);
  stats.failed = read(counted.failed);
  stats.loads_here = read(counted.loads_here);
  stats.listener_failures = read(counted.listener_failures);
  stats.oldest_near_hit = duration{read(counted.oldest_near_ns)};
  stats.near_entries = state_->near_cache().size();
  stats.near_bytes = state_->near_cache().bytes();
  return stats;
}

}  // namespace kith
