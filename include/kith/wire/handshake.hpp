// The four records that open a connection. Their layout is fixed and read by hand: nothing generic
// touches bytes of a peer that is not yet known.
//
//   C->S hello       128 bytes   who I am, which cluster, which versions, a nonce
//   S->C challenge    96 bytes   who I am, the version chosen, a nonce
//   C->S proof        64 bytes   a code over all so far, my configuration
//   S->C verdict      64 bytes   the same from the server, the session's number, or why not
//
// There are no secrets yet, so a code is a checksum: who is there must not be what a bit that was
// turned over on the way makes of it.
//
// What differs between the two members' configurations is said in the verdict only, never before
// the proof was seen.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/crc32c.hpp>
#include <kith/core/ids.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace kith::wire {

using nonce = std::array<std::byte, 32>;
using mac = std::array<std::byte, 32>;

struct hello {
  static constexpr std::size_t size = 128;
  std::uint8_t oldest = 0;
  std::uint8_t newest = 0;
  /// Which secret the proof uses; 0: none.
  std::uint16_t key = 0;
  std::uint64_t cluster_hash = 0;
  member_id self;
  nonce fresh{};
};

struct challenge {
  static constexpr std::size_t size = 96;
  std::uint8_t version = 0;
  member_id self;
  nonce fresh{};
};

struct proof {
  static constexpr std::size_t size = 64;
  mac code{};
  /// Hash of what both members must agree on before the first frame.
  std::uint64_t config_hash = 0;
};

enum class verdict_status : std::uint8_t {
  welcome,
  wrong_cluster,
  wrong_config,
  wrong_proof,
  unknown_key,
  own_identity,
  busy,
};

[[nodiscard]] constexpr std::string_view to_string(verdict_status status) {
  switch (status) {
    case verdict_status::welcome: return "welcome";
    case verdict_status::wrong_cluster: return "the peer is of another cluster";
    case verdict_status::wrong_config:
      return "the peer has another number of partitions or another quorum";
    case verdict_status::wrong_proof: return "the peer does not know the secret";
    case verdict_status::unknown_key: return "the peer uses another secret";
    case verdict_status::own_identity: return "the peer is this member itself";
    case verdict_status::busy: return "the peer takes no more connections";
  }
  return "unknown";
}

struct verdict {
  static constexpr std::size_t size = 64;
  mac code{};
  std::uint64_t config_hash = 0;
  std::uint32_t sid = 0;
  verdict_status status = verdict_status::welcome;
};

// --- implementation ---

/// Walks the bytes of one fixed record. Put and take keep the same order.
class record_cursor {
 public:
  explicit record_cursor(std::byte* at) : at_{at} {}

  template <class Word>
  void put(const Word& word) {
    std::memcpy(at_, &word, sizeof word);
    at_ += sizeof word;
  }
  template <class Word>
  void take(Word& word) {
    std::memcpy(&word, at_, sizeof word);
    at_ += sizeof word;
  }

 private:
  std::byte* at_;
};

inline constexpr std::array<char, 4> hello_magic{'K', 'I', 'T', 'H'};
inline constexpr std::array<char, 4> challenge_magic{'K', 'I', 'T', 'C'};

template <std::size_t Size>
using record = std::array<std::byte, Size>;

[[nodiscard]] inline record<hello::size> to_record(const hello& value) {
  record<hello::size> target{};
  record_cursor out{target.data()};
  out.put(hello_magic);
  out.put(value.oldest);
  out.put(value.newest);
  out.put(value.key);
  out.put(value.cluster_hash);
  out.put(value.self.high);
  out.put(value.self.low);
  out.put(value.self.incarnation);
  out.put(value.fresh);
  return target;
}

[[nodiscard]] inline record<challenge::size> to_record(const challenge& value) {
  record<challenge::size> target{};
  record_cursor out{target.data()};
  out.put(challenge_magic);
  out.put(value.version);
  out.put(std::array<std::byte, 3>{});
  out.put(value.self.high);
  out.put(value.self.low);
  out.put(value.self.incarnation);
  out.put(value.fresh);
  return target;
}

[[nodiscard]] inline record<proof::size> to_record(const proof& value) {
  record<proof::size> target{};
  record_cursor out{target.data()};
  out.put(value.code);
  out.put(value.config_hash);
  return target;
}

