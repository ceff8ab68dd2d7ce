// How typed keys and values become bytes and back. Everything below the façade sees bytes; this is
// the one place where a type meets its encoding.
//
// The codec of T is the first of these that applies:
//   1. the user's own specialisation of kith::codec<T>,
//   2. the ones below: bool, integers, enumerations, floats, std::string, kith::bytes,
//   3. the bytes of a trivially copyable T that opted in with kith::trivially_encoded<T>,
//   4. with codec_boost.hpp (kith.hpp includes it): standard containers, and T's serialize(),
//   5. with boost_archive.hpp: T opted in with kith::archived<T>.
//
// An own codec is four lines beside the type:
//
//   template <>
//   struct kith::codec<price> {
//     static constexpr std::string_view tag = "price 1";
//     static constexpr bool canonical = true;  // only for keys: equal values have equal bytes
//     static void write(const price& p, kith::byte_sink& out) { out.put(p.cents); }
//     static bool read(kith::byte_source& in, price& p) { return in.take(p.cents); }
//   };
//
// read() returns false for bytes that are no T; it may also throw. Bytes that it leaves unread are
// an error. A type without a default constructor has `std::optional<T> read(kith::byte_source&)`
// instead. `tag` names the encoding: members that open one cache with different tags are refused,
// so a change of the encoding is a change of the tag.
#pragma once

#include <kith/core/byte_sink.hpp>
#include <kith/core/byte_source.hpp>
#include <kith/core/bytes.hpp>
#include <kith/core/stable_hash.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace kith {

/// The encoding of T; see the head of this file. Not defined for types that have none.
template <class T, class = void>
struct codec;

/// Opts a trivially copyable T in to travel as a copy of its memory:
/// `template <> inline constexpr bool kith::trivially_encoded<point> = true;`
/// Never guessed: a struct with a pointer is trivially copyable too. Any bit pattern is accepted
/// when such a T is read, so leave out structs that hold a bool or an enumeration with gaps.
template <class T>
inline constexpr bool trivially_encoded = false;

/// Opts T in to Boost's binary archives, which follow pointers and trust their input; needs
/// boost_archive.hpp.
template <class T>
inline constexpr bool archived = false;

/// The two forms of read().
template <class T>
concept reads_in_place = requires(byte_source& in, T& into) {
  { codec<T>::read(in, into) } -> std::convertible_to<bool>;
};
template <class T>
concept reads_new = requires(byte_source& in) {
  { codec<T>::read(in) } -> std::same_as<std::optional<T>>;
};

/// True for types that have a codec.
template <class T>
concept encodable = requires(const T& value, byte_sink& out) {
  { codec<T>::tag } -> std::convertible_to<std::string_view>;
  codec<T>::write(value, out);
} && (reads_in_place<T> || reads_new<T>);

template <class T>
[[nodiscard]] consteval bool has_one_encoding() {
  if constexpr (requires { codec<T>::canonical; }) {
    return codec<T>::canonical;
  } else {
    return false;
  }
}

/// True for types whose equal values have equal bytes. Only they can be keys: identity is the
/// encoded bytes. Floats (0.0 and -0.0), unordered containers (order) and structs with padding do
/// not; a user's codec says so with `canonical`.
template <class T>
concept encodable_key = encodable<T> && has_one_encoding<T>();

/// Appends the encoding of `value`. Throws what the type's own code throws, std::bad_alloc, and
/// std::length_error for a value that no reader would accept (nested too deep). Cost: one pass.
template <class T>
void encode(const T& value, byte_sink& out) {
  static_assert(encodable<T>, "kith: T has no codec; see kith/codec.hpp");
  codec<T>::write(value, out);
}

/// The same into bytes of the exact size: one allocation for values up to byte_sink::inline_bytes.
template <class T>
[[nodiscard]] bytes encode(const T& value) {
  byte_sink out;
  kith::encode(value, out);
  return to_bytes(out.view());
}

/// Reads a T with its codec, whichever form it has; throws what it throws.
template <class T>
[[nodiscard]] bool read_value(byte_source& in, T& into) {
  if constexpr (reads_in_place<T>) {
    return codec<T>::read(in, into);
  } else {
    std::optional<T> made = codec<T>::read(in);
    if (made) into = std::move(*made);
    return made.has_value();
  }
}

