// What a member must be told to take part in a cluster, and the times of the protocol with their
// defaults.
#pragma once

#include <kith/cluster/consensus.hpp>
#include <kith/core/endpoint.hpp>
#include <kith/core/time.hpp>
#include <kith/wire/view_records.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kith::cluster {

struct membership_timers {
  duration heartbeat = std::chrono::seconds{1};
  /// F: how long a promise binds and a fence lasts. A silent member is removed later than this.
  duration fence = std::chrono::seconds{4};
  /// A takeover waits this long for each member that is between it and the dead coordinator.
  duration candidate_delay = std::chrono::milliseconds{300};
  /// An unanswered attempt is repeated after this, doubled each time up to the maximum.
  duration attempt_retry = std::chrono::milliseconds{500};
  duration attempt_retry_max = std::chrono::seconds{4};
  /// A member that has not acknowledged its view by then is removed.
  duration ack_timeout = std::chrono::seconds{5};
  /// Observers ask so often whether their subjects are there; five misses are too many.
  duration ping = std::chrono::seconds{1};
  /// Joins wait this long for company; the second where many wait.
  duration join_batch = std::chrono::milliseconds{100};
  duration join_batch_long = std::chrono::seconds{1};
  duration cache_batch = std::chrono::milliseconds{10};
  /// What owners claim of their partitions' copies waits this long for more of it.
  duration row_batch = std::chrono::milliseconds{100};
  duration join_retry = std::chrono::seconds{1};
  duration join_retry_max = std::chrono::seconds{15};
  /// A member that found others without a view goes on alone after this (quorum = none).
  duration discover = std::chrono::seconds{3};
  /// A member that is told to wait starts its search again after this.
  duration join_limit = std::chrono::seconds{15};
  duration leave_limit = std::chrono::seconds{10};
  /// Other clusters of the same name are looked for this often (quorum = none).
  duration probe = std::chrono::seconds{2};
  duration pull_retry = std::chrono::milliseconds{500};
};

/// The times that follow from three: how often members show that they are there, how long a promise
/// binds, and after which silence a member is removed.
[[nodiscard]] inline membership_timers timers_for(duration heartbeat, duration fence,
                                                  duration silence) {
  membership_timers made;
  const auto scaled = [&](duration of) {
    return of * (heartbeat / std::chrono::milliseconds{1}) / 1000;
  };
  made.heartbeat = heartbeat;
  made.fence = fence;
  made.candidate_delay = scaled(made.candidate_delay);
  made.attempt_retry = scaled(made.attempt_retry);
  made.ack_timeout = silence;
  made.ping = silence / 5;
  return made;
}

/// How much of where others may be is known. `part`: a source has not told yet, so that nobody
/// found does not mean that nobody is there.
enum class discovered : std::uint8_t { part, whole };

/// Addresses that a member looks for others at; what is beyond is left out.
inline constexpr std::size_t candidates_max = 1024;

struct membership_options {
  wire::member_record self;
  quorum_mode quorum = quorum_mode::none;
  /// quorum = majority: the first view is made of exactly this many members that found each other.
  std::size_t bootstrap_expect = 1;
  /// Where other members may be. The own address may be among them.
  std::vector<endpoint> candidates;
  discovered extent = discovered::whole;
  membership_timers timers;
};

/// Bounds of what waits for the next view.
inline constexpr std::size_t joins_waiting_max = 1024;
inline constexpr std::size_t joins_many = 50;
/// Members that wait for each other before one asks all others who is left.
inline constexpr int census_places = 30;
inline constexpr std::size_t joins_per_view = 256;

}  // namespace kith::cluster
