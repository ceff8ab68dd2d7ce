// A TCP proxy in the test's process, in front of one member: what passes through it can be reset,
// or stopped as by a peer that reads nothing, while the member itself is well.
#pragma once

#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <thread>
#include <vector>

namespace process_test {

class proxy {
 public:
  proxy() {
    sockaddr_in any = loopback(0);
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&any), sizeof any) == 0);
    REQUIRE(::listen(listener_, 64) == 0);
    socklen_t size = sizeof any;
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&any), &size) == 0);
    port_ = ntohs(any.sin_port);
    thread_ = std::thread{[this] { run(); }};
  }
  ~proxy() {
    ended_ = true;
    wake();
    thread_.join();
    for (connection& each : connections_) end(each);
    ::close(listener_);
    ::close(woken_);
  }
  proxy(const proxy&) = delete;
  proxy& operator=(const proxy&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Where to. Before it is set, whoever connects is reset.
  void forward_to(int port) { target_ = port; }
  /// Resets every connection that passes through.
  void reset() {
    resets_wanted_ = true;
    wake();
  }
  /// Reads and accepts nothing until told otherwise: the senders' windows become zero.
  void stand_still(bool still) {
    still_ = still;
    wake();
  }
  [[nodiscard]] std::size_t resets() const { return resets_; }
  /// That pass through now.
  [[nodiscard]] std::size_t connections() const { return open_; }

 private:
  /// One way of a connection: what was read and not yet written.
  struct way {
    int from = -1;
    int to = -1;
    std::string held;
  };
  struct connection {
    std::array<way, 2> ways;
    bool over = false;
  };

  static sockaddr_in loopback(int port) {
    sockaddr_in made{};
    made.sin_family = AF_INET;
    made.sin_port = htons(static_cast<std::uint16_t>(port));
    made.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return made;
  }
  static int open() { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }
  static void reset(int descriptor) {
    const linger hard{1, 0};
    ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    ::close(descriptor);
  }
  static void end(const connection& one) {
    for (const way& each : one.ways) reset(each.from);
  }
  void wake() const { ::eventfd_write(woken_, 1); }

  void run() {
    while (!ended_) {
      std::vector<pollfd> waits{{woken_, POLLIN, 0}};
      if (!still_) {
        waits.push_back({listener_, POLLIN, 0});
        for (const connection& each : connections_) {
          for (const way& one : each.ways) {
            waits.push_back(one.held.empty() ? pollfd{one.from, POLLIN, 0}
                                             : pollfd{one.to, POLLOUT, 0});
          }
        }
      }
      ::poll(waits.data(), waits.size(), -1);
      eventfd_t ignored = 0;
      if ((waits[0].revents & POLLIN) != 0) ::eventfd_read(woken_, &ignored);
      if (resets_wanted_.exchange(false)) reset_all();
      if (still_) continue;
      for (connection& each : connections_) {
        for (way& one : each.ways) each.over |= !carry(one);
      }
      connections_.remove_if([](const connection& each) {
        if (each.over) end(each);
        return each.over;
      });
      if (waits.size() > 1 && (waits[1].revents & POLLIN) != 0) accept();
      open_ = connections_.size();
    }
  }
  void reset_all() {
    resets_ += connections_.size();
    for (const connection& each : connections_) end(each);
    connections_.clear();
  }
  /// Moves what can be moved without waiting; false at the end of the stream.
  static bool carry(way& one) {
    if (one.held.empty()) {
      std::array<char, 65536> part{};
      const ssize_t got = ::recv(one.from, part.data(), part.size(), MSG_DONTWAIT);
      if (got < 0) return errno == EAGAIN || errno == EINTR;
      if (got == 0) return false;
      one.held.assign(part.data(), static_cast<std::size_t>(got));
    }
    const ssize_t sent =
        ::send(one.to, one.held.data(), one.held.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    one.held.erase(0, static_cast<std::size_t>(sent));
    return true;
  }
  void accept() {
    const int near_side = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (near_side < 0) return;
    const int far_side = open();
    const sockaddr_in to = loopback(target_);
    if (target_ == 0 ||
        ::connect(far_side, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      reset(near_side);
      ::close(far_side);
      return;
    }
    connections_.push_back({{way{near_side, far_side, {}}, way{far_side, near_side, {}}}, false});
  }

  const int listener_ = open();
  const int woken_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::uint16_t port_ = 0;
  std::atomic<int> target_{0};
  std::atomic<bool> ended_{false};
  std::atomic<bool> still_{false};
  std::atomic<bool> resets_wanted_{false};
  std::atomic<std::size_t> resets_{0};
  std::atomic<std::size_t> open_{0};
  std::list<connection> connections_;  // of the thread
  std::thread thread_;
};

}  // namespace process_test
