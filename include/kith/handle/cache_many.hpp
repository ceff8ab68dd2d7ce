// The bodies of many_keys<Key, Value>: a call for each (key_calls.hpp).
#pragma once

#include <kith/cache.hpp>
#include <kith/codec.hpp>
#include <kith/handle/async.hpp>
#include <kith/handle/calls.hpp>
#include <kith/handle/key_calls.hpp>
#include <kith/handle/open_cache.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace kith {

namespace handle {

/// The calls of each operation, for both of its forms.
template <class Key, class Value>
struct many_calls {
  const cache_state<Key, Value>& state;

  using calls = std::vector<node::call>;
  using pairs = std::vector<std::pair<Key, Value>>;

  [[nodiscard]] calls contains(const std::vector<Key>& keys, const call_options& how) const {
    return calls_for_keys(keys, [&](const auto& key) { return peek_call(state, key, how); });
  }
  [[nodiscard]] calls put(wire::mutation kind, const pairs& entries, const put_options& how) const {
    return calls_for_pairs(entries, [&](const auto& key, const Value& value) {
      return put_call(state, kind, key, value, how);
    });
  }
  [[nodiscard]] calls compare_and_put(const std::vector<compared_put<Key, Value>>& puts,
                                      const put_options& how) const {
    return calls_for<Key>(
        puts, [](const auto& one) -> const Key& { return one.key; },
        [&](const auto& key, const auto& one) {
          return compare_call(state, key, one.expected, one.value, how);
        });
  }
  [[nodiscard]] calls touch(const std::vector<Key>& keys, const put_options& how) const {
    return calls_for_keys(keys, [&](const auto& key) { return touch_call(state, key, how); });
  }
  [[nodiscard]] calls erase(const std::vector<Key>& keys, const call_options& how) const {
    return calls_for_keys(keys, [&](const auto& key) { return erase_call(state, key, how); });
  }
  [[nodiscard]] calls add(const std::vector<std::pair<Key, std::int64_t>>& deltas,
                          const call_options& how) const {
    return calls_for_pairs(deltas, [&](const auto& key, std::int64_t delta) {
      return add_call(state, key, delta, how);
    });
  }
  template <class Processor>
  [[nodiscard]] calls invoke(const std::vector<Key>& keys, const Processor& run,
                             const call_options& how) const {
    return calls_for_keys(keys, [&](const auto& key) { return invoke_call(state, key, run, how); });
  }
};

}  // namespace handle

template <class Key, class Value>
auto many_keys<Key, Value>::get_many(const std::vector<Key>& keys, const get_options& how) const
    -> std::vector<pair_type> {
  handle::many_reads<Key, Value> reads{state_, keys, how};
  const auto answers = handle::run_calls(*port_, reads.start());
  std::vector<pair_type> present;
  if (reads.finish(*answers, present)) handle::throw_first_failure(*answers);
  return present;
}

