// Who listens to the partitions of one lane, and what each listener has been told.
//
// A mutation is appended to its partition's log once. It goes to all listeners of the partition in
// one batch: at once when all listeners have acknowledged what they were told, or nothing left
// within the last millisecond; else with the acknowledgement that was waited for, after that
// millisecond, or when the batch is full. So one that waits takes along what comes meanwhile, as
// Nagle's algorithm does (RFC 896). Two things may not overtake a batch and flush the listener's
// stream first: a reply that the listener may keep, and a digest.
//
// A listener that does not acknowledge is cut off from details: beyond a bound of keys under way
// its stream collapses to one "drop everything", and stays silent until that was acknowledged. Only
// a digest or a reply to the listener repeats it meanwhile. Numbers go on, nothing is lost
// silently.
//
// A handler returns false when the peer broke the protocol: its connection is to be closed.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/histogram.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/lease.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/counters.hpp>
#include <kith/replica/effect.hpp>
#include <kith/replica/invalidation_log.hpp>
#include <kith/replica/options.hpp>
#include <kith/replica/stream.hpp>
#include <kith/store/memory_model.hpp>
#include <kith/wire/coherence_messages.hpp>
#include <kith/wire/limits.hpp>
#include <kith/wire/packet.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace kith::replica {

class audience {
 public:
  /// Partitions are addressed by slot: the partition's place in the lane.
  audience(const replica_options& options, counters& counted);

  /// The partition begins a new epoch at this owner.
  void open(std::size_t slot, const epoch& began, sequence seq);
  /// This member is not the owner any more.
  void close(std::size_t slot, const epoch& next);
  /// Forgets members that are not in the view. `members` is sorted.
  void on_members(std::span<const member_id> members);
  /// `sid` 0: the session ended.
  void on_session(const member_id& peer, std::uint32_t sid);

  /// Tells the listeners of a mutation. `entry.seq` is the partition's newest sequence.
  void publish(time_point now, std::size_t slot, const wire::invalidation& entry, outbox& out);

  /// Makes `from` a listener. Returns its session, 0 when it has none: then it cannot listen.
  std::uint32_t subscribe(time_point now, const member_id& from, std::size_t slot);

  struct standing {
    bool listens = false;
    stream_number n_last;
  };
  /// Sends what the member was not told yet, so that a reply may follow. It listens if it does in
  /// the session `sid`, in which it asked.
  standing bring_up_to_date(const member_id& from, std::size_t slot, std::uint32_t sid,
                            outbox& out);

  bool on_ack(time_point now, const member_id& from, std::uint32_t sid, std::size_t slot,
              const wire::invalidate_ack& message, outbox& out);
  bool on_replay_request(const member_id& from, std::uint32_t sid, std::size_t slot,
                         const wire::replay_request& message, outbox& out);
  bool on_subscribe(time_point now, const member_id& from, std::uint32_t sid,
                    const wire::subscribe& message, outbox& out);
  /// Keeps the time to echo; on_timeout sends it, at once if the last digest is old enough.
  void on_beat(time_point now, const member_id& from, std::uint32_t sid, const wire::beat& message);

  enum class echo : std::uint8_t { allowed, held_back };
  /// Sends due batches; and due digests, unless this owner may not vouch for its store at present.
  void on_timeout(time_point now, echo may, outbox& out);
  [[nodiscard]] time_point next_timeout() const;

  [[nodiscard]] std::uint32_t session_of(const member_id& peer) const;
  [[nodiscard]] bool listens(const member_id& peer, std::size_t slot) const;
  /// Those who may keep near entries of the partition, sorted; also such as lost their connection.
  [[nodiscard]] std::vector<member_id> listeners(std::size_t slot) const;
  [[nodiscard]] std::size_t listening_now(std::size_t slot) const {
    return channels_[slot].counting;
  }

  // Leases (core/lease.hpp): what strong caches' writes wait for.

