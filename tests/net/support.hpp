// What the tests of net/ share: a member's links with a record of what they told, and a raw socket
// that speaks, or misspeaks, by hand. Waits are for events, bounded only so that a failure ends.
#pragma once

#include <support/patience.hpp>

#include <kith/core/mutex.hpp>
#include <kith/net/io_threads.hpp>
#include <kith/net/links.hpp>
#include <kith/net/listener.hpp>
#include <kith/wire/session.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace net_test {

using namespace std::chrono_literals;

struct heard {
  enum kind { up, down, failed, found, message, room } what{};
  kith::member_id peer;
  std::uint32_t sid = 0;
  bool dialled = false;
  kith::net::close_reason why{};
  kith::net::dial_result result{};
  kith::wire::verdict_status verdict{};
  std::uint8_t code = 0;
  std::uint64_t rid = 0;
  std::size_t size = 0;
};

/// What recorders ring: several may share one, so that a test waits for what holds of all of them.
struct bell {
  kith::mutex mutex;
  kith::condition_variable changed;

  /// Waits until `holds()`; false when it does not for the time of patience.
  template <class Predicate>
  [[nodiscard]] bool wait(Predicate holds) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    kith::mutex_lock lock{mutex};
    while (!holds()) {
      if (!changed.wait_until(mutex, deadline)) return holds();
    }
    return true;
  }
};

class recorder final : public kith::net::link_events {
 public:
  explicit recorder(std::shared_ptr<bell> shared) : bell_{std::move(shared)} {}

  void on_link_up(const kith::member_id& peer, std::uint32_t sid,
                  const std::optional<kith::endpoint>& dialled) override {
    heard event{heard::up, peer, sid};
    event.dialled = dialled.has_value();
    add(event);
  }
  void on_link_down(const kith::member_id& peer, kith::net::close_reason why) override {
    heard event{heard::down, peer};
    event.why = why;
    add(event);
  }
  void on_dial_failed(const kith::net::dial_failure& failure) override {
    heard event{heard::failed, failure.member};
    event.result = failure.result;
    event.verdict = failure.verdict;
    event.why = failure.closed;
    add(event);
  }
  void on_dial_found(const kith::member_id& peer, const kith::endpoint&) override {
    add({heard::found, peer});
  }
  void on_message(kith::net::connection& from, const kith::wire::message_frame& frame) override {
    heard event{heard::message, from.peer(), from.sid()};
    event.code = frame.code;
    event.rid = frame.rid;
    event.size = frame.payload.size();
    add(event);
  }
  void on_batch_end(kith::net::connection&) override {}
  void on_room(kith::net::connection& at) override { add({heard::room, at.peer()}); }

  /// Waits until `holds(events)`; see bell.
  template <class Predicate>
  [[nodiscard]] bool wait(Predicate holds) {
    return bell_->wait([&] { return holds(std::as_const(events_)); });
  }

  [[nodiscard]] std::vector<heard> events() {
    kith::mutex_lock lock{bell_->mutex};
    return events_;
  }
  /// For the predicates of bell::wait, which holds the lock.
  [[nodiscard]] const std::vector<heard>& events_locked() const { return events_; }

 private:
  void add(const heard& event) {
    {
      kith::mutex_lock lock{bell_->mutex};
      events_.push_back(event);
    }
    bell_->changed.notify_all();
  }

  const std::shared_ptr<bell> bell_;
  std::vector<heard> events_;  // guarded by the bell's mutex
};

[[nodiscard]] inline std::size_t count(const std::vector<heard>& events, heard::kind kind) {
  std::size_t found = 0;
  for (const heard& each : events) found += each.what == kind ? 1u : 0u;
  return found;
}

[[nodiscard]] inline auto at_least(std::size_t number, heard::kind kind) {
  return [=](const std::vector<heard>& events) { return count(events, kind) >= number; };
}

inline constexpr std::uint64_t cluster = 0xC1;
inline constexpr std::uint64_t configuration = 0xC0;

[[nodiscard]] inline kith::member_id member(std::uint64_t number) { return {number, number, 1}; }

/// A member's side of the network: threads, a listener and links.
class party {
 public:
  explicit party(std::uint64_t number, kith::net::link_options options = {},
                 std::size_t threads = 1, std::shared_ptr<bell> shared = std::make_shared<bell>())
      : seen{std::move(shared)}, threads_{threads} {
    options.self = member(number);
    if (options.cluster_hash == 0) options.cluster_hash = cluster;
    options.config_hash = configuration;
    options_ = options;
    links_ = std::make_unique<kith::net::links>(threads_, options, seen);
  }
  ~party() {
    stop();
    threads_.stop();
  }

