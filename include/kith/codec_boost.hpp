// Runs users' Boost.Serialization code, serialize() with its splits, versions and wrappers, through
// an archive of our own: bounded, header-only, at the speed of memory. Boost's binary archives cost
// ten times as much, need a linked library, and believe what they read: a length of eight bytes
// from a peer makes them allocate gigabytes.
//
// What is refused at compile time: pointers and polymorphic types (boost_archive.hpp can do them,
// between trusted members). What is refused at run time: a class version newer than the reader's, a
// count that the bytes left cannot hold, a bool that is neither 0 nor 1, nesting deeper than
// archive::depth_max, bytes behind the end. No count makes memory be taken ahead of what was read
// by more than archive::reserve_factor times the input.
//
// The encoding: numbers of fixed width, little-endian; counts and class versions as varints; a
// class is its version (unless it opted out with boost::serialization::object_serializable) and
// what its serialize() shows; std_layouts.hpp has the standard types; a type with an own
// kith::codec is its length and its bytes. Golden bytes in the tests: it is the wire's.
#pragma once

#include <kith/archive/layout.hpp>
#include <kith/archive/std_layouts.hpp>
#include <kith/codec.hpp>

#include <boost/mpl/bool.hpp>
#include <boost/serialization/access.hpp>
#include <boost/serialization/array_wrapper.hpp>
#include <boost/serialization/binary_object.hpp>
#include <boost/serialization/collection_size_type.hpp>
#include <boost/serialization/item_version_type.hpp>
#include <boost/serialization/level.hpp>
#include <boost/serialization/library_version_type.hpp>
#include <boost/serialization/nvp.hpp>
#include <boost/serialization/serialization.hpp>
#include <boost/serialization/split_free.hpp>
#include <boost/serialization/split_member.hpp>
#include <boost/serialization/version.hpp>
#include <boost/serialization/wrapper.hpp>
#include <boost/unordered/unordered_map_fwd.hpp>
#include <boost/unordered/unordered_set_fwd.hpp>
#include <boost/variant/variant_fwd.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <span>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>

namespace kith::archive {

/// What an input archive throws to stop a serialize() whose bytes are refused; decode() catches it.
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

#if defined(__GNUC__)
[[gnu::noinline, gnu::cold]]
#endif
[[noreturn]] inline void
throw_unreadable(const char* why) {
  throw std::length_error{why};
}

/// The library version that Boost's own container code asks for; fixed, so that its layouts are.
inline constexpr unsigned library_version = 19;

template <class T>
inline constexpr bool view_like = false;
template <class C, class Traits>
inline constexpr bool view_like<std::basic_string_view<C, Traits>> = true;
template <class T, std::size_t N>
inline constexpr bool view_like<std::span<T, N>> = true;

/// What Boost's traits say about a class with serialize().
struct boost_classes {
  template <class T>
  static constexpr int level = boost::serialization::implementation_level<T>::value;
  template <class T>
  static constexpr bool versioned = level<T> >= boost::serialization::object_class_info;
  template <class T>
  static constexpr unsigned version =
      static_cast<unsigned>(boost::serialization::version<T>::value);

  template <class T>
  static consteval std::size_t bytes_min() {
    return versioned<T> ? 1 : 0;
  }
  template <class T>
  static constexpr void describe(tag_text& out) {
    out << "class";
    if constexpr (versioned<T>) out << " v" << std::size_t{version<T>};
  }
  template <class T>
  static consteval void check() {
    static_assert(!pointer_like<T>,
                  "kith: pointers do not travel; hold the value, write a kith::codec, or opt the "
                  "whole type in with kith::archived and boost_archive.hpp");
    static_assert(!std::is_polymorphic_v<T>,
                  "kith: polymorphic types do not travel; use std::variant, write a kith::codec, "
                  "or opt the whole type in with kith::archived and boost_archive.hpp");
    static_assert(!std::is_same_v<T, long double>,
                  "kith: long double differs between machines; use double");
    static_assert(!view_like<T>,
                  "kith: a view does not own what it shows; hold a string or vector");
    static_assert(std::is_class_v<T> || std::is_union_v<T>, "kith: this type has no encoding");
    static_assert(level<T> >= boost::serialization::object_serializable,
                  "kith: the type is marked not_serializable or primitive_type; write a codec");
  }
};

template <class T>
struct wrapped_array : std::false_type {};
template <class T>
struct wrapped_array<boost::serialization::array_wrapper<T>> : std::true_type {
  using item = std::remove_const_t<T>;
};

template <class T>
inline constexpr bool is_count = std::is_same_v<T, boost::serialization::collection_size_type>;
template <class T>
inline constexpr bool is_item_version = std::is_same_v<T, boost::serialization::item_version_type>;
template <class T>
inline constexpr bool is_wrapper = boost::serialization::is_wrapper<T>::type::value;

/// Boost's header for its variant needs the linked library, so it is laid out here, as the standard
/// one is.
template <class First, class... Rest>
struct layout<boost::variant<First, Rest...>> : layout<std::variant<First, Rest...>> {
  using variant = boost::variant<First, Rest...>;

