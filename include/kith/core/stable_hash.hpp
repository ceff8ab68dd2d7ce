// The hash that decides ownership: the same on every member, machine, compiler and version.
//
// XXH64 (Yann Collet, "xxHash fast digest algorithm", 2012) with seed 0, written from its published
// description and checked against vectors of the reference implementation. absl::Hash and std::hash
// differ between processes and may never decide where a key lives. It is no defence against keys
// that are chosen to collide: tables that index by it add a salt of their process.
#pragma once

#include <kith/core/bytes.hpp>

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace kith {

namespace xxh64 {

inline constexpr std::uint64_t prime1 = 0x9E3779B185EBCA87u;
inline constexpr std::uint64_t prime2 = 0xC2B2AE3D27D4EB4Fu;
inline constexpr std::uint64_t prime3 = 0x165667B19E3779F9u;
inline constexpr std::uint64_t prime4 = 0x85EBCA77C2B2AE63u;
inline constexpr std::uint64_t prime5 = 0x27D4EB2F165667C5u;

static_assert(std::endian::native == std::endian::little,
              "kith runs on little-endian machines: its wire format is read in place");

template <class Word>
[[nodiscard]] inline Word load(const std::byte* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

[[nodiscard]] constexpr std::uint64_t round(std::uint64_t lane, std::uint64_t input) {
  return std::rotl(lane + input * prime2, 31) * prime1;
}

[[nodiscard]] constexpr std::uint64_t merge(std::uint64_t hash, std::uint64_t lane) {
  return (hash ^ round(0, lane)) * prime1 + prime4;
}

[[nodiscard]] constexpr std::uint64_t avalanche(std::uint64_t hash) {
  hash = (hash ^ (hash >> 33)) * prime2;
  hash = (hash ^ (hash >> 29)) * prime3;
  return hash ^ (hash >> 32);
}

[[nodiscard]] constexpr std::uint64_t mix_word(std::uint64_t hash, std::uint64_t word) {
  return std::rotl(hash ^ round(0, word), 27) * prime1 + prime4;
}

}  // namespace xxh64

/// Hashes `view`; reads each byte once and allocates nothing.
[[nodiscard]] inline std::uint64_t stable_hash(byte_view view) {
  using namespace xxh64;
  const std::byte* at = view.data();
  std::size_t left = view.size();
  std::uint64_t hash = prime5;
  if (left >= 32) {
    std::uint64_t lanes[4] = {prime1 + prime2, prime2, 0, 0 - prime1};
    for (; left >= 32; left -= 32) {
      for (std::uint64_t& lane : lanes) {
        lane = round(lane, load<std::uint64_t>(at));
        at += 8;
      }
    }
    hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) +
           std::rotl(lanes[3], 18);
    for (const std::uint64_t lane : lanes) hash = merge(hash, lane);
  }
  hash += view.size();
  for (; left >= 8; left -= 8, at += 8) hash = mix_word(hash, load<std::uint64_t>(at));
  if (left >= 4) {
    hash = std::rotl(hash ^ (load<std::uint32_t>(at) * prime1), 23) * prime2 + prime3;
    left -= 4;
    at += 4;
  }
  for (; left > 0; --left, ++at) {
    hash = std::rotl(hash ^ (static_cast<std::uint64_t>(*at) * prime5), 11) * prime1;
  }
  return avalanche(hash);
}

/// Hashes the eight little-endian bytes of `word`: equal to stable_hash of those bytes, without
/// storing them.
[[nodiscard]] constexpr std::uint64_t stable_hash_word(std::uint64_t word) {
  return xxh64::avalanche(xxh64::mix_word(xxh64::prime5 + 8, word));
}

/// Hashes the little-endian bytes of a number of 1, 2, 4 or 8 bytes: equal to stable_hash of those
/// bytes, without storing them.
template <class Number>
  requires(std::is_integral_v<Number> && sizeof(Number) <= 8)
[[nodiscard]] constexpr std::uint64_t stable_hash_number(Number number) {
  using namespace xxh64;
  auto word = static_cast<std::uint64_t>(number);
  if constexpr (sizeof(Number) == 8) {
    return stable_hash_word(word);
  } else if constexpr (sizeof(Number) == 4) {
    word &= 0xFFFFFFFFu;
    return avalanche(std::rotl((prime5 + 4) ^ (word * prime1), 23) * prime2 + prime3);
  } else {
    std::uint64_t hash = prime5 + sizeof(Number);
    for (std::size_t i = 0; i < sizeof(Number); ++i, word >>= 8) {
      hash = std::rotl(hash ^ ((word & 0xFF) * prime5), 11) * prime1;
    }
    return avalanche(hash);
  }
}

/// Extends `hash` by `more`: for identities made of two parts, such as a cache and a key.
[[nodiscard]] constexpr std::uint64_t stable_hash_combine(std::uint64_t hash, std::uint64_t more) {
  return xxh64::avalanche(xxh64::mix_word(hash, more));
}

}  // namespace kith
