// A redis-server of the benchmark's own, if one is installed, and a blocking client in as few
// instructions as the protocol takes: replies have a known size and are read whole.
#pragma once

#include "processes.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace bench {

class redis {
 public:
  /// Empty when there is none here; says so, for the figures that are then missing.
  static std::unique_ptr<redis> start_if_installed() {
    auto made = std::make_unique<redis>();
    if (made->connect()) return made;
    std::printf("redis-server is not installed: the comparison with it is skipped\n");
    return nullptr;
  }

  redis()
      : port_{bind_anywhere().second},
        server_{{"redis-server", "--bind", "127.0.0.1", "--port", std::to_string(port_), "--save",
                 "", "--appendonly", "no", "--logfile", "/dev/null", "--dir", "/tmp"}} {}

  /// `key` of 14 bytes, as all of the benchmarks'.
  static std::string get_request(std::string_view key) {
    return "*2\r\n$3\r\nGET\r\n" + bulk(key);
  }
  [[nodiscard]] bool put(std::string_view key, std::string_view value) {
    char ok[5];
    return socket_->write("*3\r\n$3\r\nSET\r\n" + bulk(key) + bulk(value)) && socket_->read(ok);
  }
  /// Sends requests that were made before.
  void send(std::string_view requests) { require(socket_->write(requests), "redis ended"); }
  /// Reads the next reply into memory that it keeps; it is a value of `size` bytes.
  [[nodiscard]] std::string_view receive(std::size_t size) {
    const std::size_t head = std::to_string(size).size() + 3;
    const std::size_t whole = head + size + 2;
    while (end_ - begin_ < whole) more(whole);
    const std::string_view reply{buffer_.data() + begin_ + head, size};
    require(buffer_[begin_] == '$', "redis answered with something else");
    begin_ += whole;
    return reply;
  }
  [[nodiscard]] const child& server() const { return server_; }

 private:
  static std::string bulk(std::string_view text) {
    return "$" + std::to_string(text.size()) + "\r\n" + std::string{text} + "\r\n";
  }

  bool connect() {
    for (int tries = 0; tries < 300 && !server_.ended(); ++tries) {
      socket_ = std::make_unique<tcp_socket>(new_socket());
      if (try_connect(*socket_, port_)) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    return false;
  }

  void more(std::size_t whole) {
    if (begin_ == end_) begin_ = end_ = 0;
    if (buffer_.size() - begin_ < whole) {
      buffer_.erase(0, begin_);
      end_ -= begin_;
      begin_ = 0;
      buffer_.resize(1 << 16);
    }
    const ssize_t got =
        ::recv(socket_->fd(), buffer_.data() + end_, buffer_.size() - end_, 0);
    require(got > 0, "redis ended");
    end_ += static_cast<std::size_t>(got);
  }

  std::uint16_t port_;
  child server_;
  std::unique_ptr<tcp_socket> socket_;
  std::string buffer_ = std::string(1 << 16, '\0');
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace bench
