// The reader's ear: it follows the invalidation streams of its lane's owners, notices what is
// missing, and asks for it.
//
// A handler returns false when the peer broke the protocol: its connection is to be closed. What is
// merely late (another session, an older epoch) is ignored and counted (E2).
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/near/effect.hpp>
#include <kith/near/lane_state.hpp>
#include <kith/near/stream.hpp>
#include <kith/wire/coherence_messages.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace kith::near {

class listener {
 public:
  explicit listener(lane_state& lane) : lane_{lane} {}

  bool on_invalidate(time_point now, const member_id& from, std::uint32_t sid, partition_id p,
                     const wire::invalidate& message, outbox& out);
  bool on_invalidate_all(time_point now, const member_id& from, std::uint32_t sid, partition_id p,
                         const wire::invalidate_all& message, outbox& out);
  bool on_replay(time_point now, const member_id& from, std::uint32_t sid, partition_id p,
                 const wire::replay& message, outbox& out);
  bool on_subscribed(time_point now, const member_id& from, std::uint32_t sid, partition_id p,
                     const wire::subscribed& message, outbox& out);

  /// The owner has sent up to `n`, and that did not come: suspects the partition and asks.
  void on_missing(std::size_t slot, stream_number n, outbox& out);
  /// The owner's numbers are behind what was processed, which no stream that goes on can do: starts
  /// anew behind `n`.
  void on_numbers_back(time_point now, std::size_t slot, stream_number n);

  /// Applies one mutation. Requires that none before it was missed.
  void apply_one(time_point now, std::size_t slot, const wire::invalidation& one);
  /// Tells the owner how far the partition was applied.
  void acknowledge(std::size_t slot, outbox& out) const;
  /// Asks for what is missing, unless it was asked for.
  void ask(std::size_t slot, outbox& out);

 private:
  enum class standing : std::uint8_t { current, outdated, breach };
  [[nodiscard]] standing judge(time_point now, const member_id& from, std::uint32_t sid,
                               std::size_t slot, const epoch& named, outbox& out);
  [[nodiscard]] static bool well_formed(partition_id p, stream_number first,
                                        std::span<const wire::invalidation> entries);
  void apply(time_point now, std::size_t slot, stream_number first,
             std::span<const wire::invalidation> entries);
  void start_anew(time_point now, std::size_t slot, stream_number n, sequence seq);

  lane_state& lane_;
};

// --- implementation ---

inline auto listener::judge(time_point now, const member_id& from, std::uint32_t sid,
                            std::size_t slot, const epoch& named, outbox& out) -> standing {
  reader_stream& s = lane_.streams[slot];
  const bool same_session = sid != 0 && sid == lane_.sid_of(from);
  if (same_session && named == s.epoch) {
    if (from == s.owner) {
      s.confirmed = true;
      if (!s.subscribed) {
        // A get that came by an older connection subscribed this member behind its back: from now
        // on it is looked after, and ended when nothing is kept.
        s.subscribed = true;
        s.idle_beats = 0;
        lane_.next_beat = std::min(lane_.next_beat, now + lane_.options.beat_interval);
      }
      return standing::current;
    }
    lane_.violation();
    return standing::breach;
  }
  ++lane_.counters.outdated_messages;
  if (same_session && named > s.epoch) lane_.pull(now, from, out);
  return standing::outdated;
}

/// Bounds that hold for every honest owner; checked before anything is applied.
inline bool listener::well_formed(partition_id p, stream_number first,
                                  std::span<const wire::invalidation> entries) {
  if (first.value() == 0 || first.value() >= number_max) return false;
  return std::ranges::all_of(entries, [&](const wire::invalidation& one) {
    const bool placed = one.scope != wire::scope::key || partition_of(one.hash) == p;
    return placed && one.seq.value() <= number_max;
  });
}

inline void listener::apply_one(time_point now, std::size_t slot, const wire::invalidation& one) {
  reader_stream& s = lane_.streams[slot];
  const version at{s.epoch, one.seq};
  switch (one.scope) {
    case wire::scope::key:
      lane_.invalidate(one.cache, one.hash, at);
      lane_.events.record(
          {now, key_event::invalidated, one.cache, lane_.partition_at(slot), one.hash, at});
      break;
    case wire::scope::cache: lane_.clear(now, slot, one.cache, at); break;
    case wire::scope::tag: lane_.end_tag(now, slot, one.cache, one.hash, at); break;
  }
  s.raise_floor(one.seq);
}

/// Applies what was not processed yet. Requires that `first` leaves no hole.
inline void listener::apply(time_point now, std::size_t slot, stream_number first,
                            std::span<const wire::invalidation> entries) {
  reader_stream& s = lane_.streams[slot];
  const std::uint64_t known = s.contiguous.value() + 1 - first.value();
  for (const wire::invalidation& one : entries.subspan(known)) apply_one(now, slot, one);
  lane_.counters.invalidations_applied += entries.size() - known;
  s.advance(stream_number{first.value() + entries.size() - 1});
  s.settle();
  lane_.publish_suspicion(slot);
}

inline bool listener::on_invalidate(time_point now, const member_id& from, std::uint32_t sid,
                                    partition_id p, const wire::invalidate& message, outbox& out) {
  const std::size_t slot = lane_.slot_of(p);
  const standing is = judge(now, from, sid, slot, message.epoch, out);
  if (is != standing::current) return is == standing::outdated;
  if (!well_formed(p, message.first, message.entries)) return lane_.violation();
  if (message.entries.empty()) return true;
  switch (lane_.streams[slot].judge(message.first, message.entries.size())) {
    case arrival::duplicate: ++lane_.counters.duplicates; break;
    case arrival::behind_gap:
      on_missing(slot, stream_number{message.first.value() + message.entries.size() - 1}, out);
      return true;
    case arrival::next: apply(now, slot, message.first, message.entries); break;
  }
  acknowledge(slot, out);
  return true;
}

