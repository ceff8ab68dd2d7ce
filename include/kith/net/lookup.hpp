// Names to addresses, by the system's resolver: the hosts file, then name servers.
#pragma once

#include <kith/net/addresses.hpp>

#include <boost/asio/ip/address.hpp>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace kith::net {

struct lookup_answer {
  /// Every A and AAAA record, as literal addresses. None and no failure: the name has no address.
  std::vector<std::string> hosts;
  /// Why nobody could be asked; nothing is known of the name then.
  std::string failure;
};

/// Asks for the addresses of a host. Blocks; any thread, several at a time.
using lookup_function = std::function<lookup_answer(const std::string& host)>;

/// Takes as long as the system's own settings allow, many seconds where no name server answers.
[[nodiscard]] inline lookup_answer system_lookup(const std::string& host) {
  namespace ip = boost::asio::ip;
  lookup_answer answer;
  for (const auto& known : known_addresses(host)) answer.hosts.push_back(known.to_string());
  if (!answer.hosts.empty()) return answer;
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;  // or each address comes three times
  addrinfo* first = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &wanted, &first);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> found{first, &::freeaddrinfo};
  if (failed != 0) {
    if (failed == EAI_SYSTEM) {
      answer.failure = std::generic_category().message(errno);
    } else if (failed != EAI_NONAME && failed != EAI_NODATA) {
      answer.failure = ::gai_strerror(failed);
    }
    return answer;
  }
  for (const addrinfo* each = first; each != nullptr; each = each->ai_next) {
    if (each->ai_family == AF_INET) {
      sockaddr_in v4{};
      std::memcpy(&v4, each->ai_addr, sizeof v4);
      answer.hosts.push_back(ip::address_v4{ntohl(v4.sin_addr.s_addr)}.to_string());
    } else if (each->ai_family == AF_INET6) {
      sockaddr_in6 v6{};
      std::memcpy(&v6, each->ai_addr, sizeof v6);
      ip::address_v6::bytes_type raw;
      std::memcpy(raw.data(), &v6.sin6_addr, raw.size());
      answer.hosts.push_back(ip::address_v6{raw, v6.sin6_scope_id}.to_string());
    }
  }
  return answer;
}

}  // namespace kith::net
