// What a router does with answers (router.hpp): an owner's and a leader's.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/time.hpp>
#include <kith/error.hpp>
#include <kith/near/coherence.hpp>
#include <kith/node/call.hpp>
#include <kith/node/pending.hpp>
#include <kith/node/router.hpp>
#include <kith/wire/data_messages.hpp>

#include <cstdint>
#include <exception>
#include <string>
#include <utility>

namespace kith::node {

inline bool router::on_get_reply(time_point now, member_id from, std::uint64_t rid,
                                 const wire::get_reply& reply, outbox& out,
                                 const std::exception_ptr& thrown) {
  const store::handle at = answered(from, rid);
  const bool known = at != store::no_handle;
  // To say that the caller knows a value that it does not leaves it without one.
  const bool not_modified = reply.status == wire::get_status::not_modified;
  if (known && not_modified) {
    const auto& has = calls_[at].what.known;
    if (!has || has->version != reply.version) return false;
  }
  if (known) note_epoch(from, calls_[at].what.partition, reply.epoch, out);
  const auto said = known ? judge(now, from, at, reply) : near::reply_verdict::retry;
  if (said == near::reply_verdict::retry) {
    if (reply.ticket != 0) out.push_back(unused_ticket{from, reply.ticket});
    if (known) try_later(now, at);
    return true;
  }
  pending_call& waiting = calls_[at];
  const bool present = wire::is_present(reply.status);
  if (!present && reply.status != wire::get_status::absent) {
    not_answered(now, at, reply, out, thrown);
    return true;
  }
  if (waiting.instead != nullptr) return process_here(at, reply, out), true;
  note_time(now, from, at, read_times_);
  outcome result;
  result.yes = present;
  result.not_modified = not_modified;
  result.version = reply.version;
  result.value = to_bytes(reply.value);
  if (not_modified) result.recalled = std::move(waiting.what.recalled);
  result.tier = reply.loaded ? tier::loaded : tier::owner;
  if (said == near::reply_verdict::deliver_and_install) {
    result.fill = rid;
    result.key = waiting.what.key;
    result.key_hash = waiting.what.key_hash;
    result.tags = reply.tags;
    // From the send time: never later than the owner's own end of the entry.
    if (reply.ttl_left) result.expires = waiting.asked_at + *reply.ttl_left;
  }
  if (reply.ticket != 0 && result.yes) load_anew(now, waiting.what, reply.ticket, out);
  finish(at, std::move(result), out);
  return true;
}

/// What the near side says of an answer. It ends the fill, unless the value is to be installed.
inline near::reply_verdict router::judge(time_point now, member_id from, store::handle at,
                                         const wire::get_reply& reply) {
  pending_call& waiting = calls_[at];
  const call& what = waiting.what;
  if (from == self_) {
    const bool current = reply.epoch == route_of(what.partition).epoch &&
                         reply.status != wire::get_status::wrong_epoch &&
                         reply.status != wire::get_status::retry;
    // The near side has heard of a view a moment before: it would not know an answer of the owner
    // that this member was, and leave the fill where it is.
    if (!current) return near::reply_verdict::retry;
    if (!waiting.leads) return near::reply_verdict::deliver;
  }
  if (std::exchange(waiting.leads, false)) {
    return near_->on_reply(now, from, waiting.rid, reply, from_near_);
  }
  return near_->on_bypass_reply(now, from, what.partition, what.cache->current_id(), what.key_hash,
                                reply, from_near_);
}

inline void router::not_answered(time_point now, store::handle at, const wire::get_reply& reply,
                                 outbox& out, const std::exception_ptr& thrown) {
  switch (reply.status) {
    case wire::get_status::wrong_epoch:
    case wire::get_status::retry:
    case wire::get_status::unknown_cache: return try_later(now, at);
    case wire::get_status::load_failed: {
      outcome failure;
      failure.error = errc::load_failed;
      failure.detail = as_text(reply.value);
      failure.thrown = thrown;
      return finish(at, std::move(failure), out);
    }
    case wire::get_status::overloaded: return finish(at, errc::overloaded, out);
    case wire::get_status::lost_write: return finish(at, errc::lost_write, out);
    case wire::get_status::unknown_version:
      return finish(at, errc::invalid_argument, out, "after: the token names no write that was");
    case wire::get_status::ticket: break;
    case wire::get_status::hit:
    case wire::get_status::not_modified:
    case wire::get_status::absent: return;
  }
  run_load(now, at, reply.ticket, out);
}

inline void router::on_mutate_reply(time_point now, member_id from, std::uint64_t rid,
                                    const wire::mutate_reply& reply, outbox& out) {
  const store::handle at = answered(from, rid);
  if (at == store::no_handle) return;
  const call& what = calls_[at].what;
  note_epoch(from, what.partition, reply.epoch, out);
  std::string detail{as_text(reply.result)};
  switch (reply.status) {
    case wire::mutate_status::wrong_epoch:
    case wire::mutate_status::retry:
    case wire::mutate_status::unknown_cache: return try_later(now, at);
    case wire::mutate_status::overloaded:
      // A lost request may have been applied: the owner is to say so when it can.
      if (calls_[at].unanswered > 0) return try_later(now, at);
      return finish(at, errc::overloaded, out);
    case wire::mutate_status::out_of_memory:
      if (calls_[at].unanswered > 0) return try_later(now, at);
      return finish(at, errc::out_of_memory, out);
    case wire::mutate_status::too_large: return finish(at, errc::too_large, out);
    case wire::mutate_status::stale_operation:
      distrust(now, what);
      return finish(at, errc::timed_out, out);
    case wire::mutate_status::unknown_processor:
      if (calls_[at].unanswered == 0 && what.mutation == wire::mutation::invoke) {
        return fall_back(now, at, out);
      }
      return refused(now, at, errc::unknown_processor, std::move(detail), out);
    case wire::mutate_status::processor_failed:
      return finish(at, errc::processor_failed, out, std::move(detail));
    case wire::mutate_status::write_failed:
      return refused(now, at, errc::write_failed, std::move(detail), out);
    case wire::mutate_status::write_uncertain:
      distrust(now, what);
      return finish(at, errc::write_uncertain, out, std::move(detail));
    case wire::mutate_status::wrong_type: return finish(at, errc::decode_failed, out);
    case wire::mutate_status::applied:
    case wire::mutate_status::refused: break;
  }
  const bool applied = reply.status == wire::mutate_status::applied;
  // F6: what this member wrote, or was told by a refusal, it never reads older again.
  if (applied || reply.version != version{}) {
    const cache_id id = what.cache->current_id();
    switch (what.mutation) {
      case wire::mutation::clear:
        near_->on_clear_reply(now, what.partition, id, reply.version);
        break;
      case wire::mutation::end_tag:
        near_->on_end_tag_reply(now, what.partition, id, what.tags[0].hash, reply.version);
        break;
      default:
        near_->on_mutation_reply(what.partition, id, what.key_hash, reply.version);
        near_->note(now, key_event::write_answered, id, what.key_hash, reply.version);
    }
  }
  const bool ran_here = calls_[at].instead != nullptr;
  if (ran_here && !applied) return fall_back(now, at, out);
  note_time(now, from, at, write_times_);
  outcome result;
  result.yes = applied;
  result.version = reply.version;
  result.value = ran_here ? calls_.exchange_result(at, {}) : to_bytes(reply.result);
  finish(at, std::move(result), out);
}

/// The write may land later, or has landed: what this member holds of the key is no longer to be
/// trusted.
inline void router::distrust(time_point now, const call& what) {
  if (what.kind != call_kind::mutate) return;
  const cache_id id = what.cache->current_id();
  switch (what.mutation) {
    case wire::mutation::clear: return near_->poison_all(now, what.partition, id);
    case wire::mutation::end_tag:
      return near_->poison_tag(now, what.partition, id, what.tags[0].hash);
    default: near_->poison(id, what.key_hash);
  }
}

inline void router::on_count_reply(time_point now, member_id from, std::uint64_t rid,
                                   const wire::count_reply& reply, outbox& out) {
  const store::handle at = answered(from, rid);
  if (at == store::no_handle) return;
  note_epoch(from, calls_[at].what.partition, reply.epoch, out);
  if (reply.status != wire::get_status::hit && reply.status != wire::get_status::unknown_cache) {
    return try_later(now, at);
  }
  outcome result;
  result.count = reply.entries;
  finish(at, std::move(result), out);
}

inline void router::on_served(near::serve&& served, outbox& out) {
  const store::handle at = calls_.find(served.waiter);
  if (at == store::no_handle) return;
  outcome result;
  result.yes = static_cast<bool>(served.value);
  result.version = served.version;
  result.shared = std::move(served.value);
  finish(at, std::move(result), out);
}

inline void router::on_refused(time_point now, near::refuse&& refused, outbox& out) {
  const store::handle at = calls_.find(refused.waiter);
  if (at == store::no_handle) return;
  wire::get_reply reply;
  reply.status = refused.status;
  reply.value = refused.text;
  not_answered(now, at, reply, out);
}

}  // namespace kith::node
