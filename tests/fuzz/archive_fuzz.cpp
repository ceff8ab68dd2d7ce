// Hostile bytes against the archive that runs users' serialize(). What is refused must be refused
// without a fault; what is read must survive being written and read again, and memory must grow
// with the bytes, not with what they claim.
//
//   the bytes of a `tree`
#include <fuzz/fail.hpp>
#include <fuzz/tree.hpp>
#include <support/allocations.hpp>

#include <kith/codec_boost.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace {

/// What the smallest tree takes in memory, most of it the first block of its deque, for each of the
/// bytes that it takes; and what weighs nothing, three times: a vector that grows to twice its size
/// still has the old one.
constexpr std::size_t memory_bound(std::size_t size) {
  constexpr std::size_t memory_per_byte = 256;
  return memory_per_byte * size + kith::archive::weightless_items_max * 3 + 4096;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using fuzz::tree;
  const kith::byte_view view{reinterpret_cast<const std::byte*>(data), size};
  std::optional<tree> value;
  const std::size_t held = kith::test::peak_of([&] { value = kith::decode<tree>(view); });
  fuzz::expect(held <= memory_bound(size), "a value that takes too much memory");
  if (!value) return 0;
  const kith::bytes once = kith::encode(*value);
  const auto again = kith::decode<tree>(once);
  fuzz::expect(again.has_value(), "a value that was written cannot be read");
  // Hash tables have no order: only lengths can be compared.
  fuzz::expect(kith::encode(*again).size() == once.size(), "a value that was read is another");
  return 0;
}
