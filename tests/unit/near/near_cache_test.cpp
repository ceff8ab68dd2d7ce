// The typed near cache: what a look-up serves, what a lane can drop, and how references live on.
#include <kith/near/near_cache.hpp>

#include <support/near_reader.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <thread>

using namespace kith;
using namespace kith::near;
using namespace kith::test;

namespace {

/// Counts the values that are alive.
struct tracked {
  static inline int alive = 0;
  int number = 0;

  explicit tracked(int n) : number{n} { ++alive; }
  tracked(const tracked& other) : number{other.number} { ++alive; }
  tracked(tracked&& other) noexcept : number{other.number} { ++alive; }
  ~tracked() { --alive; }
};

using cache_of = near_cache<std::string, tracked>;

struct fixture {
  std::unique_ptr<near::gates> gates = std::make_unique<near::gates>();
  std::optional<cache_of> cache;
  const time_point now{1000s};

  explicit fixture(std::uint64_t bytes_max = 1 << 20) {
    for (partition_gate& gate : gates->partitions) {
      gate.suspect = false;
      gate.fresh = now.time_since_epoch().count();
    }
    gates->coordinator_fresh = now.time_since_epoch().count();
    cache.emplace(near_config{.bytes_max = bytes_max, .salt = 11}, *gates);
  }
  ~fixture() { cache.reset(); }

  static std::uint64_t hash_of(std::string_view key) { return stable_hash(as_bytes(key)); }
  static version at(std::uint64_t seq) { return {epoch{view_number{1}, 0}, sequence{seq}}; }

  install_result put(std::string_view key, int number, std::uint64_t seq = 1,
                     std::uint64_t charge = 100, time_point expires = never) {
    return cache->install(
        now, cache_of::draft(
                 {.hash = hash_of(key), .version = at(seq), .charge = charge, .expires = expires},
                 std::string{key}, tracked{number}));
  }
  ref<tracked> find(std::string_view key) const { return cache->find(hash_of(key), key, now, 3s); }
  std::uint32_t population(std::string_view key) const {
    return gates->entries(partition_of(hash_of(key)));
  }
};

std::string name(int i) { return "key " + std::to_string(i); }

}  // namespace

TEST_CASE("near cache: finds by what compares with a key") {
  fixture f;
  CHECK(f.put("a", 1) == install_result::installed);
  const auto found = f.find(std::string_view{"a"});
  REQUIRE(found);
  CHECK(found->number == 1);
  CHECK(found.version() == f.at(1));
  CHECK_FALSE(f.find("b"));
  CHECK(f.population("a") == 1);
  CHECK(f.cache->lookups().hits() == 1);
  CHECK(f.cache->lookups().absent == 1);
}

TEST_CASE("near cache: keys of equal hash are told apart and dropped together") {
  fixture f;
  const std::uint64_t hash = f.hash_of("a");
  for (int i = 0; i < 20; ++i) {
    CHECK(f.cache->install(f.now, cache_of::draft({.hash = hash, .version = f.at(1), .charge = 9},
                                                  name(i), tracked{i})) ==
          install_result::installed);
  }
  for (int i = 0; i < 20; ++i) {
    CHECK(f.cache->find(hash, name(i), f.now, 3s)->number == i);
  }
  CHECK(f.gates->entries(partition_of(hash)) == 20);
  f.cache->erase_older(hash, f.at(2));
  for (int i = 0; i < 20; ++i) CHECK_FALSE(f.cache->find(hash, name(i), f.now, 3s));
  CHECK(f.gates->entries(partition_of(hash)) == 0);
}

TEST_CASE("near cache: a flood of keys of equal hash is refused before look-ups grow long") {
  fixture f{1 << 24};
  const std::uint64_t hash = f.hash_of("a");
  int kept = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto result = f.cache->install(
        f.now,
        cache_of::draft({.hash = hash, .version = f.at(1), .charge = 9}, name(i), tracked{i}));
    kept += result == install_result::installed ? 1 : 0;
  }
  CHECK(kept <= static_cast<int>(cell_index::probes_max * cell_index::bucket_cells));
  CHECK(f.cache->size() == static_cast<std::size_t>(kept));
}

TEST_CASE("near cache: erases what is older than a version and nothing else (F2)") {
  fixture f;
  f.put("a", 1, 5);
  f.cache->erase_older(f.hash_of("a"), f.at(5));
  CHECK(f.find("a"));
  f.cache->erase_older(f.hash_of("a"), f.at(6));
  CHECK_FALSE(f.find("a"));
  CHECK(f.population("a") == 0);
}

