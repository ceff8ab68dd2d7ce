// The part of feeding.hpp about what takes too long: what is sent again, who is given up, and who
// is tried again later.
#pragma once

#include <kith/core/time.hpp>
#include <kith/replica/effect.hpp>
#include <kith/replica/feed_out.hpp>
#include <kith/replica/feeding.hpp>
#include <kith/wire/feed_messages.hpp>
#include <kith/wire/packet.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace kith::replica {

inline void feeding::drop(feed_out& over) {
  const std::size_t before = over.bytes();
  scans_changed_ = scans_changed_ || over.scanning;
  over.fail();
  held_.feeds.recount(over, before);
}

inline void feeding::give_up(time_point now, feed_out& on) {
  ++held_.counters.feeds_broken;
  shunned_[on.to] = now + held_.options.copy_pause;
  drop(on);
  // In no row, and nobody was told that it had all: it is no successor.
  if (!on.claimed && !on.position) on.bound = false;
  // Said anew: what was claimed of it is not so any more.
  on.claimed = false;
}

inline void feeding::look_at(time_point now, owned_partition& in, feed_out& at) {
  if (at.stage == feed_stage::broken) {
    if (at.claimed && now >= at.claim_at) held_.feeds.touch(in.slot);
    return wake(at.claim_at);
  }
  if (at.claimed && now >= at.claim_at) held_.feeds.touch(in.slot);
  if (at.claimed) wake(at.claim_at);
  if (at.idle()) return;
  const bool waited_for = at.position || at.bound;
  const bool late = now >= at.progress_at + held_.options.copy_patience;
  if ((late && waited_for) || (late && held_.feeds.full())) {
    give_up(now, at);
    return held_.feeds.touch(in.slot);
  }
  if (!late) wake(at.progress_at + held_.options.copy_patience);
  if (now >= at.resend_at) {
    ++held_.counters.feeds_resent;
    at.pause = std::min(2 * std::max(at.pause, held_.options.feed_retry_first),
                        held_.options.feed_retry_longest);
    at.resend_at = now + at.pause;
    at.rewind();
    held_.feeds.touch(in.slot);
  }
  wake(at.resend_at);
}

inline void feeding::on_timeout(time_point now, outbox& out) {
  if (now < next_) return;
  next_ = never;
  std::erase_if(shunned_, [&](const auto& one) { return now >= one.second; });
  for (owned_partition& in : held_.partitions()) {
    if (!in.owned) continue;
    // Nobody waits for these.
    feeds_ -= std::erase_if(held_.feeds.at(in.slot).feeds, [&](const feed_out& each) {
      const bool over = each.stage == feed_stage::broken && !each.position && !each.bound;
      if (over) send_end(in, each, out);
      missing_ = missing_ || over;
      return over;
    });
    for (feed_out& each : held_.feeds.at(in.slot).feeds) look_at(now, in, each);
  }
  for (const auto& [who, until] : shunned_) wake(until);
  if (std::exchange(missing_, false)) begin_missing(now);
  flush(now, out);
}

inline void feeding::begin_missing(time_point now) {
  for (owned_partition& in : held_.partitions()) {
    if (!in.owned) continue;
    for (const wish& one : wishes(in.row)) {
      const feeds& all = held_.feeds.at(in.slot).feeds;
      if (std::ranges::any_of(all, [&](const feed_out& f) { return f.to == one.to; })) continue;
      if (shunned_.contains(one.to)) {
        missing_ = true;
      } else {
        begin(now, in, one, {});
      }
    }
  }
}

inline void feeding::send_end(const owned_partition& in, const feed_out& over, outbox& out) const {
  out.push_back(
      wire::send{over.to, wire::make_packet(wire::feed_end{in.epoch, over.round}, in.id)});
}

}  // namespace kith::replica
