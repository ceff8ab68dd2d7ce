// The bodies of the operations of cache<Key, Value> that read one key.
#pragma once

#include <kith/cache.hpp>
#include <kith/codec.hpp>
#include <kith/handle/async.hpp>
#include <kith/handle/key_calls.hpp>
#include <kith/handle/visiting.hpp>

#include <boost/asio/async_result.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace kith {

namespace handle {

/// How a value is taken, with its version or without.
template <class Key, class Value>
struct take_value {
  std::shared_ptr<cache_state<Key, Value>> state;

  error_code operator()(node::outcome& result, ref<Value>& into) const {
    return state->take_value(result, into);
  }
  error_code operator()(node::outcome& result, versioned<Value>& into) const {
    const error_code code = state->take_value(result, into.value);
    into.version = into.value.version();
    return code;
  }
};

/// The near cache's answer to a get that was made, if it may be served.
template <class Key, class Value>
struct find_early {
  std::shared_ptr<cache_state<Key, Value>> state;
  get_options how;

  bool operator()(node::call& what, ref<Value>& into) const {
    const std::optional<Key> own = kith::decode<Key>(what.key);
    if (!own) return false;
    into = state->find_near(what.key_hash, *own, how);
    if (!into) state->recall_into(what, *own);
    return static_cast<bool>(into);
  }
};

}  // namespace handle

template <class Key, class Value>
template <key_like<Key> Lookup>
ref<Value> cache<Key, Value>::get(const Lookup& key, const get_options& how) const {
  const call_key encoded{key};
  ref<Value> value = state_->find_near(encoded.hash(), key, how);
  if (value) return value;
  node::call what = state_->make_get(encoded, how);
  state_->recall_into(what, key);
  return handle::run_and_take<ref<Value>>(*port_, std::move(what),
                                          handle::take_value<Key, Value>{state_});
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Token>
auto cache<Key, Value>::async_get(const Lookup& key, const get_options& how, Token&& token) const {
  return handle::start_call<ref<Value>>(
      port_, handle::prepared_call::from([&] { return state_->make_get(call_key{key}, how); }),
      handle::take_value<Key, Value>{state_}, std::forward<Token>(token),
      handle::find_early<Key, Value>{state_, how});
}

template <class Key, class Value>
template <key_like<Key> Lookup, std::invocable<const Value&> Visitor>
bool cache<Key, Value>::visit(const Lookup& key, Visitor&& see, const get_options& how) const {
  const ref<Value> value = get(key, how);
  if (value) std::invoke(std::forward<Visitor>(see), *value);
  return static_cast<bool>(value);
}

template <class Key, class Value>
template <key_like<Key> Lookup, std::invocable<const Value&> Visitor, class Token>
auto cache<Key, Value>::async_visit(const Lookup& key, Visitor&& see, const get_options& how,
                                    Token&& token) const {
  return boost::asio::async_initiate<Token, void(error_code, bool)>(
      [port = port_, state = state_, how](auto handler, handle::prepared_call&& made, auto&& seen) {
        using visitor = std::remove_cvref_t<decltype(seen)>;
        handle::start_call<ref<Value>>(port, std::move(made), handle::take_value<Key, Value>{state},
                                       handle::visiting_handler<visitor, decltype(handler)>{
                                           std::forward<decltype(seen)>(seen), std::move(handler)},
                                       handle::find_early<Key, Value>{state, how});
      },
      token, handle::prepared_call::from([&] { return state_->make_get(call_key{key}, how); }),
      std::forward<Visitor>(see));
}

template <class Key, class Value>
template <key_like<Key> Lookup>
versioned<Value> cache<Key, Value>::get_versioned(const Lookup& key,
                                                  const call_options& how) const {
  return handle::run_and_take<versioned<Value>>(*port_,
                                                handle::peek_call(*state_, call_key{key}, how),
                                                handle::take_value<Key, Value>{state_});
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Token>
auto cache<Key, Value>::async_get_versioned(const Lookup& key, const call_options& how,
                                            Token&& token) const {
  return handle::start_call<versioned<Value>>(
      port_,
      handle::prepared_call::from([&] { return handle::peek_call(*state_, call_key{key}, how); }),
      handle::take_value<Key, Value>{state_}, std::forward<Token>(token));
}

template <class Key, class Value>
template <key_like<Key> Lookup>
bool cache<Key, Value>::contains(const Lookup& key, const call_options& how) const {
  return handle::run_and_take<bool>(*port_, handle::peek_call(*state_, call_key{key}, how),
                                    handle::take_yes{});
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Token>
auto cache<Key, Value>::async_contains(const Lookup& key, const call_options& how,
                                       Token&& token) const {
  return handle::start_call<bool>(port_, handle::prepared_call::from([&] {
                                    return handle::peek_call(*state_, call_key{key}, how);
                                  }),
                                  handle::take_yes{}, std::forward<Token>(token));
}

}  // namespace kith
