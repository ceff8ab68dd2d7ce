// What a read at this member's own copy must not be older than, and what is not kept behind it: F7.
#include <kith/near/coherence_copies.hpp>

#include <support/near_reader.hpp>

#include <doctest/doctest.h>

#include <optional>

using namespace kith;
using namespace kith::near;
using namespace kith::test;

namespace {

struct copy_reader : near_reader {
  bool may_read(std::uint64_t seq) const {
    return lane.may_read_copy(key.partition, at(seq));
  }
  void read_copy(std::uint64_t seq, const std::optional<version>& found) {
    lane.on_copy_read(key.partition, cache, key.hash, at(seq), found);
  }
};

}  // namespace

TEST_CASE("copies: one that lags behind what this member was told is not read (F7)") {
  copy_reader r;
  CHECK(r.may_read(0));
  CHECK(r.invalidate(1, {r.entry(r.key, 9)}));
  CHECK_FALSE(r.may_read(8));
  CHECK(r.may_read(9));
}

TEST_CASE("copies: every answer counts as told (F7)") {
  copy_reader r;
  const auto kept = r.lead(r.key);
  CHECK(r.reply(kept, r.value(9, 3)) == reply_verdict::deliver_and_install);
  CHECK_FALSE(r.may_read(8));
  CHECK(r.may_read(9));
  const auto busy = r.lane.on_bypass_reply(r.now, r.owner, r.neighbour.partition, r.cache,
                                           r.neighbour.hash, r.value(12, 4), r.out);
  CHECK(busy == reply_verdict::deliver);
  CHECK_FALSE(r.may_read(11));
  r.read_copy(15, std::nullopt);
  CHECK_FALSE(r.may_read(14));
  CHECK(r.may_read(15));
}

TEST_CASE("copies: one of another epoch is not read") {
  copy_reader r;
  const epoch other{r.term.view.next(), r.term.branch};
  CHECK_FALSE(r.lane.may_read_copy(r.key.partition, {other, sequence{100}}));
}

TEST_CASE("copies: what a copy answered ends older near entries, and no other") {
  copy_reader r;
  r.fill(r.key, 5);
  r.read_copy(6, r.at(5));
  CHECK(r.hit(r.key));
  r.read_copy(7, r.at(7));
  CHECK_FALSE(r.hit(r.key));
  r.fill(r.key, 8);
  r.read_copy(8, std::nullopt);
  CHECK_FALSE(r.hit(r.key));
  CHECK(r.counted().copy_reads == 3);
}

TEST_CASE("copies: a fill that left before keeps nothing older than what a copy answered") {
  copy_reader r;
  const auto id = r.lead(r.key);
  r.read_copy(9, r.at(9));
  CHECK(r.reply(id, r.value(8, 8)) == reply_verdict::deliver);
  CHECK_FALSE(r.hit(r.key));
  const auto next = r.lead(r.key);
  r.read_copy(9, r.at(9));
  CHECK(r.reply(next, r.value(9, 9)) == reply_verdict::deliver_and_install);
}
