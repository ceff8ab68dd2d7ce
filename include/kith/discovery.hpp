// Where a member looks for others, as far as no asking is needed: addresses, the ports of this
// machine, and the text of a file. Looking names up, reading and dialling are the driver's
// (net/discovery.hpp).
#pragma once

#include <kith/core/endpoint.hpp>
#include <kith/options.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kith {

/// The ports of this machine that members without an address of their own share: each binds the
/// lowest free one and looks for others on the rest. 64 members a machine are enough for
/// development and tests.
inline constexpr std::uint16_t loopback_first_port = 5801;
inline constexpr std::uint16_t loopback_last_port = 5864;
inline constexpr const char* loopback_host = "127.0.0.1";

/// The ports of this machine, if they are wanted.
[[nodiscard]] inline std::vector<endpoint> loopback_candidates(const discovery_options& where) {
  std::vector<endpoint> found;
  if (!where.loopback) return found;
  for (std::uint32_t port = loopback_first_port; port <= loopback_last_port; ++port) {
    found.push_back({loopback_host, static_cast<std::uint16_t>(port)});
  }
  return found;
}

/// What a text says about where members are.
struct member_list {
  struct bad_line {
    /// Counted from 1.
    std::size_t number = 0;
    std::string text;
  };
  /// In the order of the text, each once.
  std::vector<endpoint> members;
  /// Lines that are no host:port. They do not spoil the others.
  std::vector<bad_line> bad;
};

/// Reads one host:port a line, an IPv6 address in brackets; a '#' begins a comment. Never throws
/// for what the text says.
[[nodiscard]] inline member_list parse_member_list(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  member_list list;
  std::set<endpoint> seen;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line = line.substr(0, line.find('#'));
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    line = line.substr(0, line.find_last_not_of(blanks) + 1);
    if (line.empty()) continue;
    std::optional<endpoint> where;
    if (line.find_first_of(blanks) == std::string_view::npos) where = parse_endpoint(line);
    if (!where) {
      list.bad.push_back({number, std::string{line}});
      continue;
    }
    if (seen.insert(*where).second) list.members.push_back(std::move(*where));
  }
  return list;
}

}  // namespace kith
