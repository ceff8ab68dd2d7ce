// Addresses of hosts for which nobody has to be asked.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>

#include <string>
#include <vector>

namespace kith::net {

/// Those of a literal address, and of "localhost", which is this machine whatever a name server
/// says, and where there is none (RFC 6761, 6.3). Empty: the name has to be resolved.
[[nodiscard]] inline std::vector<boost::asio::ip::address> known_addresses(
    const std::string& host) {
  namespace ip = boost::asio::ip;
  if (host == "localhost") return {ip::address_v4::loopback(), ip::address_v6::loopback()};
  boost::system::error_code no_literal;
  const auto literal = ip::make_address(host, no_literal);
  if (no_literal) return {};
  return {literal};
}

}  // namespace kith::net
