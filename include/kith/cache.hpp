// A typed handle to one cache of the cluster. Copies are cheap and share everything.
//
// Every operation has two forms. `op(...)` blocks and throws kith::error. `async_op(..., token)`
// takes any Asio completion token and completes with void(error_code, Result) on the handler's
// associated executor, by default the member's; it is never completed from within the initiating
// call. Every handler is called exactly once: with errc::closed when the member ends, before its
// destructor returns, and when it is gone, on a thread that kith keeps for that until main has
// ended. Async operations are not cancellable yet: they end at the cache's `timeout` at the latest.
//
// Keys are looked up by anything that reads as one: a string literal for std::string, any integer
// that fits for an integer. Thread safety: any thread, any number at a time.
#pragma once

#include <kith/codec.hpp>
#include <kith/handle/async.hpp>
#include <kith/handle/cache_state.hpp>
#include <kith/handle/cache_stats.hpp>
#include <kith/handle/calls.hpp>
#include <kith/near/ref.hpp>
#include <kith/options.hpp>
#include <kith/stats.hpp>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <type_traits>
#include <typeindex>
#include <utility>
#include <vector>

namespace kith {

/// A value with the version of its entry, for compare_and_put. An absent key has no value and the
/// oldest version.
template <class Value>
struct versioned {
  ref<Value> value;
  kith::version version;

  explicit operator bool() const { return static_cast<bool>(value); }
};

template <class Key, class Value>
class cache {
 public:
  using key_type = Key;
  using value_type = Value;
  using pair_type = std::pair<Key, ref<Value>>;

  /// Returns the value for `key`: from the near cache, else from its owner, else from the loader.
  ///
  /// Empty: the key is absent. Errors: timed_out, no_owner, overloaded, decode_failed, too_large,
  /// load_failed (the message carries what the loader threw; if it ran in this process, its
  /// exception is nested: std::rethrow_if_nested), closed, would_deadlock.
  /// Staleness: at most `near.max_staleness` after the owner applied a newer value.
  /// Cost: a near hit takes no lock and allocates nothing; else one round trip.
  template <key_like<Key> Lookup>
  [[nodiscard]] ref<Value> get(const Lookup& key, const get_options& how = {}) const;
  template <key_like<Key> Lookup, class Token>
  auto async_get(const Lookup& key, const get_options& how, Token&& token) const;
  template <key_like<Key> Lookup, class Token>
  auto async_get(const Lookup& key, Token&& token) const {
    return async_get(key, get_options{}, std::forward<Token>(token));
  }

  /// The value as its owner has it now, with its version. Does not run the loader.
  template <key_like<Key> Lookup>
  [[nodiscard]] versioned<Value> get_versioned(const Lookup& key) const;
  template <key_like<Key> Lookup, class Token>
  auto async_get_versioned(const Lookup& key, Token&& token) const;

  /// The present ones of `keys` with their values, in the order of `keys`. One frame an owner.
  [[nodiscard]] std::vector<pair_type> get_many(const std::vector<Key>& keys) const;
  template <class Token>
  auto async_get_many(const std::vector<Key>& keys, Token&& token) const;

  /// Whether the cluster holds the key. Does not run the loader.
  template <key_like<Key> Lookup>
  [[nodiscard]] bool contains(const Lookup& key) const;
  template <key_like<Key> Lookup, class Token>
  auto async_contains(const Lookup& key, Token&& token) const;

  /// Stores the value at the owner and returns its version. Every near copy is dropped about a
  /// millisecond later, this member's before the call returns.
  ///
  /// Errors: as get, without load_failed. timed_out and closed are maybe_applied.
  template <key_like<Key> Lookup>
  version put(const Lookup& key, const Value& value, const put_options& how = {}) const;
  template <key_like<Key> Lookup, class Token>
  auto async_put(const Lookup& key, const Value& value, const put_options& how,
                 Token&& token) const;
  template <key_like<Key> Lookup, class Token>
  auto async_put(const Lookup& key, const Value& value, Token&& token) const {
    return async_put(key, value, put_options{}, std::forward<Token>(token));
  }

