#include <kith/cluster/failure_detector.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace kith::cluster;
using kith::duration;
using kith::member_id;
using kith::never;
using kith::time_point;

using effects = std::vector<detector_effect>;

member_id peer(std::uint64_t n) { return {n, n, 1}; }

constexpr time_point begin_of_watch{100s};

/// A detector of member 1 in a cluster of `size`, and the hand that drives it.
struct watch {
  explicit watch(std::uint64_t size, detector_options options = {}) : detector{peer(1), options} {
    for (std::uint64_t n = 1; n <= size; ++n) view.push_back(peer(n));
    detector.on_view(begin_of_watch, view);
  }

  /// Runs all timeouts up to and including `until`; before each, those who live are heard.
  effects run_to(time_point until) {
    effects all;
    while (detector.next_timeout() <= until) {
      now = std::max(now, detector.next_timeout());
      for (const member_id& member : alive) detector.on_contact(now - 1ns, member);
      detector.on_timeout(now, all);
    }
    now = until;
    return all;
  }

  effects suspects_to(time_point until) {
    effects all = run_to(until);
    std::erase_if(all, [](const auto& e) { return !std::holds_alternative<suspect>(e); });
    return all;
  }

  /// One call, as a driver makes it that comes late.
  effects once_at(time_point when) {
    effects all;
    now = when;
    detector.on_timeout(now, all);
    return all;
  }

  std::vector<member_id> view;
  std::vector<member_id> alive;
  failure_detector detector;
  time_point now = begin_of_watch;
};

}  // namespace

TEST_CASE("failure_detector: a silent member is suspected after the limit, not before") {
  watch f{2};
  CHECK(f.suspects_to(begin_of_watch + 5s - 1ns).empty());
  CHECK(f.suspects_to(begin_of_watch + 5s) == effects{suspect{peer(2), suspicion::down}});
}

TEST_CASE("failure_detector: each tick pings every subject, oldest first") {
  watch f{4};
  const effects round{send_ping{peer(2)}, send_ping{peer(3)}, send_ping{peer(4)}};
  CHECK(f.run_to(begin_of_watch) == round);
  CHECK(f.detector.next_timeout() == begin_of_watch + 1s);
  CHECK(f.run_to(begin_of_watch + 1s) == round);
}

TEST_CASE("failure_detector: any frame sets the misses back") {
  watch f{2};
  CHECK(f.suspects_to(begin_of_watch + 4900ms).empty());
  f.detector.on_contact(f.now, peer(2));
  CHECK(f.suspects_to(begin_of_watch + 10s - 1ns).empty());  // pinged at 5 s, missed from 6 s on
  CHECK(f.suspects_to(begin_of_watch + 10s).size() == 1);
}

TEST_CASE("failure_detector: a frame just before the fifth miss is in time") {
  watch f{2};
  CHECK(f.suspects_to(begin_of_watch + 4999ms).empty());
  f.detector.on_contact(begin_of_watch + 5s - 1ns, peer(2));
  CHECK(f.suspects_to(begin_of_watch + 5s).empty());
}

TEST_CASE("failure_detector: a subject is suspected once in a view, and again in the next") {
  watch f{2};
  CHECK(f.suspects_to(begin_of_watch + 60s).size() == 1);
  f.detector.on_view(f.now, f.view);
  CHECK(f.detector.next_timeout() == f.now);
  CHECK(f.suspects_to(f.now) == effects{suspect{peer(2), suspicion::down}});
  CHECK(f.suspects_to(f.now + 60s).empty());
}

TEST_CASE("failure_detector: a frame between two views withdraws the suspicion") {
  watch f{2};
  CHECK(f.suspects_to(begin_of_watch + 6s).size() == 1);
  f.detector.on_contact(f.now, peer(2));
  f.detector.on_view(f.now, f.view);
  CHECK(f.suspects_to(f.now + 4s).empty());
}

TEST_CASE("failure_detector: a reset leads to two dials within 300 ms") {
  watch f{2};
  f.run_to(begin_of_watch + 100ms);
  f.detector.on_link_lost(f.now, peer(2), loss::reset);
  CHECK(f.detector.next_timeout() == f.now);
  CHECK(f.run_to(f.now) == effects{redial{peer(2)}});
  CHECK(f.run_to(begin_of_watch + 249ms).empty());
  CHECK(f.run_to(begin_of_watch + 250ms) == effects{redial{peer(2)}});
  CHECK(f.run_to(begin_of_watch + 999ms).empty());
}