  template <class Out>
  struct saver {
    using result_type = void;
    template <class T>
    void operator()(const T& value) const {
      out << value;
    }
    Out& out;
  };
  template <class Out>
  static void save(Out& out, const variant& from) {
    out.put_count(static_cast<std::uint64_t>(from.which()));
    const saver<Out> visitor{out};
    from.apply_visitor(visitor);
  }
  template <class In>
  static void load(In& in, variant& into) {
    const std::size_t index = in.take_index(1 + sizeof...(Rest));
    std::size_t next = 0;
    load_if<First>(in, into, index == next++);
    (load_if<Rest>(in, into, index == next++), ...);
  }

 private:
  template <class T, class In>
  static void load_if(In& in, variant& into, bool chosen) {
    if (!chosen) return;
    T value{};
    in >> value;
    into = std::move(value);
  }
};

/// Boost's headers for these rebuild the bucket array in the size that the input asks for.
template <class T, class H, class E, class A>
struct layout<boost::unordered_set<T, H, E, A>>
    : set_layout<boost::unordered_set<T, H, E, A>, false> {};
template <class T, class H, class E, class A>
struct layout<boost::unordered_multiset<T, H, E, A>>
    : set_layout<boost::unordered_multiset<T, H, E, A>, false> {};
template <class K, class V, class H, class E, class A>
struct layout<boost::unordered_map<K, V, H, E, A>>
    : map_layout<boost::unordered_map<K, V, H, E, A>, false> {};
template <class K, class V, class H, class E, class A>
struct layout<boost::unordered_multimap<K, V, H, E, A>>
    : map_layout<boost::unordered_multimap<K, V, H, E, A>, false> {};

/// Values may hold anything; of keys, equal ones must have equal bytes.
enum class purpose { value, key };

// --- writing ---

/// An output archive of Boost's concept; lives as long as one encode().
template <purpose For>
class output {
 public:
  using is_saving = boost::mpl::true_;
  using is_loading = boost::mpl::false_;

  explicit output(byte_sink& sink) : sink_{&sink}, at_{sink.position()}, limit_{sink.limit()} {}
  output(const output&) = delete;
  output& operator=(const output&) = delete;
  /// Hands what was written to the sink.
  void finish() { sink_->finish(at_); }

  template <class T>
  output& operator<<(const T& value);
  template <class T>
  output& operator&(const T& value) {
    return *this << value;
  }

  // Boost's concept.
  void save_binary(const void* data, std::size_t size) { put_raw(data, size); }
  boost::serialization::library_version_type get_library_version() const {
    return boost::serialization::library_version_type(library_version);
  }
  template <class T>
  void register_type(const T* = nullptr) {
    boost_classes::check<T>();
  }

  // What layouts use.
  void put_raw(const void* data, std::size_t size) {
    make_room(size);
    if (size != 0) std::memcpy(at_, data, size);
    at_ += size;
  }
  void put_count(std::uint64_t count) {
    make_room(varint_bytes_max);
    if (count < 0x80) {
      *at_++ = static_cast<std::byte>(count);
    } else {
      at_ = write_varint(at_, count);
    }
  }
  template <class Item, class Range>
  void put_items(const Range& items, std::size_t count);

 private:
  void make_room(std::size_t size) {
    if (static_cast<std::size_t>(limit_ - at_) < size) {
      at_ = sink_->grow(at_, size);
      limit_ = sink_->limit();
    }
  }
  [[nodiscard]] std::size_t written() const {
    return static_cast<std::size_t>(at_ - sink_->view().data());
  }
  template <class First, class Second>
  void put_item(const std::pair<First, Second>& item) {
    *this << item.first << item.second;
  }
  template <class T>
  void put_item(const T& item) {
    *this << item;
  }
  template <class T>
  void put_own_codec(const T& value);
  template <class T>
  void put_class(const T& value);

