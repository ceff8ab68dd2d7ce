// How a near cache drops all its entries of a tag in O(1): tags share a fixed number of epochs by
// their hashes; an entry keeps the epochs of its tags at its installation, and is visible while
// they are the same. Readers take no lock.
//
// To end one tag ends the near entries of those that share its epoch, a few in a thousand. They are
// still at their owners, who remember tags exactly (store/tag_ends.hpp).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kith::near {

/// One tag of an entry, and its epoch when the entry was installed.
struct tag_mark {
  std::uint64_t tag = 0;
  std::uint32_t epoch = 0;
};

class tag_epochs {
 public:
  static constexpr std::size_t epochs = 4096;

  /// Entries that are marked already and have `tag` are invisible. One writer at a time.
  void end(std::uint64_t tag) { at(tag).fetch_add(1, std::memory_order_release); }

  /// Before the entry is published.
  void mark(std::span<tag_mark> marks) const {
    for (tag_mark& one : marks) one.epoch = at(one.tag).load(std::memory_order_relaxed);
  }

  /// Any thread, after it read the entry.
  [[nodiscard]] bool current(std::span<const tag_mark> marks) const {
    for (const tag_mark& one : marks) {
      if (at(one.tag).load(std::memory_order_acquire) != one.epoch) return false;
    }
    return true;
  }

 private:
  [[nodiscard]] std::atomic<std::uint32_t>& at(std::uint64_t tag) { return epochs_[tag % epochs]; }
  [[nodiscard]] const std::atomic<std::uint32_t>& at(std::uint64_t tag) const {
    return epochs_[tag % epochs];
  }

  std::array<std::atomic<std::uint32_t>, epochs> epochs_{};
};

}  // namespace kith::near