  /// Whether there is a strong cache, so that digests bring leases.
  void set_leasing(bool on) { leasing_ = on; }
  /// The member may keep what it is about to read, until its lease lapses. False: it may not.
  bool grant(time_point now, const member_id& to);
  /// The newest mutation's place in the stream.
  [[nodiscard]] std::uint64_t told(std::size_t slot) const { return channels_[slot].log.end(); }
  /// When all who may keep near entries of the partition have applied everything up to `place`, or
  /// cannot serve them any more, if nobody acknowledges anything: not after now when they have.
  [[nodiscard]] time_point heard_at(time_point now, std::size_t slot, std::uint64_t place) const;
  /// A write has waited from `since` on, too long or to its end: those that have leases and have
  /// not acknowledged it get no new ones for a while.
  void judge(time_point now, time_point since, std::size_t slot, std::uint64_t place);

  /// What is held now, each where it is most.
  struct occupancy {
    std::size_t log_entries = 0;
    std::uint64_t in_flight = 0;
    /// Invalidations that wait for their batch.
    std::size_t waiting = 0;
    /// Of all partitions.
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] occupancy held() const;
  /// From a write to the last acknowledgement of its invalidation, of one write a partition at a
  /// time, where nobody began or ceased to listen meanwhile.
  [[nodiscard]] const latency_histogram& applied_times() const { return applied_times_; }

 private:
  struct listener {
    std::uint32_t sid = 0;
    std::size_t active = 0;
    std::uint64_t in_flight = 0;
    bool has_echo = false;
    time_point echo;
    time_point digest_due = never;
    time_point digest_last = time_point::min();
    /// On this owner's clock; it outlives the session.
    time_point lease_until = time_point::min();
    /// The newest echo that came with a lease.
    time_point leased_echo = time_point::min();
    /// Gets no new lease until then.
    time_point parole_until = time_point::min();
    /// Acknowledgements in a row that came late.
    std::uint32_t slow = 0;
  };
  struct channel {
    bool open = false;
    kith::epoch epoch;
    sequence seq;
    invalidation_log log;
    std::map<member_id, stream> streams;
    /// Streams that count, and those of them that have a session.
    std::size_t counting = 0;
    std::size_t active = 0;
    /// Streams with something under way.
    std::size_t unacknowledged = 0;
    /// The batch that waits.
    std::size_t waiting = 0;
    time_point due = never;
    time_point idle_at = time_point::min();
    /// The write whose way is being timed: the log's end behind it, when it was made, and how many
    /// have not applied it. 0: none is.
    std::uint64_t timed_end = 0;
    time_point timed_since{};
    std::size_t timed_missing = 0;
    /// The last lease of those who listened and are no members any more.
    time_point departed_until = time_point::min();
  };
  struct waiting_batch {
    time_point due;
    std::size_t slot = 0;
  };

  [[nodiscard]] partition_id partition_at(std::size_t slot) const {
    return static_cast<partition_id>(slot * options_.lanes + options_.lane);
  }
  [[nodiscard]] stream* find(const member_id& who, std::size_t slot);
  /// The message is of this session and epoch. Emits pull_view for a higher epoch.
  bool current(const member_id& from, std::uint32_t sid, const channel& of, const epoch& named,
               outbox& out);
  bool violation() { return ++counters_->violations, false; }

  void put_on_parole(time_point now, listener& who);
  /// Every change of a stream goes through here: it keeps the sums in step.
  template <class Change>
  void change(listener& who, channel& of, stream& changed, Change&& apply);
  void begin_timing(time_point now, channel& of) const;
  void note_applied(time_point now, channel& of, const stream& by, std::uint64_t acked_before,
                    listener& who);
  void forget(std::size_t slot);
  void end(listener& who, channel& of, stream& ended);

