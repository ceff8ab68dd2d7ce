// A member's administration page and the endpoints that machines ask, over HTTP. Opt-in: kith.hpp
// does not include it, and it needs Boost.Beast and Boost.JSON.
//
//   kith::member member({.cluster = "shop"});
//   kith::admin_server admin(member, {.bind = {"127.0.0.1", 9090}});
//   std::cout << admin.url() << '\n';
//
//   /              the page: members, partitions, hit ratios, rates, latencies, events; live
//   /livez         200 while the member's thread makes its turns, else 503
//   /readyz        200 when the member has joined, else 503 with the reason
//   /metrics       every metric, for Prometheus
//   /stats.json    the same as JSON
//   /cluster.json  the view, the partition table, connections, the last events
//
// Boost.JSON has functions to be linked: in one source file of the program
// #include <boost/json/src.hpp>, or link Boost::json.
//
// A thread of its own, so that it answers whatever the program's executors and the member's threads
// are at. It reads only, and nobody is authenticated: so it listens on the loopback address, unless
// it is told that the network may be trusted.
#pragma once

#include <kith/admin/counters.hpp>
#include <kith/admin/documents.hpp>
#include <kith/admin/event_log.hpp>
#include <kith/admin/health.hpp>
#include <kith/admin/session.hpp>
#include <kith/admin/site.hpp>
#include <kith/core/endpoint.hpp>
#include <kith/core/time.hpp>
#include <kith/error.hpp>
#include <kith/events.hpp>
#include <kith/member.hpp>
#include <kith/net/addresses.hpp>
#include <kith/net/fork_mark.hpp>
#include <kith/net/io_threads.hpp>
#include <kith/net/listener.hpp>
#include <kith/net/socket.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace kith {

struct admin_options {
  /// Where it listens. A port of 0 takes any that is free.
  endpoint bind = {"127.0.0.1", 0};
  /// Allows a bind that other machines can reach, although whoever asks is answered.
  bool insecure = false;
  /// The address of another member's page ("http://10.0.0.7:9090/"), which this one's links to;
  /// empty: not known. Members do not tell each other. Called on the server's thread.
  std::function<std::string(const endpoint& member)> page_of = {};
  /// One more waits until one of them ends.
  std::size_t connections_max = 64;
  /// For a request to arrive, counted from the answer before it, and for an answer to leave: a
  /// connection that does neither is closed.
  duration transfer_max = std::chrono::seconds{10};
  /// Of a request; a longer one is answered with 431.
  std::uint32_t header_bytes_max = 8 << 10;
  /// /livez is 503 when the member's thread has made no turn for so long.
  duration silence_max = std::chrono::seconds{5};
};

/// Serves from its construction to its destruction. The member lives longer.
class admin_server {
 public:
  /// Listens. Throws kith::error: invalid_option, which names the field; overloaded where the
  /// system gives no thread or socket.
  explicit admin_server(member& of, admin_options options = {});
  /// Closes all connections. Not from a listener or handler of the member. In a forked child it
  /// does nothing: the server is the parent's.
  ~admin_server();
  admin_server(const admin_server&) = delete;
  admin_server& operator=(const admin_server&) = delete;

  [[nodiscard]] const endpoint& address() const { return server_->listener->local(); }
  /// Of the page, for a browser on this machine.
  [[nodiscard]] std::string url() const { return "http://" + to_string(address()) + '/'; }
  /// What it counted, which /metrics tells too. Any thread.
  [[nodiscard]] admin::request_counts counts() const { return admin::read(server_->counted); }

 private:
  /// Behind a pointer, so that a forked child can leave it alone.
  struct server {
    server(member& of, const admin_options& options);
    ~server();
    server(const server&) = delete;
    server& operator=(const server&) = delete;

    void start();
    void beat();
    void on_accepted(const boost::asio::ip::tcp& protocol, int descriptor);
    void on_session_end();

    const net::fork_mark made;
    net::runtime& runs;
    const duration beat_every;
    admin::running_counters counted;
    admin::event_log log;
    admin::pulse pulse;
    admin::site site;
    admin::session_context sessions;
    boost::asio::io_context context{1};
    boost::asio::steady_timer timer{context};
    std::shared_ptr<net::listener> listener;
    bool ending = false;
    subscription views;
    std::thread thread;
  };

