// Other processes of a benchmark and what is said to them: this program started again in another
// role, plain TCP sockets, and the ping-pong that is the floor of every figure with a network.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

inline void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error{what};
}

inline double cpu_us_of(clockid_t clock) {
  timespec reading{};
  require(::clock_gettime(clock, &reading) == 0, "clock_gettime");
  return static_cast<double>(reading.tv_sec) * 1e6 + static_cast<double>(reading.tv_nsec) / 1e3;
}

/// From now on the calling thread and those that it starts keep to one processor, and the processes
/// that it starts to another. Where all may run on any, the system sometimes puts both ends of a
/// connection on one, and a wake-up costs 3 us or 30 us.
class apart_on_processors {
 public:
  /// No effect on a machine with one processor.
  static void begin() {
    enabled() = true;
    keep_to(0);
  }
  static void begin_child() {
    if (enabled()) keep_to(1);
  }

 private:
  static bool& enabled() {
    static bool value = false;
    return value;
  }
  /// The nth of those that this process may run on.
  static void keep_to(int nth) {
    static const cpu_set_t all = [] {
      cpu_set_t read;
      CPU_ZERO(&read);
      ::sched_getaffinity(0, sizeof read, &read);
      return read;
    }();
    if (CPU_COUNT(&all) < 2) return;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &all) || nth-- > 0) continue;
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(cpu, &one);
      ::sched_setaffinity(0, sizeof one, &one);
      return;
    }
  }
};

/// A process that ends with this object, or with this process at the latest.
class child {
 public:
  /// Starts `command`; its standard input and output are pipes to this process.
  explicit child(std::vector<std::string> command) {
    int to[2], from[2];
    require(::pipe2(to, O_CLOEXEC) == 0 && ::pipe2(from, O_CLOEXEC) == 0, "pipe");
    std::vector<char*> argv;
    for (std::string& word : command) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    require(pid_ >= 0, "fork");
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      apart_on_processors::begin_child();
      ::dup2(to[0], STDIN_FILENO);
      ::dup2(from[1], STDOUT_FILENO);
      ::execvp(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(to[0]);
    ::close(from[1]);
    to_ = to[1];
    from_ = ::fdopen(from[0], "r");
  }
  child(child&& other) noexcept
      : pid_{std::exchange(other.pid_, 0)},
        to_{std::exchange(other.to_, -1)},
        from_{std::exchange(other.from_, nullptr)} {}
  child& operator=(child&&) = delete;
  ~child() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::close(to_);
    std::fclose(from_);
  }

  /// This program in the role `role`: its main sees "--role", `role` and the rest.
  static child in_role(std::string role, std::vector<std::string> rest = {}) {
    std::vector<std::string> command{"/proc/self/exe", "--role", std::move(role)};
    command.insert(command.end(), rest.begin(), rest.end());
    return child{std::move(command)};
  }

  /// The next number that it prints; throws when it ended instead.
  [[nodiscard]] std::int64_t read_number() {
    long long number = 0;
    require(std::fscanf(from_, "%lld", &number) == 1, "a process that was started has ended");
    return number;
  }
  [[nodiscard]] std::uint16_t read_port() { return static_cast<std::uint16_t>(read_number()); }

  /// A line on its standard input.
  void tell(std::string line) const {
    line += '\n';
    require(::write(to_, line.data(), line.size()) == static_cast<ssize_t>(line.size()),
            "a process that was started reads nothing");
  }

  /// The processor time that it has used, of all its threads.
  [[nodiscard]] double cpu_us() const {
    clockid_t its_clock{};
    require(::clock_getcpuclockid(pid_, &its_clock) == 0, "the clock of another process");
    return cpu_us_of(its_clock);
  }

  /// Whether it has ended by itself.
  [[nodiscard]] bool ended() {
    if (pid_ != 0 && ::waitpid(pid_, nullptr, WNOHANG) != pid_) return false;
    if (pid_ != 0) {
      ::close(to_);
      std::fclose(from_);
    }
    pid_ = 0;
    return true;
  }

 private:
  pid_t pid_ = 0;
  int to_ = -1;
  std::FILE* from_ = nullptr;
};

