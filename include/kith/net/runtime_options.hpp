// What the real driver of a node is told, beside the machines' own options.
#pragma once

#include <kith/core/endpoint.hpp>
#include <kith/core/log.hpp>
#include <kith/core/time.hpp>
#include <kith/net/links.hpp>
#include <kith/net/listener.hpp>
#include <kith/net/lookup.hpp>
#include <kith/net/worker_pool.hpp>
#include <kith/node/control.hpp>
#include <kith/node/lane.hpp>
#include <kith/options.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace kith::net {

struct runtime_options {
  /// Members of different clusters never speak to each other.
  std::string cluster = "kith";
  /// The member's id and address are the runtime's to fill in. What discovery finds is added to
  /// the candidates.
  cluster::membership_options membership = {};
  node::lane_options lane = {};
  /// Where else to look for others.
  discovery_options discovery = {.loopback = false};
  /// Who is asked for the addresses of seeds and other names of discovery.
  lookup_function lookup = system_lookup;
  listen_options listen = {};
  /// What others dial; absent: where it listens.
  std::optional<endpoint> advertise = std::nullopt;
  /// Bounds of connections and dials. Identity and hashes are the runtime's to fill in.
  link_options links = {};
  std::size_t io_threads = 1;
  /// 0: none but those of the caches.
  std::uint64_t memory_limit = 0;
  worker_limits workers = {};
  /// How long open() waits for the cluster's agreement.
  duration open_time = std::chrono::seconds{10};
  /// How long stop() waits: for stores to be given what they are owed, for the others to let this
  /// member go, for connections to drain, for loaders to end.
  duration write_time = std::chrono::seconds{5};
  duration leave_time = std::chrono::seconds{11};
  duration drain_time = std::chrono::seconds{2};
  std::chrono::milliseconds worker_time{1000};
  std::function<void(const log_record&)> log = {};
};

}  // namespace kith::net
