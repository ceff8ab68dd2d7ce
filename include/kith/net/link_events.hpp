// What the table of links is told, and what it tells (links.hpp).
#pragma once

#include <kith/core/endpoint.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>
#include <kith/net/connection.hpp>
#include <kith/net/connection_options.hpp>
#include <kith/net/dialer.hpp>
#include <kith/net/link_table.hpp>
#include <kith/wire/handshake.hpp>
#include <kith/wire/limits.hpp>
#include <kith/wire/splitter.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace kith::net {

struct link_options {
  member_id self;
  std::uint64_t cluster_hash = 0;
  std::uint64_t config_hash = 0;
  connection_options connection = {};
  link_limits limits = {};
  duration dial_time = std::chrono::seconds{2};
  /// Dials at a time; more wait.
  std::size_t dials = 64;
  /// Links to peers that are not members of the view.
  std::size_t unknown_peers = 64;
  /// Open connections of one member object: four, and one of its next incarnation.
  std::size_t connections_per_peer = 5;
  duration reserve_time = std::chrono::seconds{1};
  /// Memory in which all connections together put messages together.
  std::size_t decode_bytes = wire::limits::decode_bytes;
};

struct dial_failure {
  /// The member that was called, or nobody where an address was.
  member_id member;
  endpoint where;
  dial_result result = dial_result::connected;
  /// Why, where the handshake was refused or did not end.
  wire::verdict_status verdict = wire::verdict_status::welcome;
  close_reason closed = close_reason::local;
};

/// What the table of links tells. All but the last three come on the home thread; no lock is held.
class link_events {
 public:
  virtual ~link_events() = default;
  /// A link, or another one than before: `sid` is never the peer's last one. `dialled`: where this
  /// side dialled, if it did.
  virtual void on_link_up(const member_id& peer, std::uint32_t sid,
                          const std::optional<endpoint>& dialled) = 0;
  virtual void on_link_down(const member_id& peer, close_reason why) = 0;
  virtual void on_dial_failed(const dial_failure& failure) = 0;
  /// A dial reached a member that has a link already: no other link came of it.
  virtual void on_dial_found(const member_id& peer, const endpoint& where) = 0;
  /// On the thread that reads. The message may be of a connection that is about to end.
  virtual void on_message(connection& from, const wire::message_frame& message) = 0;
  virtual void on_batch_end(connection& from) = 0;
  /// A connection has room again for requests that it did not take, or for answers. On a thread of
  /// the network.
  virtual void on_room(connection& at) = 0;
};

}  // namespace kith::net
