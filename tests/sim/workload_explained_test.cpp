// What members say of a key is believed where it agrees, and is a violation where it does not.
#include <kith/sim/workload.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

using namespace kith;
using namespace std::chrono_literals;

namespace {

using sayings = std::vector<std::pair<std::size_t, explanation>>;

/// Member 0 owns the key, member 1 keeps it.
sayings agreed() {
  explanation owner;
  owner.view_number = 3;
  owner.owner = sim::cluster::address_of(0);
  explanation reader = owner;
  owner.owned = {true, version{{}, decltype(version::seq){7}}};
  owner.listeners = {sim::cluster::address_of(1)};
  reader.near = {owner.owned->version, true, std::nullopt};
  return {{0, owner}, {1, reader}};
}

bool accepted(const sayings& told) { return sim::wrong_explanations(told).empty(); }

}  // namespace

TEST_CASE("workload explained: what agrees is no violation") {
  CHECK(accepted(agreed()));
  // Nothing is kept of a key that its owner has not told to anybody.
  sayings nobody = agreed();
  nobody[1].second.near.reset();
  nobody[0].second.listeners.clear();
  CHECK(accepted(nobody));
  // Nor are entries that would not be served promises.
  sayings dead = agreed();
  dead[1].second.near->alive = false;
  dead[0].second.listeners.clear();
  CHECK(accepted(dead));
}

TEST_CASE("workload explained: members that tell different things are found") {
  sayings views = agreed();
  ++views[1].second.view_number;
  CHECK_FALSE(accepted(views));
  sayings owners = agreed();
  owners[1].second.owner = sim::cluster::address_of(1);
  CHECK_FALSE(accepted(owners));
  sayings disowned = agreed();
  disowned[0].second.owned.reset();
  CHECK_FALSE(accepted(disowned));
}

TEST_CASE("workload explained: an entry that its owner does not know of is found") {
  sayings unknown = agreed();
  unknown[0].second.listeners.clear();
  CHECK_FALSE(accepted(unknown));
  sayings other = agreed();
  other[1].second.near->version.seq = decltype(version::seq){6};
  CHECK_FALSE(accepted(other));
}

// Goal: the ports of a simulated member answer as those of a real one do. Method: one write seen by
// two members.
TEST_CASE("workload explained: a simulated cluster explains a key and counts it") {
  sim::cluster cluster({.members = 2, .seed = 1});
  cluster.run_until_stable();
  auto first = cluster.cache<int, int>(0, "numbers");
  auto second = cluster.cache<int, int>(1, "numbers");
  int key = 0;
  while (first.explain(key).owner != sim::cluster::address_of(0)) ++key;
  first.put(key, 1);
  CHECK(*second.get(key) == 1);
  CHECK(*second.get(key) == 1);
  const explanation owner = first.explain(key);
  const explanation reader = second.explain(key);
  CHECK(accepted({{0, owner}, {1, reader}}));
  REQUIRE(reader.near);
  CHECK(reader.near->version == owner.owned->version);
  CHECK(owner.listeners == std::vector{sim::cluster::address_of(1)});
  CHECK(first.stats().writes == 1);
  CHECK(second.stats().near_hits == 1);
  CHECK(second.stats().owner_hits == 1);
  std::size_t metrics = 0;
  second.visit_stats([&](const metric&) { ++metrics; });
  CHECK(metrics > 20);
  // An entry is not served, and not said to be, while its stream has a gap or is not heard of.
  kith::near::partition_gate& gate =
      cluster.port_of(1)->gates().partitions[index_of(reader.partition)];
  CHECK(reader.near->alive);
  gate.suspect = true;
  CHECK_FALSE(second.explain(key).near->alive);
  gate.suspect = false;
  CHECK(second.explain(key).near->alive);
  gate.fresh = kith::near::never_heard.time_since_epoch().count();
  CHECK_FALSE(second.explain(key).near->alive);
  // The same seed, the same words.
  CHECK(to_string(owner) == to_string(first.explain(key)));
}
