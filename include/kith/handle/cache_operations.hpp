// The bodies of cache<Key, Value>: each operation is a call made, and an outcome taken.
#pragma once

#include <kith/cache.hpp>
#include <kith/codec.hpp>
#include <kith/handle/async.hpp>
#include <kith/handle/calls.hpp>
#include <kith/handle/open_cache.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <typeindex>
#include <utility>
#include <vector>

namespace kith {

namespace handle {

/// How the outcomes of mutations are taken, by what they return.
struct take_version {
  error_code operator()(node::outcome&& result, version& into) const {
    into = result.version;
    return result.error;
  }
};
struct take_yes {
  error_code operator()(node::outcome&& result, bool& into) const {
    into = result.yes;
    return result.error;
  }
};
/// A result that the owner encoded.
template <class Result>
struct take_result {
  error_code operator()(node::outcome&& result, Result& into) const {
    if (result.error) return result.error;
    return kith::decode(result.value, into) ? error_code{} : make_error_code(errc::decode_failed);
  }
};
template <class Result, class Take>
[[nodiscard]] Result run_and_take(port& to, node::call&& what, Take take) {
  node::outcome outcome = run_call(to, std::move(what));
  throw_failure(outcome);
  Result result{};
  if (const error_code code = take(std::move(outcome), result)) throw error{code};
  return result;
}

}  // namespace handle

template <class Key, class Value>
cache<Key, Value> cache<Key, Value>::open(std::shared_ptr<handle::port> to, const std::string& name,
                                          cache_options<Key, Value> options, std::uint64_t salt) {
  return cache{handle::open_cache<Key, Value>(to, name, std::move(options), salt), to};
}

// get

template <class Key, class Value>
template <key_like<Key> Lookup>
ref<Value> cache<Key, Value>::get(const Lookup& key, const get_options& how) const {
  const encoded_key<Key> encoded{key};
  ref<Value> value = state_->find_near(encoded, key, how);
  if (value) return value;
  node::outcome result = handle::run_call(*port_, state_->make_get(encoded, how));
  state_->take_value(result, value);
  handle::throw_failure(result);
  return value;
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Token>
auto cache<Key, Value>::async_get(const Lookup& key, const get_options& how, Token&& token) const {
  return handle::start_call<ref<Value>>(
      port_,
      handle::prepared_call::from([&] { return state_->make_get(encoded_key<Key>{key}, how); }),
      [shared = state_](node::outcome&& result, ref<Value>& into) {
        return shared->take_value(result, into);
      },
      std::forward<Token>(token),
      [shared = state_, how](const node::call& what, ref<Value>& into) {
        const std::optional<Key> own = kith::decode<Key>(what.key);
        if (own) into = shared->find_near(encoded_key<Key>{*own}, *own, how);
        return static_cast<bool>(into);
      });
}

template <class Key, class Value>
template <key_like<Key> Lookup>
versioned<Value> cache<Key, Value>::get_versioned(const Lookup& key) const {
  node::call what = state_->make_get(encoded_key<Key>{key}, {.read = read::owner});
  what.load = false;
  versioned<Value> found;
  node::outcome result = handle::run_call(*port_, std::move(what));
  state_->take_value(result, found.value);
  handle::throw_failure(result);
  found.version = found.value.version();
  return found;
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Token>
auto cache<Key, Value>::async_get_versioned(const Lookup& key, Token&& token) const {
  return handle::start_call<versioned<Value>>(
      port_, handle::prepared_call::from([&] {
        node::call what = state_->make_get(encoded_key<Key>{key}, {.read = read::owner});
        what.load = false;
        return what;
      }),
      [shared = state_](node::outcome&& result, versioned<Value>& into) {
        const error_code code = shared->take_value(result, into.value);
        into.version = into.value.version();
        return code;
      },
      std::forward<Token>(token));
}

template <class Key, class Value>
auto cache<Key, Value>::get_many(const std::vector<Key>& keys) const -> std::vector<pair_type> {
  handle::many_reads<Key, Value> reads{state_, keys};
  const auto answers = handle::run_calls(*port_, reads.start());
  std::vector<pair_type> present;
  if (reads.finish(*answers, present)) handle::throw_first_failure(*answers);
  return present;
}

template <class Key, class Value>
template <class Token>
auto cache<Key, Value>::async_get_many(const std::vector<Key>& keys, Token&& token) const {
  auto reads = std::make_shared<handle::many_reads<Key, Value>>(state_, keys);
  return handle::start_calls<std::vector<pair_type>>(
      port_, [reads] { return reads->start(); },
      [reads](handle::call_group& answers, std::vector<pair_type>& into) {
        return reads->finish(answers, into);
      },
      std::forward<Token>(token));
}

template <class Key, class Value>
template <key_like<Key> Lookup>
bool cache<Key, Value>::contains(const Lookup& key) const {
  const encoded_key<Key> encoded{key};
  node::call what = state_->make_get(encoded, {.read = read::owner});
  what.load = false;
  return handle::run_and_take<bool>(*port_, std::move(what), handle::take_yes{});
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Token>
auto cache<Key, Value>::async_contains(const Lookup& key, Token&& token) const {
  return handle::start_call<bool>(port_, handle::prepared_call::from([&] {
                                    node::call what = state_->make_get(encoded_key<Key>{key},
                                                                       {.read = read::owner});
                                    what.load = false;
                                    return what;
                                  }),
                                  handle::take_yes{}, std::forward<Token>(token));
}

// put

template <class Key, class Value>
template <key_like<Key> Lookup>
version cache<Key, Value>::put(const Lookup& key, const Value& value,
                               const put_options& how) const {
  node::call what = state_->make_mutation(wire::mutation::put, encoded_key<Key>{key});
  state_->set_value(what, value, how);
  return handle::run_and_take<version>(*port_, std::move(what), handle::take_version{});
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Token>
auto cache<Key, Value>::async_put(const Lookup& key, const Value& value, const put_options& how,
                                  Token&& token) const {
  return handle::start_call<version>(port_, handle::prepared_call::from([&] {
                                       node::call what = state_->make_mutation(
                                           wire::mutation::put, encoded_key<Key>{key});
                                       state_->set_value(what, value, how);
                                       return what;
                                     }),
                                     handle::take_version{}, std::forward<Token>(token));
}

template <class Key, class Value>
void cache<Key, Value>::put_many(const std::vector<std::pair<Key, Value>>& entries,
                                 const put_options& how) const {
  const auto answers = handle::run_calls(*port_, handle::put_calls(*state_, entries, how));
  handle::throw_first_failure(*answers);
}

template <class Key, class Value>
template <class Token>
auto cache<Key, Value>::async_put_many(const std::vector<std::pair<Key, Value>>& entries,
                                       Token&& token) const {
  return handle::start_calls<handle::nothing>(
      port_, [shared = state_, copy = entries] { return handle::put_calls(*shared, copy, {}); },
      [](handle::call_group& answers, handle::nothing&) { return handle::first_error(answers); },
      std::forward<Token>(token));
}

template <class Key, class Value>
template <key_like<Key> Lookup>
bool cache<Key, Value>::put_if_absent(const Lookup& key, const Value& value,
                                      const put_options& how) const {
  node::call what = state_->make_mutation(wire::mutation::put_if_absent, encoded_key<Key>{key});
  state_->set_value(what, value, how);
  return handle::run_and_take<bool>(*port_, std::move(what), handle::take_yes{});
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Token>
auto cache<Key, Value>::async_put_if_absent(const Lookup& key, const Value& value,
                                            Token&& token) const {
  return handle::start_call<bool>(port_, handle::prepared_call::from([&] {
                                    node::call what = state_->make_mutation(
                                        wire::mutation::put_if_absent, encoded_key<Key>{key});
                                    state_->set_value(what, value, {});
                                    return what;
                                  }),
                                  handle::take_yes{}, std::forward<Token>(token));
}

template <class Key, class Value>
template <key_like<Key> Lookup>
bool cache<Key, Value>::compare_and_put(const Lookup& key, const version& expected,
                                        const Value& value, const put_options& how) const {
  node::call what = state_->make_mutation(wire::mutation::compare_and_put, encoded_key<Key>{key});
  what.expected = expected;
  state_->set_value(what, value, how);
  return handle::run_and_take<bool>(*port_, std::move(what), handle::take_yes{});
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Token>
auto cache<Key, Value>::async_compare_and_put(const Lookup& key, const version& expected,
                                              const Value& value, Token&& token) const {
  return handle::start_call<bool>(port_, handle::prepared_call::from([&] {
                                    node::call what = state_->make_mutation(
                                        wire::mutation::compare_and_put, encoded_key<Key>{key});
                                    what.expected = expected;
                                    state_->set_value(what, value, {});
                                    return what;
                                  }),
                                  handle::take_yes{}, std::forward<Token>(token));
}

// erase, add, invoke

template <class Key, class Value>
template <key_like<Key> Lookup>
version cache<Key, Value>::erase(const Lookup& key) const {
  return handle::run_and_take<version>(
      *port_, state_->make_mutation(wire::mutation::erase, encoded_key<Key>{key}),
      handle::take_version{});
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Token>
auto cache<Key, Value>::async_erase(const Lookup& key, Token&& token) const {
  return handle::start_call<version>(port_, handle::prepared_call::from([&] {
                                       return state_->make_mutation(wire::mutation::erase,
                                                                    encoded_key<Key>{key});
                                     }),
                                     handle::take_version{}, std::forward<Token>(token));
}

template <class Key, class Value>
template <key_like<Key> Lookup>
std::int64_t cache<Key, Value>::add(const Lookup& key, std::int64_t delta) const
  requires std::same_as<Value, std::int64_t>
{
  node::call what = state_->make_mutation(wire::mutation::add, encoded_key<Key>{key});
  what.value = kith::encode(delta);
  return handle::run_and_take<std::int64_t>(*port_, std::move(what),
                                            handle::take_result<std::int64_t>{});
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Token>
auto cache<Key, Value>::async_add(const Lookup& key, std::int64_t delta, Token&& token) const
  requires std::same_as<Value, std::int64_t>
{
  return handle::start_call<std::int64_t>(
      port_, handle::prepared_call::from([&] {
        node::call what = state_->make_mutation(wire::mutation::add, encoded_key<Key>{key});
        what.value = kith::encode(delta);
        return what;
      }),
      handle::take_result<std::int64_t>{}, std::forward<Token>(token));
}

template <class Key, class Value>
template <class Processor>
void cache<Key, Value>::register_processor(const std::string& name) const {
  state_->register_processor(name, typeid(Processor), handle::run_processor<Key, Value, Processor>);
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Processor>
auto cache<Key, Value>::invoke(const Lookup& key, const Processor& run) const {
  using result_type = handle::processor_result_of<Key, Value, Processor>;
  node::call what = handle::invoke_call(*state_, encoded_key<Key>{key}, run);
  if constexpr (std::is_void_v<result_type>) {
    handle::throw_failure(handle::run_call(*port_, std::move(what)));
  } else {
    return handle::run_and_take<result_type>(*port_, std::move(what),
                                             handle::take_result<result_type>{});
  }
}

template <class Key, class Value>
template <key_like<Key> Lookup, class Processor, class Token>
auto cache<Key, Value>::async_invoke(const Lookup& key, const Processor& run, Token&& token) const {
  using result_type = handle::processor_result_of<Key, Value, Processor>;
  auto call = handle::prepared_call::from(
      [&] { return handle::invoke_call(*state_, encoded_key<Key>{key}, run); });
  if constexpr (std::is_void_v<result_type>) {
    return handle::start_call<version>(port_, std::move(call), handle::take_version{},
                                       std::forward<Token>(token));
  } else {
    return handle::start_call<result_type>(
        port_, std::move(call), handle::take_result<result_type>{}, std::forward<Token>(token));
  }
}

// whole caches

template <class Key, class Value>
void cache<Key, Value>::clear() const {
  const auto answers =
      handle::run_calls(*port_, handle::partition_calls(*state_, node::call_kind::mutate));
  handle::throw_first_failure(*answers);
}

template <class Key, class Value>
template <class Token>
auto cache<Key, Value>::async_clear(Token&& token) const {
  return handle::start_calls<handle::nothing>(
      port_,
      [shared = state_] { return handle::partition_calls(*shared, node::call_kind::mutate); },
      [](handle::call_group& answers, handle::nothing&) { return handle::first_error(answers); },
      std::forward<Token>(token));
}

template <class Key, class Value>
std::uint64_t cache<Key, Value>::size() const {
  const auto answers =
      handle::run_calls(*port_, handle::partition_calls(*state_, node::call_kind::count));
  handle::throw_first_failure(*answers);
  return handle::total_count(*answers);
}

template <class Key, class Value>
template <class Token>
auto cache<Key, Value>::async_size(Token&& token) const {
  return handle::start_calls<std::uint64_t>(
      port_, [shared = state_] { return handle::partition_calls(*shared, node::call_kind::count); },
      [](handle::call_group& answers, std::uint64_t& into) {
        into = handle::total_count(answers);
        return handle::first_error(answers);
      },
      std::forward<Token>(token));
}

}  // namespace kith
