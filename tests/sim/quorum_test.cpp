// What callers of a member see that a cut has left without the majority.
#include <kith/sim/cluster.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <optional>

using namespace std::chrono_literals;

namespace {

using numbers = kith::cache<std::uint32_t, std::int64_t>;
using settings = kith::cache_options<std::uint32_t, std::int64_t>;

/// Three members, of which the last is cut off from both others, and knows it.
struct cut_off_member {
  explicit cut_off_member(const settings& chosen) : all{options()} {
    all.run_until_stable();
    near = all.cache<std::uint32_t, std::int64_t>(0, "numbers", chosen);
    lost = all.cache<std::uint32_t, std::int64_t>(2, "numbers", chosen);
    owned_here = key_of(2);
    owned_there = key_of(0);
    for (const std::uint32_t key : {owned_here, owned_there}) {
      near->put(key, 1);
      static_cast<void>(lost->get(key));
    }
    all.cut(2, 0);
    all.cut(2, 1);
  }
  static kith::sim::cluster_options options() {
    kith::sim::cluster_options made{.members = 3, .seed = 11, .quorum = kith::quorum::majority};
    return made;
  }
  /// A key that the member owns.
  std::uint32_t key_of(std::size_t member) {
    const auto& view = *all.host(member).control().membership().current();
    for (std::uint32_t key = 0;; ++key) {
      const auto p = kith::partition_of(kith::stable_hash(kith::encode(key)));
      if (view.owner_of(p)->id == all.host(member).control().self()) return key;
    }
  }
  void wait() {
    REQUIRE(all.run_until([&] { return all.host(2).gates().is_cut_off(); }, 30s));
  }
  std::optional<kith::error_code> put(std::uint32_t key, std::int64_t value) {
    return outcome([&] { lost->put(key, value); });
  }
  std::optional<kith::error_code> get(std::uint32_t key) {
    return outcome([&] { static_cast<void>(lost->get(key)); });
  }
  template <class Call>
  std::optional<kith::error_code> outcome(Call&& call) {
    began = all.time().now();
    std::optional<kith::error_code> failed;
    try {
      call();
    } catch (const kith::error& thrown) {
      failed = thrown.code();
    }
    took = all.time().now() - began;
    return failed;
  }

  kith::sim::cluster all;
  std::optional<numbers> near;
  std::optional<numbers> lost;
  std::uint32_t owned_here = 0;
  std::uint32_t owned_there = 0;
  kith::time_point began;
  kith::duration took{};
};

}  // namespace

TEST_CASE("quorum: a cut-off member answers nothing stale unless it is told to, and at once") {
  cut_off_member member{{}};
  member.wait();
  for (const std::uint32_t key : {member.owned_here, member.owned_there}) {
    CHECK(member.get(key) == kith::errc::no_quorum);
    CHECK(member.took < 10ms);
    CHECK(member.put(key, 2) == kith::errc::no_quorum);
    CHECK(member.took < 10ms);
  }
}

TEST_CASE("quorum: with serve_stale what was known before the cut is read, and not written") {
  cut_off_member member{{.serve_stale = true}};
  member.wait();
  for (const std::uint32_t key : {member.owned_here, member.owned_there}) {
    const auto seen = member.lost->get(key);
    REQUIRE(seen);
    CHECK(*seen == 1);
    CHECK(member.put(key, 2) == kith::errc::no_quorum);
  }
  const kith::get_options young{.max_age = 3s};
  CHECK(member.outcome([&] { static_cast<void>(member.lost->get(member.owned_there, young)); }) ==
        kith::errc::no_quorum);
}

TEST_CASE("quorum: stop answers nothing, also not what would be young enough") {
  settings patient;
  patient.near.max_staleness = 1h;
  {
    cut_off_member member{patient};
    member.wait();
    CHECK(member.get(member.owned_there) == std::nullopt);
  }
  patient.minority_policy = kith::minority_policy::stop;
  patient.serve_stale = true;
  cut_off_member member{patient};
  member.wait();
  CHECK(member.get(member.owned_there) == kith::errc::no_quorum);
  CHECK(member.get(member.owned_here) == kith::errc::no_quorum);
}

TEST_CASE("quorum: go_on reads and writes what it owns, and gives it up for what the others have") {
  cut_off_member member{{.backups = 1, .minority_policy = kith::minority_policy::go_on}};
  member.wait();
  CHECK(member.put(member.owned_here, 2) == std::nullopt);
  const auto here = member.lost->get(member.owned_here);
  REQUIRE(here);
  CHECK(*here == 2);
  CHECK(member.put(member.owned_there, 2) == kith::errc::no_quorum);
  const auto there = member.near->get(member.owned_here);
  REQUIRE(there);
  CHECK(*there == 1);
  member.all.heal();
  member.all.run_until_stable();
  CHECK_FALSE(member.all.host(2).gates().is_cut_off());
  const auto after = member.lost->get(member.owned_here);
  REQUIRE(after);
  CHECK(*after == 1);
  CHECK(member.put(member.owned_here, 3) == std::nullopt);
}

TEST_CASE("quorum: the death of the coordinator cuts nobody off") {
  kith::sim::cluster_options options{.members = 3, .seed = 5, .quorum = kith::quorum::majority};
  kith::sim::cluster all{options};
  all.run_until_stable();
  bool seen = false;
  all.after_each_event([&] {
    for (std::size_t i = 1; i < 3; ++i) seen = seen || all.host(i).gates().is_cut_off();
  });
  all.crash_silently(0);
  all.run_for(30s);
  CHECK(all.host(1).control().membership().current()->size() == 2);
  CHECK_FALSE(seen);
}