template <class Key, class Value>
template <class Token>
auto many_keys<Key, Value>::async_get_many(const std::vector<Key>& keys, const get_options& how,
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
std::vector<bool> many_keys<Key, Value>::contains_many(const std::vector<Key>& keys,
                                                       const call_options& how) const {
  return handle::run_many<bool>(*port_, handle::many_calls{*state_}.contains(keys, how),
                                handle::take_yes{});
}

template <class Key, class Value>
template <class Token>
auto many_keys<Key, Value>::async_contains_many(const std::vector<Key>& keys,
                                                const call_options& how, Token&& token) const {
  return handle::start_many<bool>(port_, handle::prepared_calls::from([&] {
                                    return handle::many_calls{*state_}.contains(keys, how);
                                  }),
                                  handle::take_yes{}, std::forward<Token>(token));
}

template <class Key, class Value>
void many_keys<Key, Value>::put_many(const std::vector<std::pair<Key, Value>>& entries,
                                     const put_options& how) const {
  handle::run_all(*port_, handle::many_calls{*state_}.put(wire::mutation::put, entries, how));
}

template <class Key, class Value>
template <class Token>
auto many_keys<Key, Value>::async_put_many(const std::vector<std::pair<Key, Value>>& entries,
                                           const put_options& how, Token&& token) const {
  return handle::start_all(port_, handle::prepared_calls::from([&] {
                             return handle::many_calls{*state_}.put(wire::mutation::put, entries,
                                                                    how);
                           }),
                           std::forward<Token>(token));
}

template <class Key, class Value>
std::vector<bool> many_keys<Key, Value>::put_if_absent_many(
    const std::vector<std::pair<Key, Value>>& entries, const put_options& how) const {
  return handle::run_many<bool>(
      *port_, handle::many_calls{*state_}.put(wire::mutation::put_if_absent, entries, how),
      handle::take_yes{});
}

template <class Key, class Value>
template <class Token>
auto many_keys<Key, Value>::async_put_if_absent_many(
    const std::vector<std::pair<Key, Value>>& entries, const put_options& how,
    Token&& token) const {
  return handle::start_many<bool>(port_, handle::prepared_calls::from([&] {
                                    return handle::many_calls{*state_}.put(
                                        wire::mutation::put_if_absent, entries, how);
                                  }),
                                  handle::take_yes{}, std::forward<Token>(token));
}

template <class Key, class Value>
std::vector<bool> many_keys<Key, Value>::compare_and_put_many(
    const std::vector<compared_put<Key, Value>>& puts, const put_options& how) const {
  return handle::run_many<bool>(*port_, handle::many_calls{*state_}.compare_and_put(puts, how),
                                handle::take_yes{});
}

template <class Key, class Value>
template <class Token>
auto many_keys<Key, Value>::async_compare_and_put_many(
    const std::vector<compared_put<Key, Value>>& puts, const put_options& how,
    Token&& token) const {
  return handle::start_many<bool>(port_, handle::prepared_calls::from([&] {
                                    return handle::many_calls{*state_}.compare_and_put(puts, how);
                                  }),
                                  handle::take_yes{}, std::forward<Token>(token));
}

template <class Key, class Value>
std::vector<bool> many_keys<Key, Value>::touch_many(const std::vector<Key>& keys,
                                                    const put_options& how) const {
  return handle::run_many<bool>(*port_, handle::many_calls{*state_}.touch(keys, how),
                                handle::take_yes{});
}

template <class Key, class Value>
template <class Token>
auto many_keys<Key, Value>::async_touch_many(const std::vector<Key>& keys, const put_options& how,
                                             Token&& token) const {
  return handle::start_many<bool>(port_, handle::prepared_calls::from([&] {
                                    return handle::many_calls{*state_}.touch(keys, how);
                                  }),
                                  handle::take_yes{}, std::forward<Token>(token));
}

template <class Key, class Value>
std::vector<version> many_keys<Key, Value>::erase_many(const std::vector<Key>& keys,
                                                       const call_options& how) const {
  return handle::run_many<version>(*port_, handle::many_calls{*state_}.erase(keys, how),
                                   handle::take_version{});
}

template <class Key, class Value>
template <class Token>
auto many_keys<Key, Value>::async_erase_many(const std::vector<Key>& keys, const call_options& how,
                                             Token&& token) const {
  return handle::start_many<version>(port_, handle::prepared_calls::from([&] {
                                       return handle::many_calls{*state_}.erase(keys, how);
                                     }),
                                     handle::take_version{}, std::forward<Token>(token));
}

template <class Key, class Value>
std::vector<std::int64_t> many_keys<Key, Value>::add_many(
    const std::vector<std::pair<Key, std::int64_t>>& deltas, const call_options& how) const
  requires std::same_as<Value, std::int64_t>
{
  return handle::run_many<std::int64_t>(*port_, handle::many_calls{*state_}.add(deltas, how),
                                        handle::take_result<std::int64_t>{});
}

template <class Key, class Value>
template <class Token>
auto many_keys<Key, Value>::async_add_many(const std::vector<std::pair<Key, std::int64_t>>& deltas,
                                           const call_options& how, Token&& token) const
  requires std::same_as<Value, std::int64_t>
{
  return handle::start_many<std::int64_t>(
      port_,
      handle::prepared_calls::from([&] { return handle::many_calls{*state_}.add(deltas, how); }),
      handle::take_result<std::int64_t>{}, std::forward<Token>(token));
}

template <class Key, class Value>
template <class Processor>
auto many_keys<Key, Value>::invoke_many(const std::vector<Key>& keys, const Processor& run,
                                        const call_options& how) const {
  using taken = handle::processed_result<Key, Value, Processor>;
  auto results = handle::run_many<typename taken::type>(
      *port_, handle::many_calls{*state_}.invoke(keys, run, how), typename taken::take{});
  if constexpr (!taken::nothing) return results;
}

template <class Key, class Value>
template <class Processor, class Token>
auto many_keys<Key, Value>::async_invoke_many(const std::vector<Key>& keys, const Processor& run,
                                              const call_options& how, Token&& token) const {
  using taken = handle::processed_result<Key, Value, Processor>;
  return handle::start_many<typename taken::type>(
      port_, handle::prepared_calls::from([&] {
        return handle::many_calls{*state_}.invoke(keys, run, how);
      }),
      typename taken::take{}, std::forward<Token>(token));
}

}  // namespace kith
