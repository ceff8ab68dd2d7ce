// Small sets of members, operations or keys, as the models' states hold them.
#pragma once

#include <bit>
#include <cstdint>

namespace model {

using byte = std::uint8_t;
using set = std::uint8_t;

constexpr bool has(set of, int what) { return (of >> what & 1) != 0; }
constexpr set only(int what) { return static_cast<set>(1U << what); }
constexpr set with(set of, int what) { return static_cast<set>(of | only(what)); }
constexpr set without(set of, set others) { return static_cast<set>(of & ~others); }
constexpr set up_to(int count) { return static_cast<set>((1U << count) - 1); }
constexpr int size_of(set of) { return std::popcount(of); }

/// Members are numbered by age.
constexpr int oldest(set of) { return std::countr_zero(of); }
constexpr int youngest(set of) { return std::bit_width(of) - 1; }

}  // namespace model
