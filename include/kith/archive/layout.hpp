// What the archive of codec_boost.hpp has to know about a type besides how to run its serialize():
// whether it is copied as memory, whether equal values have equal bytes, how many bytes it takes at
// least, and the name of its encoding. Standard types answer through layout<T> (containers.hpp,
// composites.hpp), whether or not the user includes boost/serialization/vector.hpp and the like:
// the encoding must not depend on includes.
#pragma once

#include <kith/codec.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace kith::archive {

/// Classes within classes within ...: a value that nests deeper is neither written nor read.
inline constexpr unsigned depth_max = 64;
/// Items of one value that take no byte each (empty structs); all others are bounded by the bytes
/// they take.
inline constexpr std::uint64_t weightless_items_max = 65536;
/// Reserved in one value, while the items are still unread: at most this many bytes a byte of
/// input.
inline constexpr std::size_t reserve_factor = 8;

/// How a standard type is laid out: save(), load(), bytes_min<Classes>(), canonical,
/// describe<Classes>(). `Classes` answers the last three for classes with serialize().
template <class T>
struct layout;

template <class T>
concept has_layout = requires { sizeof(layout<T>); };

/// The user wrote kith::codec<T>: within a larger value its bytes follow their length.
template <class T>
concept has_own_codec = requires { sizeof(codec<T>); } && !requires { codec<T>::built_in; };

/// Arrays of such a T are copied in one piece.
template <class T>
concept copied_raw =
    ((fixed_width<T> && !holds_bool<T>) || trivially_encoded<T>) && !has_own_codec<T>;

/// Raw and smart pointers, which the archive refuses: what they point to may be shared, or go in
/// circles, or be gone.
template <class T>
concept pointer_like = std::is_pointer_v<T> || std::is_member_pointer_v<T> ||
                       std::is_null_pointer_v<T> || requires(T& p) {
                         typename T::element_type;
                         p.reset();
                       };

/// False where equal values may have unequal bytes. A class answers when it is written: the archive
/// for keys refuses each such member that serialize() shows it.
template <class T>
[[nodiscard]] consteval bool is_canonical() {
  if constexpr (has_layout<T>) {
    return layout<T>::canonical;
  } else if constexpr (fixed_width<T> || trivially_encoded<T> || has_own_codec<T>) {
    return encodable_key<T>;
  } else {
    return !std::is_floating_point_v<T>;
  }
}

/// A readable name of an encoding, put together at compile time. Of a long one the end is replaced
/// by a hash of the whole.
class tag_text {
 public:
  constexpr tag_text& operator<<(std::string_view part) {
    for (const char c : part) append(c);
    return *this;
  }
  constexpr tag_text& operator<<(std::size_t number) {
    std::size_t divisor = 1;
    while (number / divisor >= 10) divisor *= 10;
    for (; divisor > 0; divisor /= 10) append(static_cast<char>('0' + number / divisor % 10));
    return *this;
  }
  [[nodiscard]] constexpr std::string_view view() const {
    return {text_, length_ < capacity ? length_ : capacity};
  }
  /// To be called once, after the last part.
  constexpr void finish() {
    if (length_ <= capacity) return;
    std::uint64_t rest = hash_;
    for (std::size_t i = 1; i <= 16; ++i, rest >>= 4) {
      text_[capacity - i] = "0123456789abcdef"[rest & 15];
    }
  }

 private:
  static constexpr std::size_t capacity = 120;

  constexpr void append(char c) {
    hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001B3u;  // FNV-1a
    if (length_ < capacity) text_[length_] = c;
    ++length_;
  }

  char text_[capacity] = {};
  std::size_t length_ = 0;
  std::uint64_t hash_ = 0xCBF29CE484222325u;
};

/// The fewest bytes that a T can take; 0 where that is not known.
template <class T, class Classes>
[[nodiscard]] consteval std::size_t bytes_min() {
  if constexpr (has_own_codec<T>) {
    return 1;
  } else if constexpr (has_layout<T>) {
    return layout<T>::template bytes_min<Classes>();
  } else if constexpr (fixed_width<T> || trivially_encoded<T>) {
    return sizeof(T);
  } else {
    return Classes::template bytes_min<T>();
  }
}

template <class T, class Classes>
constexpr void describe(tag_text& out) {
  if constexpr (has_own_codec<T>) {
    out << codec<T>::tag;
  } else if constexpr (has_layout<T>) {
    layout<T>::template describe<Classes>(out);
  } else if constexpr (fixed_width<T> || trivially_encoded<T>) {
    out << codec<T>::tag;
  } else {
    Classes::template describe<T>(out);
  }
}

/// Writes "name(item,item)".
template <class Classes, class... Items>
constexpr void describe_all(tag_text& out, std::string_view name) {
  out << name << "(";
  [[maybe_unused]] std::string_view separator;
  ((out << separator, separator = ",", archive::describe<Items, Classes>(out)), ...);
  out << ")";
}

}  // namespace kith::archive
