// What happened in one lane's replica since it was made. Rare branches have a number each: a
// simulation that never reached one proves nothing about it.
#pragma once

#include <cstdint>

namespace kith::replica {

struct counters {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t mutations = 0;
  /// Reads that named the value which their reader knows, by what is there: that value, another,
  /// none. They are no hits and no misses.
  std::uint64_t validations_unchanged = 0;
  std::uint64_t validations_changed = 0;
  std::uint64_t validations_absent = 0;

  std::uint64_t wrong_epoch = 0;
  /// Requests refused because the coordinator's echo was too old.
  std::uint64_t not_fresh = 0;
  /// Requests of members that the installed view does not name.
  std::uint64_t strangers = 0;
  std::uint64_t epochs_ended = 0;
  /// Reads behind a causal token whose write was lost, and behind one of an epoch yet to come.
  std::uint64_t tokens_lost = 0;
  std::uint64_t tokens_early = 0;
  std::uint64_t sequence_exhausted = 0;

  std::uint64_t retries_answered = 0;
  std::uint64_t retries_pending = 0;
  std::uint64_t stale_operations = 0;

  std::uint64_t loads_started = 0;
  std::uint64_t loads_joined = 0;
  std::uint64_t loads_stored = 0;
  /// A mutation came while the loader ran: the result was not stored.
  std::uint64_t loads_outrun = 0;
  /// The key's last write was uncertain: the result was not kept.
  std::uint64_t loads_doubted = 0;
  std::uint64_t loads_absent = 0;
  std::uint64_t loads_failed = 0;
  std::uint64_t loads_timed_out = 0;
  /// Results that nobody waits for: of an ended epoch, or too late.
  std::uint64_t loads_orphaned = 0;
  std::uint64_t late_waiters = 0;
  std::uint64_t tickets_given = 0;
  std::uint64_t tickets_revoked = 0;
  /// Given to calls that were over.
  std::uint64_t tickets_returned = 0;

  /// The loader said not to keep what it brought.
  std::uint64_t loads_uncached = 0;
  /// Reads answered by what a load had found before: nothing.
  std::uint64_t absences_answered = 0;
  /// Loads that began while the old value was answered: because it was time, or by an early draw.
  std::uint64_t refreshes = 0;
  std::uint64_t refreshes_early = 0;
  std::uint64_t refreshes_failed = 0;
  /// Not begun, because there were as many loads as may be.
  std::uint64_t refreshes_skipped = 0;
  /// Reads answered with a value beyond its end: at once, because a load failed, or took long.
  std::uint64_t stale_answered = 0;
  std::uint64_t stale_after_failure = 0;
  std::uint64_t stale_after_soft_timeout = 0;
  /// Reads that waited for a load no longer.
  std::uint64_t hard_timeouts = 0;
  /// Entries that ended because nobody used them.
  std::uint64_t idle_ends = 0;

  std::uint64_t processors_run = 0;
  std::uint64_t processors_rerun = 0;
  std::uint64_t processors_failed = 0;
  std::uint64_t processors_orphaned = 0;
  std::uint64_t writes_queued = 0;

  // Writes of stores.

  std::uint64_t store_writes = 0;
  std::uint64_t store_writes_refused = 0;
  /// The writer threw, or did not answer in time.
  std::uint64_t store_writes_uncertain = 0;
  /// Results that nobody waits for: of an ended epoch, or too late.
  std::uint64_t store_writes_orphaned = 0;
  /// Rows: given to writers after their writes were answered, written so, failed and tried again
  /// later, given up because the store refused them.
  std::uint64_t behind_begun = 0;
  std::uint64_t behind_written = 0;
  std::uint64_t behind_failed = 0;
  std::uint64_t behind_refused = 0;
  /// Changes of keys that were owed already: one write does for both.
  std::uint64_t behind_coalesced = 0;
  /// Writes refused because so many keys are owed.
  std::uint64_t behind_full = 0;
  /// Keys that an earlier owner owed.
  std::uint64_t behind_inherited = 0;
  /// Reads answered with what is owed, where nothing else was left of the key.
  std::uint64_t behind_read = 0;

  std::uint64_t overloaded = 0;

  // Under pressure (store/pressure.hpp).

  /// Reads that were answered without leave to keep a copy.
  std::uint64_t copies_withheld = 0;
  std::uint64_t pressure_evictions = 0;
  std::uint64_t writes_without_memory = 0;
  /// Loaded values that were answered and not stored.
  std::uint64_t loads_without_memory = 0;

  std::uint64_t batches_sent = 0;
  std::uint64_t invalidations_sent = 0;
  /// Streams that were cut to one "drop everything" because their reader is slow.
  std::uint64_t overflows_collapsed = 0;
  std::uint64_t digests_sent = 0;
  std::uint64_t replays = 0;
  std::uint64_t replays_too_old = 0;
  std::uint64_t resumes = 0;
  std::uint64_t resets = 0;
  std::uint64_t subscriptions = 0;
  std::uint64_t unsubscriptions = 0;

  // Strong caches.

  /// Requests refused because this member's fence had lapsed, or the past of the partition may not
  /// be over yet: views that took it from somebody are not stable, or copies differ.
  std::uint64_t fenced = 0;
  std::uint64_t unsettled = 0;
  /// Writes that were hidden until listeners and copies had them.
  std::uint64_t writes_hidden = 0;
  /// Reads answered with what was there before a write that is hidden.
  std::uint64_t old_values_answered = 0;
  /// Writes for which a listener's lease had to lapse.
  std::uint64_t leases_waited_for = 0;
  std::uint64_t paroles = 0;
  /// Reads that got no lease: their member is on parole, or the key is written more than read.
  std::uint64_t leases_refused = 0;
  std::uint64_t leases_written_off = 0;

  // Copies on other members, at the owner.

  std::uint64_t feeds_begun = 0;
  /// Copies that had all for the first time.
  std::uint64_t feeds_in_sync = 0;
  /// Copies that did not keep up.
  std::uint64_t feeds_broken = 0;
  std::uint64_t feed_items = 0;
  std::uint64_t feed_items_sent = 0;
  /// What was not acknowledged in time was sent again.
  std::uint64_t feeds_resent = 0;
  std::uint64_t claims = 0;
  /// Answers that waited for copies.
  std::uint64_t answers_confirmed = 0;
  /// Retries of operations of an earlier owner, asked again because copies did not have all yet.
  std::uint64_t answers_held = 0;
  /// Writes asked again because too much waited for copies.
  std::uint64_t writes_held_back = 0;
  /// Writes of caches that the owner's view does not name yet.
  std::uint64_t unknown_caches = 0;

  // Copies on other members, at who keeps them.

  std::uint64_t copy_items = 0;
  /// Feeds of another owner or epoch than the view's.
  std::uint64_t feeds_refused = 0;
  /// Items of a round that is over, or behind a hole.
  std::uint64_t feeds_passed_over = 0;
  /// Copies with which this member began as the owner, and those that were not there.
  std::uint64_t copies_adopted = 0;
  std::uint64_t copies_missing = 0;
  /// Adopted while a round was not at its end.
  std::uint64_t copies_adopted_early = 0;

  /// Coherence messages of another session or epoch.
  std::uint64_t outdated_messages = 0;
  std::uint64_t violations = 0;
};

}  // namespace kith::replica
