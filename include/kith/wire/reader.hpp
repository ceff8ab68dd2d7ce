// Reads what a peer sent and believes nothing: every length is checked against the bytes that are
// there and against a named cap before anything is allocated, and every value has one encoding.
//
// The first failure sticks: later reads give zeros and empty views, so a decoder checks once, at
// its end. Nothing here throws.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/wire/limits.hpp>

#include <cstdint>
#include <cstring>
#include <string_view>

namespace kith::wire {

/// Why bytes were refused.
enum class decode_error : std::uint8_t {
  none,
  truncated,      ///< A field ends behind the last byte.
  not_canonical,  ///< The value has a shorter or another encoding.
  out_of_range,   ///< The value is not one of the field's.
  too_long,       ///< A length or a count is over the field's cap.
  trailing,       ///< Bytes are left behind the last field.
  no_memory,      ///< There is no memory to hold the message.
};

[[nodiscard]] constexpr std::string_view to_string(decode_error why) {
  switch (why) {
    case decode_error::none: return "none";
    case decode_error::truncated: return "truncated";
    case decode_error::not_canonical: return "not canonical";
    case decode_error::out_of_range: return "out of range";
    case decode_error::too_long: return "too long";
    case decode_error::trailing: return "trailing bytes";
    case decode_error::no_memory: return "no memory";
  }
  return "unknown";
}

class reader {
 public:
  /// Reads from `source`, which must outlive the reader and the views that it returns.
  explicit reader(byte_view source) : left_{source} {}

  [[nodiscard]] decode_error failure() const { return failure_; }
  [[nodiscard]] bool ok() const { return failure_ == decode_error::none; }
  [[nodiscard]] std::size_t left() const { return left_.size(); }

  void fail(decode_error why) {
    if (ok()) failure_ = why;
    left_ = {};
  }

  /// Fails unless everything was read.
  void expect_end() {
    if (!left_.empty()) fail(decode_error::trailing);
  }

  [[nodiscard]] std::uint64_t take_varint() {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < limits::varint_bytes; ++i) {
      if (i >= left_.size()) return refuse(decode_error::truncated);
      const auto part = static_cast<std::uint64_t>(left_[i]);
      if (i == 9 && part > 1) return refuse(decode_error::not_canonical);
      value |= (part & 0x7F) << (7 * i);
      if (part < 0x80) {
        if (part == 0 && i > 0) return refuse(decode_error::not_canonical);
        left_ = left_.subspan(i + 1);
        return value;
      }
    }
    return refuse(decode_error::not_canonical);
  }

  /// A varint of at most `highest`.
  [[nodiscard]] std::uint64_t take_varint(std::uint64_t highest) {
    const std::uint64_t value = take_varint();
    return value <= highest ? value : refuse(decode_error::out_of_range);
  }

  template <class Word>
  [[nodiscard]] Word take_fixed() {
    Word word{};
    if (left_.size() < sizeof word) {
      fail(decode_error::truncated);
      return word;
    }
    std::memcpy(&word, left_.data(), sizeof word);
    left_ = left_.subspan(sizeof word);
    return word;
  }

  [[nodiscard]] byte_view take_raw(std::size_t length) {
    if (length > left_.size()) {
      fail(decode_error::truncated);
      return {};
    }
    const byte_view taken = left_.first(length);
    left_ = left_.subspan(length);
    return taken;
  }

  /// A length of at most `cap`, and that many bytes.
  [[nodiscard]] byte_view take_bytes(std::size_t cap) {
    const std::uint64_t length = take_varint();
    if (length > cap) {
      fail(decode_error::too_long);
      return {};
    }
    return take_raw(static_cast<std::size_t>(length));
  }

  /// A count of at most `cap` items, each of which takes at least one byte of what is left.
  [[nodiscard]] std::size_t take_count(std::size_t cap) {
    const std::uint64_t count = take_varint();
    if (count > cap) return refuse(decode_error::too_long);
    if (count > left_.size()) return refuse(decode_error::truncated);
    return static_cast<std::size_t>(count);
  }

 private:
  std::uint64_t refuse(decode_error why) {
    fail(why);
    return 0;
  }

  byte_view left_;
  decode_error failure_ = decode_error::none;
};

}  // namespace kith::wire
