// How often each rare branch of membership was taken. Operators read them; a long simulation that
// leaves one at zero did not test it.
#pragma once

#include <cstdint>

namespace kith::cluster {

struct membership_counters {
  std::uint64_t views_installed = 0;
  std::uint64_t views_committed = 0;
  /// A candidate had to go on with a value that somebody had accepted before.
  std::uint64_t takeover_with_accepted_value = 0;
  std::uint64_t takeovers = 0;
  /// Half of the members decided, because the oldest was among them.
  std::uint64_t dynamic_linear_tie = 0;
  std::uint64_t nack_by_window = 0;
  std::uint64_t nack_by_authority = 0;
  std::uint64_t nack_by_ballot = 0;
  std::uint64_t ballots_started = 0;
  std::uint64_t ballots_refused = 0;
  std::uint64_t promise_window_restarts = 0;
  std::uint64_t authority_lapses = 0;
  std::uint64_t stable_waited_for_fences = 0;
  std::uint64_t quiet_time_after_leave = 0;
  std::uint64_t ack_timeouts = 0;
  std::uint64_t accept_resent = 0;
  std::uint64_t pull_view = 0;
  std::uint64_t chain_sent = 0;
  std::uint64_t full_view_sent = 0;
  /// Views of a cluster that this life was never in, not installed.
  std::uint64_t foreign_views = 0;
  std::uint64_t kicks_sent = 0;
  std::uint64_t kicked = 0;
  std::uint64_t merges_confirmed = 0;
  std::uint64_t merges_dissolved = 0;
  std::uint64_t births = 0;
  std::uint64_t births_after_wait = 0;
  std::uint64_t births_gathered = 0;
  std::uint64_t gather_withdrawn = 0;
  std::uint64_t joins_superseding = 0;
  std::uint64_t joins_refused = 0;
  std::uint64_t alerts_sent = 0;
  std::uint64_t alerts_ignored = 0;
  std::uint64_t echoes_refused = 0;
  std::uint64_t stale_messages = 0;
  std::uint64_t cache_mismatches = 0;
  /// What owners said of their partitions' copies, to this coordinator.
  std::uint64_t claims_taken = 0;
  /// Too late, or not for the sender to say, or nothing new.
  std::uint64_t claims_ignored = 0;
  /// By views that this member committed: partitions whose owner went, to who had a copy; and those
  /// of which nobody had one.
  std::uint64_t rows_promoted = 0;
  std::uint64_t rows_lost = 0;
  /// The same views: members that were given weight 0, so that others take what they have.
  std::uint64_t members_drained = 0;
};

}  // namespace kith::cluster
