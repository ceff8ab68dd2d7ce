// Where decoders read. It believes nothing: each length is checked against the bytes that are left
// before anything is allocated, and each value has one accepted encoding.
//
// A failed take() returns false, leaves nothing to read, and all later ones fail too; a decoder may
// check each call or only the last.
#pragma once

#include <kith/core/byte_sink.hpp>
#include <kith/core/bytes.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace kith {

/// A varint and where the bytes behind it start; nowhere for one that is cut off, or padded.
struct varint_read {
  std::uint64_t value = 0;
  const std::byte* end = nullptr;

  [[nodiscard]] bool ok() const { return end != nullptr; }
};

[[nodiscard]] inline varint_read read_varint(const std::byte* at, const std::byte* end) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < varint_bytes_max && at != end; ++i) {
    const auto part = static_cast<std::uint64_t>(*at++);
    if (i == varint_bytes_max - 1 && part > 1) return {};
    value |= (part & 0x7F) << (7 * i);
    if (part < 0x80) return part != 0 || i == 0 ? varint_read{value, at} : varint_read{};
  }
  return {};
}

/// Reads encoded bytes in place. They must outlive the source and the views that it hands out.
class byte_source {
 public:
  explicit byte_source(byte_view source) noexcept
      : at_{source.data()}, end_{source.data() + source.size()} {}

  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] bool failed() const { return failed_; }
  /// True when every byte was read and nothing failed.
  [[nodiscard]] bool finished() const { return !failed_ && at_ == end_; }

  /// Refuses the input; returns false, so that a decoder can `return in.fail();`.
  bool fail() {
    failed_ = true;
    at_ = end_;
    return false;
  }

  /// Reads a number of sizeof(T) bytes. A bool is 0 or 1, anything else fails.
  template <fixed_width T>
  [[nodiscard]] bool take(T& value);

  /// Reads a length and that much text or bytes.
  [[nodiscard]] bool take(std::string& text);
  [[nodiscard]] bool take(bytes& data);
  /// The same without a copy: a view of the source's own bytes.
  [[nodiscard]] bool take(byte_view& view);
  [[nodiscard]] bool take(std::string_view& text);

  /// Reads how many items follow; each takes `item_bytes_min` bytes or more of what is left, so a
  /// count that passes is safe to reserve for.
  [[nodiscard]] bool take_count(std::size_t& count, std::size_t item_bytes_min = 1);

  /// Takes `size` bytes that have no length of their own.
  [[nodiscard]] bool take_raw(std::size_t size, byte_view& view);
  /// Takes all that is left.
  [[nodiscard]] byte_view take_rest() {
    const byte_view rest{at_, left()};
    at_ = end_;
    return rest;
  }

  // For decoders that keep the position in a register.
  [[nodiscard]] const std::byte* position() const { return at_; }
  [[nodiscard]] const std::byte* limit() const { return end_; }
  void finish(const std::byte* at) { at_ = at; }

 private:
  const std::byte* at_;
  const std::byte* end_;
  bool failed_ = false;
};

// --- implementation ---

template <fixed_width T>
inline bool byte_source::take(T& value) {
  if constexpr (holds_bool<T>) {
    std::uint8_t bit = 0;
    if (!take(bit) || bit > 1) return fail();
    value = static_cast<T>(bit == 1);
  } else {
    if (left() < sizeof value) return fail();
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
  }
  return true;
}

inline bool byte_source::take_count(std::size_t& count, std::size_t item_bytes_min) {
  count = 0;
  const varint_read read = read_varint(at_, end_);
  if (failed_ || !read.ok()) return fail();
  at_ = read.end;
  if (read.value > left() / (item_bytes_min == 0 ? 1 : item_bytes_min)) return fail();
  count = static_cast<std::size_t>(read.value);
  return true;
}

inline bool byte_source::take_raw(std::size_t size, byte_view& view) {
  if (failed_ || size > left()) return fail();
  view = {at_, size};
  at_ += size;
  return true;
}

inline bool byte_source::take(byte_view& view) {
  std::size_t size = 0;
  return take_count(size) && take_raw(size, view);
}

inline bool byte_source::take(std::string_view& text) {
  byte_view view;
  if (!take(view)) return false;
  text = as_text(view);
  return true;
}

inline bool byte_source::take(std::string& text) {
  std::string_view view;
  if (!take(view)) return false;
  text.assign(view);
  return true;
}

inline bool byte_source::take(bytes& data) {
  byte_view view;
  if (!take(view)) return false;
  data.assign(view.begin(), view.end());
  return true;
}

}  // namespace kith
