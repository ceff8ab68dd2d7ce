// Counts what this program allocates. For one file of a program: it replaces operator new.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace bench {

inline std::atomic<std::uint64_t> allocations{0};

}  // namespace bench

// The other forms of new and delete call these. Not inlined: the compiler would warn of a free for
// what came from new.
[[gnu::noinline]] void* operator new(std::size_t size) {
  bench::allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* const made = std::malloc(size == 0 ? 1 : size)) return made;
  throw std::bad_alloc{};
}
[[gnu::noinline]] void operator delete(void* made) noexcept { std::free(made); }
[[gnu::noinline]] void operator delete(void* made, std::size_t) noexcept { std::free(made); }