  party& listen(kith::net::listen_options options = {}) {
    auto listener = std::make_shared<kith::net::listener>(threads_.home(), options);
    local_ = listener->local();
    at_home([&] { links_->accept_from(listener); });
    return *this;
  }

  void stop() {
    if (std::exchange(stopped_, true)) return;
    std::promise<void> done;
    at_home([&] { links_->stop([&] { done.set_value(); }); });
    CHECK(done.get_future().wait_for(patience) == std::future_status::ready);
  }

  template <class Function>
  void at_home(Function function) {
    std::promise<void> done;
    boost::asio::post(threads_.home(), [&] {
      function();
      done.set_value();
    });
    done.get_future().wait();
  }

  bool send(const kith::member_id& to, kith::wire::packet packet) {
    kith::net::touched written;
    const auto result = links_->push(to, std::move(packet), written);
    written.flush();
    return result == kith::net::link_table::pushed::taken;
  }

  [[nodiscard]] kith::net::links& links() { return *links_; }
  [[nodiscard]] const kith::endpoint& local() const { return local_; }
  [[nodiscard]] kith::member_id id() const { return options_.self; }

  recorder seen;

 private:
  kith::net::io_threads threads_;
  kith::net::link_options options_;
  std::unique_ptr<kith::net::links> links_;
  kith::endpoint local_;
  bool stopped_ = false;
};

[[nodiscard]] inline kith::wire::packet packet_of(kith::wire::opcode code, std::uint64_t rid,
                                                  std::size_t size = 8) {
  kith::wire::packet made{code, rid, {}, 0, kith::bytes(size)};
  for (std::size_t i = 0; i < size; i += 4096) made.payload[i] = static_cast<std::byte>(i >> 12);
  return made;
}

/// A socket without kith on it.
class raw_peer {
 public:
  explicit raw_peer(const kith::endpoint& to, int receive_buffer = 0) {
    descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer > 0) {
      ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(to.port);
    ::inet_pton(AF_INET, to.host.c_str(), &address.sin_addr);
    REQUIRE(::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  ~raw_peer() { close(); }
  raw_peer(const raw_peer&) = delete;
  raw_peer& operator=(const raw_peer&) = delete;

  bool send(kith::byte_view data) {
    while (!data.empty()) {
      const ssize_t sent = ::send(descriptor_, data.data(), data.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      data = data.subspan(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// What is there, waiting for the first of it. Empty at the end of the stream, however it ended.
  kith::bytes receive() {
    pollfd wait{descriptor_, POLLIN, 0};
    REQUIRE(::poll(&wait, 1, 20'000) == 1);
    kith::bytes buffer(64 << 10);
    const ssize_t got = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
    buffer.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return buffer;
  }

  /// Everything until the other side closes.
  kith::bytes receive_all() {
    kith::bytes all;
    for (kith::bytes part = receive(); !part.empty(); part = receive()) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }

  /// Goes through the handshake as the dialler `number`; false when it was refused.
  bool shake_hands(std::uint64_t number, std::uint64_t cluster_hash = cluster,
                   std::size_t piece = 1 << 20, std::uint64_t config_hash = configuration) {
    kith::wire::session_config config;
    config.self = member(number);
    config.cluster_hash = cluster_hash;
    config.config_hash = config_hash;
    session_ = std::make_unique<kith::wire::session>(config);
    while (!session_->is_open() && !session_->failed()) {
      const kith::bytes output = session_->take_output();
      for (std::size_t at = 0; at < output.size(); at += piece) {
        const std::size_t size = std::min(piece, output.size() - at);
        if (!send({output.data() + at, size})) return false;
      }
      const kith::bytes input = receive();
      if (input.empty()) return false;
      session_->on_bytes(input);
    }
    return session_->is_open();
  }

  [[nodiscard]] kith::wire::session& session() { return *session_; }

  /// The frames of `packet`.
  [[nodiscard]] kith::bytes framed(const kith::wire::packet& packet) {
    session_->send(packet);
    return session_->take_output();
  }

  void reset() {
    const linger hard{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
  }
  void shut_down() { ::shutdown(descriptor_, SHUT_WR); }
  void close() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }

 private:
  int descriptor_ = -1;
  std::unique_ptr<kith::wire::session> session_;
};

}  // namespace net_test
