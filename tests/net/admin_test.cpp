// The administration server, asked over real sockets by hand-written bytes.
#include <doctest/doctest.h>

#include "face_support.hpp"
#include "support.hpp"

#include <kith/admin.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace face_test;

namespace {

using net_test::raw_peer;

void say(raw_peer& to, std::string_view text) {
  CHECK(to.send({reinterpret_cast<const std::byte*>(text.data()), text.size()}));
}

std::string text_of(const kith::bytes& data) {
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}

/// The whole answer to `request`, after which the server closes.
std::string reply_to(const kith::admin_server& at, std::string_view request) {
  raw_peer peer{at.address()};
  say(peer, request);
  return text_of(peer.receive_all());
}

std::string get(const kith::admin_server& at, std::string_view path) {
  return reply_to(at, "GET " + std::string{path} + " HTTP/1.1\r\nConnection: close\r\n\r\n");
}

std::string status_of(const std::string& reply) { return reply.substr(0, reply.find("\r\n")); }

std::string body_of(const std::string& reply) {
  const std::size_t end = reply.find("\r\n\r\n");
  return end == std::string::npos ? std::string{} : reply.substr(end + 4);
}

boost::json::object json_at(const kith::admin_server& at, std::string_view path) {
  const std::string reply = get(at, path);
  CHECK(status_of(reply) == "HTTP/1.1 200 OK");
  CHECK(contains(reply, "Content-Type: application/json\r\n"));
  return boost::json::parse(body_of(reply)).as_object();
}

std::string text_at(const boost::json::object& in, std::string_view name) {
  return std::string{in.at({name.data(), name.size()}).as_string()};
}

/// A member that founds no cluster: it waits for another one.
kith::member_options waiting() {
  kith::member_options made = at(cluster_name());
  made.quorum = kith::quorum::majority;
  made.bootstrap_expect = 2;
  return made;
}

}  // namespace

TEST_CASE("admin: live and ready answer what orchestrators ask") {
  kith::member alone{waiting()};
  const kith::admin_server early{alone};
  CHECK(status_of(get(early, "/livez")) == "HTTP/1.1 200 OK");
  const std::string reply = get(early, "/readyz");
  CHECK(status_of(reply) == "HTTP/1.1 503 Service Unavailable");
  CHECK(body_of(reply) == "the member has not joined a cluster yet\n");
  CHECK_FALSE(json_at(early, "/cluster.json").at("ready").as_bool());

  members one{1};
  const kith::admin_server joined{one[0]};
  CHECK(status_of(get(joined, "/readyz")) == "HTTP/1.1 200 OK");
  CHECK(body_of(get(joined, "/readyz")) == "ok\n");
}

// Method: a handler that blocks holds the member's thread.
TEST_CASE("admin: a member whose thread is held is not live") {
  members one{1};
  kith::admin_server admin{one[0], {.silence_max = 50ms}};
  auto cache = one[0].cache<int, int>("numbers");
  std::promise<void> release;
  cache.async_put(1, 1, [&](kith::error_code, kith::version) { release.get_future().wait(); });
  CHECK(wait_until([&] {
    return status_of(get(admin, "/livez")) == "HTTP/1.1 503 Service Unavailable";
  }));
  release.set_value();
  CHECK(wait_until([&] { return status_of(get(admin, "/livez")) == "HTTP/1.1 200 OK"; }));
}

