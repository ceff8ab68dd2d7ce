// The reading half of a connection (connection.hpp): from the socket to the session and on, the
// handshake included.
#pragma once

#include <kith/net/connection.hpp>

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <optional>

namespace kith::net {

inline void connection::release_token() {
  if (!token_.release()) return;
  on_io_thread([](connection& self) {
    if (self.closed()) return self.close_socket();
    self.when_readable();
  });
}

inline void connection::when_readable() {
  if (!socket_.is_open()) return;
  socket_.async_wait(socket_type::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (error || self->closed()) return;
                       if (!self->token_.take_or_ask()) return;
                       const bool more = self->receive() != read_result::ended;
                       const bool waits = self->opened_ && !self->delivering_;
                       self->release_token();
                       if (more && !waits) self->when_readable();
                     });
}

inline bool connection::drive_reads() {
  if (!token_.take()) return false;
  const bool something = delivering_ && receive() == read_result::something;
  release_token();
  return something;
}

inline connection::read_result connection::receive() {
  thread_local std::array<std::byte, receive_bytes> buffer;
  read_result result = read_result::nothing;
  for (int i = 0; i < receives_a_turn; ++i) {
    if (closed() || input_ended_) return read_result::ended;
    if (opened_ && !delivering_) return result;
    const ssize_t got = ::recv(descriptor_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return result;
    if (got < 0) {
      close(close_reason::reset);
      return read_result::ended;
    }
    if (got == 0) {
      end_of_input();
      return read_result::ended;
    }
    result = read_result::something;
    const auto received = static_cast<std::size_t>(got);
    received_bytes_.fetch_add(received, std::memory_order_relaxed);
    session_.on_bytes({buffer.data(), received}, now());
    if (!opened_) advance_handshake();
    hand_out();
    events_.on_batch_end(*this);
    progress_.note(now(), received, session_.frames(), session_.partial_bytes(),
                   session_.oldest_unfinished());
    if (received < buffer.size()) return closed() ? read_result::ended : result;
  }
  return result;
}

inline void connection::hand_out() {
  wire::message_frame frame;
  while (delivering_ && !closed() && session_.next(frame)) events_.on_message(*this, frame);
  if (!opened_ || !session_.failed() || closed()) return;
  switch (session_.error()) {
    case wire::frame_error::too_long: return close(close_reason::too_long);
    case wire::frame_error::no_memory: return close(close_reason::no_memory);
    default: return close(close_reason::protocol_violation);
  }
}

// Sends the handshake's answers; opens the connection, or ends it, when the session says so.
inline void connection::advance_handshake() {
  const bytes answer = session_.take_output();
  const bool opens = session_.is_open();
  const bool fails = session_.failed();
  if (opens) {
    peer_ = session_.peer();
    sid_ = session_.sid();
    opened_ = true;
    progress_.begin(now());
  }
  {
    const mutex_lock lock{mutex_};
    if (phase_ != phase::handshaking) return;
    outbox_.push_raw(answer);
    if (opens) {
      phase_ = phase::open;
      cutter_ = session_.cutter();
    }
  }
  if (fails) {
    refusal_ = session_.refusal();
    const bool refused = refusal_ != wire::verdict_status::welcome;
    input_ended_ = true;
    if (session_.error() == wire::frame_error::bad_handshake_checksum) {
      return close(close_reason::damaged);
    }
    if (!refused) return close(close_reason::protocol_violation);
    {
      const mutex_lock lock{mutex_};
      read_end_ = true;
    }
    return finish(close_reason::refused);
  }
  flush();
  if (!opens) return;
  on_io_thread([](connection& self) {
    if (!self.closed()) self.events_.on_open(self);
  });
}

// The peer sends nothing more. It may still read, so what is queued leaves before the end.
inline void connection::end_of_input() {
  input_ended_ = true;
  if (!opened_) return close(close_reason::peer_closed);
  close_reason why = close_reason::peer_closed;
  {
    const mutex_lock lock{mutex_};
    read_end_ = true;
    if (phase_ == phase::finishing) why = reason_;
  }
  on_io_thread([why](connection& self) { self.tell_closed(why); });
  finish(why);
}

}  // namespace kith::net