[[nodiscard]] inline record<verdict::size> to_record(const verdict& value) {
  record<verdict::size> target{};
  record_cursor out{target.data()};
  out.put(value.code);
  out.put(value.config_hash);
  out.put(value.sid);
  out.put(value.status);
  return target;
}

/// The code of a proof or a verdict behind the records `said`: their CRC-32C and its own, where its
/// code counts as zeros. All but the first four bytes are zeros.
template <class Record>
[[nodiscard]] mac code_behind(bytes said, Record value) {
  value.code = {};
  const auto encoded = to_record(value);
  said.insert(said.end(), encoded.begin(), encoded.end());
  const std::uint32_t sum = crc32c(said);
  mac code{};
  std::memcpy(code.data(), &sum, sizeof sum);
  return code;
}

[[nodiscard]] inline std::uint32_t sum_of(const mac& code) {
  std::uint32_t sum = 0;
  std::memcpy(&sum, code.data(), sizeof sum);
  return sum;
}

/// Anything else is the MAC of a peer that has a secret.
[[nodiscard]] inline bool is_checksum(const mac& code) {
  return std::all_of(code.begin() + sizeof(std::uint32_t), code.end(),
                     [](std::byte one) { return one == std::byte{0}; });
}

/// Each reader is empty where the record is not one: a wrong magic, an unknown status, or bytes
/// that are not the canonical ones (padding must be zero).
template <class Record>
[[nodiscard]] std::optional<Record> from_record(byte_view source);

template <>
[[nodiscard]] inline std::optional<hello> from_record<hello>(byte_view source) {
  if (source.size() != hello::size) return std::nullopt;
  record<hello::size> copy;
  std::memcpy(copy.data(), source.data(), copy.size());
  record_cursor in{copy.data()};
  std::array<char, 4> magic{};
  hello value;
  in.take(magic);
  in.take(value.oldest);
  in.take(value.newest);
  in.take(value.key);
  in.take(value.cluster_hash);
  in.take(value.self.high);
  in.take(value.self.low);
  in.take(value.self.incarnation);
  in.take(value.fresh);
  if (magic != hello_magic || value.self.nobody()) return std::nullopt;
  if (to_record(value) != copy) return std::nullopt;
  return value;
}

template <>
[[nodiscard]] inline std::optional<challenge> from_record<challenge>(byte_view source) {
  if (source.size() != challenge::size) return std::nullopt;
  record<challenge::size> copy;
  std::memcpy(copy.data(), source.data(), copy.size());
  record_cursor in{copy.data()};
  std::array<char, 4> magic{};
  std::array<std::byte, 3> reserved{};
  challenge value;
  in.take(magic);
  in.take(value.version);
  in.take(reserved);
  in.take(value.self.high);
  in.take(value.self.low);
  in.take(value.self.incarnation);
  in.take(value.fresh);
  if (magic != challenge_magic || value.self.nobody()) return std::nullopt;
  if (to_record(value) != copy) return std::nullopt;
  return value;
}

template <>
[[nodiscard]] inline std::optional<proof> from_record<proof>(byte_view source) {
  if (source.size() != proof::size) return std::nullopt;
  record<proof::size> copy;
  std::memcpy(copy.data(), source.data(), copy.size());
  record_cursor in{copy.data()};
  proof value;
  in.take(value.code);
  in.take(value.config_hash);
  if (to_record(value) != copy) return std::nullopt;
  return value;
}

template <>
[[nodiscard]] inline std::optional<verdict> from_record<verdict>(byte_view source) {
  if (source.size() != verdict::size) return std::nullopt;
  record<verdict::size> copy;
  std::memcpy(copy.data(), source.data(), copy.size());
  record_cursor in{copy.data()};
  verdict value;
  std::uint8_t status = 0;
  in.take(value.code);
  in.take(value.config_hash);
  in.take(value.sid);
  in.take(status);
  if (status > static_cast<std::uint8_t>(verdict_status::busy)) return std::nullopt;
  value.status = static_cast<verdict_status>(status);
  if (to_record(value) != copy) return std::nullopt;
  return value;
}

}  // namespace kith::wire
