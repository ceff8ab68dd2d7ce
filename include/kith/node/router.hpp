// Takes a call of this member's user to the owner of its key and back: asks, asks again when the
// owner changed or the connection broke, gives up at the deadline. One a lane.
//
// A retry of a mutation carries the same operation id, so the owner applies it once. A retry of a
// get is a new request under a new fill token. Only the deadline reaches the caller: a view change
// or a lost connection does not.
//
// Who drives it: the lane (lane.hpp), which also carries out `ask` for keys that this member owns.
#pragma once

#include <kith/core/histogram.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/near/coherence.hpp>
#include <kith/node/call.hpp>
#include <kith/node/pending.hpp>
#include <kith/node/request_messages.hpp>
#include <kith/node/router_effect.hpp>
#include <kith/replica/effect.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/packet.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace kith::node {

class router {
 public:
  using outbox = std::vector<router_effect>;

  /// `near` is the lane's, and so is the outbox of what it emits.
  router(member_id self, near::coherence& near, near::outbox& from_near, router_options options)
      : self_{self},
        near_{&near},
        from_near_{from_near},
        options_{options},
        calls_{options.pending_max, options.pending_bytes} {}

  void submit(time_point now, call&& what, outbox& out);
  /// Ends the call with operation_aborted, unless it is over, or may have had an effect that `how`
  /// forbids. What was sent of a write may be applied yet, as when its time is over.
  void cancel(time_point now, std::uint64_t cancel_id, cancelling how, outbox& out);

  /// What was asked of an owner before goes on waiting until retry_moved().
  void on_ownership(partition_id p, member_id owner, epoch e);
  /// Asks anew what waits in partitions that have got another owner or epoch. Once a view: it looks
  /// at every call that waits.
  void retry_moved(time_point now, outbox& out);
  /// Whether this member is cut off from the majority. While it is, what it may not answer itself
  /// fails at once (router_quorum.hpp).
  void on_quorum(time_point now, bool lost, outbox& out);
  /// The connection to `peer` opened or was lost: what was asked there is asked again.
  void on_session(time_point now, member_id peer, outbox& out);

  /// The way to `peer` is full: the requests `rids`, emitted in this order, did not leave. They and
  /// what follows them to that peer wait for on_room.
  void on_held_back(const member_id& peer, const std::vector<std::uint64_t>& rids);
  /// There is room again. Emits about turn_bytes of what waited; true: more waits.
  bool on_room(time_point now, const member_id& peer, outbox& out);

  /// `thrown`: what a loader of this process threw, where the reply says load_failed. False: the
  /// peer broke the protocol.
  bool on_get_reply(time_point now, member_id from, std::uint64_t rid, const wire::get_reply& reply,
                    outbox& out, const std::exception_ptr& thrown = nullptr);
  void on_mutate_reply(time_point now, member_id from, std::uint64_t rid,
                       const wire::mutate_reply& reply, outbox& out);
  void on_count_reply(time_point now, member_id from, std::uint64_t rid,
                      const wire::count_reply& reply, outbox& out);

  /// A leader's object, or its failure, for the follower `rid`.
  void on_served(near::serve&& served, outbox& out);
  void on_refused(time_point now, near::refuse&& refused, outbox& out);
  /// The get `rid` has to begin again: its leader's result is not for it, or its fill was dropped.
  void on_reissue(time_point now, std::uint64_t rid, outbox& out);
  /// The result of load_here.
  void on_loaded_here(time_point now, std::uint64_t rid, replica::load_result&& loaded,
                      outbox& out);
  /// The result of process_here.
  void on_processed_here(time_point now, std::uint64_t rid, replica::processor_result&& result,
                         outbox& out);

  void on_timeout(time_point now, outbox& out);
  [[nodiscard]] time_point next_timeout() const { return calls_.next_timeout(); }

  /// Ends every call with `why`: the member leaves or was closed.
  void fail_all(errc why, outbox& out);

  /// This member goes on under another identity. A mutation that was asked may have been applied
  /// under the old one, so it is not asked again: it ends as errc::timed_out. Others wait for a
  /// view.
  void on_identity(time_point now, member_id self, near::coherence& near, outbox& out);

