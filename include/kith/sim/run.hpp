// One simulated run: a cluster, clients and faults drawn from a seed, every promise checked, and
// then everything healed and quiet, when all must agree. The same seed gives the same run; `digest`
// proves it.
#pragma once

#include <kith/core/random.hpp>
#include <kith/core/time.hpp>
#include <kith/sim/checkers.hpp>
#include <kith/sim/cluster.hpp>
#include <kith/sim/faults.hpp>
#include <kith/sim/history.hpp>
#include <kith/sim/judged_clients.hpp>
#include <kith/sim/judged_histories.hpp>
#include <kith/sim/lifetimes.hpp>
#include <kith/sim/member_rules.hpp>
#include <kith/sim/workload.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kith::sim {

struct run_options {
  std::uint64_t seed = 1;
  /// Absent: 3 to 7, drawn.
  std::optional<std::size_t> members;
  /// Absent: each class with probability one half.
  std::optional<fault_plan> faults;
  /// Absent: majority for every eighth seed, else none.
  std::optional<kith::quorum> quorum;
  /// How long clients work under faults.
  duration length = std::chrono::seconds{30};
};

/// Branches that must not stay unvisited over a range of seeds.
struct branch_count {
  std::string name;
  std::uint64_t count = 0;
  /// Only seeds with quorum = majority can visit it.
  bool of_majority = false;
};
using branch_counts = std::vector<branch_count>;

struct run_report {
  std::uint64_t seed = 0;
  std::size_t members = 0;
  fault_plan faults;
  kith::quorum quorum = kith::quorum::none;
  /// Nothing could become of it: the faults took more than half of a view.
  bool quorum_lost = false;
  key_shape shape = key_shape::even;
  std::uint64_t digest = 0;
  std::uint64_t events = 0;
  workload_counters operations;
  /// O6: how old what a near cache answered may have been at most, by its member's own clock: never
  /// more than max_staleness, whatever stood still.
  duration oldest_near_hit{};
  /// A second and member, after everything was healed.
  std::uint64_t events_at_rest = 0;
  std::uint64_t views = 0;
  std::uint64_t checks = 0;
  std::array<std::uint64_t, fault_count> fault_counts{};
  network_counters network;
  branch_counts branches;
  judged_counters judged;
  std::vector<violation> violations;
  /// Where a read broke a rule: what members knew of its key then. Where a history is none of a
  /// register: its first part that shows it.
  std::string explained;
};

[[nodiscard]] run_report run_seed(const run_options& options);

// --- implementation ---

/// The counters of one life of one member, before it ends.
inline void add_branches(branch_counts& into, const branch_counts& more) {
  if (into.empty()) {
    into = more;
    return;
  }
  for (std::size_t i = 0; i < into.size(); ++i) into[i].count += more[i].count;
}

/// Of those, how loaded values are renewed and end. `sum(name, of_lane)` adds up over the lanes.
template <class Sum>
void sum_of_lifetimes(Sum&& sum) {
  using node::lane;
  sum("loads_uncached", [](const lane& l) { return l.owned().counters().loads_uncached; });
  sum("absences_answered", [](const lane& l) { return l.owned().counters().absences_answered; });
  sum("refreshes", [](const lane& l) { return l.owned().counters().refreshes; });
  sum("refreshes_early", [](const lane& l) { return l.owned().counters().refreshes_early; });
  sum("refreshes_failed", [](const lane& l) { return l.owned().counters().refreshes_failed; });
  sum("refreshes_by_ticket", [](const lane& l) { return l.calls().counters().ticket_refreshes; });
  sum("stale_answered", [](const lane& l) { return l.owned().counters().stale_answered; });
  sum("stale_after_failure",
      [](const lane& l) { return l.owned().counters().stale_after_failure; });
  sum("stale_after_soft_timeout",
      [](const lane& l) { return l.owned().counters().stale_after_soft_timeout; });
  sum("hard_timeouts", [](const lane& l) { return l.owned().counters().hard_timeouts; });
  sum("idle_ends", [](const lane& l) { return l.owned().counters().idle_ends; });
}