/// The position at which everything before is settled by dropping everything.
inline void listener::start_anew(time_point now, std::size_t slot, stream_number n, sequence seq) {
  reader_stream& s = lane_.streams[slot];
  lane_.flush(now, slot);
  s.contiguous = n;
  s.raise_floor(seq);
}

inline bool listener::on_invalidate_all(time_point now, const member_id& from, std::uint32_t sid,
                                        partition_id p, const wire::invalidate_all& message,
                                        outbox& out) {
  const std::size_t slot = lane_.slot_of(p);
  const standing is = judge(now, from, sid, slot, message.epoch, out);
  if (is != standing::current) return is == standing::outdated;
  if (message.n.value() >= number_max || message.seq.value() > number_max) {
    return lane_.violation();
  }
  reader_stream& s = lane_.streams[slot];
  if (message.n <= s.contiguous) {
    ++lane_.counters.duplicates;
  } else {
    start_anew(now, slot, message.n, message.seq);
    s.settle();
    lane_.publish_suspicion(slot);
    ++lane_.counters.invalidate_all_applied;
  }
  acknowledge(slot, out);
  return true;
}

inline void listener::on_missing(std::size_t slot, stream_number n, outbox& out) {
  reader_stream& s = lane_.streams[slot];
  if (s.suspected == suspicion::none) ++lane_.counters.gaps;
  s.suspect_gap(n);
  lane_.publish_suspicion(slot);
  ask(slot, out);
}

inline void listener::on_numbers_back(time_point now, std::size_t slot, stream_number n) {
  start_anew(now, slot, n, {});
  reader_stream& s = lane_.streams[slot];
  if (s.suspected == suspicion::gap) s.trust();
  lane_.publish_suspicion(slot);
  ++lane_.counters.numbers_went_back;
}

inline void listener::ask(std::size_t slot, outbox& out) {
  reader_stream& s = lane_.streams[slot];
  if (s.suspected != suspicion::gap || s.asked) return;
  s.asked = true;
  ++lane_.counters.replays_requested;
  lane_.send(s.owner, lane_.partition_at(slot),
             wire::replay_request{s.epoch, s.contiguous.next(), s.target}, out);
}

inline void listener::acknowledge(std::size_t slot, outbox& out) const {
  const reader_stream& s = lane_.streams[slot];
  lane_.send(s.owner, lane_.partition_at(slot), wire::invalidate_ack{s.epoch, s.contiguous, false},
             out);
}

inline bool listener::on_replay(time_point now, const member_id& from, std::uint32_t sid,
                                partition_id p, const wire::replay& message, outbox& out) {
  const std::size_t slot = lane_.slot_of(p);
  const standing is = judge(now, from, sid, slot, message.epoch, out);
  if (is != standing::current) return is == standing::outdated;
  if (message.seq.value() > number_max) return lane_.violation();
  reader_stream& s = lane_.streams[slot];
  if (message.too_old) {
    if (message.first.value() >= number_max) return lane_.violation();
    if (message.first <= s.contiguous) {
      ++lane_.counters.duplicates;
      acknowledge(slot, out);
      return true;
    }
    start_anew(now, slot, message.first, message.seq);
    if (s.suspected == suspicion::gap) s.trust();
    lane_.publish_suspicion(slot);
    ++lane_.counters.too_old;
    acknowledge(slot, out);
    return true;
  }
  if (!well_formed(p, message.first, message.entries)) return lane_.violation();
  if (message.entries.empty()) return true;
  switch (s.judge(message.first, message.entries.size())) {
    case arrival::duplicate: return ++lane_.counters.duplicates, true;
    // What should have come before is lost too. The next digest asks again: to ask here would
    // let a confused owner keep the two of us busy.
    case arrival::behind_gap: return true;
    case arrival::next: apply(now, slot, message.first, message.entries); break;
  }
  ++lane_.counters.replays_applied;
  acknowledge(slot, out);
  // It brought something, so what is still missing may be asked for at once.
  s.asked = false;
  ask(slot, out);
  return true;
}

inline bool listener::on_subscribed(time_point now, const member_id& from, std::uint32_t sid,
                                    partition_id p, const wire::subscribed& message, outbox& out) {
  const std::size_t slot = lane_.slot_of(p);
  const standing is = judge(now, from, sid, slot, message.epoch, out);
  if (is != standing::current) return is == standing::outdated;
  if (message.n.value() >= number_max || message.seq.value() > number_max) {
    return lane_.violation();
  }
  reader_stream& s = lane_.streams[slot];
  if (s.suspected != suspicion::resubscribing) return ++lane_.counters.duplicates, true;
  if (message.reset || message.n < s.contiguous) {
    ++(message.reset ? lane_.counters.resets : lane_.counters.numbers_went_back);
    start_anew(now, slot, message.n, message.seq);
    s.trust();
  } else {
    ++lane_.counters.resumes;
    // What was lost follows by itself: asked for, in effect.
    s.suspected = suspicion::gap;
    s.target = message.n;
    s.asked = true;
    s.settle();
  }
  lane_.publish_suspicion(slot);
  acknowledge(slot, out);
  return true;
}

}  // namespace kith::near