  byte_sink* sink_;
  std::byte* at_;
  std::byte* limit_;
  unsigned depth_ = 0;
  std::uint64_t weightless_ = 0;
};

// --- reading ---

/// An input archive of Boost's concept; lives as long as one decode(). Throws archive::refused.
class input {
 public:
  using is_saving = boost::mpl::false_;
  using is_loading = boost::mpl::true_;

  explicit input(byte_source& source)
      : source_{&source},
        at_{source.position()},
        end_{source.limit()},
        reserve_left_{source.left() * reserve_factor} {}
  input(const input&) = delete;
  input& operator=(const input&) = delete;
  /// Hands the position back. False when something was refused, even if serialize() went on.
  [[nodiscard]] bool finish() {
    if (source_->failed()) return false;
    source_->finish(at_);
    return true;
  }

  template <class T>
  input& operator>>(T&& value);
  template <class T>
  input& operator&(T&& value) {
    return *this >> value;
  }

  // Boost's concept.
  void load_binary(void* data, std::size_t size) { take_raw(data, size); }
  boost::serialization::library_version_type get_library_version() const {
    return boost::serialization::library_version_type(library_version);
  }
  template <class T>
  void register_type(const T* = nullptr) {
    boost_classes::check<T>();
  }
  void reset_object_address(const void*, const void*) {}
  void delete_created_pointers() {}

  // What layouts use.
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
  /// How many Items follow: no more than the bytes left can hold.
  template <class Item>
  [[nodiscard]] std::size_t take_count();
  /// How many of `count` Items may be reserved for before they are read. All reservations of one
  /// value share one budget: nested counts would multiply otherwise.
  template <class Item>
  [[nodiscard]] std::size_t reservable(std::size_t count) {
    const std::size_t most = reserve_left_ / sizeof(Item);
    const std::size_t granted = count < most ? count : most;
    reserve_left_ -= granted * sizeof(Item);
    return granted;
  }
  /// Calls `take_one` for each of `count` Items.
  template <class Item, class TakeOne>
  void take_items(std::size_t count, TakeOne&& take_one);

 private:
  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  template <class T>
  void take_number(T& value);
  template <class T>
  void take_own_codec(T& value);
  template <class T>
  void take_class(T& value);

