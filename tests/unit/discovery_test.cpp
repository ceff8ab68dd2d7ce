#include <doctest/doctest.h>

#include <kith/discovery.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace {

using kith::endpoint;

TEST_CASE("discovery: the ports of this machine are 5801 to 5864") {
  const auto loopback = kith::loopback_candidates({});
  CHECK(loopback.size() == 64);
  CHECK(loopback.front() == endpoint{"127.0.0.1", 5801});
  CHECK(loopback.back() == endpoint{"127.0.0.1", 5864});
  CHECK(kith::loopback_candidates({.loopback = false}).empty());
}

TEST_CASE("member list: one host:port a line and comments and blank lines") {
  const auto list = kith::parse_member_list(
      "# members\n"
      "10.0.0.1:5801\n"
      "\n"
      "  cache-1.example:5802  # the old one\r\n"
      "[::1]:5803\n"
      "10.0.0.1:5801\n"
      "last:1");
  CHECK(list.bad.empty());
  CHECK(list.members ==
        std::vector<endpoint>{
            {"10.0.0.1", 5801}, {"cache-1.example", 5802}, {"::1", 5803}, {"last", 1}});
}

TEST_CASE("member list: bad lines are told with their numbers and do not spoil the others") {
  const std::vector<std::string> bad{"host",    "host:",      ":5801",        "host:0",
                                     "host:-1", "host:65536", "::1:5801",     "host:5801 more",
                                     "a b:1",   "host:5801x", "host:99999999"};
  std::string text = "first:1\n";
  for (const std::string& line : bad) text += line + '\n';
  text += "last:2\n";
  const auto list = kith::parse_member_list(text);
  CHECK(list.members == std::vector<endpoint>{{"first", 1}, {"last", 2}});
  REQUIRE(list.bad.size() == bad.size());
  for (std::size_t i = 0; i < bad.size(); ++i) {
    CHECK(list.bad[i].number == i + 2);
    CHECK(list.bad[i].text == bad[i]);
  }
}

TEST_CASE("member list: whatever bytes a file has they are lines") {
  CHECK(kith::parse_member_list("").members.empty());
  CHECK(kith::parse_member_list("\n\n\n").bad.empty());
  CHECK(kith::parse_member_list("#").bad.empty());
  const std::string binary{"\0\xFF\n\r\t \n:\n", 8};
  CHECK(kith::parse_member_list(binary).bad.size() == 2);
}

}  // namespace
