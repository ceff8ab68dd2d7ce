// The bodies of the operations of cache<Key, Value> on all of its entries.
#pragma once

#include <kith/cache.hpp>
#include <kith/handle/async.hpp>
#include <kith/handle/calls.hpp>

#include <cstdint>
#include <utility>

namespace kith {

template <class Key, class Value>
void cache<Key, Value>::clear(const call_options& how) const {
  handle::run_all(*port_, handle::partition_calls(*state_, node::call_kind::mutate, how));
}

template <class Key, class Value>
template <class Token>
auto cache<Key, Value>::async_clear(const call_options& how, Token&& token) const {
  return handle::start_all(port_, handle::prepared_calls::from([&] {
                             return handle::partition_calls(*state_, node::call_kind::mutate, how);
                           }),
                           std::forward<Token>(token));
}

template <class Key, class Value>
std::uint64_t cache<Key, Value>::size(const call_options& how) const {
  const auto answers =
      handle::run_calls(*port_, handle::partition_calls(*state_, node::call_kind::count, how));
  handle::throw_first_failure(*answers);
  return handle::total_count(*answers);
}

template <class Key, class Value>
template <class Token>
auto cache<Key, Value>::async_size(const call_options& how, Token&& token) const {
  return handle::start_calls<std::uint64_t>(
      port_, handle::prepared_calls::from([&] {
        return handle::partition_calls(*state_, node::call_kind::count, how);
      }),
      [](handle::call_group& answers, std::uint64_t& into) {
        into = handle::total_count(answers);
        return handle::first_error(answers);
      },
      std::forward<Token>(token));
}

}  // namespace kith
