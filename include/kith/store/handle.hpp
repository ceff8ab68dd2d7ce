// How the engine names an entry: a 32-bit number of a slot that never moves. Index, policy and
// timer wheel keep handles instead of pointers: half the size, the same in every run of a seed, and
// usable by code that does not know the type of the entry.
//
// A handle is good until its entry is removed; the slot's next entry gets the same number.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/store/memory_model.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace kith::store {

enum class handle : std::uint32_t {};

/// Names no entry.
inline constexpr handle no_handle{UINT32_MAX};
/// The most entries that one shard can hold, whatever its budget: two numbers are kept as marks.
inline constexpr std::uint32_t handle_limit = UINT32_MAX - 1;

[[nodiscard]] constexpr std::uint32_t index_of(handle at) { return static_cast<std::uint32_t>(at); }

/// Slots are allocated this many at a time.
inline constexpr std::uint32_t chunk_slots = 512;

/// What a policy or a wheel remembers for each entry, addressed by handle. It grows a chunk at a
/// time and never copies: a doubling vector would stop the lane, and hold twice what it needs.
template <class T>
class handle_map {
 public:
  /// Makes room for `at`. A new element is value-initialised, an old one keeps what it had.
  void cover(handle at) {
    while (index_of(at) / chunk_slots >= chunks_.size()) {
      chunks_.push_back(std::make_unique<std::array<T, chunk_slots>>());
    }
  }

  [[nodiscard]] bool covers(handle at) const {
    return index_of(at) / chunk_slots < chunks_.size();
  }

  /// Forgets all, and keeps no memory but the first chunk's.
  void trim() {
    if (chunks_.size() > 1) chunks_.resize(1);
  }
  [[nodiscard]] std::uint64_t bytes() const {
    return chunks_.size() * allocation_of(sizeof(T) * chunk_slots);
  }

  [[nodiscard]] T& operator[](handle at) {
    return (*chunks_[index_of(at) / chunk_slots])[index_of(at) % chunk_slots];
  }
  [[nodiscard]] const T& operator[](handle at) const {
    return (*chunks_[index_of(at) / chunk_slots])[index_of(at) % chunk_slots];
  }

 private:
  std::vector<std::unique_ptr<std::array<T, chunk_slots>>> chunks_;
};

}  // namespace kith::store
