// How standard containers are laid out: a count and the items in order; bits are packed, eight to a
// byte.
//
// Loading makes items one at a time behind those that were read: a count alone never decides how
// much memory is taken. `out` and `in` are the archives of codec_boost.hpp.
#pragma once

#include <kith/archive/layout.hpp>

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <forward_list>
#include <list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace kith::archive {

// --- sequences ---

template <class Container>
struct counted_layout {
  using item = typename Container::value_type;
  static constexpr bool canonical = is_canonical<item>();

  template <class Classes>
  static consteval std::size_t bytes_min() {
    return 1;
  }
  template <class Classes>
  static constexpr void describe(tag_text& out) {
    describe_all<Classes, item>(out, "sequence");
  }
  template <class Out>
  static void save(Out& out, const Container& from) {
    out.template put_items<item>(from, from.size());
  }
};

template <class T, class A>
struct layout<std::vector<T, A>> : counted_layout<std::vector<T, A>> {
  template <class Out>
  static void save(Out& out, const std::vector<T, A>& from) {
    if constexpr (copied_raw<T>) {
      out.put_block(from.size(), from.data(), from.size() * sizeof(T));
    } else {
      out.template put_items<T>(from, from.size());
    }
  }
  template <class In>
  static void load(In& in, std::vector<T, A>& into) {
    const std::size_t count = in.template take_count<T>();
    if constexpr (copied_raw<T>) {
      into.resize(count);
      in.take_raw(into.data(), count * sizeof(T));
    } else {
      into.clear();
      into.reserve(in.template reservable<T>(count));
      in.template take_items<T>(count, [&] { in >> into.emplace_back(); });
    }
  }
};

/// Saves and loads `count` bits, eight to a byte, lowest first; the unused ones are 0.
template <class Out, class Bits>
void save_bits(Out& out, const Bits& from, std::size_t count) {
  for (std::size_t i = 0; i < count; i += 8) {
    unsigned octet = 0;
    for (std::size_t k = 0; k < 8 && i + k < count; ++k) {
      octet |= static_cast<unsigned>(static_cast<bool>(from[i + k])) << k;
    }
    out << static_cast<std::uint8_t>(octet);
  }
}

template <class In, class Bits>
void load_bits(In& in, Bits& into, std::size_t count) {
  for (std::size_t i = 0; i < count; i += 8) {
    std::uint8_t octet = 0;
    in >> octet;
    if (count - i < 8 && octet >> (count - i) != 0) in.refuse();
    for (std::size_t k = 0; k < 8 && i + k < count; ++k) into[i + k] = ((octet >> k) & 1) != 0;
  }
}

template <class A>
struct layout<std::vector<bool, A>> {
  static constexpr bool canonical = true;
  template <class Classes>
  static consteval std::size_t bytes_min() {
    return 1;
  }
  template <class Classes>
  static constexpr void describe(tag_text& out) {
    out << "bits";
  }
  template <class Out>
  static void save(Out& out, const std::vector<bool, A>& from) {
    out.put_count(from.size());
    save_bits(out, from, from.size());
  }
  template <class In>
  static void load(In& in, std::vector<bool, A>& into) {
    const std::size_t count = in.take_bit_count();
    into.assign(count, false);
    load_bits(in, into, count);
  }
};

template <std::size_t N>
struct layout<std::bitset<N>> {
  static constexpr bool canonical = true;
  template <class Classes>
  static consteval std::size_t bytes_min() {
    return (N + 7) / 8;
  }
  template <class Classes>
  static constexpr void describe(tag_text& out) {
    out << "bits" << N;
  }
  template <class Out>
  static void save(Out& out, const std::bitset<N>& from) {
    save_bits(out, from, N);
  }
  template <class In>
  static void load(In& in, std::bitset<N>& into) {
    load_bits(in, into, N);
  }
};

template <class C, class Traits, class A>
  requires fixed_width<C>
struct layout<std::basic_string<C, Traits, A>> {
  using text = std::basic_string<C, Traits, A>;
  static constexpr bool canonical = true;

  template <class Classes>
  static consteval std::size_t bytes_min() {
    return 1;
  }
  template <class Classes>
  static constexpr void describe(tag_text& out) {
    if constexpr (sizeof(C) == 1) {
      out << "string";
    } else {
      out << "string" << 8 * sizeof(C);
    }
  }
  template <class Out>
  static void save(Out& out, const text& from) {
    out.put_block(from.size(), from.data(), from.size() * sizeof(C));
  }
  template <class In>
  static void load(In& in, text& into) {
    const std::size_t count = in.template take_count<C>();
    if constexpr (std::is_same_v<C, char>) {
      into.assign(as_text(in.take_view(count)));
    } else {
      into.resize(count);
      in.take_raw(into.data(), count * sizeof(C));
    }
  }
};

