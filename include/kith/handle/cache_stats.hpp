// What one member has counted of one cache, and the metrics of it (stats.hpp).
#pragma once

#include <kith/core/histogram.hpp>
#include <kith/core/time.hpp>
#include <kith/near/counters.hpp>
#include <kith/node/counter_rows.hpp>
#include <kith/stats.hpp>
#include <kith/store/counters.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace kith {

/// One cache as one member sees it, since it opened the cache. Each number is exact; they are not
/// of one instant.
struct cache_stats {
  // Reads of this member, by where they were answered.

  std::uint64_t near_hits = 0;
  /// Answered by the owner, which may be this member.
  std::uint64_t owner_hits = 0;
  /// Answered by this member's own copy (`read::backup`).
  std::uint64_t backup_hits = 0;
  /// Answered by a load that ran for this read, or that it shared.
  std::uint64_t loaded = 0;
  std::uint64_t absent = 0;
  std::uint64_t failed = 0;

  /// Entries that for_each_local left out, as their bytes are no Key and Value: no reads. One that
  /// stays is counted by every walk.
  std::uint64_t unreadable = 0;

  // Writes of this member, of one key each; clear() is none.

  /// Those that ended without an error; a condition that did not hold is none.
  std::uint64_t writes = 0;
  /// Those that ended with one; some of them may have been applied.
  std::uint64_t writes_failed = 0;

  // User code that ran in this process, for whichever member asked.

  std::uint64_t loads_here = 0;
  /// Of those: the loader threw, or gave what cannot be kept.
  std::uint64_t loads_failed = 0;
  /// How long the runs took, in nanoseconds; a thread was waited for before.
  latency_histogram load_times;
  latency_histogram processor_times;
  /// Exceptions that left this member's listeners of the cache.
  std::uint64_t listener_failures = 0;

  // Its near cache.

  /// No near hit was older than this.
  duration oldest_near_hit{};
  std::uint64_t near_entries = 0;
  std::uint64_t near_bytes = 0;
  /// Look-ups that went on to the owner: nothing there, what is known of the owner too old, a gap
  /// in its stream or no connection, the entry's time over.
  std::uint64_t near_absent = 0;
  std::uint64_t near_not_fresh = 0;
  std::uint64_t near_suspect = 0;
  std::uint64_t near_expired = 0;
  /// Insertions and removals; the engine sees no look-ups.
  store::counters near_store;
  /// What became of snapshots (save_near, warm_near) and of their entries.
  near::warm_counters near_warm;
  /// Of near hits: how old they may have been at most, in nanoseconds.
  age_histogram near_ages;

  // What this member owns of the cache.

  std::uint64_t owned_entries = 0;
  std::uint64_t owned_bytes = 0;
  /// What they take, with room for entries that were there and may come again.
  std::uint64_t owned_allocated = 0;
  store::counters owned_store;

  /// As other caches count: a read is a hit if the cluster had the value, a miss if not.
  [[nodiscard]] std::uint64_t hits() const { return near_hits + backup_hits + owner_hits; }
  [[nodiscard]] std::uint64_t misses() const { return loaded + absent; }
};

/// Calls `visit` once for each metric, with the label cache=`name`.
inline void visit_stats(const cache_stats& stats, std::string_view name,
                        const metric_visitor& visit) {
  std::array<metric_label, 2> labels{metric_label{"cache", name}, {}};
  const auto one = [&](std::string_view family, std::string_view help, std::uint64_t value,
                       metric_type type = metric_type::counter,
                       metric_unit unit = metric_unit::none) {
    visit({family, help, type, unit, std::span{labels}.first(1), value, {}});
  };
  const auto parts = [&](std::string_view family, std::string_view help, std::string_view label,
                         std::string_view part, std::uint64_t value) {
    labels[1] = {label, part};
    visit({family, help, metric_type::counter, metric_unit::none, labels, value, {}});
  };
  constexpr std::string_view reads = "Reads of this member, by where they were answered.";
  parts("reads", reads, "answer", "near", stats.near_hits);
  parts("reads", reads, "answer", "backup", stats.backup_hits);
  parts("reads", reads, "answer", "owner", stats.owner_hits);
  parts("reads", reads, "answer", "loaded", stats.loaded);
  parts("reads", reads, "answer", "absent", stats.absent);
  parts("reads", reads, "answer", "failed", stats.failed);
  constexpr std::string_view writes = "Writes of this member that ended.";
  parts("writes", writes, "result", "done", stats.writes);
  parts("writes", writes, "result", "failed", stats.writes_failed);

  const auto times = [&](std::string_view family, std::string_view help, const histogram_view& of) {
    visit({family, help, metric_type::histogram, metric_unit::nanoseconds,
           std::span{labels}.first(1), 0, of});
  };
  one("loads_run", "Runs of the loader in this process, for any member.", stats.loads_here);
  one("loads_run_failed", "Runs of the loader that threw or gave what cannot be kept.",
      stats.loads_failed);
  times("load_time", "How long runs of the loader took.", stats.load_times.view());
  times("processor_time", "How long runs of processors took.", stats.processor_times.view());
  one("listener_failures", "Exceptions that left listeners of the cache.",
      stats.listener_failures);

  one("walks_unreadable", "Entries that walks left out, as they cannot be read.", stats.unreadable);

  constexpr std::string_view misses = "Look-ups in the near cache that went on to the owner.";
  parts("near_misses", misses, "reason", "absent", stats.near_absent);
  parts("near_misses", misses, "reason", "not_fresh", stats.near_not_fresh);
  parts("near_misses", misses, "reason", "suspect", stats.near_suspect);
  parts("near_misses", misses, "reason", "expired", stats.near_expired);
  times("near_hit_age", "How old near hits may have been at most.", stats.near_ages.view());
  one("near_hit_age_max", "No near hit may have been older.",
      static_cast<std::uint64_t>(stats.oldest_near_hit.count()), metric_type::gauge,
      metric_unit::nanoseconds);
  one("near_entries", "Entries in the near cache.", stats.near_entries, metric_type::gauge);
  one("near_size", "What they are charged.", stats.near_bytes, metric_type::gauge,
      metric_unit::octets);
  visit_counters(stats.near_store, node::near_store_rows, std::span{labels}.first(1), visit);
  visit_counters(stats.near_warm, node::warm_rows, std::span{labels}.first(1), visit);

  one("owned_entries", "Entries that this member owns.", stats.owned_entries, metric_type::gauge);
  one("owned_size", "What they are charged.", stats.owned_bytes, metric_type::gauge,
      metric_unit::octets);
  one("owned_allocated", "What they take, with room for entries that may come.",
      stats.owned_allocated, metric_type::gauge, metric_unit::octets);
  visit_counters(stats.owned_store, node::owned_store_rows, std::span{labels}.first(1), visit);
}

}  // namespace kith
