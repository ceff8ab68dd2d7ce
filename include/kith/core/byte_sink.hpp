// Where encoders write. The first bytes go to a buffer inside the sink, so that encoding a usual
// value allocates nothing; a longer one moves to the heap and doubles there.
//
// Numbers have a fixed width and are little-endian, lengths are LEB128 varints without padding: one
// value has one encoding. byte_source.hpp reads what this writes, field by field.
#pragma once

#include <kith/core/bytes.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <type_traits>

namespace kith {

/// Numbers and enumerations that travel as their own little-endian bytes. `long double` does not:
/// its width and its padding differ between machines.
template <class T>
concept fixed_width = (std::is_arithmetic_v<T> || std::is_enum_v<T>) && sizeof(T) <= 8 &&
                      !std::same_as<std::remove_cv_t<T>, long double>;

template <class T>
[[nodiscard]] consteval bool is_bool_like() {
  if constexpr (std::is_enum_v<T>) {
    return std::is_same_v<std::underlying_type_t<T>, bool>;
  } else {
    return std::is_same_v<T, bool>;
  }
}

/// True for bool and for enumerations over bool: two of their 256 bytes are values.
template <class T>
inline constexpr bool holds_bool = is_bool_like<std::remove_cv_t<T>>();

/// Collects encoded bytes. Not copyable; one thread at a time.
class byte_sink {
 public:
  /// Bytes that fit without an allocation.
  static constexpr std::size_t inline_bytes = 256;

  byte_sink() noexcept : begin_{inline_}, at_{inline_}, end_{inline_ + inline_bytes} {}
  byte_sink(const byte_sink&) = delete;
  byte_sink& operator=(const byte_sink&) = delete;

  /// What was written so far; valid until the next write.
  [[nodiscard]] byte_view view() const { return {begin_, size()}; }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }
  /// Forgets the content and keeps the memory.
  void clear() { at_ = begin_; }

  /// Appends a number: sizeof(T) bytes.
  template <fixed_width T>
  void put(T value) {
    put_raw(&value, sizeof value);
  }
  /// Appends a length and the text or the bytes.
  void put(std::string_view text) { put(as_bytes(text)); }
  void put(byte_view view) {
    put_length(view.size());
    put_raw(view);
  }

  /// Appends a length or a count: one byte below 128, at most ten.
  void put_length(std::uint64_t length);

  /// Appends bytes without their length.
  void put_raw(byte_view view) { put_raw(view.data(), view.size()); }
  void put_raw(const void* data, std::size_t size) {
    std::byte* const at = room() >= size ? at_ : grow(at_, size);
    if (size != 0) std::memcpy(at, data, size);
    at_ = at + size;
  }

  // For encoders that keep the position in a register: take position(), write up to limit(), ask
  // grow() for more (it may move both) and hand the position back to finish().
  [[nodiscard]] std::byte* position() const { return at_; }
  [[nodiscard]] std::byte* limit() const { return end_; }
  std::byte* grow(std::byte* at, std::size_t more);
  void finish(std::byte* at) { at_ = at; }

 private:
  [[nodiscard]] std::size_t room() const { return static_cast<std::size_t>(end_ - at_); }

  std::byte* begin_;
  std::byte* at_;
  std::byte* end_;
  std::unique_ptr<std::byte[]> heap_;
  std::byte inline_[inline_bytes];  // uninitialised on purpose
};

/// Writes `value` as a varint at `to`, which has room for ten bytes; returns the end.
[[nodiscard]] inline std::byte* write_varint(std::byte* to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) *to++ = static_cast<std::byte>(value | 0x80);
  *to++ = static_cast<std::byte>(value);
  return to;
}

inline constexpr std::size_t varint_bytes_max = 10;

// --- implementation ---

inline void byte_sink::put_length(std::uint64_t length) {
  std::byte* const at = room() >= varint_bytes_max ? at_ : grow(at_, varint_bytes_max);
  at_ = write_varint(at, length);
}

#if defined(__GNUC__)
[[gnu::noinline, gnu::cold]]
#endif
inline std::byte* byte_sink::grow(std::byte* at, std::size_t more) {
  const auto used = static_cast<std::size_t>(at - begin_);
  const auto held = static_cast<std::size_t>(end_ - begin_);
  const std::size_t wanted = used + more > 2 * held ? used + more : 2 * held;
  auto larger = std::make_unique_for_overwrite<std::byte[]>(wanted);
  std::memcpy(larger.get(), begin_, used);
  heap_ = std::move(larger);
  begin_ = heap_.get();
  at_ = begin_ + used;
  end_ = begin_ + wanted;
  return at_;
}

}  // namespace kith
