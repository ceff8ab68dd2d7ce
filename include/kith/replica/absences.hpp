// What loads of one cache found nothing for, in one lane: a bounded memory beside the entries, so
// that nothing that counts, walks or changes entries has to know of it. What is forgotten early is
// looked for again.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/time.hpp>
#include <kith/store/budget.hpp>
#include <kith/store/shard.hpp>
#include <kith/store/sieve.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace kith::replica {

class absences {
 public:
  /// `slots`: of the lane's partitions.
  absences(std::uint64_t bytes_max, std::uint64_t salt, std::size_t slots)
      : known_{{std::max<std::uint64_t>(1, bytes_max), std::nullopt, salt},
               std::make_unique<store::sieve>()},
        terms_(slots) {}

  void set_bytes_max(std::uint64_t bytes_max) {
    known_.set_bytes_max(std::max<std::uint64_t>(1, bytes_max));
  }

  void note(time_point now, std::size_t slot, std::uint64_t hash, byte_view key, time_point until) {
    known_.insert_or_assign(now, hash, to_bytes(key), terms_[slot],
                            {store::charge_of({key.size(), 0}), until}, known_.ignore);
  }
  [[nodiscard]] bool knows(time_point now, std::size_t slot, std::uint64_t hash, byte_view key) {
    const auto seen = known_.find(now, hash, key);
    return seen && seen->value() == terms_[slot];
  }
  void forget(time_point now, std::uint64_t hash, byte_view key) {
    if (const auto seen = known_.peek(now, hash, key)) known_.erase(seen.at);
  }
  /// All of a partition, at once.
  void forget_all(std::size_t slot) { ++terms_[slot]; }

  void expire(time_point now, std::size_t work) {
    known_.expire(now, work, known_.ignore);
    known_.evict_to_budget(now, work, known_.ignore);
  }
  [[nodiscard]] time_point next_timeout() const {
    if (known_.above_budget()) return time_point{};  // there is work now
    return known_.next_timeout().value_or(never);
  }
  /// More than bytes_max while a lower one is being reached.
  [[nodiscard]] std::uint64_t bytes_bound() const { return known_.bytes_in_force(); }
  [[nodiscard]] std::uint64_t bytes_held() const { return known_.bytes(); }

 private:
  /// The value is the partition's term in which it was noted: what is of an earlier one is void.
  store::shard<bytes, std::uint64_t, store::bytes_equal> known_;
  std::vector<std::uint64_t> terms_;
};

}  // namespace kith::replica
