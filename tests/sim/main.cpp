// Runs seeds of the simulator: kith_sim --seeds A:B [--members N] [--faults all|none|LIST]
//                              [--quorum none|majority] [--length SECONDS] [--quiet]
//
// One line a seed, with what happened in it. A violation prints the seed, what was broken, and the
// command that replays it. Over a range of 500 seeds or more, a fault or a rare branch that never
// happened is a failure too: what was not visited was not tested. So are judged histories that are
// undecided, if they are more than one in a thousand.
#include <kith/sim/run.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

using namespace kith::sim;

struct settings {
  std::uint64_t first = 1;
  std::uint64_t last = 100;
  bool quiet = false;
  run_options run;
  std::string replay;  // the options that are not the seeds
};

[[noreturn]] void usage(const char* wrong) {
  std::fprintf(stderr,
               "kith_sim: %s\n"
               "usage: kith_sim --seeds A:B [--members N] [--faults all|none|NAME,NAME...]\n"
               "                [--quorum none|majority] [--length SECONDS] [--quiet]\n",
               wrong);
  std::exit(2);
}

std::uint64_t number(std::string_view text, const char* what) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) usage(what);
  return value;
}

fault_plan plan_of(std::string_view list) {
  if (list == "all") return all_faults();
  fault_plan plan;
  if (list == "none") return plan;
  while (!list.empty()) {
    const std::string_view name = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), name.size() + 1));
    bool known = false;
    for (std::size_t i = 0; i < fault_count; ++i) {
      if (to_string(static_cast<fault>(i)) != name) continue;
      plan.enabled[i] = known = true;
    }
    if (!known) usage("--faults names a fault that there is not");
  }
  return plan;
}

settings parse(int argc, char** argv) {
  settings chosen;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--quiet") {
      chosen.quiet = true;
      continue;
    }
    if (i + 1 == argc) usage("an option has no value");
    const std::string_view value = argv[++i];
    if (name == "--seeds") {
      const std::size_t colon = value.find(':');
      chosen.first = number(value.substr(0, colon), "--seeds takes A:B");
      chosen.last = colon == std::string_view::npos
                        ? chosen.first
                        : number(value.substr(colon + 1), "--seeds takes A:B");
      continue;
    }
    chosen.replay += ' ' + std::string{name} + ' ' + std::string{value};
    if (name == "--members") {
      chosen.run.members = number(value, "--members takes a number");
      if (*chosen.run.members < 1) usage("--members takes a number from 1");
    } else if (name == "--faults") {
      chosen.run.faults = plan_of(value);
    } else if (name == "--quorum") {
      if (value != "none" && value != "majority") usage("--quorum takes none or majority");
      chosen.run.quorum = value == "majority" ? kith::quorum::majority : kith::quorum::none;
    } else if (name == "--length") {
      chosen.run.length = std::chrono::seconds{number(value, "--length takes seconds")};
    } else {
      usage("an option is not known");
    }
  }
  return chosen;
}

std::uint64_t count_of(const run_report& report, std::string_view branch) {
  for (const branch_count& one : report.branches) {
    if (one.name == branch) return one.count;
  }
  return 0;
}

void print(const run_report& report) {
  std::printf("seed %" PRIu64 " members %zu quorum %s keys %s faults %s: operations %" PRIu64
              " failed %" PRIu64 " near hits %" PRIu64 " oldest ms %" PRId64 " views %" PRIu64
              " crashes %" PRIu64 " gaps %" PRIu64 " replays %" PRIu64 " checks %" PRIu64
              " bytes %" PRIu64 " events %" PRIu64 " digest %016" PRIx64 "%s\n",
              report.seed, report.members,
              report.quorum == kith::quorum::majority ? "majority" : "none",
              std::string{to_string(report.shape)}.c_str(), report.faults.describe().c_str(),
              report.operations.answered,
              report.operations.failed, report.operations.near_hits,
              static_cast<std::int64_t>(report.oldest_near_hit.count() / 1'000'000), report.views,
              report.fault_counts[static_cast<std::size_t>(fault::crash)] +
                  report.fault_counts[static_cast<std::size_t>(fault::silent_crash)],
              count_of(report, "gaps"), count_of(report, "replays"), report.checks,
              report.network.bytes, report.events, report.digest,
              report.quorum_lost ? " quorum lost" : "");
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
};

void add(judged_counters& into, const judged_counters& more) {
  into.histories += more.histories;
  into.operations += more.operations;
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
  if (all.judged.searched == 0 || all.judged.undecided * 1000 > all.judged.searched) {
    std::printf("never judged: too many histories of registers are undecided, or there are none\n");
    ++missing;
  }
  return missing;
}

}  // namespace

int main(int argc, char** argv) {
  const settings chosen = parse(argc, argv);
  totals all;
  const auto began = std::chrono::steady_clock::now();
  for (std::uint64_t seed = chosen.first; seed <= chosen.last; ++seed) {
    run_options options = chosen.run;
    options.seed = seed;
    const run_report report = run_seed(options);
    ++all.seeds;
    all.operations += report.operations.answered;
    for (std::size_t i = 0; i < fault_count; ++i) {
      all.faults[i] += report.fault_counts[i];
      all.enabled[i] |= report.faults.enabled[i];
    }
    add_branches(all.branches, report.branches);
    all.with_majority += report.quorum == kith::quorum::majority ? 1 : 0;
    all.quorums_lost += report.quorum_lost ? 1 : 0;
    all.near_hits += report.operations.near_hits;
    all.oldest_near_hit = std::max(all.oldest_near_hit, report.oldest_near_hit);
    add(all.judged, report.judged);
    all.events_at_rest = std::max(all.events_at_rest, report.events_at_rest);
    if (!chosen.quiet || !report.violations.empty()) print(report);
    if (report.violations.empty()) continue;
    ++all.failed;
    for (std::size_t i = 0; i < report.violations.size() && i < 10; ++i) {
      std::printf("  VIOLATION %s\n", report.violations[i].what.c_str());
    }
    if (!report.explained.empty()) std::printf("  EXPLAINED\n%s", report.explained.c_str());
    std::printf("  replay: %s --seeds %" PRIu64 ":%" PRIu64 "%s\n", argv[0], seed, seed,
                chosen.replay.c_str());
    std::fflush(stdout);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf("%" PRIu64 " seeds, %" PRIu64 " failed, %" PRIu64
              " operations, %.1f seeds a second\n",
              all.seeds, all.failed, all.operations,
              static_cast<double>(all.seeds) / took.count());
  std::printf("%" PRIu64 " near hits, none older than %" PRId64 " ms; %" PRIu64
              " seeds lost their quorum; at rest up to %" PRIu64 " events a second and member\n",
              all.near_hits, static_cast<std::int64_t>(all.oldest_near_hit.count() / 1'000'000),
              all.quorums_lost, all.events_at_rest);
  std::printf("%" PRIu64 " histories of registers judged, of %" PRIu64 " operations; %" PRIu64
              " undecided\n",
              all.judged.searched, all.judged.operations, all.judged.undecided);
  const int missing = all.seeds >= wide ? unvisited(all) : 0;
  return all.failed > 0 || missing > 0 ? 1 : 0;
}
