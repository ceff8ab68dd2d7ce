// kith::ref<V>: what a read hands out. It keeps the value alive whatever happens meanwhile: the
// entry may be invalidated, replaced or evicted, the cache and the member may be destroyed.
//
// A reference that a near hit made protects its value by a slot of the reading thread (guard.hpp)
// and so writes nothing that another reader of the key touches. A copy of it is counted, like the
// reference to a value that is in no near cache. Which of the two it is cannot be told from
// outside.
#pragma once

#include <kith/core/ordinal.hpp>
#include <kith/near/cell.hpp>
#include <kith/near/guard.hpp>

#include <memory>
#include <type_traits>
#include <utility>

namespace kith {

namespace near {
struct ref_access;
}

/// A value that was read, or nothing.
///
/// Thread safety: as a std::shared_ptr's. Different references to one value may be used in
/// different threads; one may be moved to another thread and dropped there.
/// Cost: a move costs two words; a copy, and a reference to a value that is not in the near cache,
/// an atomic increment and decrement.
template <class V>
class ref {
 public:
  ref() = default;
  ref(ref&& other) noexcept
      : cell_{std::exchange(other.cell_, nullptr)}, slot_{std::exchange(other.slot_, nullptr)} {}
  ref(const ref& other) : cell_{other.cell_} {
    if (cell_ != nullptr) cell_->retain();
  }
  ref& operator=(ref other) noexcept {
    std::swap(cell_, other.cell_);
    std::swap(slot_, other.slot_);
    return *this;
  }
  ~ref() {
    if (slot_ != nullptr) {
      near::guard::clear(*slot_);
    } else if (cell_ != nullptr) {
      cell_->release();
    }
  }

  explicit operator bool() const { return cell_ != nullptr; }

  /// Requires that there is a value.
  const V& operator*() const { return cell_->value; }
  const V* operator->() const { return std::addressof(cell_->value); }
  /// The value, or nullptr. Good as long as this reference or a copy of it.
  [[nodiscard]] const V* get() const {
    return cell_ == nullptr ? nullptr : std::addressof(cell_->value);
  }

  /// Of the value; the oldest of all where there is none.
  [[nodiscard]] kith::version version() const {
    return cell_ == nullptr ? kith::version{} : cell_->version;
  }

 private:
  friend struct near::ref_access;

  ref(const near::value_cell<V>* cell, near::guard_slot* slot) : cell_{cell}, slot_{slot} {}

  const near::value_cell<V>* cell_ = nullptr;
  /// The slot that protects the value; nullptr: this reference has a count of its own.
  near::guard_slot* slot_ = nullptr;
};

namespace near {

/// What the library may do with references and programs may not.
struct ref_access {
  /// Takes over what `slot` announces. A slot that must not be kept is exchanged for a count.
  template <class V>
  [[nodiscard]] static ref<V> announced(const value_cell<V>& cell, guard_slot& slot,
                                        bool may_keep) {
    if (may_keep) return {&cell, &slot};
    cell.retain();
    guard::clear(slot);
    return {&cell, nullptr};
  }

  /// Takes over the count of `cell`.
  template <class V>
  [[nodiscard]] static ref<V> counted(counted_cell cell) {
    return {static_cast<const value_cell<V>*>(cell.release()), nullptr};
  }

  /// A count of the value's own, without its type.
  template <class V>
  [[nodiscard]] static counted_cell share(const ref<V>& value) {
    if (value.cell_ == nullptr) return {};
    value.cell_->retain();
    return counted_cell{const_cast<value_cell<V>*>(value.cell_)};
  }
};

/// A reference to a fresh value that is in no near cache: read at the owner, or not to be kept.
template <class V, class... Args>
[[nodiscard]] ref<V> make_ref(version at, Args&&... args) {
  return ref_access::counted<V>(counted_cell{new value_cell<V>{at, std::forward<Args>(args)...}});
}

/// The other end of a follower: what a leader shared with share().
template <class V>
[[nodiscard]] ref<V> ref_from(counted_cell shared) {
  return ref_access::counted<V>(std::move(shared));
}
template <class V>
[[nodiscard]] counted_cell share(const ref<V>& value) {
  return ref_access::share(value);
}

}  // namespace near

}  // namespace kith