  /// Calls `visit` with the request message of the call `rid`, if that still waits.
  template <class Visit>
  void visit_request(std::uint64_t rid, Visit&& visit);

  [[nodiscard]] std::size_t pending() const { return calls_.size(); }
  /// Of their keys and values, and of what those that have fallen back keep.
  [[nodiscard]] std::size_t pending_bytes() const { return calls_.bytes(); }
  [[nodiscard]] const router_options& options() const { return options_; }
  [[nodiscard]] const router_counters& counters() const { return counters_; }
  /// From the submission of a call to the answer of another member, retries included; not those of
  /// reads that joined another's, nor of calls that failed.
  [[nodiscard]] const latency_histogram& read_times() const { return read_times_; }
  [[nodiscard]] const latency_histogram& write_times() const { return write_times_; }

 private:
  struct route {
    member_id owner;
    kith::epoch epoch;
    bool moved = false;
  };

  [[nodiscard]] route& route_of(partition_id p) { return routes_[index_of(p)]; }
  void try_call(time_point now, store::handle at, outbox& out);
  void ask(time_point now, store::handle at, const route& to, outbox& out);
  void send_request(time_point now, store::handle at, outbox& out);
  void try_later(time_point now, store::handle at);
  [[nodiscard]] bool goes_on_cut_off(const call& what);
  void refuse_without_quorum(time_point now, store::handle at, outbox& out);
  void finish(store::handle at, outcome&& result, outbox& out);
  static void complete_call(const call& over, outcome&& result, outbox& out);
  void finish(store::handle at, errc why, outbox& out, std::string detail = {});
  /// An error that says that the call was not carried out; of requests that had no answer it says
  /// nothing.
  void refused(time_point now, store::handle at, errc why, std::string detail, outbox& out);
  void not_answered(time_point now, store::handle at, const wire::get_reply& reply, outbox& out,
                    const std::exception_ptr& thrown = nullptr);
  [[nodiscard]] near::reply_verdict judge(time_point now, member_id from, store::handle at,
                                          const wire::get_reply& reply);
  void run_load(time_point now, store::handle at, std::uint64_t ticket, outbox& out);
  void load_anew(time_point now, const call& asked, std::uint64_t ticket, outbox& out);
  void end_wait(time_point now, store::handle at, outcome&& result, outbox& out);
  void give_up_load(store::handle at, outbox& out);
  void drop_fill(store::handle at);
  void fall_back(time_point now, store::handle at, outbox& out);
  void process_here(store::handle at, const wire::get_reply& reply, outbox& out);
  void distrust(time_point now, const call& what);
  void fell_due(time_point now, store::handle at, outbox& out);
  [[nodiscard]] store::handle answered(member_id from, std::uint64_t rid);
  void note_time(time_point now, member_id from, store::handle at, latency_histogram& times) {
    if (from == self_ || calls_[at].what.only_asks()) return;
    times.record(static_cast<std::uint64_t>((now - calls_[at].submitted_at).count()));
  }
  /// This member's own replica hears of a view a moment before the router does.
  void note_epoch(member_id from, partition_id p, epoch told, outbox& out) {
    if (from != self_ && told > route_of(p).epoch) out.push_back(pull_view{from});
  }

  member_id self_;
  near::coherence* near_;
  near::outbox& from_near_;
  router_options options_;
  pending_calls calls_;
  std::vector<route> routes_ = std::vector<route>(partition_count);
  bool moved_ = false;
  bool cut_off_ = false;
  /// The request numbers that wait for room, in their order. Those of calls that went on are stale.
  /// A peer has a queue as long as its driver owes it on_room or on_session.
  std::map<member_id, std::deque<std::uint64_t>> held_;
  /// Of all requests to others so far.
  std::size_t emitted_bytes_ = 0;
  router_counters counters_;
  latency_histogram read_times_;
  latency_histogram write_times_;
};

// --- implementation ---