TEST_CASE("failure_detector: two refused dials are REFUSED at once, one is not") {
  watch f{3};
  f.run_to(begin_of_watch + 100ms);
  f.detector.on_link_lost(f.now, peer(2), loss::reset);
  f.run_to(f.now);
  f.detector.on_link_lost(f.now + 1ms, peer(2), loss::refused);
  CHECK(f.run_to(begin_of_watch + 250ms) == effects{redial{peer(2)}});
  f.detector.on_link_lost(begin_of_watch + 251ms, peer(2), loss::refused);
  CHECK(f.detector.next_timeout() == begin_of_watch + 251ms);
  CHECK(f.run_to(begin_of_watch + 251ms) == effects{suspect{peer(2), suspicion::refused}});
  CHECK(f.suspects_to(begin_of_watch + 60s) == effects{suspect{peer(3), suspicion::down}});
}

TEST_CASE("failure_detector: several refusals of one dial count once") {
  watch f{2};
  f.run_to(begin_of_watch + 100ms);
  f.detector.on_link_lost(f.now, peer(2), loss::reset);
  f.run_to(f.now);
  for (int i = 0; i < 5; ++i) f.detector.on_link_lost(f.now, peer(2), loss::refused);
  CHECK(f.suspects_to(begin_of_watch + 249ms).empty());
}

TEST_CASE("failure_detector: a refusal nobody asked for starts a probe of its own") {
  watch f{2};
  f.run_to(begin_of_watch + 100ms);
  f.detector.on_link_lost(f.now, peer(2), loss::refused);
  CHECK(f.run_to(begin_of_watch + 250ms) == effects{redial{peer(2)}});
  f.detector.on_link_lost(f.now, peer(2), loss::refused);
  CHECK(f.run_to(f.now) == effects{suspect{peer(2), suspicion::refused}});
}

TEST_CASE("failure_detector: an accepted dial or a frame ends the probe") {
  for (const bool accepted : {true, false}) {
    CAPTURE(accepted);
    watch f{2};
    f.run_to(begin_of_watch + 100ms);
    f.detector.on_link_lost(f.now, peer(2), loss::refused);
    if (accepted) {
      f.detector.on_link_up(f.now, peer(2));
    } else {
      f.detector.on_contact(f.now, peer(2));
    }
    f.detector.on_link_lost(f.now, peer(2), loss::refused);  // the first of a new probe
    CHECK(f.suspects_to(begin_of_watch + 999ms).empty());
  }
}

TEST_CASE("failure_detector: a stopped process accepts dials and is suspected all the same") {
  watch f{2};
  for (duration at = 0s; at < 5s; at += 100ms) {
    CHECK(f.suspects_to(begin_of_watch + at).empty());
    f.detector.on_link_up(f.now, peer(2));
  }
  CHECK(f.suspects_to(begin_of_watch + 5s).size() == 1);
}

TEST_CASE("failure_detector: a late tick doubles the limit and holds the alert") {
  watch f{2};
  f.run_to(begin_of_watch + 1s);
  CHECK(f.detector.health_at(f.now) == health::good);
  f.once_at(begin_of_watch + 2500ms);  // exactly the tolerance: still in time
  CHECK(f.detector.health_at(f.now) == health::good);
  f.once_at(begin_of_watch + 3501ms);  // due at 3 s
  CHECK(f.detector.health_at(f.now) == health::poor);
  // Misses 3 by now. The memory ends at 8.501 s, when there are seven: the next tick suspects.
  CHECK(f.suspects_to(begin_of_watch + 8501ms - 1ns).empty());
  CHECK(f.suspects_to(begin_of_watch + 9s).size() == 1);
}

TEST_CASE("failure_detector: ten stopped seconds are one miss") {
  watch f{5};
  f.run_to(begin_of_watch + 1s);
  f.once_at(begin_of_watch + 11s);
  for (std::uint64_t n = 2; n <= 5; ++n) f.alive.push_back(peer(n));
  CHECK(f.suspects_to(begin_of_watch + 60s).empty());
}