  static void require(bool holds, const char* field) {
    if (!holds) throw error{errc::invalid_option, field};
  }
  static const admin_options& checked(const admin_options& options);
  static net::listen_options listen_options_of(const admin_options& options);
  /// What others may reach is reached by names.
  static admin::hosts hosts_of(const admin_options& options);

  std::unique_ptr<server> server_;
};

// --- implementation ---

inline const admin_options& admin_server::checked(const admin_options& options) {
  const auto allowed = [](duration given) {
    return given >= std::chrono::milliseconds{1} && given <= std::chrono::hours{1};
  };
  require(options.connections_max >= 1, "connections_max: 1 or more");
  require(allowed(options.transfer_max), "transfer_max: 1 ms to an hour");
  require(allowed(options.silence_max), "silence_max: 1 ms to an hour");
  require(options.header_bytes_max >= 256 && options.header_bytes_max <= 1 << 20,
          "header_bytes_max: 256 to 1048576");
  const auto known = net::known_addresses(options.bind.host);
  const bool near = !known.empty() && net::is_loopback(known.front());
  if (!near && !options.insecure) {
    throw error{errc::invalid_option,
                "bind: " + options.bind.host +
                    " may be reached from other machines, and the page is for everybody who asks; "
                    "bind a loopback address, or set insecure = true in a network where every "
                    "machine may read it"};
  }
  return options;
}

inline net::listen_options admin_server::listen_options_of(const admin_options& options) {
  net::listen_options made;
  made.host = options.bind.host;
  made.first_port = made.last_port = options.bind.port;
  made.insecure = true;  // checked() has seen to it
  made.limits.handshakes = options.connections_max;
  made.limits.per_address = 100;
  return made;
}

inline admin::hosts admin_server::hosts_of(const admin_options& options) {
  return options.insecure ? admin::hosts::any : admin::hosts::addresses;
}

inline admin_server::server::server(member& of, const admin_options& options)
    : runs{of.runtime()},
      beat_every{options.silence_max / 4},
      pulse{options.silence_max},
      site{of, counted, log, pulse, options.page_of, hosts_of(options)},
      sessions{site, counted,
               std::chrono::duration_cast<std::chrono::milliseconds>(options.transfer_max),
               options.header_bytes_max, [this] { on_session_end(); }},
      listener{std::make_shared<net::listener>(context, listen_options_of(options))} {
  log.begin(of.view_number());
  views = of.on_view([this](const view_event& told) { log.on_view(told); });
}

inline admin_server::server::~server() {
  views.end();
  context.stop();
  if (thread.joinable()) thread.join();
  ending = true;
}

inline void admin_server::server::start() {
  listener->begin([this](const boost::asio::ip::tcp& protocol, int descriptor) {
    on_accepted(protocol, descriptor);
  });
  beat();
  try {
    thread = std::thread{[this] {
      net::name_this_thread("kith-admin");
      while (!context.stopped()) {
        try {
          context.run();
        } catch (const std::exception&) {  // no memory for one request; the others go on
          admin::count(counted.failed);
        }
      }
    }};
  } catch (const std::system_error& why) {
    throw error{errc::overloaded, net::not_started("admin", 0, 1, why)};
  }
}

inline void admin_server::server::beat() {
  pulse.beat(runs);
  timer.expires_after(beat_every);
  timer.async_wait([this](const boost::system::error_code& error) {
    if (!error) beat();
  });
}

inline void admin_server::server::on_accepted(const boost::asio::ip::tcp& protocol,
                                              int descriptor) {
  boost::asio::ip::tcp::socket socket{context};
  if (!net::adopt(socket, protocol, descriptor)) return listener->on_handshake_ended();
  boost::system::error_code ignored;
  socket.set_option(boost::asio::ip::tcp::no_delay{true}, ignored);
  std::shared_ptr<admin::session> begun;
  try {
    begun = std::make_shared<admin::session>(sessions, std::move(socket));
    begun->read();
  } catch (const std::exception&) {  // no memory for it; the listener goes on
    admin::count(counted.failed);
    if (!begun) listener->on_handshake_ended();
  }
}

/// In the listener's words a connection is a handshake: so many at a time are accepted.
inline void admin_server::server::on_session_end() {
  if (!ending) listener->on_handshake_ended();
}

inline admin_server::admin_server(member& of, admin_options options)
    : server_{std::make_unique<server>(of, checked(options))} {
  server_->start();
}

inline admin_server::~admin_server() {
  if (server_->made.elsewhere()) static_cast<void>(server_.release());
}

}  // namespace kith