template <class Visit>
void router::visit_request(std::uint64_t rid, Visit&& visit) {
  const store::handle at = calls_.find(rid);
  if (at == store::no_handle) return;
  const pending_call& waiting = calls_[at];
  const epoch e = route_of(waiting.what.partition).epoch;
  switch (waiting.what.kind) {
    case call_kind::get: {
      wire::get message = get_message(waiting.what, e);
      message.near = waiting.leads;
      return visit(waiting, message);
    }
    case call_kind::mutate:
      return visit(waiting, mutate_message(waiting, e, calls_.lowest_unsettled()));
    case call_kind::count: return visit(waiting, wire::count{e, waiting.what.cache->current_id()});
    case call_kind::scan: return;  // the lane has answered it
  }
}

inline void router::submit(time_point now, call&& what, outbox& out) {
  ++counters_.calls;
  if (calls_.full()) {
    ++counters_.overloaded;
    outcome result;
    result.error = errc::overloaded;
    complete_call(what, std::move(result), out);
    return;
  }
  const store::handle at = calls_.add(now, std::move(what));
  if (calls_[at].what.kind == call_kind::mutate) calls_.begin_operation(at);
  try_call(now, at, out);
}

inline void router::try_call(time_point now, store::handle at, outbox& out) {
  if (cut_off_ && !goes_on_cut_off(calls_[at].what)) return refuse_without_quorum(now, at, out);
  drop_fill(at);
  pending_call& waiting = calls_[at];
  const route& to = route_of(waiting.what.partition);
  const std::uint64_t rid = calls_.renumber(at);
  waiting.asked = to.owner;
  if (++waiting.tries > 1) ++counters_.retries;
  if (to.owner.nobody()) {
    waiting.state = wait_for::next_try;
    return calls_.set_alarm(at, never);  // an owner appearing is the next try
  }
  // After a merge the cache has no number until the other side has told its own.
  const cache_binding& cache = *waiting.what.cache;
  if (cache.current_id() == cache_id{}) {
    if (!cache.refused.load(std::memory_order_acquire)) return try_later(now, at);
    return refused(now, at, errc::config_mismatch, "cache " + cache.name, out);
  }
  waiting.state = wait_for::answer;
  calls_.set_alarm(at, never);
  const call& what = waiting.what;
  const bool may_keep = to.owner != self_ || what.cache->near_local;
  if (what.kind == call_kind::get && what.near && may_keep) {
    const near::fill_request read{what.partition,
                                  what.cache->current_id(),
                                  what.key_hash,
                                  what.key,
                                  rid,
                                  what.load,
                                  what.max_age.value_or(what.cache->max_staleness),
                                  what.after == version{} && !what.only_asks(),
                                  !what.only_asks()};
    const near::begin_result role = near_->begin(now, read);
    waiting.leads = role == near::begin_result::lead;
    if (role == near::begin_result::joined) {
      waiting.state = wait_for::leader;
      return;
    }
  }
  ask(now, at, to, out);
}

inline void router::ask(time_point now, store::handle at, const route& to, outbox& out) {
  pending_call& waiting = calls_[at];
  if (to.owner == self_) {
    // Its own bytes are at hand.
    if (waiting.what.recalled) {
      waiting.what.known.reset();
      waiting.what.recalled = {};
    }
    ++waiting.unanswered;
    waiting.asked_at = now;
    out.push_back(ask_here{waiting.rid});
    return;
  }
  const auto held = held_.find(to.owner);
  if (held == held_.end()) return send_request(now, at, out);
  ++counters_.held_back;
  waiting.state = wait_for::room;
  held->second.push_back(waiting.rid);
}

inline void router::send_request(time_point now, store::handle at, outbox& out) {
  pending_call& asking = calls_[at];
  asking.state = wait_for::answer;
  ++asking.unanswered;
  asking.asked_at = now;
  visit_request(asking.rid, [&](const pending_call& waiting, const auto& message) {
    wire::packet made = wire::make_packet(message, waiting.what.partition, waiting.rid);
    emitted_bytes_ += made.payload.size();
    out.push_back(wire::send{waiting.asked, std::move(made)});
  });
}