  enum class urgency : std::uint8_t { batch, must };
  void flush(std::size_t slot, const member_id& to, listener& who, stream& s, urgency how,
             outbox& out);
  void flush_all(time_point now, std::size_t slot, outbox& out);
  void send_digest(time_point now, const member_id& to, listener& who, outbox& out);
  void resume(const member_id& from, listener& who, std::size_t slot, std::uint64_t have,
              outbox& out);
  void reset(const member_id& from, listener& who, std::size_t slot, std::uint64_t have,
             outbox& out);
  void plan_digest(listener& who, time_point due) {
    who.digest_due = std::min(who.digest_due, due);
    digest_next_ = std::min(digest_next_, who.digest_due);
  }

  template <class Message>
  void send(const member_id& to, const listener& who, std::size_t slot, const Message& message,
            outbox& out) const {
    out.push_back(wire::send{to, wire::make_packet(message, partition_at(slot), 0, who.sid)});
  }

  const replica_options options_;
  counters* counters_;
  latency_histogram applied_times_;
  std::map<member_id, listener> listeners_;
  std::vector<channel> channels_;
  /// Batches that wait, by time; one whose time is not its channel's has left already.
  std::deque<waiting_batch> queue_;
  /// Not later than any listener's digest_due.
  time_point digest_next_ = never;
  bool leasing_ = false;
};

// --- implementation ---

inline audience::audience(const replica_options& options, counters& counted)
    : options_{options}, counters_{&counted}, channels_(partition_count / options.lanes) {
  KITH_ASSERT(options.log_entries <= wire::limits::batch_items);
}

template <class Change>
void audience::change(listener& who, channel& of, stream& changed, Change&& apply) {
  const std::uint64_t before = changed.in_flight();
  const listening was = changed.state;
  const std::uint64_t acked = changed.acked;
  apply(changed);
  if (was != changed.state || changed.acked < acked) of.timed_missing = 0;
  KITH_ASSERT(who.in_flight >= before);
  const std::uint64_t after = changed.in_flight();
  who.in_flight = who.in_flight - before + after;
  const auto step = [](std::size_t& sum, bool had, bool has) { sum = sum - had + has; };
  step(who.active, was == listening::active, changed.state == listening::active);
  step(of.active, was == listening::active, changed.state == listening::active);
  step(of.unacknowledged, before > 0, after > 0);
  step(of.counting, was != listening::ended, changed.state != listening::ended);
  if (of.counting == 0) of.log.discard();
}

inline void audience::open(std::size_t slot, const epoch& began, sequence seq) {
  forget(slot);
  channels_[slot].open = true;
  channels_[slot].epoch = began;
  channels_[slot].seq = seq;
}

inline void audience::close(std::size_t slot, const epoch& next) {
  forget(slot);
  channels_[slot].epoch = next;
}

inline void audience::forget(std::size_t slot) {
  channel& old = channels_[slot];
  for (auto& [id, s] : old.streams) end(listeners_[id], old, s);
  old = {};
}

inline void audience::end(listener& who, channel& of, stream& ended) {
  // What it was not told does not count: a number that nobody saw would be a hole later.
  change(who, of, ended, [](stream& s) { s.state = listening::ended; });
}

inline void audience::on_members(std::span<const member_id> members) {
  const auto gone = [&](const member_id& id) {
    return !std::binary_search(members.begin(), members.end(), id);
  };
  for (channel& c : channels_) {
    for (auto& [id, s] : c.streams) {
      if (!gone(id)) continue;
      if (s.state != listening::ended) {
        c.departed_until = std::max(c.departed_until, listeners_[id].lease_until);
      }
      end(listeners_[id], c, s);
    }
    std::erase_if(c.streams, [&](const auto& item) { return gone(item.first); });
  }
  // A session may be older than the view that names its member.
  std::erase_if(listeners_,
                [&](const auto& item) { return gone(item.first) && item.second.sid == 0; });
}

inline void audience::on_session(const member_id& peer, std::uint32_t sid) {
  listener& who = listeners_[peer];
  if (who.sid == sid) return;
  for (channel& c : channels_) {
    if (who.active == 0) break;
    const auto at = c.streams.find(peer);
    if (at == c.streams.end() || at->second.state != listening::active) continue;
    change(who, c, at->second, [](stream& s) { s.state = listening::suspended; });
  }
  // What it was granted it has, whatever becomes of its connection.
  const listener before = std::exchange(who, {});
  who.sid = sid;
  who.lease_until = before.lease_until;
  who.parole_until = before.parole_until;
}

