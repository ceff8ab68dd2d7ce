// What the surviving side of a cut answers of keys that the other one has written.
#include <kith/sim/cluster.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

using namespace std::chrono_literals;

namespace {

using numbers = kith::cache<std::uint32_t, std::int64_t>;
using settings = kith::cache_options<std::uint32_t, std::int64_t>;

enum class rows_in { database, cache_alone };

/// Three members before one database, or with the cache as the only place. The last goes on alone,
/// then joins the others again.
struct split {
  explicit split(settings chosen = {}, kith::sim::cluster_options options = {.seed = 3},
                 rows_in where = rows_in::database)
      : all{options} {
    all.run_until_stable();
    const auto load = [this](const std::uint32_t& key) -> std::optional<std::int64_t> {
      const auto row = rows.find(key);
      return row == rows.end() ? std::nullopt : std::optional{row->second};
    };
    if (where == rows_in::database) chosen.load = load;
    most = all.cache<std::uint32_t, std::int64_t>(0, "rows", chosen);
    second = all.cache<std::uint32_t, std::int64_t>(1, "rows", chosen);
    few = all.cache<std::uint32_t, std::int64_t>(2, "rows", chosen);
    for (std::uint32_t key = 0; key < keys; ++key) rows[key] = 1;
    if (where == rows_in::database) return;
    for (std::uint32_t key = 0; key < keys; ++key) most->put(key, 1);
    all.run_for(21s);  // these puts are no part of the cut
  }
  void cut() {
    all.cut(2, 0);
    all.cut(2, 1);
    REQUIRE(all.run_until([&] { return members(0) == 2 && members(2) == 1; }, 60s));
    for (std::uint32_t key = 0; key < keys; ++key) {
      CHECK(read(key) == 1);
    }
  }
  void meet() {
    all.heal();
    all.run_until_stable();
    all.run_for(2s);
  }
  std::size_t members(std::size_t of) {
    const auto& view = all.host(of).control().membership().current();
    return view == nullptr ? 0 : view->size();
  }
  /// A program changes the row, and says so by the member that is alone.
  void write(std::uint32_t key, std::int64_t value) {
    rows[key] = value;
    few->put(key, value);
  }
  /// What the survivors answer, by each member.
  std::int64_t read(std::uint32_t key) {
    const auto seen = most->get(key);
    const auto there = few->get(key);
    REQUIRE(seen);
    REQUIRE(there);
    CHECK(*there == *seen);
    return *seen;
  }
  std::uint64_t told() {
    std::uint64_t sum = 0;
    for (const auto& lane : all.host(2).lanes()) sum += lane->shipped().counters().told;
    return sum;
  }

  /// What became of the writes.
  std::uint64_t dropped() {
    std::uint64_t sum = 0;
    for (const auto& lane : all.host(2).lanes()) sum += lane->shipped().counters().dropped;
    return sum;
  }

  static constexpr std::uint32_t keys = 40;
  kith::sim::cluster all;
  std::map<std::uint32_t, std::int64_t> rows;
  std::optional<numbers> most;
  std::optional<numbers> second;
  std::optional<numbers> few;
};

}  // namespace

TEST_CASE("merge: keys that the side which gave way has written are read from the database anew") {
  split sides;
  sides.cut();
  for (std::uint32_t key = 0; key < 10; ++key) sides.write(key, 2);
  sides.rows[10] = 2;
  sides.few->erase(10);
  sides.meet();
  for (std::uint32_t key = 0; key < 11; ++key) CHECK(sides.read(key) == 2);
  CHECK(sides.told() == 11);
}

TEST_CASE("merge: what was written between the cut and the time when it is noticed counts too") {
  split sides;
  for (std::uint32_t key = 0; key < split::keys; ++key) {
    static_cast<void>(sides.most->get(key));
    static_cast<void>(sides.few->get(key));
  }
  sides.all.cut(2, 0);
  sides.all.cut(2, 1);
  const auto& view = *sides.all.host(2).control().membership().current();
  std::uint32_t mine = 0;
  while (view.owner_of(kith::partition_of(kith::stable_hash(kith::encode(mine))))->id !=
         sides.all.host(2).control().self()) {
    ++mine;
  }
  sides.write(mine, 2);
  REQUIRE(sides.members(2) == 3);
  REQUIRE(sides.all.run_until([&] { return sides.members(0) == 2 && sides.members(2) == 1; }, 60s));
  // The row as a slow replica of the database still has it.
  sides.rows[mine] = 1;
  CHECK(*sides.most->get(mine) == 1);
  sides.rows[mine] = 2;
  sides.meet();
  CHECK(sides.read(mine) == 2);
}

