// Work in progress that there is at most one of for a key: a load, a processor. Each run has a
// number of its own, by which its result comes back, and a time at which it is given up. Visited in
// the order of numbers, which is the order of starts.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace kith::replica {

/// The key on which some work is done.
struct work_key {
  partition_id partition{};
  cache_id cache{};
  std::uint64_t hash = 0;
  bytes key;
};

/// The same key, while its bytes stand elsewhere.
struct key_view {
  cache_id cache{};
  std::uint64_t hash = 0;
  byte_view key;
};
[[nodiscard]] inline key_view view_of(const work_key& at) { return {at.cache, at.hash, at.key}; }

/// `Work` has a member `work_key at`.
template <class Work>
class work_table {
 public:
  [[nodiscard]] Work* find(cache_id cache, byte_view key) {
    if (index_.empty()) return nullptr;
    const auto at = index_.find(name_view{cache, key});
    return at == index_.end() ? nullptr : &runs_.find(at->second)->second.work;
  }

  [[nodiscard]] Work* find(std::uint64_t number) {
    const auto at = runs_.find(number);
    return at == runs_.end() ? nullptr : &at->second.work;
  }

  /// Requires that there is none for the key, and that `number` is higher than all before.
  Work& start(std::uint64_t number, time_point deadline, Work work);

  /// Takes it out, if it is there.
  [[nodiscard]] std::optional<Work> take(std::uint64_t number);

  /// Takes out the one that is given up first, if its time has come.
  [[nodiscard]] std::optional<Work> take_due(time_point now);
  /// The same, and leaves it in the table. Good until the next change.
  [[nodiscard]] Work* find_due(time_point now) {
    return next_deadline() > now || deadlines_.empty() ? nullptr : find(deadlines_.begin()->second);
  }
  /// Requires that it is there.
  void set_deadline(std::uint64_t number, time_point deadline);

  /// Takes out all that `wanted(work)` accepts.
  template <class Wanted>
  [[nodiscard]] std::vector<Work> take_if(Wanted&& wanted);

  template <class Visit>
  void for_each(Visit&& visit) {
    for (auto& [number, run] : runs_) visit(run.work);
  }
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& [number, run] : runs_) visit(run.work);
  }

  [[nodiscard]] time_point next_deadline() const {
    return deadlines_.empty() ? never : deadlines_.begin()->first;
  }
  [[nodiscard]] std::size_t size() const { return runs_.size(); }

 private:
  struct name_view {
    cache_id cache;
    byte_view key;
  };
  using name = std::pair<cache_id, bytes>;
  struct by_name {
    using is_transparent = void;
    static name_view view(const name& of) { return {of.first, of.second}; }
    static name_view view(const name_view& of) { return of; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      const name_view left = view(a);
      const name_view right = view(b);
      // In parentheses: clang takes `cache <` for the template kith::cache.
      if (left.cache != right.cache) return (left.cache) < right.cache;
      return std::ranges::lexicographical_compare(left.key, right.key);
    }
  };
  struct entry {
    time_point deadline;
    Work work;
  };

  std::map<std::uint64_t, entry> runs_;
  /// Invariant: both name exactly the runs.
  std::map<name, std::uint64_t, by_name> index_;
  std::set<std::pair<time_point, std::uint64_t>> deadlines_;
};

// --- implementation ---

template <class Work>
Work& work_table<Work>::start(std::uint64_t number, time_point deadline, Work work) {
  KITH_ASSERT(runs_.empty() || runs_.rbegin()->first < number);
  const bool added = index_.emplace(name{work.at.cache, work.at.key}, number).second;
  KITH_ASSERT(added);
  deadlines_.insert({deadline, number});
  return runs_.emplace(number, entry{deadline, std::move(work)}).first->second.work;
}

template <class Work>
std::optional<Work> work_table<Work>::take(std::uint64_t number) {
  const auto at = runs_.find(number);
  if (at == runs_.end()) return std::nullopt;
  std::optional<Work> taken{std::move(at->second.work)};
  deadlines_.erase({at->second.deadline, number});
  index_.erase(index_.find(name_view{taken->at.cache, taken->at.key}));
  runs_.erase(at);
  return taken;
}

template <class Work>
std::optional<Work> work_table<Work>::take_due(time_point now) {
  if (next_deadline() > now || deadlines_.empty()) return std::nullopt;
  return take(deadlines_.begin()->second);
}

template <class Work>
void work_table<Work>::set_deadline(std::uint64_t number, time_point deadline) {
  const auto at = runs_.find(number);
  KITH_ASSERT(at != runs_.end());
  deadlines_.erase({at->second.deadline, number});
  at->second.deadline = deadline;
  deadlines_.insert({deadline, number});
}

template <class Work>
template <class Wanted>
std::vector<Work> work_table<Work>::take_if(Wanted&& wanted) {
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, run] : runs_) {
    if (wanted(run.work)) numbers.push_back(number);
  }
  std::vector<Work> taken;
  for (const std::uint64_t number : numbers) taken.push_back(*take(number));
  return taken;
}

}  // namespace kith::replica
