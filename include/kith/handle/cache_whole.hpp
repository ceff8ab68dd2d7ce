// The bodies of the operations of cache<Key, Value> on all of its entries.
#pragma once

#include <kith/cache.hpp>
#include <kith/codec.hpp>
#include <kith/handle/async.hpp>
#include <kith/handle/calls.hpp>
#include <kith/node/lane_index.hpp>
#include <kith/store/handle.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
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
void cache<Key, Value>::invalidate_tag(std::string_view tag, const call_options& how) const {
  handle::run_all(*port_, handle::tag_calls(*state_, tag, how));
}

template <class Key, class Value>
template <class Token>
auto cache<Key, Value>::async_invalidate_tag(std::string_view tag, const call_options& how,
                                             Token&& token) const {
  return handle::start_all(
      port_, handle::prepared_calls::from([&] { return handle::tag_calls(*state_, tag, how); }),
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

template <class Key, class Value>
template <std::invocable<const Key&, const Value&, const version&> Visitor>
std::uint64_t cache<Key, Value>::for_each_local(Visitor&& see) const {
  std::uint64_t seen = 0;
  for (std::uint32_t lane = 0; lane < node::lane_count; ++lane) {
    node::scan_turn turn;
    while (turn.next != store::no_handle) {
      turn.found.clear();
      handle::throw_failure(handle::run_call(*port_, handle::scan_call(*state_, lane, turn)));
      for (const node::scan_turn::entry& one : turn.found) {
        const std::optional<Key> key = kith::decode<Key>(one.key);
        const std::optional<Value> value = kith::decode<Value>(one.value);
        if (!key || !value) {
          state_->count_unreadable();
          continue;
        }
        ++seen;
        std::invoke(see, *key, *value, one.version);
      }
    }
  }
  return seen;
}

}  // namespace kith
