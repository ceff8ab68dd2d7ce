// What a user may choose, with the defaults and what they cost. Plain aggregates: designated
// initialisers are the interface. A value that is not allowed makes the constructor throw
// kith::error(errc::invalid_option) with the field's name; "unlimited" is an absent optional,
// never 0.
#pragma once

#include <kith/core/endpoint.hpp>
#include <kith/core/log.hpp>
#include <kith/core/time.hpp>
#include <kith/loader.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace kith {

/// A number of bytes. Written as a number or with a unit: `64_MiB`. The literal is 64 bits wide;
/// `4096 << 20` is an int and 0.
class byte_count {
 public:
  constexpr byte_count() = default;
  template <std::integral Integer>
  constexpr byte_count(Integer value)  // NOLINT: implicit, so that options read as numbers
      : value_{value < 0 ? 0 : static_cast<std::uint64_t>(value)} {}

  [[nodiscard]] constexpr std::uint64_t value() const { return value_; }
  friend constexpr auto operator<=>(byte_count, byte_count) = default;

 private:
  std::uint64_t value_ = 0;
};

inline namespace literals {
constexpr byte_count operator""_KiB(unsigned long long n) { return byte_count{n << 10}; }
constexpr byte_count operator""_MiB(unsigned long long n) { return byte_count{n << 20}; }
constexpr byte_count operator""_GiB(unsigned long long n) { return byte_count{n << 30}; }
}  // namespace literals

/// How coherent near caches are. `eventual`: a write is seen everywhere about a millisecond later,
/// and never later than `max_staleness` after it.
enum class coherence : std::uint8_t { eventual };

/// What a cluster does when it is cut in two. `none`: each side goes on, and the smaller one gives
/// up its entries when they meet again. `majority`: only the side with most members goes on.
enum class quorum : std::uint8_t { none, majority };

/// Where a read may be answered. `near`: from this member's near cache if it is fresh enough.
/// `owner`: by the owner of the key, always.
enum class read : std::uint8_t { near, owner };

struct near_options {
  /// False: every read of a key owned elsewhere asks its owner.
  bool enabled = true;
  /// Memory for typed objects in this process: encoded size plus a fixed overhead an entry.
  byte_count max_bytes = byte_count{std::uint64_t{64} << 20};
  /// No near hit is older than this, even while invalidations cannot arrive; and no owner that was
  /// cut off serves longer. At least `least_staleness`: a member shows once a heartbeat (1 s) that
  /// it still belongs to its cluster. One heartbeat more keeps hits going through a lost packet.
  ///
  /// Counted on members' own monotonic clocks, which go on while a machine sleeps. A virtual
  /// machine that is suspended from outside has none that does: what is read in the moment in which
  /// it goes on may be as much older as it was suspended.
  duration max_staleness = std::chrono::seconds{3};

  static constexpr duration least_staleness = std::chrono::seconds{2};
};

template <class Key, class Value>
struct cache_options {
  near_options near = {};
  /// This member's share of the cache: its partitions evict their coldest entries above it.
  byte_count max_bytes = byte_count{std::uint64_t{256} << 20};
  kith::coherence coherence = kith::coherence::eventual;
  /// Copies of each entry on other members. Accepted from 0 to 6; this version keeps none yet.
  int backups = 0;
  /// How long an entry lives after it was put; absent: until it is evicted or erased.
  std::optional<duration> ttl = std::nullopt;
  /// Runs at the owner for an absent key, once in the cluster for all who ask meanwhile.
  loader<Key, Value> load = {};
  /// A number that grows whenever the stored form of Key or Value changes.
  std::uint32_t schema = 0;
  /// How long a call may take, retries included.
  duration timeout = std::chrono::seconds{5};
};

/// What every operation takes that has no options of its own.
struct call_options {
  /// How long the call may take, retries included; absent: the cache's `timeout`. One that is not
  /// positive is errc::invalid_argument, here and below.
  std::optional<duration> timeout = std::nullopt;
};

