// The bytes of a fuzz input, read as a list of choices. What is missing at the end reads as zeros,
// so that every input is a whole script and a shorter one does less.
#pragma once

#include <kith/core/bytes.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace fuzz {

class script {
 public:
  script(const std::uint8_t* data, std::size_t size)
      : left_{kith::byte_view{reinterpret_cast<const std::byte*>(data), size}} {}

  [[nodiscard]] bool over() const { return left_.empty(); }

  std::uint8_t byte() {
    if (left_.empty()) return 0;
    const auto first = static_cast<std::uint8_t>(left_.front());
    left_ = left_.subspan(1);
    return first;
  }
  /// Two bytes, the lower one first.
  std::uint16_t word() {
    const std::uint8_t low = byte();
    return static_cast<std::uint16_t>(low | byte() << 8);
  }
  /// One byte as a choice of `count`. Requires 0 < count <= 256.
  std::size_t choice(std::size_t count) { return byte() % count; }
  bool flag() { return (byte() & 1) != 0; }

  kith::byte_view raw(std::size_t size) {
    const kith::byte_view taken = left_.first(std::min(size, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }
  kith::byte_view rest() { return raw(left_.size()); }

 private:
  kith::byte_view left_;
};

}  // namespace fuzz
