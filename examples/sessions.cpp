// Sessions behind HTTP: two replicas of a service, each a small server and a member. A balancer
// may send each request of a visitor to another replica, and none of them keeps a session for
// itself: whoever gets a request finds the session, and its changes are not lost.
#include "support.hpp"

#include <kith/kith.hpp>

#include <boost/serialization/string.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using asio::use_awaitable;
using request = http::request<http::string_body>;
using response = http::response<http::string_body>;
using namespace std::chrono_literals;

struct session {
  std::string user;
  std::int64_t visits = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & user & visits;
  }
};

using sessions = kith::cache<std::string, session>;

// Runs at the session's owner: two requests of one visitor at the same time count as two.
struct count_visit {
  std::string operator()(kith::entry<std::string, session>& entry) const {
    if (!entry.exists()) return {};
    session next = entry.value();
    ++next.visits;
    entry.set(next);
    return next.user + ", visit " + std::to_string(next.visits);
  }

  template <class Archive>
  void serialize(Archive&, unsigned) {}
};

sessions open_sessions(kith::member& member) {
  sessions opened = member.cache<std::string, session>("sessions", {.ttl = 30min});
  opened.register_processor<count_visit>("count_visit");
  return opened;
}

// Whoever has the name of a session is its user, so it cannot be guessed.
std::string draw_name() {
  thread_local std::random_device device;
  std::string name;
  for (int i = 0; i < 32; ++i) name += "0123456789abcdef"[device() % 16];
  return name;
}

// The cookie of a request, "session=<name>".
std::string name_in(const request& asked) {
  const std::string_view cookie = asked[http::field::cookie];
  return cookie.starts_with("session=") ? std::string{cookie.substr(8)} : std::string{};
}

asio::awaitable<response> answer(const sessions& all, const request& asked) {
  response reply{http::status::ok, asked.version()};
  const std::string name = name_in(asked);
  if (asked.method() == http::verb::post && asked.target() == "/login") {
    const std::string drawn = draw_name();
    // Not written into the call: g++ 12 destroys such a temporary of a coroutine twice.
    const session fresh{asked.body()};
    co_await all.async_put(drawn, fresh, use_awaitable);
    reply.set(http::field::set_cookie, "session=" + drawn + "; HttpOnly; SameSite=Lax");
    reply.body() = "welcome, " + asked.body();
  } else if (asked.method() == http::verb::post && asked.target() == "/logout") {
    co_await all.async_erase(name, use_awaitable);
    reply.body() = "bye";
  } else {
    // A visit moves the end of the session: without it a processor leaves the time to live alone.
    if (!name.empty() && co_await all.async_touch(name, use_awaitable)) {
      reply.body() = co_await all.async_invoke(name, count_visit{}, use_awaitable);
    }
    if (reply.body().empty()) {
      reply.result(http::status::unauthorized);
      reply.body() = "who are you?";
    }
  }
  reply.prepare_payload();
  co_return reply;
}

asio::awaitable<void> serve(tcp::socket socket, sessions all) {
  beast::flat_buffer buffer;
  request asked;
  co_await http::async_read(socket, buffer, asked, use_awaitable);
  response reply{http::status::internal_server_error, asked.version()};
  try {
    reply = co_await answer(all, asked);
  } catch (const boost::system::system_error&) {  // of kith: the visitor may try again
    reply.result(http::status::service_unavailable);
    reply.prepare_payload();
  }
  co_await http::async_write(socket, reply, use_awaitable);
}

// A replica of the service. One request a connection, to keep it short.
class replica {
 public:
  replica() {
    asio::co_spawn(context_, accept(), asio::detached);
    thread_ = std::thread{[this] { context_.run(); }};
  }
  ~replica() {
    context_.stop();
    thread_.join();
  }
  replica(const replica&) = delete;
  replica& operator=(const replica&) = delete;

  kith::member& member() { return member_; }
  const sessions& all() const { return sessions_; }

  // What a browser does: sends one request, and gets the answer.
  response ask(http::verb method, std::string_view target, const std::string& cookie,
               const std::string& body = {}) {
    asio::io_context context;
    tcp::socket socket{context};
    socket.connect(acceptor_.local_endpoint());
    request made{method, beast::string_view{target.data(), target.size()}, 11, body};
    made.set(http::field::cookie, cookie);
    made.prepare_payload();
    http::write(socket, made);
    beast::flat_buffer buffer;
    response reply;
    http::read(socket, buffer, reply);
    return reply;
  }

 private:
  asio::awaitable<void> accept() {
    for (;;) {
      tcp::socket socket = co_await acceptor_.async_accept(use_awaitable);
      asio::co_spawn(context_, serve(std::move(socket), sessions_), asio::detached);
    }
  }

  asio::io_context context_;  // before the member, whose end posts the last handlers to it
  kith::member member_{{.cluster = "example-sessions"}};
  sessions sessions_ = open_sessions(member_);
  tcp::acceptor acceptor_{context_, {asio::ip::make_address("127.0.0.1"), 0}};
  std::thread thread_;
};

int main() {
  replica one;
  replica other;
  wait_until([&] { return one.member().members().size() == 2; }, "the replicas found each other");
  wait_until([&] { return other.member().members().size() == 2; }, "and both know");

  const response login = one.ask(http::verb::post, "/login", {}, "ann");
  const std::string_view set = login[http::field::set_cookie];
  const std::string cookie{set.substr(0, set.find(';'))};
  std::cout << "one:   " << login.body() << '\n';

  const auto visit = [&](const char* name, replica& to) {
    const response page = to.ask(http::verb::get, "/", cookie);
    std::cout << name << page.body() << '\n';
    return page;
  };
  visit("other: ", other);
  visit("one:   ", one);
  expect(visit("other: ", other).body() == "ann, visit 3", "all visits are counted");

  std::cout << "other: " << other.ask(http::verb::post, "/logout", cookie).body() << '\n';
  expect(visit("one:   ", one).result() == http::status::unauthorized, "the session is over");

  // A session that nobody visits ends by itself. Half an hour is too long to show that.
  const response second = other.ask(http::verb::post, "/login", {}, "bob");
  const std::string_view bobs = second[http::field::set_cookie];
  const std::string name{bobs.substr(8, 32)};
  expect(one.all().touch(name, {.ttl = 50ms}), "bob has a session");
  wait_until([&] { return !other.all().contains(name); }, "bob's session ends by itself");
  std::cout << "bob was away for too long\n";
}
