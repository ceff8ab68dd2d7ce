// One simulated run: a cluster, clients and faults drawn from a seed, every promise checked, and
// then everything healed and quiet, when all must agree. The same seed gives the same run; `digest`
// proves it. So does the schedule that the run leaves behind (schedule.hpp).
#pragma once

#include <kith/core/random.hpp>
#include <kith/core/time.hpp>
#include <kith/sim/checkers.hpp>
#include <kith/sim/cluster.hpp>
#include <kith/sim/fault_entry.hpp>
#include <kith/sim/fault_script.hpp>
#include <kith/sim/faults.hpp>
#include <kith/sim/history.hpp>
#include <kith/sim/judged_clients.hpp>
#include <kith/sim/judged_histories.hpp>
#include <kith/sim/lifetimes.hpp>
#include <kith/sim/member_rules.hpp>
#include <kith/sim/schedule.hpp>
#include <kith/sim/swarm.hpp>
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

/// Branches that must not stay unvisited over a range of seeds.
struct branch_count {
  std::string name;
  std::uint64_t count = 0;
  /// Only seeds with quorum = majority can visit it.
  bool of_majority = false;
};
using branch_counts = std::vector<branch_count>;

struct run_report {
  swarm options;
  /// Nothing could become of it: the faults took more than half of a view.
  bool quorum_lost = false;
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
  judged_counters strong;
  std::vector<violation> violations;
  /// Where a read broke a rule: what members knew of its key then. Where a history is none of a
  /// register: its first part that shows it.
  std::string explained;
};

/// What happens is in `log` as soon as it did: for those who outlive a broken invariant.
[[nodiscard]] run_report run_seed(const run_options& options, fault_log& log);
/// The faults are those of the schedule, all else is drawn from its seeds.
[[nodiscard]] run_report run_schedule(const schedule& what, fault_log& log);

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

/// How copies were made, and what became of them.
template <class Sum>
void sum_of_copies(const Sum& sum) {
  using node::lane;
  sum("feeds_begun", [](const lane& l) { return l.owned().counters().feeds_begun; });
  sum("feeds_in_sync", [](const lane& l) { return l.owned().counters().feeds_in_sync; });
  sum("feeds_broken", [](const lane& l) { return l.owned().counters().feeds_broken; });
  sum("feeds_resent", [](const lane& l) { return l.owned().counters().feeds_resent; });
  sum("feeds_refused", [](const lane& l) { return l.owned().counters().feeds_refused; });
  sum("feeds_passed_over", [](const lane& l) { return l.owned().counters().feeds_passed_over; });
  sum("answers_confirmed", [](const lane& l) { return l.owned().counters().answers_confirmed; });
  sum("answers_held", [](const lane& l) { return l.owned().counters().answers_held; });
  sum("copies_adopted", [](const lane& l) { return l.owned().counters().copies_adopted; });
  sum("copies_adopted_early",
      [](const lane& l) { return l.owned().counters().copies_adopted_early; });
  sum("copy_reads", [](const lane& l) { return l.near().counters().copy_reads; });
}

/// What strong caches did. Only clusters that go on by a majority have them.
template <class Sum>
void sum_of_leases(const Sum& of_any) {
  using node::lane;
  const auto sum = [&](const char* name, auto&& of_lane) { of_any(name, of_lane, true); };
  sum("leases", [](const lane& l) { return l.near().counters().leases; });
  sum("lease_lapsed_in_fill", [](const lane& l) { return l.near().counters().refused_lapsed; });
  sum("strong_fenced", [](const lane& l) { return l.owned().counters().fenced; });
  sum("strong_unsettled", [](const lane& l) { return l.owned().counters().unsettled; });
  sum("strong_hidden", [](const lane& l) { return l.owned().counters().writes_hidden; });
  sum("strong_old_values", [](const lane& l) { return l.owned().counters().old_values_answered; });
  sum("leases_waited_for", [](const lane& l) { return l.owned().counters().leases_waited_for; });
  sum("paroles", [](const lane& l) { return l.owned().counters().paroles; });
  sum("leases_refused", [](const lane& l) { return l.owned().counters().leases_refused; });
}

template <class Sum>
void sum_of_processors(const Sum& sum) {
  using node::lane;
  sum("processors_run", [](const lane& l) { return l.owned().counters().processors_run; });
  sum("processors_failed", [](const lane& l) { return l.owned().counters().processors_failed; });
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
  const auto sum = [&](const char* name, auto&& of_lane, bool of_majority = false) {
    std::uint64_t total = 0;
    for (const auto& lane : of.lanes()) total += of_lane(*lane);
    counts.push_back({name, total, of_majority});
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
  sum_of_copies(sum);
  sum_of_leases(sum);
  sum("operations_deduplicated",
      [](const lane& l) { return l.owned().counters().retries_answered; });
  sum("tickets_returned", [](const lane& l) { return l.owned().counters().tickets_returned; });
  sum("stale_operations", [](const lane& l) { return l.owned().counters().stale_operations; });
  sum_of_processors(sum);
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

/// What takes part in a run and has something to say at its end.
struct run_parts {
  cluster& members;
  workload& clients;
  lifetime_clients& lifetimes;
  judged_clients& judged;
  judged_clients& strong;
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
    in.strong.start_missing();
    in.clients.save_or_warm();
    in.members.run_for(std::chrono::milliseconds{200});
  }
}

/// Caches that members have asked for and that are not agreed on yet.
[[nodiscard]] inline std::size_t opening(cluster& in) {
  std::size_t all = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (in.host(i).running()) all += in.host(i).control().opening();
  }
  return all;
}

