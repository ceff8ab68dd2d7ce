#include "http_server.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <csignal>
#include <optional>
#include <utility>

namespace catalog {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

/// One connection: a request is read, handled and answered before the next one is read. Everything
/// runs on the strand of its socket.
class http_session : public std::enable_shared_from_this<http_session> {
 public:
  http_session(http_server& of, asio::ip::tcp::socket&& socket)
      : of_{of}, stream_{std::move(socket)} {
    error_code ignored;
    stream_.socket().set_option(asio::ip::tcp::no_delay{true}, ignored);
    ++of_.connections_;
  }
  ~http_session() { --of_.connections_; }
  http_session(const http_session&) = delete;
  http_session& operator=(const http_session&) = delete;

  void read() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(of_.options_.header_bytes_max));
    parser_->body_limit(of_.options_.body_bytes_max);
    stream_.expires_after(of_.options_.transfer_max);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code error, std::size_t) {
                       self->on_request(error);
                     });
  }

  void answer(http_response&& reply) {
    asio::dispatch(stream_.get_executor(),
                   [self = shared_from_this(), reply = std::move(reply)]() mutable {
                     self->write(std::move(reply));
                   });
  }

  [[nodiscard]] asio::any_io_executor executor() { return stream_.get_executor(); }

 private:
  void on_request(error_code error) {
    if (error == http::error::header_limit || error == http::error::body_limit) {
      http_response refusal{http::status::payload_too_large, 11};
      refusal.keep_alive(false);
      return write(std::move(refusal));
    }
    if (error) return;  // the end of the connection, or bytes that are no HTTP
    stream_.expires_never();
    keep_alive_ = parser_->get().keep_alive();
    of_.handler_(parser_->get(), http_responder{shared_from_this()});
  }

  void write(http_response&& reply) {
    reply_ = std::move(reply);
    reply_.keep_alive(keep_alive_ && reply_.keep_alive());
    reply_.prepare_payload();
    stream_.expires_after(of_.options_.transfer_max);
    http::async_write(stream_, reply_,
                      [self = shared_from_this()](error_code error, std::size_t) {
                        if (!error && self->reply_.keep_alive()) self->read();
                      });
  }

  http_server& of_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http_response reply_;
  bool keep_alive_ = true;
};

void http_responder::operator()(http_response&& reply) const { to_->answer(std::move(reply)); }

asio::any_io_executor http_responder::executor() const { return to_->executor(); }

http_server::http_server(const http_options& options)
    : options_{options},
      context_{static_cast<int>(options.threads)},
      acceptor_{context_,
                asio::ip::tcp::endpoint{asio::ip::address_v4::loopback(), options.port}},
      retry_{context_} {}

http_server::~http_server() = default;

std::uint16_t http_server::port() const { return acceptor_.local_endpoint().port(); }

void http_server::accept() {
  acceptor_.async_accept(asio::make_strand(context_),
                         [this](error_code error, asio::ip::tcp::socket socket) {
                           if (error == asio::error::operation_aborted) return;
                           if (error) return accept_later();
                           if (connections_ < options_.connections_max) {
                             std::make_shared<http_session>(*this, std::move(socket))->read();
                           }
                           accept();
                         });
}

// Out of descriptors the same error would come again at once, and keep a processor busy.
void http_server::accept_later() {
  retry_.expires_after(options_.accept_pause);
  retry_.async_wait([this](error_code error) {
    if (!error) accept();
  });
}

void http_server::run(http_handler handler, std::chrono::seconds limit) {
  handler_ = std::move(handler);
  asio::signal_set signals{context_, SIGINT, SIGTERM};
  signals.async_wait([this](error_code error, int) {
    if (!error) context_.stop();
  });
  asio::steady_timer timer{context_};
  if (limit.count() > 0) {
    timer.expires_after(limit);
    timer.async_wait([this](error_code error) {
      if (!error) context_.stop();
    });
  }
  accept();
  std::vector<std::jthread> others;
  for (unsigned i = 1; i < options_.threads; ++i) others.emplace_back([this] { context_.run(); });
  context_.run();
}

}  // namespace catalog
