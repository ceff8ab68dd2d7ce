// What is answered to a request: pages by path, and who is refused. No I/O; one thread at a time.
//
// Nothing here can be changed by a request, and nobody is authenticated. A page of another origin
// must not read it all the same: no answer allows it, and where the server is bound to the
// loopback, a Host that is a name is refused, which a browser sends when a stranger's name was made
// to point at 127.0.0.1.
#pragma once

#include <kith/admin/counters.hpp>
#include <kith/admin/documents.hpp>
#include <kith/admin/event_log.hpp>
#include <kith/admin/health.hpp>
#include <kith/admin/page.hpp>
#include <kith/core/time.hpp>
#include <kith/member.hpp>
#include <kith/net/addresses.hpp>
#include <kith/net/clock.hpp>
#include <kith/net/runtime.hpp>
#include <kith/net/system_random.hpp>
#include <kith/prometheus.hpp>
#include <kith/stats.hpp>

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/json/serialize.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace kith::admin {

using request = boost::beast::http::request<boost::beast::http::empty_body>;
using response = boost::beast::http::response<boost::beast::http::string_body>;

/// Whose Host header is answered.
enum class hosts : std::uint8_t { addresses, any };

/// True for "127.0.0.1:8080", "[::1]" and "localhost", false for other names.
[[nodiscard]] inline bool is_address(std::string_view host) {
  const std::size_t end = host.starts_with('[') ? host.find(']') : host.rfind(':');
  std::string name{host.substr(0, end)};
  if (name.starts_with('[')) name.erase(0, 1);
  return !net::known_addresses(name).empty();
}

class site {
 public:
  /// What it refers to lives longer.
  site(member& of, const running_counters& counted, const event_log& log, const pulse& beats,
       page_finder page_of, hosts answered)
      : member_{of},
        counted_{counted},
        log_{log},
        pulse_{beats},
        page_of_{std::move(page_of)},
        hosts_{answered} {}

  /// The answer to a request without a body. That to HEAD has the length of the body it leaves out.
  [[nodiscard]] response answer(const request& asked) const;
  /// An answer that is only words, after which the connection ends.
  [[nodiscard]] static response refusal(boost::beast::http::status status, std::string_view why);

 private:
  using status = boost::beast::http::status;

  static response text(status status, std::string body, std::string_view type);
  [[nodiscard]] response found(std::string_view path) const;
  [[nodiscard]] response page() const;
  [[nodiscard]] response health(std::string_view why_not) const;
  [[nodiscard]] std::string metrics() const;
  [[nodiscard]] std::string stats() const;
  void visit_all(const metric_visitor& visit) const;

  member& member_;
  const running_counters& counted_;
  const event_log& log_;
  const pulse& pulse_;
  const page_finder page_of_;
  const hosts hosts_;
  const time_point began_ = net::now();
};

// --- implementation ---

inline response site::text(status status, std::string body, std::string_view type) {
  using boost::beast::http::field;
  response made{status, 11};
  made.set(field::content_type, {type.data(), type.size()});
  made.set(field::cache_control, "no-store");
  made.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  made.set("Cross-Origin-Resource-Policy", "same-origin");
  made.set("Referrer-Policy", "no-referrer");
  made.set("X-Content-Type-Options", "nosniff");
  made.body() = std::move(body);
  return made;
}

inline response site::refusal(status status, std::string_view why) {
  response made = text(status, std::string{why} + '\n', "text/plain; charset=utf-8");
  made.keep_alive(false);
  return made;
}

inline response site::answer(const request& asked) const {
  using boost::beast::http::field;
  using boost::beast::http::verb;
  if (asked.method() != verb::get && asked.method() != verb::head) {
    response made = refusal(status::method_not_allowed, "GET or HEAD");
    made.set(field::allow, "GET, HEAD");
    return made;
  }
  const auto host = asked[field::host];
  if (hosts_ == hosts::addresses && !host.empty() && !is_address({host.data(), host.size()})) {
    return refusal(status::misdirected_request, "Host: an address or localhost, no other name");
  }
  const auto target = asked.target();
  const std::string_view path{target.data(), target.size()};
  response made = found(path.substr(0, path.find('?')));
  made.version(asked.version());
  made.keep_alive(asked.keep_alive());
  return made;
}

inline response site::found(std::string_view path) const {
  constexpr std::string_view json = "application/json";
  if (path == "/") return page();
  if (path == "/livez") {
    return health(pulse_.alive() ? "" : "the member's thread makes no turns");
  }
  if (path == "/readyz") return health(why_not_ready(member_.runtime()));
  if (path == "/metrics") return text(status::ok, metrics(), prometheus_text::content_type);
  if (path == "/stats.json") return text(status::ok, stats(), json);
  if (path == "/cluster.json") {
    return text(status::ok, boost::json::serialize(cluster_json(member_, log_, page_of_)), json);
  }
  return text(status::not_found,
              "There are / /livez /readyz /metrics /stats.json /cluster.json\n",
              "text/plain; charset=utf-8");
}

/// Script and style of the page are the only ones that run, by a number that nobody can guess.
inline response site::page() const {
  const std::string nonce =
      std::to_string(net::system_random()) + std::to_string(net::system_random());
  std::string body{page_text};
  for (std::size_t at = 0; (at = body.find(page_nonce, at)) != std::string::npos;) {
    body.replace(at, page_nonce.size(), nonce);
  }
  response made = text(status::ok, std::move(body), "text/html; charset=utf-8");
  made.set("Content-Security-Policy",
           "default-src 'none'; script-src 'nonce-" + nonce + "'; style-src 'nonce-" + nonce +
               "'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
               "frame-ancestors 'none'");
  return made;
}

inline response site::health(std::string_view why_not) const {
  constexpr std::string_view type = "text/plain; charset=utf-8";
  if (why_not.empty()) return text(status::ok, "ok\n", type);
  return text(status::service_unavailable, std::string{why_not} + '\n', type);
}

inline void site::visit_all(const metric_visitor& visit) const {
  member_.visit_stats(visit);
  visit_counters(read(counted_), request_rows<std::uint64_t>, {}, visit);
}

inline std::string site::metrics() const {
  prometheus_text all;
  visit_all(all.visitor());
  return all.str();
}

inline std::string site::stats() const {
  metrics_json all;
  visit_all(all.visitor());
  const auto up = std::chrono::duration_cast<std::chrono::milliseconds>(net::now() - began_);
  return boost::json::serialize(boost::json::object{{"member", to_string(member_.address())},
                                                    {"time_ms", wall_clock_ms()},
                                                    {"up_ms", std::int64_t{up.count()}},
                                                    {"metrics", all.take()}});
}

}  // namespace kith::admin
