// The bodies of the operations of cache<Key, Value> that change one key.
#pragma once

#include <kith/cache.hpp>
#include <kith/codec.hpp>
#include <kith/handle/async.hpp>
#include <kith/handle/key_calls.hpp>
#include <kith/handle/open_cache.hpp>

#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace kith {

template <class Key, class Value>
template <key_like<Key> Lookup>
version cache<Key, Value>::put(const Lookup& key, const Value& value,
                               const put_options& how) const {
  return handle::run_and_take<version>(
      *port_, handle::put_call(*state_, wire::mutation::put, call_key{key}, value, how),
      handle::take_version{});
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Token>
auto cache<Key, Value>::async_put(const Lookup& key, const Value& value, const put_options& how,
                                  Token&& token) const {
  return handle::start_call<version>(port_, handle::prepared_call::from([&] {
                                       return handle::put_call(*state_, wire::mutation::put,
                                                               call_key{key}, value, how);
                                     }),
                                     handle::take_version{}, std::forward<Token>(token));
}

template <class Key, class Value>
template <key_like<Key> Lookup>
bool cache<Key, Value>::put_if_absent(const Lookup& key, const Value& value,
                                      const put_options& how) const {
  return handle::run_and_take<bool>(
      *port_, handle::put_call(*state_, wire::mutation::put_if_absent, call_key{key}, value, how),
      handle::take_yes{});
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Token>
auto cache<Key, Value>::async_put_if_absent(const Lookup& key, const Value& value,
                                            const put_options& how, Token&& token) const {
  return handle::start_call<bool>(port_, handle::prepared_call::from([&] {
                                    return handle::put_call(*state_, wire::mutation::put_if_absent,
                                                            call_key{key}, value, how);
                                  }),
                                  handle::take_yes{}, std::forward<Token>(token));
}

template <class Key, class Value>
template <key_like<Key> Lookup>
bool cache<Key, Value>::compare_and_put(const Lookup& key, const version& expected,
                                        const Value& value, const put_options& how) const {
  return handle::run_and_take<bool>(
      *port_, handle::compare_call(*state_, call_key{key}, expected, value, how),
      handle::take_yes{});
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Token>
auto cache<Key, Value>::async_compare_and_put(const Lookup& key, const version& expected,
                                              const Value& value, const put_options& how,
                                              Token&& token) const {
  return handle::start_call<bool>(port_, handle::prepared_call::from([&] {
                                    return handle::compare_call(*state_, call_key{key}, expected,
                                                                value, how);
                                  }),
                                  handle::take_yes{}, std::forward<Token>(token));
}

template <class Key, class Value>
template <key_like<Key> Lookup>
bool cache<Key, Value>::touch(const Lookup& key, const put_options& how) const {
  return handle::run_and_take<bool>(*port_, handle::touch_call(*state_, call_key{key}, how),
                                    handle::take_yes{});
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Token>
auto cache<Key, Value>::async_touch(const Lookup& key, const put_options& how,
                                    Token&& token) const {
  return handle::start_call<bool>(port_, handle::prepared_call::from([&] {
                                    return handle::touch_call(*state_, call_key{key}, how);
                                  }),
                                  handle::take_yes{}, std::forward<Token>(token));
}

template <class Key, class Value>
template <key_like<Key> Lookup>
version cache<Key, Value>::erase(const Lookup& key, const call_options& how) const {
  return handle::run_and_take<version>(*port_, handle::erase_call(*state_, call_key{key}, how),
                                       handle::take_version{});
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Token>
auto cache<Key, Value>::async_erase(const Lookup& key, const call_options& how,
                                    Token&& token) const {
  return handle::start_call<version>(port_, handle::prepared_call::from([&] {
                                       return handle::erase_call(*state_, call_key{key}, how);
                                     }),
                                     handle::take_version{}, std::forward<Token>(token));
}

template <class Key, class Value>
template <key_like<Key> Lookup>
version cache<Key, Value>::invalidate(const Lookup& key, const call_options& how) const {
  return handle::run_and_take<version>(*port_, handle::invalidate_call(*state_, call_key{key}, how),
                                       handle::take_version{});
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Token>
auto cache<Key, Value>::async_invalidate(const Lookup& key, const call_options& how,
                                         Token&& token) const {
  return handle::start_call<version>(port_, handle::prepared_call::from([&] {
                                       return handle::invalidate_call(*state_, call_key{key}, how);
                                     }),
                                     handle::take_version{}, std::forward<Token>(token));
}

template <class Key, class Value>
template <key_like<Key> Lookup>
bool cache<Key, Value>::erase_if_version(const Lookup& key, const version& expected,
                                         const call_options& how) const {
  return handle::run_and_take<bool>(
      *port_, handle::erase_if_call(*state_, call_key{key}, expected, how), handle::take_yes{});
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Token>
auto cache<Key, Value>::async_erase_if_version(const Lookup& key, const version& expected,
                                               const call_options& how, Token&& token) const {
  return handle::start_call<bool>(port_, handle::prepared_call::from([&] {
                                    return handle::erase_if_call(*state_, call_key{key}, expected,
                                                                 how);
                                  }),
                                  handle::take_yes{}, std::forward<Token>(token));
}

template <class Key, class Value>
template <key_like<Key> Lookup>
std::int64_t cache<Key, Value>::add(const Lookup& key, std::int64_t delta,
                                    const call_options& how) const
  requires std::same_as<Value, std::int64_t>
{
  return handle::run_and_take<std::int64_t>(*port_,
                                            handle::add_call(*state_, call_key{key}, delta, how),
                                            handle::take_result<std::int64_t>{});
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Token>
auto cache<Key, Value>::async_add(const Lookup& key, std::int64_t delta, const call_options& how,
                                  Token&& token) const
  requires std::same_as<Value, std::int64_t>
{
  return handle::start_call<std::int64_t>(
      port_, handle::prepared_call::from([&] {
        return handle::add_call(*state_, call_key{key}, delta, how);
      }),
      handle::take_result<std::int64_t>{}, std::forward<Token>(token));
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Processor>
auto cache<Key, Value>::invoke(const Lookup& key, const Processor& run,
                               const call_options& how) const {
  using taken = handle::processed_result<Key, Value, Processor>;
  auto result = handle::run_and_take<typename taken::type>(
      *port_, handle::invoke_call(*state_, call_key{key}, run, how), typename taken::take{});
  if constexpr (!taken::nothing) return result;
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Processor, class Token>
auto cache<Key, Value>::async_invoke(const Lookup& key, const Processor& run,
                                     const call_options& how, Token&& token) const {
  using taken = handle::processed_result<Key, Value, Processor>;
  return handle::start_call<typename taken::type>(
      port_, handle::prepared_call::from([&] {
        return handle::invoke_call(*state_, call_key{key}, run, how);
      }),
      typename taken::take{}, std::forward<Token>(token));
}

}  // namespace kith
