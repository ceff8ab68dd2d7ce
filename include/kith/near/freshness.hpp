// How long what a reader knows stays good, and how the two sides begin to talk.
//
// Freshness by echo. A reader's beat carries its own send time; the owner sends that time back on
// the connection of the invalidations, behind them. So when the echo of T was processed, everything
// the owner did before it read a beat of time T was processed too, however long either lay in a
// buffer: freshness is T, not the time at which the echo came.
//
// Sessions. A lost connection makes every partition of the owner suspect, and its gets are lost. On
// a new one the first message says where the streams of the partitions stand of which something is
// kept; the owner answers with how they go on. The others begin again with the next get.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/near/effect.hpp>
#include <kith/near/lane_state.hpp>
#include <kith/near/listener.hpp>
#include <kith/near/stream.hpp>
#include <kith/wire/coherence_messages.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>

namespace kith::near {

class freshness {
 public:
  freshness(lane_state& lane, listener& ear) : lane_{lane}, ear_{ear} {}

  /// `sid` 0: the connection was lost.
  void on_session(time_point now, const member_id& who, std::uint32_t sid, outbox& out);
  /// Members that are not in the view are gone. `members` is sorted.
  void on_view(std::span<const member_id> members, outbox& out);
  bool on_digest(time_point now, const member_id& from, std::uint32_t sid,
                 const wire::digest& message, outbox& out);
  void on_timeout(time_point now, outbox& out);

  /// A get that subscribes is about to leave.
  void expect_entries(time_point now, std::size_t slot);

 private:
  void lose(const member_id& owner, outbox& out);
  void subscribe(const member_id& owner, outbox& out);
  void beat(time_point now, outbox& out);
  void look_after(time_point now, std::size_t slot, std::set<member_id>& wanted, outbox& out);
  void lose_interest(std::size_t slot, outbox& out);
  void sweep(time_point now);
  [[nodiscard]] duration interval() const;

