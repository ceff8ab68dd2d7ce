// The other processes of the programs that measure a cluster: the echo of the ping-pong and a
// member that owns everything.
#pragma once

#include "processes.hpp"
#include "subject.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace bench {

inline constexpr std::size_t remote_keys = 1000;

/// The role "owner": a member that owns all partitions and holds the records.
inline int run_owner(const std::string& cluster) {
  kith::member member{apart(cluster)};
  const auto cache = member.cache<std::string, record>("records");
  fill(cache, make_keys(remote_keys));
  say(member.address().port);
  wait_for_end();
  return 0;
}

/// What the process that was started as a role returns; empty: it is the program itself.
inline std::optional<int> run_role(int argc, char** argv) {
  if (argc < 3 || std::string_view{argv[1]} != "--role") return std::nullopt;
  const std::string_view role = argv[2];
  if (role == "echo") return run_echo();
  if (role == "owner" && argc == 4) return run_owner(argv[3]);
  return std::nullopt;
}

/// main of a program whose other processes are itself in a role.
inline int run_program(int argc, char** argv, int (*run)(int, char**)) {
  return guarded([&] {
    if (const auto done = run_role(argc, argv)) return *done;
    return run(argc, argv);
  });
}

/// Another process that owns all keys, and a member here that owns none and keeps no near copies.
class remote_pair {
 public:
  explicit remote_pair(const std::string& cluster)
      : owner_{child::in_role("owner", {cluster})}, member_{apart(cluster, owner_.read_port(), 0)} {
    wait_for_members(member_, 2);
  }
  [[nodiscard]] record_cache open() {
    record_options options;
    options.near.enabled = false;
    return member_.cache<std::string, record>("records", options);
  }

 private:
  child owner_;
  kith::member member_;
};

}  // namespace bench
