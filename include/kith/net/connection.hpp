// One TCP connection between two members: a socket, the session that speaks on it, and an outbox.
//
// Writing. push() only queues, and any thread may call it with a lane's lock held; flush() writes,
// on the calling thread, as much as the kernel takes. Whoever finds the writer idle becomes it;
// what others push meanwhile goes into the writer's next batch, so many packets share one send.
// Where the kernel takes no more, the I/O thread goes on when the socket is writable again.
//
// Reading. drive_reads() receives without blocking and hands out whole messages. Any thread may run
// it: it takes the read token first, and only the holder touches the session. The I/O thread runs
// it when the socket is readable; a thread that waits for a reply may run it too.
//
// The socket object and the timer belong to the I/O thread; other threads use the descriptor alone,
// and it is closed only when neither the writer nor the reader is at work.
//
// Life: handshaking -> open -> finishing -> closed. `finishing` writes what is queued and takes
// nothing more. A connection is heard of once more by on_closed, after which no message follows.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/endpoint.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/mutex.hpp>
#include <kith/net/clock.hpp>
#include <kith/net/connection_events.hpp>
#include <kith/net/connection_options.hpp>
#include <kith/net/outbox.hpp>
#include <kith/net/progress.hpp>
#include <kith/net/read_token.hpp>
#include <kith/wire/packet.hpp>
#include <kith/wire/session.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace kith::net {

class connection : public std::enable_shared_from_this<connection> {
 public:
  using socket_type = boost::asio::ip::tcp::socket;

  /// `socket` is connected and belongs to `context`; `events` outlives the connection.
  connection(boost::asio::io_context& context, socket_type socket,
             const wire::session_config& config, const connection_options& options,
             connection_events& events);

  /// Begins the handshake. Any thread, once.
  void begin();
  /// Lets messages flow after on_open. Any thread; again is harmless.
  void start();

  enum class pushed : std::uint8_t {
    taken,
    /// It takes no more packets, or the packet is of another session.
    gone,
    /// A request of this member that has to wait: it is left as it was, and on_room follows.
    full,
  };
  /// Queues `packet`.
  pushed push(wire::packet&& packet) KITH_EXCLUDES(mutex_);
  /// True when a request of this member would be taken; otherwise on_room follows.
  [[nodiscard]] bool has_room() KITH_EXCLUDES(mutex_);
  /// True when the peer reads its answers; otherwise on_room follows.
  [[nodiscard]] bool has_answer_room() KITH_EXCLUDES(mutex_);
  /// on_room follows, at once where there is room already. Never with a lock held.
  void want_answer_room() KITH_EXCLUDES(mutex_);
  /// Writes what is queued, unless another thread is doing so. Never with a lock held.
  void flush() KITH_EXCLUDES(mutex_) { write(writer::idle); }

  /// Receives and hands out messages, if nobody else does; true if there was something to receive.
  bool drive_reads() KITH_EXCLUDES(mutex_);

  /// Writes what is queued and closes when the peer has done the same.
  void finish(close_reason why) KITH_EXCLUDES(mutex_);
  /// Closes now. What waits is dropped.
  void close(close_reason why) KITH_EXCLUDES(mutex_);

  /// True while requests of this peer should be refused: it does not read what it asked for.
  [[nodiscard]] bool congested() const { return congested_.load(std::memory_order_relaxed); }
  struct traffic {
    std::uint64_t sent_bytes = 0;
    std::uint64_t received_bytes = 0;
    /// Waits to be written.
    std::uint64_t queue_bytes = 0;
    std::uint64_t queue_messages = 0;
    /// Requests of the peer that are not answered yet.
    std::uint64_t unanswered = 0;
  };
  [[nodiscard]] traffic traffic_now() KITH_EXCLUDES(mutex_);
  /// What this peer asked and waits for.
  [[nodiscard]] kith::net::intake& intake() { return intake_; }
  [[nodiscard]] const connection_options& options() const { return options_; }
  [[nodiscard]] bool closed() const { return closed_.load(std::memory_order_acquire); }
  /// When the last whole frame arrived.
  [[nodiscard]] time_point last_frame() const { return progress_.last_frame(); }

