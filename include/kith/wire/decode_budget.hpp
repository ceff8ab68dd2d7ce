// The memory in which the connections of one member put messages together: one bound for all, since
// many peers that each keep to their own could still take everything.
#pragma once

#include <kith/wire/limits.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace kith::wire {

/// Any thread.
class decode_budget {
 public:
  explicit decode_budget(std::size_t limit = limits::decode_bytes) : limit_{limit} {}

  /// False when it is spent: nothing was taken.
  [[nodiscard]] bool take(std::size_t bytes) {
    const std::size_t before = used_.fetch_add(bytes, std::memory_order_relaxed);
    if (before + bytes <= limit_) return true;
    give(bytes);
    return false;
  }
  void give(std::size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  [[nodiscard]] std::size_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> used_{0};
};

/// What one connection took of it, given back at its end. Without a budget nothing is counted.
class decode_share {
 public:
  explicit decode_share(std::shared_ptr<decode_budget> of) : of_{std::move(of)} {}
  decode_share(decode_share&& other) noexcept
      : of_{std::move(other.of_)}, taken_{std::exchange(other.taken_, 0)} {}
  decode_share& operator=(decode_share&& other) noexcept {
    std::swap(of_, other.of_);
    std::swap(taken_, other.taken_);
    return *this;
  }
  ~decode_share() { give(taken_); }

  [[nodiscard]] bool take(std::size_t bytes) {
    if (of_ == nullptr) return true;
    if (!of_->take(bytes)) return false;
    taken_ += bytes;
    return true;
  }
  void give(std::size_t bytes) {
    if (of_ == nullptr) return;
    of_->give(bytes);
    taken_ -= bytes;
  }

 private:
  std::shared_ptr<decode_budget> of_;
  std::size_t taken_ = 0;
};

}  // namespace kith::wire