TEST_CASE("near cache: a newer entry stays and an older one is replaced") {
  fixture f;
  f.put("a", 5, 5);
  CHECK(f.put("a", 4, 4) == install_result::newer_present);
  CHECK(f.find("a")->number == 5);
  CHECK(f.put("a", 6, 6) == install_result::installed);
  CHECK(f.find("a")->number == 6);
  CHECK(f.cache->size() == 1);
  CHECK(f.population("a") == 1);
}

TEST_CASE("near cache: an entry of a dead generation gives way even to a lower version") {
  fixture f;
  f.put("a", 5, 5);
  f.gates->flush(partition_of(f.hash_of("a")));
  CHECK_FALSE(f.find("a"));
  CHECK(f.put("a", 1, 1) == install_result::installed);
  CHECK(f.find("a")->number == 1);
  CHECK(f.population("a") == 1);
}

TEST_CASE(
    "near cache: a flush and a clear hide entries at once and are reclaimed with bounded work") {
  fixture f{1 << 24};
  for (int i = 0; i < 1000; ++i) f.put(name(i), i);
  const partition_id p = partition_of(f.hash_of(name(0)));
  SUBCASE("a flush of a partition by its lane") { f.gates->flush(p); }
  SUBCASE("a clear of the cache there") { f.cache->clear(p); }
  CHECK_FALSE(f.find(name(0)));
  CHECK(f.gates->entries(p) == 0);
  CHECK(f.cache->size() == 1000);
  f.cache->expect_dead();
  int calls = 1;
  while (f.cache->reclaim(f.now, 100)) ++calls;
  CHECK(calls == 10);
  CHECK(f.cache->size() < 1000);
  CHECK(f.cache->bytes() == f.cache->size() * 100);
  CHECK(tracked::alive == static_cast<int>(f.cache->size()));
  std::uint32_t counted = 0;
  for (std::uint32_t i = 0; i < partition_count; ++i) {
    counted += f.gates->entries(static_cast<partition_id>(i));
  }
  CHECK(counted == f.cache->size());
}

TEST_CASE("near cache: an entry is served until its time and its memory comes back after it") {
  fixture f;
  f.put("a", 1, 1, 100, f.now + 10s);
  CHECK(f.cache->find(f.hash_of("a"), "a", f.now + 10s - 1ns, any_age));
  CHECK_FALSE(f.cache->find(f.hash_of("a"), "a", f.now + 10s, any_age));
  CHECK(f.cache->lookups().expired == 1);
  f.cache->reclaim(f.now + 11s, 100);
  CHECK(f.cache->size() == 0);
  CHECK(f.population("a") == 0);
}

