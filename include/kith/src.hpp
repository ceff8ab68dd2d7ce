// The bodies of member (member.hpp), and by them all that drives it: the part of kith that takes a
// compiler half a minute. member.hpp includes them, so each file that makes a member compiles them.
//
// A program of several such files may do it once. It defines KITH_SEPARATE_COMPILATION for all of
// them, and one of its files is
//
//   #include <kith/src.hpp>
//
// Without that file the program does not link.
#pragma once

#include <kith/member.hpp>
#include <kith/member_port.hpp>
#include <kith/net/addresses.hpp>
#include <kith/net/runtime.hpp>
#include <kith/node/lane_index.hpp>
#include <kith/node/lane_sights.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#ifdef KITH_SEPARATE_COMPILATION
#define KITH_DECL
#else
#define KITH_DECL inline
#endif

namespace kith {

KITH_DECL void member::require_allowed(const discovery_options& where) {
  const auto require_whole = [](const std::vector<endpoint>& all, const std::string& field) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      require(!all[i].host.empty() && all[i].port != 0,
              field + '[' + std::to_string(i) + "]: a host and a port from 1");
    }
  };
  require_whole(where.seeds, "discovery.seeds");
  require_whole(where.dns, "discovery.dns");
  const auto names = std::ranges::count_if(
      where.seeds, [](const endpoint& one) { return net::known_addresses(one.host).empty(); });
  require(where.dns.size() + static_cast<std::size_t>(names) <= where.names_max,
          "discovery.dns and the names in discovery.seeds: at most " +
              std::to_string(where.names_max) + " together");
  const auto in_ms = [](duration time) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
  };
  require(where.interval >= where.least_interval && where.interval <= where.greatest_interval,
          "discovery.interval: " + in_ms(where.least_interval) + " to " +
              in_ms(where.greatest_interval) + " ms");
}

/// Rules C1 to C5 of docs/coherence.md; C1 is as_granted().
KITH_DECL void member::require_allowed(const timing_options& timing) {
  const auto most = timing_options::greatest;
  require(timing.heartbeat >= timing_options::least_heartbeat && timing.heartbeat <= most,
          "timing.heartbeat: 50 ms to 60 s");
  require(timing.fence >= 3 * timing.heartbeat && timing.fence <= most,
          "timing.fence: from three heartbeats to 60 s");
  require(timing.lease >= timing_options::least_lease && timing.lease <= most,
          "timing.lease: 300 ms to 60 s");
  require(timing.silence > cluster::lengthened(timing.fence) && timing.silence <= 2 * most,
          "timing.silence: above 1.05 times timing.fence, to 120 s");
}

KITH_DECL net::runtime_options member::runtime_options_of(member_options&& options) {
  require(!options.cluster.empty() && options.cluster.size() <= wire::limits::name_bytes,
          "cluster: 1 to 128 bytes");
  require(options.io_threads >= 1 && options.io_threads <= 64, "io_threads: 1 to 64");
  require(options.loader_threads >= 1 && options.loader_threads <= 1024,
          "loader_threads: 1 to 1024");
  require(options.max_pending >= partition_count,
          "max_pending: " + std::to_string(partition_count) + " or more, one a partition");
  require(options.bootstrap_expect >= 1, "bootstrap_expect: 1 or more");
  require(!options.memory_limit || options.memory_limit->value() > 0,
          "memory_limit: must be above 0; absent is none");
  require(options.zone.size() <= wire::limits::name_bytes, "zone: at most 128 bytes");

  net::runtime_options made;
  made.cluster = std::move(options.cluster);
  require_allowed(options.discovery);
  require_allowed(options.timing);
  made.discovery = std::move(options.discovery);
  made.membership.quorum = options.quorum == quorum::majority ? cluster::quorum_mode::majority
                                                              : cluster::quorum_mode::none;
  made.membership.timers =
      cluster::timers_for(options.timing.heartbeat, options.timing.fence, options.timing.silence);
  made.lane.replica.serve_window = options.timing.fence;
  made.lane.replica.lease = options.timing.lease;
  made.lane.replica.lease_patience =
      std::max<duration>(std::chrono::milliseconds{100}, options.timing.lease / 8);
  made.membership.bootstrap_expect = options.bootstrap_expect;
  made.membership.self.weight = options.weight;
  made.membership.self.zone = std::move(options.zone);
  made.listen.host = options.bind.host;
  made.listen.first_port = options.bind.port != 0 ? options.bind.port : loopback_first_port;
  made.listen.last_port = options.bind.port != 0 ? options.bind.port : loopback_last_port;
  made.listen.insecure = options.insecure;
  made.advertise = std::move(options.advertise);
  made.io_threads = options.io_threads;
  made.workers.threads = options.loader_threads;
  made.lane.router.pending_max = options.max_pending / node::lane_count;
  if (options.memory_limit) made.memory_limit = options.memory_limit->value();
  made.log = std::move(options.log);
  return made;
}