/// What became of values that readers had from before.
template <class Sum>
void sum_of_validations(const Sum& sum) {
  using node::lane;
  sum("installs_validated", [](const lane& l) { return l.near().counters().installs_validated; });
  sum("validations_unchanged",
      [](const lane& l) { return l.owned().counters().validations_unchanged; });
  sum("validations_changed",
      [](const lane& l) { return l.owned().counters().validations_changed; });
  sum("validations_absent", [](const lane& l) { return l.owned().counters().validations_absent; });
}

/// How often memory was short.
template <class Sum>
void sum_of_memory(const Sum& sum) {
  using node::lane;
  sum("copies_withheld", [](const lane& l) { return l.owned().counters().copies_withheld; });
  sum("pressure_evictions", [](const lane& l) { return l.owned().counters().pressure_evictions; });
  sum("writes_without_memory",
      [](const lane& l) { return l.owned().counters().writes_without_memory; });
  sum("loads_without_memory",
      [](const lane& l) { return l.owned().counters().loads_without_memory; });
}

/// What the machines of one host counted in this life.
[[nodiscard]] inline branch_counts branches_of(host& of) {
  branch_counts counts;
  const auto sum = [&](const char* name, auto&& of_lane) {
    std::uint64_t total = 0;
    for (const auto& lane : of.lanes()) total += of_lane(*lane);
    counts.push_back({name, total});
  };
  using node::lane;
  sum_of_memory(sum);
  sum_of_validations(sum);
  sum("fills_installed", [](const lane& l) { return l.near().counters().installs; });
  sum("fills_joined", [](const lane& l) { return l.near().counters().joins; });
  sum("followers_served", [](const lane& l) { return l.near().counters().followers_served; });
  sum("followers_reissued", [](const lane& l) { return l.near().counters().followers_reissued; });
  sum("fills_poisoned", [](const lane& l) { return l.near().counters().fills_poisoned; });
  sum("installs_refused", [](const lane& l) { return l.near().counters().refused_poisoned; });
  sum("invalidations", [](const lane& l) { return l.near().counters().invalidations_applied; });
  sum("own_mutations", [](const lane& l) { return l.near().counters().own_mutations_applied; });
  sum("stream_resumes", [](const lane& l) { return l.near().counters().resumes; });
  sum("stream_resets", [](const lane& l) { return l.near().counters().resets; });
  sum("gaps", [](const lane& l) { return l.near().counters().gaps; });
  sum("replays", [](const lane& l) { return l.near().counters().replays_applied; });
  sum("replays_too_old", [](const lane& l) { return l.near().counters().too_old; });
  sum("duplicates", [](const lane& l) { return l.near().counters().duplicates; });
  sum("tags_ended", [](const lane& l) { return l.near().counters().tags_ended; });
  sum("clears_applied", [](const lane& l) { return l.near().counters().clears_applied; });
  sum("bypasses", [](const lane& l) { return l.near().counters().bypasses; });
  sum("disconnects", [](const lane& l) { return l.near().counters().suspicions_by_disconnect; });
  sum("flushes", [](const lane& l) { return l.near().counters().generation_flushes; });
  sum("replies_of_other_epoch",
      [](const lane& l) { return l.near().counters().replies_of_other_epoch; });
  sum("owner_hits", [](const lane& l) { return l.owned().counters().hits; });
  sum("owner_not_fresh", [](const lane& l) { return l.owned().counters().not_fresh; });
  sum("wrong_epoch", [](const lane& l) { return l.owned().counters().wrong_epoch; });
  sum("tokens_lost", [](const lane& l) { return l.owned().counters().tokens_lost; });
  sum("operations_deduplicated",
      [](const lane& l) { return l.owned().counters().retries_answered; });
  sum("tickets_returned", [](const lane& l) { return l.owned().counters().tickets_returned; });
  sum("stale_operations", [](const lane& l) { return l.owned().counters().stale_operations; });
  sum("processors_run", [](const lane& l) { return l.owned().counters().processors_run; });
  sum("processors_failed", [](const lane& l) { return l.owned().counters().processors_failed; });
  sum("loads_failed", [](const lane& l) { return l.owned().counters().loads_failed; });
  sum("loads_timed_out", [](const lane& l) { return l.owned().counters().loads_timed_out; });
  sum("loads_absent", [](const lane& l) { return l.owned().counters().loads_absent; });
  sum_of_lifetimes(sum);
  sum("loads_outrun", [](const lane& l) { return l.owned().counters().loads_outrun; });
  sum("loads_joined", [](const lane& l) { return l.owned().counters().loads_joined; });
  sum("overflows_collapsed",
      [](const lane& l) { return l.owned().counters().overflows_collapsed; });
  sum("late_waiters", [](const lane& l) { return l.owned().counters().late_waiters; });
  sum("fallbacks", [](const lane& l) { return l.calls().counters().fallbacks; });
  sum("call_retries", [](const lane& l) { return l.calls().counters().retries; });
  sum("calls_timed_out", [](const lane& l) { return l.calls().counters().timed_out; });
  const auto& views = of.control().membership().counters();
  const auto add = [&](const char* name, std::uint64_t count, bool of_majority = false) {
    counts.push_back({name, count, of_majority});
  };
  add("takeovers", views.takeovers);
  add("kicked", views.kicked);
  add("merges", views.merges_dissolved);
  add("views_pulled", views.pull_view);
  add("takeover_with_accepted_value", views.takeover_with_accepted_value, true);
  add("nack_by_window", views.nack_by_window, true);
  add("nack_by_ballot", views.nack_by_ballot, true);
  add("authority_lapses", views.authority_lapses, true);
  add("stable_waited_for_fences", views.stable_waited_for_fences, true);
  add("dynamic_linear_tie", views.dynamic_linear_tie, true);
  return counts;
}

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

