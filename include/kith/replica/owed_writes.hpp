// What an owner has applied and not written to the store yet, by key: the newest value of each, or
// that it was erased. As long as a key stands here the store has an older row, so nobody loads it.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/hash_map.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/work.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace kith::replica {

struct owed_write {
  work_key at;
  std::uint64_t number = 0;
  /// Absent: the row is to be erased.
  std::optional<bytes> value;
  /// Of the change.
  kith::version version;
  /// Under way to the store, with an older value perhaps.
  bool running = false;
  /// A batch with it was refused: it goes by itself.
  bool alone = false;
  std::uint32_t failures = 0;

  /// What it takes.
  [[nodiscard]] std::size_t size() const {
    constexpr std::size_t overhead = 256;
    return overhead + 2 * at.key.size() + (value ? value->size() : 0);
  }
};

class owed_writes {
 public:
  [[nodiscard]] owed_write* find(cache_id cache, byte_view key) { return all_.find(cache, key); }
  [[nodiscard]] owed_write* find(std::uint64_t number) { return all_.find(number); }
  /// The key may be owed where `most` of its cache may be.
  [[nodiscard]] bool has_room(cache_id cache, byte_view key, std::size_t most);
  /// Takes the place of an older change of the key, and then is due when that was. `number` is
  /// higher than all before. True: it did so.
  bool note(std::uint64_t number, work_key at, std::optional<bytes> value,
            const kith::version& version, time_point due);
  /// The store has it, or will never.
  void remove(std::uint64_t number);
  void drop(partition_id partition);

  /// The one that is due first, if its time has come.
  [[nodiscard]] owed_write* find_due(time_point now) { return all_.find_due(now); }
  void set_due(std::uint64_t number, time_point when) { all_.set_deadline(number, when); }
  [[nodiscard]] time_point next_due() const { return all_.next_deadline(); }
  /// All that are not under way are due.
  void hurry(time_point now);

  template <class Visit>
  void for_each(Visit&& visit) {
    all_.for_each(visit);
  }
  [[nodiscard]] std::size_t size() const { return all_.size(); }
  [[nodiscard]] std::size_t bytes_held() const { return bytes_; }

 private:
  void forget(const owed_write& gone) {
    bytes_ -= gone.size();
    --counts_[gone.at.cache];
  }

  work_table<owed_write> all_;
  /// Invariant: how many are of each cache, and the bytes of all.
  hash_map<cache_id, std::size_t> counts_;
  std::size_t bytes_ = 0;
};

// --- implementation ---

inline bool owed_writes::has_room(cache_id cache, byte_view key, std::size_t most) {
  const auto count = counts_.find(cache);
  return count == counts_.end() || count->second < most || find(cache, key) != nullptr;
}

inline bool owed_writes::note(std::uint64_t number, work_key at, std::optional<bytes> value,
                              const kith::version& version, time_point due) {
  if (owed_write* known = find(at.cache, at.key)) {
    bytes_ -= known->size();
    known->value = std::move(value);
    known->version = version;
    bytes_ += known->size();
    return true;
  }
  ++counts_[at.cache];
  const owed_write& made =
      all_.start(number, due, {std::move(at), number, std::move(value), version});
  bytes_ += made.size();
  return false;
}

inline void owed_writes::remove(std::uint64_t number) {
  if (const auto gone = all_.take(number)) forget(*gone);
}

inline void owed_writes::drop(partition_id partition) {
  if (all_.size() == 0) return;
  for (const owed_write& gone :
       all_.take_if([&](const owed_write& each) { return each.at.partition == partition; })) {
    forget(gone);
  }
}

inline void owed_writes::hurry(time_point now) {
  std::vector<std::uint64_t> waiting;
  all_.for_each([&](const owed_write& each) {
    if (!each.running) waiting.push_back(each.number);
  });
  for (const std::uint64_t number : waiting) all_.set_deadline(number, now);
}

}  // namespace kith::replica
