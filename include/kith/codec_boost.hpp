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
// what its serialize() shows; containers.hpp and composites.hpp have the standard types; a type
// with an own kith::codec is its length and its bytes. Golden bytes in the tests: it is the wire's.
#pragma once

#include <kith/archive/composites.hpp>
#include <kith/archive/containers.hpp>
#include <kith/archive/layout.hpp>
#include <kith/archive/reader.hpp>
#include <kith/archive/writer.hpp>
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
#include <variant>

namespace kith::archive {

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

/// An output archive of Boost's concept; lives as long as one encode().
template <purpose For>
class output : public writer {
 public:
  using is_saving = boost::mpl::true_;
  using is_loading = boost::mpl::false_;
  using writer::writer;

  template <class T>
  output& operator<<(const T& value);
  template <class T>
  output& operator&(const T& value) {
    return *this << value;
  }

  void save_binary(const void* data, std::size_t size) { put_raw(data, size); }
  boost::serialization::library_version_type get_library_version() const {
    return boost::serialization::library_version_type(library_version);
  }
  template <class T>
  void register_type(const T* = nullptr) {
    boost_classes::check<T>();
  }

  /// For layouts: a count and that many items.
  template <class Item, class Range>
  void put_items(const Range& items, std::size_t count);

 private:
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
};

/// An input archive of Boost's concept; lives as long as one decode(). Throws archive::refused.
class input : public reader {
 public:
  using is_saving = boost::mpl::false_;
  using is_loading = boost::mpl::true_;
  using reader::reader;

  template <class T>
  input& operator>>(T&& value);
  template <class T>
  input& operator&(T&& value) {
    return *this >> value;
  }

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

  /// For layouts: how many Items follow.
  template <class Item>
  [[nodiscard]] std::size_t take_count() {
    return take_count_of<bytes_min<Item, boost_classes>()>();
  }
  /// Calls `take_one` for each of `count` Items.
  template <class Item, class TakeOne>
  void take_items(std::size_t count, TakeOne&& take_one);

 private:
  template <class T>
  void take_fixed(T& value);
  template <class T>
  void take_own_codec(T& value);
  template <class T>
  void take_class(T& value);
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
  enter();
  if constexpr (boost_classes::versioned<T>) put_count(boost_classes::version<T>);
  // Boost's way: one serialize() for both directions takes a mutable reference and only reads.
  boost::serialization::serialize_adl(*this, const_cast<T&>(value), boost_classes::version<T>);
  leave();
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
      if (written() == before) count_weightless();
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
    take_fixed(value);
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
void input::take_fixed(T& value) {
  if constexpr (holds_bool<T>) {
    value = static_cast<T>(take_index(2) == 1);
  } else {
    take_raw(&value, sizeof value);
  }
}

template <class T>
void input::take_class(T& value) {
  boost_classes::check<T>();
  enter();
  unsigned version = 0;
  if constexpr (boost_classes::versioned<T>) {
    version = static_cast<unsigned>(take_index(std::size_t{boost_classes::version<T>} + 1));
  }
  boost::serialization::serialize_adl(*this, value, version);
  leave();
}

template <class T>
void input::take_own_codec(T& value) {
  byte_source nested{take_view(take_count<std::byte>())};
  if (!read_value(nested, value) || !nested.finished()) refuse();
}

template <class Item, class TakeOne>
void input::take_items(std::size_t count, TakeOne&& take_one) {
  if constexpr (bytes_min<Item, boost_classes>() == 0) {
    for (; count > 0; --count) {
      const std::size_t before = left();
      take_one();
      if (left() == before) count_weightless();
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
