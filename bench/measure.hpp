// Measuring for the programs of this folder. Both sides of a ratio run in the same process, turn
// about in short rounds, so that a slow second of the machine falls on both; the figure is the
// median over rounds, which a few interrupted ones do not move.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// Makes the compiler believe that `value` is read and changed here.
template <class T>
inline void keep(T& value) {
  asm volatile("" : : "r"(&value) : "memory");
}

[[nodiscard]] inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

struct plan {
  std::size_t rounds = 400;
  /// Calls in one round of one side.
  std::size_t calls = 2000;
};

/// What one side took: the median over rounds, in nanoseconds a call.
template <std::size_t Sides>
using medians = std::array<double, Sides>;

/// Runs each side in turn, `rounds` times; a side is called with the number of the call.
template <class... Side>
[[nodiscard]] medians<sizeof...(Side)> interleave(plan how, Side&&... side) {
  std::array<std::vector<double>, sizeof...(Side)> taken;
  const auto run = [&](auto& one) {
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < how.calls; ++i) one(i);
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - start;
    return spent.count() / static_cast<double>(how.calls);
  };
  for (std::size_t round = 0; round < how.rounds + 2; ++round) {
    std::size_t at = 0;
    const auto note = [&](double ns) {
      if (round >= 2) taken[at].push_back(ns);  // the first two warm up
      ++at;
    };
    (note(run(side)), ...);
  }
  medians<sizeof...(Side)> result{};
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = median(taken[i]);
  return result;
}

/// Collects a program's figures and prints them last, one line each; with `--json FILE` also there.
class report {
 public:
  /// Prints the method first: what is compared, and how.
  report(int argc, char** argv, std::string_view method) {
    for (int i = 1; i + 1 < argc; ++i) {
      if (std::string_view{argv[i]} == "--json") json_ = argv[i + 1];
    }
    std::printf("%.*s\n", static_cast<int>(method.size()), method.data());
  }
  report(const report&) = delete;
  report& operator=(const report&) = delete;

  void figure(std::string name, double value, std::string unit) {
    figures_.push_back({std::move(name), value, std::move(unit)});
  }

  /// To be called last; returns what main returns.
  [[nodiscard]] int finish() const {
    for (const line& f : figures_) {
      std::printf("figure %s %.4g %s\n", f.name.c_str(), f.value, f.unit.c_str());
    }
    if (json_.empty()) return EXIT_SUCCESS;
    std::FILE* const file = std::fopen(json_.c_str(), "w");
    if (file == nullptr) return EXIT_FAILURE;
    std::fputs("{", file);
    for (std::size_t i = 0; i < figures_.size(); ++i) {
      std::fprintf(file, "%s\n  \"%s\": {\"value\": %.6g, \"unit\": \"%s\"}", i == 0 ? "" : ",",
                   figures_[i].name.c_str(), figures_[i].value, figures_[i].unit.c_str());
    }
    std::fputs("\n}\n", file);
    return std::fclose(file) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  }

 private:
  struct line {
    std::string name;
    double value;
    std::string unit;
  };
  std::vector<line> figures_;
  std::string json_;
};

}  // namespace bench
