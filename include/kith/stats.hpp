// What a member and its caches count, as values that any exporter can walk: member::visit_stats and
// cache::visit_stats call a visitor once for each metric. Names, meanings and what to do when one
// moves are in docs/operations.md.
//
// Each struct of counters has one list of its metrics, from which both the visitor and the sums
// over lanes are made; a list that has a counter twice or lacks one does not compile.
#pragma once

#include <kith/core/histogram.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace kith {

/// counter: only grows while the member lives. gauge: what is there now. histogram: how often
/// values were seen since the member began.
enum class metric_type : std::uint8_t { counter, gauge, histogram };

/// What the numbers of a metric count. Times are in nanoseconds here, whatever an exporter makes of
/// them.
enum class metric_unit : std::uint8_t { none, nanoseconds, octets };

struct metric_label {
  std::string_view name;
  std::string_view value;
};

/// One metric with its value now. What it refers to lives until the visitor returns.
struct metric {
  /// Of the family, without a prefix or a unit: "near_fills_refused". Metrics of one family differ
  /// in the values of their labels.
  std::string_view name;
  std::string_view help;
  metric_type type = metric_type::counter;
  metric_unit unit = metric_unit::none;
  std::span<const metric_label> labels;
  /// Of a counter or a gauge.
  std::uint64_t value = 0;
  /// Of a histogram.
  histogram_view buckets;
};

using metric_visitor = std::function<void(const metric&)>;

/// One row of the list that describes a struct of counters.
template <class Counters, class Number = std::uint64_t>
struct counter_row {
  Number Counters::* field;
  /// Empty: of the family of the row above, under the same label.
  std::string_view family;
  std::string_view help;
  std::string_view label;
  /// The label's value; empty where the family has one metric only.
  std::string_view part;
};

/// True when the list has one row for each counter, which are all that the struct holds.
template <class Counters, std::size_t Rows>
[[nodiscard]] constexpr bool describes_all(const counter_row<Counters> (&rows)[Rows]) {
  for (std::size_t i = 0; i < Rows; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (rows[i].field == rows[j].field) return false;
    }
  }
  return Rows * sizeof(std::uint64_t) == sizeof(Counters);
}

/// Calls `visit` for each row, with `labels` before the row's own.
template <class Counters, std::size_t Rows>
void visit_counters(const Counters& counted, const counter_row<Counters> (&rows)[Rows],
                    std::span<const metric_label> labels, const metric_visitor& visit) {
  std::vector<metric_label> all{labels.begin(), labels.end()};
  const counter_row<Counters>* family = nullptr;
  for (const counter_row<Counters>& row : rows) {
    if (!row.family.empty()) family = &row;
    all.resize(labels.size());
    if (!row.part.empty()) all.push_back({family->label, row.part});
    visit({family->family,
           family->help,
           metric_type::counter,
           metric_unit::none,
           all,
           counted.*row.field,
           {}});
  }
}

template <class Counters, std::size_t Rows>
void add_counters(Counters& sum, const Counters& more, const counter_row<Counters> (&rows)[Rows]) {
  for (const counter_row<Counters>& row : rows) sum.*row.field += more.*row.field;
}

}  // namespace kith