/// Reads all of `from` as a T; false, and `into` unspecified but valid, when it is none. Whatever
/// the type's own code throws is such a failure too. Allocates only what `into` itself holds, never
/// ahead of what the bytes can justify. Reuses the memory that `into` has; members that a
/// serialize() does not show keep what they were.
template <class T>
[[nodiscard]] bool decode(byte_view from, T& into) noexcept {
  static_assert(encodable<T>, "kith: T has no codec; see kith/codec.hpp");
  try {
    byte_source in{from};
    return read_value(in, into) && in.finished();
  } catch (...) {
    return false;
  }
}

/// The same into a new value. Throws only what T's default constructor throws.
template <class T>
  requires(reads_new<T> || std::default_initializable<T>)
[[nodiscard]] std::optional<T> decode(byte_view from) {
  static_assert(encodable<T>, "kith: T has no codec; see kith/codec.hpp");
  std::optional<T> value;
  if constexpr (reads_new<T>) {
    try {
      byte_source in{from};
      value = codec<T>::read(in);
      if (!in.finished()) value.reset();
    } catch (...) {
      value.reset();
    }
  } else {
    value.emplace();
    if (!kith::decode(from, *value)) value.reset();
  }
  return value;
}

/// What members must agree on to share a cache of T.
template <class T>
[[nodiscard]] constexpr std::string_view codec_tag() {
  static_assert(encodable<T>, "kith: T has no codec; see kith/codec.hpp");
  return codec<T>::tag;
}

// --- the built-in codecs ---

/// Names the encoding of a number: by width and kind, so that long and long long agree.
template <fixed_width T>
[[nodiscard]] consteval std::string_view number_tag() {
  if constexpr (std::is_enum_v<T>) {
    return number_tag<std::underlying_type_t<T>>();
  } else if constexpr (std::is_same_v<T, bool>) {
    return "bool";
  } else if constexpr (std::is_same_v<T, char>) {
    return "char";  // signed on some machines, unsigned on others, and the same byte on all
  } else if constexpr (std::is_floating_point_v<T>) {
    return sizeof(T) == 4 ? "f32" : "f64";
  } else {
    constexpr std::string_view tags[2][4] = {{"u8", "u16", "u32", "u64"},
                                             {"i8", "i16", "i32", "i64"}};
    return tags[std::is_signed_v<T>][std::bit_width(sizeof(T)) - 1];
  }
}

template <fixed_width T>
struct codec<T> {
  static constexpr bool built_in = true;
  static constexpr bool canonical = !std::is_floating_point_v<T>;
  static constexpr std::string_view tag = number_tag<T>();

  static void write(T value, byte_sink& out) { out.put(value); }
  static bool read(byte_source& in, T& value) { return in.take(value); }
};

/// The text itself, without a length: the hash of the key is the hash of its text.
template <>
struct codec<std::string> {
  static constexpr bool built_in = true;
  static constexpr bool canonical = true;
  static constexpr std::string_view tag = "string";

  static void write(std::string_view text, byte_sink& out) { out.put_raw(as_bytes(text)); }
  static bool read(byte_source& in, std::string& text) {
    text.assign(as_text(in.take_rest()));
    return !in.failed();
  }
};

template <>
struct codec<bytes> {
  static constexpr bool built_in = true;
  static constexpr bool canonical = true;
  static constexpr std::string_view tag = "bytes";

  static void write(byte_view data, byte_sink& out) { out.put_raw(data); }
  static bool read(byte_source& in, bytes& data) {
    const byte_view rest = in.take_rest();
    data.assign(rest.begin(), rest.end());
    return !in.failed();
  }
};

/// Writes "raw" and the size in decimal, for trivially encoded structs.
template <std::size_t Size>
struct raw_tag {
  char text[24] = "raw";
  std::size_t length = 3;

  consteval raw_tag() {
    std::size_t divisor = 1;
    while (Size / divisor >= 10) divisor *= 10;
    for (; divisor > 0; divisor /= 10) {
      text[length++] = static_cast<char>('0' + Size / divisor % 10);
    }
  }
};

template <std::size_t Size>
inline constexpr raw_tag<Size> raw_tag_of{};

template <class T>
  requires(trivially_encoded<T> && std::is_class_v<T>)
struct codec<T> {
  static_assert(std::is_trivially_copyable_v<T>,
                "kith: trivially_encoded<T> needs a trivially copyable T");
  static constexpr bool built_in = true;
  static constexpr bool canonical = std::has_unique_object_representations_v<T>;
  static constexpr std::string_view tag{raw_tag_of<sizeof(T)>.text, raw_tag_of<sizeof(T)>.length};

  static void write(const T& value, byte_sink& out) { out.put_raw(&value, sizeof value); }
  static bool read(byte_source& in, T& value) {
    byte_view raw;
    if (!in.take_raw(sizeof value, raw)) return false;
    std::memcpy(&value, raw.data(), sizeof value);
    return true;
  }
};

