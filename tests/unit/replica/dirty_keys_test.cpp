#include <kith/core/stable_hash.hpp>
#include <kith/replica/dirty_keys.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

using namespace kith;
using namespace kith::replica;
using namespace std::chrono_literals;

namespace {

constexpr cache_id noted_books{1};
constexpr cache_id others{2};

struct noted {
  explicit noted(std::size_t most = 100) : machine{most, 10s} { machine.track(noted_books); }

  void write(const std::string& key, cache_id cache = noted_books) {
    const std::uint64_t hash = stable_hash(as_bytes(key));
    machine.note_key(now, cache, partition_of(hash), hash, as_bytes(key));
  }
  std::vector<std::string> keys() {
    std::vector<std::string> found;
    last = machine.take();
    for (const dirty_cache& one : last) {
      for (const dirty_key& each : one.keys) found.emplace_back(as_text(each.key));
    }
    return found;
  }
  using texts = std::vector<std::string>;

  dirty_keys machine;
  time_point now{1h};
  std::vector<dirty_cache> last;
};

}  // namespace

TEST_CASE("dirty_keys: a key that was written often is told once, in the order of the first time") {
  noted owner;
  for (const char* key : {"b", "a", "b"}) owner.write(key);
  owner.now += 10s;
  owner.write("a");
  owner.write("c");
  CHECK(owner.keys() == noted::texts{"b", "a", "c"});
  CHECK(owner.keys().empty());
  CHECK(owner.machine.bytes_held() == 0);
}

TEST_CASE("dirty_keys: without a cut keys are forgotten after two periods, not before one") {
  noted owner;
  owner.write("old");
  owner.now += 10s;
  owner.write("young");
  owner.machine.on_cut(owner.now, false);
  owner.now += 9s;
  owner.write("new");
  CHECK(owner.keys() == noted::texts{"old", "young", "new"});
  owner.write("old");
  owner.now += 10s;
  owner.write("young");
  owner.now += 10s;
  owner.machine.on_cut(owner.now, true);
  CHECK(owner.keys() == noted::texts{"young"});
  owner.machine.on_cut(owner.now, false);
  owner.write("old");
  owner.now += 20s;
  owner.machine.on_cut(owner.now, true);
  CHECK(owner.keys().empty());
}

TEST_CASE("dirty_keys: from the beginning of a cut on nothing is forgotten") {
  noted owner;
  owner.write("before");
  owner.machine.on_cut(owner.now, true);
  owner.now += 1h;
  owner.write("after");
  CHECK(owner.keys() == noted::texts{"before", "after"});
}

TEST_CASE(
    "dirty_keys: beyond the bound a partition is dirty as a whole, and its keys are not told") {
  noted owner{2};
  for (const char* key : {"a", "b", "c"}) owner.write(key);
  CHECK(owner.keys() == noted::texts{"a", "b"});
  REQUIRE(owner.last.size() == 1);
  const std::vector<partition_id> whole{partition_of(stable_hash(as_bytes("c")))};
  CHECK(owner.last[0].whole == whole);
  owner.write("a");
  owner.machine.note_all(owner.now, noted_books, partition_of(stable_hash(as_bytes("a"))));
  owner.write("a");
  CHECK(owner.keys().empty());
  CHECK(owner.last[0].whole.size() == 1);
}

TEST_CASE("dirty_keys: two keys of one hash make their partition dirty") {
  noted owner;
  owner.machine.note_key(owner.now, noted_books, partition_id{3}, 7, as_bytes("one"));
  owner.machine.note_key(owner.now, noted_books, partition_id{3}, 7, as_bytes("two"));
  static_cast<void>(owner.keys());
  CHECK(owner.last[0].whole == std::vector<partition_id>{partition_id{3}});
}

TEST_CASE("dirty_keys: tags are told once, and only of caches that are tracked is anything noted") {
  noted owner;
  for (int i = 0; i < 2; ++i) owner.machine.note_tag(owner.now, noted_books, partition_id{3}, 9);
  owner.machine.note_all(owner.now, others, partition_id{3});
  owner.write("a", others);
  static_cast<void>(owner.keys());
  REQUIRE(owner.last.size() == 1);
  CHECK(owner.last[0].tags.size() == 1);
  CHECK(owner.last[0].whole.empty());
}
