// Worker processes (worker.cpp) as seen by a test: started, asked, killed, stopped, continued. Each
// is ended by its own process id. Every wait is for an event, and bounded so that a failure ends.
#pragma once

#include <support/patience.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace process_test {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

/// No other run, at the same time or before, has this name.
[[nodiscard]] inline std::string cluster_name(const std::string& what) {
  static int number = 0;
  return what + '-' + std::to_string(::getpid()) + '-' + std::to_string(++number) + '-' +
         std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
}

class process {
 public:
  explicit process(const std::vector<std::string>& arguments) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    REQUIRE(::pipe2(in.data(), O_CLOEXEC) == 0);
    REQUIRE(::pipe2(out.data(), O_CLOEXEC) == 0);
    std::vector<const char*> argv{KITH_WORKER};
    for (const std::string& each : arguments) argv.push_back(each.c_str());
    argv.push_back(nullptr);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that crashes leaves nothing behind
      ::dup2(in[0], STDIN_FILENO);
      ::dup2(out[1], STDOUT_FILENO);
      ::execv(KITH_WORKER, const_cast<char**>(argv.data()));
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    to_ = in[1];
    from_ = out[0];
  }
  ~process() { kill(); }
  process(const process&) = delete;
  process& operator=(const process&) = delete;

  void tell(const std::string& line) {
    const std::string whole = line + '\n';
    REQUIRE(::write(to_, whole.data(), whole.size()) == static_cast<ssize_t>(whole.size()));
  }
  /// The next line; fails the test when none comes.
  [[nodiscard]] std::string hear(std::chrono::milliseconds limit = patience) {
    const auto deadline = clock::now() + limit;
    for (;;) {
      const std::size_t end = heard_.find('\n');
      if (end != std::string::npos) {
        std::string line = heard_.substr(0, end);
        heard_.erase(0, end + 1);
        return line;
      }
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now());
      pollfd wait{from_, POLLIN, 0};
      REQUIRE_MESSAGE(left.count() > 0, "the worker does not answer");
      if (::poll(&wait, 1, static_cast<int>(left.count())) <= 0) continue;
      std::array<char, 4096> part{};
      const ssize_t got = ::read(from_, part.data(), part.size());
      REQUIRE_MESSAGE(got > 0, "the worker is gone");
      heard_.append(part.data(), static_cast<std::size_t>(got));
    }
  }
  std::string ask(const std::string& line) {
    tell(line);
    return hear();
  }
  /// The port of its member, which may still look for others.
  [[nodiscard]] int hear_port() {
    const std::string line = hear();
    REQUIRE_MESSAGE(line.starts_with("at "), line);
    return std::stoi(line.substr(3));
  }
  /// Waits until its caches are open.
  void wait_until_ready() {
    std::string line = hear();
    if (line.starts_with("at ")) line = hear();
    REQUIRE_MESSAGE(line == "ready", line);
  }

  void signal(int which) const { REQUIRE(::kill(pid_, which) == 0); }
  void stop() const {
    signal(SIGSTOP);
    int status = 0;
    REQUIRE(::waitpid(pid_, &status, WUNTRACED) == pid_);
    REQUIRE(WIFSTOPPED(status));
  }
  /// SIGKILL, unless it is gone.
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
    ::close(to_);
    ::close(from_);
  }
  /// Asks it to leave; its exit status.
  [[nodiscard]] int quit() {
    tell("quit");
    int status = -1;
    REQUIRE(wait_until([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }));
    pid_ = -1;
    ::close(to_);
    ::close(from_);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = -1;
  int to_ = -1;
  int from_ = -1;
  std::string heard_;
};

using processes = std::vector<std::unique_ptr<process>>;

[[nodiscard]] inline processes start(std::size_t number, std::vector<std::string> arguments) {
  processes all;
  while (all.size() < number) all.push_back(std::make_unique<process>(arguments));
  return all;
}

/// How many members an answer to "view" names.
[[nodiscard]] inline std::size_t members_of(const std::string& view) {
  std::istringstream in{view};
  std::string word;
  std::size_t words = 0;
  while (in >> word) ++words;
  REQUIRE_MESSAGE(words >= 2, view);
  return words - 2;
}

/// True when all hold the same view, of `size` members.
[[nodiscard]] inline bool share_a_view(const processes& all, std::size_t size) {
  const std::string first = all.front()->ask("view");
  if (members_of(first) != size) return false;
  for (const auto& each : all) {
    if (each->ask("view") != first) return false;
  }
  return true;
}

/// True when all hold the same view, and it has given each of them a share of the partitions.
[[nodiscard]] inline bool share_partitions(const processes& all) {
  return share_a_view(all, all.size()) && all.front()->ask("shared") == "yes";
}

/// The number after `name=` in the worker's tally; 0 where there is none.
[[nodiscard]] inline std::size_t tallied(process& of, const std::string& name) {
  const std::string line = ' ' + of.ask("tally");
  const std::size_t at = line.find(' ' + name + '=');
  return at == std::string::npos ? 0 : std::stoul(line.substr(at + name.size() + 2));
}

[[nodiscard]] inline bool all_ended(process& of, std::size_t number,
                                    clock::duration limit = patience) {
  return wait_until([&] { return tallied(of, "ended") == number; }, limit);
}

}  // namespace process_test