// In front, in their order: what waits already was to leave after them.
inline void router::on_held_back(const member_id& peer, const std::vector<std::uint64_t>& rids) {
  std::deque<std::uint64_t>& queue = held_[peer];
  for (auto rid = rids.rbegin(); rid != rids.rend(); ++rid) {
    const store::handle at = calls_.find(*rid);
    if (at == store::no_handle) continue;
    ++counters_.held_back;
    calls_[at].state = wait_for::room;
    --calls_[at].unanswered;
    queue.push_front(*rid);
  }
}

inline bool router::on_room(time_point now, const member_id& peer, outbox& out) {
  const auto held = held_.find(peer);
  if (held == held_.end()) return false;
  std::deque<std::uint64_t>& queue = held->second;
  const std::size_t begun = emitted_bytes_;
  while (!queue.empty() && emitted_bytes_ - begun < options_.turn_bytes) {
    const store::handle at = calls_.find(queue.front());
    queue.pop_front();
    if (at != store::no_handle && calls_[at].state == wait_for::room) send_request(now, at, out);
  }
  if (!queue.empty()) return true;
  held_.erase(held);
  return false;
}

/// The fill that the call leads, if any, ends: its followers begin again.
inline void router::drop_fill(store::handle at) {
  pending_call& waiting = calls_[at];
  if (std::exchange(waiting.leads, false)) near_->abandon(waiting.rid, from_near_);
}

inline void router::try_later(time_point now, store::handle at) {
  drop_fill(at);
  pending_call& waiting = calls_[at];
  const std::uint32_t doublings = std::min<std::uint32_t>(waiting.tries, 16);
  const duration pause =
      std::min(options_.retry_longest, options_.retry_first * (std::int64_t{1} << doublings));
  waiting.state = wait_for::next_try;
  calls_.renumber(at);  // the answer to the earlier try comes too late now
  calls_.set_alarm(at, now + pause);
}

inline void router::finish(store::handle at, outcome&& result, outbox& out) {
  pending_call over = calls_.take(at);
  // What began as a write ends as one, also while it reads for a processor that runs here.
  if (over.instead != nullptr) over.what.kind = call_kind::mutate;
  complete_call(over.what, std::move(result), out);
}

/// The user's writes of one key: not a clear or the end of a tag, which are one of each partition,
/// nor what tells the owner the result of a load.
[[nodiscard]] constexpr bool is_counted_write(wire::mutation kind) {
  return !wire::without_key(kind) && kind != wire::mutation::fill &&
         kind != wire::mutation::fill_absent;
}

inline void router::complete_call(const call& over, outcome&& result, outbox& out) {
  if (over.kind == call_kind::mutate && is_counted_write(over.mutation)) {
    over.cache->count_write(static_cast<bool>(result.error));
  }
  out.push_back(complete{over.done, std::move(result), over.kind == call_kind::get});
}

inline void router::finish(store::handle at, errc why, outbox& out, std::string detail) {
  outcome result;
  result.error = why;
  result.detail = std::move(detail);
  finish(at, std::move(result), out);
}

/// A write of which a request was lost may have been applied then, or be yet by an owner that reads
/// what is left of the connection: it ends as if its time were over. (Answers that are results, as
/// that a condition does not hold, are final: the owner of an epoch remembers what it applied, and
/// what an earlier epoch's owner applied is gone with the epoch.)
inline void router::refused(time_point now, store::handle at, errc why, std::string detail,
                            outbox& out) {
  if (calls_[at].what.kind != call_kind::mutate || calls_[at].unanswered == 0) {
    return finish(at, why, out, std::move(detail));
  }
  distrust(now, calls_[at].what);
  finish(at, errc::timed_out, out, std::move(detail));
}

inline void router::on_ownership(partition_id p, member_id owner, epoch e) {
  route& current = route_of(p);
  if (current.owner == owner && current.epoch == e) return;
  current = {owner, e, true};
  moved_ = true;
}

inline void router::retry_moved(time_point now, outbox& out) {
  if (!std::exchange(moved_, false)) return;
  std::vector<store::handle> affected;
  calls_.for_each([&](store::handle at, const pending_call& waiting) {
    const bool asks = waiting.state != wait_for::loader;
    if (asks && route_of(waiting.what.partition).moved) affected.push_back(at);
  });
  for (route& each : routes_) each.moved = false;
  for (const store::handle at : affected) try_call(now, at, out);
}

