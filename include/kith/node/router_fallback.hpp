// What becomes of a processor that the owner of its key does not know, as in a rolling deploy: this
// member, which knows it, runs it itself (router.hpp).
//
//   reads the entry with its version at the owner,
//   runs the processor on it, on a worker,
//   puts what it gave, or erases, if the entry still has that version,
//
// and begins again when it has not, `fallback_tries` times in all. The read and the write are
// operations of their own, so each is applied once, and a view that changes between them begins
// the whole again. Its deadline is the call's.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/error.hpp>
#include <kith/node/call.hpp>
#include <kith/node/pending.hpp>
#include <kith/node/router.hpp>
#include <kith/replica/effect.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/limits.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace kith::node {

inline void router::fall_back(time_point now, store::handle at, outbox& out) {
  pending_call& waiting = calls_[at];
  if (waiting.instead == nullptr) calls_.begin_fallback(at);
  fallback& plan = *waiting.instead;
  if (plan.tries == options_.fallback_tries) {
    ++counters_.fallbacks_exhausted;
    return finish(at, errc::overloaded, out,
                  "the owner does not know the processor " + waiting.what.processor + ", and " +
                      std::to_string(plan.tries) + " runs here were overtaken by other writes");
  }
  ++plan.tries;
  ++counters_.fallbacks;
  calls_.end_operation(at);
  waiting.unanswered = 0;
  waiting.what.kind = call_kind::get;
  waiting.what.near = waiting.what.load = false;
  static_cast<void>(calls_.exchange_value(at, {}));
  static_cast<void>(calls_.exchange_result(at, {}));
  try_call(now, at, out);
}

inline void router::process_here(store::handle at, const wire::get_reply& reply, outbox& out) {
  pending_call& waiting = calls_[at];
  fallback& plan = *waiting.instead;
  const bool present = wire::is_present(reply.status);
  plan.seen = present ? reply.version : version{};
  waiting.what.tags = reply.tags;
  node::process_here job{waiting.rid, {}};
  job.run.cache = waiting.what.cache->current_id();
  job.run.name = waiting.what.processor;
  job.run.key = waiting.what.key;
  if (present) job.run.current = to_bytes(reply.value);
  job.run.current_version = plan.seen;
  job.run.fields = plan.fields;
  job.run.depth = waiting.what.depth;
  waiting.state = wait_for::processor;
  out.push_back(std::move(job));
}

inline void router::on_processed_here(time_point now, std::uint64_t rid,
                                      replica::processor_result&& result, outbox& out) {
  const store::handle at = calls_.find(rid);
  if (at == store::no_handle || calls_[at].state != wait_for::processor) return;
  pending_call& waiting = calls_[at];
  if (auto* failure = std::get_if<replica::processor_failure>(&result)) {
    return finish(at, errc::processor_failed, out, std::move(failure->text));
  }
  if (std::holds_alternative<replica::processor_unknown>(result)) {
    return finish(at, errc::unknown_processor, out, std::string{waiting.what.processor});
  }
  auto& done = std::get<replica::processed>(result);
  using action = replica::processor_action;
  const version seen = waiting.instead->seen;
  if (done.action == action::keep || (done.action == action::erase && seen == version{})) {
    outcome kept;
    kept.yes = true;
    kept.version = seen;
    kept.value = std::move(done.result);
    return finish(at, std::move(kept), out);
  }
  if (done.value.size() > wire::limits::value_bytes) return finish(at, errc::too_large, out);
  static_cast<void>(calls_.exchange_result(at, std::move(done.result)));
  waiting.what.kind = call_kind::mutate;
  waiting.what.mutation = done.action == action::set ? wire::mutation::compare_and_put
                                                     : wire::mutation::erase_if_version;
  waiting.what.expected = seen;
  waiting.what.rule = wire::ttl_rule::keep;
  static_cast<void>(calls_.exchange_value(at, std::move(done.value)));
  calls_.begin_operation(at);
  waiting.unanswered = 0;
  try_call(now, at, out);
}

}  // namespace kith::node
