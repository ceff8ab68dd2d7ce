// One replica of the catalogue: an HTTP server that embeds a member of the cluster. Start several
// on one machine; they find each other and share one cache.
#include "api.hpp"
#include "arguments.hpp"
#include "counters.hpp"
#include "database.hpp"
#include "first_content.hpp"
#include "http_server.hpp"
#include "service.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>

namespace {

constexpr const char* usage = R"(usage: catalog-node [options]
  --port N         HTTP port on the loopback address; 0, the default, takes any free one
  --database FILE  SQLite file that all replicas share (catalog.sqlite); filled if it is new
  --csv FILE       what fills it: columns name, version, section, size, description;
                   without it the package lists of this machine's apt do
  --counters FILE  where this replica counts, one file each (catalog-PORT.counters)
  --cluster NAME   replicas of one name share a cache (catalog)
  --admin-port N   of the page that shows the cluster; 0, the default, is 1000 above the member's
  --threads N      threads that serve HTTP (2)
  --seconds N      ends after so long; 0, the default, runs until SIGINT or SIGTERM
)";

int run(const catalog::arguments& given) {
  const std::uint64_t threads = std::max<std::uint64_t>(given.number("--threads", 2, 64), 1);
  catalog::http_server server{
      {.port = static_cast<std::uint16_t>(given.number("--port", 0, 65535)),
       .threads = static_cast<unsigned>(threads)}};
  const std::string port = std::to_string(server.port());

  catalog::counters_file counted{given.text("--counters", "catalog-" + port + ".counters")};
  const std::string& csv = given.text("--csv");
  catalog::database rows{given.text("--database", "catalog.sqlite"), counted.get().selects,
                         csv.empty() ? catalog::packages_of_apt() : catalog::packages_of_csv(csv)};
  const auto admin_port = static_cast<std::uint16_t>(given.number("--admin-port", 0, 65535));
  catalog::service service{
      {.cluster = given.text("--cluster", "catalog"), .admin_port = admin_port}, rows,
      counted.get()};

  std::cout << "catalog-node shows its cluster at " << service.admin_url() << '\n';
  std::cout << "catalog-node listens on http://127.0.0.1:" << port << std::endl;
  server.run(catalog::api{service}, std::chrono::seconds{given.number("--seconds", 0, 1'000'000)});
  return 0;
}

}  // namespace

int main(int count, char** values) {
  try {
    return run({count, values,
                {"--port", "--database", "--csv", "--counters", "--cluster", "--threads",
                 "--seconds", "--admin-port"}});
  } catch (const catalog::usage_error& wrong) {
    std::cerr << "catalog-node: " << wrong.what() << '\n' << usage;
    return 2;
  } catch (const std::exception& wrong) {
    std::cerr << "catalog-node: " << wrong.what() << '\n';
    return 1;
  }
}
