// The user's way from an entry to its row, where the cluster writes what it holds to a store. Each
// write comes with a fence, by which the store tells a late write of an owner that was from one of
// the owner that is: keep it beside the row, and write only where it is lower.
#pragma once

#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

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

/// One of many rows to write. No value: it is to be erased.
template <class Key, class Value>
struct write_row {
  Key key;
  std::optional<Value> value;
  write_fence fence;
};

/// Wraps any callable `(const std::vector<write_row<Key, Value>>&)`; empty by default. It writes
/// all of the rows, or throws: then all of them are tried again, so that writing some twice has to
/// do no harm. What it refuses (write_refused) is tried again a row at a time.
template <class Key, class Value>
class bulk_writer {
 public:
  using rows = std::vector<write_row<Key, Value>>;

  bulk_writer() = default;

  template <class Function>
    requires(!std::same_as<std::remove_cvref_t<Function>, bulk_writer> &&
             std::is_invocable_v<Function&, const std::vector<write_row<Key, Value>>&>)
  bulk_writer(Function&& function)  // NOLINT: implicit, as loader
      : function_{std::forward<Function>(function)} {}

  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(function_); }
  void operator()(const rows& all) const { function_(all); }

 private:
  std::function<void(const rows&)> function_;
};

/// When a write reaches the store: before it is applied, or after it was answered.
enum class write_mode : std::uint8_t { through, behind };

/// Of `write_mode::behind`.
struct write_behind_options {
  /// From the first change of a key to its write: the changes between become one. Not negative.
  duration delay = std::chrono::milliseconds{100};
  /// Rows that go to `write_many` together. At least 1.
  std::size_t batch_max = 256;
  /// Keys that this member owes the store, a 16th of them in each lane; a write of one more is
  /// errc::overloaded. Each is its key, its value and about 300 bytes, here and at each copy. At
  /// least 16.
  std::size_t queue_max = 65536;
  /// After a failure the rows are tried again so much later, twice as late each time, up to the
  /// longest. Positive.
  duration retry_first = std::chrono::milliseconds{100};
  duration retry_longest = std::chrono::seconds{10};
};

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