inline stream* audience::find(const member_id& who, std::size_t slot) {
  const auto at = channels_[slot].streams.find(who);
  return at == channels_[slot].streams.end() ? nullptr : &at->second;
}

inline std::uint32_t audience::session_of(const member_id& peer) const {
  const auto at = listeners_.find(peer);
  return at == listeners_.end() ? 0 : at->second.sid;
}

inline bool audience::listens(const member_id& peer, std::size_t slot) const {
  const auto at = channels_[slot].streams.find(peer);
  return at != channels_[slot].streams.end() && at->second.state == listening::active;
}

inline std::vector<member_id> audience::listeners(std::size_t slot) const {
  std::vector<member_id> found;
  for (const auto& [id, s] : channels_[slot].streams) {
    if (s.state != listening::ended) found.push_back(id);
  }
  return found;
}

inline auto audience::held() const -> occupancy {
  occupancy most;
  for (const auto& [id, who] : listeners_) most.in_flight = std::max(most.in_flight, who.in_flight);
  for (const channel& c : channels_) {
    most.log_entries = std::max(most.log_entries, c.log.size());
    most.waiting = std::max(most.waiting, c.waiting);
    most.bytes += c.log.size() * store::logged_bytes + c.streams.size() * store::listener_bytes;
  }
  return most;
}

// Sending.

inline void audience::publish(time_point now, std::size_t slot, const wire::invalidation& entry,
                              outbox& out) {
  channel& c = channels_[slot];
  KITH_ASSERT(c.open);
  c.seq = entry.seq;
  if (c.counting == 0) return;
  c.log.append(entry, options_.log_entries);
  if (c.active == 0) return;
  begin_timing(now, c);
  ++c.waiting;
  if (c.waiting >= options_.batch_keys || c.unacknowledged == 0 ||
      (c.waiting == 1 && now >= c.idle_at)) {
    flush_all(now, slot, out);
  } else if (c.waiting == 1) {
    c.due = now + options_.batch_delay;
    queue_.push_back({c.due, slot});
  }
}

/// A new write is timed when the last one has arrived everywhere.
inline void audience::begin_timing(time_point now, channel& of) const {
  if (of.timed_missing > 0) return;
  of.timed_end = of.log.end();
  of.timed_since = now;
  of.timed_missing = of.active;
}

inline void audience::flush_all(time_point now, std::size_t slot, outbox& out) {
  channel& c = channels_[slot];
  c.waiting = 0;
  c.due = never;
  c.idle_at = now + options_.batch_delay;
  for (auto& [id, s] : c.streams) flush(slot, id, listeners_[id], s, urgency::batch, out);
  while (!queue_.empty() && channels_[queue_.front().slot].due != queue_.front().due) {
    queue_.pop_front();
  }
}

inline void audience::flush(std::size_t slot, const member_id& to, listener& who, stream& s,
                            urgency how, outbox& out) {
  channel& c = channels_[slot];
  const std::uint64_t last = s.last(c.log);
  if (s.state != listening::active || last == s.sent) return;
  const std::uint64_t count = last - s.sent;
  const bool was_stalled = s.stalled();
  if (was_stalled && how == urgency::batch) return;
  if (!was_stalled && s.covered(s.sent + 1, c.log) &&
      who.in_flight + count <= options_.backlog_keys) {
    wire::invalidate message{c.epoch, stream_number{s.sent + 1}, {}};
    message.entries = c.log.copy(s.index_of(s.sent + 1), count);
    send(to, who, slot, message, out);
    change(who, c, s, [&](stream& sent) { sent.sent = last; });
    ++counters_->batches_sent;
    counters_->invalidations_sent += count;
    return;
  }
  send(to, who, slot, wire::invalidate_all{c.epoch, stream_number{last}, c.seq}, out);
  change(who, c, s, [&](stream& cut) {
    cut.replace_unsent(last);
    cut.overflowed = true;
  });
  ++counters_->overflows_collapsed;
}

