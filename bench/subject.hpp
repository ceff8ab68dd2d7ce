// What the programs that run a cluster have in common: the value, its keys, the clusters' names and
// where their members listen.
#pragma once

#include "record.hpp"

#include <kith/kith.hpp>
#include <kith/net/runtime.hpp>

#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace bench {

inline record make_record(std::uint64_t id) {
  record made{std::string(20, 'n'), {}, 4.99, id};
  for (std::int32_t i = 0; i < 16; ++i) made.numbers.push_back(i);
  return made;
}

/// "product:" and six digits: 14 bytes.
inline std::vector<std::string> make_keys(std::size_t count) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < count; ++i) keys.push_back("product:" + std::to_string(100000 + i));
  return keys;
}

/// Numbers below `below` in an order that a prefetcher does not guess; always the same.
inline std::vector<std::uint32_t> make_order(std::size_t count, std::size_t below) {
  std::mt19937 random{7};
  std::vector<std::uint32_t> order(count);
  for (std::uint32_t& at : order) at = static_cast<std::uint32_t>(random() % below);
  return order;
}

/// Whether the program is to show only that it works, in about a second.
inline bool is_quick(int argc, char** argv) {
  return std::any_of(argv, argv + argc,
                     [](const char* one) { return std::string_view{one} == "--quick"; });
}

/// Threads of the whole machine that wanted to run in the last minute. Above the number of
/// processors, figures of two threads and 99th percentiles say little.
inline double machine_load() {
  double load = 0;
  return ::getloadavg(&load, 1) == 1 ? load : 0;
}

/// A member that knows only `seed`, if any: other clusters of this machine are not asked.
inline kith::member_options apart(std::string cluster, std::uint16_t seed = 0,
                                  std::uint32_t weight = 100) {
  kith::member_options made;
  made.cluster = std::move(cluster);
  made.discovery.loopback = false;
  if (seed != 0) made.discovery.seeds = {{"127.0.0.1", seed}};
  made.weight = weight;
  return made;
}

inline void wait_for_members(const kith::member& one, std::size_t count) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (one.members().size() < count) {
    if (std::chrono::steady_clock::now() > until) throw std::runtime_error{"no cluster in 10 s"};
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
}

/// Until each partition has so many copies beside its owner's, as the newest view of `one` says.
inline void wait_for_copies(kith::member& one, std::ptrdiff_t copies) {
  const auto held = [&](const auto& row) {
    const auto nobody = std::ranges::count(row.backups, kith::cluster::unowned);
    return std::ssize(row.backups) - nobody >= copies;
  };
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (!std::ranges::all_of(one.runtime().view()->rows, held)) {
    if (std::chrono::steady_clock::now() > until) throw std::runtime_error{"no copies in 60 s"};
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
}

using record_cache = kith::cache<std::string, record>;
using record_options = kith::cache_options<std::string, record>;

inline void fill(const record_cache& cache, const std::vector<std::string>& keys) {
  for (std::size_t i = 0; i < keys.size(); ++i) cache.put(keys[i], make_record(i));
}

/// Runs a program's body; what it throws is printed, and the program fails.
template <class Body>
[[nodiscard]] int guarded(Body&& body) {
  try {
    return body();
  } catch (const std::exception& wrong) {
    std::fprintf(stderr, "failed: %s\n", wrong.what());
    return EXIT_FAILURE;
  }
}

}  // namespace bench
