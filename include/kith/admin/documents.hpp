// What a member tells of itself as JSON: /stats.json and /cluster.json. Only of itself: a member
// knows the cluster's view, and no other member's numbers.
//
// Boost.JSON is no header-only library by itself: the program links it (Boost::json), or includes
// <boost/json/src.hpp> in one of its own source files.
#pragma once

#include <kith/admin/event_log.hpp>
#include <kith/admin/health.hpp>
#include <kith/cluster/view.hpp>
#include <kith/core/endpoint.hpp>
#include <kith/core/histogram.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/utf8.hpp>
#include <kith/member.hpp>
#include <kith/net/runtime.hpp>
#include <kith/stats.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string_view.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kith::admin {

/// The address of the administration page of the member at an address; empty: not known.
using page_finder = std::function<std::string(const endpoint&)>;

/// Collects metrics by family:
///
///   {"reads": {"type": "counter", "unit": "none", "samples": [
///       {"labels": {"cache": "products", "answer": "near"}, "value": 1},
///       {"labels": {}, "count": 2, "p50": 1024, "p90": ..., "p99": ..., "buckets": [[1024, 2]]}]}
///
/// A bucket is its upper end and its count; empty ones are left out.
class metrics_json {
 public:
  /// What visit_stats calls. Must not outlive this object.
  [[nodiscard]] metric_visitor visitor() {
    return [this](const metric& one) { add(one); };
  }
  void add(const metric& one);
  [[nodiscard]] boost::json::object take() { return std::move(families_); }

 private:
  static void add_histogram(boost::json::object& to, const histogram_view& of);

  boost::json::object families_;
};

/// What /cluster.json says: the view as this member holds it, who is connected to it, and the log
/// of changes that it has heard of. Partitions are listed by their owners' places in "members".
[[nodiscard]] boost::json::object cluster_json(member& of, const event_log& log,
                                               const page_finder& page_of);

// --- implementation ---

inline boost::json::string_view json_view(std::string_view text) {
  return {text.data(), text.size()};
}

inline void metrics_json::add_histogram(boost::json::object& to, const histogram_view& of) {
  to["count"] = of.count();
  to["p50"] = of.percentile(50);
  to["p90"] = of.percentile(90);
  to["p99"] = of.percentile(99);
  boost::json::array& buckets = to["buckets"].emplace_array();
  for (std::size_t i = 0; i < of.counts.size(); ++i) {
    if (of.counts[i] != 0) buckets.push_back(boost::json::array{of.lowest(i + 1), of.counts[i]});
  }
}

inline void metrics_json::add(const metric& one) {
  static constexpr std::string_view types[] = {"counter", "gauge", "histogram"};
  static constexpr std::string_view units[] = {"none", "nanoseconds", "bytes"};
  boost::json::value& entry = families_[json_view(one.name)];
  if (entry.is_null()) {
    entry = boost::json::object{
        {"type", json_view(types[static_cast<std::size_t>(one.type)])},
        {"unit", json_view(units[static_cast<std::size_t>(one.unit)])},
        {"samples", boost::json::array{}}};
  }
  boost::json::object sample;
  boost::json::object& labels = sample["labels"].emplace_object();
  for (const metric_label& label : one.labels) {
    labels[json_view(label.name)] = clean_utf8(label.value);
  }
  if (one.type == metric_type::histogram) {
    add_histogram(sample, one.buckets);
  } else {
    sample["value"] = one.value;
  }
  entry.as_object()["samples"].as_array().push_back(std::move(sample));
}

inline boost::json::array events_json(const event_log& log) {
  boost::json::array found;
  for (const event& one : log.events()) {
    boost::json::object each{{"serial", one.serial},
                             {"time_ms", one.time_ms},
                             {"what", json_view(one.what)},
                             {"view", one.view}};
    if (one.member) each["member"] = clean_utf8(to_string(*one.member));
    if (one.count != 0) each["count"] = one.count;
    found.push_back(std::move(each));
  }
  return found;
}

inline boost::json::array gone_json(const event_log& log) {
  boost::json::array found;
  for (const gone_member& one : log.gone()) {
    found.push_back(boost::json::object{{"address", clean_utf8(to_string(one.address))},
                                        {"time_ms", one.time_ms}});
  }
  return found;
}

inline boost::json::array members_json(const cluster::view& view, const net::runtime& of,
                                       const page_finder& page_of) {
  std::set<endpoint> connected;
  for (const auto& [where, link] : of.peers().links()) connected.insert(where);
  std::vector<std::uint64_t> owned(view.members.size());
  for (const cluster::partition_row& row : view.rows) {
    if (row.owner < owned.size()) ++owned[row.owner];
  }
  const member_id self = of.self();
  boost::json::array found;
  for (std::size_t i = 0; i < view.members.size(); ++i) {
    const cluster::member_record& one = view.members[i];
    const bool own = one.id.same_object(self);
    const bool linked = connected.contains(one.address);
    found.push_back(boost::json::object{
        {"address", clean_utf8(to_string(one.address))},
        {"id", to_string(one.id)},
        {"state", own ? "self" : linked ? "connected" : "not connected"},
        {"partitions", owned[i]},
        {"weight", one.weight},
        {"zone", clean_utf8(one.zone)},
        {"page", page_of ? clean_utf8(page_of(one.address)) : std::string{}}});
  }
  return found;
}

inline boost::json::object cluster_json(member& of, const event_log& log,
                                        const page_finder& page_of) {
  const net::runtime& runs = of.runtime();
  const std::string_view not_ready = why_not_ready(runs);
  boost::json::object page{{"cluster", clean_utf8(runs.cluster_name())},
                           {"member", to_string(of.address())},
                           {"time_ms", wall_clock_ms()},
                           {"ready", not_ready.empty()},
                           {"reason", json_view(not_ready)},
                           {"view", 0},
                           {"members", boost::json::array{}},
                           {"partitions", boost::json::array{}},
                           {"caches", boost::json::array{}},
                           {"gone", gone_json(log)},
                           {"events", events_json(log)}};
  const auto view = runs.view();
  if (view == nullptr) return page;
  page["view"] = view->key.number.value();
  page["members"] = members_json(*view, runs, page_of);
  boost::json::array& owners = page["partitions"].as_array();
  for (const cluster::partition_row& row : view->rows) {
    const bool owned = row.owner < view->members.size();
    owners.push_back(owned ? std::int64_t{row.owner} : std::int64_t{-1});
  }
  for (const cluster::cache_record& cache : view->caches) {
    page["caches"].as_array().push_back(boost::json::object{{"name", clean_utf8(cache.name)}});
  }
  return page;
}

}  // namespace kith::admin