/// Clients of a cache whose entries end and are renewed, in half of the seeds.
[[nodiscard]] inline lifetime_options draw_lifetimes(std::uint64_t seed, const cluster_options& of,
                                                     const fault_plan& plan) {
  random_source random{seed ^ 0x6C69766573000001u};
  lifetime_options drawn;
  drawn.drawn = random.below(2) == 0;
  drawn.load_most = of.load_most;
  drawn.clocks_run = !plan.has(fault::pause) && !plan.has(fault::freeze);
  return drawn;
}

/// Clients whose answers are judged as histories of registers, which nothing evicts. The seeds that
/// are known to catch something (tests/mutants/table.txt) have none, and stay what they are.
[[nodiscard]] inline judged_options draw_judged(std::uint64_t seed, const fault_plan& plan) {
  judged_options drawn;
  random_source random{seed ^ 0x6A7564670000000Cu};
  drawn.drawn = random.below(8) == 0 && !plan.evictions;
  return drawn;
}

/// What takes part in a run and has something to say at its end.
struct run_parts {
  cluster& members;
  workload& clients;
  lifetime_clients& lifetimes;
  judged_clients& judged;
  checker& judge;
  member_rules& each;
  fault_injector& faults;
};

inline void work_under_faults(const run_parts& in, duration length) {
  in.members.run_until_stable();
  in.clients.open_missing();
  const time_point end = in.members.time().now() + length;
  in.faults.start(end);
  while (in.members.time().now() < end) {
    in.clients.open_missing();
    in.clients.start_clients();
    in.lifetimes.start_missing();
    in.judged.start_missing();
    in.clients.save_or_warm();
    in.members.run_for(std::chrono::milliseconds{200});
  }
}

[[nodiscard]] inline std::vector<violation> heal_and_converge(const run_parts& in) {
  std::vector<violation> wrong;
  in.clients.stop();
  in.lifetimes.stop();
  in.judged.stop();
  in.members.end_hangs();
  in.faults.stop();
  in.members.run_for(fault_injector::over_after + std::chrono::seconds{5});
  in.members.run_until_stable();
  const auto pending = [&] {
    return in.clients.pending() + in.lifetimes.pending() + in.judged.pending();
  };
  if (!in.members.run_until([&] { return pending() == 0; }, std::chrono::seconds{30})) {
    wrong.push_back({"liveness: " + std::to_string(pending()) + " operations have no answer"});
  }
  constexpr std::chrono::seconds rest{3};
  const std::uint64_t before = in.members.time().events();
  in.members.run_for(rest);
  in.each.calm(in.members.time().events() - before, rest);
  in.clients.open_missing();
  for (violation& one : in.clients.converged()) wrong.push_back(std::move(one));
  in.members.run_for(std::chrono::seconds{1});
  in.each.at_rest();
  return wrong;
}

