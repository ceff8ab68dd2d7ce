// How the options and the fields of a schedule are written, each on its own (schedule.hpp):
// numbers, names, times in seconds to the nanosecond, lists with commas. `read` returns what is
// wrong with the text, or an empty string.
#pragma once

#include <kith/core/time.hpp>
#include <kith/options.hpp>
#include <kith/sim/fault_plan.hpp>
#include <kith/sim/key_choice.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace kith::sim::text_form {

inline constexpr std::string_view nothing = "none";

/// What stands before the first `mark` of `rest`, which keeps what stands behind it.
[[nodiscard]] inline std::string_view take_until(std::string_view& rest, char mark) {
  const std::string_view first = rest.substr(0, rest.find(mark));
  rest.remove_prefix(std::min(rest.size(), first.size() + 1));
  return first;
}

[[nodiscard]] inline std::string write(std::unsigned_integral auto value) {
  return std::to_string(value);
}
template <std::unsigned_integral Number>
[[nodiscard]] std::string read(std::string_view text, Number& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  if (error == std::errc::result_out_of_range) return "is too large";
  if (error != std::errc{} || end != text.data() + text.size()) return "is not a number";
  return {};
}

[[nodiscard]] inline std::string write(bool value) { return value ? "yes" : "no"; }
[[nodiscard]] inline std::string read(std::string_view text, bool& into) {
  into = text == "yes";
  return into || text == "no" ? "" : "is neither yes nor no";
}

[[nodiscard]] inline std::string write(duration value) {
  constexpr std::int64_t second = 1'000'000'000;
  std::string text = std::to_string(value.count() / second);
  if (value.count() % second != 0) {
    const std::string part = std::to_string(second + value.count() % second);
    text += '.' + part.substr(1, part.find_last_not_of('0'));
  }
  return text + 's';
}
[[nodiscard]] inline std::string read(std::string_view text, duration& into) {
  constexpr std::string_view wrong = "is not a time like 1.25s";
  constexpr std::size_t digits = 9;
  if (text.empty() || text.back() != 's') return std::string{wrong};
  text.remove_suffix(1);
  const bool has_part = text.find('.') != std::string_view::npos;
  const std::string_view whole = take_until(text, '.');
  std::uint64_t seconds = 0;
  std::uint64_t part = 0;
  if (whole.size() > digits || text.size() > digits) return "has more than nine digits";
  if (!read(whole, seconds).empty()) return std::string{wrong};
  std::string filled{text};
  filled.resize(digits, '0');
  if ((has_part && text.empty()) || !read(filled, part).empty()) return std::string{wrong};
  into = std::chrono::seconds{seconds} + duration{static_cast<std::int64_t>(part)};
  return {};
}

[[nodiscard]] inline std::string write(kith::quorum value) {
  return value == kith::quorum::majority ? "majority" : std::string{nothing};
}
[[nodiscard]] inline std::string read(std::string_view text, kith::quorum& into) {
  into = text == "majority" ? kith::quorum::majority : kith::quorum::none;
  return text == write(into) ? "" : "is neither none nor majority";
}

[[nodiscard]] inline std::string write(key_shape value) { return std::string{to_string(value)}; }
[[nodiscard]] inline std::string read(std::string_view text, key_shape& into) {
  for (const key_shape one : {key_shape::even, key_shape::zipf, key_shape::hot}) {
    if (text != to_string(one)) continue;
    into = one;
    return {};
  }
  return "is none of even, zipf and hot";
}

[[nodiscard]] inline std::string write(const std::array<bool, fault_count>& enabled) {
  fault_plan plan;
  plan.enabled = enabled;
  return plan.describe();
}
/// Also `all`.
[[nodiscard]] inline std::string read(std::string_view text, std::array<bool, fault_count>& into) {
  into.fill(text == "all");
  if (text == "all" || text == nothing) return {};
  do {
    const std::string_view name = take_until(text, ',');
    bool known = false;
    for (std::size_t i = 0; i < fault_count; ++i) {
      if (to_string(static_cast<fault>(i)) == name) into[i] = known = true;
    }
    if (!known) return "names a fault that there is not: " + std::string{name};
  } while (!text.empty());
  return {};
}

template <class Value>
[[nodiscard]] std::string write(const std::optional<Value>& value) {
  return value ? write(*value) : std::string{nothing};
}
template <class Value>
[[nodiscard]] std::string read(std::string_view text, std::optional<Value>& into) {
  into.reset();
  return text == nothing ? std::string{} : read(text, into.emplace());
}

template <class Value>
[[nodiscard]] std::string write(const std::vector<Value>& values) {
  std::string text;
  for (const Value& one : values) text += (text.empty() ? "" : ",") + write(one);
  return text.empty() ? std::string{nothing} : text;
}
template <class Value>
[[nodiscard]] std::string read(std::string_view text, std::vector<Value>& into) {
  into.clear();
  if (text == nothing) return {};
  do {
    if (std::string wrong = read(take_until(text, ','), into.emplace_back()); !wrong.empty()) {
      return wrong;
    }
  } while (!text.empty());
  return {};
}

}  // namespace kith::sim::text_form
