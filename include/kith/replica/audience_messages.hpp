// What listeners say to an owner, the second half of audience.hpp: that they listen, how far they
// are, what they lost. Each message is of one session and one epoch; others are dropped. What no
// honest listener would say is a violation.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/audience.hpp>
#include <kith/replica/effect.hpp>
#include <kith/replica/stream.hpp>
#include <kith/wire/coherence_messages.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kith::replica {

inline bool audience::current(const member_id& from, std::uint32_t sid, const channel& of,
                              const epoch& named, outbox& out) {
  const bool same = sid != 0 && sid == session_of(from);
  if (same && of.open && named == of.epoch) return true;
  ++counters_->outdated_messages;
  if (same && named > of.epoch) out.push_back(pull_view{from});
  return false;
}

inline std::uint32_t audience::subscribe(time_point now, const member_id& from, std::size_t slot) {
  const std::uint32_t sid = session_of(from);
  if (sid == 0) return 0;
  channel& c = channels_[slot];
  listener& who = listeners_[from];
  stream& s = c.streams[from];
  if (s.state == listening::active) return sid;
  ++counters_->subscriptions;
  change(who, c, s, [&](stream& begun) {
    // A suspended stream goes on counting from where it was: the request may be older than the
    // session, whose first message then still finds all that was missed.
    if (begun.state == listening::ended) {
      begun.begin(c.log);
    } else {
      begun.state = listening::active;
    }
  });
  plan_digest(who, now + options_.digest_interval);
  return sid;
}

inline bool audience::on_ack(time_point now, const member_id& from, std::uint32_t sid,
                             std::size_t slot, const wire::invalidate_ack& message, outbox& out) {
  channel& c = channels_[slot];
  if (!current(from, sid, c, message.epoch, out)) return true;
  stream* s = find(from, slot);
  if (s == nullptr || message.up_to.value() > s->sent) return violation();
  listener& who = listeners_[from];
  const bool was_stalled = s->stalled();
  const std::uint64_t acked_before = s->acked;
  change(who, c, *s, [&](stream& a) { a.acked = std::max(a.acked, message.up_to.value()); });
  note_applied(now, c, *s, acked_before, who);
  if (message.no_interest && s->state != listening::ended) {
    ++counters_->unsubscriptions;
    end(who, c, *s);
  } else if (was_stalled && !s->stalled()) {
    flush(slot, from, who, *s, urgency::batch, out);
  }
  if (c.waiting > 0 && c.unacknowledged == 0) flush_all(now, slot, out);
  return true;
}

/// Nobody began or ceased to listen since the write was made, or it would not be timed any more: so
/// each acknowledgement that passes it is one of those that are missing.
inline void audience::note_applied(time_point now, channel& of, const stream& by,
                                   std::uint64_t acked_before, listener& who) {
  if (of.timed_missing == 0 || by.state != listening::active) return;
  const std::uint64_t number = by.base + (of.timed_end - by.base_index);
  if (acked_before >= number || by.acked < number) return;
  who.slow = now - of.timed_since > options_.lease_patience ? who.slow + 1 : 0;
  if (leasing_ && who.slow >= options_.slow_acknowledgements) put_on_parole(now, who);
  if (--of.timed_missing > 0) return;
  applied_times_.record(static_cast<std::uint64_t>((now - of.timed_since).count()));
}

inline bool audience::on_replay_request(const member_id& from, std::uint32_t sid, std::size_t slot,
                                        const wire::replay_request& message, outbox& out) {
  channel& c = channels_[slot];
  if (!current(from, sid, c, message.epoch, out)) return true;
  stream* s = find(from, slot);
  const std::uint64_t first = message.from.value();
  const std::uint64_t to = message.to.value();
  if (s == nullptr || first == 0 || first > to || to > s->sent) return violation();
  listener& who = listeners_[from];
  // A stream that ended answers too: it has nothing, so it can only say so.
  if (s->state != listening::ended && s->covered(first, c.log)) {
    wire::replay reply{c.epoch, false, message.from, c.seq, {}};
    reply.entries = c.log.copy(s->index_of(first), to - first + 1);
    send(from, who, slot, reply, out);
    ++counters_->replays;
    return true;
  }
  const std::uint64_t last = s->last(c.log);
  send(from, who, slot, wire::replay{c.epoch, true, stream_number{last}, c.seq, {}}, out);
  change(who, c, *s, [&](stream& anew) { anew.restart_behind(last); });
  ++counters_->replays_too_old;
  return true;
}

