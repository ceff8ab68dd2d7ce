// The memory of one typed value: what a reference points to and a near cache keeps. The cell knows
// its version and, once it is installed, its place; the types of value and key come in layers on
// top, so that everything but comparing and reading is written once.
#pragma once

#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/near/guard.hpp>
#include <kith/near/tag_epochs.hpp>
#include <kith/store/handle.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace kith::near {

/// Where and under which conditions a near cache keeps a cell.
struct placement {
  std::uint64_t hash = 0;
  /// The partition's generation (gates.hpp) and the cache's clearing (cell_store.hpp) in which the
  /// cell was installed. It is visible while both are still those.
  std::uint32_t generation = 0;
  std::uint32_t clearing = 0;
  time_point expires = never;
  std::uint64_t charge = 0;
  store::handle at = store::no_handle;
  /// Counts what was installed before it; wraps.
  std::uint32_t order = 0;
};

class cell : public guarded {
 public:
  explicit cell(kith::version at) : version{at} {}

  /// Requires a cell of the same near cache.
  [[nodiscard]] virtual bool same_key(const cell&) const { return false; }

  /// Readers say that they were here; the eviction policy asks and forgets. Relaxed: a hint. Read
  /// first, so that the line of a popular entry stays shared.
  void mark_read() const {
    if (!read_.load(std::memory_order_relaxed)) read_.store(true, std::memory_order_relaxed);
  }
  [[nodiscard]] bool take_mark() const {
    if (!read_.load(std::memory_order_relaxed)) return false;
    read_.store(false, std::memory_order_relaxed);
    return true;
  }

  /// They were, and the policy has not asked since.
  [[nodiscard]] bool marked() const { return read_.load(std::memory_order_relaxed); }

  const kith::version version;
  /// Written before the cell is published, constant from then on.
  placement place;
  /// The same; absent for the many that have no tags.
  std::unique_ptr<std::vector<tag_mark>> marks;
  /// The stable hash of the value's bytes, as its owner sent them; 0: nobody can be asked about it.
  /// The same.
  std::uint64_t value_hash = 0;
  /// It may not make another cell leave. The same.
  bool only_if_room = false;

 private:
  mutable std::atomic<bool> read_{false};
};

/// A cell with a value in it.
template <class V>
class value_cell : public cell {
 public:
  template <class... Args>
  explicit value_cell(kith::version at, Args&&... args)
      : cell{at}, value(std::forward<Args>(args)...) {}

  const V value;
};

/// A value with its key, ready to be installed.
template <class K, class V>
class entry_cell final : public value_cell<V> {
 public:
  entry_cell(kith::version at, K its_key, V its_value)
      : value_cell<V>{at, std::move(its_value)}, key(std::move(its_key)) {}

  [[nodiscard]] bool same_key(const cell& other) const override {
    return key == static_cast<const entry_cell&>(other).key;
  }

  const K key;
};

/// One count of a cell.
class counted_cell {
 public:
  counted_cell() = default;
  /// Takes over a count that the caller has.
  explicit counted_cell(cell* owned) : cell_{owned} {}
  counted_cell(counted_cell&& other) noexcept : cell_{std::exchange(other.cell_, nullptr)} {}
  counted_cell(const counted_cell& other) : cell_{other.cell_} {
    if (cell_ != nullptr) cell_->retain();
  }
  counted_cell& operator=(counted_cell other) noexcept {
    std::swap(cell_, other.cell_);
    return *this;
  }
  ~counted_cell() {
    if (cell_ != nullptr) cell_->release();
  }

  explicit operator bool() const { return cell_ != nullptr; }
  [[nodiscard]] cell* get() const { return cell_; }
  cell* operator->() const { return cell_; }
  cell& operator*() const { return *cell_; }
  /// Gives the count to the caller.
  [[nodiscard]] cell* release() { return std::exchange(cell_, nullptr); }

 private:
  cell* cell_ = nullptr;
};

}  // namespace kith::near
