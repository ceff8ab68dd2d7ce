// Every cap of the wire, by name. A peer that exceeds one loses its connection; a caller that would
// exceed one gets errc::too_large or errc::overloaded before anything is sent.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace kith::wire::limits {

/// A whole message, after its fragments were put together (16 MiB).
inline constexpr std::size_t message_bytes = std::size_t{16} << 20;
/// One frame on the wire; longer messages travel as fragments, so that a large value never holds
/// back a heartbeat for long (64 KiB).
inline constexpr std::size_t frame_bytes = std::size_t{64} << 10;
/// A membership message that carries no view (64 KiB).
inline constexpr std::size_t control_bytes = std::size_t{64} << 10;
/// A message that carries a view or a change of one (1 MiB).
inline constexpr std::size_t view_bytes = std::size_t{1} << 20;
/// A message about near entries: batch_items of the smallest kind fill about half of it (256 KiB).
inline constexpr std::size_t coherence_bytes = std::size_t{256} << 10;
/// Messages of one connection that are being put together from fragments at a time.
inline constexpr std::size_t fragmented_messages = 16;
/// Bytes of one connection that wait for the rest of their message (64 MiB).
inline constexpr std::size_t fragment_bytes = std::size_t{64} << 20;

/// The same for all connections of a member (256 MiB).
inline constexpr std::size_t decode_bytes = std::size_t{256} << 20;
/// A message of several frames is whole this long after its first.
inline constexpr std::chrono::seconds message_time{60};
/// Requests of one peer that were taken on and are not answered, and their bytes (64 MiB).
inline constexpr std::size_t in_flight_requests = 4096;
inline constexpr std::size_t in_flight_bytes = std::size_t{64} << 20;

inline constexpr std::size_t key_bytes = 4096;
inline constexpr std::size_t value_bytes = std::size_t{8} << 20;
inline constexpr std::size_t name_bytes = 128;
inline constexpr std::size_t host_bytes = 256;
inline constexpr std::size_t text_bytes = 256;

/// Tags of one entry.
inline constexpr std::size_t tags = 16;
/// Keys, entries or partitions named by one message.
inline constexpr std::size_t batch_items = 4096;
inline constexpr std::size_t members = 4096;
inline constexpr std::size_t caches = 1024;
inline constexpr std::size_t varint_bytes = 10;

/// What an unauthenticated peer may send, and what it is sent.
inline constexpr std::size_t handshake_bytes_in = 4096;
inline constexpr std::size_t handshake_bytes_out = 1024;
inline constexpr std::chrono::seconds handshake_time{5};

}  // namespace kith::wire::limits
