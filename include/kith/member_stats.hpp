// What one member has counted and holds, apart from its caches (handle/cache_stats.hpp), and the
// metrics of it.
#pragma once

#include <kith/cluster/membership_counters.hpp>
#include <kith/core/endpoint.hpp>
#include <kith/net/runtime_counters.hpp>
#include <kith/net/worker_pool.hpp>
#include <kith/node/counter_rows.hpp>
#include <kith/node/lane_stats.hpp>
#include <kith/stats.hpp>
#include <kith/store/pressure.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kith {

/// The connection to one other member. It counts from its own beginning.
struct peer_stats {
  endpoint peer;
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;
  /// Waits to be written.
  std::uint64_t queue_bytes = 0;
  std::uint64_t queue_messages = 0;
  /// Its requests that this member took on and has not answered.
  std::uint64_t unanswered = 0;
};

/// What a member holds now, in bytes.
struct memory_stats {
  std::uint64_t owned = 0;
  std::uint64_t near = 0;
  /// Listeners, logs, answers kept for retries, jobs and calls.
  std::uint64_t directories = 0;
  std::uint64_t queues = 0;
  /// 0: none.
  std::uint64_t limit = 0;
  store::pressure pressure = store::pressure::none;

  [[nodiscard]] std::uint64_t used() const { return owned + near + directories + queues; }
};

/// One member, since it began. Each number is exact; they are not of one instant.
struct member_stats {
  /// Of the newest view that the member holds; 0 before the first.
  std::uint64_t view_number = 0;
  std::uint64_t members = 0;
  std::uint64_t caches = 0;
  /// Keys and coherence: what the lanes counted. See docs/operations.md.
  node::lane_stats lanes;
  memory_stats memory;
  cluster::membership_counters membership;
  net::runtime_counts driver;
  /// Loads, processors and listeners in this process, now.
  net::worker_pool::occupancy jobs;
  /// Messages that had no way to their member.
  std::uint64_t packets_dropped = 0;
  /// Of peers' errors, beyond the lines a second that are written.
  std::uint64_t log_lines_left_out = 0;
  std::vector<peer_stats> peers;
};

inline void visit_memory(const memory_stats& held, const metric_visitor& visit) {
  const auto part = [&](std::string_view name, std::uint64_t value) {
    const metric_label label{"part", name};
    visit({"memory",
           "What this member holds.",
           metric_type::gauge,
           metric_unit::octets,
           std::span{&label, 1},
           value,
           {}});
  };
  part("owned", held.owned);
  part("near", held.near);
  part("directories", held.directories);
  part("queues", held.queues);
  visit({"memory_limit",
         "What it may hold; 0: no limit but the caches'.",
         metric_type::gauge,
         metric_unit::octets,
         {},
         held.limit,
         {}});
  visit({"memory_rung",
         "How short memory is: 0 not at all, 4 writes are refused.",
         metric_type::gauge,
         metric_unit::none,
         {},
         static_cast<std::uint64_t>(held.pressure),
         {}});
}

/// Calls `visit` once for each metric.
inline void visit_stats(const member_stats& stats, const metric_visitor& visit) {
  const auto one = [&](std::string_view family, std::string_view help, std::uint64_t value,
                       metric_type type = metric_type::gauge,
                       metric_unit unit = metric_unit::none) {
    visit({family, help, type, unit, {}, value, {}});
  };
  const node::lane_stats& lanes = stats.lanes;
  one("view_number", "Of the newest view that this member holds.", stats.view_number);
  one("members", "Members in that view.", stats.members);
  one("caches", "Caches that this member has opened.", stats.caches);
  one("partitions_owned", "Partitions that this member owns.", lanes.partitions_owned);
  one("calls_waiting", "Calls of this member that wait for an answer.", lanes.calls_waiting);
  one("calls_waiting_size", "Their keys and values.", lanes.call_bytes, metric_type::gauge,
      metric_unit::octets);
  one("fills_waiting", "Reads under way that may enter the near cache.", lanes.fills);
  one("loads_waiting", "Loads under way for keys owned here.", lanes.loads);
  one("processors_waiting", "Processors under way for keys owned here.", lanes.processors);
  one("jobs_waiting", "Loads, processors and listeners that wait for a thread.",
      stats.jobs.waiting);
  one("jobs_running", "Loads, processors and listeners that have one.", stats.jobs.running);
  one("jobs_blocked", "Those of them that wait for a call of theirs.", stats.jobs.blocked);
  visit_memory(stats.memory, visit);
  const auto times = [&](std::string_view family, std::string_view help,
                         std::span<const metric_label> labels, const latency_histogram& of) {
    visit({family, help, metric_type::histogram, metric_unit::nanoseconds, labels, 0, of.view()});
  };
  constexpr std::string_view remote = "Calls that another member answered, retries included.";
  const metric_label read{"op", "read"}, write{"op", "write"};
  times("remote_call", remote, std::span{&read, 1}, lanes.read_times);
  times("remote_call", remote, std::span{&write, 1}, lanes.write_times);
  times("invalidation_delay", "From a write to the last acknowledgement of its invalidation.", {},
        lanes.applied_times);
  visit_counters(lanes.reader, node::reader_rows, {}, visit);
  visit_counters(lanes.owner, node::owner_rows, {}, visit);
  visit_counters(lanes.calls, node::call_rows, {}, visit);
  visit_counters(lanes.shipped, node::shipment_rows, {}, visit);
  visit_counters(stats.membership, node::membership_rows, {}, visit);
  visit_counters(stats.driver, net::runtime_rows<std::uint64_t>, {}, visit);
  one("packets_dropped", "Messages that had no way to their member.", stats.packets_dropped,
      metric_type::counter);
  one("log_lines_left_out", "Lines about peers beyond the limit.", stats.log_lines_left_out,
      metric_type::counter);
  for (const peer_stats& each : stats.peers) {
    const std::string name = to_string(each.peer);
    const metric_label label{"peer", name};
    const auto of_peer = [&](std::string_view family, std::string_view help, std::uint64_t value,
                             metric_type type, metric_unit unit) {
      visit({family, help, type, unit, std::span{&label, 1}, value, {}});
    };
    of_peer("peer_sent", "Sent to the peer by this connection.", each.sent_bytes,
            metric_type::counter, metric_unit::octets);
    of_peer("peer_received", "Received from the peer by this connection.", each.received_bytes,
            metric_type::counter, metric_unit::octets);
    of_peer("peer_queue", "Waits to be written to the peer.", each.queue_bytes, metric_type::gauge,
            metric_unit::octets);
    of_peer("peer_queue_length", "Messages that wait to be written to the peer.",
            each.queue_messages, metric_type::gauge, metric_unit::none);
    of_peer("peer_unanswered", "Requests of the peer not answered yet.", each.unanswered,
            metric_type::gauge, metric_unit::none);
  }
}

}  // namespace kith