  /// Puts all of them, one frame an owner; not atomic. After an error some may have been put.
  void put_many(const std::vector<std::pair<Key, Value>>& entries,
                const put_options& how = {}) const;
  template <class Token>
  auto async_put_many(const std::vector<std::pair<Key, Value>>& entries, Token&& token) const;

  /// Stores the value if the key is absent. True: it was, and now it is not.
  template <key_like<Key> Lookup>
  bool put_if_absent(const Lookup& key, const Value& value, const put_options& how = {}) const;
  template <key_like<Key> Lookup, class Token>
  auto async_put_if_absent(const Lookup& key, const Value& value, Token&& token) const;

  /// Stores the value if the entry still has the version `expected`; the oldest version expects an
  /// absent key.
  template <key_like<Key> Lookup>
  bool compare_and_put(const Lookup& key, const version& expected, const Value& value,
                       const put_options& how = {}) const;
  template <key_like<Key> Lookup, class Token>
  auto async_compare_and_put(const Lookup& key, const version& expected, const Value& value,
                             Token&& token) const;

  /// Removes the entry. A load that is under way will not bring it back.
  template <key_like<Key> Lookup>
  version erase(const Lookup& key) const;
  template <key_like<Key> Lookup, class Token>
  auto async_erase(const Lookup& key, Token&& token) const;

  /// Adds `delta` at the owner and returns the sum; an absent key counts as 0. What remains of the
  /// entry's time to live stays. Only for Value = std::int64_t.
  template <key_like<Key> Lookup>
  std::int64_t add(const Lookup& key, std::int64_t delta) const
    requires std::same_as<Value, std::int64_t>;
  template <key_like<Key> Lookup, class Token>
  auto async_add(const Lookup& key, std::int64_t delta, Token&& token) const
    requires std::same_as<Value, std::int64_t>;

  /// Makes `Processor` known on this member under a name that is the same on all members. Every
  /// member that may own the key has to know it. Processors are functions of the entry and their
  /// own fields, with a codec for both the fields and the result.
  template <class Processor>
  void register_processor(const std::string& name) const;

  /// Runs the processor at the owner of the key, once, with no other write of the key between its
  /// read and its write, and returns its result.
  ///
  /// Errors: as put; unknown_processor, processor_failed (the message carries what it threw).
  template <key_like<Key> Lookup, class Processor>
  auto invoke(const Lookup& key, const Processor& run) const;
  template <key_like<Key> Lookup, class Processor, class Token>
  auto async_invoke(const Lookup& key, const Processor& run, Token&& token) const;

  /// Removes all entries, partition by partition; not atomic.
  void clear() const;
  template <class Token>
  auto async_clear(Token&& token) const;

  /// The number of entries, summed over the owners; approximate while it changes.
  [[nodiscard]] std::uint64_t size() const;
  template <class Token>
  auto async_size(Token&& token) const;

  /// What this member has counted of the cache and holds of it. No message.
  ///
  /// Cost: a few microseconds; the lanes' locks and the near cache's are held for a moment each.
  [[nodiscard]] cache_stats stats() const { return state_->stats(); }
  /// Calls `visit` once for each metric of it; see docs/operations.md.
  void visit_stats(const metric_visitor& visit) const { state_->visit_stats(visit); }

  /// What this member knows of the key: its partition and owner, the entry in the near cache, and
  /// where this member owns it, the stored version and who may keep it too; the last events of the
  /// key here. For people who ask why a read answered what it did; to_string() writes it in lines.
  /// No message. The key's lane is locked for some microseconds.
  template <key_like<Key> Lookup>
  [[nodiscard]] explanation explain(const Lookup& key) const {
    return state_->explain(encoded_key<Key>{key}, key);
  }

  /// A handle to the cache `name` of the member behind `to`; see member::cache.
  static cache open(std::shared_ptr<handle::port> to, const std::string& name,
                    cache_options<Key, Value> options, std::uint64_t salt);

 private:
  using state = handle::cache_state<Key, Value>;

  explicit cache(std::shared_ptr<state> shared, std::shared_ptr<handle::port> to)
      : state_{std::move(shared)}, port_{std::move(to)} {}

  std::shared_ptr<state> state_;
  std::shared_ptr<handle::port> port_;
};

}  // namespace kith

#include <kith/handle/cache_operations.hpp>
