// What went wrong in a run, as a text that repeats it: the run's options, and every decision of its
// faults. What clients ask, clocks and the delays of the network are still drawn from the seed.
//
//   kith schedule 1
//   seed: 7                             an option a line; one that is not there has its default,
//   members: 3                          but for seed, members, faults and length
//   faults: pause,late_ticks
//   length: 30s
//   # a comment
//   pause at=1.5s member=0 for=4.25s    then an entry a line, by the time since the faults began
//
// The text outlives what a seed means: a later release may draw other options from the seed.
#pragma once

#include <kith/core/time.hpp>
#include <kith/sim/fault_entry.hpp>
#include <kith/sim/fault_plan.hpp>
#include <kith/sim/schedule_values.hpp>
#include <kith/sim/swarm.hpp>
#include <kith/store/pressure.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace kith::sim {

struct schedule {
  swarm options{};
  std::vector<fault_entry> entries{};
};

/// Text that is no schedule. Says in which line, and of which field.
class schedule_error : public std::runtime_error {
 public:
  schedule_error(std::size_t line, std::string_view field, std::string_view why)
      : std::runtime_error{"line " + std::to_string(line) + ": " + std::string{field} + ": " +
                           std::string{why}} {}
};

[[nodiscard]] std::string to_string(const swarm& options);
[[nodiscard]] std::string to_string(const fault_entry& one);
[[nodiscard]] std::string to_string(const schedule& whole);
/// Throws schedule_error.
[[nodiscard]] schedule parse_schedule(std::string_view text);

// --- implementation ---

inline constexpr std::string_view schedule_title = "kith schedule 1";

inline std::string to_string(const swarm& options) {
  std::string text;
  each_option(options, [&](std::string_view name, const auto& value) {
    text += std::string{name} + ": " + text_form::write(value) + '\n';
  });
  return text;
}

inline std::string to_string(const fault_entry& one) {
  std::string text{name_of(one)};
  each_field(one, [&](std::string_view name, const auto& value) {
    text += ' ' + std::string{name} + '=' + text_form::write(value);
  });
  return text;
}

inline std::string to_string(const schedule& whole) {
  std::string text = std::string{schedule_title} + '\n' + to_string(whole.options);
  for (const fault_entry& one : whole.entries) text += to_string(one) + '\n';
  return text;
}

/// The lines of a text that say something.
class schedule_reader {
 public:
  explicit schedule_reader(std::string_view text) {
    if (text_form::take_until(text, '\n') != schedule_title) {
      throw schedule_error{1, "title", "is not \"" + std::string{schedule_title} + "\""};
    }
    for (; !text.empty(); ++last_) take_line(text_form::take_until(text, '\n'));
  }

  [[nodiscard]] schedule read() {
    schedule whole;
    read_options(whole.options);
    for (const auto& [line, words] : entries_) {
      whole.entries.push_back(read_entry(line, words, whole.options));
    }
    return whole;
  }

 private:
  /// A value and the line in which it stands.
  using values = std::map<std::string_view, std::pair<std::size_t, std::string_view>>;

  void take_line(std::string_view words) {
    if (words.empty() || words.front() == '#') return;
    const std::size_t colon = words.find(": ");
    if (colon == std::string_view::npos) {
      entries_.emplace_back(last_, words);
    } else if (!options_.emplace(words.substr(0, colon), std::pair{last_, words.substr(colon + 2)})
                    .second) {
      throw schedule_error{last_, words.substr(0, colon), "stands there twice"};
    }
  }
  void read_options(swarm& into);
  [[nodiscard]] static fault_entry named(std::size_t line, std::string_view name);
  [[nodiscard]] fault_entry read_entry(std::size_t line, std::string_view words,
                                       const swarm& options) const;
  /// What a run would not survive.
  static void check(std::size_t line, const fault_entry& one, const swarm& options);

  std::size_t last_ = 2;
  values options_;
  std::vector<std::pair<std::size_t, std::string_view>> entries_;
};

