// Runs seeds of the simulator, or schedules; or shrinks a schedule (settings.hpp has the options).
//
// One line a run, with what happened in it. A violation prints what was broken, all options of the
// run, and the command that replays it, from a schedule that the run leaves in the working
// directory. Over a range of 500 seeds or more, a fault or a rare branch that never happened is a
// failure too: what was not visited was not tested. So are judged histories that are undecided, if
// they are more than one in a thousand.
#include "schedule_files.hpp"
#include "settings.hpp"
#include "shrinking.hpp"

#include <kith/sim/run.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cinttypes>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace {

using namespace kith::sim;
using namespace kith_sim;

std::uint64_t count_of(const run_report& report, std::string_view branch) {
  for (const branch_count& one : report.branches) {
    if (one.name == branch) return one.count;
  }
  return 0;
}

void print(const run_report& report) {
  std::printf(
      "seed %" PRIu64 " members %zu quorum %s keys %s faults %s: operations %" PRIu64
      " failed %" PRIu64 " near hits %" PRIu64 " oldest ms %" PRId64 " views %" PRIu64
      " crashes %" PRIu64 " gaps %" PRIu64 " replays %" PRIu64 " checks %" PRIu64 " bytes %" PRIu64
      " events %" PRIu64 " digest %016" PRIx64 "%s\n",
      report.options.seed, report.options.cluster.members,
      text_form::write(report.options.cluster.quorum).c_str(),
      text_form::write(report.options.work.shape).c_str(), report.options.faults.describe().c_str(),
      report.operations.answered, report.operations.failed, report.operations.near_hits,
      static_cast<std::int64_t>(report.oldest_near_hit.count() / 1'000'000), report.views,
      report.fault_counts[static_cast<std::size_t>(fault::crash)] +
          report.fault_counts[static_cast<std::size_t>(fault::silent_crash)],
      count_of(report, "gaps"), count_of(report, "replays"), report.checks, report.network.bytes,
      report.events, report.digest, report.quorum_lost ? " quorum lost" : "");
  std::printf("  faults");
  for (std::size_t i = 0; i < fault_count; ++i) {
    if (report.fault_counts[i] == 0) continue;
    std::printf(" %s %" PRIu64, std::string{to_string(static_cast<fault>(i))}.c_str(),
                report.fault_counts[i]);
  }
  std::printf("\n  branches");
  for (const branch_count& one : report.branches) {
    if (one.count > 0) std::printf(" %s %" PRIu64, one.name.c_str(), one.count);
  }
  std::printf("\n");
}

/// Seeds from which on every rare branch has to be visited; and of those with a majority.
constexpr std::uint64_t wide = 500;
constexpr std::uint64_t majority_wide = 100;

struct totals {
  std::uint64_t seeds = 0;
  std::uint64_t failed = 0;
  std::uint64_t operations = 0;
  std::array<std::uint64_t, fault_count> faults{};
  std::array<bool, fault_count> enabled{};
  std::uint64_t with_majority = 0;
  std::uint64_t quorums_lost = 0;
  std::uint64_t near_hits = 0;
  kith::duration oldest_near_hit{};
  std::uint64_t events_at_rest = 0;
  branch_counts branches;
  judged_counters judged;
  judged_counters strong;
};

void add(judged_counters& into, const judged_counters& more) {
  into.histories += more.histories;
  into.operations += more.operations;
  into.inheriting += more.inheriting;
  into.searched += more.searched;
  into.undecided += more.undecided;
}

/// What should have happened over the range and did not.
int unvisited(const totals& all) {
  int missing = 0;
  for (std::size_t i = 0; i < fault_count; ++i) {
    if (!all.enabled[i] || all.faults[i] > 0) continue;
    std::printf("never happened: fault %s\n",
                std::string{to_string(static_cast<fault>(i))}.c_str());
    ++missing;
  }
  for (const branch_count& one : all.branches) {
    if (one.count > 0 || (one.of_majority && all.with_majority < majority_wide)) continue;
    std::printf("never visited: branch %s\n", one.name.c_str());
    ++missing;
  }
  const auto undecided = [&](const judged_counters& of) {
    return of.searched == 0 || of.undecided * 1000 > of.searched;
  };
  if (undecided(all.judged) || (all.with_majority >= majority_wide && undecided(all.strong))) {
    std::printf("never judged: too many histories of registers are undecided, or there are none\n");
    ++missing;
  }
  return missing;
}

