// Finds a small schedule that breaks what a large one breaks: whole classes of faults go first,
// then entries, then as much of their lengths as can. What is left is not the least there is, but
// where the runs sufficed, no entry of it can go alone.
//
// One entry less changes all that happens after it, so whether the rest still breaks the rule is
// tried, never concluded; a try is a run, and there are at most as many as the caller allows. Where
// much would go at once, the same faults are tried with other draws of the clients too: a rare
// coincidence that is gone with its first entry is often found again.
#pragma once

#include <kith/core/time.hpp>
#include <kith/sim/fault_entry.hpp>
#include <kith/sim/fault_plan.hpp>
#include <kith/sim/schedule.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace kith::sim {

/// The delta debugging of Zeller and Hildebrandt, by complements: drops halves, quarters and so on
/// down to single items as long as `fails` says that the others still fail. The last go first: what
/// is behind the failure has no part in it, and nothing before it changes when it goes.
template <class Item>
[[nodiscard]] std::vector<Item> ddmin(std::vector<Item> items,
                                      const std::function<bool(const std::vector<Item>&)>& fails) {
  for (std::size_t size = items.size(); size > 0;) {
    size = std::min(size, items.size());
    bool dropped = false;
    for (std::size_t end = items.size(); end > 0;) {
      const std::size_t begin = end - std::min(size, end);
      const auto at = [](auto& of, std::size_t i) {
        return of.begin() + static_cast<std::ptrdiff_t>(i);
      };
      std::vector<Item> others{items.begin(), at(items, begin)};
      others.insert(others.end(), at(items, end), items.end());
      if (fails(others)) {
        items = std::move(others);
        dropped = true;
      }
      end = begin;
    }
    // Single ones are tried until none of them can go.
    if (size > 1 || !dropped) size /= 2;
  }
  return items;
}

struct shrunk {
  schedule least{};
  std::size_t runs = 0;
};

class shrinker {
 public:
  using judge = std::function<bool(const schedule&)>;

  shrinker(schedule failing, judge fails, std::size_t runs_most)
      : best_{std::move(failing)}, fails_{std::move(fails)}, runs_most_{runs_most} {}

  [[nodiscard]] shrunk run() {
    drop_classes();
    drop_roads();
    drop_entries();
    shorten();
    drop_entries();
    return {best_, runs_};
  }

 private:
  /// Runs that are worth it where much would go.
  static constexpr std::size_t much = 4;

  /// Keeps `less` if it still fails, by the draws that it has or by some further ones.
  bool take(schedule less, std::size_t draws = 1) {
    for (; draws > 0 && runs_ < runs_most_; --draws, ++less.options.work_seed) {
      ++runs_;
      if (!fails_(less)) continue;
      best_ = std::move(less);
      return true;
    }
    return false;
  }
  void drop_classes();
  /// Slow networks and such.
  void drop_roads();
  void drop_entries();
  void shorten();
  void shorten(std::size_t entry);
  /// Halves what `chosen` finds in the entry, to the millisecond, as often as it can.
  void halve(std::size_t entry, const std::function<duration*(fault_entry&)>& chosen);
  /// As soon as the last entry allows.
  void end_early();

  schedule best_;
  judge fails_;
  std::size_t runs_most_;
  std::size_t runs_ = 0;
};

// --- implementation ---

inline void shrinker::drop_classes() {
  for (std::size_t i = 0; i < fault_count; ++i) {
    if (!best_.options.faults.enabled[i]) continue;
    schedule less = best_;
    less.options.faults.enabled[i] = false;
    std::erase_if(less.entries,
                  [&](const fault_entry& one) { return static_cast<std::size_t>(one.which) == i; });
    take(std::move(less), much);
  }
}

inline void shrinker::drop_roads() {
  const auto without = [this](auto change) {
    schedule less = best_;
    change(less.options);
    if (to_string(less.options) != to_string(best_.options)) take(std::move(less));
  };
  without([](swarm& of) { of.faults.delay_mean.reset(); });
  without([](swarm& of) { of.faults.heavy_links_per_mille = 0; });
  without([](swarm& of) { of.cluster.network.split_per_million = 0; });
}

inline void shrinker::drop_entries() {
  const auto fails = [this](const std::vector<fault_entry>& entries) {
    schedule less = best_;
    less.entries = entries;
    const std::size_t dropped = best_.entries.size() - entries.size();
    return take(std::move(less), much * dropped >= best_.entries.size() ? much : 1);
  };
  best_.entries = ddmin<fault_entry>(best_.entries, fails);
}

inline void shrinker::shorten() {
  end_early();
  for (std::size_t i = best_.entries.size(); i > 0; --i) shorten(i - 1);
  end_early();
}

inline void shrinker::end_early() {
  constexpr std::chrono::seconds unit{1};
  duration end{};
  for (const fault_entry& one : best_.entries) {
    end = std::max({end, one.at, one.at + one.length - faults_over_after});
  }
  schedule less = best_;
  less.options.length = std::chrono::floor<std::chrono::seconds>(end) + unit;
  if (less.options.length < best_.options.length) take(std::move(less));
}

inline void shrinker::halve(std::size_t entry,
                            const std::function<duration*(fault_entry&)>& chosen) {
  for (;;) {
    schedule less = best_;
    duration* const length = chosen(less.entries[entry]);
    if (length == nullptr || *length < std::chrono::milliseconds{2}) return;
    *length = std::chrono::floor<std::chrono::milliseconds>(*length / 2);
    if (!take(std::move(less))) return;
  }
}

inline void shrinker::shorten(std::size_t entry) {
  const auto last_round_dropped = [&] {
    schedule less = best_;
    fault_entry& one = less.entries[entry];
    if (one.cut.size() < 2 || one.open.size() != one.cut.size()) return false;
    one.cut.pop_back();
    one.open.pop_back();
    one.rounds = one.cut.size();
    return take(std::move(less));
  };
  while (last_round_dropped()) {
  }
  const std::size_t rounds = best_.entries[entry].cut.size();
  for (std::size_t i = 0; i < rounds; ++i) {
    halve(entry, [i](fault_entry& one) { return &one.cut[i]; });
  }
  for (const std::string_view which : {"for", "by"}) {
    halve(entry, [which](fault_entry& one) {
      duration* found = nullptr;
      each_field(one, [&](std::string_view name, auto& field) {
        using type = std::remove_reference_t<decltype(field)>;
        if constexpr (std::is_same_v<type, duration>) {
          if (name == which) found = &field;
        }
      });
      return found;
    });
  }
}

}  // namespace kith::sim
