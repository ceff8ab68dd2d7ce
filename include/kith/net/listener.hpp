// Where others reach this member. Binds at construction or throws with the reason; accepted sockets
// go to a callback.
//
// While the gate is full it does not accept: who waits, waits in the kernel's queue and costs this
// process nothing. When the process has no descriptors left it tries again later instead of
// spinning on a socket that stays readable.
//
// All of it runs on the context it is given.
#pragma once

#include <kith/core/endpoint.hpp>
#include <kith/error.hpp>
#include <kith/net/accept_gate.hpp>
#include <kith/net/addresses.hpp>
#include <kith/net/clock.hpp>
#include <kith/net/socket.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace kith::net {

struct listen_options {
  std::string host = "127.0.0.1";
  /// The lowest free port of the range is bound; 0 and 0: any port.
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 0;
  /// Listen beyond this machine without authentication: whoever reaches the port is a member.
  bool insecure = false;
  accept_limits limits = {};
  /// Connections that wait in the kernel.
  int backlog = 1024;
  /// After an error of accept, such as too many open files.
  std::chrono::milliseconds retry{100};
};

/// What the listener says of an errno: about its ports, its address, or sockets as such.
[[nodiscard]] inline error no_port(const listen_options& options, int why) {
  const std::string range = std::to_string(options.first_port) + " to " +
                            std::to_string(options.last_port) + " at " + options.host;
  if (why == EADDRINUSE) return {errc::invalid_option, "port: none of " + range + " is free"};
  return {errc::invalid_option,
          "port: none of " + range + " can be bound: " + std::system_category().message(why)};
}
[[nodiscard]] inline error no_address(const listen_options& options, int why) {
  const std::string reason = why == EADDRNOTAVAIL ? std::string{"it is not of this machine"}
                                                  : std::system_category().message(why);
  return {errc::invalid_option, "host: " + options.host + " cannot be bound: " + reason};
}
[[nodiscard]] inline error no_socket(const listen_options& options, int why) {
  const bool protocol = why == EAFNOSUPPORT || why == EPROTONOSUPPORT;
  return {protocol ? errc::invalid_option : errc::overloaded,
          "host: no socket for " + options.host + ": " + std::system_category().message(why)};
}

class listener : public std::enable_shared_from_this<listener> {
 public:
  using tcp = boost::asio::ip::tcp;
  /// Takes the descriptor of an accepted connection.
  using accepted = std::function<void(const tcp&, int descriptor)>;

  /// Throws kith::error, which names the field and says what the system said: invalid_option where
  /// it cannot or may not bind, overloaded where there is no socket to be had.
  listener(boost::asio::io_context& context, const listen_options& options);

  /// The address that was bound.
  [[nodiscard]] const endpoint& local() const { return local_; }

  void begin(accepted on_accepted);
  void stop();

  /// The handshake of an accepted connection ended, well or not.
  void on_handshake_ended();

 private:
  [[nodiscard]] boost::asio::ip::address resolve(boost::asio::io_context& context) const;
  /// 0, EADDRINUSE or EACCES: another port may do. Throws for what no other port helps against.
  [[nodiscard]] int bind(const boost::asio::ip::address& address, std::uint16_t port);
  void wait();
  void accept_waiting();
  void wait_later();

  const listen_options options_;
  tcp::acceptor acceptor_;
  boost::asio::steady_timer timer_;
  endpoint local_;
  accept_gate gate_;
  accepted on_accepted_;
  bool waiting_ = false;
};

// --- implementation ---

inline listener::listener(boost::asio::io_context& context, const listen_options& options)
    : options_{options}, acceptor_{context}, timer_{context}, gate_{options.limits} {
  const boost::asio::ip::address address = resolve(context);
  if (!is_loopback(address) && !options_.insecure) {
    throw error{errc::invalid_option,
                "host: " + options_.host +
                    " can be reached from other machines, and members do not authenticate each "
                    "other; bind a loopback address, or set insecure = true in a network where "
                    "every machine is trusted"};
  }
  if (options_.last_port < options_.first_port) {
    throw error{errc::invalid_option, "last_port: it is below first_port"};
  }
  int why = EADDRINUSE;
  for (std::uint32_t port = options_.first_port; port <= options_.last_port; ++port) {
    const int failed = bind(address, static_cast<std::uint16_t>(port));
    if (failed == 0) return;
    if (failed != EADDRINUSE) why = failed;
  }
  throw no_port(options_, why);
}

inline boost::asio::ip::address listener::resolve(boost::asio::io_context& context) const {
  const auto known = known_addresses(options_.host);
  if (!known.empty()) return known.front();
  boost::system::error_code error;
  tcp::resolver resolver{context};
  const auto found = resolver.resolve(options_.host, "0", error);
  if (error || found.empty()) {
    throw kith::error{errc::invalid_option, "host: " + options_.host + " names no address"};
  }
  return found.begin()->endpoint().address();
}

inline int listener::bind(const boost::asio::ip::address& address, std::uint16_t port) {
  const tcp::endpoint wanted{address, port};
  const int descriptor = open_stream(wanted.protocol());
  if (descriptor < 0) throw no_socket(options_, errno);
  // A port of a member that ended a moment ago is free again; a second listener is still refused.
  const int on = 1;
  ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(descriptor, wanted.data(), static_cast<socklen_t>(wanted.size())) != 0 ||
      ::listen(descriptor, options_.backlog) != 0) {
    const int why = errno;
    ::close(descriptor);
    if (why == EADDRINUSE || why == EACCES) return why;
    throw no_address(options_, why);
  }
  if (!adopt(acceptor_, wanted.protocol(), descriptor)) throw no_socket(options_, ENOMEM);
  local_ = {address.to_string(), acceptor_.local_endpoint().port()};
  return 0;
}

inline void listener::begin(accepted on_accepted) {
  on_accepted_ = std::move(on_accepted);
  wait();
}

inline void listener::stop() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  timer_.cancel();
  on_accepted_ = {};
}

inline void listener::on_handshake_ended() {
  gate_.on_handshake_ended();
  wait();
}

inline void listener::wait() {
  if (waiting_ || !acceptor_.is_open() || !gate_.has_room()) return;
  waiting_ = true;
  acceptor_.async_wait(tcp::acceptor::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& error) {
                         self->waiting_ = false;
                         if (!error) self->accept_waiting();
                       });
}

inline void listener::accept_waiting() {
  while (acceptor_.is_open() && gate_.has_room()) {
    tcp::endpoint from;
    auto size = static_cast<socklen_t>(from.capacity());
    const int descriptor = ::accept4(acceptor_.native_handle(), from.data(), &size,
                                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return wait();
      if (errno == EINTR || errno == ECONNABORTED) continue;
      return wait_later();
    }
    from.resize(size);
    if (!is_loopback(from.address()) && !gate_.admit(now(), from.address().to_string())) {
      ::close(descriptor);
      continue;
    }
    gate_.on_handshake_begun();
    on_accepted_(from.protocol(), descriptor);
  }
}

inline void listener::wait_later() {
  timer_.expires_after(options_.retry);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error) self->wait();
  });
}

}  // namespace kith::net
