#include <kith/net/addresses.hpp>

#include <doctest/doctest.h>

using kith::net::known_addresses;

TEST_CASE("addresses: of literals and of localhost nobody has to be asked") {
  CHECK(known_addresses("127.0.0.1").front().is_loopback());
  CHECK(known_addresses("0.0.0.0").front().is_unspecified());
  CHECK(known_addresses("::1").front().is_v6());
  REQUIRE(known_addresses("localhost").size() == 2);
  for (const auto& each : known_addresses("localhost")) CHECK(each.is_loopback());
  for (const char* name : {"", "localhost.example", "127.0.0", "example.org"}) {
    CHECK(known_addresses(name).empty());
  }
}
