// The processes of a chaos run as their driver sees them: started, killed, stopped, continued, each
// by its own process id, and heard on a pipe. None outlives the driver.
#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace chaos {

using wall = std::chrono::steady_clock;

class child {
 public:
  enum class state : std::uint8_t { absent, running, stopped };

  child() = default;
  ~child() { end(SIGKILL); }
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  /// `log` gets what it writes to standard error.
  void start(const std::vector<std::string>& command, const std::string& log);
  void stop() {
    ::kill(pid_, SIGSTOP);
    state_ = state::stopped;
  }
  void go_on() {
    if (state_ != state::stopped) return;
    ::kill(pid_, SIGCONT);
    state_ = state::running;
    continued_ = wall::now();
  }
  /// Kills it, stopped or not, and waits for its end.
  void end(int signal);
  void tell(const std::string& line) const {
    const std::string whole = line + '\n';
    // A process that is gone is found by look().
    static_cast<void>(!::write(to_, whole.data(), whole.size()));
  }
  /// Takes in what it said. True when it has ended, whyever: see end_text().
  bool look();

  [[nodiscard]] state now() const { return state_; }
  [[nodiscard]] bool ready() const { return ready_; }
  /// Of its newest view; 0 before the first.
  [[nodiscard]] std::uint64_t view() const { return view_; }
  [[nodiscard]] std::uint64_t view_size() const { return view_size_; }
  /// All partitions have their copies in it.
  [[nodiscard]] bool copied() const { return copied_; }
  [[nodiscard]] bool said(const std::string& word) const { return answer_ == word; }
  [[nodiscard]] const std::string& end_text() const { return end_text_; }
  [[nodiscard]] bool ended_well() const { return ended_well_; }
  [[nodiscard]] wall::time_point started() const { return started_; }
  [[nodiscard]] wall::time_point continued() const { return continued_; }

 private:
  void take(const std::string& line);
  void forget();

  pid_t pid_ = -1;
  int to_ = -1;
  int from_ = -1;
  state state_ = state::absent;
  bool ready_ = false;
  bool ended_well_ = false;
  std::uint64_t view_ = 0;
  std::uint64_t view_size_ = 0;
  bool copied_ = false;
  std::string heard_;
  std::string answer_;
  std::string end_text_;
  wall::time_point started_{};
  wall::time_point continued_{};
};

/// `count` ports in a row on which nobody listens, away from those where members look for others
/// by themselves, and below those that the system gives out.
[[nodiscard]] inline std::uint16_t free_ports(std::uint16_t first, std::size_t count) {
  const auto is_free = [](std::uint16_t port) {
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    ::setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool bound =
        ::bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(probe);
    return bound;
  };
  for (std::uint16_t base = first; base < 30'000; base = static_cast<std::uint16_t>(base + count)) {
    std::size_t good = 0;
    while (good < count && is_free(static_cast<std::uint16_t>(base + good))) ++good;
    if (good == count) return base;
  }
  throw std::runtime_error{"no free ports"};
}

// --- implementation ---

inline void child::start(const std::vector<std::string>& command, const std::string& log) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) {
    throw std::system_error{errno, std::generic_category(), "pipe"};
  }
  std::vector<const char*> argv;
  for (const std::string& each : command) argv.push_back(each.c_str());
  argv.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error{errno, std::generic_category(), "fork"};
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int errors = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(errors, STDERR_FILENO);
    ::execv(argv[0], const_cast<char**>(argv.data()));
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  to_ = in[1];
  from_ = out[0];
  ::fcntl(from_, F_SETFL, O_NONBLOCK);
  state_ = state::running;
  ready_ = ended_well_ = copied_ = false;
  view_ = view_size_ = 0;
  heard_.clear();
  answer_.clear();
  end_text_.clear();
  started_ = continued_ = wall::now();
}

inline void child::end(int signal) {
  if (state_ == state::absent) return;
  ::kill(pid_, signal);
  ::kill(pid_, SIGCONT);
  ::waitpid(pid_, nullptr, 0);
  forget();
}

inline void child::forget() {
  ::close(to_);
  ::close(from_);
  pid_ = to_ = from_ = -1;
  state_ = state::absent;
  ready_ = false;
}

inline bool child::look() {
  if (state_ != state::running) return false;
  std::array<char, 4096> part{};
  for (ssize_t got = 0; (got = ::read(from_, part.data(), part.size())) > 0;) {
    heard_.append(part.data(), static_cast<std::size_t>(got));
  }
  for (std::size_t end = 0; (end = heard_.find('\n')) != std::string::npos;) {
    take(heard_.substr(0, end));
    heard_.erase(0, end + 1);
  }
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
  ended_well_ = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  end_text_ = WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                  : "exit status " + std::to_string(WEXITSTATUS(status));
  forget();
  return true;
}

inline void child::take(const std::string& line) {
  std::istringstream in{line};
  std::string word;
  in >> word;
  if (word == "view") {
    in >> view_ >> view_size_ >> copied_;
  } else if (word == "ready") {
    ready_ = true;
  } else {
    answer_ = word;
  }
}

}  // namespace chaos
