// The options of a simulated run, each drawn from its seed unless it was chosen: how large and how
// slow everything is, and which faults there are. A swarm of runs with different options reaches
// what no single set of them does.
#pragma once

#include <kith/core/random.hpp>
#include <kith/core/time.hpp>
#include <kith/options.hpp>
#include <kith/sim/cluster.hpp>
#include <kith/sim/fault_plan.hpp>
#include <kith/sim/judged_clients.hpp>
#include <kith/sim/key_choice.hpp>
#include <kith/sim/lifetimes.hpp>
#include <kith/sim/workload.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace kith::sim {

struct run_options {
  std::uint64_t seed = 1;
  /// Absent: 3 to 7, drawn.
  std::optional<std::size_t> members;
  /// Absent: each class with a probability of its own, and clocks that drift in some seeds.
  std::optional<fault_plan> faults;
  /// Absent: majority for every eighth seed, else none.
  std::optional<kith::quorum> quorum;
  /// Absent: clients read at copies in a third of the seeds.
  std::optional<bool> backup_reads;
  /// How long clients work under faults.
  duration length = std::chrono::seconds{30};
};

/// All that a run depends on beside the draws of what is under way in it.
struct swarm {
  std::uint64_t seed = 1;
  duration length = std::chrono::seconds{30};
  fault_plan faults{};
  cluster_options cluster{};
  workload_options work{};
  lifetime_options lifetimes{};
  judged_options judged{};
  judged_options strong = of_strong_cache();
  /// What the clients and the faults draw from.
  std::uint64_t work_seed = 1;
  std::uint64_t fault_seed = 1;
};

[[nodiscard]] swarm draw_swarm(const run_options& chosen);

/// Calls `visit(name, option)` for each option, with the name that it has in a schedule.
template <class Swarm, class Visit>
void each_option(Swarm& of, Visit&& visit) {
  visit("seed", of.seed);
  visit("members", of.cluster.members);
  visit("quorum", of.cluster.quorum);
  visit("faults", of.faults.enabled);
  visit("length", of.length);
  visit("cluster_seed", of.cluster.seed);
  visit("work_seed", of.work_seed);
  visit("fault_interval", of.faults.interval);
  visit("reset_per_million", of.faults.reset_per_million);
  visit("fault_delay_mean", of.faults.delay_mean);
  visit("heavy_links_per_mille", of.faults.heavy_links_per_mille);
  visit("evictions", of.faults.evictions);
  visit("delay_mean", of.cluster.network.delay_mean);
  visit("split_per_million", of.cluster.network.split_per_million);
  visit("backlog_keys", of.cluster.lane.replica.backlog_keys);
  visit("log_entries", of.cluster.lane.replica.log_entries);
  visit("operations_kept", of.cluster.lane.replica.operations_kept);
  visit("fills_max", of.cluster.lane.near.fills_max);
  visit("feed_window", of.cluster.lane.replica.feed_window);
  visit("feed_message", of.cluster.lane.replica.feed_message);
  visit("copies_at_once", of.cluster.lane.replica.copies_at_once);
  visit("load_most", of.cluster.load_most);
  visit("load_time", of.cluster.lane.replica.load_time);
  visit("load_hang_every", of.cluster.load_hang_every);
  visit("load_failure_every", of.work.load_failure_every);
  visit("decode_most", of.cluster.decode_most);
  visit("clock_drift_ppm", of.cluster.clock_drift_ppm);
  visit("keys", of.work.keys);
  visit("shape", of.work.shape);
  visit("think_most", of.work.think_most);
  visit("clients_on", of.work.members_most);
  visit("near_local", of.work.near_local);
  visit("backup_reads", of.work.backup_reads);
  visit("clears_per_mille", of.work.clears_per_mille);
  visit("register_copies", of.work.register_copies.sync);
  visit("register_copies_async", of.work.register_copies.async);
  visit("counter_copies", of.work.counter_copies.sync);
  visit("counter_copies_async", of.work.counter_copies.async);
  visit("row_copies", of.work.row_copies.sync);
  visit("row_copies_async", of.work.row_copies.async);
  visit("token_copies", of.work.token_copies.sync);
  visit("token_copies_async", of.work.token_copies.async);
  visit("warm_every", of.work.warm_every);
  visit("lifetimes", of.lifetimes.drawn);
  visit("clocks_run", of.lifetimes.clocks_run);
  visit("memory_short", of.work.memory_short);
  visit("judged", of.judged.drawn);
  visit("judged_copies", of.judged.copies);
  visit("judged_copies_async", of.judged.async_copies);
  visit("strong", of.strong.drawn);
  visit("strong_copies", of.strong.copies);
  visit("strong_local", of.strong.near_local);
  visit("strong_think_most", of.strong.think_most);
  visit("strong_near_percent", of.strong.near_percent);
}

