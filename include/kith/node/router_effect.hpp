// What a router may be told of, what it counts, and what it asks of its lane.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>
#include <kith/node/call.hpp>
#include <kith/replica/effect.hpp>
#include <kith/wire/packet.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <variant>

namespace kith::node {

struct router_options {
  /// Calls of the lane that wait at a time; one more fails with errc::overloaded.
  std::size_t pending_max = 65536;
  /// Their keys and values, and what processors that run here bring, in bytes; beyond it calls fail
  /// in the same way (128 MiB).
  std::size_t pending_bytes = std::size_t{128} << 20;
  /// Bytes of requests that are made in one turn, about: the driver sees in between how they leave.
  std::size_t turn_bytes = std::size_t{1} << 20;
  /// The next try after a refusal or a loss; doubles with each try up to the longest.
  duration retry_first = std::chrono::milliseconds{2};
  duration retry_longest = std::chrono::milliseconds{128};
  /// How long an owner waits for the result of a load that this member runs for it
  /// (replica_options::ticket_time); a cache's hard_timeout makes it longer. As long such a load
  /// goes on when who asked for it has gone, and then the owner is asked to take the result.
  duration ticket_time = std::chrono::seconds{5};
  /// How often a processor that the owner does not know is run here, as long as other writes of the
  /// key come between.
  std::uint32_t fallback_tries = 8;
};

struct router_counters {
  std::uint64_t calls = 0;
  std::uint64_t retries = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t overloaded = 0;
  /// This member was cut off from the majority.
  std::uint64_t no_quorum = 0;
  /// Requests that waited because the way to the owner was full.
  std::uint64_t held_back = 0;
  std::uint64_t late_replies = 0;
  std::uint64_t ticket_loads = 0;
  /// Of those, the ones for which nobody waited.
  std::uint64_t ticket_refreshes = 0;
  /// Runs of processors here because their owner did not know them, and calls that gave up.
  std::uint64_t fallbacks = 0;
  std::uint64_t fallbacks_exhausted = 0;
};

/// The key is owned by this member: hand the request `rid` to the replica.
struct ask_here {
  std::uint64_t rid = 0;
};
struct complete {
  completion* done = nullptr;
  outcome result;
  bool read = false;
};
/// This member was asked to run its own loader for the call `rid` (the owner has none).
struct load_here {
  std::uint64_t rid = 0;
  cache_id cache{};
  bytes key;
  std::uint32_t depth = 0;
};
/// Run the processor here, for the call `rid`: its owner does not know it. `run` has no ticket.
struct process_here {
  std::uint64_t rid = 0;
  replica::run_processor run;
};
/// Nobody has a use for this ticket: `owner`, perhaps this member, is told.
struct unused_ticket {
  member_id owner;
  std::uint64_t ticket = 0;
};
/// Somebody spoke of a newer view.
struct pull_view {
  member_id from;
};

using router_effect =
    std::variant<wire::send, ask_here, complete, load_here, process_here, unused_ticket, pull_view>;

}  // namespace kith::node