TEST_CASE("merge: the end of a tag is told as what it is") {
  split sides{{.backups = 1}};
  for (std::uint32_t key = 0; key < split::keys; ++key) {
    sides.most->put(key, 1, {.tags = {key % 2 == 0 ? "even" : "odd"}});
  }
  sides.all.run_for(21s);  // these puts are no part of the cut
  sides.cut();
  for (std::uint32_t key = 0; key < split::keys; ++key) sides.rows[key] = 2;
  sides.few->invalidate_tag("odd");
  sides.meet();
  for (std::uint32_t key = 0; key < split::keys; ++key) CHECK(sides.read(key) == 1 + key % 2);
}

TEST_CASE("merge: a clear is told as what it is") {
  split sides;
  sides.cut();
  for (std::uint32_t key = 0; key < split::keys; ++key) sides.rows[key] = 2;
  sides.few->clear();
  sides.meet();
  for (std::uint32_t key = 0; key < split::keys; ++key) CHECK(sides.read(key) == 2);
}

TEST_CASE("merge: with more keys than are remembered their partitions are dropped as a whole") {
  kith::sim::cluster_options options{.seed = 3};
  options.lane.replica.dirty_keys = 1;
  split sides{{}, options};
  sides.cut();
  for (std::uint32_t key = 0; key < split::keys; ++key) sides.write(key, 2);
  sides.meet();
  for (std::uint32_t key = 0; key < split::keys; ++key) CHECK(sides.read(key) == 2);
}

TEST_CASE("merge: with discard the survivors keep what they have") {
  split sides{{.merge_policy = kith::merge_policy::discard}};
  sides.cut();
  sides.write(1, 2);
  sides.meet();
  CHECK(sides.read(1) == 1);
  CHECK(sides.told() == 0);
}

TEST_CASE("merge: a rejoined member whose side wrote nothing tells nothing") {
  split sides;
  sides.few->put(1, 1);
  sides.all.run_for(1min);
  sides.few->put(split::keys, 1);
  sides.all.run_for(21s);
  sides.cut();
  sides.meet();
  CHECK(sides.told() == 0);
}

TEST_CASE("merge: with newest the higher version stays, and what only the survivors wrote does") {
  const settings chosen{.backups = 2, .merge_policy = kith::merge_policy::newest};
  split sides{chosen, {.seed = 3}, rows_in::cache_alone};
  sides.cut();
  for (std::uint32_t key = 0; key < 20; ++key) sides.few->put(key, 2);
  for (std::uint32_t key = 20; key < split::keys; ++key) sides.most->put(key, 3);
  sides.few->erase(20);
  sides.meet();
  for (std::uint32_t key = 0; key < split::keys; ++key)
    CHECK(sides.read(key) == (key < 20 ? 2 : 3));
}

TEST_CASE("merge: a function of the user's is given both sides' values") {
  settings chosen{.backups = 2};
  chosen.merge = [](const std::uint32_t&, const std::int64_t* theirs, const std::int64_t* ours) {
    std::optional<std::int64_t> sum;
    if (theirs != nullptr && ours != nullptr) sum = *theirs + *ours;
    return sum;
  };
  split sides{chosen, {.seed = 3}, rows_in::cache_alone};
  sides.cut();
  for (std::uint32_t key = 0; key < 20; ++key) sides.few->put(key, 5);
  sides.most->put(3, 10);
  sides.few->erase(20);
  sides.meet();
  for (std::uint32_t key = 0; key < 20; ++key) CHECK(sides.read(key) == (key == 3 ? 15 : 6));
  CHECK_FALSE(sides.most->get(20));
  CHECK(sides.read(21) == 1);
  CHECK(sides.dropped() == 0);
}

TEST_CASE("merge: values for which there is no room are left out") {
  const settings chosen{.backups = 2, .merge_policy = kith::merge_policy::newest};
  kith::sim::cluster_options options{.seed = 3};
  options.lane.replica.dirty_bytes = 0;
  split sides{chosen, options, rows_in::cache_alone};
  sides.cut();
  for (std::uint32_t key = 0; key < 20; ++key) sides.few->put(key, 2);
  sides.meet();
  for (std::uint32_t key = 0; key < split::keys; ++key) CHECK(sides.read(key) == 1);
  CHECK(sides.dropped() == 20);
}

TEST_CASE("merge: where values are merged a clear takes nothing from the survivors") {
  const settings chosen{.backups = 2, .merge_policy = kith::merge_policy::newest};
  split sides{chosen, {.seed = 3}, rows_in::cache_alone};
  sides.cut();
  sides.few->clear();
  sides.meet();
  for (std::uint32_t key = 0; key < split::keys; ++key) CHECK(sides.read(key) == 1);
  CHECK(sides.told() == 0);
}