KITH_DECL member::member(member_options options) : leave_timeout_{options.leave_timeout} {
  require(leave_timeout_ > duration{}, "leave_timeout: must be positive");
  runtime_ = net::runtime::make(runtime_options_of(std::move(options)));
  port_ = std::make_shared<member_port>(runtime_);
  runtime_->start();
}

KITH_DECL bool member::leave() {
  const bool taken = runtime_->drain(leave_timeout_);
  runtime_->stop();
  return taken;
}

KITH_DECL member::~member() {
  runtime_->stop();
  port_->forget_states();
}

KITH_DECL subscription member::on_view(std::function<void(const view_event&)> listener) {
  if (!listener) throw error{errc::invalid_argument, "on_view: there is no function"};
  return net::listen_to_views(runtime_, std::move(listener));
}

KITH_DECL void member::set_memory_limit(std::optional<byte_count> limit) {
  if (limit && limit->value() == 0) {
    throw error{errc::invalid_option, "memory_limit: must be above 0; absent is none"};
  }
  runtime_->set_memory_limit(limit ? limit->value() : 0);
}

KITH_DECL const endpoint& member::address() const { return runtime_->local(); }

KITH_DECL std::shared_ptr<handle::port> member::port() const { return port_; }

KITH_DECL std::uint64_t member::view_number() const {
  const auto view = runtime_->view();
  return view == nullptr ? 0 : view->key.number.value();
}

KITH_DECL std::vector<endpoint> member::members() const {
  std::vector<endpoint> found;
  const auto view = runtime_->view();
  if (view == nullptr) return found;
  for (const cluster::member_record& one : view->members) found.push_back(one.address);
  return found;
}

KITH_DECL member_stats member::stats() const {
  member_stats now;
  if (runtime_->in_child()) return now;
  if (const auto view = runtime_->view()) {
    now.view_number = view->key.number.value();
    now.members = view->members.size();
  }
  now.caches = runtime_->caches().size();
  runtime_->for_each_lane([&](const node::lane& each) { node::add_lane(now.lanes, each); });
  const net::sampled_memory held = runtime_->sample_memory();
  now.memory = {now.lanes.owned_bytes,      held.near,
                now.lanes.directory_bytes,  held.queues,
                runtime_->memory().limit(), runtime_->memory().pressure()};
  now.membership = runtime_->membership_counters();
  now.driver = net::read(runtime_->counters());
  now.jobs = runtime_->workers().held();
  now.packets_dropped = runtime_->peers().dropped();
  now.log_lines_left_out = runtime_->log().left_out();
  // By address: a member that began anew is the same peer to who looks at it.
  std::map<endpoint, peer_stats> peers;
  for (const auto& [where, link] : runtime_->peers().links()) {
    const net::connection::traffic more = link->traffic_now();
    peer_stats& of = peers[where];
    of.peer = where;
    of.sent_bytes += more.sent_bytes;
    of.received_bytes += more.received_bytes;
    of.queue_bytes += more.queue_bytes;
    of.queue_messages += more.queue_messages;
    of.unanswered += more.unanswered;
  }
  for (auto& [where, of] : peers) now.peers.push_back(std::move(of));
  return now;
}

KITH_DECL void member::visit_stats(const metric_visitor& visit) const {
  if (runtime_->in_child()) return;
  kith::visit_stats(stats(), visit);
  for (const auto& cache : runtime_->caches()) cache->visit_stats(visit);
}

}  // namespace kith

#undef KITH_DECL
