// One connection to the administration server: a request is read, answered, and the answer written
// before the next one is looked at; requests that were sent ahead wait in the buffer. All of it on
// one thread. A request has no body here: what says that it has one is refused after its header.
//
// After a refusal the other side may still be sending. A socket that is closed with unread bytes
// resets the connection, and the refusal would be lost: so the session reads on for a little.
#pragma once

#include <kith/admin/counters.hpp>
#include <kith/admin/site.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace kith::admin {

/// What sessions share; lives longer than they.
struct session_context {
  const site& answers;
  running_counters& counted;
  /// For a request to arrive, counted from the answer before it; and for an answer to leave.
  std::chrono::milliseconds transfer_max;
  std::uint32_t header_bytes_max;
  std::function<void()> on_end;
};

class session : public std::enable_shared_from_this<session> {
 public:
  session(session_context& of, boost::asio::ip::tcp::socket&& socket)
      : of_{of}, stream_{std::move(socket)} {
    count(of_.counted.connections);
  }
  ~session() { of_.on_end(); }
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  void read();

 private:
  using error_code = boost::system::error_code;
  /// Bytes that are read and dropped after a refusal.
  static constexpr std::size_t drained_max = 64 << 10;

  void on_header(const error_code& error);
  void on_no_request(const error_code& error);
  void answer();
  void write(response&& made);
  void drain();

  session_context& of_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::empty_body>> parser_;
  response reply_;
  bool head_ = false;
  std::array<char, 4096> drained_{};
  std::size_t drained_bytes_ = 0;
};

// --- implementation ---

inline void session::read() {
  head_ = false;
  parser_.emplace();
  parser_->header_limit(of_.header_bytes_max);
  parser_->body_limit(std::numeric_limits<std::uint64_t>::max());
  stream_.expires_after(of_.transfer_max);
  boost::beast::http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](const error_code& error, std::size_t) {
        self->on_header(error);
      });
}

inline void session::on_header(const error_code& error) {
  using boost::beast::http::status;
  if (error) return on_no_request(error);
  const bool empty = parser_->is_done();
  head_ = parser_->get().method() == boost::beast::http::verb::head;
  try {
    response made = of_.answers.answer(parser_->get());
    if (!empty && made.result() != status::method_not_allowed) {
      made = site::refusal(status::payload_too_large, "a request has no body here");
    }
    const bool answered =
        made.result() == status::ok || made.result() == status::service_unavailable;
    count(answered ? of_.counted.answered : of_.counted.refused);
    write(std::move(made));
  } catch (const std::exception&) {
    count(of_.counted.failed);
    write(site::refusal(status::internal_server_error, "it could not be answered"));
  }
}

/// The end of the connection, or something that is no request.
inline void session::on_no_request(const error_code& error) {
  namespace http = boost::beast::http;
  if (error == boost::beast::error::timeout) {
    // A connection that was kept and not used is no fault.
    if (parser_->got_some() || buffer_.size() != 0) count(of_.counted.too_slow);
    return;
  }
  if (error == http::error::end_of_stream) return;
  if (error.category() != http::make_error_code(http::error::end_of_stream).category()) return;
  count(of_.counted.malformed);
  if (error == http::error::partial_message) return;
  if (error == http::error::header_limit) {
    return write(site::refusal(http::status::request_header_fields_too_large,
                               "the header is too long"));
  }
  write(site::refusal(http::status::bad_request, error.message()));
}

inline void session::write(response&& made) {
  reply_ = std::move(made);
  reply_.prepare_payload();
  if (head_) reply_.body().clear();
  stream_.expires_after(of_.transfer_max);
  boost::beast::http::async_write(
      stream_, reply_, [self = shared_from_this()](const error_code& error, std::size_t) {
        if (error == boost::beast::error::timeout) count(self->of_.counted.too_slow);
        if (error) return;
        if (self->reply_.keep_alive()) return self->read();
        error_code ignored;
        self->stream_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
        self->drain();
      });
}

inline void session::drain() {
  stream_.async_read_some(
      boost::asio::buffer(drained_),
      [self = shared_from_this()](const error_code& error, std::size_t bytes) {
        self->drained_bytes_ += bytes;
        if (!error && self->drained_bytes_ < drained_max) self->drain();
      });
}

}  // namespace kith::admin