inline schedule parse_schedule(std::string_view text) { return schedule_reader{text}.read(); }

inline void schedule_reader::read_options(swarm& into) {
  for (const std::string_view needed : {"seed", "members", "faults", "length"}) {
    if (!options_.contains(needed)) throw schedule_error{last_, needed, "is missing"};
  }
  values unknown = options_;
  each_option(into, [&](std::string_view name, auto& option) {
    const auto found = unknown.find(name);
    if (found == unknown.end()) return;
    const auto [line, value] = found->second;
    const std::string wrong = text_form::read(value, option);
    if (!wrong.empty()) throw schedule_error{line, name, wrong};
    unknown.erase(found);
  });
  for (const auto& [name, at] : unknown) throw schedule_error{at.first, name, "is no option"};
  const auto at_least_one = [&](std::string_view name, std::uint64_t value) {
    if (value == 0) throw schedule_error{options_.at(name).first, name, "is 0"};
  };
  at_least_one("members", into.cluster.members);
  at_least_one("keys", into.work.keys);
}

inline fault_entry schedule_reader::named(std::size_t line, std::string_view name) {
  if (name == reset_within_chunk) return {.which = fault::reset, .within_chunk = true};
  for (std::size_t i = 0; i < fault_count; ++i) {
    if (to_string(static_cast<fault>(i)) == name) return {.which = static_cast<fault>(i)};
  }
  throw schedule_error{line, name, "is no fault, and no option with its colon and blank"};
}

inline fault_entry schedule_reader::read_entry(std::size_t line, std::string_view words,
                                               const swarm& options) const {
  fault_entry one = named(line, text_form::take_until(words, ' '));
  values unknown;
  while (!words.empty()) {
    std::string_view value = text_form::take_until(words, ' ');
    const std::string_view name = text_form::take_until(value, '=');
    if (!unknown.emplace(name, std::pair{line, value}).second) {
      throw schedule_error{line, name, "stands there twice"};
    }
  }
  each_field(one, [&](std::string_view name, auto& field) {
    const auto found = unknown.find(name);
    if (found == unknown.end()) throw schedule_error{line, name, "is missing"};
    const std::string wrong = text_form::read(found->second.second, field);
    if (!wrong.empty()) throw schedule_error{line, name, wrong};
    unknown.erase(found);
  });
  if (!unknown.empty()) {
    const std::string why = "is no field of " + std::string{name_of(one)};
    throw schedule_error{line, unknown.begin()->first, why};
  }
  check(line, one, options);
  return one;
}

inline void schedule_reader::check(std::size_t line, const fault_entry& one, const swarm& options) {
  if (!options.faults.has(one.which)) {
    throw schedule_error{line, name_of(one), "is not among the faults of the run"};
  }
  const auto check_member = [&](std::string_view name, host_index member) {
    if (member < options.cluster.members) return;
    throw schedule_error{line, name, "there is no member " + std::to_string(member)};
  };
  each_field(one, [&](std::string_view name, const auto& field) {
    using type = std::remove_cvref_t<decltype(field)>;
    if constexpr (std::is_same_v<type, host_index>) check_member(name, field);
    if constexpr (std::is_same_v<type, std::optional<host_index>>) {
      if (field) check_member(name, *field);
    }
    if constexpr (std::is_same_v<type, std::vector<host_index>>) {
      for (const host_index member : field) check_member(name, member);
    }
  });
  if (one.rung >= store::pressure_count) throw schedule_error{line, "rung", "is above 4"};
  if (one.which == fault::changeover && one.after.size() != one.side.size()) {
    throw schedule_error{line, "after", "has not one time for each member"};
  }
  // Its occasion may come while the members agree at the end.
  if (awaits(one)) return;
  if (one.at >= options.length) throw schedule_error{line, "at", "is behind the end of the faults"};
  if (one.at + one.length > options.length + faults_over_after) {
    throw schedule_error{line, "for", "goes on for more than 20 s behind the end of the faults"};
  }
}

}  // namespace kith::sim
