// Detectors and cut filters together, without views: many members on one virtual clock, frames that
// can be lost in one direction, deaths with and without a goodbye. The first cut that the proposer
// forms is compared with who is really dead. Everything follows from the seed that a failure
// prints.
#include <kith/cluster/cut_filter.hpp>
#include <kith/cluster/failure_detector.hpp>
#include <kith/core/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <queue>
#include <tuple>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace kith::cluster;
using kith::duration;
using kith::member_id;
using kith::never;
using kith::random_source;
using kith::time_point;

constexpr time_point dawn{1000s};
/// Alerts go to the oldest so many members; each has a filter.
constexpr std::size_t filters_max = 3;

enum class what : std::uint8_t { timer, ping, pong, alert, question, heartbeat, reset, refused };

struct event {
  time_point at;
  std::uint64_t order;
  what kind;
  std::uint16_t from;
  std::uint16_t to;
  std::uint16_t about;
  friend bool operator>(const event& a, const event& b) {
    return std::tie(a.at, a.order) > std::tie(b.at, b.order);
  }
};

struct watcher {
  std::unique_ptr<failure_detector> detector;
  time_point timer = never;  // the earliest one in the queue
  bool dead = false;
  bool listens = true;              // false: the process is gone and its kernel says so
  std::uint32_t lost_in = 0;        // frames per million that do not reach it
  std::uint32_t lost_out = 0;       // frames per million of its own that reach nobody
  std::vector<time_point> last_hb;  // at a filter: when each member was last heard
};

