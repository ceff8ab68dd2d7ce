// What becomes of calls while their member is cut off from the majority (quorum = majority). It can
// tell nobody of a write, and the owners that it knows may have been replaced. So a call ends at
// once with errc::no_quorum, also one that waits, unless it is of what this member owns itself and
// the cache's minority_policy lets that go on.
#pragma once

#include <kith/node/router.hpp>

#include <cstdint>
#include <vector>

namespace kith::node {

/// A load that began goes on, and its result is no write of the user's.
inline bool router::goes_on_cut_off(const call& what) {
  if (route_of(what.partition).owner != self_) return false;
  const bool brings_load =
      what.kind == call_kind::mutate &&
      (what.mutation == wire::mutation::fill || what.mutation == wire::mutation::fill_absent);
  if (what.cache->writes_cut_off) return true;
  const bool writes = what.kind == call_kind::mutate && !brings_load;
  return !writes && !what.max_age && what.cache->reads_cut_off;
}

inline void router::refuse_without_quorum(time_point now, store::handle at, outbox& out) {
  ++counters_.no_quorum;
  drop_fill(at);
  refused(now, at, errc::no_quorum, "cache " + calls_[at].what.cache->name, out);
}

/// What runs here for a call, a loader or a processor, is waited for: its end is the next try.
inline void router::on_quorum(time_point now, bool lost, outbox& out) {
  cut_off_ = lost;
  if (!lost) return;
  std::vector<store::handle> ending;
  calls_.for_each([&](store::handle at, const pending_call& waiting) {
    const bool runs = waiting.state == wait_for::loader || waiting.state == wait_for::processor;
    if (!runs && !goes_on_cut_off(waiting.what)) ending.push_back(at);
  });
  for (const store::handle at : ending) refuse_without_quorum(now, at, out);
}

}  // namespace kith::node
