// One client's kept-alive connection to one replica: opened when it is needed, and again after it
// broke. One request at a time; everything on one thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/verb.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace catalog {

using http_reply = boost::beast::http::response<boost::beast::http::string_body>;

struct http_question {
  boost::beast::http::verb method = boost::beast::http::verb::get;
  std::string target = {};
  std::string body = {};
};

class http_client {
 public:
  http_client(boost::asio::any_io_executor on, std::uint16_t port);

  /// Empty: the connection could not be opened, broke off, or gave no reply in time.
  boost::asio::awaitable<std::optional<http_reply>> ask(http_question what,
                                                        std::chrono::milliseconds patience);
  /// The next question opens a new connection.
  void close();

 private:
  boost::asio::ip::tcp::endpoint to_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_;
};

}  // namespace catalog
