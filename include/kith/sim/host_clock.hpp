// A host's own monotonic clock. Its zero is not the simulation's, it runs too fast or too slow by a
// few millionths or thousandths, and it can stand still, as in a virtual machine that is suspended:
// no clock inside shows that, not even one that goes on while the machine sleeps.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/time.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kith::sim {

struct span {
  time_point began;
  time_point ended;
};

/// How much time lies in at least one of them.
[[nodiscard]] inline duration length_of_union(std::vector<span> all) {
  std::sort(all.begin(), all.end(), [](const span& a, const span& b) { return a.began < b.began; });
  duration sum{};
  time_point counted = time_point::min();
  for (const span& one : all) {
    if (one.ended <= counted) continue;
    sum += one.ended - std::max(one.began, counted);
    counted = one.ended;
  }
  return sum;
}

class host_clock {
 public:
  /// A new life: the clock runs, is this far ahead of the simulation's, and gains so many
  /// millionths.
  void start(time_point now, duration ahead, std::int64_t gains_ppm = 0) {
    KITH_ASSERT(!stands() && gains_ppm > -million && gains_ppm < million);
    began_ = now;
    ahead_ = ahead;
    gains_ppm_ = gains_ppm;
    life_ = stops_.size();
  }
  void stop(time_point now) { stops_.push_back({now, duration::max()}); }
  /// Requires that it stands still.
  void go_on(time_point now) {
    KITH_ASSERT(stands());
    stops_.back().length = now - stops_.back().began;
  }
  [[nodiscard]] bool stands() const {
    return !stops_.empty() && stops_.back().length == duration::max();
  }

  /// What it says at the true time `when` of this life.
  [[nodiscard]] time_point at(time_point when) const {
    duration ran = when - began_;
    for (std::size_t i = life_; i < stops_.size(); ++i) {
      ran -= std::clamp(when - stops_[i].began, duration{}, stops_[i].length);
    }
    return began_ + ahead_ + shown(ran);
  }
  /// The true time at which it first says `own`. Requires that it does not stand still then.
  [[nodiscard]] time_point first(time_point own) const {
    time_point when = began_ + running(own - ahead_ - began_);
    for (std::size_t i = life_; i < stops_.size() && when > stops_[i].began; ++i) {
      when += stops_[i].length;
    }
    return when;
  }

  /// Adds the standstills that reach into the time between the two, each from its beginning to its
  /// end or `to`; those of former lives too.
  void add_standstills(time_point from, time_point to, std::vector<span>& into) const {
    for (const standstill& one : stops_) {
      const time_point end = one.began + std::clamp(to - one.began, duration{}, one.length);
      if (end > from && end > one.began) into.push_back({one.began, end});
    }
  }

 private:
  struct standstill {
    time_point began;
    duration length;
  };

  static constexpr std::int64_t million = 1'000'000;

  /// What it shows to have passed while it ran for so long.
  [[nodiscard]] duration shown(duration ran) const {
    return ran + duration{ran.count() / million * gains_ppm_} +
           duration{ran.count() % million * gains_ppm_ / million};
  }
  /// The least time of running that shows so much.
  [[nodiscard]] duration running(duration shows) const {
    if (gains_ppm_ == 0) return shows;
    const std::int64_t rate = million + gains_ppm_;
    duration ran{shows.count() / rate * million + shows.count() % rate * million / rate};
    while (shown(ran) < shows) ++ran;
    while (shown(ran - duration{1}) >= shows) --ran;
    return ran;
  }

  time_point began_{};
  duration ahead_{};
  std::int64_t gains_ppm_ = 0;
  std::vector<standstill> stops_;
  /// The first one of this life.
  std::size_t life_ = 0;
};

}  // namespace kith::sim