class watched_world {
 public:
  watched_world(std::uint64_t seed, std::size_t size) : random_{seed}, nodes_(size) {
    for (std::size_t n = 0; n < size; ++n) view_.push_back({random_.next(), random_.next(), 1});
    rings_ = rings{view_};
    for (std::size_t n = 0; n < std::min(size, filters_max); ++n) {
      filters_.emplace_back(view_[n]);
      filters_.back().on_view(dawn, rings_);
    }
    for (std::size_t n = 0; n < size; ++n) {
      nodes_[n].detector = std::make_unique<failure_detector>(view_[n]);
      const time_point born = dawn + duration{random_.below(1'000'000'000)};
      nodes_[n].detector->on_view(born, rings_);
      arm(index(n));
    }
  }

  /// From now on each member tells each filter that it lives, and filters report silence.
  void use_heartbeats() {
    for (std::size_t f = 0; f < filters_.size(); ++f) nodes_[f].last_hb.assign(view_.size(), now_);
    for (std::size_t n = 0; n < view_.size(); ++n) {
      push(now_ + duration{random_.below(1'000'000'000)}, what::heartbeat, n, n, 0);
    }
  }

  void fall_silent(std::size_t n) { nodes_[n].dead = true; }
  void kill(std::size_t n) {
    nodes_[n].dead = true;
    nodes_[n].listens = false;
    for (std::size_t peer = 0; peer < view_.size(); ++peer) {
      if (peer != n) push(now_ + trip(), what::reset, n, peer, 0);
    }
  }
  void lose(std::size_t n, std::uint32_t in, std::uint32_t out) {
    nodes_[n].lost_in = in;
    nodes_[n].lost_out = out;
  }

  /// Runs to `until`, or until a filter other than those of `ignored` has a cut.
  void run(duration until, std::size_t ignored = SIZE_MAX) {
    while (!queue_.empty() && queue_.top().at <= dawn + until) {
      const event e = queue_.top();
      queue_.pop();
      now_ = e.at;
      handle(e);
      if (proposer(ignored) < filters_.size() && !cut(ignored).empty()) return;
    }
    now_ = dawn + until;
  }

  [[nodiscard]] std::size_t proposer(std::size_t ignored = SIZE_MAX) const {
    std::size_t f = 0;
    while (f < filters_.size() && (nodes_[f].dead || f == ignored)) ++f;
    return f;
  }
  [[nodiscard]] std::vector<member_id> cut(std::size_t ignored = SIZE_MAX) const {
    return filters_.at(proposer(ignored)).cut();
  }
  [[nodiscard]] std::vector<member_id> dead() const {
    std::vector<member_id> all;
    for (std::size_t n = 0; n < view_.size(); ++n) {
      if (nodes_[n].dead) all.push_back(view_[n]);
    }
    return all;
  }
  [[nodiscard]] const std::vector<member_id>& view() const { return view_; }
  [[nodiscard]] duration since_start() const { return now_ - dawn; }

 private:
  static std::uint16_t index(std::size_t n) { return static_cast<std::uint16_t>(n); }
  duration trip() { return duration{random_.between(50'000, 2'000'000)}; }

  void push(time_point at, what kind, std::size_t from, std::size_t to, std::size_t about) {
    queue_.push({at, order_++, kind, index(from), index(to), index(about)});
  }
  void arm(std::uint16_t n) {
    const time_point next = nodes_[n].detector->next_timeout();
    if (next >= nodes_[n].timer) return;
    nodes_[n].timer = next;
    push(std::max(next, now_), what::timer, n, n, 0);
  }
  void send(what kind, std::size_t from, std::size_t to, std::size_t about = 0) {
    const bool lost =
        random_.one_in_million(nodes_[from].lost_out) || random_.one_in_million(nodes_[to].lost_in);
    if (!lost || from == to) push(now_ + (from == to ? 0ns : trip()), kind, from, to, about);
  }

  void handle(const event& e) {
    watcher& to = nodes_[e.to];
    if (to.dead) return;
    switch (e.kind) {
      case what::timer: timer(e); break;
      case what::ping: send(what::pong, e.to, e.from); [[fallthrough]];
      case what::pong: to.detector->on_contact(now_, view_[e.from]); break;
      case what::alert: filters_[e.to].on_alert(now_, view_[e.from], view_[e.about]); break;
      case what::question: to.detector->on_reinforce(now_, view_[e.about]); break;
      case what::heartbeat: heartbeat(e); break;
      case what::reset:
        to.detector->on_link_lost(now_, view_[e.from], loss::reset);
        if (e.to < filters_.size()) filters_[e.to].on_unheard(now_, view_[e.from]);
        break;
      case what::refused: to.detector->on_link_lost(now_, view_[e.from], loss::refused); break;
    }
    arm(e.to);
    if (e.to < filters_.size()) step_filter(e.to);
  }

  void timer(const event& e) {
    watcher& self = nodes_[e.to];
    if (self.timer <= e.at) self.timer = never;
    std::vector<detector_effect> effects;
    if (self.detector->next_timeout() > now_) return;
    self.detector->on_timeout(now_, effects);
    for (const detector_effect& effect : effects) {
      if (const auto* ping = std::get_if<send_ping>(&effect)) {
        send(what::ping, e.to, *rings_.find(ping->member));
      } else if (const auto* dial = std::get_if<redial>(&effect)) {
        const std::uint16_t target = *rings_.find(dial->member);
        if (!nodes_[target].listens) push(now_ + trip(), what::refused, target, e.to, 0);
      } else {
        const std::uint16_t target = *rings_.find(std::get<suspect>(effect).member);
        for (std::size_t f = 0; f < filters_.size(); ++f) send(what::alert, e.to, f, target);
      }
    }
  }

  /// At its sender an event of its own, which repeats; at a filter a sign of life.
  void heartbeat(const event& e) {
    if (e.from != e.to) {
      nodes_[e.to].last_hb[e.from] = now_;
      filters_[e.to].on_heard(now_, view_[e.from]);
      return;
    }
    for (std::size_t f = 0; f < filters_.size(); ++f) {
      if (f != e.from) send(what::heartbeat, e.from, f);
    }
    if (e.from < filters_.size()) {
      for (std::size_t n = 0; n < view_.size(); ++n) {
        if (now_ - nodes_[e.from].last_hb[n] >= 3s) filters_[e.from].on_unheard(now_, view_[n]);
      }
    }
    push(now_ + 1s, what::heartbeat, e.from, e.from, 0);
  }

  /// The filters' timers are looked at whenever their member does anything: often enough.
  void step_filter(std::size_t f) {
    if (filters_[f].next_timeout() <= now_) filters_[f].on_timeout(now_);
    for (const reinforcement& question : filters_[f].reinforce()) {
      for (const member_id& observer : question.observers) {
        send(what::question, f, *rings_.find(observer), *rings_.find(question.subject));
      }
    }
  }

  random_source random_;
  std::vector<member_id> view_;
  rings rings_;
  std::vector<watcher> nodes_;
  std::vector<cut_filter> filters_;
  std::priority_queue<event, std::vector<event>, std::greater<>> queue_;
  std::uint64_t order_ = 0;
  time_point now_ = dawn;
};

/// Draws `count` victims among all but `spared`.
std::vector<std::size_t> draw_victims(random_source& random, std::size_t size, std::size_t count,
                                      std::size_t spared) {
  std::vector<std::size_t> all;
  for (std::size_t n = 0; n < size; ++n) {
    if (n != spared) all.push_back(n);
  }
  for (std::size_t i = 0; i < count; ++i) {
    std::swap(all[i], all[i + random.below(all.size() - i)]);
  }
  all.resize(count);
  return all;
}

std::size_t seeds_for(std::size_t size) { return size >= 1000 ? 3 : size >= 30 ? 30 : 100; }

/// So many percent of the members die, at least one; a single one is cut in the given time.
void cut_is_exactly(void (watched_world::*die)(std::size_t), std::size_t size, std::size_t percent,
                    duration least, duration most) {
  for (std::uint64_t seed = 1; seed <= seeds_for(size); ++seed) {
    CAPTURE(size);
    CAPTURE(percent);
    CAPTURE(seed);
    random_source random{seed};
    watched_world w{random.next(), size};
    w.use_heartbeats();
    w.run(5s);
    const std::size_t count = std::max<std::size_t>(1, size * percent / 100);
    // Any member may die, the oldest too; one of those with a filter stays.
    const std::size_t spared = random.below(std::min(size, filters_max));
    for (const std::size_t n : draw_victims(random, size, count, spared)) (w.*die)(n);
    w.run(40s);
    REQUIRE(w.cut() == w.dead());
    if (count > 1) continue;
    CHECK(w.since_start() - 5s >= least);
    CHECK(w.since_start() - 5s <= most);
  }
}

}  // namespace

TEST_CASE("detection: a healthy cluster forms no cut") {
  for (const std::size_t size : {2u, 3u, 4u, 10u, 30u, 1000u}) {
    CAPTURE(size);
    watched_world w{size, size};
    w.use_heartbeats();
    w.run(30s);
    CHECK(w.cut().empty());
    CHECK(w.since_start() == 30s);
  }
}

TEST_CASE("detection: simultaneous silent deaths lead to one cut of exactly the dead") {
  for (const std::size_t size : {3u, 4u, 10u, 30u, 1000u}) {
    for (const std::size_t percent : {1u, 5u, 10u, 20u, 30u}) {
      cut_is_exactly(&watched_world::fall_silent, size, percent, 4900ms, 6100ms);
    }
  }
}

TEST_CASE("detection: killed processes are cut within half a second") {
  for (const std::size_t size : {3u, 4u, 10u, 30u, 1000u}) {
    for (const std::size_t percent : {1u, 10u, 30u}) {
      cut_is_exactly(&watched_world::kill, size, percent, 0ms, 500ms);
    }
  }
}

TEST_CASE("detection: loss at one member, in one direction or both, evicts nobody else") {
  struct fault {
    std::uint32_t in;
    std::uint32_t out;
  };
  const fault faults[] = {{1'000'000, 0},        {0, 1'000'000},     {800'000, 0},
                          {0, 800'000},          {800'000, 800'000}, {300'000, 300'000},
                          {1'000'000, 1'000'000}};
  for (const std::size_t size : {3u, 4u, 10u, 11u, 30u, 1000u}) {
    for (const fault& f : faults) {
      for (std::uint64_t seed = 1; seed <= (size >= 1000 ? 1u : 20u); ++seed) {
        CAPTURE(size);
        CAPTURE(f.in);
        CAPTURE(f.out);
        CAPTURE(seed);
        random_source random{seed};
        watched_world w{random.next(), size};
        w.use_heartbeats();
        w.run(3s);
        // Whoever is ill, another proposes: the ill one cannot tell itself from the rest.
        const std::size_t ill = random.below(3) == 0 ? random.below(3) : random.below(size);
        w.lose(ill, f.in, f.out);
        w.run(60s, ill);
        const auto cut = w.cut(ill);
        REQUIRE(cut.size() <= 1);
        if (!cut.empty()) REQUIRE(cut[0] == w.view()[ill]);
        if (f.out == 1'000'000) REQUIRE(cut.size() == 1);
      }
    }
  }
}

TEST_CASE("detection: a death beside a lossy member is still cut") {
  for (const std::size_t size : {4u, 10u, 30u}) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
      CAPTURE(size);
      CAPTURE(seed);
      random_source random{seed};
      watched_world w{random.next(), size};
      w.use_heartbeats();
      w.run(5s);
      const auto pair = draw_victims(random, size, 2, random.below(3));
      w.lose(pair[1], 800'000, 0);
      w.fall_silent(pair[0]);
      w.run(60s, pair[1]);
      const auto cut = w.cut(pair[1]);
      // The lossy one may be cut as well, or instead at first; nobody else ever.
      REQUIRE_FALSE(cut.empty());
      for (const member_id& member : cut) {
        REQUIRE((member == w.view()[pair[0]] || member == w.view()[pair[1]]));
      }
    }
  }
}
