// What a member holds against its limit, from all its threads: each drive of a lane adds what its
// entries grew by, and a turn of the home thread samples the rest (runtime_memory.hpp). What lanes
// are told is a number of it.
//
// Any thread, no lock. The numbers are not of one instant; the rung is one for the whole member.
#pragma once

#include <kith/net/runtime_counters.hpp>
#include <kith/store/pressure.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kith::net {

/// What is sampled, in bytes.
struct sampled_memory {
  std::uint64_t near = 0;
  std::uint64_t directories = 0;
  std::uint64_t queues = 0;
};

class memory_account {
 public:
  explicit memory_account(runtime_counters& counted) : counters_{counted} {}

  /// 0: none.
  void set_limit(std::uint64_t bytes) { limit_.store(bytes, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }

  /// A lane's entries were charged `before` and are charged `after`.
  void change_owned(std::uint64_t before, std::uint64_t after) {
    // Mostly the same, and then no line is taken from other lanes.
    if (after != before) owned_.fetch_add(after - before, std::memory_order_relaxed);
  }
  void set_sampled(const sampled_memory& seen) {
    sampled_.store(seen.near + seen.directories + seen.queues, std::memory_order_relaxed);
  }

  [[nodiscard]] std::uint64_t owned() const { return owned_.load(std::memory_order_relaxed); }
  [[nodiscard]] store::memory_use use() const {
    return {owned() + sampled_.load(std::memory_order_relaxed), limit()};
  }
  [[nodiscard]] store::pressure pressure() const {
    return pressure_.load(std::memory_order_relaxed);
  }

  /// Climbs or descends, and says what one of `lanes` lanes is to be told. A lane evicts its share
  /// of what is above the end of eviction: those that are driven more often evict more.
  [[nodiscard]] store::memory_state turn(std::uint32_t lanes) {
    if (limit() == 0 && pressure() == store::pressure::none) return {};
    const store::memory_use now = use();
    store::pressure old = pressure();
    const store::pressure next = store::next_pressure(old, now);
    // One of two that see the same change counts it.
    if (next != old && pressure_.compare_exchange_strong(old, next, std::memory_order_relaxed)) {
      count_climb(old, next);
    }
    if (next < store::pressure::evict) return {next, 0};
    constexpr auto evict = static_cast<std::size_t>(store::pressure::evict);
    const std::uint64_t excess = now.above(store::enter_percent[evict] - store::leave_gap_percent);
    return {next, (excess + lanes - 1) / lanes};
  }

 private:
  void count_climb(store::pressure from, store::pressure to) {
    std::atomic<std::uint64_t>* const rungs[store::pressure_count] = {
        nullptr, &counters_.pressed_no_copies, &counters_.pressed_shrink_near,
        &counters_.pressed_evict, &counters_.pressed_refuse};
    for (auto i = static_cast<std::size_t>(from) + 1; i <= static_cast<std::size_t>(to); ++i) {
      rungs[i]->fetch_add(1, std::memory_order_relaxed);
    }
  }

  runtime_counters& counters_;
  std::atomic<std::uint64_t> limit_{0};
  std::atomic<std::uint64_t> owned_{0};
  std::atomic<std::uint64_t> sampled_{0};
  std::atomic<store::pressure> pressure_{store::pressure::none};
};

}  // namespace kith::net