[[nodiscard]] inline std::vector<violation> heal_and_converge(const run_parts& in) {
  std::vector<violation> wrong;
  in.clients.stop();
  in.lifetimes.stop();
  in.judged.stop();
  in.strong.stop();
  in.members.end_hangs();
  in.faults.stop();
  in.members.run_for(faults_over_after + std::chrono::seconds{5});
  in.members.run_until_stable();
  const auto pending = [&] {
    return in.clients.pending() + in.lifetimes.pending() + in.judged.pending() +
           in.strong.pending();
  };
  if (!in.members.run_until([&] { return pending() == 0; }, std::chrono::seconds{30})) {
    wrong.push_back({"liveness: " + std::to_string(pending()) + " operations have no answer"});
  }
  // A cache that nobody waits for any more may be agreed on only now, and its copies are made then.
  if (!in.members.run_until([&] { return opening(in.members) == 0; }, std::chrono::seconds{30})) {
    wrong.push_back({"liveness: " + std::to_string(opening(in.members)) + " caches do not open"});
  }
  in.members.run_until_stable();
  constexpr std::chrono::seconds rest{3};
  const std::uint64_t before = in.members.time().events();
  in.members.run_for(rest);
  in.each.calm(in.members.time().events() - before, rest);
  in.clients.open_missing();
  // One of the caches may be the first with copies, which are made now.
  in.members.run_until_stable();
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
  of.strong.finish();
  report.operations = of.clients.counters();
  report.judged = of.judged.histories().counters();
  report.strong = of.strong.histories().counters();
  report.explained =
      of.clients.explained() + of.judged.histories().shown() + of.strong.histories().shown();
  report.oldest_near_hit = of.clients.oldest_near_hit();
  report.events_at_rest = of.each.events_at_rest();
  report.views = of.judge.views_seen();
  report.checks = of.judge.checks();
  report.fault_counts = of.faults.counts();
  report.network = of.members.network().counters();
  report.branches.push_back({"chunks_replayed", report.network.replayed_chunks});
  for (const auto& all : {of.clients.violations(), of.lifetimes.violations(), of.judge.violations(),
                          of.each.violations(), of.judged.violations(), of.strong.violations(),
                          of.faults.violations()}) {
    report.violations.insert(report.violations.end(), all.begin(), all.end());
  }
}

/// What the checker is to ask of such a workload.
[[nodiscard]] inline checker_options promised(const workload_options& of, kith::quorum quorum) {
  return {of.max_staleness,
          quorum,
          of.register_copies.sync,
          of.counter_copies.sync,
          of.row_copies.sync,
          of.token_copies.sync,
          of.evictions,
          of.backup_reads};
}

/// `Source`: a seed of faults or their script.
template <class Source>
run_report run_swarm(const swarm& options, Source source, fault_log& log) {
  run_report report;
  report.options = options;
  const cluster_options& of = options.cluster;
  workload_options work = options.work;
  work.evictions = options.faults.evictions;
  lifetime_options lives = options.lifetimes;
  lives.load_most = of.load_most;
  cluster members{of};
  checker judge{members, promised(work, of.quorum)};
  workload clients{members, judge, options.work_seed, work};
  lifetime_clients lifetimes{members, judge, options.seed, lives};
  judged_clients judged{members, judge, options.seed, options.judged};
  judged_clients strong{members, judge, options.seed, options.strong};
  fault_injector faults{members, options.faults, of.quorum, std::move(source), log};
  member_rules each{members};
  const run_parts parts{members, clients, lifetimes, judged, strong, judge, each, faults};
  const auto life_ends = [&](host& over) {
    add_branches(report.branches, branches_of(over));
    each.end_of_life(over);
    judge.end_of_life(over);
  };
  members.on_end_of_life(life_ends);
  members.after_each_event([&] {
    judge.look();
    each.look();
    faults.look();
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

inline run_report run_seed(const run_options& options, fault_log& log) {
  const swarm drawn = draw_swarm(options);
  return run_swarm(drawn, drawn.fault_seed, log);
}

inline run_report run_schedule(const schedule& what, fault_log& log) {
  return run_swarm(what.options, fault_script{what.entries}, log);
}

}  // namespace kith::sim
