// Applies each operation once. A mutation carries its sender's operation number; a retry carries
// the same one, and gets the answer that the first got.
//
// The sender tells its lowest operation that may still be retried: answers below it are forgotten,
// and whatever still comes from there is stale, neither applied nor answered with a guess. The
// answers above it are bounded too; what is pushed out becomes stale in the same way, so that a
// bound never turns into a second application.
//
// One window a partition and sender: it moves with its partition.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/wire/data_messages.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

namespace kith::replica {

/// The answer to a mutation, as it is kept for retries.
struct mutation_answer {
  wire::mutate_status status = wire::mutate_status::applied;
  kith::version version;
  bool existed = false;
  bytes result;
};

struct operation_record {
  /// False while the operation waits for a processor.
  bool settled = false;
  /// The request that wants the answer: the newest retry's.
  std::uint64_t rid = 0;
  mutation_answer answer;
};

class operation_window {
 public:
  enum class state : std::uint8_t { fresh, pending, settled, stale };

  /// Forgets the answers below `lowest_unsettled`. It never goes back: an older message that comes
  /// late says nothing new.
  void settle_below(std::uint64_t lowest_unsettled);

  [[nodiscard]] state look_up(std::uint64_t operation) const;

  /// Requires look_up(operation) != stale. Nullptr when it is fresh.
  [[nodiscard]] operation_record* find(std::uint64_t operation);

  /// Requires that the operation is fresh.
  void begin(std::uint64_t operation, std::uint64_t rid) { records_[operation].rid = rid; }

  /// Keeps the answer of an operation that began. False when the window has moved past it: then
  /// nobody waits for the answer.
  bool settle(std::uint64_t operation, mutation_answer answer);

  /// The answer is known from elsewhere: it takes the place of what was known.
  void note(std::uint64_t operation, mutation_answer answer);

  /// Nothing was applied: a retry may try again.
  void forget(std::uint64_t operation) { drop(records_.find(operation)); }

  /// Pushes out the oldest answers above the bounds, but never the only one.
  void shrink(std::size_t records_max, std::size_t bytes_max);

  /// `visit(operation, record)` in their order.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& [operation, record] : records_) visit(operation, record);
  }
  template <class Visit>
  void for_each(Visit&& visit) {
    for (auto& [operation, record] : records_) visit(operation, record);
  }

  /// Operations below are stale.
  [[nodiscard]] std::uint64_t floor() const { return floor_; }
  [[nodiscard]] std::size_t size() const { return records_.size(); }
  /// Of the results.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  using records = std::map<std::uint64_t, operation_record>;

  void drop(records::iterator at);

  /// Invariant: no record is below.
  std::uint64_t floor_ = 0;
  records records_;
  /// Invariant: the sum of the results' sizes.
  std::size_t bytes_ = 0;
};

// --- implementation ---

inline void operation_window::drop(records::iterator at) {
  if (at == records_.end()) return;
  bytes_ -= at->second.answer.result.size();
  records_.erase(at);
}

inline void operation_window::settle_below(std::uint64_t lowest_unsettled) {
  if (lowest_unsettled <= floor_) return;
  floor_ = lowest_unsettled;
  while (!records_.empty() && records_.begin()->first < floor_) drop(records_.begin());
}

inline auto operation_window::look_up(std::uint64_t operation) const -> state {
  if (operation < floor_) return state::stale;
  const auto at = records_.find(operation);
  if (at == records_.end()) return state::fresh;
  return at->second.settled ? state::settled : state::pending;
}

inline operation_record* operation_window::find(std::uint64_t operation) {
  const auto at = records_.find(operation);
  return at == records_.end() ? nullptr : &at->second;
}

inline bool operation_window::settle(std::uint64_t operation, mutation_answer answer) {
  operation_record* record = find(operation);
  if (record == nullptr) return false;
  bytes_ += answer.result.size();
  record->answer = std::move(answer);
  record->settled = true;
  return true;
}

inline void operation_window::note(std::uint64_t operation, mutation_answer answer) {
  if (operation < floor_) return;
  forget(operation);
  begin(operation, 0);
  settle(operation, std::move(answer));
}

inline void operation_window::shrink(std::size_t records_max, std::size_t bytes_max) {
  while (records_.size() > 1 && (records_.size() > records_max || bytes_ > bytes_max)) {
    floor_ = records_.begin()->first + 1;
    drop(records_.begin());
  }
}

}  // namespace kith::replica
