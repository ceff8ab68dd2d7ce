#include "http_client.hpp"

#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <utility>

namespace catalog {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

http_client::http_client(asio::any_io_executor on, std::uint16_t port)
    : to_{asio::ip::address_v4::loopback(), port}, stream_{std::move(on)} {}

asio::awaitable<std::optional<http_reply>> http_client::ask(http_question what,
                                                            std::chrono::milliseconds patience) {
  boost::system::error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  stream_.expires_after(patience);
  if (!stream_.socket().is_open()) {
    buffer_.clear();
    co_await stream_.async_connect(to_, token);
    if (!error) stream_.socket().set_option(asio::ip::tcp::no_delay{true}, error);
  }
  http::request<http::string_body> request{what.method, what.target, 11};
  request.set(http::field::host, "127.0.0.1");
  request.body() = std::move(what.body);
  request.prepare_payload();
  if (!error) co_await http::async_write(stream_, request, token);
  // The list of names is longer than the default limit of a body.
  http::response_parser<http::string_body> parser;
  parser.body_limit(std::uint64_t{64} << 20);
  if (!error) co_await http::async_read(stream_, buffer_, parser, token);
  if (error || !parser.keep_alive()) close();
  if (error) co_return std::nullopt;
  co_return parser.release();
}

void http_client::close() {
  boost::system::error_code ignored;
  stream_.socket().close(ignored);
}

}  // namespace catalog
