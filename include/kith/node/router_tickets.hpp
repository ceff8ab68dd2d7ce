// The loads that this member runs because the owner of the key has no loader (router.hpp).
//
// The owner gave a ticket to a read of this member, and others wait there for the result. So the
// load does not depend on that read: when its time is over, or it is cancelled, it ends alone, and
// the load goes on without it until the ticket does. Only then the ticket goes back, and another
// caller has its turn.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/time.hpp>
#include <kith/error.hpp>
#include <kith/node/call.hpp>
#include <kith/node/pending.hpp>
#include <kith/node/router.hpp>
#include <kith/replica/effect.hpp>
#include <kith/replica/lifetime.hpp>
#include <kith/replica/load.hpp>
#include <kith/wire/data_messages.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace kith::node {

inline void router::run_load(time_point now, store::handle at, std::uint64_t ticket, outbox& out) {
  ++counters_.ticket_loads;
  pending_call& waiting = calls_[at];
  const call& what = waiting.what;
  const duration longest =
      std::max(options_.ticket_time, what.cache->hard_timeout.value_or(duration::zero()));
  waiting.what.ticket = ticket;
  waiting.state = wait_for::loader;
  waiting.ticket_ends = replica::expiry_after(now, longest);
  out.push_back(load_here{waiting.rid, what.cache->current_id(), what.key, what.depth});
}

/// The owner has no loader, and the value that it answered is to be loaded anew: by a call that
/// nobody waits for.
inline void router::load_anew(time_point now, const call& asked, std::uint64_t ticket,
                              outbox& out) {
  const member_id owner = route_of(asked.partition).owner;
  if (calls_.full()) return out.push_back(unused_ticket{owner, ticket});
  ++counters_.ticket_refreshes;
  call again;
  again.cache = asked.cache;
  again.partition = asked.partition;
  again.key_hash = asked.key_hash;
  again.key = asked.key;
  const store::handle at = calls_.add(now, std::move(again));
  calls_.renumber(at);
  calls_[at].asked = owner;
  run_load(now, at, ticket, out);
  calls_.disown(at, calls_[at].ticket_ends);
}

/// The caller has waited long enough.
inline void router::end_wait(time_point now, store::handle at, outcome&& result, outbox& out) {
  const pending_call& waiting = calls_[at];
  if (waiting.state != wait_for::loader) return finish(at, std::move(result), out);
  complete_call(waiting.what, std::move(result), out);
  if (now >= waiting.ticket_ends) return give_up_load(at, out);
  calls_.disown(at, waiting.ticket_ends);
}

/// The owner need not wait for its own clock to give the ticket to another.
inline void router::give_up_load(store::handle at, outbox& out) {
  const pending_call over = calls_.take(at);
  out.push_back(unused_ticket{over.asked, over.what.ticket});
}

inline void router::on_loaded_here(time_point now, std::uint64_t rid, replica::load_result&& loaded,
                                   outbox& out) {
  const store::handle at = calls_.find(rid);
  if (at == store::no_handle) return;
  call told;
  const call& asked = calls_[at].what;
  told.kind = call_kind::mutate;
  told.cache = asked.cache;
  told.partition = asked.partition;
  told.key_hash = asked.key_hash;
  told.key = asked.key;
  told.deadline = now + options_.ticket_time;
  told.ticket = asked.ticket;
  told.mutation = wire::mutation::fill_absent;
  outcome result;
  result.tier = tier::loaded;
  std::optional<duration> ttl;
  if (auto* found = std::get_if<replica::loaded>(&loaded)) {
    told.mutation = wire::mutation::fill;
    told.value = found->value;
    told.tags = std::move(found->tags);
    ttl = found->ttl;
    result.yes = true;
    result.value = std::move(found->value);
  } else if (auto* failed = std::get_if<replica::load_failure>(&loaded)) {
    // An empty value says that there is no such row: a failure has words.
    const std::string words = replica::printable(failed->text);
    told.value = to_bytes(as_bytes(words.empty() ? "the loader failed" : words));
    result.error = errc::load_failed;
    result.detail = std::move(failed->text);
    result.thrown = std::move(failed->thrown);
  } else {
    ttl = std::get<replica::not_found>(loaded).ttl;
  }
  if (ttl) {
    told.rule = wire::ttl_rule::given;
    told.ttl = *ttl;
  }

  // The caller has its answer; the owner is told by a call that nobody waits for.
  const member_id owner = calls_[at].asked;
  finish(at, std::move(result), out);
  if (owner != route_of(told.partition).owner) return;  // its ticket was lost with the partition
  if (calls_.full()) return out.push_back(unused_ticket{owner, told.ticket});
  submit(now, std::move(told), out);
}

}  // namespace kith::node
