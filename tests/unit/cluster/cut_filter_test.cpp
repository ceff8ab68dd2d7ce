#include <kith/cluster/cut_filter.hpp>
#include <kith/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace kith::cluster;
using kith::member_id;
using kith::never;
using kith::time_point;

using member_list = std::vector<member_id>;

member_id id(std::uint64_t n) { return {n, n * 77, 1}; }

constexpr time_point start{100s};

/// The filter of member 1, the oldest of `size`.
struct fixture {
  explicit fixture(std::uint64_t size) {
    for (std::uint64_t n = 1; n <= size; ++n) view.push_back(id(n));
    observers = rings{view};
    filter.on_view(start, view);
  }

  void alert(std::uint64_t observer, std::uint64_t subject) {
    filter.on_alert(now, id(observer), id(subject));
  }
  /// Alerts about `subject` by `count` of its observers, none of them in `silent`.
  void alerts(std::size_t count, std::uint64_t subject, const member_list& silent = {}) {
    for (const member_id& observer : observers.observers_of(id(subject))) {
      if (count == 0) return;
      if (std::find(silent.begin(), silent.end(), observer) != silent.end()) continue;
      filter.on_alert(now, observer, id(subject));
      --count;
    }
  }
  void run_to(time_point until) {
    while (filter.next_timeout() <= until) {
      now = filter.next_timeout();
      filter.on_timeout(now);
    }
    now = until;
  }

  member_list view;
  rings observers;
  cut_filter filter{id(1)};
  time_point now = start;
};

}  // namespace

TEST_CASE("cut_filter: the limits follow from the number of observers") {
  const std::size_t expected[][3] = {{2, 1, 1}, {3, 2, 1},  {4, 2, 1},  {5, 3, 2},
                                     {6, 4, 2}, {10, 6, 3}, {30, 6, 3}, {1000, 6, 3}};
  for (const auto& [size, condemn, doubt] : expected) {
    CAPTURE(size);
    const fixture f{size};
    CHECK(f.filter.votes_to_condemn() == condemn);
    CHECK(f.filter.votes_to_doubt() == doubt);
  }
}

TEST_CASE("cut_filter: H votes condemn, H - 1 do not") {
  fixture f{30};
  f.alerts(5, 20);
  CHECK(f.filter.cut().empty());
  f.alerts(6, 20);
  CHECK(f.filter.cut() == member_list{id(20)});
}

TEST_CASE("cut_filter: one observer counts once, and who does not observe counts not at all") {
  fixture f{30};
  f.alerts(5, 20);
  f.alerts(5, 20);
  const auto row = f.observers.observers_of(id(20));
  for (const member_id& member : f.view) {
    if (std::find(row.begin(), row.end(), member) == row.end()) {
      f.filter.on_alert(f.now, member, id(20));
    }
  }
  f.filter.on_alert(f.now, id(31), id(20));
  f.filter.on_alert(f.now, row.back(), id(31));
  CHECK(f.filter.cut().empty());
}

TEST_CASE("cut_filter: somebody in doubt holds the cut back until it is condemned too") {
  fixture f{30};
  f.alerts(6, 20);
  f.alerts(3, 25);
  CHECK(f.filter.cut().empty());
  f.alerts(6, 25);
  CHECK(f.filter.cut() == member_list{id(20), id(25)});
}

TEST_CASE("cut_filter: a first vote holds the cut back for one ping interval, no longer") {
  fixture f{30};
  f.alerts(6, 20);
  f.alerts(1, 25, {id(20)});
  CHECK(f.filter.cut().empty());
  CHECK(f.filter.next_timeout() == start + 1200ms);
  f.run_to(start + 1200ms - 1ns);
  CHECK(f.filter.cut().empty());
  f.run_to(start + 1200ms);
  CHECK(f.filter.cut() == member_list{id(20)});
}

