// What each operation on one key asks of the key's owner, and how its answer is taken: once for the
// blocking and the async form, for one key and for many. All throw kith::error: invalid_argument
// (also for what cannot be encoded), too_large.
#pragma once

#include <kith/codec.hpp>
#include <kith/core/bytes.hpp>
#include <kith/error.hpp>
#include <kith/handle/cache_state.hpp>
#include <kith/handle/encoding.hpp>
#include <kith/handle/tag_names.hpp>
#include <kith/node/call.hpp>
#include <kith/options.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <typeindex>
#include <utility>
#include <vector>

namespace kith::handle {

/// Whether the owner has the key, and what: without the loader.
template <class Key, class Value>
[[nodiscard]] node::call peek_call(const cache_state<Key, Value>& state,
                                   const encoded_key<Key>& key, const call_options& how) {
  node::call what = state.make_get(key, {.read = read::owner, .timeout = how.timeout});
  what.load = false;
  return what;
}

/// `what` lives as long as `how` says; absent: the cache's default.
inline void set_ttl(node::call& what, const put_options& how) {
  if (!how.ttl) return;
  if (*how.ttl <= duration{}) throw error{errc::invalid_argument, "ttl: must be positive"};
  what.rule = wire::ttl_rule::given;
  what.ttl = *how.ttl;
}

/// What the call carries, called `name` in errors.
inline void set_value(node::call& what, bytes&& value, const char* name) {
  what.value = std::move(value);
  constexpr std::size_t cap = wire::limits::value_bytes;
  if (what.value.size() > cap) {
    throw error{errc::too_large, size_and_cap(name, what.value.size(), cap)};
  }
}

/// put, put_if_absent, and with an expected version compare_and_put.
template <class Key, class Value>
[[nodiscard]] node::call put_call(const cache_state<Key, Value>& state, wire::mutation kind,
                                  const encoded_key<Key>& key, const Value& value,
                                  const put_options& how) {
  node::call what = state.make_mutation(kind, key, how.timeout);
  set_value(what, written(value, "the value"), "the value");
  set_ttl(what, how);
  if (!how.ttl) state.set_expiry(what, value);
  what.tags = tags_of(how.tags);
  return what;
}
template <class Key, class Value>
[[nodiscard]] node::call compare_call(const cache_state<Key, Value>& state,
                                      const encoded_key<Key>& key, const version& expected,
                                      const Value& value, const put_options& how) {
  node::call what = put_call(state, wire::mutation::compare_and_put, key, value, how);
  what.expected = expected;
  return what;
}

template <class Key, class Value>
[[nodiscard]] node::call touch_call(const cache_state<Key, Value>& state,
                                    const encoded_key<Key>& key, const put_options& how) {
  if (!how.tags.empty()) {
    throw error{errc::invalid_argument, "tags: touch leaves an entry its tags"};
  }
  node::call what = state.make_mutation(wire::mutation::touch, key, how.timeout);
  set_ttl(what, how);
  return what;
}

template <class Key, class Value>
[[nodiscard]] node::call erase_call(const cache_state<Key, Value>& state,
                                    const encoded_key<Key>& key, const call_options& how) {
  return state.make_mutation(wire::mutation::erase, key, how.timeout);
}
template <class Key, class Value>
[[nodiscard]] node::call invalidate_call(const cache_state<Key, Value>& state,
                                         const encoded_key<Key>& key, const call_options& how) {
  return state.make_mutation(wire::mutation::invalidate, key, how.timeout);
}
template <class Key, class Value>
[[nodiscard]] node::call erase_if_call(const cache_state<Key, Value>& state,
                                       const encoded_key<Key>& key, const version& expected,
                                       const call_options& how) {
  node::call what = state.make_mutation(wire::mutation::erase_if_version, key, how.timeout);
  what.expected = expected;
  return what;
}

template <class Key, class Value>
[[nodiscard]] node::call add_call(const cache_state<Key, Value>& state, const encoded_key<Key>& key,
                                  std::int64_t delta, const call_options& how) {
  node::call what = state.make_mutation(wire::mutation::add, key, how.timeout);
  what.value = kith::encode(delta);
  return what;
}

/// Throws unknown_processor too.
template <class Key, class Value, class Processor>
[[nodiscard]] node::call invoke_call(const cache_state<Key, Value>& state,
                                     const encoded_key<Key>& key, const Processor& run,
                                     const call_options& how) {
  node::call what = state.make_mutation(wire::mutation::invoke, key, how.timeout);
  what.processor = state.processor_name(typeid(Processor));
  constexpr const char* fields = "the processor's fields";
  set_value(what, written(run, fields), fields);
  return what;
}

// How outcomes are taken, by what the operation returns.

struct take_version {
  error_code operator()(node::outcome& result, version& into) const {
    into = result.version;
    return result.error;
  }
};
struct take_yes {
  error_code operator()(node::outcome& result, bool& into) const {
    into = result.yes;
    return result.error;
  }
};
/// A result that the owner encoded.
template <class Result>
struct take_result {
  error_code operator()(node::outcome& result, Result& into) const {
    if (result.error) return result.error;
    return kith::decode(result.value, into) ? error_code{} : make_error_code(errc::decode_failed);
  }
};

}  // namespace kith::handle
