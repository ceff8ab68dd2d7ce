// How standard types of a fixed number of items are laid out: arrays, pairs and tuples are their
// items in order; optional is a bool and the value; variant the index of the alternative and its
// value. `out` and `in` are the archives of codec_boost.hpp.
#pragma once

#include <kith/archive/layout.hpp>

#include <array>
#include <chrono>
#include <complex>
#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace kith::archive {

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