template <class Container>
struct list_layout : counted_layout<Container> {
  using item = typename Container::value_type;
  template <class In>
  static void load(In& in, Container& into) {
    into.clear();
    const std::size_t count = in.template take_count<item>();
    in.template take_items<item>(count, [&] { in >> into.emplace_back(); });
  }
};

template <class T, class A>
struct layout<std::deque<T, A>> : list_layout<std::deque<T, A>> {};
template <class T, class A>
struct layout<std::list<T, A>> : list_layout<std::list<T, A>> {};

template <class T, class A>
struct layout<std::forward_list<T, A>> : counted_layout<std::forward_list<T, A>> {
  using list = std::forward_list<T, A>;
  template <class Out>
  static void save(Out& out, const list& from) {
    std::size_t count = 0;
    for (auto at = from.begin(); at != from.end(); ++at) ++count;
    out.template put_items<T>(from, count);
  }
  template <class In>
  static void load(In& in, list& into) {
    into.clear();
    const std::size_t count = in.template take_count<T>();
    auto last = into.before_begin();
    in.template take_items<T>(count, [&] {
      last = into.emplace_after(last);
      in >> *last;
    });
  }
};

// --- sets and maps ---

/// An item that is already there, where each may be there once, is refused: equal containers would
/// have two encodings.
template <class Container, bool Ordered>
struct set_layout : counted_layout<Container> {
  using item = typename Container::value_type;
  static constexpr bool canonical = Ordered && is_canonical<item>();

  template <class Classes>
  static constexpr void describe(tag_text& out) {
    describe_all<Classes, item>(out, "set");
  }
  template <class In>
  static void load(In& in, Container& into) {
    into.clear();
    const std::size_t count = in.template take_count<item>();
    in.template take_items<item>(count, [&] {
      item next{};
      in >> next;
      into.insert(into.end(), std::move(next));
    });
    if (into.size() != count) in.refuse();
  }
};

template <class Container, bool Ordered>
struct map_layout {
  using key = typename Container::key_type;
  using mapped = typename Container::mapped_type;
  using item = std::pair<key, mapped>;
  static constexpr bool canonical = Ordered && is_canonical<key>() && is_canonical<mapped>();

  template <class Classes>
  static consteval std::size_t bytes_min() {
    return 1;
  }
  template <class Classes>
  static constexpr void describe(tag_text& out) {
    describe_all<Classes, key, mapped>(out, "map");
  }
  template <class Out>
  static void save(Out& out, const Container& from) {
    out.template put_items<item>(from, from.size());
  }
  template <class In>
  static void load(In& in, Container& into) {
    into.clear();
    const std::size_t count = in.template take_count<item>();
    in.template take_items<item>(count, [&] {
      key next{};
      in >> next;
      in >> into.emplace_hint(into.end(), std::move(next), mapped{})->second;
    });
    if (into.size() != count) in.refuse();
  }
};

template <class T, class C, class A>
struct layout<std::set<T, C, A>> : set_layout<std::set<T, C, A>, true> {};
template <class T, class C, class A>
struct layout<std::multiset<T, C, A>> : set_layout<std::multiset<T, C, A>, true> {};
template <class T, class H, class E, class A>
struct layout<std::unordered_set<T, H, E, A>> : set_layout<std::unordered_set<T, H, E, A>, false> {
};
template <class T, class H, class E, class A>
struct layout<std::unordered_multiset<T, H, E, A>>
    : set_layout<std::unordered_multiset<T, H, E, A>, false> {};

template <class K, class V, class C, class A>
struct layout<std::map<K, V, C, A>> : map_layout<std::map<K, V, C, A>, true> {};
template <class K, class V, class C, class A>
struct layout<std::multimap<K, V, C, A>> : map_layout<std::multimap<K, V, C, A>, true> {};
template <class K, class V, class H, class E, class A>
struct layout<std::unordered_map<K, V, H, E, A>>
    : map_layout<std::unordered_map<K, V, H, E, A>, false> {};
template <class K, class V, class H, class E, class A>
struct layout<std::unordered_multimap<K, V, H, E, A>>
    : map_layout<std::unordered_multimap<K, V, H, E, A>, false> {};

}  // namespace kith::archive