TEST_CASE("failure_detector: who hears nobody doubts itself first") {
  watch f{5};
  CHECK(f.suspects_to(begin_of_watch + 10s).empty());  // ten misses, and the hold begins
  CHECK(f.detector.health_at(f.now) == health::poor);
  CHECK(f.suspects_to(begin_of_watch + 11s - 1ns).empty());
  CHECK(f.suspects_to(begin_of_watch + 11s).size() == 4);
}

TEST_CASE("failure_detector: a sign of life during the hold withdraws the alert") {
  watch f{5};
  CHECK(f.suspects_to(begin_of_watch + 10500ms).empty());
  f.detector.on_contact(f.now, peer(3));
  CHECK(f.suspects_to(begin_of_watch + 11s) == effects{suspect{peer(2), suspicion::down},
                                              suspect{peer(4), suspicion::down},
                                              suspect{peer(5), suspicion::down}});
}

TEST_CASE("failure_detector: half of the subjects, or two of two, are not the own fault") {
  watch half{7};  // six subjects, three fall silent
  half.alive = {peer(2), peer(3), peer(4)};
  CHECK(half.suspects_to(begin_of_watch + 5s).size() == 3);
  watch two{3};
  CHECK(two.suspects_to(begin_of_watch + 5s).size() == 2);
}

TEST_CASE("failure_detector: refusals by everybody are held, then given") {
  watch f{4};
  f.run_to(begin_of_watch + 100ms);
  for (std::uint64_t n = 2; n <= 4; ++n) f.detector.on_link_lost(f.now, peer(n), loss::reset);
  f.run_to(f.now);
  for (std::uint64_t n = 2; n <= 4; ++n) f.detector.on_link_lost(f.now, peer(n), loss::refused);
  f.run_to(begin_of_watch + 250ms);
  for (std::uint64_t n = 2; n <= 4; ++n) f.detector.on_link_lost(f.now, peer(n), loss::refused);
  CHECK(f.suspects_to(f.now).size() == 2);  // the third makes it the own fault
  CHECK(f.suspects_to(begin_of_watch + 1250ms - 1ns).empty());
  CHECK(f.suspects_to(begin_of_watch + 1250ms) == effects{suspect{peer(4), suspicion::refused}});
}

TEST_CASE("failure_detector: asked by the proposer, two misses suffice") {
  watch f{2};
  f.run_to(begin_of_watch + 1900ms);
  f.detector.on_reinforce(f.now, peer(2));
  CHECK(f.suspects_to(begin_of_watch + 2s - 1ns).empty());
  CHECK(f.suspects_to(begin_of_watch + 2s) == effects{suspect{peer(2), suspicion::down}});
}

TEST_CASE("failure_detector: a question about a member that answers changes nothing") {
  watch f{2};
  f.alive = {peer(2)};
  f.run_to(begin_of_watch + 1s);
  f.detector.on_reinforce(f.now, peer(2));
  CHECK(f.suspects_to(begin_of_watch + 60s).empty());
}

TEST_CASE("failure_detector: subjects that stay keep their misses in a new view") {
  watch f{3};
  f.run_to(begin_of_watch + 4s);
  f.view.push_back(peer(4));
  f.detector.on_view(f.now, f.view);
  CHECK(f.suspects_to(begin_of_watch + 5s).size() == 2);
  CHECK(f.suspects_to(begin_of_watch + 60s).size() == 1);  // the newcomer, five misses later
}

TEST_CASE("failure_detector: alone, or outside the view, nothing is due") {
  watch f{1};
  CHECK(f.detector.next_timeout() == never);
  f.view = {peer(2), peer(3)};
  f.detector.on_view(begin_of_watch, f.view);
  CHECK(f.detector.next_timeout() == never);
  f.detector.on_contact(begin_of_watch, peer(9));
  f.detector.on_link_lost(begin_of_watch, peer(9), loss::refused);
  f.detector.on_link_up(begin_of_watch, peer(9));
  f.detector.on_reinforce(begin_of_watch, peer(9));
  CHECK(f.detector.next_timeout() == never);
}

TEST_CASE("failure_detector: a storm of resets does not become a storm of dials") {
  watch f{2};
  f.alive = {};
  f.run_to(begin_of_watch + 100ms);
  std::size_t dials = 0;
  for (int i = 0; i < 100; ++i) {
    f.detector.on_link_lost(f.now, peer(2), loss::reset);
    dials += f.run_to(f.now + 1ms).size();
  }
  CHECK(dials == 1);
}