TEST_CASE("near cache: it never holds more than its bytes and keeps what is read") {
  fixture f{10'000};
  f.put("hot", -1);
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(f.find("hot"));
    f.put(name(i), i);
    REQUIRE(f.cache->bytes() <= 10'000);
  }
  CHECK(f.cache->size() == 100);
  CHECK(f.cache->engine_counters().evictions == 901);
  CHECK(f.put("huge", 0, 1, 10'001) == install_result::no_room);
  f.cache->set_bytes_max(f.now, 1'000);
  CHECK(f.cache->size() == 10);
  CHECK(tracked::alive == 10);
}

TEST_CASE("near cache: it shrinks by so many entries at a time, down to a part of its limit") {
  fixture f{160'000};
  for (int i = 0; i < 1600; ++i) f.put(name(i), i);
  REQUIRE(f.cache->size() == 1600);
  CHECK(f.cache->shrink(f.now, 550, 100) == 6);
  CHECK(f.cache->shrink(f.now, UINT64_MAX, 100) == 100);
  CHECK(f.cache->shrink(f.now, UINT64_MAX, SIZE_MAX) == 1394);
  CHECK(f.cache->bytes() == 160'000 / store::near_part_kept);
  CHECK(f.cache->shrink(f.now, UINT64_MAX, SIZE_MAX) == 0);
  // Its limit is what it was.
  for (int i = 0; i < 1600; ++i) f.put(name(i), i, 2);
  CHECK(f.cache->size() == 1600);
}

TEST_CASE("near cache: all entries are found after the index has grown many times") {
  fixture f{1 << 26};
  f.cache.emplace(near_config{.bytes_max = 1 << 22, .salt = 1}, *f.gates);
  for (int i = 0; i < 40'000; ++i) CHECK(f.put(name(i), i, 1, 100) == install_result::installed);
  int found = 0;
  for (int i = 0; i < 40'000; ++i) found += f.find(name(i)) ? 1 : 0;
  CHECK(found == 40'000);
  for (int i = 0; i < 40'000; i += 2) f.cache->erase_older(f.hash_of(name(i)), f.at(2));
  found = 0;
  for (int i = 0; i < 40'000; ++i) found += f.find(name(i)) ? 1 : 0;
  CHECK(found == 20'000);
}

TEST_CASE("reference: keeps its value through erasure and eviction and the end of the cache") {
  tracked::alive = 0;
  std::optional<fixture> f{std::in_place};
  f->put("a", 1);
  f->put("b", 2);
  f->put("c", 3);
  ref<tracked> erased = f->find("a");
  ref<tracked> evicted = f->find("b");
  ref<tracked> orphan = f->find("c");
  const ref<tracked> copy = orphan;
  f->cache->erase_older(f->hash_of("a"), newest_version);
  f->cache->set_bytes_max(f->now, 1);
  CHECK(f->cache->size() == 0);
  CHECK(tracked::alive == 3);
  f.reset();
  CHECK(tracked::alive == 3);
  CHECK(erased->number + evicted->number + orphan->number == 6);
  erased = {};
  evicted = {};
  CHECK(tracked::alive == 1);
  orphan = {};
  CHECK(copy->number == 3);
}

TEST_CASE("reference: a value dies with the last of many that were taken in many ways") {
  tracked::alive = 0;
  {
    fixture f;
    f.put("a", 1);
    std::vector<ref<tracked>> held;
    // More than a thread has slots.
    for (int i = 0; i < 20; ++i) held.push_back(f.find("a"));
    for (int i = 0; i < 20; ++i) held.push_back(held[static_cast<std::size_t>(i)]);
    f.cache->erase_older(f.hash_of("a"), newest_version);
    CHECK(tracked::alive == 1);
    for (std::size_t i = 0; i + 1 < held.size(); ++i) held[i] = {};
    CHECK(held.back()->number == 1);
    CHECK(tracked::alive == 1);
    held.clear();
    CHECK(tracked::alive == 0);
  }
}

TEST_CASE("reference: may be moved to another thread and dropped there after its own has ended") {
  tracked::alive = 0;
  fixture f;
  f.put("a", 1);
  ref<tracked> from_elsewhere;
  std::thread{[&] { from_elsewhere = f.find("a"); }}.join();
  f.cache->erase_older(f.hash_of("a"), newest_version);
  CHECK(from_elsewhere->number == 1);
  // A thread that takes over the ended one's slots finds this one in use.
  std::thread{[&, held = std::move(from_elsewhere)]() mutable {
    f.put("b", 2);
    CHECK(f.find("b")->number == 2);
    CHECK(held->number == 1);
    held = {};
    CHECK(tracked::alive == 1);
  }}.join();
}

TEST_CASE("reference: of a value that is in no near cache") {
  tracked::alive = 0;
  ref<tracked> nothing;
  CHECK_FALSE(nothing);
  CHECK(nothing.get() == nullptr);
  CHECK(nothing.version() == version{});
  {
    const ref<tracked> fresh = make_ref<tracked>(fixture::at(7), tracked{3});
    const ref<tracked> shared = ref_from<tracked>(share(fresh));
    CHECK((*fresh).number == 3);
    CHECK(shared.get() == fresh.get());
    CHECK(shared.version() == fixture::at(7));
    ref<tracked> moved = shared;
    moved = std::move(moved);
    CHECK(moved->number == 3);
  }
  CHECK(tracked::alive == 0);
}

TEST_CASE("reference: the draft of a refused fill still serves its leader") {
  tracked::alive = 0;
  {
    fixture f;
    const auto made = cache_of::draft(
        {.hash = f.hash_of("a"), .version = f.at(1), .charge = 1 << 30}, "a", tracked{4});
    CHECK(f.cache->install(f.now, made) == install_result::no_room);
    const auto value = cache_of::value_of(made);
    CHECK(value->number == 4);
    CHECK_FALSE(f.find("a"));
  }
  CHECK(tracked::alive == 0);
}

TEST_CASE("gates: a count is never booked on another generation") {
  gates g;
  const partition_id p{3};
  const std::uint32_t old = g.generation(p);
  g.add_entries(p, old, 5);
  g.flush(p);
  CHECK(g.entries(p) == 0);
  g.remove_entries(p, old, 2);
  CHECK(g.entries(p) == 0);
  g.add_entries(p, g.generation(p), 1);
  CHECK(g.entries(p) == 1);
}

TEST_CASE("gates: nothing is allowed before anything was heard unless any age will do") {
  const gates g;
  const permit first = g.permit_for(partition_id{1});
  CHECK_FALSE(first.allows(time_point{}, 3s));
  CHECK_FALSE(first.allows(time_point{1s}, duration{INT64_MAX - 1}));
  CHECK(first.allows(time_point{}, any_age));
}

TEST_CASE("near cache: a reader behind a token sees what is of its epoch and not older") {
  near_reader r;
  r.fill(r.key, 5);
  const auto after = [&](const version& token) {
    const auto found = r.kept.find_after(r.key.hash, r.key.text, r.now, r.max_age, token);
    return static_cast<bool>(found);
  };
  CHECK(after(r.at(4)));
  CHECK(after(r.at(5)));
  CHECK_FALSE(after(r.at(6)));
  CHECK_FALSE(after({{view_number{3}, 0}, sequence{1}}));
  CHECK_FALSE(after({{view_number{5}, 0}, sequence{1}}));
  CHECK(r.hit(r.key));
}

TEST_CASE("near cache: what was read is hotter than what came later and was not") {
  fixture f;
  for (const char* key : {"a", "b", "c", "d"}) f.put(key, 1);
  const auto keys = [&](std::size_t most) {
    std::string names;
    for (const auto& one : f.cache->hottest(f.now, most)) {
      names += cache_of::entry_of(one.held).key;
    }
    return names;
  };
  CHECK(keys(10) == "dcba");
  CHECK(f.find("b"));
  CHECK(f.find("a"));
  CHECK(keys(10) == "badc");
  CHECK(keys(3) == "bad");
  CHECK(keys(0).empty());
  CHECK(f.cache->hottest(f.now, 2)[1].read);
  CHECK_FALSE(f.cache->hottest(f.now, 3)[2].read);
}

TEST_CASE("near cache: what the hand has spared is hotter than what came later and was not read") {
  fixture f{4 * 100};
  for (const char* key : {"a", "b", "c", "d"}) f.put(key, 1);
  CHECK(f.find("a"));
  // The hand takes a's mark and then b.
  f.put("e", 1);
  CHECK_FALSE(f.find("b"));
  std::string names;
  for (const auto& one : f.cache->hottest(f.now, 10)) {
    names += cache_of::entry_of(one.held).key;
    CHECK_FALSE(one.read);
  }
  CHECK(names == "aedc");
}

TEST_CASE("near cache: to ask for the hottest counts no read and takes no mark") {
  fixture f;
  f.put("a", 1);
  f.put("b", 1);
  CHECK(f.find("a"));
  const std::uint64_t hits = f.cache->lookups().hits();
  for (int i = 0; i < 3; ++i) {
    const auto cells = f.cache->hottest(f.now, 1);
    REQUIRE(cells.size() == 1);
    CHECK(cache_of::entry_of(cells[0].held).key == "a");
  }
  CHECK(f.cache->lookups().hits() == hits);
}

TEST_CASE("near cache: neither what is dead nor what has ended is among the hottest") {
  fixture f;
  f.put("a", 1);
  f.put("b", 1, 1, 100, f.now);
  f.put("c", 1);
  f.gates->flush(partition_of(fixture::hash_of("c")));
  const auto cells = f.cache->hottest(f.now, 10);
  REQUIRE(cells.size() == 1);
  CHECK(cache_of::entry_of(cells[0].held).key == "a");
}

TEST_CASE("near cache: the hottest few of many are the same as the beginning of all") {
  fixture f;
  for (int i = 0; i < 2000; ++i) f.put(std::to_string(i), i);
  for (int i = 0; i < 2000; i += 7) CHECK(f.find(std::to_string(i)));
  const auto all = f.cache->hottest(f.now, 5000);
  const auto few = f.cache->hottest(f.now, 20);
  REQUIRE(all.size() == 2000);
  REQUIRE(few.size() == 20);
  for (std::size_t i = 0; i < few.size(); ++i) CHECK(few[i].held.get() == all[i].held.get());
  CHECK(cache_of::entry_of(all[0].held).key == "1995");
  CHECK(cache_of::entry_of(all[286].held).key == "1999");
}

TEST_CASE("near cache: what is kept only if there is room makes nothing else leave") {
  fixture f{3 * 100};
  const auto put_politely = [&](std::string_view key, std::uint64_t seq) {
    return f.cache->install(f.now, cache_of::draft({.hash = fixture::hash_of(key),
                                                    .version = fixture::at(seq),
                                                    .charge = 100,
                                                    .only_if_room = true},
                                                   std::string{key}, tracked{1}));
  };
  f.put("a", 1);
  f.put("b", 1);
  CHECK(put_politely("c", 1) == install_result::installed);
  CHECK(put_politely("d", 1) == install_result::no_room);
  CHECK(put_politely("a", 2) == install_result::installed);
  CHECK(f.cache->engine_counters().evictions == 0);
  CHECK((f.find("a") && f.find("b") && f.find("c")));
}
