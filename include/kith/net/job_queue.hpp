// The jobs of a worker pool that have no thread yet, kept by kind: jobs of one kind run the same
// user's code, a cache's loader.
//
// Jobs of some kinds wait for other jobs, and those need a thread too. Which kinds do is learned
// when one of their jobs waits first. From then on no more jobs of such kinds are started than may
// wait at a time, so that none that was started finds that it may not; and the rest of the threads
// are left to the others, which those wait for.
//
// Not for several threads at a time: the pool has the lock. Cost: the number of kinds.
#pragma once

#include <kith/core/assert.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace kith::net {

class job_queue {
 public:
  using job = std::function<void()>;
  using kind = std::uint64_t;

  /// What a thread runs; it tells ended() afterwards.
  struct started {
    job run;
    kind of = 0;
  };

  /// `may_wait`: jobs that may wait for others at a time.
  explicit job_queue(std::size_t may_wait) : may_wait_{may_wait} {}

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// Jobs that were started and have not ended.
  [[nodiscard]] std::size_t running() const { return running_; }

  void push(kind of, job what) {
    kinds_[of].queue.push_back({++last_number_, std::move(what)});
    ++size_;
  }
  /// The job that was pushed first, or last, of those that may be started.
  [[nodiscard]] std::optional<started> start_oldest();
  [[nodiscard]] std::optional<started> start_newest();
  /// The oldest job, of whichever kind. Requires that there is one.
  [[nodiscard]] started start_anyway();
  void ended(kind of) {
    state& ran = kinds_.at(of);
    KITH_ASSERT(ran.running > 0);
    --ran.running;
    --running_;
    if (ran.waits) --running_that_wait_;
  }

  /// A running job of this kind is about to wait for another job.
  void waits(kind of) {
    state& now = kinds_.at(of);
    if (std::exchange(now.waits, true)) return;
    running_that_wait_ += now.running;
  }

  /// All that were not started.
  [[nodiscard]] std::vector<job> take_all();

 private:
  struct item {
    std::uint64_t number = 0;
    job run;
  };
  struct state {
    std::deque<item> queue;
    std::size_t running = 0;
    bool waits = false;
  };
  using place = std::map<kind, state>::iterator;

  [[nodiscard]] bool may_start(const state& of) const {
    return !of.queue.empty() && (!of.waits || running_that_wait_ < may_wait_);
  }
  started start(place at, item&& what) {
    --size_;
    ++running_;
    ++at->second.running;
    if (at->second.waits) ++running_that_wait_;
    return {std::move(what.run), at->first};
  }
  /// The kind with the lowest first number, of those for which `fits` holds.
  template <class Fits>
  [[nodiscard]] place oldest(Fits&& fits);
  started start_front(place at) {
    item first = std::move(at->second.queue.front());
    at->second.queue.pop_front();
    return start(at, std::move(first));
  }

  const std::size_t may_wait_;
  std::map<kind, state> kinds_;
  std::size_t size_ = 0;
  std::uint64_t last_number_ = 0;
  std::size_t running_ = 0;
  /// Those of kinds that wait.
  std::size_t running_that_wait_ = 0;
};

// --- implementation ---

template <class Fits>
job_queue::place job_queue::oldest(Fits&& fits) {
  place best = kinds_.end();
  for (place at = kinds_.begin(); at != kinds_.end(); ++at) {
    if (!fits(at->second)) continue;
    if (best == kinds_.end() ||
        at->second.queue.front().number < best->second.queue.front().number) {
      best = at;
    }
  }
  return best;
}

inline std::optional<job_queue::started> job_queue::start_oldest() {
  const place best = oldest([this](const state& of) { return may_start(of); });
  if (best == kinds_.end()) return std::nullopt;
  return start_front(best);
}

inline std::optional<job_queue::started> job_queue::start_newest() {
  place best = kinds_.end();
  for (place at = kinds_.begin(); at != kinds_.end(); ++at) {
    if (!may_start(at->second)) continue;
    if (best == kinds_.end() || at->second.queue.back().number > best->second.queue.back().number) {
      best = at;
    }
  }
  if (best == kinds_.end()) return std::nullopt;
  item last = std::move(best->second.queue.back());
  best->second.queue.pop_back();
  return start(best, std::move(last));
}

inline job_queue::started job_queue::start_anyway() {
  const place best = oldest([](const state& of) { return !of.queue.empty(); });
  KITH_ASSERT(best != kinds_.end());
  return start_front(best);
}

inline std::vector<job_queue::job> job_queue::take_all() {
  std::vector<job> all;
  for (auto& [id, of] : kinds_) {
    for (item& one : of.queue) all.push_back(std::move(one.run));
    of.queue.clear();
  }
  size_ = 0;
  return all;
}

}  // namespace kith::net