TEST_CASE("admin: metrics and stats tell the same numbers") {
  members one{1};
  const kith::admin_server admin{one[0]};
  auto cache = one[0].cache<int, int>("a \"cache\"\xFF");
  for (int i = 0; i < 10; ++i) cache.put(i, i);
  const std::string reply = get(admin, "/metrics");
  CHECK(contains(reply, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  CHECK(contains(reply, "\nkith_members 1\n"));
  CHECK(contains(reply, "kith_writes_total{cache=\"a \\\"cache\\\""));
  CHECK(contains(reply, "\nkith_admin_requests_total{result=\"answered\"} 0\n"));

  const boost::json::object stats = json_at(admin, "/stats.json");
  CHECK(text_at(stats, "member") == to_string(one[0].address()));
  const boost::json::object& writes = stats.at("metrics").at("writes").as_object();
  CHECK(text_at(writes, "type") == "counter");
  const boost::json::object& done = writes.at("samples").as_array().at(0).as_object();
  CHECK(text_at(done.at("labels").as_object(), "cache") == "a \"cache\"\xEF\xBF\xBD");
  CHECK(text_at(done.at("labels").as_object(), "result") == "done");
  CHECK(done.at("value").to_number<std::uint64_t>() == 10);
  CHECK(admin.counts().answered == 2);
}

TEST_CASE("admin: a histogram is told by percentiles and by buckets") {
  members one{1};
  const kith::admin_server admin{one[0]};
  auto cache = one[0].cache<int, int>(
      "rows", {.load = [](const int& key) { return std::optional<int>{key}; }});
  for (int i = 0; i < 5; ++i) CHECK(cache.get(i));
  const boost::json::object stats = json_at(admin, "/stats.json");
  const boost::json::object& all = stats.at("metrics").at("load_time").as_object();
  CHECK(text_at(all, "type") == "histogram");
  CHECK(text_at(all, "unit") == "nanoseconds");
  const boost::json::object& times = all.at("samples").as_array().at(0).as_object();
  CHECK(times.at("count").to_number<int>() == 5);
  int counted = 0;
  for (const auto& bucket : times.at("buckets").as_array()) {
    counted += bucket.as_array().at(1).to_number<int>();
  }
  CHECK(counted == 5);
  CHECK(times.at("p99").to_number<std::uint64_t>() >= times.at("p50").to_number<std::uint64_t>());
}

// Goal: members, the table of partitions, connections and the log follow a member that ends.
TEST_CASE("admin: the cluster's document follows a death") {
  members both{2};
  const auto page_of = [](const kith::endpoint& member) {
    return "http://" + member.host + ":9/" + std::to_string(member.port);
  };
  const kith::admin_server admin{both[0], {.page_of = page_of}};
  const std::string other = to_string(both[1].address());
  boost::json::object seen;
  CHECK(wait_until([&] {
    seen = json_at(admin, "/cluster.json");
    return text_at(seen.at("members").as_array().at(1).as_object(), "state") == "connected";
  }));
  CHECK(seen.at("ready").as_bool());
  const boost::json::array& found = seen.at("members").as_array();
  REQUIRE(found.size() == 2);
  CHECK(text_at(found[0].as_object(), "state") == "self");
  CHECK(text_at(found[1].as_object(), "address") == other);
  CHECK(text_at(found[1].as_object(), "page") ==
        "http://127.0.0.1:9/" + std::to_string(both[1].address().port));
  CHECK(found[0].at("partitions").to_number<int>() + found[1].at("partitions").to_number<int>() ==
        1024);
  CHECK(seen.at("partitions").as_array().size() == 1024);

  both.end(1);
  CHECK(wait_until([&] {
    seen = json_at(admin, "/cluster.json");
    return seen.at("members").as_array().size() == 1 && seen.at("gone").as_array().size() == 1;
  }));
  CHECK(text_at(seen.at("gone").as_array()[0].as_object(), "address") == other);
  bool told = false;
  for (const auto& one : seen.at("events").as_array()) {
    const boost::json::object& each = one.as_object();
    told |= text_at(each, "what") == "gone" && text_at(each, "member") == other;
  }
  CHECK(told);
  for (const auto& owner : seen.at("partitions").as_array()) CHECK(owner.to_number<int>() == 0);
}

TEST_CASE("admin: the page runs its own script and nothing else") {
  members one{1};
  const kith::admin_server admin{one[0]};
  const std::string reply = get(admin, "/");
  CHECK(status_of(reply) == "HTTP/1.1 200 OK");
  CHECK(contains(reply, "Content-Type: text/html; charset=utf-8\r\n"));
  CHECK(contains(reply, "Cache-Control: no-store\r\n"));
  CHECK(contains(reply, "X-Content-Type-Options: nosniff\r\n"));
  CHECK(contains(reply, "Content-Security-Policy: default-src 'none'; script-src 'nonce-"));
  CHECK_FALSE(contains(reply, "unsafe-inline"));
  CHECK_FALSE(contains(reply, "@nonce@"));
  const auto nonce_of = [](const std::string& page) {
    const std::size_t at = page.find("<script nonce=\"") + 15;
    return page.substr(at, page.find('"', at) - at);
  };
  CHECK(contains(reply, "script-src 'nonce-" + nonce_of(reply) + "'"));
  CHECK(nonce_of(get(admin, "/")) != nonce_of(reply));
}

TEST_CASE("admin: HEAD has the headers of GET and no body") {
  members one{1};
  const kith::admin_server admin{one[0]};
  const std::string reply =
      reply_to(admin, "HEAD /livez HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK(status_of(reply) == "HTTP/1.1 200 OK");
  CHECK(contains(reply, "Content-Length: 3\r\n"));
  CHECK(body_of(reply).empty());
}

TEST_CASE("admin: what is not there and methods that change are refused") {
  members one{1};
  const kith::admin_server admin{one[0]};
  CHECK(status_of(get(admin, "/other")) == "HTTP/1.1 404 Not Found");
  CHECK(status_of(get(admin, "/livez?verbose=1")) == "HTTP/1.1 200 OK");
  for (const std::string method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE"}) {
    const std::string reply = reply_to(admin, method + " / HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    CHECK(status_of(reply) == "HTTP/1.1 405 Method Not Allowed");
    CHECK(contains(reply, "Allow: GET, HEAD\r\n"));
  }
  const std::string body = "Content-Length: 5\r\n\r\nhello";
  CHECK(status_of(reply_to(admin, "GET / HTTP/1.1\r\n" + body)) ==
        "HTTP/1.1 413 Payload Too Large");
  CHECK(status_of(reply_to(admin, "POST / HTTP/1.1\r\n" + body)) ==
        "HTTP/1.1 405 Method Not Allowed");
  CHECK(admin.counts().refused == 8);
}

TEST_CASE("admin: a name that is not this machine's is refused on the loopback") {
  members one{1};
  const kith::admin_server admin{one[0]};
  const auto status_for = [&](const std::string& host) {
    return status_of(
        reply_to(admin, "GET /livez HTTP/1.1\r\nConnection: close\r\nHost: " + host + "\r\n\r\n"));
  };
  for (const char* host : {"127.0.0.1", "127.0.0.1:80", "localhost:80", "[::1]:80", "10.0.0.1"}) {
    CHECK(status_for(host) == "HTTP/1.1 200 OK");
  }
  CHECK(status_for("rebound.example:80") == "HTTP/1.1 421 Misdirected Request");
  CHECK(status_for("[not-closed") == "HTTP/1.1 421 Misdirected Request");
}

TEST_CASE("admin: bytes that are no request are answered once and counted") {
  members one{1};
  const kith::admin_server admin{one[0], {.header_bytes_max = 1024}};
  CHECK(status_of(reply_to(admin, "\x16\x03\x01 no request\r\n\r\n")) ==
        "HTTP/1.1 400 Bad Request");
  CHECK(status_of(reply_to(admin, "GET / HTTP/9.9\r\n\r\n")) == "HTTP/1.1 400 Bad Request");
  CHECK(status_of(reply_to(admin, "GET / HTTP/1.1\r\nno header\r\n\r\n")) ==
        "HTTP/1.1 400 Bad Request");
  const std::string longer = "GET / HTTP/1.1\r\nX: " + std::string(60'000, 'x') + "\r\n\r\n";
  CHECK(status_of(reply_to(admin, longer)) == "HTTP/1.1 431 Request Header Fields Too Large");
  CHECK(admin.counts().malformed == 4);
  CHECK(status_of(get(admin, "/livez")) == "HTTP/1.1 200 OK");
}

TEST_CASE("admin: requests that are sent ahead are answered in their order") {
  members one{1};
  const kith::admin_server admin{one[0]};
  const std::string reply = reply_to(
      admin,
      "GET /livez HTTP/1.1\r\n\r\nGET /other HTTP/1.1\r\n\r\n"
      "GET /readyz HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::size_t first = reply.find("HTTP/1.1 200 OK");
  const std::size_t second = reply.find("HTTP/1.1 404 Not Found");
  const std::size_t third = reply.rfind("HTTP/1.1 200 OK");
  CHECK(first == 0);
  CHECK(second > first);
  CHECK(third > second);
  CHECK(third != std::string::npos);
  CHECK(admin.counts().connections == 1);
}

TEST_CASE("admin: who sends its request too slowly is cut off and counted") {
  members one{1};
  const kith::admin_server admin{one[0], {.transfer_max = 100ms}};
  raw_peer slow{admin.address()};
  say(slow, "GET /livez HT");
  CHECK(slow.receive_all().empty());
  CHECK(wait_until([&] { return admin.counts().too_slow == 1; }));
  // One that asks nothing is closed too, and is no fault.
  raw_peer silent{admin.address()};
  CHECK(silent.receive_all().empty());
  CHECK(admin.counts().too_slow == 1);
}

TEST_CASE("admin: connections beyond the most wait until one ends") {
  members one{1};
  const kith::admin_server admin{one[0], {.connections_max = 2}};
  std::vector<std::unique_ptr<raw_peer>> idle;
  for (int i = 0; i < 2; ++i) idle.push_back(std::make_unique<raw_peer>(admin.address()));
  CHECK(wait_until([&] { return admin.counts().connections == 2; }));
  raw_peer third{admin.address()};
  say(third, "GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n");
  say(*idle[1], "GET /livez HTTP/1.1\r\n\r\n");
  CHECK(contains(text_of(idle[1]->receive()), "200 OK"));
  CHECK(admin.counts().connections == 2);
  idle[0]->close();
  CHECK(contains(text_of(third.receive_all()), "200 OK"));
}

TEST_CASE("admin: a bind that other machines reach has to be allowed") {
  members one{1};
  std::string why;
  const auto bound = [&](kith::admin_options options) {
    return error_of([&] { const kith::admin_server admin{one[0], options}; }, &why);
  };
  CHECK(bound({.bind = {"0.0.0.0", 0}}) == kith::errc::invalid_option);
  CHECK(contains(why, "bind: 0.0.0.0 may be reached from other machines"));
  CHECK(bound({.bind = {"::", 0}}) == kith::errc::invalid_option);
  CHECK_FALSE(bound({.bind = {"0.0.0.0", 0}, .insecure = true}));
  CHECK(bound({.connections_max = 0}) == kith::errc::invalid_option);
  CHECK(contains(why, "connections_max"));
  CHECK(bound({.header_bytes_max = 1}) == kith::errc::invalid_option);
  CHECK(bound({.transfer_max = 0ms}) == kith::errc::invalid_option);
  CHECK(bound({.silence_max = -1ms}) == kith::errc::invalid_option);

  const kith::admin_server first{one[0]};
  CHECK(bound({.bind = first.address()}) == kith::errc::invalid_option);
  CHECK(contains(why, std::to_string(first.address().port)));
}

TEST_CASE("admin: a server ends while it is asked") {
  members one{1};
  auto admin = std::make_unique<kith::admin_server>(one[0]);
  const kith::endpoint where = admin->address();
  CHECK(admin->url() == "http://" + to_string(where) + "/");
  raw_peer idle{where};
  raw_peer half{where};
  say(half, "GET /stats");
  CHECK(wait_until([&] { return admin->counts().connections == 2; }));
  admin.reset();
  CHECK(idle.receive_all().empty());
  CHECK(half.receive_all().empty());
  const kith::admin_server again{one[0], {.bind = where}};
  CHECK(status_of(get(again, "/livez")) == "HTTP/1.1 200 OK");
}
