#include <kith/core/endpoint.hpp>

#include <doctest/doctest.h>

namespace kith {

TEST_CASE("endpoint: a name or an IPv4 address stands before the last colon") {
  CHECK(parse_endpoint("cache-1.example:5801") == endpoint{"cache-1.example", 5801});
  CHECK(parse_endpoint("127.0.0.1:1") == endpoint{"127.0.0.1", 1});
  CHECK(parse_endpoint("h:65535") == endpoint{"h", 65535});
}

TEST_CASE("endpoint: an IPv6 address stands in brackets") {
  CHECK(parse_endpoint("[::1]:5801") == endpoint{"::1", 5801});
  CHECK_FALSE(parse_endpoint("::1:5801").has_value());
  CHECK_FALSE(parse_endpoint("[::1:5801").has_value());
  CHECK_FALSE(parse_endpoint("::1]:5801").has_value());
  CHECK_FALSE(parse_endpoint("[]:5801").has_value());
}

TEST_CASE("endpoint: text without a host or a whole port is refused") {
  for (const char* text : {"", ":", "host", "host:", ":5801", "host:0", "host:65536", "host:-1",
                           "host:+1", "host: 1", "host:1 ", "host:0x10", "host:80a", "5801"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_endpoint(text).has_value());
  }
}

TEST_CASE("endpoint: the text of an endpoint reads back as the same endpoint") {
  for (const endpoint& where : {endpoint{"localhost", 5801}, endpoint{"10.0.0.7", 65535},
                                endpoint{"::1", 1}, endpoint{"fe80::1%eth0", 5864}}) {
    CAPTURE(to_string(where));
    CHECK(parse_endpoint(to_string(where)) == where);
  }
  CHECK(to_string(endpoint{"::1", 80}) == "[::1]:80");
}

}  // namespace kith
