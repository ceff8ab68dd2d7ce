// What happened in the coherence of one lane: above all the branches that are seldom taken, so that
// a simulation can tell whether it ever took them.
#pragma once

#include <cstdint>

namespace kith::near {

struct coherence_counters {
  // Fills.
  std::uint64_t fills = 0;
  std::uint64_t joins = 0;
  /// A pending fill of the key was too old to be joined, or had enough followers.
  std::uint64_t joins_refused = 0;
  /// Reads that went to the owner without a fill: too many are pending.
  std::uint64_t bypasses = 0;
  std::uint64_t fills_poisoned = 0;
  std::uint64_t followers_served = 0;
  std::uint64_t followers_reissued = 0;
  std::uint64_t fills_abandoned = 0;
  /// Fills that a new owner or a lost connection ended.
  std::uint64_t fills_dropped = 0;

  // Replies.
  std::uint64_t replies_of_other_epoch = 0;
  std::uint64_t replies_behind_floor = 0;
  /// Reads that this member's own copy answered.
  std::uint64_t copy_reads = 0;
  std::uint64_t replies_unknown = 0;

  // Values that were delivered and not installed, by the first reason that held.
  std::uint64_t refused_not_cacheable = 0;
  std::uint64_t refused_suspect = 0;
  std::uint64_t refused_generation = 0;
  std::uint64_t refused_poisoned = 0;
  /// Of a strong cache: the lease, or this member's fence, had lapsed by then.
  std::uint64_t refused_lapsed = 0;
  std::uint64_t refused_newer_present = 0;
  std::uint64_t refused_no_room = 0;
  std::uint64_t installs = 0;
  /// Of those: values that this member had from before, and whose owner said "not modified".
  std::uint64_t installs_validated = 0;

  // The stream.
  std::uint64_t invalidations_applied = 0;
  /// Of partitions that this member owns, where near entries of those are kept.
  std::uint64_t own_mutations_applied = 0;
  std::uint64_t invalidate_all_applied = 0;
  std::uint64_t clears_applied = 0;
  std::uint64_t tags_ended = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t gaps = 0;
  std::uint64_t replays_requested = 0;
  std::uint64_t replays_applied = 0;
  std::uint64_t too_old = 0;
  std::uint64_t resumes = 0;
  std::uint64_t resets = 0;
  /// The owner's numbers are behind mine, so everything was dropped.
  std::uint64_t numbers_went_back = 0;
  /// No answer to a subscription came, so everything was dropped.
  std::uint64_t subscriptions_given_up = 0;
  std::uint64_t no_interest_sent = 0;
  std::uint64_t suspicions_by_disconnect = 0;
  std::uint64_t generation_flushes = 0;

  // Peers.
  std::uint64_t beats_sent = 0;
  std::uint64_t echoes = 0;
  /// Digests that brought a lease.
  std::uint64_t leases = 0;
  /// Messages of another session or an older epoch.
  std::uint64_t outdated_messages = 0;
  std::uint64_t higher_epochs_seen = 0;
  std::uint64_t views_pulled = 0;
  std::uint64_t violations = 0;

  friend bool operator==(const coherence_counters&, const coherence_counters&) = default;
};

/// What became of snapshots of one near cache, and of the entries of those that were read.
struct warm_counters {
  /// Kept: the owner still had the value, or sent another.
  std::uint64_t validated = 0;
  std::uint64_t changed = 0;
  /// The owner has no such entry.
  std::uint64_t absent = 0;
  /// It may not be kept, or there was no room by then.
  std::uint64_t not_kept = 0;
  /// No owner answered in time.
  std::uint64_t unanswered = 0;
  /// Not asked for: in the near cache already, or the key cannot be read any more.
  std::uint64_t skipped = 0;
  /// Not asked for: the near cache was full, or the time was over.
  std::uint64_t left_out = 0;

  std::uint64_t snapshots_saved = 0;
  std::uint64_t snapshots_warmed = 0;
  /// Damaged, or of something else.
  std::uint64_t snapshots_refused = 0;

  friend bool operator==(const warm_counters&, const warm_counters&) = default;
};

}  // namespace kith::near