  lane_state& lane_;
  listener& ear_;
};

// --- implementation ---

/// The gets that went to this owner are lost with the connection, or were made before it (R2: they
/// are sent again, with new tokens, behind the subscription).
inline void freshness::lose(const member_id& owner, outbox& out) {
  if (!lane_.owners.contains(owner)) return;
  for (std::size_t slot = 0; slot < lane_.streams.size(); ++slot) {
    reader_stream& s = lane_.streams[slot];
    if (s.owner != owner) continue;
    if (s.suspected != suspicion::disconnected) ++lane_.counters.suspicions_by_disconnect;
    s.suspected = suspicion::disconnected;
    s.target = {};
    s.asked = false;
    lane_.publish_suspicion(slot);
    lane_.drop_fills(slot, out);
  }
}

inline void freshness::on_session(time_point now, const member_id& who, std::uint32_t sid,
                                  outbox& out) {
  KITH_ASSERT(!who.nobody() && who != lane_.self);
  peer& p = lane_.peers[who];
  if (p.sid == sid) return;
  // First the subscription, then what has to be sent again.
  outbox lost;
  lose(who, lost);
  p = {};
  p.sid = sid;
  if (sid == 0) {
    lane_.peers.erase(who);
  } else {
    subscribe(who, out);
    if (lane_.next_beat != never) lane_.next_beat = now;
  }
  out.insert(out.end(), lost.begin(), lost.end());
}

inline void freshness::subscribe(const member_id& owner, outbox& out) {
  if (!lane_.owners.contains(owner)) return;
  wire::subscribe message;
  for (std::size_t slot = 0; slot < lane_.streams.size(); ++slot) {
    reader_stream& s = lane_.streams[slot];
    if (s.owner != owner) continue;
    if (s.subscribed && lane_.holds(slot)) {
      message.positions.push_back({lane_.partition_at(slot), s.epoch, s.contiguous});
      s.suspected = suspicion::resubscribing;
      s.idle_beats = 0;
    } else {
      // Nothing to protect. Numbers go on within the epoch, so the next get's answer shows whether
      // anything was missed.
      s.subscribed = s.confirmed = false;
      s.trust();
    }
    lane_.publish_suspicion(slot);
  }
  lane_.send(owner, lane_.partition_at(0), message, out);
}

/// A session outlives the view: it may be older than the one that names its member, and nobody
/// announces it twice.
inline void freshness::on_view(std::span<const member_id> members, outbox& out) {
  for (auto at = lane_.peers.begin(); at != lane_.peers.end();) {
    const bool stays = std::ranges::binary_search(members, at->first);
    if (!stays) lose(at->first, out);
    if (stays || at->second.sid != 0) {
      ++at;
    } else {
      at = lane_.peers.erase(at);
    }
  }
}

inline bool freshness::on_digest(time_point now, const member_id& from, std::uint32_t sid,
                                 const wire::digest& message, outbox& out) {
  if (sid == 0 || sid != lane_.sid_of(from)) return ++lane_.counters.outdated_messages, true;
  const peer& owner = lane_.peers[from];
  if (message.has_echo && message.echo > owner.beat_sent) return lane_.violation();
  for (const wire::stream_position& at : message.behind) {
    if (!lane_.in_lane(at.partition) || at.n.value() >= number_max) return lane_.violation();
  }
  // A request, or its replay, may have been lost as what it replays was; and the owner may not know
  // that anything is missing here, so what the digest does not name is asked for again too.
  for (reader_stream& s : lane_.streams) {
    if (s.owner == from) s.asked = false;
  }
  for (const wire::stream_position& at : message.behind) {
    const std::size_t slot = lane_.slot_of(at.partition);
    reader_stream& s = lane_.streams[slot];
    if (at.epoch != s.epoch || s.owner != from) {
      ++lane_.counters.outdated_messages;
      if (at.epoch > s.epoch) lane_.pull(now, from, out);
      continue;
    }
    if (at.n <= s.contiguous) {
      ear_.acknowledge(slot, out);
      continue;
    }
    ear_.on_missing(slot, at.n, out);
  }
  for (std::size_t slot = 0; slot < lane_.streams.size(); ++slot) {
    if (lane_.streams[slot].owner == from) ear_.ask(slot, out);
  }
  if (!message.has_echo) return true;
  ++lane_.counters.echoes;
  if (message.leases) ++lane_.counters.leases;
  for (std::size_t slot = 0; slot < lane_.streams.size(); ++slot) {
    if (lane_.streams[slot].owner != from) continue;
    lane_.renew(slot, message.echo);
    if (message.leases) lane_.renew_lease(slot, message.echo);
  }
  return true;
}

inline duration freshness::interval() const {
  duration wanted = lane_.options.beat_interval;
  for (const auto& [id, one] : lane_.tables) wanted = std::min(wanted, one.max_staleness / 3);
  return std::max(wanted, lane_.options.beat_fastest);
}

inline void freshness::expect_entries(time_point now, std::size_t slot) {
  reader_stream& s = lane_.streams[slot];
  s.subscribed = true;
  s.idle_beats = 0;
  lane_.next_beat = std::min(lane_.next_beat, now + interval());
}

inline void freshness::on_timeout(time_point now, outbox& out) {
  if (now >= lane_.next_beat) beat(now, out);
  if (now >= lane_.moved_until) {
    lane_.moved_until = never;
    lane_.expect_dead(now);
  }
  if (now >= lane_.next_sweep) sweep(now);
}

inline void freshness::beat(time_point now, outbox& out) {
  std::set<member_id> wanted;
  for (std::size_t slot = 0; slot < lane_.streams.size(); ++slot) {
    if (lane_.streams[slot].subscribed) look_after(now, slot, wanted, out);
  }
  bool waiting = false;
  for (const reader_stream& s : lane_.streams) waiting = waiting || s.subscribed;
  for (const member_id& owner : wanted) {
    lane_.peers[owner].beat_sent = now;
    lane_.send(owner, lane_.partition_at(0), wire::beat{now}, out);
    ++lane_.counters.beats_sent;
  }
  for (auto& [id, one] : lane_.tables) one.table->reclaim(now, lane_.options.sweep_slots);
  lane_.next_beat = waiting ? now + interval() : never;
}

/// One subscribed partition at a beat: its owner is to be asked for an echo, unless nothing is kept
/// any more, or there is no way to ask.
inline void freshness::look_after(time_point now, std::size_t slot, std::set<member_id>& wanted,
                                  outbox& out) {
  reader_stream& s = lane_.streams[slot];
  if (lane_.sid_of(s.owner) == 0) {
    // What it held may be evicted meanwhile; then nothing is left to subscribe.
    s.subscribed = lane_.holds(slot);
    return;
  }
  const bool answer_missing = s.suspected == suspicion::resubscribing;
  const bool idle = s.suspected == suspicion::none && !lane_.holds(slot);
  s.idle_beats = answer_missing || idle ? s.idle_beats + 1 : 0;
  if (answer_missing && s.idle_beats >= lane_.options.resubscribe_beats_max) {
    lane_.flush(now, slot);
    s.trust();
    lane_.publish_suspicion(slot);
    s.subscribed = s.confirmed = false;
    ++lane_.counters.subscriptions_given_up;
    return;
  }
  if (idle && s.idle_beats >= lane_.options.idle_beats_max) {
    lose_interest(slot, out);
    return;
  }
  wanted.insert(s.owner);
}

/// Requires that nothing is kept and no fill is under way. Gets go over the same connection, so one
/// that follows is behind this at the owner.
inline void freshness::lose_interest(std::size_t slot, outbox& out) {
  reader_stream& s = lane_.streams[slot];
  if (s.confirmed) {
    lane_.send(s.owner, lane_.partition_at(slot), wire::invalidate_ack{s.epoch, s.contiguous, true},
               out);
    ++lane_.counters.no_interest_sent;
  }
  s.subscribed = s.confirmed = false;
  s.idle_beats = 0;
}

inline void freshness::sweep(time_point now) {
  bool more = false;
  for (auto& [id, one] : lane_.tables) {
    more = one.table->reclaim(now, lane_.options.sweep_slots) || more;
  }
  lane_.next_sweep = more ? now + lane_.options.sweep_interval : never;
}

}  // namespace kith::near
