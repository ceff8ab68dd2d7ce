// Where entries live: slots in chunks that are never moved, so a reference stays good until its
// entry is removed. The slot freed last is used first: it is warm, and which handle an entry gets
// depends on nothing but the order of calls.
//
// Chunks go back to the allocator when nothing is left in any of them, or the whole is destroyed.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/store/handle.hpp>
#include <kith/store/memory_model.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace kith::store {

template <class T>
class slots {
 public:
  slots() = default;
  slots(const slots&) = delete;
  slots& operator=(const slots&) = delete;
  ~slots();

  template <class... Args>
  handle emplace(Args&&... args);

  /// Destroys the element. Requires that it is live.
  void erase(handle at);

  [[nodiscard]] T& operator[](handle at) { return *chunk_of(at).element(at); }
  [[nodiscard]] const T& operator[](handle at) const { return *chunk_of(at).element(at); }

  /// Gives back all chunks but the first. Requires that nothing is live.
  void trim();
  /// Of all chunks, where an element counts `element_bytes`.
  [[nodiscard]] std::uint64_t bytes(std::uint64_t element_bytes) const {
    return chunks_.size() * allocation_of((element_bytes + sizeof(handle)) * chunk_slots);
  }

  /// False for a slot that is free or was never used.
  [[nodiscard]] bool live(handle at) const {
    return index_of(at) < used_ && chunk_of(at).links[index_of(at) % chunk_slots] == occupied;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  /// Every handle that was ever given out is below this one.
  [[nodiscard]] std::uint32_t end() const { return used_; }

 private:
  /// The link of a slot that holds an element; a free slot's names the next free one.
  static constexpr handle occupied{handle_limit};

  struct chunk {
    alignas(T) std::byte storage[sizeof(T) * chunk_slots];
    handle links[chunk_slots];

    [[nodiscard]] void* place(handle at) {
      return storage + sizeof(T) * (index_of(at) % chunk_slots);
    }
    [[nodiscard]] T* element(handle at) { return std::launder(static_cast<T*>(place(at))); }
  };

  [[nodiscard]] chunk& chunk_of(handle at) const { return *chunks_[index_of(at) / chunk_slots]; }

  std::vector<std::unique_ptr<chunk>> chunks_;
  handle free_ = no_handle;
  /// Invariant: used_ <= chunks_.size() * chunk_slots.
  std::uint32_t used_ = 0;
  std::size_t size_ = 0;
};

// --- implementation ---

template <class T>
slots<T>::~slots() {
  for (std::uint32_t i = 0; i < used_; ++i) {
    if (live(handle{i})) std::destroy_at(&(*this)[handle{i}]);
  }
}

template <class T>
template <class... Args>
handle slots<T>::emplace(Args&&... args) {
  const bool fresh = free_ == no_handle;
  const handle at = fresh ? handle{used_} : free_;
  KITH_ASSERT(index_of(at) < handle_limit);
  if (fresh && index_of(at) / chunk_slots == chunks_.size()) {
    // Not make_unique: clearing the storage would touch pages that may never be used.
    chunks_.push_back(std::unique_ptr<chunk>{new chunk});
  }
  chunk& home = chunk_of(at);
  // The element first: when its constructor throws, the slot is as it was.
  ::new (home.place(at)) T(std::forward<Args>(args)...);
  handle& link = home.links[index_of(at) % chunk_slots];
  if (fresh) {
    ++used_;
  } else {
    free_ = link;
  }
  link = occupied;
  ++size_;
  return at;
}

template <class T>
void slots<T>::trim() {
  KITH_ASSERT(size_ == 0);
  if (chunks_.size() > 1) chunks_.resize(1);
  free_ = no_handle;
  used_ = 0;
}

template <class T>
void slots<T>::erase(handle at) {
  KITH_ASSERT(live(at));
  chunk& home = chunk_of(at);
  std::destroy_at(home.element(at));
  home.links[index_of(at) % chunk_slots] = free_;
  free_ = at;
  --size_;
}

}  // namespace kith::store
