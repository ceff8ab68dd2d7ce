// What a connection tells whoever made it.
#pragma once

#include <kith/net/connection_options.hpp>
#include <kith/wire/splitter.hpp>

namespace kith::net {

class connection;

/// Calls of one connection come one at a time, with no lock held.
class connection_events {
 public:
  virtual ~connection_events() = default;
  /// The handshake succeeded. Messages wait until connection::start(). On the I/O thread.
  virtual void on_open(connection&) = 0;
  /// On the thread that reads.
  virtual void on_message(connection&, const wire::message_frame&) = 0;
  /// The messages of one receive were handed out: the moment to flush() what answers them.
  virtual void on_batch_end(connection&) = 0;
  /// There is room again for what the connection could not take, or for answers. On the I/O
  /// thread.
  virtual void on_room(connection&) = 0;
  /// Once, also where on_open never came. On the I/O thread.
  virtual void on_closed(connection&, close_reason) = 0;
};

}  // namespace kith::net
