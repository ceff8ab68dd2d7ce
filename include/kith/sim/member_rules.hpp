// What holds for each member by itself, whatever happens between the members:
//
//   M1 honest   nobody here breaks the protocol, so nobody is accused of it: no member has a
//               message that it cannot decode, or one that its state machines call a violation; and
//               nobody sends anything to itself
//   M2 bounds   whatever a member holds, waits for or has under way stays within the bound that the
//               options name for it
//   M3 at rest  when everything was healed and nobody asks for anything, nothing is left: no call,
//               fill, load, processor, batch, unacknowledged invalidation, dial, packet or cache
//               that is being opened; and each peer has one connection at most
//   M4 calm     and what happens then is what keeps a cluster together: no member is busy with
//               timers and messages of which nothing comes
//
// Bounds are looked at every 400 events, all of one member at a time; and when its life ends.
#pragma once

#include <kith/core/time.hpp>
#include <kith/node/lane.hpp>
#include <kith/sim/cluster.hpp>
#include <kith/sim/history.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace kith::sim {

class member_rules {
 public:
  explicit member_rules(cluster& watched) : cluster_{watched} {}

  /// After every event.
  void look();
  /// A life of the member is over, or the run is. Requires that its machines are still there.
  void end_of_life(sim::host& over);
  /// Nobody has asked for anything for a while, and nothing is wrong.
  void at_rest();
  /// The same, and this many events happened in `within`.
  void calm(std::uint64_t events, duration within);

  /// A second and member, of a cluster at rest.
  [[nodiscard]] std::uint64_t events_at_rest() const { return events_at_rest_; }
  [[nodiscard]] const std::vector<violation>& violations() const { return violations_; }

 private:
  void check_lane(const sim::host& of, const node::lane& lane);
  void check_host(const sim::host& of);
  void lane_at_rest(const sim::host& of, const node::lane& lane);
  void expect(const char* rule, const sim::host& of, const char* what, std::uint64_t held,
              std::uint64_t bound);

  cluster& cluster_;
  std::uint64_t events_ = 0;
  /// The member to be looked at next.
  std::size_t next_ = 0;
  std::uint64_t events_at_rest_ = 0;
  /// A host's counters go on from life to life: what was reported of each already.
  std::map<host_index, std::uint64_t> accused_;
  std::vector<violation> violations_;
};

// --- implementation ---

inline void member_rules::expect(const char* rule, const sim::host& of, const char* what,
                                 std::uint64_t held, std::uint64_t bound) {
  if (held <= bound) return;
  violations_.push_back({std::string{rule} + ": member " + std::to_string(of.index()) + " has " +
                         std::to_string(held) + " " + what + ", allowed are " +
                         std::to_string(bound)});
}

inline void member_rules::check_lane(const sim::host& of, const node::lane& lane) {
  const replica::occupancy owned = lane.owned().held();
  const replica::replica_options& may = lane.owned().options();
  const auto at_most = [&](const char* what, std::uint64_t held, std::uint64_t bound) {
    expect("M2", of, what, held, bound);
  };
  at_most("bytes above a store's bound", owned.bytes_over, 0);
  at_most("loads", owned.loads, may.loads);
  at_most("waiters of a load", owned.load_waiters_most, may.load_waiters);
  at_most("processors", owned.processors, may.processors);
  at_most("hidden writes", owned.hidden_writes, may.hidden_writes + may.pending_writes);
  at_most("writes behind a processor", owned.pending_writes_most, may.pending_writes);
  at_most("bytes behind processors", owned.pending_write_bytes, may.pending_write_bytes);
  at_most("operations remembered", owned.operations_most, may.operations_kept);
  at_most("invalidations logged", owned.told.log_entries, may.log_entries);
  at_most("invalidations in a batch", owned.told.waiting, may.batch_keys);
  // A stream that collapsed has one "drop everything" under way, beyond the bound.
  at_most("invalidations under way", owned.told.in_flight,
          may.backlog_keys + partition_count / may.lanes);
  at_most("fills", lane.near().fills(), lane.near().options().fills_max);
  at_most("followers of a fill", lane.near().followers_most(),
          lane.near().options().followers_max);
  at_most("calls", lane.calls().pending(), lane.calls().options().pending_max);
  at_most("bytes of calls", lane.calls().pending_bytes(), lane.calls().options().pending_bytes);
}

