// Judges recorded histories of registers: kith_judge_history FILE...
//
// The files are parts of one history, such as one a process, in the form of
// kith/sim/history_text.hpp. Prints a verdict for each key, with what shows a violation, and one in
// all. Exits with 0 where all is linearizable, 1 on a violation, 2 on bad input, and 3 where the
// search of a key took too many steps and nothing is wrong with the others.
#include <kith/sim/history_text.hpp>
#include <kith/sim/linearizability.hpp>
#include <kith/sim/version_order.hpp>

#include <array>
#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

namespace {

using namespace kith::sim;

enum exit_code : int { all_well = 0, violated = 1, bad_input = 2, not_decided = 3 };

constexpr std::size_t bytes_most = std::size_t{256} << 20;

/// The text of a file; absent where it cannot be read, or is longer than `bytes_most`.
std::optional<std::string> contents(const char* file) {
  std::FILE* in = std::fopen(file, "rb");
  if (in == nullptr) return std::nullopt;
  std::string text;
  std::array<char, 65536> part{};
  std::size_t count = 0;
  do {
    count = std::fread(part.data(), 1, part.size(), in);
    text.append(part.data(), count);
  } while (count > 0 && text.size() <= bytes_most);
  const bool whole = std::ferror(in) == 0 && text.size() <= bytes_most;
  std::fclose(in);
  return whole ? std::optional{std::move(text)} : std::nullopt;
}

bool read_file(const char* file, register_histories& into) {
  const std::optional<std::string> text = contents(file);
  if (!text) {
    std::fprintf(stderr, "%s: cannot be read, or is longer than 256 MiB\n", file);
    return false;
  }
  const std::optional<history_error> error = parse_histories(*text, into);
  if (!error) return true;
  std::fprintf(stderr, "%s:%zu: %s %s\n", file, error->line, error->field.c_str(),
               error->what.c_str());
  return false;
}

linearizability judge(const std::string& key, const register_history& history) {
  const std::optional<version_fault> fault = judge_versions(history);
  linearizability_options options;
  options.steps_most += 100 * history.size();
  const linearizability_report report = judge_linearizability(history, options);
  const std::string verdict{to_string(report.verdict)};
  std::printf("key %s: %s, %zu operations, %" PRIu64 " steps\n", key.c_str(), verdict.c_str(),
              history.size(), report.steps);
  if (fault) {
    std::printf("  versions: %s\n    %s\n", fault->what.c_str(), to_text(key, fault->at).c_str());
  }
  if (!report.shown_by.empty()) std::printf("  shown by:\n");
  for (const register_operation& op : report.shown_by) {
    std::printf("    %s\n", to_text(key, op).c_str());
  }
  // Where the search gave up, an order of versions that no register gives decides.
  return fault ? linearizability::broken : report.verdict;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: kith_judge_history FILE...\n");
    return bad_input;
  }
  register_histories all;
  for (int i = 1; i < argc; ++i) {
    if (!read_file(argv[i], all)) return bad_input;
  }
  std::size_t broken = 0;
  std::size_t undecided = 0;
  for (const auto& [key, history] : all) {
    const linearizability verdict = judge(key, history);
    broken += verdict == linearizability::broken ? 1 : 0;
    undecided += verdict == linearizability::undecided ? 1 : 0;
  }
  std::printf("%zu keys: %zu violations, %zu undecided\n", all.size(), broken, undecided);
  if (broken > 0) return violated;
  return undecided > 0 ? not_decided : all_well;
}
