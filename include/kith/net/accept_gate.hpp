// How many strangers may come in, and how fast: the caps that keep a flood of connects from costing
// more than a little. No I/O; the listener asks it and time is an argument.
#pragma once

#include <kith/core/hash_map.hpp>
#include <kith/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace kith::net {

struct accept_limits {
  /// Connections that have not finished their handshake.
  std::size_t handshakes = 32;
  /// New connections a second of one address; the loopback is exempt, where all members of a
  /// machine share one address.
  std::uint32_t per_address = 5;
  /// Addresses that are remembered; beyond it the memory starts afresh.
  std::size_t addresses = 4096;
};

class accept_gate {
 public:
  explicit accept_gate(const accept_limits& limits) : limits_{limits} {}

  /// True where one more handshake may run. False: leave it in the kernel's queue.
  [[nodiscard]] bool has_room() const { return handshakes_ < limits_.handshakes; }

  /// True where `address` may connect once more; counts it.
  [[nodiscard]] bool admit(time_point now, const std::string& address);

  void on_handshake_begun() { ++handshakes_; }
  void on_handshake_ended() { --handshakes_; }

 private:
  /// A token bucket: full at `per_address`, one token back every 1/per_address seconds.
  struct bucket {
    time_point full_at{};
  };

  accept_limits limits_;
  std::size_t handshakes_ = 0;
  hash_map<std::string, bucket> buckets_;
};

// --- implementation ---

inline bool accept_gate::admit(time_point now, const std::string& address) {
  const duration token = duration{std::chrono::seconds{1}} / limits_.per_address;
  if (buckets_.size() >= limits_.addresses && !buckets_.contains(address)) buckets_.clear();
  bucket& mine = buckets_[address];
  const time_point full_at = std::max(mine.full_at, now) + token;
  if (full_at - now > std::chrono::seconds{1}) return false;
  mine.full_at = full_at;
  return true;
}

}  // namespace kith::net
