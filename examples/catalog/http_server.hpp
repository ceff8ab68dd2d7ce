// A small HTTP/1.1 server for replies that take time: a handler gets the request and a responder,
// and answers when it can, from any thread. Bounded in connections, header, body and time.
//
// Listens on the loopback address alone: nobody is authenticated here.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace catalog {

using http_request = boost::beast::http::request<boost::beast::http::string_body>;
using http_response = boost::beast::http::response<boost::beast::http::string_body>;

struct http_options {
  /// 0 takes any free port.
  std::uint16_t port = 0;
  unsigned threads = 2;
  /// One more is closed as soon as it is accepted.
  std::size_t connections_max = 256;
  std::size_t header_bytes_max = 8 * 1024;
  std::size_t body_bytes_max = 64 * 1024;
  /// For a request to arrive, counted from the reply before it, and for a reply to leave.
  std::chrono::seconds transfer_max{30};
  /// After an error of accept.
  std::chrono::milliseconds accept_pause{100};
};

class http_session;

/// Answers one request, once.
class http_responder {
 public:
  explicit http_responder(std::shared_ptr<http_session> to) : to_{std::move(to)} {}

  /// From any thread.
  void operator()(http_response&& reply) const;
  /// The one that runs this connection: work bound to it never runs beside its reads and writes.
  [[nodiscard]] boost::asio::any_io_executor executor() const;

 private:
  std::shared_ptr<http_session> to_;
};

using http_handler = std::function<void(const http_request&, http_responder)>;

class http_server {
 public:
  /// Listens. Throws boost::system::system_error when the port is taken.
  explicit http_server(const http_options& options);
  ~http_server();

  [[nodiscard]] std::uint16_t port() const;

  /// Serves until the process gets SIGINT or SIGTERM, or `limit` has passed where it is not 0.
  /// Afterwards no handler runs; responders may still be called, and do nothing.
  void run(http_handler handler, std::chrono::seconds limit);

 private:
  friend class http_session;

  void accept();
  void accept_later();

  const http_options options_;
  http_handler handler_;
  std::atomic<std::size_t> connections_{0};
  boost::asio::io_context context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer retry_;
};

}  // namespace catalog