  /// Constant from on_open on.
  [[nodiscard]] const member_id& peer() const { return peer_; }
  [[nodiscard]] std::uint32_t sid() const { return sid_; }
  [[nodiscard]] wire::verdict_status refusal() const { return refusal_; }

  [[nodiscard]] wire::session_role role() const { return role_; }
  [[nodiscard]] const endpoint& remote() const { return remote_; }
  [[nodiscard]] boost::asio::io_context& context() { return context_; }

 private:
  enum class phase : std::uint8_t { handshaking, open, finishing, closed };
  /// idle: nobody writes. active: a thread does. parked: the I/O thread will.
  enum class writer : std::uint8_t { idle, active, parked };
  enum class after_write : std::uint8_t { nothing, drained, close, again, wait };
  enum class read_result : std::uint8_t { nothing, something, ended };

  void write(writer expected) KITH_EXCLUDES(mutex_);
  after_write write_batches(writer expected) KITH_EXCLUDES(mutex_);
  [[nodiscard]] bool room_came() KITH_REQUIRES(mutex_);
  void after_drained() KITH_EXCLUDES(mutex_);
  void when_writable();

  void when_readable();
  read_result receive() KITH_EXCLUDES(mutex_);
  void hand_out() KITH_EXCLUDES(mutex_);
  void advance_handshake() KITH_EXCLUDES(mutex_);
  void end_of_input() KITH_EXCLUDES(mutex_);
  void release_token();

  void watch();
  void check_deadlines() KITH_EXCLUDES(mutex_);
  void tell_closed(close_reason why);
  void close_socket() KITH_EXCLUDES(mutex_);
  template <class Function>
  void on_io_thread(Function function) {
    boost::asio::post(context_, [self = shared_from_this(), function] { function(*self); });
  }

  // Constant after construction, or after on_open.
  boost::asio::io_context& context_;
  connection_events& events_;
  const connection_options options_;
  const wire::session_role role_;
  endpoint remote_;
  int descriptor_ = -1;
  member_id peer_;
  std::uint32_t sid_ = 0;
  wire::verdict_status refusal_ = wire::verdict_status::welcome;

  // Of the I/O thread.
  socket_type socket_;
  boost::asio::steady_timer timer_;
  bool told_closed_ = false;
  time_point began_{};

  // Of the holder of the read token.
  wire::session session_;
  bool opened_ = false;
  bool delivering_ = false;
  bool input_ended_ = false;

  // Of the active writer.
  bytes batch_;
  std::size_t written_ = 0;

  mutex mutex_;
  outbox outbox_ KITH_GUARDED_BY(mutex_);
  std::optional<wire::frame_cutter> cutter_ KITH_GUARDED_BY(mutex_);
  phase phase_ KITH_GUARDED_BY(mutex_) = phase::handshaking;
  writer writer_ KITH_GUARDED_BY(mutex_) = writer::idle;
  close_reason reason_ KITH_GUARDED_BY(mutex_) = close_reason::local;
  bool sent_end_ KITH_GUARDED_BY(mutex_) = false;
  bool read_end_ KITH_GUARDED_BY(mutex_) = false;
  time_point drain_deadline_ KITH_GUARDED_BY(mutex_) = never;
  bool room_wanted_ KITH_GUARDED_BY(mutex_) = false;
  bool answer_room_wanted_ KITH_GUARDED_BY(mutex_) = false;

  // Atomics, or with a lock of their own.
  kith::net::intake intake_;
  read_token token_;
  progress progress_;
  std::atomic<bool> closed_{false};
  std::atomic<bool> congested_{false};
  /// Written by the active writer, and by the holder of the read token.
  std::atomic<std::uint64_t> sent_bytes_{0};
  std::atomic<std::uint64_t> received_bytes_{0};
};

// --- implementation ---

