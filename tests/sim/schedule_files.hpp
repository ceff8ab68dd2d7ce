// Schedules as files: what a failing seed leaves behind, and what is read (main.cpp).
#pragma once

#include <kith/sim/fault_entry.hpp>
#include <kith/sim/schedule.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace kith_sim {

/// Files that cannot be used end the program.
[[nodiscard]] inline kith::sim::schedule read_schedule(const std::string& path) {
  std::ifstream in{path};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  try {
    if (!in) throw std::runtime_error{"cannot be read"};
    return kith::sim::parse_schedule(text);
  } catch (const std::exception& wrong) {
    std::fprintf(stderr, "%s: %s\n", path.c_str(), wrong.what());
    std::exit(2);
  }
}

inline void write_schedule(const std::string& path, const kith::sim::schedule& what,
                           const std::string& comment) {
  std::ofstream out{path};
  std::string text = to_string(what);
  text.insert(text.find('\n') + 1, comment);
  out << text;
  out.flush();
  if (!out) std::fprintf(stderr, "%s: cannot be written\n", path.c_str());
}

/// The schedules in a folder, in the order of their names; a file is one alone.
[[nodiscard]] inline std::vector<std::string> schedules_at(const std::string& path) {
  if (!std::filesystem::is_directory(path)) return {path};
  std::vector<std::string> found;
  for (const auto& one : std::filesystem::directory_iterator{path}) {
    if (one.path().extension() == ".schedule") found.push_back(one.path().string());
  }
  std::ranges::sort(found);
  if (found.empty()) {
    std::fprintf(stderr, "%s: there is no schedule\n", path.c_str());
    std::exit(2);
  }
  return found;
}

/// The run that is under way: a broken invariant ends the process, and its schedule is wanted.
struct run_under_way {
  kith::sim::swarm options;
  kith::sim::fault_log log;
  std::string replay;
};
inline run_under_way* watched = nullptr;

/// Writes what happened so far, and how to see it again.
inline void leave_schedule(const run_under_way& run, std::FILE* told) {
  const std::string path = "seed-" + std::to_string(run.options.seed) + ".schedule";
  write_schedule(path, {run.options, run.log.entries}, {});
  std::fprintf(told, "  options\n%s", to_string(run.options).c_str());
  std::fprintf(told, "  replay: %s --schedule %s\n", run.replay.c_str(), path.c_str());
  std::fflush(told);
}

extern "C" inline void on_abort(int) {
  if (watched != nullptr) leave_schedule(*std::exchange(watched, nullptr), stderr);
}

}  // namespace kith_sim