void add(totals& all, const run_report& report) {
  ++all.seeds;
  all.operations += report.operations.answered;
  for (std::size_t i = 0; i < fault_count; ++i) {
    all.faults[i] += report.fault_counts[i];
    all.enabled[i] |= report.options.faults.enabled[i];
  }
  add_branches(all.branches, report.branches);
  add(all.judged, report.judged);
  add(all.strong, report.strong);
  all.with_majority += report.options.cluster.quorum == kith::quorum::majority ? 1 : 0;
  all.quorums_lost += report.quorum_lost ? 1 : 0;
  all.near_hits += report.operations.near_hits;
  all.oldest_near_hit = std::max(all.oldest_near_hit, report.oldest_near_hit);
  all.events_at_rest = std::max(all.events_at_rest, report.events_at_rest);
  all.failed += report.violations.empty() ? 0 : 1;
}

void print_violations(const run_report& report) {
  for (std::size_t i = 0; i < report.violations.size() && i < 10; ++i) {
    std::printf("  VIOLATION %s\n", report.violations[i].what.c_str());
  }
  if (!report.explained.empty()) std::printf("  EXPLAINED\n%s", report.explained.c_str());
}

/// The same run from its schedule, which was written and read: it has to be the same.
void repeat(run_report& report, const fault_log& log) {
  fault_log again;
  const schedule written = parse_schedule(to_string(schedule{report.options, log.entries}));
  const run_report second = run_schedule(written, again);
  if (second.digest != report.digest || again.entries != log.entries) {
    report.violations.push_back({"schedule: a run from it is another run"});
  }
}

totals run_seeds(const settings& chosen, const std::string& program) {
  totals all;
  std::signal(SIGABRT, on_abort);
  for (std::uint64_t seed = chosen.first; seed <= chosen.last; ++seed) {
    run_options options = chosen.run;
    options.seed = seed;
    run_under_way run{draw_swarm(options), {}, program};
    watched = &run;
    run_report report = run_seed(options, run.log);
    watched = nullptr;
    if (chosen.repeat) repeat(report, run.log);
    add(all, report);
    if (!chosen.quiet || !report.violations.empty()) print(report);
    if (report.violations.empty()) continue;
    print_violations(report);
    leave_schedule(run, stdout);
    std::printf("  replay: %s --seeds %" PRIu64 ":%" PRIu64 "%s\n", program.c_str(), seed, seed,
                chosen.replay.c_str());
    std::fflush(stdout);
  }
  return all;
}

totals run_schedules(const settings& chosen) {
  totals all;
  for (const std::string& path : schedules_at(chosen.schedule)) {
    const schedule what = read_schedule(path);
    if (!chosen.quiet) std::printf("%s\n", path.c_str());
    std::fflush(stdout);
    fault_log log;
    const run_report report = run_schedule(what, log);
    add(all, report);
    if (!chosen.quiet || !report.violations.empty()) print(report);
    if (report.violations.empty()) continue;
    print_violations(report);
    std::printf("  in %s\n", path.c_str());
    std::fflush(stdout);
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  const settings chosen = parse(argc, argv);
  if (!chosen.shrink.empty()) return shrink_file(chosen.shrink, chosen.shrink_runs);
  const bool scheduled = !chosen.schedule.empty();
  const auto began = std::chrono::steady_clock::now();
  const totals all = scheduled ? run_schedules(chosen) : run_seeds(chosen, argv[0]);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf("%" PRIu64 " %s, %" PRIu64 " failed, %" PRIu64 " operations, %.1f a second\n",
              all.seeds, scheduled ? "schedules" : "seeds", all.failed, all.operations,
              static_cast<double>(all.seeds) / took.count());
  std::printf("%" PRIu64 " near hits, none older than %" PRId64 " ms; %" PRIu64
              " seeds lost their quorum; at rest up to %" PRIu64 " events a second and member\n",
              all.near_hits, static_cast<std::int64_t>(all.oldest_near_hit.count() / 1'000'000),
              all.quorums_lost, all.events_at_rest);
  std::printf("%" PRIu64 " histories of registers judged, %" PRIu64
              " of them of owners that began with copies, of %" PRIu64 " operations; %" PRIu64
              " undecided\n",
              all.judged.searched, all.judged.inheriting, all.judged.operations,
              all.judged.undecided);
  std::printf("%" PRIu64 " histories of strong caches judged, of %" PRIu64 " operations; %" PRIu64
              " undecided\n",
              all.strong.searched, all.strong.operations, all.strong.undecided);
  const int missing = all.seeds >= wide ? unvisited(all) : 0;
  return all.failed > 0 || missing > 0 ? 1 : 0;
}
