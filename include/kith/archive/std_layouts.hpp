// How standard types are laid out, field by field. Sequences, sets and maps are a count and their
// items in order; arrays, pairs and tuples only their items; optional a bool and the value; variant
// the index of the alternative and its value; bits are packed, eight to a byte.
//
// Loading makes items one at a time behind those that were read: a count alone never decides how
// much memory is taken. `out` and `in` are the archives of codec_boost.hpp.
#pragma once

#include <kith/archive/layout.hpp>

#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <deque>
#include <forward_list>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
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
      out.put_count(from.size());
      out.put_raw(from.data(), from.size() * sizeof(T));
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
    out.put_count(from.size());
    out.put_raw(from.data(), from.size() * sizeof(C));
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

// --- a fixed number of items ---

template <class Array, class T, std::size_t N>
struct array_layout {
  static constexpr bool canonical = is_canonical<T>();

  template <class Classes>
  static consteval std::size_t bytes_min() {
    return N * archive::bytes_min<T, Classes>();
  }
  template <class Classes>
  static constexpr void describe(tag_text& out) {
    describe_all<Classes, T>(out << "array" << N, "");
  }
  template <class Out>
  static void save(Out& out, const Array& from) {
    if constexpr (N == 0) {
    } else if constexpr (copied_raw<T>) {
      out.put_raw(&from[0], sizeof(T) * N);
    } else {
      for (const T& item : from) out << item;
    }
  }
  template <class In>
  static void load(In& in, Array& into) {
    if constexpr (N == 0) {
    } else if constexpr (copied_raw<T>) {
      in.take_raw(&into[0], sizeof(T) * N);
    } else {
      for (T& item : into) in >> item;
    }
  }
};

template <class T, std::size_t N>
struct layout<std::array<T, N>> : array_layout<std::array<T, N>, T, N> {};
template <class T, std::size_t N>
struct layout<T[N]> : array_layout<T[N], T, N> {};

template <class Tuple, class... Items>
struct tuple_layout {
  static constexpr bool canonical = (is_canonical<std::remove_cv_t<Items>>() && ...);

  template <class Classes>
  static consteval std::size_t bytes_min() {
    return (std::size_t{0} + ... + archive::bytes_min<std::remove_cv_t<Items>, Classes>());
  }
  template <class Classes>
  static constexpr void describe(tag_text& out) {
    describe_all<Classes, std::remove_cv_t<Items>...>(out, "tuple");
  }
  template <class Out>
  static void save(Out& out, const Tuple& from) {
    std::apply([&](const auto&... items) { (static_cast<void>(out << items), ...); }, from);
  }
  /// Boost's own loaders of maps read into a fresh pair<const Key, Value>, hence the cast.
  template <class In>
  static void load(In& in, Tuple& into) {
    std::apply(
        [&](auto&... items) {
          (static_cast<void>(in >> const_cast<std::remove_cvref_t<decltype(items)>&>(items)), ...);
        },
        into);
  }
};

template <class A, class B>
struct layout<std::pair<A, B>> : tuple_layout<std::pair<A, B>, A, B> {};
template <class... Items>
struct layout<std::tuple<Items...>> : tuple_layout<std::tuple<Items...>, Items...> {};

template <class T>
struct layout<std::complex<T>> {
  static constexpr bool canonical = is_canonical<T>();
  template <class Classes>
  static consteval std::size_t bytes_min() {
    return 2 * sizeof(T);
  }
  template <class Classes>
  static constexpr void describe(tag_text& out) {
    describe_all<Classes, T>(out, "complex");
  }
  template <class Out>
  static void save(Out& out, const std::complex<T>& from) {
    out << from.real() << from.imag();
  }
  template <class In>
  static void load(In& in, std::complex<T>& into) {
    T real{};
    T imaginary{};
    in >> real >> imaginary;
    into = {real, imaginary};
  }
};

template <class Rep, class Period>
struct layout<std::chrono::duration<Rep, Period>> {
  using duration = std::chrono::duration<Rep, Period>;
  static constexpr bool canonical = is_canonical<Rep>();
  template <class Classes>
  static consteval std::size_t bytes_min() {
    return archive::bytes_min<Rep, Classes>();
  }
  template <class Classes>
  static constexpr void describe(tag_text& out) {
    describe_all<Classes, Rep>(out, "duration");
    out << static_cast<std::size_t>(Period::num) << "/" << static_cast<std::size_t>(Period::den);
  }
  template <class Out>
  static void save(Out& out, const duration& from) {
    out << from.count();
  }
  template <class In>
  static void load(In& in, duration& into) {
    Rep count{};
    in >> count;
    into = duration{count};
  }
};

template <class Clock, class Duration>
struct layout<std::chrono::time_point<Clock, Duration>> : layout<Duration> {
  static_assert(Clock::is_steady == false,
                "kith: a steady clock's time points mean nothing in another process");
  using point = std::chrono::time_point<Clock, Duration>;
  template <class Out>
  static void save(Out& out, const point& from) {
    out << from.time_since_epoch();
  }
  template <class In>
  static void load(In& in, point& into) {
    Duration since{};
    in >> since;
    into = point{since};
  }
};

// --- one of several ---

template <class T>
struct layout<std::optional<T>> {
  static constexpr bool canonical = is_canonical<T>();
  template <class Classes>
  static consteval std::size_t bytes_min() {
    return 1;
  }
  template <class Classes>
  static constexpr void describe(tag_text& out) {
    describe_all<Classes, T>(out, "optional");
  }
  template <class Out>
  static void save(Out& out, const std::optional<T>& from) {
    out << from.has_value();
    if (from) out << *from;
  }
  template <class In>
  static void load(In& in, std::optional<T>& into) {
    bool present = false;
    in >> present;
    into.reset();
    if (present) in >> into.emplace();
  }
};

template <>
struct layout<std::monostate> : tuple_layout<std::tuple<>> {
  template <class Out>
  static void save(Out&, std::monostate) {}
  template <class In>
  static void load(In&, std::monostate&) {}
};

template <class... Items>
struct layout<std::variant<Items...>> {
  using variant = std::variant<Items...>;
  static constexpr bool canonical = (is_canonical<Items>() && ...);

  template <class Classes>
  static consteval std::size_t bytes_min() {
    return 1;
  }
  template <class Classes>
  static constexpr void describe(tag_text& out) {
    describe_all<Classes, Items...>(out, "variant");
  }
  template <class Out>
  static void save(Out& out, const variant& from) {
    if (from.valueless_by_exception()) throw std::bad_variant_access{};
    out.put_count(from.index());
    std::visit([&](const auto& value) { out << value; }, from);
  }
  template <class In>
  static void load(In& in, variant& into) {
    const std::size_t index = in.take_index(sizeof...(Items));
    load_nth(in, into, index, std::index_sequence_for<Items...>{});
  }

 private:
  template <class In, std::size_t... I>
  static void load_nth(In& in, variant& into, std::size_t index, std::index_sequence<I...>) {
    ((index == I ? static_cast<void>(in >> into.template emplace<I>()) : void()), ...);
  }
};

}  // namespace kith::archive
