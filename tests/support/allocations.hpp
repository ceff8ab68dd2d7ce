// Counts what a program takes from operator new. Included by one file of a program: it replaces the
// operators for all of it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace kith::test {

/// What this thread holds from operator new, the most it held, and how often it asked.
struct tally {
  std::size_t live = 0;
  std::size_t peak = 0;
  std::size_t calls = 0;
  /// Requests of this many bytes or more fail.
  std::size_t refused = SIZE_MAX;
};
inline thread_local tally taken;

/// Each block starts with its size, so that plain deletes can be counted too.
inline constexpr std::size_t block_header = alignof(std::max_align_t);

/// nullptr where there is no memory.
inline void* try_counted(std::size_t size) noexcept {
  void* const block = size < taken.refused ? std::malloc(block_header + size) : nullptr;
  if (block == nullptr) return nullptr;
  *static_cast<std::size_t*>(block) = size;
  taken.live += size;
  taken.peak = std::max(taken.peak, taken.live);
  ++taken.calls;
  return static_cast<char*>(block) + block_header;
}

inline void* counted(std::size_t size) {
  void* const taken_block = try_counted(size);
  if (taken_block == nullptr) throw std::bad_alloc{};
  return taken_block;
}

inline void uncounted(void* memory) {
  if (memory == nullptr) return;
  char* const block = static_cast<char*>(memory) - block_header;
  taken.live -= *reinterpret_cast<std::size_t*>(block);
  std::free(block);
}

/// Runs `work` and returns the bytes that it held at its worst.
template <class Work>
std::size_t peak_of(Work&& work) {
  const std::size_t before = taken.live;
  taken.peak = before;
  work();
  return taken.peak - before;
}

/// Runs `work` and returns how often it asked for memory.
template <class Work>
std::size_t calls_of(Work&& work) {
  const std::size_t before = taken.calls;
  work();
  return taken.calls - before;
}

/// Runs `work` while this thread gets no block of `size` bytes or more.
template <class Work>
void without_blocks_of(std::size_t size, Work&& work) {
  taken.refused = size;
  work();
  taken.refused = SIZE_MAX;
}

}  // namespace kith::test

void* operator new(std::size_t size) { return kith::test::counted(size); }
void* operator new[](std::size_t size) { return kith::test::counted(size); }
// The sanitizers have these of their own, which would not fit to the others.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return kith::test::try_counted(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return kith::test::try_counted(size);
}
void operator delete(void* memory) noexcept { kith::test::uncounted(memory); }
void operator delete[](void* memory) noexcept { kith::test::uncounted(memory); }
void operator delete(void* memory, std::size_t) noexcept { kith::test::uncounted(memory); }
void operator delete[](void* memory, std::size_t) noexcept { kith::test::uncounted(memory); }
