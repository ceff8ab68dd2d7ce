// The user's way from a key to a value when the cluster does not hold it.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace kith {

/// Wraps any callable `(const Key&) -> std::optional<Value>` or `-> Value`; empty by default.
/// It runs on the owner's loader threads and may block.
///
/// It may throw: those who wait get errc::load_failed with its words; in the owner's own process
/// the exception is nested in it (std::rethrow_if_nested).
///
/// It may call `get` for other keys: while it waits, another thread may run a loader in its place,
/// and what it waits for comes before what nobody waits for. When 64 loaders wait in a row, one for
/// the other, or `loader_threads` + 64 wait at all, the next such call fails with
/// errc::would_deadlock.
template <class Key, class Value>
class loader {
 public:
  loader() = default;

  template <class Function>
    requires(!std::same_as<std::remove_cvref_t<Function>, loader> &&
             std::is_invocable_r_v<std::optional<Value>, Function&, const Key&>)
  loader(Function&& function)  // NOLINT: implicit, so that `.load = function` reads well
      : function_{std::forward<Function>(function)} {}

  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(function_); }
  [[nodiscard]] std::optional<Value> operator()(const Key& key) const { return function_(key); }

 private:
  std::function<std::optional<Value>(const Key&)> function_;
};

}  // namespace kith