  byte_source* source_;
  const std::byte* at_;
  const std::byte* end_;
  std::size_t reserve_left_;
  unsigned depth_ = 0;
  std::uint64_t weightless_ = 0;
};

// --- implementation: writing ---

template <purpose For>
template <class T>
output<For>& output<For>::operator<<(const T& value) {
  static_assert(For == purpose::value || is_canonical<T>(),
                "kith: keys must have one encoding for each value; this key's serialize() shows a "
                "float, an unordered container or a type whose codec is not canonical");
  if constexpr (has_own_codec<T>) {
    put_own_codec(value);
  } else if constexpr (fixed_width<T> || trivially_encoded<T>) {
    put_raw(&value, sizeof value);
  } else if constexpr (has_layout<T>) {
    layout<T>::save(*this, value);
  } else if constexpr (is_count<T> || is_item_version<T>) {
    put_count(value);
  } else if constexpr (wrapped_array<T>::value) {
    using item = typename wrapped_array<T>::item;
    if constexpr (copied_raw<item>) {
      put_raw(value.address(), value.count() * sizeof(item));
    } else {
      for (std::size_t i = 0; i < value.count(); ++i) *this << value.address()[i];
    }
  } else if constexpr (is_wrapper<T>) {
    boost::serialization::serialize_adl(*this, const_cast<T&>(value), 0);
  } else {
    put_class(value);
  }
  return *this;
}

template <purpose For>
template <class T>
void output<For>::put_class(const T& value) {
  boost_classes::check<T>();
  if (depth_ >= depth_max) throw_unreadable("kith: the value is nested too deep to be read back");
  ++depth_;
  if constexpr (boost_classes::versioned<T>) put_count(boost_classes::version<T>);
  // Boost's way: one serialize() for both directions takes a mutable reference and only reads.
  boost::serialization::serialize_adl(*this, const_cast<T&>(value), boost_classes::version<T>);
  --depth_;
}

template <purpose For>
template <class T>
void output<For>::put_own_codec(const T& value) {
  byte_sink nested;
  codec<T>::write(value, nested);
  put_count(nested.size());
  put_raw(nested.view().data(), nested.size());
}

template <purpose For>
template <class Item, class Range>
void output<For>::put_items(const Range& items, std::size_t count) {
  put_count(count);
  for (const auto& item : items) {
    if constexpr (bytes_min<Item, boost_classes>() != 0) {
      put_item(item);
    } else {
      const std::size_t before = written();
      put_item(item);
      if (written() == before && ++weightless_ > weightless_items_max) {
        throw_unreadable("kith: the value holds too many empty items to be read back");
      }
    }
  }
}

// --- implementation: reading ---

template <class T>
input& input::operator>>(T&& value) {
  using object = std::remove_reference_t<T>;
  using plain = std::remove_cv_t<object>;
  static_assert(!std::is_const_v<object> || is_wrapper<plain>,
                "kith: a const object cannot be read into");
  if constexpr (has_own_codec<plain>) {
    take_own_codec(value);
  } else if constexpr (fixed_width<plain>) {
    take_number(value);
  } else if constexpr (trivially_encoded<plain>) {
    take_raw(&value, sizeof value);
  } else if constexpr (has_layout<plain>) {
    layout<plain>::load(*this, value);
  } else if constexpr (is_count<plain>) {
    value = plain{take_count<std::byte>()};
  } else if constexpr (is_item_version<plain>) {
    value = plain{static_cast<unsigned>(take_index(std::size_t{1} << 32))};
  } else if constexpr (wrapped_array<plain>::value) {
    using item = typename wrapped_array<plain>::item;
    if constexpr (copied_raw<item>) {
      if (value.count() > left() / sizeof(item)) refuse();
      take_raw(value.address(), value.count() * sizeof(item));
    } else {
      for (std::size_t i = 0; i < value.count(); ++i) *this >> value.address()[i];
    }
  } else if constexpr (is_wrapper<plain>) {
    boost::serialization::serialize_adl(*this, const_cast<plain&>(value), 0);
  } else {
    take_class(value);
  }
  return *this;
}

template <class T>
void input::take_number(T& value) {
  if constexpr (holds_bool<T>) {
    value = static_cast<T>(take_index(2) == 1);
  } else {
    take_raw(&value, sizeof value);
  }
}

template <class T>
void input::take_class(T& value) {
  boost_classes::check<T>();
  if (depth_ >= depth_max) refuse();
  ++depth_;
  unsigned version = 0;
  if constexpr (boost_classes::versioned<T>) {
    version = static_cast<unsigned>(take_index(std::size_t{boost_classes::version<T>} + 1));
  }
  boost::serialization::serialize_adl(*this, value, version);
  --depth_;
}

template <class T>
void input::take_own_codec(T& value) {
  byte_source nested{take_view(take_count<std::byte>())};
  if (!codec<T>::read(nested, value) || !nested.finished()) refuse();
}

template <class Item>
std::size_t input::take_count() {
  constexpr std::size_t each = bytes_min<Item, boost_classes>();
  const std::uint64_t count = take_number();
  if constexpr (each == 0) {
    if (count > left() + weightless_items_max) refuse();
  } else {
    if (count > left() / each) refuse();
  }
  return static_cast<std::size_t>(count);
}

template <class Item, class TakeOne>
void input::take_items(std::size_t count, TakeOne&& take_one) {
  if constexpr (bytes_min<Item, boost_classes>() == 0) {
    for (; count > 0; --count) {
      const std::byte* const before = at_;
      take_one();
      if (at_ == before && ++weightless_ > weightless_items_max) refuse();
    }
  } else {
    for (; count > 0; --count) take_one();
  }
}

template <class T>
inline constexpr tag_text tag_of = [] {
  tag_text text;
  archive::describe<T, boost_classes>(text);
  text.finish();
  return text;
}();

/// What the archive is asked to do: standard types, and classes that nobody else has claimed.
template <class T>
concept archivable = (has_layout<T> || std::is_class_v<T> || std::is_union_v<T>) &&
                     !std::is_array_v<T> && !trivially_encoded<T> && !archived<T>;

}  // namespace kith::archive

namespace kith {

template <class T>
  requires archive::archivable<T>
struct codec<T> {
  static constexpr bool built_in = true;
  static constexpr bool canonical = archive::is_canonical<T>();
  static constexpr std::string_view tag = archive::tag_of<T>.view();

  static void write(const T& value, byte_sink& out) {
    write_as<archive::purpose::value>(value, out);
  }
  /// The same bytes; does not compile where serialize() shows what a key cannot hold.
  static void write_key(const T& value, byte_sink& out) {
    write_as<archive::purpose::key>(value, out);
  }
  static bool read(byte_source& in, T& value) {
    archive::input archive{in};
    archive >> value;
    return archive.finish();
  }

 private:
  template <archive::purpose For>
  static void write_as(const T& value, byte_sink& out) {
    archive::output<For> archive{out};
    archive << value;
    archive.finish();
  }
};

}  // namespace kith