inline bool audience::on_subscribe(time_point now, const member_id& from, std::uint32_t sid,
                                   const wire::subscribe& message, outbox& out) {
  if (sid == 0 || sid != session_of(from)) return ++counters_->outdated_messages, true;
  listener& who = listeners_[from];
  std::vector<bool> named(channels_.size());
  for (const wire::stream_position& at : message.positions) {
    if (index_of(at.partition) % options_.lanes != options_.lane) return violation();
    const std::size_t slot = index_of(at.partition) / options_.lanes;
    const stream* s = find(from, slot);
    const bool same_epoch = channels_[slot].open && channels_[slot].epoch == at.epoch;
    const std::uint64_t most = s != nullptr ? s->last(channels_[slot].log) : sequence_max.value();
    if (same_epoch && at.n.value() > most) return violation();
  }
  for (const wire::stream_position& at : message.positions) {
    const std::size_t slot = index_of(at.partition) / options_.lanes;
    channel& c = channels_[slot];
    if (!current(from, sid, c, at.epoch, out)) continue;
    named[slot] = true;
    const stream* s = find(from, slot);
    const std::uint64_t have = at.n.value();
    const bool whole = s != nullptr && s->state != listening::ended &&
                       (have == s->last(c.log) || s->covered(have + 1, c.log));
    whole ? resume(from, who, slot, have, out) : reset(from, who, slot, have, out);
  }
  for (std::size_t slot = 0; slot < channels_.size(); ++slot) {
    stream* s = find(from, slot);
    if (s == nullptr || named[slot] || s->state == listening::ended) continue;
    ++counters_->unsubscriptions;
    end(who, channels_[slot], *s);
  }
  if (who.active > 0) plan_digest(who, now + options_.digest_interval);
  return true;
}

inline void audience::resume(const member_id& from, listener& who, std::size_t slot,
                             std::uint64_t have, outbox& out) {
  channel& c = channels_[slot];
  stream& s = c.streams[from];
  const std::uint64_t last = s.last(c.log);
  send(from, who, slot, wire::subscribed{c.epoch, false, stream_number{last}, c.seq}, out);
  if (have < last) {
    wire::replay lost{c.epoch, false, stream_number{have + 1}, c.seq, {}};
    lost.entries = c.log.copy(s.index_of(have + 1), last - have);
    send(from, who, slot, lost, out);
  }
  change(who, c, s, [&](stream& on) {
    on.state = listening::active;
    on.acked = have;
    on.sent = last;
    on.all_first = on.all_last = 0;
    on.overflowed = false;
  });
  ++counters_->resumes;
}

inline void audience::reset(const member_id& from, listener& who, std::size_t slot,
                            std::uint64_t have, outbox& out) {
  channel& c = channels_[slot];
  const bool unknown = find(from, slot) == nullptr;
  stream& s = c.streams[from];
  change(who, c, s, [&](stream& anew) {
    // A stream that was forgotten goes on behind what its reader has seen.
    if (unknown) anew.sent = have;
    if (anew.state == listening::ended) anew.begin(c.log);
    anew.state = listening::active;
    anew.acked = have;
    anew.restart_behind(anew.last(c.log));
  });
  send(from, who, slot, wire::subscribed{c.epoch, true, stream_number{s.sent}, c.seq}, out);
  ++counters_->resets;
}

inline void audience::on_beat(time_point now, const member_id& from, std::uint32_t sid,
                              const wire::beat& message) {
  if (sid == 0 || sid != session_of(from)) {
    ++counters_->outdated_messages;
    return;
  }
  listener& who = listeners_[from];
  who.has_echo = true;
  who.echo = message.sent_at;
  const bool fresh_start = who.digest_last == time_point::min();
  plan_digest(who, fresh_start ? now : std::max(now, who.digest_last + options_.digest_gap));
}

}  // namespace kith::replica
