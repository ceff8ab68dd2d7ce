// The bodies of the operations of cache<Key, Value> on many keys, and on all of them.
#pragma once

#include <kith/cache.hpp>
#include <kith/handle/async.hpp>
#include <kith/handle/calls.hpp>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace kith {

template <class Key, class Value>
auto cache<Key, Value>::get_many(const std::vector<Key>& keys, const get_options& how) const
    -> std::vector<pair_type> {
  handle::many_reads<Key, Value> reads{state_, keys, how};
  const auto answers = handle::run_calls(*port_, reads.start());
  std::vector<pair_type> present;
  if (reads.finish(*answers, present)) handle::throw_first_failure(*answers);
  return present;
}

template <class Key, class Value>
template <class Token>
auto cache<Key, Value>::async_get_many(const std::vector<Key>& keys, const get_options& how,
                                       Token&& token) const {
  auto reads = std::make_shared<handle::many_reads<Key, Value>>(state_, keys, how);
  return handle::start_calls<std::vector<pair_type>>(
      port_, [reads] { return reads->start(); },
      [reads](handle::call_group& answers, std::vector<pair_type>& into) {
        return reads->finish(answers, into);
      },
      std::forward<Token>(token));
}

template <class Key, class Value>
void cache<Key, Value>::put_many(const std::vector<std::pair<Key, Value>>& entries,
                                 const put_options& how) const {
  handle::run_all(*port_, handle::put_calls(*state_, wire::mutation::put, entries, how));
}

template <class Key, class Value>
template <class Token>
auto cache<Key, Value>::async_put_many(const std::vector<std::pair<Key, Value>>& entries,
                                       const put_options& how, Token&& token) const {
  return handle::start_all(port_, handle::prepared_calls::from([&] {
                             return handle::put_calls(*state_, wire::mutation::put, entries, how);
                           }),
                           std::forward<Token>(token));
}

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
  const auto answers = handle::run_calls(
      *port_, handle::partition_calls(*state_, node::call_kind::count, how));
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
