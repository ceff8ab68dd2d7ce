// The command line of kith_sim (main.cpp).
#pragma once

#include <kith/sim/schedule_values.hpp>
#include <kith/sim/swarm.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace kith_sim {

struct settings {
  std::uint64_t first = 1;
  std::uint64_t last = 100;
  bool quiet = false;
  /// Each seed runs again, from the schedule that its run left.
  bool repeat = false;
  /// Files, or folders of them.
  std::string schedule;
  std::string shrink;
  std::uint64_t shrink_runs = 400;
  kith::sim::run_options run;
  std::string replay;  // the options that are not the seeds
};

[[noreturn]] inline void usage(const std::string& wrong) {
  std::fprintf(stderr,
               "kith_sim: %s\n"
               "usage: kith_sim --seeds A:B [--members N] [--faults all|none|NAME,NAME...]\n"
               "                [--quorum none|majority] [--backup-reads yes|no]\n"
               "                [--length SECONDS] [--repeat] [--quiet]\n"
               "       kith_sim --schedule FILE|FOLDER [--quiet]\n"
               "       kith_sim --shrink FILE [--shrink-runs N]\n",
               wrong.c_str());
  std::exit(2);
}

template <class Value>
void read(std::string_view option, std::string_view text, Value& into) {
  const std::string wrong = kith::sim::text_form::read(text, into);
  if (!wrong.empty()) usage(std::string{option} + ' ' + std::string{text} + ": " + wrong);
}

inline void read_seeds(std::string_view range, settings& into) {
  read("--seeds", kith::sim::text_form::take_until(range, ':'), into.first);
  into.last = into.first;
  if (!range.empty()) read("--seeds", range, into.last);
}

/// An option of the runs.
inline void read_option(std::string_view name, std::string_view value, settings& into) {
  into.replay += ' ' + std::string{name} + ' ' + std::string{value};
  if (name == "--members") {
    read(name, value, into.run.members.emplace());
    if (*into.run.members < 1) usage("--members takes a number from 1");
  } else if (name == "--faults") {
    kith::sim::fault_plan& plan = into.run.faults.emplace();
    read(name, value, plan.enabled);
  } else if (name == "--quorum") {
    read(name, value, into.run.quorum.emplace());
  } else if (name == "--backup-reads") {
    read(name, value, into.run.backup_reads.emplace());
  } else if (name == "--length") {
    std::uint64_t seconds = 0;
    read(name, value, seconds);
    into.run.length = std::chrono::seconds{seconds};
  } else {
    usage(std::string{name} + " is no option");
  }
}

inline settings parse(int argc, char** argv) {
  settings chosen;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--quiet" || name == "--repeat") {
      (name == "--quiet" ? chosen.quiet : chosen.repeat) = true;
      continue;
    }
    if (i + 1 == argc) usage(std::string{name} + " has no value");
    const std::string_view value = argv[++i];
    if (name == "--seeds") {
      read_seeds(value, chosen);
    } else if (name == "--schedule") {
      chosen.schedule = value;
    } else if (name == "--shrink") {
      chosen.shrink = value;
    } else if (name == "--shrink-runs") {
      read(name, value, chosen.shrink_runs);
    } else {
      read_option(name, value, chosen);
    }
  }
  return chosen;
}

}  // namespace kith_sim