/// In the started process: says a number to the one that started it.
inline void say(std::int64_t number) {
  std::printf("%lld\n", static_cast<long long>(number));
  std::fflush(stdout);
}

/// In the started process: returns when the other one has ended.
inline void wait_for_end() {
  while (std::getchar() != EOF) {
  }
}

class tcp_socket {
 public:
  explicit tcp_socket(int fd) : fd_{fd} {
    require(fd_ >= 0, "socket");
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  tcp_socket(tcp_socket&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  tcp_socket& operator=(tcp_socket&&) = delete;
  ~tcp_socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int fd() const { return fd_; }

  [[nodiscard]] bool write(std::string_view data) const {
    while (!data.empty()) {
      const ssize_t done = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
      if (done <= 0) return false;
      data.remove_prefix(static_cast<std::size_t>(done));
    }
    return true;
  }
  /// Fills all of `into`.
  [[nodiscard]] bool read(std::span<char> into) const {
    while (!into.empty()) {
      const ssize_t done = ::recv(fd_, into.data(), into.size(), 0);
      if (done <= 0) return false;
      into = into.subspan(static_cast<std::size_t>(done));
    }
    return true;
  }

 private:
  int fd_;
};

inline sockaddr_in loopback_address(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// Bound to a free port of the loopback, which is returned too.
inline std::pair<tcp_socket, std::uint16_t> bind_anywhere() {
  tcp_socket made{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address = loopback_address(0);
  socklen_t size = sizeof address;
  require(::bind(made.fd(), reinterpret_cast<sockaddr*>(&address), size) == 0, "bind");
  require(::getsockname(made.fd(), reinterpret_cast<sockaddr*>(&address), &size) == 0, "bind");
  return {std::move(made), ntohs(address.sin_port)};
}

inline bool try_connect(const tcp_socket& socket, std::uint16_t port) {
  const sockaddr_in address = loopback_address(port);
  return ::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

inline tcp_socket new_socket() {
  return tcp_socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
}

/// What a get of a bench::record and its answer take on kith's wire, frames and all.
inline constexpr std::size_t ping_size = 52;
inline constexpr std::size_t pong_size = 150;

/// The role "echo": one connection, one blocking thread, pong for ping.
inline int run_echo() {
  auto [listener, port] = bind_anywhere();
  require(::listen(listener.fd(), 1) == 0, "listen");
  say(port);
  const tcp_socket peer{::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC)};
  std::string ping(ping_size, 'i');
  const std::string pong(pong_size, 'o');
  while (peer.read(ping) && peer.write(pong)) {
  }
  return 0;
}

/// Pings a process of its own, blocking.
class ping_pong {
 public:
  ping_pong() : other_{child::in_role("echo")}, socket_{new_socket()} {
    require(try_connect(socket_, other_.read_port()), "the echo process cannot be reached");
  }
  void call() { require(socket_.write(ping_) && socket_.read(pong_), "the echo process ended"); }

 private:
  child other_;
  tcp_socket socket_;
  std::string ping_ = std::string(ping_size, 'i');
  std::string pong_ = std::string(pong_size, 'o');
};

/// Times of single calls.
class latencies {
 public:
  template <class Call>
  void time(std::size_t calls, Call&& call) {
    for (std::size_t i = 0; i < calls; ++i) {
      const auto start = std::chrono::steady_clock::now();
      call();
      const std::chrono::duration<double, std::micro> spent =
          std::chrono::steady_clock::now() - start;
      us_.push_back(spent.count());
    }
  }
  void add(double us) { us_.push_back(us); }
  /// In microseconds; `part` from 0 to 1.
  [[nodiscard]] double at(double part) const {
    if (us_.empty()) return 0;
    std::vector<double> sorted = us_;
    std::sort(sorted.begin(), sorted.end());
    return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
  }
  void print(const char* name) const {
    std::printf("%s: p50 %.1f us, p99 %.1f us, %zu calls\n", name, at(0.5), at(0.99), us_.size());
  }

 private:
  std::vector<double> us_;
};

}  // namespace bench
