// What a shard keeps for one key. The value is the caller's: bytes and a version at an owner, a
// typed pointer and a generation in a near cache. All else is changed through the shard alone,
// which keeps index, ledger, policy and wheel in step with it.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/time.hpp>
#include <kith/store/handle.hpp>

#include <cstdint>
#include <utility>

namespace kith::store {

template <class Key, class Value, class Equal>
class shard;

/// What the caller decides about an entry beside its value.
struct terms {
  /// See charge_of (budget.hpp).
  std::uint64_t charge = 0;
  /// From this instant on the entry is not found.
  time_point expires = never;
};

template <class Key, class Value>
class entry {
 public:
  template <class K>
  entry(std::uint64_t hash, K&& key, Value&& value, const terms& granted)
      : hash_{hash},
        terms_{granted},
        key_(std::forward<K>(key)),
        value_(std::move(value)) {}

  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] const Key& key() const { return key_; }
  [[nodiscard]] std::uint64_t charge() const { return terms_.charge; }
  [[nodiscard]] time_point expires() const { return terms_.expires; }
  [[nodiscard]] bool expired(time_point now) const { return now >= terms_.expires; }

  /// May be changed in place as long as its charge stays what it is.
  [[nodiscard]] Value& value() { return value_; }
  [[nodiscard]] const Value& value() const { return value_; }

 private:
  template <class, class, class>
  friend class shard;

  std::uint64_t hash_;
  terms terms_;
  Key key_;
  Value value_;
};

/// The outcome of a look-up: an entry and its handle, or nothing. Good until the entry is removed.
template <class Entry>
struct found {
  Entry* entry = nullptr;
  handle at = no_handle;

  explicit operator bool() const { return entry != nullptr; }
  Entry* operator->() const { return entry; }
  Entry& operator*() const { return *entry; }
};

/// Compares keys of bytes with views of bytes.
struct bytes_equal {
  using is_transparent = void;
  [[nodiscard]] bool operator()(byte_view a, byte_view b) const { return equal(a, b); }
};

}  // namespace kith::store
