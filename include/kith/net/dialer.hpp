// Resolves a name and connects, within a deadline, and says how it went: "refused" is evidence that
// no process listens there, "timed out" is not. When to try again is the caller's affair.
//
// One object a dial; all of it runs on the context it is given.
#pragma once

#include <kith/core/endpoint.hpp>
#include <kith/core/time.hpp>
#include <kith/net/addresses.hpp>
#include <kith/net/socket.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kith::net {

enum class dial_result : std::uint8_t {
  connected,
  /// The machine answered that nobody listens there.
  refused,
  /// No way to the machine.
  unreachable,
  timed_out,
  /// The name has no address.
  no_address,
  /// Connected, but the handshake did not succeed.
  not_a_peer,
  /// Connected, but to another member than the one that was called.
  other_member,
};

[[nodiscard]] constexpr std::string_view to_string(dial_result result) {
  switch (result) {
    case dial_result::connected: return "connected";
    case dial_result::refused: return "refused";
    case dial_result::unreachable: return "unreachable";
    case dial_result::timed_out: return "timed out";
    case dial_result::no_address: return "no address";
    case dial_result::not_a_peer: return "handshake failed";
    case dial_result::other_member: return "another member answered";
  }
  return "unknown";
}

class dialer : public std::enable_shared_from_this<dialer> {
 public:
  using tcp = boost::asio::ip::tcp;
  /// Called once, later, on the context. The descriptor is the callee's where the result is
  /// `connected`, so that the connection may live on another context; else it is -1.
  using finished = std::function<void(dial_result, const tcp&, int descriptor)>;

  explicit dialer(boost::asio::io_context& context)
      : context_{context}, resolver_{context}, timer_{context}, socket_{context} {}

  void begin(const endpoint& where, duration deadline, finished on_finished);
  /// Gives up; the callback is not called.
  void cancel();

 private:
  void resolve(const endpoint& where);
  void connect_next();
  void on_failure(const boost::system::error_code& error);
  void end(dial_result result);

  boost::asio::io_context& context_;
  tcp::resolver resolver_;
  boost::asio::steady_timer timer_;
  tcp::socket socket_;
  finished on_finished_;
  std::vector<tcp::endpoint> addresses_;
  std::size_t tried_ = 0;
  /// What is said when no address is left.
  dial_result worst_ = dial_result::no_address;
};

// --- implementation ---

inline void dialer::begin(const endpoint& where, duration deadline, finished on_finished) {
  on_finished_ = std::move(on_finished);
  timer_.expires_after(deadline);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error) self->end(dial_result::timed_out);
  });
  resolve(where);
}

inline void dialer::resolve(const endpoint& where) {
  for (const auto& known : known_addresses(where.host)) addresses_.emplace_back(known, where.port);
  if (!addresses_.empty()) return connect_next();
  resolver_.async_resolve(
      where.host, std::to_string(where.port),
      [self = shared_from_this()](const boost::system::error_code& failure,
                                  const tcp::resolver::results_type& found) {
        if (!self->on_finished_) return;
        if (failure) return self->end(dial_result::no_address);
        for (const auto& each : found) self->addresses_.push_back(each.endpoint());
        self->connect_next();
      });
}

inline void dialer::connect_next() {
  if (tried_ == addresses_.size()) return end(worst_);
  const tcp::endpoint target = addresses_[tried_++];
  boost::system::error_code ignored;
  socket_.close(ignored);
  const int descriptor = open_stream(target.protocol());
  if (descriptor < 0 || !adopt(socket_, target.protocol(), descriptor)) {
    worst_ = dial_result::unreachable;
    return connect_next();
  }
  socket_.async_connect(target,
                        [self = shared_from_this()](const boost::system::error_code& error) {
                          if (!self->on_finished_) return;
                          if (error) return self->on_failure(error);
                          self->end(dial_result::connected);
                        });
}

inline void dialer::on_failure(const boost::system::error_code& error) {
  const bool refused = error == boost::asio::error::connection_refused ||
                       error == boost::asio::error::connection_reset;
  worst_ = refused ? dial_result::refused
           : error == boost::asio::error::timed_out ? dial_result::timed_out
                                                    : dial_result::unreachable;
  connect_next();
}

// Later, not within begin(): a caller must be able to store what begin() belongs to.
inline void dialer::end(dial_result result) {
  if (!on_finished_) return;
  timer_.cancel();
  resolver_.cancel();
  boost::asio::post(context_, [self = shared_from_this(), result] {
    if (!self->on_finished_) return;
    const finished call = std::exchange(self->on_finished_, {});
    boost::system::error_code error;
    if (result != dial_result::connected) {
      self->socket_.close(error);
      return call(result, tcp::v4(), -1);
    }
    const tcp protocol = self->socket_.local_endpoint(error).protocol();
    const int descriptor = self->socket_.release(error);
    call(error ? dial_result::unreachable : result, protocol, error ? -1 : descriptor);
  });
}

inline void dialer::cancel() {
  on_finished_ = {};
  timer_.cancel();
  resolver_.cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace kith::net
