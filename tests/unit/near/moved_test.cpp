// What stays of a partition that has a new owner: nothing that is served, but what was kept, so
// that the owner can say that it is still so.
#include <support/near_reader.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <string>

using namespace kith;
using namespace kith::test;

namespace {

struct moved_reader : near_reader {
  moved_reader() { fill(key, 5); }
  void move() {
    const epoch next{term.view.next(), term.branch};
    lane.on_ownership(now, key.partition, stranger, next, out);
  }
  void pass(duration span) {
    for (const time_point end = now + span; now < end;) {
      now = std::min(end, now + 1s);
      lane.on_timeout(now, out);
    }
  }
  [[nodiscard]] near::counted_cell recalled() const { return kept.recall(key.hash, key.text); }
};

}  // namespace

TEST_CASE("moved: what was kept is not served, and is remembered for a while") {
  moved_reader r;
  r.move();
  CHECK_FALSE(r.hit(r.key));
  r.pass(r.lane.options().moved_kept - 1s);
  REQUIRE(r.recalled());
  CHECK(r.kept.entry_of(r.recalled()).value == "value 5");
  CHECK(r.recalled()->version == r.at(5));
  CHECK(r.lane.next_timeout() <= r.now + 1s);
  r.pass(2s);
  CHECK_FALSE(r.recalled());
  CHECK(r.kept.size() == 0);
}

TEST_CASE("moved: an answer of the new owner about one key does not bring another one back (E1)") {
  moved_reader r;
  const epoch next{r.term.view.next(), r.term.branch};
  r.lane.on_ownership(r.now, r.key.partition, r.owner, next, r.out);
  const std::uint64_t id = r.lead(r.neighbour);
  wire::get_reply told = r.value(9, 9);
  told.epoch = told.version.epoch = next;
  CHECK(r.reply(id, told) == near::reply_verdict::deliver_and_install);
  CHECK(r.install(id, r.neighbour, 9));
  CHECK(r.hit(r.neighbour));
  CHECK_FALSE(r.hit(r.key));
}

TEST_CASE("moved: what is written there meanwhile is forgotten at once") {
  moved_reader r;
  r.move();
  const version applied{{r.term.view.next(), r.term.branch}, sequence{6}};
  r.lane.on_mutation_reply(r.key.partition, r.cache, r.key.hash, applied);
  CHECK_FALSE(r.recalled());
}

TEST_CASE("moved: what moved is kept until the last move is as long ago") {
  moved_reader r;
  r.fill(r.distant, 7);
  r.move();
  const duration part = r.lane.options().moved_kept / 2;
  r.pass(part);
  const epoch next{r.term.view.next(), r.term.branch};
  r.lane.on_ownership(r.now, r.distant.partition, r.stranger, next, r.out);
  r.pass(part + 5s);
  CHECK(r.recalled());
  r.pass(part);
  CHECK_FALSE(r.recalled());
}

TEST_CASE("moved: a member that leaves remembers nothing") {
  moved_reader r;
  SUBCASE("of what is its own") {}
  SUBCASE("of what moved before") { r.move(); }
  r.lane.retire(r.now, r.out);
  r.pass(2s);
  CHECK_FALSE(r.recalled());
}