// --- implementation ---

/// Limits, loads and decoders that are as hard as the options allow, each in a part of the seeds.
inline void draw_extremes(random_source& random, cluster_options& of, workload_options& work) {
  if (random.below(4) == 0) {
    of.lane.replica.backlog_keys = 2;
    of.lane.replica.log_entries = 4;
  }
  if (random.below(4) == 0) of.load_most = std::chrono::seconds{3};
  constexpr std::array<std::int64_t, 3> decoders_ms{0, 20, 200};
  of.decode_most = std::chrono::milliseconds{decoders_ms[random.below(decoders_ms.size())]};
  if (random.below(3) == 0) work.keys = 2;
  if (random.below(3) == 0) work.think_most = std::chrono::milliseconds{15};
}

/// The same, from a source of its own: what was drawn before these existed stays as it was.
inline void draw_more_extremes(std::uint64_t seed, cluster_options& of, workload_options& work) {
  random_source random{seed ^ 0x6D6F726500000001u};
  if (random.below(4) == 0) work.clears_per_mille = 20;
  if (random.below(3) == 0) work.load_failure_every = 10;
  if (random.below(4) == 0) {
    of.load_hang_every = 20;
    of.lane.replica.load_time = std::chrono::seconds{8};
  }
  if (random.below(8) == 0) of.lane.near.fills_max = 1;
  if (random.below(8) == 0) of.lane.replica.operations_kept = 1;
  // The others own partitions of caches that they never opened: their callers load, by ticket.
  if (random.below(8) == 0) work.members_most = (of.members + 1) / 2;
  work.near_local = random.below(2) == 0;
  constexpr std::array<key_shape, 4> shapes{key_shape::even, key_shape::even, key_shape::zipf,
                                            key_shape::hot};
  work.shape = shapes[random.below(shapes.size())];
  random_source warming{seed ^ 0x7761726D00000002u};
  if (warming.below(3) == 0) work.warm_every = 1 + warming.below(2);
}

/// Copies of the caches, in three of four seeds: often of all caches as many.
inline void draw_copies(std::uint64_t seed, workload_options& work) {
  random_source reads{seed ^ 0x6261636B75700001u};
  work.backup_reads = reads.below(3) == 0;
  random_source random{seed ^ 0x636F706965730001u};
  if (random.below(4) == 0) return;
  const auto draw = [&random] {
    constexpr std::array<cache_copies, 8> some{
        {{1, 0}, {1, 0}, {1, 0}, {2, 0}, {0, 1}, {1, 1}, {0, 0}, {3, 0}}};
    return some[random.below(some.size())];
  };
  const cache_copies all = draw();
  const bool alike = random.below(2) == 0;
  for (cache_copies* each :
       {&work.register_copies, &work.counter_copies, &work.row_copies, &work.token_copies}) {
    const cache_copies other = draw();
    *each = alike ? all : other;
  }
}

/// Where copies are struck while they are made, there are more of them, and making them often takes
/// many messages.
inline void draw_feeds(std::uint64_t seed, const fault_plan& plan, cluster_options& of,
                       workload_options& work) {
  if (!plan.has(fault::changeover)) return;
  random_source random{seed ^ 0x6665656473000001u};
  if (random.below(2) == 0) of.lane.replica.feed_message = 1;
  if (random.below(2) == 0) of.lane.replica.feed_window = 1 + random.below(256);
  if (random.below(2) == 0) of.lane.replica.copies_at_once = 1;
  if (random.below(2) == 0) return;
  for (cache_copies* each :
       {&work.register_copies, &work.counter_copies, &work.row_copies, &work.token_copies}) {
    each->sync = std::max(each->sync, 2u);
  }
}

/// In a quarter of the seeds: by as much as rented machines have, or as the protocol is to bear.
[[nodiscard]] inline std::uint32_t draw_drift(std::uint64_t seed) {
  random_source random{seed ^ 0x636C6F636B000001u};
  if (random.below(4) != 0) return 0;
  return random.below(4) == 0 ? 200u : 24'000u;
}

/// Clients of a cache whose entries end and are renewed, in half of the seeds.
[[nodiscard]] inline lifetime_options draw_lifetimes(std::uint64_t seed, const fault_plan& plan) {
  random_source random{seed ^ 0x6C69766573000001u};
  lifetime_options drawn;
  drawn.drawn = random.below(2) == 0;
  drawn.clocks_run = !plan.has(fault::pause) && !plan.has(fault::freeze);
  return drawn;
}

