// Keys whose last write may have reached the store, or may reach it yet. What is loaded of one for
// a while is answered and not kept: it may be the row from before.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/work.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace kith::replica {

class uncertain_keys {
 public:
  /// `number` is higher than all before.
  void note(std::uint64_t number, work_key at, time_point until);
  [[nodiscard]] bool contains(time_point now, cache_id cache, byte_view key) {
    const doubt* found = all_.find(cache, key);
    return found != nullptr && now < found->until;
  }
  void drop(partition_id partition) {
    static_cast<void>(
        all_.take_if([&](const doubt& each) { return each.at.partition == partition; }));
  }
  /// Forgets those whose time is over, so many at most.
  void expire(time_point now, std::size_t most) {
    while (most-- > 0 && all_.take_due(now)) continue;
  }
  [[nodiscard]] time_point next_deadline() const { return all_.next_deadline(); }
  [[nodiscard]] std::size_t size() const { return all_.size(); }

 private:
  struct doubt {
    work_key at;
    std::uint64_t number = 0;
    time_point until;
  };
  work_table<doubt> all_;
};

// --- implementation ---

inline void uncertain_keys::note(std::uint64_t number, work_key at, time_point until) {
  if (const doubt* known = all_.find(at.cache, at.key)) {
    until = std::max(until, known->until);
    static_cast<void>(all_.take(known->number));
  }
  all_.start(number, until, {std::move(at), number, until});
}

}  // namespace kith::replica