TEST_CASE("cut_filter: doubt of five seconds asks the silent, then becomes noise") {
  fixture f{30};
  f.alerts(6, 20);
  f.alerts(4, 25, {id(20)});
  f.run_to(start + 5s - 1ns);
  CHECK(f.filter.reinforce().empty());
  f.run_to(start + 5s);
  const auto questions = f.filter.reinforce();
  REQUIRE(questions.size() == 1);
  CHECK(questions[0].subject == id(25));
  auto silent = f.observers.observers_of(id(25));
  std::erase(silent, id(20));
  silent.erase(silent.begin(), silent.begin() + 4);
  auto asked = questions[0].observers;
  std::erase(asked, id(20));
  CHECK(asked == silent);
  CHECK(f.filter.reinforce().empty());
  f.run_to(start + 7s - 1ns);
  CHECK(f.filter.cut().empty());
  f.run_to(start + 7s);
  CHECK(f.filter.cut() == member_list{id(20)});
  CHECK(f.filter.next_timeout() == never);
}

TEST_CASE("cut_filter: an answer condemns who was in doubt") {
  fixture f{30};
  f.alerts(5, 25);
  f.run_to(start + 5s);
  CHECK(f.filter.reinforce().size() == 1);
  f.alerts(6, 25);
  CHECK(f.filter.cut() == member_list{id(25)});
}

TEST_CASE("cut_filter: votes of noise stay, and another vote brings the doubt back") {
  fixture f{30};
  f.alerts(4, 25);
  f.run_to(start + 60s);
  CHECK(f.filter.next_timeout() == never);
  f.alerts(5, 25);
  CHECK(f.filter.next_timeout() == f.now + 5s);
  f.alerts(6, 25);
  CHECK(f.filter.cut() == member_list{id(25)});
}

TEST_CASE("cut_filter: observers that are gone vote by being gone") {
  // Two deaths where one observes the other: its vote never comes. The proposer observes neither.
  std::size_t pairs = 0;
  for (std::uint64_t dead = 2; dead <= 30; ++dead) {
    for (std::uint64_t other = 2; other <= 30; ++other) {
      fixture f{30};
      const auto row = f.observers.observers_of(id(dead));
      const auto watches = [&row](const member_id& m) {
        return std::find(row.begin(), row.end(), m) != row.end();
      };
      if (dead == other || !watches(id(other)) || watches(id(1))) continue;
      ++pairs;
      f.alerts(5, dead, {id(other)});
      CHECK(f.filter.cut().empty());
      f.alerts(2, other, {id(dead)});
      CHECK(f.filter.cut().empty());
      f.alerts(6, other, {id(dead)});
      const member_list both{id(std::min(dead, other)), id(std::max(dead, other))};
      CHECK(f.filter.cut() == both);
    }
  }
  CHECK(pairs > 50);
}

TEST_CASE("cut_filter: an implicit vote does not overrule a proposer that hears the subject") {
  std::size_t pairs = 0;
  for (std::uint64_t other = 2; other <= 30; ++other) {
    fixture f{30};
    const member_id subject = f.observers.subjects_of(id(1)).front();
    const auto row = f.observers.observers_of(subject);
    if (std::find(row.begin(), row.end(), id(other)) == row.end()) continue;
    ++pairs;
    for (std::size_t n = 0, said = 0; said < 5; ++n) {
      if (row[n] == id(1) || row[n] == id(other)) continue;
      f.filter.on_alert(f.now, row[n], subject);
      ++said;
    }
    f.alerts(6, other, {subject});
    f.run_to(start + 10s);
    CHECK(f.filter.cut() == member_list{id(other)});
    f.filter.on_unheard(f.now, subject);
    CHECK(f.filter.cut().size() == 2);
  }
  CHECK(pairs == 8);
}

TEST_CASE("cut_filter: of two members the older removes the younger on its own word") {
  fixture f{2};
  f.alert(2, 1);
  CHECK(f.filter.cut().empty());
  f.alert(1, 2);
  CHECK(f.filter.cut() == member_list{id(2)});
}

TEST_CASE("cut_filter: one of three that hears nobody goes alone") {
  fixture f{3};
  f.alert(3, 1);
  f.alert(3, 2);
  CHECK(f.filter.cut().empty());
  f.alert(1, 3);
  f.alert(2, 3);
  CHECK(f.filter.cut() == member_list{id(3)});
}

TEST_CASE("cut_filter: two of three that do not hear each other both stay") {
  fixture f{3};
  f.alert(3, 2);
  f.alert(2, 3);
  f.run_to(start + 60s);
  CHECK(f.filter.cut().empty());
}