struct get_options {
  kith::read read = kith::read::near;
  /// No near hit older than this; absent: the cache's `near.max_staleness`.
  std::optional<duration> max_age = std::nullopt;
  /// As in call_options.
  std::optional<duration> timeout = std::nullopt;
};

struct put_options {
  /// Lives this long instead of the cache's `ttl`.
  std::optional<duration> ttl = std::nullopt;
  /// As in call_options.
  std::optional<duration> timeout = std::nullopt;
};

/// Where other members may be found. The first member that answers is enough; its cluster tells
/// the rest. All that is given here is tried together, the first 1024 addresses of it, and this
/// member's own address is passed over.
///
/// Names, file and function are asked again as long as the member runs, each on a thread of its own
/// that may block: members that come later or move are found, and clusters that did not know of
/// each other merge (with `quorum = none`; the oldest member of a cluster looks). One that cannot
/// be asked counts as what it said last, and is logged; nothing of it is fatal. Until all have
/// told, a member that finds nobody waits 3 s before it founds a cluster.
///
/// Wherever a host stands it may be a name. It stands for all its addresses then (A and AAAA
/// records), and is looked up again with the rest.
struct discovery_options {
  /// Members on this machine: ports 5801 to 5864 of the loopback address.
  bool loopback = true;
  /// Members that are expected to be there. A name without an address is a failure.
  std::vector<endpoint> seeds = {};
  /// Names under which all members are listed, as headless services of Kubernetes are, and the port
  /// of the members. A name without an address means that nobody is there yet.
  std::vector<endpoint> dns = {};
  /// A text file with one host:port a line, IPv6 addresses in brackets, and comments from a '#' on.
  /// Its changes are taken over; replace it by a rename, so that no half of it is read. Lines that
  /// are no host:port are logged with their numbers, and the others count. Up to 1 MiB.
  std::string file = {};
  /// Anything else: a registry, a table of a database. What it throws is caught and logged. One
  /// that does not return when the member ends is left behind.
  std::function<std::vector<endpoint>()> custom = {};
  /// From an answer to the next question. A change is found so much later at most.
  duration interval = std::chrono::seconds{5};

  static constexpr duration least_interval = std::chrono::milliseconds{100};
  static constexpr duration greatest_interval = std::chrono::hours{24};
  /// Each is a thread.
  static constexpr std::size_t names_max = 32;
};

struct member_options {
  /// Members of different clusters never speak to each other.
  std::string cluster = "kith";
  /// Where this member listens. A port of 0 takes the first free one from 5801 to 5864.
  endpoint bind = {"127.0.0.1", 0};
  /// What other members dial; absent, or its port 0: where it listens. Needed when `bind` is every
  /// address of this machine (0.0.0.0 or ::), which is none that they could dial.
  std::optional<endpoint> advertise = std::nullopt;
  /// Allows a bind that other machines can reach although connections are not authenticated.
  bool insecure = false;
  discovery_options discovery = {};
  kith::quorum quorum = kith::quorum::none;
  /// With `quorum = majority`: the first view forms when so many members have met.
  std::uint32_t bootstrap_expect = 1;
  /// This member's share of the partitions, relative to the others'. 0: owns nothing.
  std::uint32_t weight = 100;
  /// Members of one zone fail together; absent: each member by itself.
  std::string zone = {};
  /// Threads that serve the network.
  std::uint32_t io_threads = 1;
  /// Threads that run loaders and processors. While loaders wait for what they `get`, there are up
  /// to 64 more.
  std::uint32_t loader_threads = 4;
  /// Calls of this member that may wait at a time, a 16th of them in each lane; one more fails with
  /// errc::overloaded. Operations on many keys are a call a key, clear() and size() 1024 calls, so
  /// that is the least.
  std::uint32_t max_pending = 65536;
  /// Gets every log line; absent: warnings and errors go to standard error.
  std::function<void(const log_record&)> log = {};
};

}  // namespace kith
