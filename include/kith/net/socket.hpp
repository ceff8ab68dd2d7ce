// Small things that the listener and the dialler share: sockets that a child process does not
// inherit, and which addresses are of this machine alone.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace kith::net {

/// A stream socket, non-blocking and close-on-exec from its first moment (Asio sets neither), or
/// -1 with errno.
[[nodiscard]] inline int open_stream(const boost::asio::ip::tcp& protocol) {
  return ::socket(protocol.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
}

/// Hands `descriptor` to `socket`; closes it where Asio refuses it.
template <class Socket>
[[nodiscard]] bool adopt(Socket& socket, const boost::asio::ip::tcp& protocol, int descriptor) {
  boost::system::error_code error;
  socket.assign(protocol, descriptor, error);
  if (error) ::close(descriptor);
  return !error;
}

[[nodiscard]] inline bool is_loopback(const boost::asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6())
        .is_loopback();
  }
  return address.is_loopback();
}

}  // namespace kith::net
