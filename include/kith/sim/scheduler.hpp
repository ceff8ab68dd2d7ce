// Virtual time. Everything that happens in a simulated cluster is an event here; nothing else moves
// the clock. Events of one instant run in an order drawn from the seed, so that no run depends on
// the order in which they were scheduled.
//
// The digest is a running hash of what happened: two runs of one seed have equal digests, on every
// compiler and machine, or the simulation is not deterministic.
#pragma once

#include <kith/core/random.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/core/time.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace kith::sim {

class scheduler {
 public:
  using action = std::function<void()>;

  explicit scheduler(std::uint64_t seed) : order_{seed} {}

  [[nodiscard]] time_point now() const { return now_; }
  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] std::uint64_t digest() const { return digest_; }
  [[nodiscard]] bool idle() const { return heap_.empty(); }
  [[nodiscard]] time_point next_event() const { return idle() ? never : heap_.front().when; }

  /// Runs `what` at `when`, or now if that has passed.
  void at(time_point when, action what) {
    heap_.push_back({std::max(when, now_), order_.next(), ++scheduled_, std::move(what)});
    std::push_heap(heap_.begin(), heap_.end(), later{});
  }
  void after(duration delay, action what) { at(now_ + delay, std::move(what)); }

  /// Runs the next event. Requires !idle().
  void step() {
    std::pop_heap(heap_.begin(), heap_.end(), later{});
    event next = std::move(heap_.back());
    heap_.pop_back();
    now_ = next.when;
    ++events_;
    note(static_cast<std::uint64_t>(now_.time_since_epoch().count()));
    next.what();
  }

  /// Runs all events up to `end`, and lets the clock stand there.
  void run_until(time_point end) {
    while (next_event() <= end) step();
    now_ = std::max(now_, end);
  }

  /// What is left never happens: what the events hold is let go of now.
  void drop_all() { std::exchange(heap_, {}).clear(); }

  /// Adds a fact to the digest.
  void note(std::uint64_t fact) { digest_ = stable_hash_combine(digest_, fact); }

 private:
  struct event {
    time_point when;
    std::uint64_t salt = 0;
    std::uint64_t number = 0;
    action what;
  };
  struct later {
    bool operator()(const event& a, const event& b) const {
      if (a.when != b.when) return a.when > b.when;
      return std::pair{a.salt, a.number} > std::pair{b.salt, b.number};
    }
  };

  time_point now_{};
  random_source order_;
  std::uint64_t scheduled_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t digest_ = 0;
  std::vector<event> heap_;
};

}  // namespace kith::sim
