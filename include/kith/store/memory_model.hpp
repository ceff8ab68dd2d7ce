// What memory costs, by a model: the ledgers and everything that they decide must be the same on
// every machine and in every replay of a seed, so nobody asks the allocator, and no size of a
// standard library's type enters.
//
// The model is that of glibc's malloc on 64 bits, which the others are close to: a header of eight
// bytes, sizes in steps of sixteen, none below 32. tests/stress/memory_ledger_test.cpp holds the
// ledgers against what malloc says that it gave out.
#pragma once

#include <algorithm>
#include <cstdint>

namespace kith::store {

inline constexpr std::uint64_t allocation_header = 8;
inline constexpr std::uint64_t allocation_step = 16;
inline constexpr std::uint64_t allocation_least = 32;

/// What an allocation of `size` bytes takes; none is made for nothing.
[[nodiscard]] constexpr std::uint64_t allocation_of(std::uint64_t size) {
  if (size == 0) return 0;
  const std::uint64_t steps = (size + allocation_header + allocation_step - 1) / allocation_step;
  return std::max(steps * allocation_step, allocation_least);
}

/// A slot of an owned entry, without the buffers of key and value (replica/entries.hpp).
inline constexpr std::uint64_t owned_slot_bytes = 112;
/// A slot of a near entry, which refers to its cell (near/cell_store.hpp).
inline constexpr std::uint64_t near_slot_bytes = 40;

/// What lanes remember beside entries, each with its node in a table: an invalidation in a log, a
/// listener of a partition, an answer kept for retries without its result, a load or processor
/// under way, who waits for it, a call, a fill. Upper bounds: all are few against entries.
inline constexpr std::uint64_t logged_bytes = 32;
inline constexpr std::uint64_t listener_bytes = 160;
inline constexpr std::uint64_t operation_bytes = 144;
inline constexpr std::uint64_t job_bytes = 512;
inline constexpr std::uint64_t waiter_bytes = 96;
inline constexpr std::uint64_t call_bytes = 512;
inline constexpr std::uint64_t fill_bytes = 288;

}  // namespace kith::store