inline void member_rules::check_host(const sim::host& of) {
  const host_occupancy held = of.held();
  expect("M2", of, "packets for a peer that is dialled", held.packets_most,
         of.options().waiting_packets_max);
  expect("M2", of, "bytes above a near cache's bound", of.near_bytes_over(), 0);
}

inline void member_rules::look() {
  constexpr std::uint64_t every = 400;
  if (++events_ % every != 0) return;
  sim::host& of = cluster_.host(next_++ % cluster_.size());
  if (!of.running()) return;
  for (const auto& lane : of.lanes()) check_lane(of, *lane);
  check_host(of);
}

/// By how much `count` passes what it may be.
[[nodiscard]] inline std::uint64_t more_than(std::uint64_t count, std::uint64_t most) {
  return count - std::min(count, most);
}

inline void member_rules::end_of_life(sim::host& over) {
  for (const auto& lane : over.lanes()) check_lane(over, *lane);
  check_host(over);
  const host_counters& counted = over.counters();
  // What was damaged on its way is refused, and no more than that.
  const std::uint64_t damaged = cluster_.network().damaged_at(over.index());
  const std::uint64_t anywhere = cluster_.network().counters().damaged_chunks;
  const std::uint64_t now = counted.violations + more_than(counted.malformed, damaged) +
                            more_than(counted.damaged_handshakes, anywhere) + counted.to_itself;
  if (std::exchange(accused_[over.index()], now) == now) return;
  violations_.push_back({"M1: member " + std::to_string(over.index()) + " saw " +
                         std::to_string(counted.violations) + " violations, refused " +
                         std::to_string(counted.malformed) + " messages and " +
                         std::to_string(counted.damaged_handshakes) + " handshakes, and sent " +
                         std::to_string(counted.to_itself) + " to itself"});
}

inline void member_rules::lane_at_rest(const sim::host& of, const node::lane& lane) {
  const replica::occupancy owned = lane.owned().held();
  expect("M3", of, "loads", owned.loads, 0);
  expect("M3", of, "processors", owned.processors, 0);
  expect("M3", of, "hidden writes", owned.hidden_writes, 0);
  expect("M3", of, "bytes behind processors", owned.pending_write_bytes, 0);
  expect("M3", of, "invalidations in a batch", owned.told.waiting, 0);
  expect("M3", of, "invalidations under way", owned.told.in_flight, 0);
  expect("M3", of, "fills", lane.near().fills(), 0);
  expect("M3", of, "calls", lane.calls().pending(), 0);
}

inline void member_rules::at_rest() {
  for (std::size_t i = 0; i < cluster_.size(); ++i) {
    sim::host& of = cluster_.host(i);
    if (!of.running()) continue;
    for (const auto& lane : of.lanes()) lane_at_rest(of, *lane);
    const host_occupancy held = of.held();
    expect("M3", of, "connections to one peer", held.links_most, 1);
    expect("M3", of, "connections", held.connections, cluster_.size() - 1);
    expect("M3", of, "dials", held.dials, 0);
    expect("M3", of, "peers that packets wait for", held.peers_waited_for, 0);
    expect("M3", of, "inputs", held.inputs, 0);
    expect("M3", of, "answers being decoded", held.decoding, 0);
    expect("M3", of, "caches being opened", of.control().opening(), 0);
    expect("M3", of, "connections that hold something back",
           cluster_.network().held_at(of.index()), 0);
  }
}

inline void member_rules::calm(std::uint64_t events, duration within) {
  const auto member_seconds = static_cast<std::uint64_t>(
      static_cast<std::int64_t>(cluster_.size()) * (within / std::chrono::seconds{1}));
  events_at_rest_ = events / member_seconds;
  constexpr std::uint64_t most = 200;
  if (events_at_rest_ <= most) return;
  violations_.push_back({"M4: " + std::to_string(events_at_rest_) +
                         " events a second and member at rest, allowed are " +
                         std::to_string(most)});
}

}  // namespace kith::sim