inline void router::on_session(time_point now, member_id peer, outbox&) {
  held_.erase(peer);
  calls_.for_each([&](store::handle at, const pending_call& waiting) {
    const bool asks = waiting.state == wait_for::answer || waiting.state == wait_for::room;
    if (asks && waiting.asked == peer) try_later(now, at);
  });
}

inline store::handle router::answered(member_id from, std::uint64_t rid) {
  const store::handle at = calls_.find(rid);
  if (at == store::no_handle || calls_[at].asked != from || calls_[at].state != wait_for::answer) {
    ++counters_.late_replies;
    return store::no_handle;
  }
  --calls_[at].unanswered;
  return at;
}

inline void router::on_reissue(time_point now, std::uint64_t rid, outbox& out) {
  const store::handle at = calls_.find(rid);
  if (at != store::no_handle) try_call(now, at, out);
}

/// A turn is bounded: what else is due leaves next_timeout() in the past.
inline void router::on_timeout(time_point now, outbox& out) {
  const std::size_t begun = emitted_bytes_;
  for (std::size_t n = 0; n < store::turn_limit; ++n) {
    if (emitted_bytes_ - begun >= options_.turn_bytes) return;
    const store::handle at = calls_.pop_due(now);
    if (at == store::no_handle) return;
    fell_due(now, at, out);
  }
}

inline void router::fell_due(time_point now, store::handle at, outbox& out) {
  const pending_call& waiting = calls_[at];
  if (now < waiting.what.deadline) return try_call(now, at, out);
  if (waiting.disowned) return give_up_load(at, out);
  ++counters_.timed_out;
  const call& what = waiting.what;
  drop_fill(at);
  distrust(now, what);
  near_->note(now, key_event::call_timed_out, what.cache->current_id(), what.key_hash, {});
  // An owner that is gone may have applied what it was sent: no_owner would deny it.
  const bool maybe_applied = what.kind == call_kind::mutate && waiting.unanswered > 0;
  const bool ownerless = route_of(what.partition).owner.nobody();
  outcome result;
  result.error = ownerless && !maybe_applied ? errc::no_owner : errc::timed_out;
  end_wait(now, at, std::move(result), out);
}

inline void router::cancel(time_point now, std::uint64_t cancel_id, cancelling how, outbox& out) {
  const store::handle at = calls_.find_cancellable(cancel_id);
  if (at == store::no_handle) return;
  const pending_call& waiting = calls_[at];
  const bool maybe_applied = waiting.what.kind == call_kind::mutate && waiting.unanswered > 0;
  if (maybe_applied && how == cancelling::without_effect) return;
  ++counters_.cancelled;
  drop_fill(at);
  if (maybe_applied) distrust(now, waiting.what);
  outcome result;
  result.error = operation_aborted();
  end_wait(now, at, std::move(result), out);
}

inline void router::on_identity(time_point now, member_id self, near::coherence& near,
                                outbox& out) {
  self_ = self;
  near_ = &near;
  routes_.assign(partition_count, {});
  moved_ = false;
  held_.clear();
  std::vector<store::handle> all;
  calls_.for_each([&](store::handle at, pending_call& waiting) {
    waiting.leads = false;  // the fills are gone with the old identity
    all.push_back(at);
  });
  for (const store::handle at : all) {
    const bool asked = calls_[at].operation != 0 && calls_[at].unanswered > 0;
    // Its ticket is the old identity's.
    asked || calls_[at].disowned ? finish(at, errc::timed_out, out) : try_call(now, at, out);
  }
}

inline void router::fail_all(errc why, outbox& out) {
  std::vector<store::handle> all;
  calls_.for_each([&](store::handle at, const pending_call&) { all.push_back(at); });
  for (const store::handle at : all) finish(at, why, out);
}

}  // namespace kith::node

#include <kith/node/router_fallback.hpp>
#include <kith/node/router_quorum.hpp>
#include <kith/node/router_replies.hpp>
#include <kith/node/router_tickets.hpp>
