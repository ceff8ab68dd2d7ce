// Drives the replicas of the catalogue over HTTP: mostly reads, some writes, names drawn by Zipf's
// law. Shows a line a second, and in the end what the replicas counted and what clients saw.
#include "arguments.hpp"
#include "http_client.hpp"
#include "json.hpp"
#include "load.hpp"
#include "report.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/http/status.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <exception>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

constexpr const char* usage = R"(usage: catalog-load --ports N,N,... [options]
  --ports N,N,...  HTTP ports of the replicas, on the loopback address
  --seconds N      how long (20)
  --clients N      each sends its next request when the last one is answered (16)
  --rate N         requests a second of all clients together; 0, the default: no limit
  --writes N       of a thousand requests, so many change a package (2)
  --seed N         draws the same names in the same order for each client (1)
)";

std::vector<std::uint16_t> ports_in(std::string_view list) {
  std::vector<std::uint16_t> ports;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(list.data(), list.data() + comma, port);
    if (error != std::errc{} || end != list.data() + comma || port == 0) {
      throw catalog::usage_error{"--ports needs numbers with commas between them"};
    }
    ports.push_back(port);
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  if (ports.empty()) throw catalog::usage_error{"--ports is missing"};
  return ports;
}

// One question outside the load; throws if the replica does not answer it with 200.
std::string get(std::uint16_t port, std::string target) {
  asio::io_context context{1};
  catalog::http_client client{context.get_executor(), port};
  auto asked = asio::co_spawn(context, client.ask({.target = std::move(target)}, 10s),
                              asio::use_future);
  context.run();
  const auto reply = asked.get();
  if (!reply || reply->result() != boost::beast::http::status::ok) {
    throw std::runtime_error{"no answer from the replica on port " + std::to_string(port)};
  }
  return reply->body();
}

std::optional<catalog::stats> stats_of(std::uint16_t port) {
  try {
    return catalog::stats_from_json(get(port, "/stats"));
  } catch (const std::runtime_error&) {
    return std::nullopt;
  }
}

// The names in an order of popularity that has nothing to do with the alphabet.
std::vector<std::string> popular_names(std::string_view lines, std::uint64_t seed) {
  std::vector<std::string> names;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    names.emplace_back(lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  if (names.empty()) throw std::runtime_error{"the catalogue is empty"};
  catalog::random_numbers chance{seed};
  for (std::size_t left = names.size(); left > 1; --left) {
    std::swap(names[left - 1], names[chance.below(left)]);
  }
  return names;
}

int run(const catalog::arguments& given) {
  const std::vector<std::uint16_t> ports = ports_in(given.text("--ports"));
  catalog::load_options options;
  options.duration = std::chrono::seconds{given.number("--seconds", 20, 1'000'000)};
  options.clients = given.number("--clients", 16, 1000);
  options.rate = given.number("--rate", 0, 1'000'000'000);
  options.writes_per_mille = given.number("--writes", 2, 1000);
  options.seed = given.number("--seed", 1, UINT64_MAX);

  std::vector<catalog::replica_stats> replicas;
  for (const std::uint16_t port : ports) replicas.push_back({stats_of(port), std::nullopt});
  if (const auto& first = replicas.front().before) {
    options.staleness_max = std::chrono::milliseconds{first->staleness_max_ms};
  }
  std::vector<std::string> names = popular_names(get(ports.front(), "/names"), options.seed);

  catalog::load load{options, ports, std::move(names)};
  const catalog::load_result clients =
      load.run([](std::chrono::seconds since_start, const catalog::tally& seen) {
        catalog::print_progress(std::cout, since_start, seen);
      });

  for (std::size_t i = 0; i < ports.size(); ++i) replicas[i].after = stats_of(ports[i]);
  catalog::print_table(std::cout, clients, replicas);
  return clients.all.reads() > 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** values) {
  try {
    return run({count, values,
                {"--ports", "--seconds", "--clients", "--rate", "--writes", "--seed"}});
  } catch (const catalog::usage_error& wrong) {
    std::cerr << "catalog-load: " << wrong.what() << '\n' << usage;
    return 2;
  } catch (const std::exception& wrong) {
    std::cerr << "catalog-load: " << wrong.what() << '\n';
    return 1;
  }
}
