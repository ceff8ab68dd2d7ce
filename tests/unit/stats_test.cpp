// Every counter has one metric, and every metric a row in the operations page.
#include <kith/admin/counters.hpp>
#include <kith/handle/cache_stats.hpp>
#include <kith/member_stats.hpp>
#include <kith/stats.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

/// A struct of counters whose n-th one is n.
template <class Counters>
Counters numbered() {
  std::vector<std::uint64_t> numbers(sizeof(Counters) / sizeof(std::uint64_t));
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = i + 1;
  Counters made;
  std::memcpy(static_cast<void*>(&made), numbers.data(), sizeof made);
  return made;
}

template <class Counters, std::size_t Rows>
void check_one_each(const kith::counter_row<Counters> (&rows)[Rows]) {
  std::set<std::uint64_t> seen;
  kith::visit_counters(numbered<Counters>(), rows, {}, [&](const kith::metric& one) {
    CHECK_MESSAGE(seen.insert(one.value).second, one.name);
    CHECK_FALSE(one.name.empty());
    CHECK_FALSE(one.help.empty());
  });
  CHECK(seen.size() == Rows);

  Counters twice = numbered<Counters>();
  kith::add_counters(twice, numbered<Counters>(), rows);
  kith::visit_counters(twice, rows, {},
                       [&](const kith::metric& one) { CHECK(seen.contains(one.value / 2)); });
}

std::string key_of(const kith::metric& one) {
  std::string key{one.name};
  for (const kith::metric_label& label : one.labels) {
    key += ' ' + std::string{label.name} + '=' + std::string{label.value};
  }
  return key;
}

/// Calls `visit` for every metric that there can be.
void visit_all(const kith::metric_visitor& visit) {
  kith::member_stats member;
  member.peers.push_back({{"127.0.0.1", 5801}, 1, 2, 3, 4, 5});
  member.peers.push_back({{"127.0.0.1", 5802}, 1, 2, 3, 4, 5});
  kith::visit_stats(member, visit);
  kith::visit_stats(kith::cache_stats{}, "products", visit);
  kith::visit_stats(kith::cache_stats{}, "prices", visit);
  kith::visit_counters(kith::admin::request_counts{}, kith::admin::request_rows<std::uint64_t>, {},
                       visit);
}

}  // namespace

TEST_CASE("stats: each counter of the machines is one metric") {
  check_one_each(kith::node::reader_rows);
  check_one_each(kith::node::owner_rows);
  check_one_each(kith::node::call_rows);
  check_one_each(kith::node::shipment_rows);
  check_one_each(kith::node::membership_rows);
  check_one_each(kith::node::near_store_rows);
  check_one_each(kith::node::owned_store_rows);
  check_one_each(kith::net::runtime_rows<std::uint64_t>);
  check_one_each(kith::admin::request_rows<std::uint64_t>);
}

TEST_CASE("stats: a list that names a counter twice or lacks one is found") {
  struct pair {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
  };
  constexpr kith::counter_row<pair> whole[] = {{&pair::first, "a", "A.", {}, {}},
                                               {&pair::second, "b", "B.", {}, {}}};
  constexpr kith::counter_row<pair> twice[] = {whole[0], whole[0]};
  constexpr kith::counter_row<pair> lacking[] = {whole[0]};
  CHECK(kith::describes_all(whole));
  CHECK_FALSE(kith::describes_all(twice));
  CHECK_FALSE(kith::describes_all(lacking));
}

TEST_CASE("stats: metrics of one family differ in their labels only") {
  std::set<std::string> keys;
  std::map<std::string, kith::metric> families;
  visit_all([&](const kith::metric& one) {
    CHECK_MESSAGE(keys.insert(key_of(one)).second, key_of(one));
    const auto [at, added] = families.emplace(one.name, one);
    const kith::metric& first = at->second;
    CHECK_MESSAGE(first.help == one.help, one.name);
    CHECK_MESSAGE(first.type == one.type, one.name);
    CHECK_MESSAGE(first.unit == one.unit, one.name);
    CHECK_MESSAGE(first.labels.size() == one.labels.size(), one.name);
  });
}

TEST_CASE("stats: hits and misses count a read where the cluster had the value, or not") {
  kith::cache_stats stats;
  stats.near_hits = 1;
  stats.owner_hits = 2;
  stats.loaded = 4;
  stats.absent = 8;
  stats.failed = 16;
  CHECK(stats.hits() == 3);
  CHECK(stats.misses() == 12);
}

TEST_CASE("stats: the operations page has a row for each family, and no other") {
  std::ifstream page{KITH_OPERATIONS_PAGE};
  REQUIRE(page.is_open());
  std::set<std::string> told, there;
  bool metrics = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## ")) metrics = line == "## Every metric";
    if (!metrics || !line.starts_with("| `")) continue;
    const std::size_t end = line.find('`', 3);
    const std::string name = line.substr(3, end - 3);
    CHECK_MESSAGE(told.insert(name).second, name);
  }
  visit_all([&](const kith::metric& one) { there.insert(std::string{one.name}); });
  for (const std::string& name : there) CHECK_MESSAGE(told.contains(name), name);
  for (const std::string& name : told) CHECK_MESSAGE(there.contains(name), name);
}
