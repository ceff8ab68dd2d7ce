// kith_sim --shrink (main.cpp). Each run is a process of its own: some end by a broken invariant.
#pragma once

#include "schedule_files.hpp"

#include <kith/sim/fault_entry.hpp>
#include <kith/sim/run.hpp>
#include <kith/sim/schedule.hpp>
#include <kith/sim/shrink.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace kith_sim {

/// A violation begins with the rule that was broken.
[[nodiscard]] inline std::string rule_of(std::string_view violation) {
  return std::string{violation.substr(0, violation.find(':'))};
}

/// In the child: runs, and writes a line for each rule that was broken. A broken invariant writes
/// its own.
[[noreturn]] inline void report_rules(const kith::sim::schedule& what, int to) {
  constexpr unsigned seconds_most = 300;
  ::alarm(seconds_most);
  ::dup2(to, STDERR_FILENO);
  kith::sim::fault_log log;
  for (const kith::sim::violation& one : run_schedule(what, log).violations) {
    std::fprintf(stderr, "%s\n", rule_of(one.what).c_str());
  }
  std::fflush(stderr);
  ::_exit(0);
}

/// The rules that a run breaks, in their order.
[[nodiscard]] inline std::vector<std::string> broken_rules(const kith::sim::schedule& what) {
  int ends[2];
  if (::pipe(ends) != 0) {
    std::perror("kith_sim: pipe");
    std::exit(2);
  }
  const pid_t child = ::fork();
  if (child < 0) {
    std::perror("kith_sim: fork");
    std::exit(2);
  }
  if (child == 0) report_rules(what, ends[1]);
  ::close(ends[1]);
  std::string told;
  char some[4096];
  for (ssize_t got = 0; (got = ::read(ends[0], some, sizeof some)) > 0;) {
    told.append(some, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  std::vector<std::string> rules;
  for (std::string_view rest = told; !rest.empty();) {
    rules.emplace_back(kith::sim::text_form::take_until(rest, '\n'));
  }
  return rules;
}

/// Writes FILE.small. Returns what the process shall.
inline int shrink_file(const std::string& path, std::size_t runs_most) {
  const kith::sim::schedule failing = read_schedule(path);
  const std::vector<std::string> broken = broken_rules(failing);
  if (broken.empty()) {
    std::printf("%s breaks no rule\n", path.c_str());
    return 1;
  }
  std::printf("%s breaks %s, with %zu entries\n", path.c_str(), broken.front().c_str(),
              failing.entries.size());
  std::fflush(stdout);
  std::size_t runs = 0;
  const auto fails = [&](const kith::sim::schedule& less) {
    const std::vector<std::string> rules = broken_rules(less);
    const bool same = std::ranges::find(rules, broken.front()) != rules.end();
    ++runs;
    if (same) std::printf("  %zu entries, after %zu runs\n", less.entries.size(), runs);
    std::fflush(stdout);
    return same;
  };
  const kith::sim::shrunk small = kith::sim::shrinker{failing, fails, runs_most}.run();
  const std::string into = path + ".small";
  write_schedule(into, small.least, "# breaks " + broken.front() + '\n');
  std::printf("%s: %zu entries, after %zu runs\n", into.c_str(), small.least.entries.size(),
              small.runs);
  return 0;
}

}  // namespace kith_sim