inline auto audience::bring_up_to_date(const member_id& from, std::size_t slot, std::uint32_t sid,
                                       outbox& out) -> standing {
  stream* s = find(from, slot);
  if (s == nullptr) return {};
  listener& who = listeners_[from];
  const bool there = s->state == listening::active && sid != 0 && who.sid == sid;
  if (there) flush(slot, from, who, *s, urgency::must, out);
  return {there, stream_number{s->sent}};
}

inline void audience::send_digest(time_point now, const member_id& to, listener& who, outbox& out) {
  // Once for each echo: one that shows no more life gets no more time.
  if (leasing_ && who.has_echo && who.echo > who.leased_echo && now >= who.parole_until) {
    who.lease_until = std::max(who.lease_until, now + as_granted(options_.lease));
    who.leased_echo = who.echo;
  }
  wire::digest message{who.has_echo, who.echo, who.has_echo && who.echo == who.leased_echo, {}};
  for (std::size_t slot = 0; slot < channels_.size(); ++slot) {
    stream* s = find(to, slot);
    if (s == nullptr || s->state != listening::active) continue;
    flush(slot, to, who, *s, urgency::must, out);
    if (s->sent > s->acked) {
      message.behind.push_back({partition_at(slot), channels_[slot].epoch, stream_number{s->sent}});
    }
  }
  send(to, who, 0, message, out);
  ++counters_->digests_sent;
  who.digest_last = now;
}

// Leases.

inline bool audience::grant(time_point now, const member_id& to) {
  const auto at = listeners_.find(to);
  if (at == listeners_.end() || now < at->second.parole_until) return false;
  // Never less than was granted already.
  at->second.lease_until = std::max(at->second.lease_until, now + as_granted(options_.lease));
  return true;
}

inline time_point audience::heard_at(time_point now, std::size_t slot, std::uint64_t place) const {
  time_point last = channels_[slot].departed_until;
  for (const auto& [id, s] : channels_[slot].streams) {
    if (s.state == listening::ended || s.applied(place)) continue;
    last = std::max(last, listeners_.at(id).lease_until);
  }
  return std::max(last, now);
}

inline void audience::judge(time_point now, time_point since, std::size_t slot,
                            std::uint64_t place) {
  for (auto& [id, s] : channels_[slot].streams) {
    if (s.state == listening::ended || s.applied(place)) continue;
    listener& who = listeners_[id];
    // One that had none when the write began was not waited for.
    if (who.lease_until <= since) continue;
    if (who.lease_until <= now) ++counters_->leases_waited_for;
    put_on_parole(now, who);
  }
}

inline void audience::put_on_parole(time_point now, listener& who) {
  if (now < who.parole_until) return;
  ++counters_->paroles;
  who.parole_until = now + options_.parole;
  who.slow = 0;
}

inline void audience::on_timeout(time_point now, echo may, outbox& out) {
  while (!queue_.empty() && queue_.front().due <= now) {
    const waiting_batch batch = queue_.front();
    queue_.pop_front();
    if (channels_[batch.slot].due == batch.due) flush_all(now, batch.slot, out);
  }
  if (now < digest_next_) return;
  digest_next_ = never;
  for (auto& [id, who] : listeners_) {
    if (who.digest_due <= now) {
      // An echo to one who is told nothing would vouch for what it keeps.
      if (may == echo::allowed && who.active > 0) send_digest(now, id, who, out);
      who.digest_due = who.active > 0 ? now + options_.digest_interval : never;
    }
    digest_next_ = std::min(digest_next_, who.digest_due);
  }
}

inline time_point audience::next_timeout() const {
  return queue_.empty() ? digest_next_ : std::min(queue_.front().due, digest_next_);
}

}  // namespace kith::replica

#include <kith/replica/audience_messages.hpp>
