// The operations of a cache on many keys, which cache<Key, Value> (cache.hpp) inherits.
#pragma once

#include <kith/handle/cache_state.hpp>
#include <kith/near/ref.hpp>
#include <kith/options.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace kith {

/// One of compare_and_put_many.
template <class Key, class Value>
struct compared_put {
  Key key;
  /// The oldest version expects an absent key.
  version expected;
  Value value;
};

/// Many keys: each as by the operation on one, all on their way at once. What goes to one owner
/// travels together, a frame a lane, and costs a round trip. Results are in the order of the keys.
/// Not atomic: each key stands by itself. After an error, which is the first in the order of the
/// keys, no result is given, and of the writes some may have been applied.
///
/// Each key is a call that waits, of which a member has `max_pending` (65536 unless told
/// otherwise), a 16th of them in each lane. What goes beyond ends as overloaded, so ask for more
/// than a quarter of it in parts.
template <class Key, class Value>
class many_keys {
 public:
  using pair_type = std::pair<Key, ref<Value>>;

  /// The present ones of `keys` with their values, in the order of `keys`.
  [[nodiscard]] std::vector<pair_type> get_many(const std::vector<Key>& keys,
                                                const get_options& how = {}) const;
  template <class Token>
  auto async_get_many(const std::vector<Key>& keys, const get_options& how, Token&& token) const;
  template <class Token>
  auto async_get_many(const std::vector<Key>& keys, Token&& token) const {
    return async_get_many(keys, get_options{}, std::forward<Token>(token));
  }

  /// For each key whether the cluster holds it.
  [[nodiscard]] std::vector<bool> contains_many(const std::vector<Key>& keys,
                                                const call_options& how = {}) const;
  template <class Token>
  auto async_contains_many(const std::vector<Key>& keys, const call_options& how,
                           Token&& token) const;
  template <class Token>
  auto async_contains_many(const std::vector<Key>& keys, Token&& token) const {
    return async_contains_many(keys, call_options{}, std::forward<Token>(token));
  }

  /// Puts all of them.
  void put_many(const std::vector<std::pair<Key, Value>>& entries,
                const put_options& how = {}) const;
  template <class Token>
  auto async_put_many(const std::vector<std::pair<Key, Value>>& entries, const put_options& how,
                      Token&& token) const;
  template <class Token>
  auto async_put_many(const std::vector<std::pair<Key, Value>>& entries, Token&& token) const {
    return async_put_many(entries, put_options{}, std::forward<Token>(token));
  }

  /// Puts those whose keys are absent; for each whether it was.
  std::vector<bool> put_if_absent_many(const std::vector<std::pair<Key, Value>>& entries,
                                       const put_options& how = {}) const;
  template <class Token>
  auto async_put_if_absent_many(const std::vector<std::pair<Key, Value>>& entries,
                                const put_options& how, Token&& token) const;
  template <class Token>
  auto async_put_if_absent_many(const std::vector<std::pair<Key, Value>>& entries,
                                Token&& token) const {
    return async_put_if_absent_many(entries, put_options{}, std::forward<Token>(token));
  }

  /// Puts those whose entries still have the expected version; for each whether it had.
  std::vector<bool> compare_and_put_many(const std::vector<compared_put<Key, Value>>& puts,
                                         const put_options& how = {}) const;
  template <class Token>
  auto async_compare_and_put_many(const std::vector<compared_put<Key, Value>>& puts,
                                  const put_options& how, Token&& token) const;
  template <class Token>
  auto async_compare_and_put_many(const std::vector<compared_put<Key, Value>>& puts,
                                  Token&& token) const {
    return async_compare_and_put_many(puts, put_options{}, std::forward<Token>(token));
  }

  /// Touches all of them; for each whether it was there.
  std::vector<bool> touch_many(const std::vector<Key>& keys, const put_options& how = {}) const;
  template <class Token>
  auto async_touch_many(const std::vector<Key>& keys, const put_options& how, Token&& token) const;
  template <class Token>
  auto async_touch_many(const std::vector<Key>& keys, Token&& token) const {
    return async_touch_many(keys, put_options{}, std::forward<Token>(token));
  }

  /// Removes all of them; their versions.
  std::vector<version> erase_many(const std::vector<Key>& keys, const call_options& how = {}) const;
  template <class Token>
  auto async_erase_many(const std::vector<Key>& keys, const call_options& how, Token&& token) const;
  template <class Token>
  auto async_erase_many(const std::vector<Key>& keys, Token&& token) const {
    return async_erase_many(keys, call_options{}, std::forward<Token>(token));
  }

  /// Adds to each key its number; the sums. Only for Value = std::int64_t.
  std::vector<std::int64_t> add_many(const std::vector<std::pair<Key, std::int64_t>>& deltas,
                                     const call_options& how = {}) const
    requires std::same_as<Value, std::int64_t>;
  template <class Token>
  auto async_add_many(const std::vector<std::pair<Key, std::int64_t>>& deltas,
                      const call_options& how, Token&& token) const
    requires std::same_as<Value, std::int64_t>;
  template <class Token>
  auto async_add_many(const std::vector<std::pair<Key, std::int64_t>>& deltas, Token&& token) const
    requires std::same_as<Value, std::int64_t>
  {
    return async_add_many(deltas, call_options{}, std::forward<Token>(token));
  }

  /// Runs the processor on each key, a run of its own; a vector of its results, or nothing where it
  /// has none (handlers get the versions then). Errors: as invoke.
  template <class Processor>
  auto invoke_many(const std::vector<Key>& keys, const Processor& run,
                   const call_options& how = {}) const;
  template <class Processor, class Token>
  auto async_invoke_many(const std::vector<Key>& keys, const Processor& run,
                         const call_options& how, Token&& token) const;
  template <class Processor, class Token>
  auto async_invoke_many(const std::vector<Key>& keys, const Processor& run, Token&& token) const {
    return async_invoke_many(keys, run, call_options{}, std::forward<Token>(token));
  }

 protected:
  using state = handle::cache_state<Key, Value>;

  many_keys(std::shared_ptr<state> shared, std::shared_ptr<handle::port> to)
      : state_{std::move(shared)}, port_{std::move(to)} {}

  std::shared_ptr<state> state_;
  std::shared_ptr<handle::port> port_;
};

}  // namespace kith