// --- keys ---

template <class T>
concept integer_key = fixed_width<T> && std::is_integral_v<T> && !std::same_as<T, bool>;

/// True when a Q can be looked up among keys of type K without making a K: anything that reads as
/// text for std::string, as bytes for kith::bytes, any integer for an integer. Otherwise Q has to
/// convert to K.
template <class Q, class K>
concept key_like = encodable_key<K> && !std::same_as<Q, std::nullptr_t> &&
                   (std::same_as<K, std::string> ? std::convertible_to<const Q&, std::string_view>
                    : std::same_as<K, bytes>     ? std::convertible_to<const Q&, byte_view>
                    : integer_key<K>             ? integer_key<Q>
                    : fixed_width<K>             ? std::same_as<Q, K>
                                                 : std::convertible_to<const Q&, const K&>);

/// An integer of another type as a K. Throws std::out_of_range where K cannot hold it: wrapping
/// round would silently name another key.
template <integer_key K, integer_key Q>
[[nodiscard]] constexpr K to_key(Q lookup) {
  const auto key = static_cast<K>(lookup);
  if (static_cast<Q>(key) != lookup || (key < K{}) != (lookup < Q{})) {
    throw std::out_of_range("kith: the key does not fit the cache's key type");
  }
  return key;
}

/// A key as the cache sees it: its canonical bytes and their stable hash. Text and byte keys are
/// not copied, so `lookup` has to outlive this. Lives on the stack of one call.
///
/// Allocates nothing for text, bytes, numbers, and keys of up to byte_sink::inline_bytes.
/// Throws std::out_of_range for an integer that K cannot hold, and what K's own codec throws.
template <class K>
class encoded_key {
  static_assert(encodable<K>, "kith: the key type has no codec; see kith/codec.hpp");
  static_assert(!encodable<K> || encodable_key<K>,
                "kith: keys must have one encoding for each value; floats, unordered containers "
                "and structs with padding do not. A key type's own codec says "
                "`static constexpr bool canonical = true;`");

 public:
  template <class Q>
    requires key_like<Q, K>
  explicit encoded_key(const Q& lookup) : store_{lookup} {}
  encoded_key(const encoded_key&) = delete;
  encoded_key& operator=(const encoded_key&) = delete;

  [[nodiscard]] byte_view view() const { return store_.view(); }
  [[nodiscard]] std::uint64_t hash() const { return store_.hash(); }

 private:
  struct borrowed {
    explicit borrowed(std::string_view text) : data{as_bytes(text)} {}
    explicit borrowed(byte_view view) : data{view} {}
    byte_view view() const { return data; }
    std::uint64_t hash() const { return stable_hash(data); }
    byte_view data;
  };
  struct number {
    template <class Q>
    explicit number(Q lookup) : key{to_own(lookup)} {}
    static constexpr K to_own(K lookup) { return lookup; }
    template <class Q>
    static constexpr K to_own(Q lookup) {
      return to_key<K>(lookup);
    }
    byte_view view() const { return std::as_bytes(std::span{&key, 1}); }
    std::uint64_t hash() const {
      if constexpr (std::is_enum_v<K>) {
        return stable_hash_number(static_cast<std::underlying_type_t<K>>(key));
      } else {
        return stable_hash_number(key);
      }
    }
    K key;
  };
  struct written {
    explicit written(const K& key) { write(key); }
    template <class Q>
      requires(integer_key<K> && !std::same_as<Q, K>)
    explicit written(Q lookup) {
      write(to_key<K>(lookup));
    }
    void write(const K& key) {
      if constexpr (requires { codec<K>::write_key(key, sink); }) {
        codec<K>::write_key(key, sink);
      } else {
        codec<K>::write(key, sink);
      }
    }
    byte_view view() const { return sink.view(); }
    std::uint64_t hash() const { return stable_hash(sink.view()); }
    byte_sink sink;
  };
  static constexpr bool borrows = std::same_as<K, std::string> || std::same_as<K, bytes>;
  static constexpr bool is_number = fixed_width<K> && requires { codec<K>::built_in; };

  std::conditional_t<borrows, borrowed, std::conditional_t<is_number, number, written>> store_;
};

/// The stable hash of a key's canonical bytes, as encoded_key gives it, without storing them where
/// K is an integer or text.
template <class K, class Q>
  requires key_like<Q, K>
[[nodiscard]] std::uint64_t key_hash(const Q& lookup) {
  return encoded_key<K>{lookup}.hash();
}

}  // namespace kith
