// Views by majority: the state of the model, its scopes and the rules that it may leave out.
//
// Members 0 to N-1, by age. Abstractions. What was sent may arrive late, twice or never. A pause is
// a member that takes no step, a crash one that takes none any more. Everybody may suspect
// everybody at any time. Time is a tick that counts all timers down: clocks are perfect, for the
// factor of 1.05 between what is promised and what is counted is what makes that sound. A
// heartbeat's exchange that succeeds is one step and one that is lost is none: both windows and
// fences count from the send time, so late arrival moves no end of them. Two partitions are
// watched: one follows the oldest, one the youngest member of a view.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "sets.hpp"

namespace model::views {

enum class rule : byte {
  tie_needs_oldest,           // quorum
  commit_needs_quorum,        // quorum
  quorum_of_old_view,         // quorum
  adopts_what_was_accepted,   // ballots
  votes_in_own_view,          // ballots
  ballot_zero_is_of_oldest,   // ballots
  ballots_differ,             // ballots
  window_starts_at_install,   // V1
  window_survives_install,    // V1
  window_binds,               // V2
  echo_ends_with_vote,        // V2
  authority_binds,            // V2
  stable_waits_for_fences,    // V3
  stable_waits_for_all_gone,  // V3
  quiet_after_hand_over,      // V4
  fence_counts_from_sending,  // fences
  fence_within_authority,     // fences
  count
};

inline constexpr int changes_max = 2;  // of the first view
inline constexpr byte gone = 14;       // the view of who left, or was removed and knows it

struct scope {
  int changes = 1;
  int window = 2;       // F, in ticks
  int candidates = 2;   // of one decision
  bool leaves = false;  // the coordinator may leave
  // Begins when member 1 has sent its last echo and crashed and all others have accepted a view
  // without it: so a deep scope begins where what it is about does.
  bool begins_in_change = false;
  std::optional<rule> without = std::nullopt;
};

/// What is voted for concerns the decision on the next view.
template <int N>
struct member {
  byte view = 0;
  byte promised = 0;  // highest ballot
  byte accepted = 0;  // ballot + 1; 0 is nothing
  set accepted_value = 0;
  byte ballot = 0;  // as a candidate
  set votes = 0;    // who promised
  byte best = 0;    // the highest ballot + 1 that they had accepted
  set best_value = 0;
  byte window = 0;  // of its promise to the coordinator
  byte fence = 0;
  byte grant = 0;  // the same as its grantor counts it
  byte grantor = 0;
  byte grant_view = 0;
  byte quiet = 0;                 // V4, as a new coordinator
  std::array<byte, N> echo = {};  // what is left of the echoes of each, as a coordinator
};

template <int N>
struct decision {
  // By ballot: 0, then one of each member.
  std::array<set, N + 1> proposed = {};
  std::array<set, N + 1> accepted_by = {};
};

enum class wrong : byte { nothing, two_views, back };

template <int N>
struct state {
  wrong broken = wrong::nothing;
  std::array<member<N>, N> members = {};
  std::array<decision<N>, changes_max> decisions = {};  // on view k + 1, by members of view k
  std::array<set, changes_max + 1> views = {};          // committed; empty is none yet
  std::array<byte, changes_max + 1> stable = {};
  std::array<byte, changes_max + 1> by_oldest = {};  // committed by view k - 1's coordinator
};

}  // namespace model::views
