// Where a member may listen, and how many may come in at a time.
#include <doctest/doctest.h>

#include "support.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <cerrno>
#include <string>

using namespace net_test;

namespace {

std::string refusal_of(const kith::net::listen_options& options) {
  boost::asio::io_context context;
  try {
    const auto made = std::make_shared<kith::net::listener>(context, options);
  } catch (const kith::error& error) {
    CHECK(error.code() == kith::errc::invalid_option);
    return error.what();
  }
  return {};
}

TEST_CASE("listener: beyond this machine only where it is said to be insecure") {
  for (const char* host : {"0.0.0.0", "::", "192.0.2.1"}) {
    CHECK(refusal_of({.host = host}).find("insecure = true") != std::string::npos);
  }
  CHECK(refusal_of({.host = "0.0.0.0", .insecure = true}).empty());
  CHECK(refusal_of({.host = "localhost"}).empty());
}

TEST_CASE("listener: what cannot be bound is named") {
  CHECK(refusal_of({.host = "no such host"}).find("host") != std::string::npos);
  CHECK(refusal_of({.host = "192.0.2.1", .insecure = true}).find("host") != std::string::npos);
  CHECK(refusal_of({.first_port = 2, .last_port = 1}).find("last_port") != std::string::npos);
}

TEST_CASE("listener: takes the lowest free port, says when none is, and lets no child inherit it") {
  boost::asio::io_context context;
  const auto first = std::make_shared<kith::net::listener>(context, kith::net::listen_options{});
  const std::uint16_t port = first->local().port;
  CHECK(port != 0);
  CHECK(first->local().host == "127.0.0.1");
  CHECK(refusal_of({.first_port = port, .last_port = port}).find("free") != std::string::npos);
}

TEST_CASE("listener: what the system said is kept, and which option it is about") {
  const kith::net::listen_options low{.first_port = 80, .last_port = 80};
  CHECK(kith::net::no_port(low, EACCES).code() == kith::errc::invalid_option);
  CHECK(std::string{kith::net::no_port(low, EACCES).what()}.find("port: none of 80 to 80 at "
                                                                 "127.0.0.1 can be bound: "
                                                                 "Permission denied") == 0);
  CHECK(std::string{kith::net::no_address(low, EINVAL).what()}.find("Invalid argument") !=
        std::string::npos);
  CHECK(kith::net::no_socket(low, EAFNOSUPPORT).code() == kith::errc::invalid_option);
}

TEST_CASE("listener: without a descriptor left it says so, and not that the address is wrong") {
  boost::asio::io_context context;
  const kith::net::listener first{context, {}};  // the context has what it needs for itself
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none{3, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  std::string said;
  kith::error_code code;
  try {
    const auto made = std::make_shared<kith::net::listener>(context, kith::net::listen_options{});
  } catch (const kith::error& error) {
    said = error.what();
    code = error.code();
  }
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(code == kith::errc::overloaded);
  CHECK(said.find("Too many open files") != std::string::npos);
}

TEST_CASE("accept gate: five a second and address, and a bound on handshakes") {
  kith::net::accept_gate gate{{}};
  const kith::time_point start{1h};
  for (int i = 0; i < 5; ++i) CHECK(gate.admit(start, "192.0.2.1"));
  CHECK_FALSE(gate.admit(start, "192.0.2.1"));
  CHECK(gate.admit(start, "192.0.2.2"));
  CHECK(gate.admit(start + 200ms, "192.0.2.1"));
  CHECK_FALSE(gate.admit(start + 200ms, "192.0.2.1"));
  for (int i = 0; i < 32; ++i) {
    CHECK(gate.has_room());
    gate.on_handshake_begun();
  }
  CHECK_FALSE(gate.has_room());
  gate.on_handshake_ended();
  CHECK(gate.has_room());
}

// Goal: silent connects take the places of no one for long. Method: one handshake at a time; who
// waits behind a silent one gets in when its deadline passed.
TEST_CASE("listener: a full gate leaves others waiting, not lost") {
  kith::net::link_options options;
  options.connection.check = 10ms;
  options.connection.handshake = 50ms;
  party owner{1, options};
  kith::net::listen_options listening;
  listening.limits.handshakes = 1;
  owner.listen(listening);
  raw_peer silent{owner.local()};
  raw_peer next{owner.local()};
  CHECK(next.shake_hands(2));
  CHECK(silent.receive_all().empty());
}

}  // namespace
