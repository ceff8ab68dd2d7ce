// How a reader keeps an object alive without writing to anything that another reader touches.
//
// Each thread owns a record of eight slots. To protect an object it found through a shared pointer,
// a reader writes the object's address into one of its slots and looks at the pointer again: if it
// still leads there, the object is safe (Maged M. Michael: "Hazard Pointers", IEEE TPDS 15(6),
// 2004). The reader may keep the slot for as long as it likes, hand it to another thread, and
// clear it there.
//
// What is new here is the end of an object's life. Hazard pointers leave retired objects on lists
// that someone has to search again later. Here the one who unlinks an object looks at all slots
// once (hand_over) and turns each announcement that it finds into a counted reference: it adds one
// to the object's count and marks the slot. Whoever clears a marked slot drops that count. So there
// are no lists, nothing waits for a later visit, and an object dies exactly when its last reader
// lets go.
//
// Why nothing is missed: reader R stores its slot, then loads the pointer; writer W stores the
// pointer, then loads the slots; all four are sequentially consistent. If W does not see R's slot,
// W's load came first, so W's store came before R's load, and R sees that the pointer has moved.
//
// An announcement that failed (the pointer moved) may have been marked meanwhile, and so must be
// cleared like any other.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kith::near {

/// Something that a slot can protect. It starts with one reference, its maker's.
class guarded {
 public:
  guarded() = default;
  guarded(const guarded&) = delete;
  guarded& operator=(const guarded&) = delete;
  virtual ~guarded() = default;

  /// Requires that the caller protects the object already.
  void retain() const { count_.fetch_add(1, std::memory_order_relaxed); }
  void release() const {
    if (count_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 private:
  mutable std::atomic<std::size_t> count_{1};
};

/// The address of a guarded object, or 0: free. The lowest bit is the mark: the slot owns a count.
using guard_slot = std::atomic<std::uintptr_t>;

namespace guard {

inline constexpr std::uintptr_t mark = 1;
/// Slots that a reference may keep; when all are taken, references are counted.
inline constexpr std::size_t kept_slots = 7;

[[nodiscard]] inline std::uintptr_t address_of(const guarded* object) {
  return reinterpret_cast<std::uintptr_t>(object);
}

/// Ends what `slot` announces. The object may be gone afterwards.
inline void clear(guard_slot& slot) {
  const std::uintptr_t held = slot.exchange(0, std::memory_order_acq_rel);
  if ((held & mark) != 0) reinterpret_cast<const guarded*>(held & ~mark)->release();
}

/// One thread's slots. Records are never freed: a reference may outlive the thread that took it.
struct alignas(128) record {
  std::array<guard_slot, kept_slots> kept{};
  /// Free whenever its thread is not inside a look-up.
  guard_slot passing{0};
  /// Constant once published.
  record* next = nullptr;
  std::uint32_t number = 0;
  std::atomic<bool> taken{true};

  /// A slot that a reference may keep; `passing` when there is none. Acquire: another thread may
  /// have cleared the slot, and what it did with the object comes before our next announcement.
  [[nodiscard]] guard_slot& choose() {
    for (guard_slot& slot : kept) {
      if (slot.load(std::memory_order_acquire) == 0) return slot;
    }
    return passing;
  }
};

class registry {
 public:
  /// One a process, and never destroyed: references may be dropped by the destructors of statics.
  static registry& shared() {
    static registry* const only = new registry;
    return *only;
  }

  [[nodiscard]] record& take() {
    for (record* r = head_.load(std::memory_order_acquire); r != nullptr; r = r->next) {
      bool free = false;
      if (!r->taken.load(std::memory_order_relaxed) &&
          r->taken.compare_exchange_strong(free, true, std::memory_order_acquire)) {
        return *r;
      }
    }
    auto* const added = new record;
    // Acquire: the number of the one before is read.
    record* first = head_.load(std::memory_order_acquire);
    do {
      added->next = first;
      added->number = first == nullptr ? 0 : first->number + 1;
    } while (!head_.compare_exchange_weak(first, added, std::memory_order_seq_cst));
    return *added;
  }

  /// Requires that `object` was unlinked (sequentially consistent) and that the caller holds a
  /// count of it, which it drops afterwards.
  void hand_over(const guarded& object) const {
    const std::uintptr_t plain = address_of(&object);
    for (record* r = head_.load(std::memory_order_seq_cst); r != nullptr; r = r->next) {
      for (guard_slot& slot : r->kept) adopt(slot, plain, object);
      adopt(r->passing, plain, object);
    }
  }

 private:
  static void adopt(guard_slot& slot, std::uintptr_t plain, const guarded& object) {
    std::uintptr_t seen = slot.load(std::memory_order_seq_cst);
    if (seen != plain) return;
    object.retain();
    if (!slot.compare_exchange_strong(seen, plain | mark, std::memory_order_acq_rel)) {
      object.release();
    }
  }

  std::atomic<record*> head_{nullptr};
};

/// Set while the thread lives. Trivial, so that reading it costs no check of initialisation.
inline constinit thread_local record* mine = nullptr;
inline constinit thread_local bool thread_is_ending = false;

struct lease_of_record {
  ~lease_of_record() {
    thread_is_ending = true;
    if (mine != nullptr) mine->taken.store(false, std::memory_order_release);
    mine = nullptr;
  }
};

/// The slots of this thread; nullptr once its destructors run, when a look-up finds nothing.
[[nodiscard]] inline record* of_this_thread() {
  if (mine != nullptr) return mine;
  if (thread_is_ending) return nullptr;
  thread_local lease_of_record lease;
  static_cast<void>(lease);
  mine = &registry::shared().take();
  return mine;
}

}  // namespace guard

}  // namespace kith::near
