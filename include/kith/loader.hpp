// The user's way from a key to a value when the cluster does not hold it.
#pragma once

#include <kith/core/time.hpp>

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace kith {

/// What a loader may return where a value alone does not say enough.
template <class Value>
struct loaded_value {
  /// Absent: there is no such row.
  std::optional<Value> value;
  /// How long that is kept, instead of what the cache's options say. Not positive is as
  /// `keep = false`.
  std::optional<duration> ttl = std::nullopt;
  /// False: those who wait get it, and nobody keeps it.
  bool keep = true;
  /// As put_options'. None: a value that is loaded anew keeps those that the entry had.
  std::vector<std::string> tags = {};
};

/// Wraps any callable `(const Key&) -> Value`, `-> std::optional<Value>` or
/// `-> kith::loaded_value<Value>`; empty by default. It runs on the owner's loader threads and may
/// block.
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
             (std::is_invocable_r_v<std::optional<Value>, Function&, const Key&> ||
              std::is_invocable_r_v<loaded_value<Value>, Function&, const Key&>))
  loader(Function&& function)  // NOLINT: implicit, so that `.load = function` reads well
  {
    using result = std::invoke_result_t<Function&, const Key&>;
    if constexpr (std::is_convertible_v<result, loaded_value<Value>>) {
      function_ = std::forward<Function>(function);
    } else {
      function_ = [run = std::forward<Function>(function)](const Key& key) mutable {
        return loaded_value<Value>{run(key)};
      };
    }
  }

  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(function_); }
  [[nodiscard]] loaded_value<Value> operator()(const Key& key) const { return function_(key); }

 private:
  std::function<loaded_value<Value>(const Key&)> function_;
};

/// Wraps any callable `(const std::vector<Key>&)` that returns a range of pairs of a key and a
/// value or a kith::loaded_value; empty by default. A key that it does not return is absent, one
/// that it was not asked for is ignored. It runs, throws and waits as a loader does: what it throws
/// is told for every key.
template <class Key, class Value>
class bulk_loader {
 public:
  using rows = std::vector<std::pair<Key, loaded_value<Value>>>;

  bulk_loader() = default;

  template <class Function>
    requires(!std::same_as<std::remove_cvref_t<Function>, bulk_loader> &&
             std::is_invocable_v<Function&, const std::vector<Key>&>)
  bulk_loader(Function&& function)  // NOLINT: implicit, as loader
      : function_{[run = std::forward<Function>(function)](const std::vector<Key>& keys) mutable {
          rows found;
          for (auto&& [key, row] : run(keys)) {
            if constexpr (std::is_convertible_v<decltype(row), loaded_value<Value>>) {
              found.emplace_back(key, row);
            } else {
              found.emplace_back(key, loaded_value<Value>{row});
            }
          }
          return found;
        }} {}

  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(function_); }
  [[nodiscard]] rows operator()(const std::vector<Key>& keys) const { return function_(keys); }

 private:
  std::function<rows(const std::vector<Key>&)> function_;
};

}  // namespace kith
