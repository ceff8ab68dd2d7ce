// GET /metrics: what a member and its caches count, as Prometheus reads it. kith serves no HTTP;
// this is all that a service which does has to add.
#include "support.hpp"

#include <kith/kith.hpp>
#include <kith/prometheus.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

using request = http::request<http::string_body>;
using response = http::response<http::string_body>;

response answer(const kith::member& member, const request& asked) {
  response reply{http::status::not_found, asked.version()};
  if (asked.method() == http::verb::get && asked.target() == "/metrics") {
    kith::prometheus_text page;
    member.visit_stats(page.visitor());
    reply.result(http::status::ok);
    reply.set(http::field::content_type, kith::prometheus_text::content_type);
    reply.body() = page.str();
  }
  reply.prepare_payload();
  return reply;
}

// One connection with one request, which is enough to show it.
void serve_once(tcp::acceptor& acceptor, const kith::member& member) {
  tcp::socket socket = acceptor.accept();
  beast::flat_buffer buffer;
  request asked;
  http::read(socket, buffer, asked);
  http::write(socket, answer(member, asked));
}

// What Prometheus does every few seconds.
response scrape(const tcp::endpoint& where) {
  asio::io_context context;
  tcp::socket socket{context};
  socket.connect(where);
  request ask{http::verb::get, "/metrics", 11};
  ask.set(http::field::host, "localhost");
  http::write(socket, ask);
  beast::flat_buffer buffer;
  response page;
  http::read(socket, buffer, page);
  return page;
}

int main() {
  kith::member member({.cluster = "example-metrics"});
  auto squares = member.cache<int, int>("squares", {.load = [](int n) { return n * n; }});
  for (int round = 0; round < 3; ++round) {
    for (int n = 0; n < 4; ++n) expect(*squares.get(n) == n * n, "a square");
  }

  asio::io_context context;
  tcp::acceptor acceptor{context, {asio::ip::make_address("127.0.0.1"), 0}};
  std::thread server{[&] { serve_once(acceptor, member); }};
  const response page = scrape(acceptor.local_endpoint());
  server.join();
  expect(page.result() == http::status::ok, "the page is there");
  expect(page[http::field::content_type].starts_with("text/plain; version=0.0.4"), "its type");

  // The rest of the page, and what to do about each number, is in docs/operations.md.
  std::istringstream lines{page.body()};
  std::size_t families = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE")) ++families;
    if (line.starts_with("kith_reads_total{") || line.starts_with("kith_loads_run_total")) {
      std::cout << line << '\n';
    }
  }
  std::cout << "and more: " << (families > 50 ? "yes" : "no") << '\n';
  expect(squares.stats().loaded == 4 && squares.stats().owner_hits == 8, "4 loads, 8 hits");
}
