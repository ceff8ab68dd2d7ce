// What an owner tells the listeners of its own process.
#include "owner_fixture.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace kith;
using namespace kith::replica;
using wire::mutation;

namespace {

using lines = std::vector<std::string>;

struct watched_owner : owner {
  explicit watched_owner(watching level = watching::values, std::uint64_t bytes = 4 << 20,
                         const lifetime_settings& life = {}) {
    cache_settings settings;
    settings.id = books;
    settings.max_bytes = bytes;
    settings.has_loader = true;
    settings.watched = watched;
    settings.life = life;
    machine.open_cache(settings);
    watched->store(level);
  }
  /// One line a change: what, key, sequence, value.
  lines told() {
    static const char* const names[] = {"put", "loaded", "touched", "erased", "expired", "evicted"};
    lines all;
    for (const change_notice& one : machine.take_notices()) {
      CHECK(one.cache == books);
      if (!one.what) {
        all.push_back("moved " + std::to_string(index_of(one.partition)));
        continue;
      }
      CHECK(one.version.epoch == term);
      all.push_back(std::string{names[static_cast<int>(*one.what)]} + ' ' +
                      std::string{as_text(one.key)} + ' ' +
                      std::to_string(one.version.seq.value()) +
                      (one.value ? ' ' + std::string{as_text(*one.value)} : ""));
    }
    return all;
  }
  std::shared_ptr<watch_level> watched = std::make_shared<watch_level>(watching::nothing);
};

}  // namespace

TEST_CASE("change: writes are told in their order with what they stored") {
  watched_owner o;
  o.put(anna, "one");
  o.mutate(bert, {.kind = mutation::touch, .rule = wire::ttl_rule::given, .ttl = 5s});
  o.put(self, "two");
  o.erase(anna);
  CHECK(o.told() ==
        lines{"put key 1 one", "touched key 2 one", "put key 3 two", "erased key 4"});
  CHECK(o.told().empty());
}

TEST_CASE("change: a write that changes nothing is not told") {
  watched_owner o;
  o.erase(anna);
  o.mutate(anna, {.kind = mutation::touch});
  o.mutate(anna, {.kind = mutation::compare_and_put, .expected = {first_epoch, sequence{9}}});
  const std::uint64_t once = ++o.operations;
  o.mutate(anna, {.operation = once, .value = as_bytes("x")});
  o.mutate(anna, {.operation = once, .value = as_bytes("x")});
  CHECK(o.told() == lines{"put key 2 x"});
}

TEST_CASE("change: values and keys are told only to those who want them") {
  watched_owner keys{watching::keys};
  keys.put(anna, "one");
  CHECK(keys.told() == lines{"put key 1"});
  watched_owner nobody{watching::nothing};
  nobody.put(anna, "one");
  CHECK(nobody.told().empty());
}

TEST_CASE("change: a processor's write and a load's result are told") {
  watched_owner o;
  o.mutate(anna, {.kind = mutation::invoke, .processor = as_bytes("twice")});
  const auto run = o.effects<run_processor>().at(0);
  o.machine.on_processor_done(o.now, run.ticket,
                              processed{processor_action::set, to_bytes("made"), {}}, o.out);
  CHECK(o.told() == lines{"put key 1 made"});
  o.erase(anna);
  CHECK(o.told() == lines{"erased key 2"});
  o.load(anna);
  const auto loading = o.effects<run_load>().at(0);
  o.machine.on_load_done(o.now, loading.ticket, loaded{to_bytes("row"), std::nullopt}, o.out);
  CHECK(o.told() == lines{"loaded key 3 row"});
}

TEST_CASE("change: entries that leave by themselves are told with their last version") {
  watched_owner o;
  o.mutate(anna, {.value = as_bytes("x"), .rule = wire::ttl_rule::given, .ttl = 1s});
  CHECK(o.told() == lines{"put key 1 x"});
  for (int i = 0; i < 5; ++i) o.pass(1s);
  CHECK(o.told() == lines{"expired key 1"});

  watched_owner small{watching::keys, 1024};
  for (int i = 0; i < 20; ++i) small.put(anna, std::string(100, 'v'), key_of(home, i));
  const auto told = small.told();
  const auto evicted = std::ranges::count_if(
      told, [](const std::string& line) { return line.starts_with("evicted"); });
  CHECK(evicted > 0);
  CHECK(told.size() == 20 + static_cast<std::size_t>(evicted));
}

TEST_CASE("change: a value beyond its end has expired when nothing may be answered any more") {
  const lifetime_settings life{.stale_if_error = 60s};
  const change brief{.value = as_bytes("x"), .rule = wire::ttl_rule::given, .ttl = 1s};
  watched_owner o{watching::values, 4 << 20, life};
  o.mutate(anna, brief);
  o.pass(2s);
  CHECK(o.told() == lines{"put key 1 x"});
  o.erase(anna);
  CHECK(o.told() == lines{"expired key 1"});
  o.mutate(anna, brief);
  o.pass(2s);
  o.put(anna, "y");
  CHECK(o.told() == lines{"put key 3 x", "put key 4 y"});
  o.mutate(anna, brief);
  for (int i = 0; i < 64; ++i) o.pass(1s);
  CHECK(o.told() == lines{"put key 5 x", "expired key 5"});
}

TEST_CASE("change: a refresh is told as a load and one whose row is gone as an erase") {
  watched_owner o{watching::values, 4 << 20, {.refresh_after = 1s, .stale_if_error = 60s}};
  o.put(anna, "old");
  o.pass(2s);
  o.load(anna);
  o.machine.on_load_done(o.now, o.effects<run_load>().at(0).ticket, loaded{to_bytes("row"), 5s},
                         o.out);
  CHECK(o.told() == lines{"put key 1 old", "loaded key 2 row"});
  o.clear();
  o.pass(2s);
  o.load(anna);
  o.machine.on_load_done(o.now, o.effects<run_load>().at(0).ticket, not_found{}, o.out);
  CHECK(o.told() == lines{"erased key 3"});

  o.mutate(anna, {.value = as_bytes("x"), .rule = wire::ttl_rule::given, .ttl = 1s});
  o.pass(2s);
  o.clear();
  o.load(anna);
  o.machine.on_load_done(o.now, o.effects<run_load>().at(0).ticket, not_found{}, o.out);
  CHECK(o.told() == lines{"put key 4 x", "expired key 4"});
}

TEST_CASE("change: a clear erases each entry with its own version") {
  watched_owner o;
  o.put(anna, "one");
  o.put(anna, "two", key_of(home, 0));
  static_cast<void>(o.told());
  o.mutate(bert, {.kind = mutation::clear});
  auto told = o.told();
  std::ranges::sort(told);
  lines both{"erased key 3", "erased " + key_of(home, 0) + " 3"};
  std::ranges::sort(both);
  CHECK(told == both);
}

TEST_CASE("change: a partition that comes is told and what it loses by moving is not") {
  watched_owner o;
  o.put(anna, "one");
  static_cast<void>(o.told());
  o.machine.on_ownership(o.now, home, anna, {view_number{6}, 0}, o.out);
  CHECK(o.told().empty());
  o.machine.on_ownership(o.now, home, self, {view_number{7}, 0}, o.out);
  CHECK(o.told() == lines{"moved " + std::to_string(index_of(home))});
}
