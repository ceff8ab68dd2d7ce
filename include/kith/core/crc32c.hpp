// CRC-32C (Castagnoli), the checksum of frame bodies: it finds what TCP's own sum lets through. It
// is no protection against a person; TLS or a frame MAC is.
//
// On x86-64 with SSE 4.2 the processor's own instruction does the work (asked once, at the first
// use); elsewhere Boost's table.
#pragma once

#include <kith/core/bytes.hpp>

#include <boost/crc.hpp>

#include <cstdint>
#include <cstring>

namespace kith {

namespace crc {

/// Boost takes a remainder to begin with in the order of the polynomial's own bits.
[[nodiscard]] constexpr std::uint32_t reversed(std::uint32_t bits) {
  std::uint32_t turned = 0;
  for (int i = 0; i < 32; ++i) turned |= (bits >> i & 1u) << (31 - i);
  return turned;
}

[[nodiscard]] inline std::uint32_t by_table(byte_view view, std::uint32_t before = 0) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> sum;
  sum.reset(reversed(~before));
  sum.process_bytes(view.data(), view.size());
  return static_cast<std::uint32_t>(sum.checksum());
}

#if defined(__x86_64__)
[[nodiscard]] __attribute__((target("sse4.2"))) inline std::uint32_t by_instruction(
    byte_view view, std::uint32_t before = 0) {
  std::uint64_t sum = ~before;
  const std::byte* at = view.data();
  std::size_t left = view.size();
  for (; left >= 8; left -= 8, at += 8) {
    unsigned long long word;
    std::memcpy(&word, at, sizeof word);
    sum = __builtin_ia32_crc32di(sum, word);
  }
  auto narrow = static_cast<std::uint32_t>(sum);
  for (; left > 0; --left, ++at) {
    narrow = __builtin_ia32_crc32qi(narrow, static_cast<unsigned char>(*at));
  }
  return ~narrow;
}
#endif

}  // namespace crc

/// Of `view` alone; or of what `before` is the CRC-32C of, and `view` behind it.
[[nodiscard]] inline std::uint32_t crc32c(byte_view view, std::uint32_t before = 0) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  if (has_instruction) return crc::by_instruction(view, before);
#endif
  return crc::by_table(view, before);
}

}  // namespace kith
