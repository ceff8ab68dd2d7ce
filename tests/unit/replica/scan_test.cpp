#include "owner_fixture.hpp"

#include <map>
#include <set>

using namespace kith;
using namespace kith::replica;
using wire::mutation;

namespace {

constexpr auto nothing = [](byte_view, const stored&) {};

/// How often each key is seen by a walk in steps of `slots`; `between` runs after each.
template <class Between>
std::map<std::string, int> walk(const owner& o, std::uint32_t slots, Between&& between) {
  std::map<std::string, int> seen;
  store::handle next{0};
  while (next != store::no_handle) {
    next = o.machine.scan(o.now, books, next, slots,
                          [&](byte_view k, const stored&) { ++seen[std::string{as_text(k)}]; });
    between();
  }
  return seen;
}

}  // namespace

TEST_CASE("scan: shows each entry with its value and version") {
  owner o;
  o.put(anna, "one");
  o.put(anna, "two");
  int shown = 0;
  const auto end = o.machine.scan(o.now, books, {}, 10, [&](byte_view k, const stored& entry) {
    ++shown;
    CHECK(as_text(k) == key);
    CHECK(as_text(entry.value) == "two");
    CHECK(entry.version == version{first_epoch, sequence{2}});
  });
  CHECK(shown == 1);
  CHECK(end == store::no_handle);
}

TEST_CASE("scan: what is there throughout is seen once, whatever comes and goes") {
  owner o;
  for (int i = 0; i < 20; ++i) o.put(anna, "x", key_of(home, i));
  int next = 20;
  const auto seen = walk(o, 3, [&] {
    if (next >= 40) return;
    o.erase(anna, key_of(home, next - 20 < 10 ? next - 20 : 0));
    o.put(anna, "y", key_of(home, next++));
    o.put(anna, "z", key_of(home, 15));
  });
  for (int i = 10; i < 20; ++i) CHECK(seen.at(key_of(home, i)) == 1);
}

TEST_CASE("scan: leaves out what is over, and what is not of the cache") {
  owner o;
  o.mutate(anna, {.kind = mutation::put, .rule = wire::ttl_rule::given, .ttl = 1s});
  o.put(anna, "x", key_of(home, 0));
  CHECK(walk(o, 1, [] {}).size() == 2);
  o.now += 1s;  // still in its slot
  const auto seen = walk(o, 1, [] {});
  CHECK(seen.size() == 1);
  CHECK(seen.contains(key_of(home, 0)));
  CHECK(o.machine.scan(o.now, cache_id{8}, {}, 10, nothing) == store::no_handle);
}

TEST_CASE("scan: an owner that is none any more has nothing to show") {
  owner o;
  o.put(anna, "x");
  o.machine.on_ownership(o.now, home, anna, {view_number{6}, 0}, o.out);
  CHECK(walk(o, 8, [] {}).empty());
}
