// The jobs of a worker pool that have no thread yet, by depth: a job of depth 0 was asked for by a
// caller, one of depth 1 by a job of depth 0 that waits for it, and so on. The deepest come first:
// whoever waits for them holds a thread.
//
// Not for several threads at a time: the pool has the lock. Cost: O(log of the depths in use).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace kith::net {

class job_queue {
 public:
  using job = std::function<void()>;

  struct taken {
    job run;
    std::uint32_t depth = 0;
  };

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// Whether there is one that another job waits for.
  [[nodiscard]] bool has_nested() const {
    return !by_depth_.empty() && by_depth_.rbegin()->first > 0;
  }

  void push(std::uint32_t depth, job what) {
    by_depth_[depth].push_back(std::move(what));
    ++size_;
  }
  /// Of the deepest the one that was pushed first.
  [[nodiscard]] std::optional<taken> take() {
    if (by_depth_.empty()) return std::nullopt;
    const auto deepest = std::prev(by_depth_.end());
    taken next{std::move(deepest->second.front()), deepest->first};
    deepest->second.pop_front();
    if (deepest->second.empty()) by_depth_.erase(deepest);
    --size_;
    return next;
  }
  [[nodiscard]] std::vector<job> take_all() {
    std::vector<job> all;
    while (auto next = take()) all.push_back(std::move(next->run));
    return all;
  }

 private:
  /// No queue is empty.
  std::map<std::uint32_t, std::deque<job>> by_depth_;
  std::size_t size_ = 0;
};

}  // namespace kith::net