inline void take_results(run_report& report, const run_parts& of) {
  report.digest = of.members.time().digest();
  report.events = of.members.time().events();
  of.clients.finish();
  of.judged.finish();
  report.operations = of.clients.counters();
  report.judged = of.judged.histories().counters();
  report.explained = of.clients.explained() + of.judged.histories().shown();
  report.oldest_near_hit = of.clients.oldest_near_hit();
  report.events_at_rest = of.each.events_at_rest();
  report.views = of.judge.views_seen();
  report.checks = of.judge.checks();
  report.fault_counts = of.faults.counts();
  report.network = of.members.network().counters();
  for (const auto& all :
       {of.clients.violations(), of.lifetimes.violations(), of.judge.violations(),
        of.each.violations(), of.judged.histories().violations()}) {
    report.violations.insert(report.violations.end(), all.begin(), all.end());
  }
}

inline run_report run_seed(const run_options& options) {
  random_source random{options.seed};
  run_report report;
  report.seed = options.seed;
  report.members = options.members.value_or(3 + random.below(5));
  const fault_plan drawn = draw_plan(random);
  fault_plan plan = options.faults.value_or(drawn);
  // Not drawn: the seeds that are known to catch something stay what they are.
  if (!options.faults && options.seed % 16 == 11) plan.enabled.back() = true;
  plan.evictions = !options.faults && options.seed % 32 == 11;
  report.faults = plan;

  cluster_options of;
  of.members = report.members;
  of.seed = random.next();
  of.network.delay_mean = std::chrono::microseconds{50 << random.below(8)};
  of.network.split_per_million = random.below(2) == 0 ? 200'000 : 0;
  random_source rates{options.seed ^ 0x7261746500000001u};
  draw_rates(plan, rates);
  const kith::quorum every_eighth =
      options.seed % 8 == 0 ? kith::quorum::majority : kith::quorum::none;
  report.quorum = of.quorum = options.quorum.value_or(every_eighth);
  workload_options work;
  draw_extremes(random, of, work);
  draw_more_extremes(options.seed, of, work);
  report.shape = work.shape;
  work.memory_short = plan.has(fault::memory);
  work.evictions = plan.evictions;
  cluster members{of};
  checker judge{members, {work.max_staleness, of.quorum, work.evictions}};
  workload clients{members, judge, random.next(), work};
  lifetime_clients lifetimes{members, judge, options.seed, draw_lifetimes(options.seed, of, plan)};
  judged_clients judged{members, judge, options.seed, draw_judged(options.seed, plan)};
  const bool large = of.members > workload_options{}.members_most;
  if (large) plan.interval = std::chrono::seconds{1};
  fault_injector faults{members, plan, of.quorum, random.next()};
  member_rules each{members};
  const run_parts parts{members, clients, lifetimes, judged, judge, each, faults};
  const auto life_ends = [&](host& over) {
    add_branches(report.branches, branches_of(over));
    each.end_of_life(over);
    judge.end_of_life(over);
  };
  members.on_end_of_life(life_ends);
  members.after_each_event([&] {
    judge.look();
    each.look();
  });

  try {
    work_under_faults(parts, options.length);
    for (violation& wrong : heal_and_converge(parts)) {
      report.violations.push_back(std::move(wrong));
    }
  } catch (const std::exception& failed) {
    report.quorum_lost = of.quorum == kith::quorum::majority && members.quorum_lost();
    if (!report.quorum_lost) {
      report.violations.push_back({std::string{"liveness: "} + failed.what()});
    }
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (members.host(i).running()) life_ends(members.host(i));
  }
  members.on_end_of_life({});
  take_results(report, parts);
  // What had no answer gets one, while those who asked live.
  members.stop();
  return report;
}

}  // namespace kith::sim
