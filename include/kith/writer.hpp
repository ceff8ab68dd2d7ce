// The user's way from an entry to its row, where the cluster writes what it holds to a store. Each
// write comes with a fence, by which the store tells a late write of an owner that was from one of
// the owner that is: keep it beside the row, and write only where it is lower.
#pragma once

#include <kith/core/ordinal.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace kith {

/// Grows for a key with each write that is tried, and whenever the key has another owner. Its order
/// among different keys means nothing.
struct write_fence {
  view_number view;
  std::uint32_t branch = 0;
  kith::sequence sequence;

  friend constexpr auto operator<=>(const write_fence&, const write_fence&) = default;

  /// 40 hexadecimal digits, whose order as bytes is that of the fences: for a column of a table.
  [[nodiscard]] std::string text() const;
};

/// For a writer to throw: the store was not changed, and will not be by this write. It is so, too,
/// where the store has a higher fence: the row is a later owner's.
class write_refused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Wraps any callable `(const Key&, const std::optional<Value>&, const write_fence&)`; empty by
/// default. No value: the row is to be erased. It runs on the owner's loader threads and may block.
template <class Key, class Value>
class writer {
 public:
  writer() = default;

  template <class Function>
    requires(!std::same_as<std::remove_cvref_t<Function>, writer> &&
             std::is_invocable_v<Function&, const Key&, const std::optional<Value>&,
                                 const write_fence&>)
  writer(Function&& function)  // NOLINT: implicit, as loader
      : function_{std::forward<Function>(function)} {}

  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(function_); }
  void operator()(const Key& key, const std::optional<Value>& value,
                  const write_fence& fence) const {
    function_(key, value, fence);
  }

 private:
  std::function<void(const Key&, const std::optional<Value>&, const write_fence&)> function_;
};

/// When a write reaches the store: before it is applied, or after it was answered.
enum class write_mode : std::uint8_t { through, behind };

// --- implementation ---

inline std::string write_fence::text() const {
  constexpr char digits[] = "0123456789abcdef";
  std::string made;
  const auto append = [&](std::uint64_t number, int bits) {
    for (int shift = bits - 4; shift >= 0; shift -= 4) made += digits[(number >> shift) & 15];
  };
  append(view.value(), 64);
  append(branch, 32);
  append(sequence.value(), 64);
  return made;
}

}  // namespace kith