inline connection::connection(boost::asio::io_context& context, socket_type socket,
                              const wire::session_config& config,
                              const connection_options& options, connection_events& events)
    : context_{context},
      events_{events},
      options_{options},
      role_{config.role},
      descriptor_{socket.native_handle()},
      socket_{std::move(socket)},
      timer_{context},
      session_{config},
      outbox_{options.outbox},
      intake_{options.intake} {
  boost::system::error_code ignored;
  const auto there = socket_.remote_endpoint(ignored);
  remote_ = {there.address().to_string(), there.port()};
  const int on = 1;
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &options_.unsent_bytes,
               sizeof options_.unsent_bytes);
}

inline void connection::begin() {
  on_io_thread([](connection& self) {
    self.began_ = now();
    self.watch();
    if (self.token_.take()) {
      self.advance_handshake();
      self.release_token();
    }
    self.when_readable();
  });
}

inline void connection::start() {
  on_io_thread([](connection& self) {
    if (self.closed()) return;
    if (!self.token_.take()) return self.start();
    if (std::exchange(self.delivering_, true)) return self.release_token();
    self.hand_out();
    self.events_.on_batch_end(self);
    self.release_token();
    self.when_readable();
  });
}

// Writing.

inline connection::pushed connection::push(wire::packet&& packet) {
  {
    const mutex_lock lock{mutex_};
    if (phase_ != phase::open) return pushed::gone;
    if (packet.sid != 0 && packet.sid != sid_) return pushed::gone;
    if (!outbox_.takes_request() &&
        wire::is_request(wire::kind_of(packet.code, packet.payload))) {
      room_wanted_ = true;
      return pushed::full;
    }
    outbox_.push(std::move(packet));
    congested_.store(outbox_.congested(), std::memory_order_relaxed);
    if (!outbox_.overflowing()) return pushed::taken;
  }
  close(close_reason::overflow);
  return pushed::gone;
}

inline connection::traffic connection::traffic_now() {
  traffic now;
  now.sent_bytes = sent_bytes_.load(std::memory_order_relaxed);
  now.received_bytes = received_bytes_.load(std::memory_order_relaxed);
  now.unanswered = intake_.requests();
  const mutex_lock lock{mutex_};
  now.queue_bytes = outbox_.waiting_bytes();
  now.queue_messages = outbox_.waiting_messages();
  return now;
}

inline bool connection::has_room() {
  const mutex_lock lock{mutex_};
  if (phase_ != phase::open) return false;
  room_wanted_ = !outbox_.takes_request();
  return !room_wanted_;
}

inline bool connection::has_answer_room() {
  const mutex_lock lock{mutex_};
  if (phase_ != phase::open) return false;
  answer_room_wanted_ = outbox_.congested();
  return !answer_room_wanted_;
}

inline void connection::want_answer_room() {
  {
    const mutex_lock lock{mutex_};
    if (phase_ != phase::open) return;
    answer_room_wanted_ = true;
    if (!room_came()) return;
  }
  on_io_thread([](connection& self) { self.events_.on_room(self); });
}

// Where there is none, something waits to be written, so gather() comes by here later.
inline bool connection::room_came() {
  const bool to_ask = room_wanted_ && outbox_.has_request_slack();
  const bool to_answer = answer_room_wanted_ && outbox_.has_answer_slack();
  if (to_ask) room_wanted_ = false;
  if (to_answer) answer_room_wanted_ = false;
  return to_ask || to_answer;
}

inline void connection::write(writer expected) {
  switch (write_batches(expected)) {
    case after_write::nothing: break;
    case after_write::drained: after_drained(); break;
    case after_write::close: on_io_thread([](connection& self) { self.close_socket(); }); break;
    case after_write::again:
      on_io_thread([](connection& self) { self.write(writer::parked); });
      break;
    case after_write::wait: on_io_thread([](connection& self) { self.when_writable(); }); break;
  }
}

