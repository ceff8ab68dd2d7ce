// How a message names its fields, once, for both directions:
//
//   struct ping {
//     static constexpr opcode code = opcode::ping;
//     std::uint64_t sent_at = 0;
//     template <class Self, class Visitor>
//     static void fields(Self& self, Visitor&& visit) { visit(fixed(self.sent_at)); }
//   };
//
// encode.hpp and decode.hpp are the two visitors, so what is written is what is read. A field whose
// length a peer chooses is wrapped in capped(field, cap).
#pragma once

#include <cstddef>
#include <type_traits>

namespace kith::wire {

/// A string, byte sequence or vector of at most `cap` bytes or items.
template <class Field>
struct capped_field {
  Field& field;
  std::size_t cap;
};

template <class Field>
[[nodiscard]] constexpr capped_field<Field> capped(Field& field, std::size_t cap) {
  return {field, cap};
}

/// An integer of full width: hashes, identities and times, which are seldom small.
template <class Field>
struct fixed_field {
  Field& field;
};

template <class Field>
[[nodiscard]] constexpr fixed_field<Field> fixed(Field& field) {
  return {field};
}

/// The highest enumerator of an enumeration that travels; all from 0 to it are valid.
template <class Enum>
inline constexpr Enum last_enumerator = [] {
  static_assert(sizeof(Enum) == 0, "declare last_enumerator<Enum> beside the enumeration");
  return Enum{};
}();

}  // namespace kith::wire
