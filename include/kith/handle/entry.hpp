// What a processor sees of the entry that it runs on, at the owner.
#pragma once

#include <kith/core/ordinal.hpp>
#include <kith/replica/effect.hpp>

#include <optional>
#include <utility>

namespace kith {

/// One entry, given to a processor. A processor is a pure function of the entry and its own fields:
/// it may run more than once, and on another member than the last time.
template <class Key, class Value>
class entry {
 public:
  entry(Key key, std::optional<Value> value, kith::version at)
      : key_{std::move(key)}, value_{std::move(value)}, version_{at} {}

  [[nodiscard]] const Key& key() const { return key_; }
  [[nodiscard]] bool exists() const { return value_.has_value(); }
  /// Requires exists().
  [[nodiscard]] const Value& value() const { return *value_; }
  /// Of the entry as the processor found it.
  [[nodiscard]] kith::version version() const { return version_; }

  void set(Value value) {
    value_ = std::move(value);
    action_ = replica::processor_action::set;
  }
  void erase() {
    value_.reset();
    action_ = replica::processor_action::erase;
  }

  /// What the processor wants done.
  [[nodiscard]] replica::processor_action action() const { return action_; }

 private:
  Key key_;
  std::optional<Value> value_;
  kith::version version_;
  replica::processor_action action_ = replica::processor_action::keep;
};

}  // namespace kith
