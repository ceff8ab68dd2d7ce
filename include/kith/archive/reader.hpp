// The reading half of the archive, without the types: a position in a source, kept in a register
// while serialize() runs, and the bounds. It throws at the first byte that is refused, because
// users' serialize() was written for archives that do.
#pragma once

#include <kith/archive/layout.hpp>
#include <kith/core/byte_source.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>

namespace kith::archive {

/// What stops a serialize() whose bytes are refused; decode() catches it.
class refused : public std::exception {
 public:
  const char* what() const noexcept override { return "kith: the bytes are not of this type"; }
};

#if defined(__GNUC__)
[[gnu::noinline, gnu::cold]]
#endif
[[noreturn]] inline void
throw_refused(byte_source& source) {
  source.fail();
  throw refused{};
}

class reader {
 public:
  explicit reader(byte_source& source)
      : source_{&source},
        at_{source.position()},
        end_{source.limit()},
        reserve_left_{source.left() * reserve_factor} {}
  reader(const reader&) = delete;
  reader& operator=(const reader&) = delete;
  /// Hands the position back. False when something was refused, even if serialize() went on.
  [[nodiscard]] bool finish() {
    if (source_->failed()) return false;
    source_->finish(at_);
    return true;
  }

  [[noreturn]] void refuse() {
    at_ = end_;
    throw_refused(*source_);  // not a member: it would keep the position out of registers
  }
  [[nodiscard]] byte_view take_view(std::size_t size) {
    if (size > left()) refuse();
    const byte_view taken{at_, size};
    at_ += size;
    return taken;
  }
  void take_raw(void* to, std::size_t size) {
    if (size > left()) refuse();
    if (size != 0) std::memcpy(to, at_, size);
    at_ += size;
  }
  [[nodiscard]] std::uint64_t take_number() {
    if (at_ != end_ && static_cast<std::uint8_t>(*at_) < 0x80) {
      return static_cast<std::uint64_t>(*at_++);
    }
    const varint_read long_one = read_varint(at_, end_);
    if (!long_one.ok()) refuse();
    at_ = long_one.end;
    return long_one.value;
  }
  /// An index below `count`.
  [[nodiscard]] std::size_t take_index(std::size_t count) {
    const std::uint64_t index = take_number();
    if (index >= count) refuse();
    return static_cast<std::size_t>(index);
  }
  [[nodiscard]] std::size_t take_bit_count() {
    const std::uint64_t count = take_number();
    if (count / 8 + (count % 8 != 0) > left()) refuse();
    return static_cast<std::size_t>(count);
  }
  /// How many items follow that take `item_bytes_min` bytes or more: no more than the bytes left
  /// can hold. Items that may take none are bounded by their number.
  template <std::size_t ItemBytesMin>
  [[nodiscard]] std::size_t take_count_of() {
    const std::uint64_t count = take_number();
    if constexpr (ItemBytesMin == 0) {
      if (count > left() + weightless_items_max) refuse();
    } else {
      if (count > left() / ItemBytesMin) refuse();
    }
    return static_cast<std::size_t>(count);
  }
  /// How many of `count` Items may be reserved for before they are read. All reservations of one
  /// value share one budget: nested counts would multiply otherwise.
  template <class Item>
  [[nodiscard]] std::size_t reservable(std::size_t count) {
    const std::size_t most = reserve_left_ / sizeof(Item);
    const std::size_t granted = count < most ? count : most;
    reserve_left_ -= granted * sizeof(Item);
    return granted;
  }

 protected:
  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  void enter() {
    if (depth_ >= depth_max) refuse();
    ++depth_;
  }
  void leave() { --depth_; }
  void count_weightless() {
    if (++weightless_ > weightless_items_max) refuse();
  }

 private:
  byte_source* source_;
  const std::byte* at_;
  const std::byte* end_;
  std::size_t reserve_left_;
  unsigned depth_ = 0;
  std::uint64_t weightless_ = 0;
};

}  // namespace kith::archive