/// Clients whose answers are judged as histories of registers, which nothing evicts. The seeds that
/// are known to catch something (tests/mutants/table.txt) have none, and stay what they are.
[[nodiscard]] inline judged_options draw_judged(std::uint64_t seed, const fault_plan& plan) {
  judged_options drawn;
  random_source random{seed ^ 0x6A7564670000000Cu};
  drawn.drawn = random.below(8) == 0 && !plan.evictions;
  if (!drawn.drawn) return drawn;
  drawn.copies = static_cast<std::uint32_t>(random.below(3));
  drawn.async_copies = static_cast<std::uint32_t>(random.below(2));
  return drawn;
}

/// Clients of a strong cache, where a majority decides. A member whose clock stands still while the
/// others' go on cannot know that its leases are over, and nothing promises anything of it.
[[nodiscard]] inline judged_options draw_strong(std::uint64_t seed, kith::quorum quorum,
                                                const fault_plan& plan) {
  judged_options drawn = of_strong_cache();
  random_source random{seed ^ 0x7374726F6E67000Du};
  drawn.drawn = quorum == kith::quorum::majority && !plan.has(fault::freeze) && !plan.evictions;
  drawn.copies = 1 + static_cast<std::uint32_t>(random.below(2));
  drawn.near_local = random.below(2) == 0;
  // Where writes are rare, near entries live; where they are not, one waits for the other.
  constexpr std::array<std::uint64_t, 4> near_percents{90, 90, 75, 20};
  drawn.near_percent = near_percents[random.below(near_percents.size())];
  constexpr std::array<std::int64_t, 3> pauses_ms{20, 60, 200};
  drawn.think_most = std::chrono::milliseconds{pauses_ms[random.below(pauses_ms.size())]};
  return drawn;
}

inline swarm draw_swarm(const run_options& chosen) {
  random_source random{chosen.seed};
  swarm drawn;
  drawn.seed = chosen.seed;
  drawn.length = chosen.length;
  cluster_options& of = drawn.cluster;
  of.members = chosen.members.value_or(3 + random.below(5));
  const fault_plan any = draw_plan(random);
  fault_plan& plan = drawn.faults = chosen.faults.value_or(any);
  if (!chosen.faults) draw_more_classes(plan, chosen.seed);

  of.seed = random.next();
  of.network.delay_mean = std::chrono::microseconds{50 << random.below(8)};
  of.network.split_per_million = random.below(2) == 0 ? 200'000 : 0;
  random_source rates{chosen.seed ^ 0x7261746500000001u};
  draw_rates(plan, rates);
  const kith::quorum every_eighth =
      chosen.seed % 8 == 0 ? kith::quorum::majority : kith::quorum::none;
  of.quorum = chosen.quorum.value_or(every_eighth);
  draw_extremes(random, of, drawn.work);
  draw_more_extremes(chosen.seed, of, drawn.work);
  draw_copies(chosen.seed, drawn.work);
  drawn.work.backup_reads = chosen.backup_reads.value_or(drawn.work.backup_reads);
  draw_feeds(chosen.seed, plan, of, drawn.work);
  if (!chosen.faults) of.clock_drift_ppm = draw_drift(chosen.seed);
  drawn.work.memory_short = plan.has(fault::memory);
  drawn.work_seed = random.next();
  drawn.fault_seed = random.next();
  drawn.lifetimes = draw_lifetimes(chosen.seed, plan);
  if (of.clock_drift_ppm > 0) drawn.lifetimes.clocks_run = false;
  drawn.judged = draw_judged(chosen.seed, plan);
  drawn.strong = draw_strong(chosen.seed, of.quorum, plan);
  // Its copies are told partition by partition: where every hundredth chunk ends a connection, they
  // begin again and again, and nothing else happens.
  if (drawn.strong.drawn) plan.reset_per_million = std::min(plan.reset_per_million, 2'000u);
  const bool large = of.members > workload_options{}.members_most;
  if (large) {
    plan.interval = std::chrono::seconds{1};
    plan.set(fault::changeover, false);
    // It is about views: copies would have everybody speak to everybody.
    drawn.work.register_copies = drawn.work.counter_copies = {};
    drawn.work.row_copies = drawn.work.token_copies = {};
    drawn.judged = {};
    drawn.strong.drawn = false;
    // Nor about loads; and while a member that is cut off waits for a cache, a thousand others run.
    drawn.lifetimes.drawn = false;
    of.open_limit = std::chrono::seconds{1};
  }
  return drawn;
}

}  // namespace kith::sim
