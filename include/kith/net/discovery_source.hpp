// One place that says where members may be: a name, a file, the user's function. Asking blocks, and
// never throws: what goes wrong is part of the answer.
//
//   - A source that cannot be asked (no name server, no file, an exception) says what it said last.
//   - A name stands for all its addresses, each once, in the order of their text: name servers give
//     them in another order each time.
#pragma once

#include <kith/cluster/membership_options.hpp>
#include <kith/core/endpoint.hpp>
#include <kith/core/log.hpp>
#include <kith/discovery.hpp>
#include <kith/net/addresses.hpp>
#include <kith/net/log_sink.hpp>
#include <kith/net/lookup.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <fstream>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace kith::net {

/// A file of members is no longer than this (1 MiB).
inline constexpr std::size_t member_file_bytes = std::size_t{1} << 20;
/// Bad lines of one state of the file that are logged; all are counted.
inline constexpr std::size_t bad_lines_logged = 10;

struct discovery_counters {
  /// Answers, with or without trouble.
  std::atomic<std::uint64_t> asked{0};
  /// Those in which a source could not tell, or not all.
  std::atomic<std::uint64_t> troubled{0};
  /// Lines of the file that are no host:port, once for each state of the file.
  std::atomic<std::uint64_t> bad_lines{0};
};

class discovery_source {
 public:
  /// What it says now, names included. May throw.
  using said_function = std::function<std::vector<endpoint>()>;
  /// What a name without an address means.
  enum class nobody : std::uint8_t { is_trouble, is_answer };
  struct answer {
    std::vector<endpoint> found;
    /// Why that is not new, or not all; empty: it is.
    std::string trouble;
    /// What was over cluster::candidates_max, and is neither in `found` nor was looked up.
    std::size_t left_out = 0;
  };

  discovery_source(std::string name, said_function say, nobody if_nobody)
      : name_{std::move(name)}, say_{std::move(say)}, if_nobody_{if_nobody} {}

  /// Any thread, one at a time.
  [[nodiscard]] answer ask(const lookup_function& lookup);
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  /// Returns how many were too many.
  static std::size_t cut(std::vector<endpoint>& list) {
    if (list.size() <= cluster::candidates_max) return 0;
    const std::size_t over = list.size() - cluster::candidates_max;
    list.resize(cluster::candidates_max);
    return over;
  }
  /// The first trouble is the one that is told.
  static void note(answer& in, std::string trouble) {
    if (in.trouble.empty()) in.trouble = std::move(trouble);
  }
  void add_name(const endpoint& which, const lookup_function& lookup, answer& into);

  const std::string name_;
  const said_function say_;
  const nobody if_nobody_;
  std::vector<endpoint> said_;
  /// What the names in it were last.
  std::map<std::string, std::vector<std::string>> addresses_;
};

/// The text of a file of members. Throws std::runtime_error with the reason.
[[nodiscard]] inline std::string read_member_file(const std::string& path) {
  errno = 0;
  std::ifstream file{path, std::ios::binary};
  std::string text(member_file_bytes + 1, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    throw std::runtime_error{errno != 0 ? std::generic_category().message(errno) : "unreadable"};
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > member_file_bytes) throw std::runtime_error{"longer than 1 MiB"};
  return text;
}

/// The members that the file at `path` names. `log` and `counters` outlive what is returned.
[[nodiscard]] inline discovery_source::said_function members_in_file(const std::string& path,
                                                                     const log_sink& log,
                                                                     discovery_counters& counters) {
  // By its text and not by its times, which are too coarse to show every change.
  return [path, &log, &counters, text = std::string{}, list = member_list{}]() mutable {
    std::string now = read_member_file(path);
    if (now == text) return list.members;
    text = std::move(now);
    list = parse_member_list(text);
    counters.bad_lines.fetch_add(list.bad.size(), std::memory_order_relaxed);
    for (std::size_t i = 0; i < std::min(list.bad.size(), bad_lines_logged); ++i) {
      log.write({log_level::warning,
                 "bad line in member file",
                 {{"file", path},
                  {"line", std::to_string(list.bad[i].number)},
                  {"text", list.bad[i].text}}});
    }
    return list.members;
  };
}

// --- implementation ---

inline discovery_source::answer discovery_source::ask(const lookup_function& lookup) {
  answer made;
  try {
    said_ = say_();
  } catch (const std::exception& wrong) {
    made.trouble = wrong.what();
  } catch (...) {
    made.trouble = "it threw what is no std::exception";
  }
  made.left_out += cut(said_);
  for (const endpoint& where : said_) {
    if (where.host.empty() || where.port == 0) {
      note(made, "no host and port: " + to_string(where));
    } else if (known_addresses(where.host).empty()) {
      add_name(where, lookup, made);
    } else {
      made.found.push_back(where);
    }
  }
  made.left_out += cut(made.found);
  std::erase_if(addresses_, [&](const auto& name) {
    return std::ranges::find(said_, name.first, &endpoint::host) == said_.end();
  });
  return made;
}

inline void discovery_source::add_name(const endpoint& which, const lookup_function& lookup,
                                       answer& into) {
  std::vector<std::string>& hosts = addresses_[which.host];
  lookup_answer fresh;
  try {
    fresh = lookup(which.host);
  } catch (const std::exception& wrong) {
    fresh.failure = wrong.what();
  }
  if (fresh.failure.empty() && fresh.hosts.empty() && if_nobody_ == nobody::is_trouble) {
    fresh.failure = "the name has no address";
  }
  if (fresh.failure.empty()) {
    hosts = std::move(fresh.hosts);
    std::ranges::sort(hosts);
    hosts.erase(std::ranges::unique(hosts).begin(), hosts.end());
  } else {
    note(into, which.host + ": " + fresh.failure);
  }
  for (const std::string& host : hosts) into.found.push_back({host, which.port});
}

}  // namespace kith::net