TEST_CASE("cut_filter: one accuser of everybody evicts nobody, however small the cluster") {
  for (std::uint64_t size = 3; size <= 40; ++size) {
    CAPTURE(size);
    fixture f{size};
    for (int flood = 0; flood < 3; ++flood) {
      for (std::uint64_t n = 1; n <= size; ++n) f.alert(size, n);
      CHECK(f.filter.cut().empty());
      f.run_to(f.now + 10s);
      CHECK(f.filter.cut().empty());
    }
    CHECK(f.filter.next_timeout() == never);
  }
}

TEST_CASE("cut_filter: an accuser of everybody does not protect the dead for ever") {
  for (std::uint64_t size = 4; size <= 40; ++size) {
    CAPTURE(size);
    fixture f{size};
    for (std::uint64_t n = 1; n < size; ++n) f.alert(size, n);
    f.alerts(9, 2, {id(2), id(size)});
    f.run_to(start + 10s);
    CHECK(f.filter.cut() == member_list{id(2)});
  }
}

TEST_CASE("cut_filter: beside a death, one liar still evicts nobody whom the proposer hears") {
  // Of four, member 4 is dead, 3 accuses 2. The dead one would be the second vote against 2.
  fixture f{4};
  f.alert(1, 4);
  f.alert(3, 4);
  f.alert(3, 2);
  CHECK(f.filter.cut().empty());
  f.run_to(start + 10s);
  CHECK(f.filter.cut() == member_list{id(4)});
}

TEST_CASE("cut_filter: one liar does not profit from a broken link of the proposer") {
  // Of four, 4 accuses 2 and 3. If its word made 3 gone, 3 would be the second vote against 2.
  fixture f{4};
  f.alert(4, 2);
  f.alert(4, 3);
  f.filter.on_unheard(f.now, id(2));
  CHECK(f.filter.cut().empty());
  f.run_to(start + 10s);
  CHECK(f.filter.cut().empty());
}

// Liars say anything at any time, fewer than L of them and at least one. Some members die, of whom
// the honest tell the truth. The proposer loses and finds links. Whoever lives and does not lie is
// never cut, and in the end the dead are.
TEST_CASE("cut_filter: no liar evicts the living, and none protects the dead") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    kith::random_source random{seed};
    const std::uint64_t size = random.between(4, 40);
    CAPTURE(size);
    fixture f{size};
    const std::uint64_t liars = size >= 11 ? 2 : 1;  // the youngest
    const std::uint64_t dead = size / 8;             // those before them
    const auto lies = [&](std::uint64_t n) { return n > size - liars; };
    const auto died = [&](std::uint64_t n) { return !lies(n) && n > size - liars - dead; };
    const auto nobody_lost = [&] {
      for (const member_id& member : f.filter.cut()) {
        if (member.high <= size - liars - dead) return false;
      }
      return true;
    };
    for (int step = 0; step < 200; ++step) {
      const std::uint64_t who = random.between(1, size);
      const std::uint64_t about = random.between(1, size);
      if (lies(who)) f.alert(who, about);
      if (!died(who) && !lies(who) && died(about)) f.alert(who, about);
      const bool link = size >= 11 && random.below(4) == 0;
      if (link) f.filter.on_unheard(f.now, id(about));
      REQUIRE(nobody_lost());
      f.run_to(f.now + kith::duration{random.below(200'000'000)});
      REQUIRE(nobody_lost());
      if (link && !died(about)) f.filter.on_heard(f.now, id(about));
    }
    for (std::uint64_t who = 1; who <= size - liars - dead; ++who) {
      for (std::uint64_t about = 2; about <= size; ++about) {
        if (died(about)) f.alert(who, about);
      }
    }
    f.run_to(f.now + 60s);
    REQUIRE(nobody_lost());
    const auto cut = f.filter.cut();
    for (std::uint64_t n = 2; n <= size; ++n) {
      if (died(n)) CHECK(std::find(cut.begin(), cut.end(), id(n)) != cut.end());
    }
  }
}

