// What a read takes from the program around it, on members in virtual time.
#include <support/allocations.hpp>

#include <kith/sim/cluster.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace {

constexpr int reads = 1000;

/// Longer than what a std::string holds without an allocation.
constexpr std::string_view text = "a text that is longer than a short string";

struct two_members {
  kith::sim::cluster cluster{{.members = 2, .seed = 1}};

  two_members() { cluster.run_until_stable(); }
  [[nodiscard]] kith::cache<std::string, std::string> open(std::size_t index) {
    return cluster.cache<std::string, std::string>(index, "words");
  }
};

}  // namespace

TEST_CASE("cache reads: a near hit allocates nothing whether it is held or only seen") {
  two_members both;
  const auto owner = both.open(0);
  const auto reader = both.open(1);
  std::string key{text};
  while (reader.explain(key).owned) key += '+';
  owner.put(key, std::string{text});
  REQUIRE(reader.get(key));
  const std::uint64_t before = reader.stats().near_hits;
  std::size_t length = 0;
  const std::string_view looked_up = key;  // no key is made of it
  const std::size_t got = kith::test::calls_of([&] {
    for (int i = 0; i < reads; ++i) length += reader.get(looked_up)->size();
  });
  const std::size_t visited = kith::test::calls_of([&] {
    for (int i = 0; i < reads; ++i) {
      reader.visit(looked_up, [&](const std::string& value) { length += value.size(); });
    }
  });
  CHECK(got == 0);
  CHECK(visited == 0);
  CHECK(length == 2 * reads * text.size());
  CHECK(reader.stats().near_hits == before + 2 * reads);
  // What is counted would be seen.
  CHECK(kith::test::calls_of([&] { static_cast<void>(owner.get(looked_up)); }) > 0);
}
