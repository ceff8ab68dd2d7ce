// The replica's HTTP face:
//
//   GET /package/NAME   the package as JSON. X-Answered-By says what it took: near, owner or
//                       database; ETag is the revision of the row
//   PUT /package/NAME   some of {"version", "section", "size", "description"}; the rest stays
//   GET /names          all names, one a line
//   GET /stats          what this replica has counted, as JSON
#pragma once

#include "http_server.hpp"
#include "service.hpp"

namespace catalog {

class api {
 public:
  explicit api(service& behind) : behind_{behind} {}

  void operator()(const http_request& request, const http_responder& respond) const;

 private:
  void read(const std::string& name, const http_responder& respond) const;
  void write(std::string name, const std::string& body, const http_responder& respond) const;

  service& behind_;
};

}  // namespace catalog