TEST_CASE("cut_filter: who is left alone condemns all others, at any size") {
  for (std::uint64_t size = 2; size <= 60; ++size) {
    CAPTURE(size);
    fixture f{size};
    for (const member_id& subject : f.observers.subjects_of(id(1))) {
      f.filter.on_alert(f.now, id(1), subject);
    }
    for (std::uint64_t n = 2; n <= size; ++n) f.filter.on_unheard(f.now, id(n));
    member_list others = f.view;
    std::erase(others, id(1));
    f.run_to(start + 10s);
    CHECK(f.filter.cut() == others);
  }
}

TEST_CASE("cut_filter: a proposer with bad ears cannot evict while others hear") {
  fixture f{6};
  for (std::uint64_t n = 2; n <= 5; ++n) f.alert(1, n);
  for (std::uint64_t n = 2; n <= 5; ++n) f.filter.on_unheard(f.now, id(n));
  f.run_to(start + 60s);
  CHECK(f.filter.cut().empty());
}

TEST_CASE("cut_filter: heard again is not unheard") {
  fixture f{30};
  for (const member_id& subject : f.observers.subjects_of(id(1))) {
    if (subject != id(17)) f.filter.on_alert(f.now, id(1), subject);
  }
  for (std::uint64_t n = 2; n <= 30; ++n) f.filter.on_unheard(f.now, id(n));
  CHECK(f.filter.cut().size() == 29);
  f.filter.on_heard(f.now, id(17));
  const auto cut = f.filter.cut();
  CHECK(std::find(cut.begin(), cut.end(), id(17)) == cut.end());
  for (const member_id& spoken_for : f.observers.subjects_of(id(17))) {
    CHECK(std::find(cut.begin(), cut.end(), spoken_for) == cut.end());
  }
}

TEST_CASE("cut_filter: a proposer that was stopped and heard of nobody cuts nobody") {
  for (std::uint64_t size = 3; size <= 60; ++size) {
    fixture f{size};
    for (std::uint64_t n = 2; n <= size; ++n) f.filter.on_unheard(f.now, id(n));
    CHECK(f.filter.cut().empty());
    f.run_to(start + 60s);
    CHECK(f.filter.cut().empty());
  }
}

TEST_CASE("cut_filter: an unheard member without votes holds a cut back, once") {
  fixture f{30};
  f.filter.on_unheard(f.now, id(25));
  f.alerts(6, 20);
  CHECK(f.filter.cut().empty());
  f.filter.on_heard(f.now, id(25));
  CHECK(f.filter.cut() == member_list{id(20)});
  f.filter.on_unheard(f.now, id(25));
  CHECK(f.filter.cut() == member_list{id(20)});
  f.filter.on_unheard(f.now, id(24));
  f.run_to(start + 4500ms);
  CHECK(f.filter.reinforce().size() == 1);
  f.run_to(start + 6500ms - 1ns);
  CHECK(f.filter.cut().empty());
  f.run_to(start + 6500ms);
  CHECK(f.filter.cut() == member_list{id(20)});
}

TEST_CASE("cut_filter: a single vote against an unheard member is a doubt") {
  fixture f{30};
  f.filter.on_unheard(f.now, id(25));
  f.alerts(6, 20);
  f.alerts(1, 25, {id(20)});
  f.run_to(start + 1200ms);
  CHECK(f.filter.reinforce().size() == 1);
  f.run_to(start + 3200ms - 1ns);
  CHECK(f.filter.cut().empty());
  f.run_to(start + 3200ms);
  CHECK(f.filter.cut() == member_list{id(20)});
}

TEST_CASE("cut_filter: a new view forgets all votes") {
  fixture f{30};
  f.alerts(6, 20);
  f.filter.on_view(f.now, f.view);
  CHECK(f.filter.cut().empty());
  CHECK(f.filter.next_timeout() == never);
}

TEST_CASE("cut_filter: a proposer never cuts itself") {
  fixture f{10};
  f.alerts(9, 1);
  CHECK(f.filter.cut().empty());
  CHECK(f.filter.next_timeout() == never);
}

TEST_CASE("cut_filter: alone there is nobody to cut") {
  fixture f{1};
  f.alert(1, 1);
  f.filter.on_unheard(f.now, id(1));
  f.filter.on_timeout(f.now);
  CHECK(f.filter.cut().empty());
}
