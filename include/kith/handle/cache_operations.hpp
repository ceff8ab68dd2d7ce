// The bodies of cache<Key, Value> that ask no owner; those that do are in the files beside it. Each
// operation is a call made (key_calls.hpp), and an outcome taken.
#pragma once

#include <kith/cache.hpp>
#include <kith/handle/open_cache.hpp>

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

}  // namespace kith
