#include "api.hpp"

#include "json.hpp"
#include "target.hpp"

#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>

#include <stdexcept>
#include <utility>

namespace catalog {
namespace {

namespace http = boost::beast::http;

http_response reply_with(http::status status, std::string body,
                         const char* type = "application/json") {
  http_response reply{status, 11};
  reply.set(http::field::content_type, type);
  reply.body() = std::move(body);
  return reply;
}

http_response refusal(http::status status, std::string_view why) {
  return reply_with(status, error_json(why));
}

/// A call on the cluster failed: 503 says that the same request may succeed a little later.
http_response failure(const kith::error_code& error) {
  const bool again = error == kith::condition::retryable;
  http_response reply = refusal(
      again ? http::status::service_unavailable : http::status::internal_server_error,
      error.message());
  if (again) reply.set(http::field::retry_after, "1");
  return reply;
}

std::string etag_of(std::int64_t revision) { return '"' + std::to_string(revision) + '"'; }

const char* name_of(tier from) {
  switch (from) {
    case tier::near: return "near";
    case tier::owner: return "owner";
    case tier::database: return "database";
  }
  return "";
}

http_response reply_to_read(const read_result& result) {
  if (result.error) return failure(result.error);
  if (!result.value) return refusal(http::status::not_found, "no such package");
  http_response reply = reply_with(http::status::ok, to_json(*result.value));
  reply.set("X-Answered-By", name_of(result.from));
  reply.set(http::field::etag, etag_of(result.value->revision));
  return reply;
}

// The row is written but the erase is not confirmed: caches may show the old row until the entry's
// life ends. Both may be done again, so the client is told to.
http_response reply_to_write(const write_result& result) {
  if (!result.failure.empty()) {
    return refusal(http::status::service_unavailable, result.failure);
  }
  if (result.error) return failure(result.error);
  http_response reply{http::status::no_content, 11};
  reply.set(http::field::etag, etag_of(result.revision));
  return reply;
}

std::string lines_of(const std::vector<std::string>& names) {
  std::string lines;
  for (const std::string& name : names) lines += name + '\n';
  return lines;
}

}  // namespace

void api::operator()(const http_request& request, const http_responder& respond) const {
  const std::string_view target{request.target().data(), request.target().size()};
  try {
    if (target.starts_with(package_path)) {
      std::string name = name_in(target);
      if (name.empty()) return respond(refusal(http::status::bad_request, "not a name"));
      if (request.method() == http::verb::get) return read(name, respond);
      if (request.method() == http::verb::put) {
        return write(std::move(name), request.body(), respond);
      }
      return respond(refusal(http::status::method_not_allowed, "GET or PUT"));
    }
    if (request.method() == http::verb::get && target == "/stats") {
      return respond(reply_with(http::status::ok, to_json(behind_.count())));
    }
    if (request.method() == http::verb::get && target == "/names") {
      return respond(reply_with(http::status::ok, lines_of(behind_.names()), "text/plain"));
    }
    respond(refusal(http::status::not_found, "GET or PUT /package/NAME, GET /names, GET /stats"));
  } catch (const std::exception& wrong) {
    respond(refusal(http::status::internal_server_error, wrong.what()));
  }
}

void api::read(const std::string& name, const http_responder& respond) const {
  behind_.find(name, respond.executor(),
               [respond](const read_result& result) { respond(reply_to_read(result)); });
}

void api::write(std::string name, const std::string& body, const http_responder& respond) const {
  package_change change;
  try {
    change = change_from_json(body);
  } catch (const std::invalid_argument& wrong) {
    return respond(refusal(http::status::bad_request, wrong.what()));
  }
  behind_.write(std::move(name), std::move(change), respond.executor(),
                [respond](const write_result& result) { respond(reply_to_write(result)); });
}

}  // namespace catalog
