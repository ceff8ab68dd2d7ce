#include <kith/cluster/consensus.hpp>

#include <doctest/doctest.h>

using namespace kith;
using namespace kith::cluster;

namespace {

/// A value that can be told from others.
view_change value_of(std::uint64_t hash) {
  view_change value;
  value.base = {view_number{1}, 0};
  value.next = {view_number{2}, 0};
  value.hash = hash;
  return value;
}

consensus member(std::uint16_t self, std::size_t members,
                 quorum_mode mode = quorum_mode::majority) {
  consensus c;
  c.on_view(mode, self, members);
  return c;
}

constexpr ballot first_ballot{};
using vote = consensus::vote;

}  // namespace

TEST_CASE("consensus: any two quorums share a member, and half decides only with the oldest") {
  for (unsigned n = 1; n <= 8; ++n) {
    for (unsigned a = 1; a < (1u << n); ++a) {
      const auto decides = [n](unsigned set) {
        return is_quorum(static_cast<std::size_t>(__builtin_popcount(set)), (set & 1) != 0, n);
      };
      CHECK_FALSE((decides(a) && decides(~a & ((1u << n) - 1))));
    }
  }
  CHECK(is_quorum(2, true, 4));
  CHECK_FALSE(is_quorum(2, false, 4));
}

TEST_CASE("consensus: the oldest decides with ballot 0 and no first phase") {
  consensus oldest = member(0, 3);
  oldest.propose_first(value_of(7));
  CHECK(oldest.on_accept(first_ballot, oldest.value(), false) == vote::given);
  CHECK_FALSE(oldest.on_accepted(0, first_ballot));
  CHECK_FALSE(oldest.on_accepted(0, first_ballot));  // the same voice again
  CHECK(oldest.on_accepted(2, first_ballot));
}

TEST_CASE("consensus: a voter that is bound refuses another's ballot, but not its coordinator's") {
  consensus voter = member(2, 3);
  CHECK(voter.on_prepare({1, 1}, true) == vote::bound);
  CHECK(voter.promised() == ballot{});
  CHECK(voter.on_accept({1, 1}, value_of(1), true) == vote::bound);
  CHECK_FALSE(voter.accepted_value().has_value());
  CHECK(voter.on_accept(first_ballot, value_of(1), false) == vote::given);
}

TEST_CASE("consensus: after a promise lower ballots are passed over") {
  consensus voter = member(2, 3);
  CHECK(voter.on_prepare({2, 1}, false) == vote::given);
  CHECK(voter.on_prepare({1, 1}, false) == vote::passed);
  CHECK(voter.on_accept(first_ballot, value_of(1), false) == vote::passed);
  CHECK(voter.promised_to() == 1);
}

TEST_CASE("consensus: a PREPARE that arrives twice is answered twice, window or not") {
  consensus voter = member(2, 3);
  CHECK(voter.on_prepare({1, 1}, false) == vote::given);
  CHECK(voter.on_prepare({1, 1}, true) == vote::given);
}

TEST_CASE("consensus: a takeover goes on with the accepted value of the highest ballot") {
  consensus candidate = member(1, 5);
  candidate.prepare();
  const ballot mine = candidate.attempt();
  CHECK(mine == ballot{1, 1});
  CHECK_FALSE(candidate.on_promise(1, mine, {}, std::nullopt));
  CHECK_FALSE(candidate.on_promise(2, mine, first_ballot, value_of(10)));
  CHECK(candidate.on_promise(3, mine, {0, 0}, value_of(10)));
  REQUIRE(candidate.inherited().has_value());
  CHECK(candidate.inherited()->hash == 10);
  candidate.propose(value_of(10));
  CHECK_FALSE(candidate.on_accepted(1, first_ballot));  // an answer to another attempt
  CHECK_FALSE(candidate.on_accepted(1, mine));
  CHECK_FALSE(candidate.on_accepted(2, mine));
  CHECK(candidate.on_accepted(3, mine));
}

TEST_CASE("consensus: of two accepted values the one of the higher ballot is inherited") {
  consensus candidate = member(2, 3);
  candidate.prepare();
  const ballot mine = candidate.attempt();
  CHECK_FALSE(candidate.on_promise(0, mine, {1, 1}, value_of(20)));
  CHECK(candidate.on_promise(1, mine, first_ballot, value_of(10)));
  CHECK(candidate.inherited()->hash == 20);
}

TEST_CASE("consensus: a refused attempt ends and the next one is above the refuser's promise") {
  consensus candidate = member(1, 3);
  candidate.prepare();
  candidate.on_nack(candidate.attempt(), {5, 2});
  CHECK(candidate.proposing() == consensus::stage::idle);
  candidate.prepare();
  CHECK(candidate.attempt() == ballot{6, 1});
}

TEST_CASE("consensus: a ballot must be its sender's, and cannot use up all ballots") {
  const consensus voter = member(2, 3);
  CHECK(voter.plausible(first_ballot, 0));
  CHECK_FALSE(voter.plausible(first_ballot, 1));
  CHECK(voter.plausible({1, 1}, 1));
  CHECK_FALSE(voter.plausible({1, 1}, 0));
  CHECK_FALSE(voter.plausible({0xFFFFFFFF, 1}, 1));
}

TEST_CASE("consensus: without votes a proposer needs everybody whom it keeps") {
  consensus proposer = member(0, 3, quorum_mode::none);
  view_change value = value_of(3);
  value.removed.push_back({1, wire::departure::failed});
  proposer.propose_unvoted(value);
  const ballot mine = proposer.attempt();
  CHECK_FALSE(proposer.on_accepted(0, mine));
  CHECK(proposer.on_accepted(2, mine));
}