inline connection::after_write connection::write_batches(writer expected) {
  mutex_lock lock{mutex_};
  if (writer_ != expected) return after_write::nothing;
  writer_ = writer::active;
  for (int batches = 0; phase_ != phase::closed;) {
    if (written_ == batch_.size()) {
      batch_.clear();
      written_ = 0;
      if (++batches > batches_a_turn) {
        writer_ = writer::parked;
        return after_write::again;
      }
      if (!outbox_.gather(cutter_ ? &*cutter_ : nullptr, batch_)) {
        writer_ = writer::idle;
        return phase_ == phase::finishing ? after_write::drained : after_write::nothing;
      }
      congested_.store(outbox_.congested(), std::memory_order_relaxed);
    }
    const bool room = room_came();
    lock.unlock();
    if (room) on_io_thread([](connection& self) { self.events_.on_room(self); });
    const ssize_t sent = ::send(descriptor_, batch_.data() + written_, batch_.size() - written_,
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    const int error = sent < 0 ? errno : 0;
    lock.lock();
    if (sent >= 0) {
      written_ += static_cast<std::size_t>(sent);
      sent_bytes_.fetch_add(static_cast<std::uint64_t>(sent), std::memory_order_relaxed);
    } else if (error == EAGAIN || error == EWOULDBLOCK) {
      writer_ = writer::parked;
      return after_write::wait;
    } else if (error != EINTR && phase_ != phase::closed) {
      phase_ = phase::closed;
      reason_ = close_reason::reset;
      closed_.store(true, std::memory_order_release);
    }
  }
  writer_ = writer::idle;
  return after_write::close;
}

inline void connection::when_writable() {
  if (!socket_.is_open()) return;
  socket_.async_wait(socket_type::wait_write,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (!error) self->write(writer::parked);
                     });
}

// Everything is written and nothing more will be: say so to the peer, and close once it did too.
inline void connection::after_drained() {
  {
    const mutex_lock lock{mutex_};
    if (phase_ != phase::finishing || writer_ != writer::idle || !outbox_.empty()) return;
    if (!sent_end_) {
      sent_end_ = true;
      ::shutdown(descriptor_, SHUT_WR);
    }
    if (!read_end_) return;
    phase_ = phase::closed;
    closed_.store(true, std::memory_order_release);
  }
  on_io_thread([](connection& self) { self.close_socket(); });
}

// Ending.

inline void connection::finish(close_reason why) {
  {
    const mutex_lock lock{mutex_};
    if (phase_ == phase::closed) return;
    if (phase_ != phase::finishing) {
      phase_ = phase::finishing;
      reason_ = why;
      drain_deadline_ = now() + options_.drain;
    }
  }
  if (why == close_reason::refused) {
    on_io_thread([](connection& self) { self.tell_closed(close_reason::refused); });
  }
  flush();
}

inline void connection::close(close_reason why) {
  {
    const mutex_lock lock{mutex_};
    if (phase_ == phase::closed) return;
    phase_ = phase::closed;
    reason_ = why;
    closed_.store(true, std::memory_order_release);
  }
  on_io_thread([](connection& self) { self.close_socket(); });
}

inline void connection::tell_closed(close_reason why) {
  if (told_closed_) return;
  told_closed_ = true;
  events_.on_closed(*this, why);
}

// On the I/O thread. A writer or a reader at work on another thread calls for it again when done.
inline void connection::close_socket() {
  close_reason why = close_reason::local;
  {
    const mutex_lock lock{mutex_};
    if (writer_ == writer::active) return;
    writer_ = writer::active;
    why = reason_;
    outbox_.clear();
  }
  if (!token_.take_or_ask()) {
    const mutex_lock lock{mutex_};
    writer_ = writer::idle;
    return;
  }
  timer_.cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
  tell_closed(why);
}

// Deadlines.

inline void connection::watch() {
  timer_.expires_after(options_.check);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (error || self->closed()) return;
    self->check_deadlines();
    if (!self->closed()) self->watch();
  });
}

inline void connection::check_deadlines() {
  const time_point current = now();
  std::optional<close_reason> why;
  {
    const mutex_lock lock{mutex_};
    const bool late = current - began_ > options_.handshake;
    if (phase_ == phase::handshaking && late) why = close_reason::handshake_timeout;
    if (phase_ == phase::finishing && current > drain_deadline_) why = reason_;
    if (phase_ != phase::open && !why) return;
  }
  if (!why) why = progress_.overdue(current, options_);
  if (why) close(*why);
}

}  // namespace kith::net

#include <kith/net/connection_reading.hpp>
