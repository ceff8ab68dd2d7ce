// The part of replica.hpp about copies: what an owner tells this member of its partition, and how
// far others say that they have come with this one's.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/copies.hpp>
#include <kith/replica/effect.hpp>
#include <kith/replica/replica.hpp>
#include <kith/wire/feed_messages.hpp>
#include <kith/wire/packet.hpp>

#include <cstdint>

namespace kith::replica {

inline bool replica::on_feed(time_point now, const member_id& from, partition_id partition,
                             const wire::feed& message, outbox& out) {
  owned_partition* in = checked(partition);
  if (in == nullptr) return false;
  if (!known(from)) return true;
  if (message.epoch > in->epoch) out.push_back(pull_view{from});
  // B4: a deposed owner is told nothing, and waits for an acknowledgement that never comes.
  if (in->owned || message.epoch != in->epoch || from != in->row.owner) {
    ++held_.counters.feeds_refused;
    return true;
  }
  switch (copies_.on_feed(now, partition, in->slot, message)) {
    case copies::result::violation: return ++held_.counters.violations, false;
    case copies::result::passed_over: return ++held_.counters.feeds_passed_over, true;
    case copies::result::done: break;
  }
  held_.counters.copy_items += message.items.size();
  const std::uint64_t applied = copies_.of(in->slot).applied;
  const wire::feed_ack answer{message.epoch, message.round, applied};
  out.push_back(wire::send{from, wire::make_packet(answer, partition)});
  return true;
}

inline bool replica::on_feed_ack(time_point now, const member_id& from, partition_id partition,
                                 const wire::feed_ack& message, outbox& out) {
  owned_partition* in = checked(partition);
  if (in == nullptr) return false;
  if (!feeding_.on_ack(now, from, *in, message)) return true;
  note_settled(*in);
  writes_.confirm(now, *in, out);
  feeding_.flush(now, out);
  return true;
}

inline bool replica::on_feed_end(const member_id& from, partition_id partition,
                                 const wire::feed_end& message) {
  const owned_partition* in = checked(partition);
  if (in == nullptr) return false;
  const copy& kept = copies_.of(in->slot);
  const bool current = !in->owned && message.epoch == in->epoch && from == in->row.owner &&
                       kept.epoch == message.epoch && kept.round <= message.round;
  if (current) copies_.end(in->slot, message.round);
  drop_ended(*in);
  return true;
}

/// Its owner's view may be another side's: who is in the row of its own view stays a successor.
inline void replica::drop_ended(const owned_partition& in) {
  const bool over = !in.owned && copies_.of(in.slot).ended();
  if (over && !in.row.position_of(held_.self)) copies_.drop(in.slot);
}

}  // namespace kith::replica
