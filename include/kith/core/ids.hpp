// Identities: what a thing is called on every member. None of them orders time.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace kith {

/// The number of partitions of a cluster, shared by all its caches. A power of two, fixed for a
/// wire version: the handshake refuses a peer that has another number.
inline constexpr std::uint32_t partition_count = 1024;

enum class partition_id : std::uint16_t {};
enum class cache_id : std::uint32_t {};

[[nodiscard]] constexpr std::uint32_t index_of(partition_id p) {
  return static_cast<std::uint32_t>(p);
}

/// The partition of a key: the top bits of its stable hash, so that tables which use the low bits
/// stay evenly filled within a partition.
[[nodiscard]] constexpr partition_id partition_of(std::uint64_t key_hash) {
  static_assert((partition_count & (partition_count - 1)) == 0);
  return static_cast<partition_id>((key_hash >> 32) & (partition_count - 1));
}

/// One life of one member. The 128 bits are drawn when the member object is made; the incarnation
/// grows by one at every join, so a member that was removed and came back is a new member.
struct member_id {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::uint64_t incarnation = 0;

  friend constexpr auto operator<=>(const member_id&, const member_id&) = default;

  /// True for the value-initialised id, which names nobody.
  [[nodiscard]] constexpr bool nobody() const { return high == 0 && low == 0; }
  /// True when both are lives of the same member object.
  [[nodiscard]] constexpr bool same_object(const member_id& other) const {
    return high == other.high && low == other.low;
  }
};

/// Eight hexadecimal digits and the incarnation: enough for a log line.
[[nodiscard]] inline std::string to_string(const member_id& id) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 32; shift -= 4) text += digits[(id.high >> shift) & 15];
  return text + '.' + std::to_string(id.incarnation);
}

/// Names one mutation for ever: a retry carries the same id and is applied once.
struct operation_id {
  member_id origin;
  std::uint64_t counter = 0;

  friend constexpr auto operator<=>(const operation_id&, const operation_id&) = default;
};

}  // namespace kith

template <>
struct std::hash<kith::member_id> {
  std::size_t operator()(const kith::member_id& id) const noexcept {
    return static_cast<std::size_t>(id.high ^ (id.low * 0x9E3779B97F4A7C15u) ^ id.incarnation);
  }
};
