// A queue in one block of memory that keeps its capacity: a busy outbox allocates nothing, where a
// std::deque would allocate and free a chunk every few packets.
#pragma once

#include <kith/core/assert.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace kith::net {

template <class T>
class fifo {
 public:
  [[nodiscard]] bool empty() const { return head_ == items_.size(); }
  [[nodiscard]] std::size_t size() const { return items_.size() - head_; }
  [[nodiscard]] T& front() { return items_[head_]; }

  void push(T&& item) { items_.push_back(std::move(item)); }

  T pop() {
    KITH_ASSERT(!empty());
    T item = std::move(items_[head_++]);
    // The dead front is at most as long as the rest, so its removal costs O(1) an item.
    if (empty()) {
      items_.clear();
      head_ = 0;
    } else if (head_ >= slack && head_ * 2 >= items_.size()) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
    return item;
  }

  /// Forgets the items and gives the memory back.
  void clear() {
    items_ = {};
    head_ = 0;
  }

 private:
  static constexpr std::size_t slack = 64;

  std::vector<T> items_;
  std::size_t head_ = 0;
};

}  // namespace kith::net
