#include <kith/cluster/rings.hpp>
#include <kith/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace {

using kith::member_id;
using kith::random_source;
using kith::cluster::rings;

std::vector<member_id> draw_members(random_source& random, std::size_t count) {
  std::vector<member_id> members;
  for (std::size_t i = 0; i < count; ++i) members.push_back({random.next(), random.next(), 1});
  return members;
}

using edges = std::set<std::pair<member_id, member_id>>;  // observer, subject

edges edges_of(const std::vector<member_id>& members) {
  const rings r{members};
  edges all;
  for (const member_id& subject : members) {
    for (const member_id& observer : r.observers_of(subject)) all.emplace(observer, subject);
  }
  return all;
}

std::size_t missing(const edges& from, const edges& in) {
  std::size_t count = 0;
  for (const auto& edge : from) count += in.count(edge) == 0;
  return count;
}

}  // namespace

TEST_CASE("rings: up to ten members everybody observes everybody else") {
  random_source random{1};
  for (std::size_t n = 1; n <= 10; ++n) {
    CAPTURE(n);
    const auto members = draw_members(random, n);
    const rings r{members};
    CHECK(r.count() == n - 1);
    for (const member_id& self : members) {
      auto others = members;
      std::erase(others, self);
      CHECK(r.subjects_of(self) == others);
      auto observers = r.observers_of(self);
      std::sort(observers.begin(), observers.end());
      std::sort(others.begin(), others.end());
      CHECK(observers == others);
    }
  }
}

TEST_CASE("rings: above ten each member has nine different observers, and both sides agree") {
  for (const std::size_t n : {11u, 12u, 13u, 20u, 64u, 300u, 1000u}) {
    CAPTURE(n);
    random_source random{n};
    const auto members = draw_members(random, n);
    const rings r{members};
    CHECK(r.count() == 9);
    edges by_subject;
    for (const member_id& subject : members) {
      const auto observers = r.observers_of(subject);
      const std::set<member_id> different{observers.begin(), observers.end()};
      CHECK(different.size() == 9);
      CHECK(different.count(subject) == 0);
      for (const member_id& observer : observers) by_subject.emplace(observer, subject);
    }
    edges by_observer;
    for (const member_id& observer : members) {
      const auto subjects = r.subjects_of(observer);
      CHECK(subjects.size() <= 9 * 3);
      for (const member_id& subject : subjects) by_observer.emplace(observer, subject);
    }
    CHECK(by_subject == by_observer);
  }
}

TEST_CASE("rings: neither age nor the order of joining decides who observes whom") {
  random_source random{7};
  auto members = draw_members(random, 40);
  const edges before = edges_of(members);
  std::reverse(members.begin(), members.end());
  CHECK(edges_of(members) == before);
}

TEST_CASE("rings: a new life of a member is a new place on the rings") {
  random_source random{8};
  auto members = draw_members(random, 40);
  const member_id first = members[5];
  const auto before = rings{members}.observers_of(first);
  ++members[5].incarnation;
  CHECK(rings{members}.observers_of(members[5]) != before);
  CHECK(rings{members}.observers_of(first).empty());
  CHECK(rings{members}.subjects_of(first).empty());
}

TEST_CASE("rings: a join changes one observer of a member at most, and 2K edges on average") {
  for (const std::size_t n : {10u, 11u, 12u, 20u, 100u, 1000u}) {
    CAPTURE(n);
    random_source random{n};
    const std::size_t rounds = n == 1000 ? 10 : 100;
    std::size_t fresh = 0;
    for (std::size_t round = 0; round < rounds; ++round) {
      const auto members = draw_members(random, n);
      auto joined = members;
      joined.push_back({random.next(), random.next(), 1});
      const rings old{members};
      const rings now{joined};
      for (const member_id& subject : members) {
        const auto before = old.observers_of(subject);
        const auto after = now.observers_of(subject);
        std::size_t gone = 0;
        for (const member_id& observer : before) {
          gone += std::find(after.begin(), after.end(), observer) == after.end();
        }
        REQUIRE(gone <= 1);  // a leave is the same, read backwards
      }
      fresh += missing(edges_of(joined), edges_of(members));
    }
    const std::size_t k = std::min<std::size_t>(9, n - 1);
    CHECK(fresh <= rounds * 2 * k * 11 / 10);
  }
}

TEST_CASE("rings: nobody is observed in a cluster of one") {
  const rings r{std::vector<member_id>{{1, 1, 1}}};
  CHECK(r.count() == 0);
  CHECK(r.observers_of({1, 1, 1}).empty());
  CHECK(r.subjects_of({1, 1, 1}).empty());
  CHECK(rings{}.count() == 0);
}

// The wire depends on it: members of two builds must agree on who observes whom.
TEST_CASE("rings: the order of the rings never changes") {
  std::vector<member_id> members;
  for (std::uint64_t i = 1; i <= 12; ++i) members.push_back({i, i * i, 1});
  const rings r{members};
  std::vector<std::uint16_t> observers(r.observers_at(0).begin(), r.observers_at(0).end());
  CHECK(observers == std::vector<std::uint16_t>{5, 4, 7, 2, 6, 10, 9, 1, 11});
}
