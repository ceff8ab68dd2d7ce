// What a user may choose, with the defaults and what they cost. Plain aggregates: designated
// initialisers are the interface. A value that is not allowed makes the constructor throw
// kith::error(errc::invalid_option) with the field's name; "unlimited" is an absent optional,
// never 0.
#pragma once

#include <kith/causal_token.hpp>
#include <kith/core/endpoint.hpp>
#include <kith/core/log.hpp>
#include <kith/core/time.hpp>
#include <kith/loader.hpp>
#include <kith/writer.hpp>

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
///
/// `strong`: operations on one key are linearizable, reads from near caches too. A write returns
/// when every member that may have an older value near has dropped it, or has lost the lease to
/// serve it, and when the synchronous copies have the write. Until then readers get the value
/// before. A member that does not answer holds a write up for about 1.2 times `timing.lease`; one
/// that hears no majority serves nothing. An entry that was evicted, or whose owner and copies are
/// all gone, is absent: a hit is never old. Needs `quorum = majority`, and `backups` or a store
/// that is written through; takes neither `async_backups`, nor a loader, nor a merge. See
/// docs/coherence.md.
enum class coherence : std::uint8_t { eventual, strong };

/// What a cluster does when it is cut in two. `none`: each side goes on, and the smaller one gives
/// up its entries when they meet again. `majority`: only the side with most members goes on.
enum class quorum : std::uint8_t { none, majority };

/// What a member does, cache by cache, that is cut off from the majority of its cluster (`quorum =
/// majority`; with `none` nobody ever is). It knows after twice as long as a fence lasts, 8 s: a
/// coordinator that dies is replaced sooner, and calls wait for that. From then on what is not
/// allowed here ends at once with errc::no_quorum. `read_only`: near entries are read as long as
/// they are fresh enough, and beyond that with `serve_stale`; nothing is written. `stop`: nothing
/// is answered. `go_on`: what this member owns is read and written, by its own callers; if others
/// took over meanwhile, what was written is given up when it comes back.
enum class minority_policy : std::uint8_t { read_only, stop, go_on };

/// What becomes of keys that a side of a cut has written when it gives way to the other one, and
/// all its entries are given up: with `quorum = none` when the two meet, and with `minority_policy
/// = go_on`. `discard`: the other side keeps what it has of them. `invalidate`: it drops them, so
/// that they are read from the database anew. `newest`: for each of them it takes the entry with
/// the higher version. Versions of two sides do not say which write came later: it is a choice that
/// is the same at all members, and no truth.
enum class merge_policy : std::uint8_t { discard, invalidate, newest };

/// Where a read may be answered. `near`: from this member's near cache if it is fresh enough.
/// `backup`: also from the copy that this member keeps of the key's partition, if writes of the
/// cache wait for it (`backups`), without a message; it is decoded each time, and counts as no use
/// of an entry that ends when it is not used. What it finds may be older than what its owner has,
/// but within an epoch never older than what this member has seen of the key, and never older than
/// a write that was acknowledged `near.max_staleness` ago. Where a loader would have to be asked,
/// and of a cache that writes through or has entries loaded anew (`refresh_after`,
/// `early_refresh`), the owner answers. errc::invalid_argument of a strong cache. `owner`: by the
/// owner of the key, always.
enum class read : std::uint8_t { near, backup, owner };

struct near_options {
  /// False: every read of a key owned elsewhere asks its owner.
  bool enabled = true;
  /// True: keys that this member owns are kept decoded too, so that a hit on one costs what a near
  /// hit costs, and no decoding. Their memory is then held twice: encoded in the owner's share
  /// (`max_bytes` of the cache), and as an object here.
  bool local = false;
  /// Memory for typed objects in this process: encoded size plus a fixed overhead an entry. Can be
  /// changed at run time (cache::set_near_max_bytes).
  byte_count max_bytes = byte_count{std::uint64_t{64} << 20};
  /// No near hit is older than this, even while invalidations cannot arrive; and no owner that was
  /// cut off serves longer, unless the cache asks for it (`serve_stale`, `minority_policy`). At
  /// least `least_staleness`, and a second more than the member's `timing.heartbeat`: so often it
  /// shows that it still belongs to its cluster. One heartbeat more keeps hits going through a lost
  /// packet.
  ///
  /// Counted on members' own monotonic clocks, which go on while a machine sleeps. A virtual
  /// machine that is suspended from outside has none that does: what is read in the moment in which
  /// it goes on may be as much older as it was suspended.
  duration max_staleness = std::chrono::seconds{3};

  static constexpr duration least_staleness = std::chrono::seconds{2};
};

/// How loaded entries are renewed, and what is answered meanwhile or instead. All of it happens at
/// the owner of a key, by the owner's options. Absent: off. See docs/loading.md.
struct loading_options {
  /// How long the owner remembers that the loader found nothing.
  std::optional<duration> negative_ttl = std::nullopt;
  /// The first read of an entry that was written so long ago gets the old value, and starts one
  /// load in the cluster that replaces it. Below the time to live, or there is nothing to refresh.
  std::optional<duration> refresh_after = std::nullopt;
  /// For so long after its end a value is answered at once, while it is loaded anew.
  std::optional<duration> stale_while_revalidate = std::nullopt;
  /// For so long after its end a value is answered if loading it anew fails.
  std::optional<duration> stale_if_error = std::nullopt;
  /// A read that waited so long for a load gets the value whose time is over, if there is one that
  /// the two above allow. The load goes on.
  std::optional<duration> soft_timeout = std::nullopt;
  /// A read that waited so long gets errc::load_failed, unless there is a value as above. The load
  /// goes on. Absent: 30 seconds, and then nobody believes in the load any more.
  std::optional<duration> hard_timeout = std::nullopt;
  /// Reads near the end of an entry refresh it at random, the more likely the longer its load took:
  /// 1 is the best guess, more is earlier (XFetch's beta). From 2^-16 to 16.
  std::optional<double> early_refresh = std::nullopt;
  /// Keys that one call of `load_many` gets at most. At least 1.
  std::uint32_t load_many_max = 256;

  static constexpr double least_early = 1.0 / 65536;
  static constexpr double most_early = 16;
};

template <class Key, class Value>
struct cache_options {
  near_options near = {};
  /// This member's share of the cache: its partitions evict their coldest entries above it. An
  /// entry counts as its key and value, each as the allocator rounds it up, and 141 bytes; 16 more
  /// with a time to live, 32 more with `idle` or refreshes. Can be changed at run time
  /// (cache::set_max_bytes).
  byte_count max_bytes = byte_count{std::uint64_t{256} << 20};
  kith::coherence coherence = kith::coherence::eventual;
  /// Copies of each entry on other members, never two on one, and outside the owner's zone where
  /// there are members. A write is answered when they have it, as far as there are so many members;
  /// what was answered survives the loss of all but one of those who have it. From 0 to 6.
  int backups = 0;
  /// As many more that no write waits for: they may miss what was answered last. From 0 to 6, and 6
  /// together with `backups`.
  int async_backups = 0;
  /// How long an entry lives after it was put; absent: until it is evicted or erased.
  std::optional<duration> ttl = std::nullopt;
  /// Entries live up to this much shorter than `ttl`, each by its own part, so that what was
  /// written together does not end together. Not above `ttl`.
  std::optional<duration> ttl_jitter = std::nullopt;
  /// An entry ends when nobody read or wrote it for so long. Reads count at its owner, so a near
  /// copy lives at most half as long.
  std::optional<duration> idle = std::nullopt;
  /// How long one entry lives, from its key and its value, where it is put or loaded without a time
  /// to live of its own; absent: `ttl`. Runs at the member that puts or loads. What it throws is an
  /// error of the put, as what a codec throws, and is counted in `writes_failed`; to those who wait
  /// for a load it is what the loader threw.
  std::function<std::optional<duration>(const Key&, const Value&)> expiry = {};
  /// Runs at the owner for an absent key, once in the cluster for all who ask meanwhile.
  loader<Key, Value> load = {};
  /// The same for many keys: what a get_many finds absent at one owner goes to one call. It loads
  /// single keys too where there is no `load`.
  bulk_loader<Key, Value> load_many = {};
  loading_options loading = {};
  /// Writes the row of an entry that is put or erased, at the owner. All members that open the
  /// cache have one, or none. See docs/writing.md.
  writer<Key, Value> write = {};
  /// The same for many rows, for `behind`. It writes single rows too where there is no `write`.
  bulk_writer<Key, Value> write_many = {};
  /// `through`: the store has a write before the cache has it and before its caller is answered.
  /// `behind`: later, and the copies keep what it was not given yet.
  kith::write_mode write_mode = kith::write_mode::through;
  write_behind_options write_behind = {};
  /// A `write` that has not returned by then may have written, or may yet: errc::write_uncertain.
  /// Positive.
  duration write_timeout = std::chrono::seconds{10};
  /// For so long after that, what is loaded of the key is answered and not kept. As long as the
  /// store may take to do what it was told, or more. Absent: `write_timeout`. Positive.
  std::optional<duration> uncertain_for = std::nullopt;
  /// Each member's own choice.
  kith::minority_policy minority_policy = kith::minority_policy::read_only;
  /// With `read_only` and `go_on`: while this member is cut off from the majority, near entries,
  /// and what it owns, are read however old they are, except by a get that names its `max_age`.
  /// Off, as it is what `near.max_staleness` rules out.
  bool serve_stale = false;
  /// Each member's own choice, for what it owned. Absent: `invalidate` with a loader, or else
  /// `discard`. With `invalidate` a member remembers the keys of the last writes, and of all since
  /// others were lost, up to 65,536; beyond that whole partitions are dropped.
  std::optional<kith::merge_policy> merge_policy = std::nullopt;
  /// Instead of the version: the value that is to be there from now on, none to erase it, from what
  /// the survivors have and what was written on the other side; nullptr where there is none. Runs
  /// at the owner, as processors do, perhaps more than once; all members should have the same.
  std::function<std::optional<Value>(const Key&, const Value* theirs, const Value* ours)> merge =
      {};
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

/// For cache::warm_near.
struct warm_options {
  /// How long owners may be asked. What was not asked for by then is left out. The stream is read
  /// before, to the end of the snapshot, however long that takes.
  duration timeout = std::chrono::seconds{30};
};

struct get_options {
  kith::read read = kith::read::near;
  /// No near hit older than this, no value so long after its end (loading_options), and no copy
  /// that the coordinator has not confirmed for so long; absent: the cache's `near.max_staleness`,
  /// and what its owner allows.
  std::optional<duration> max_age = std::nullopt;
  /// Nothing older than the write that this names (cache::token). A near hit that may be older is
  /// passed over for the owner. errc::lost_write where all who had the write are gone;
  /// errc::invalid_argument where the token is of another cache or partition than the key's.
  std::optional<causal_token> after = std::nullopt;
  /// As in call_options.
  std::optional<duration> timeout = std::nullopt;
};

struct put_options {
  /// Lives this long instead of the cache's `ttl`.
  std::optional<duration> ttl = std::nullopt;
  /// As in call_options.
  std::optional<duration> timeout = std::nullopt;
  /// Names that entries share, up to 16 of 1 to 128 bytes: `invalidate_tag` drops all entries that
  /// have one. They take the place of those that the entry had; `add`, `invoke` and `touch` leave
  /// an entry its tags.
  std::vector<std::string> tags = {};
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

/// How soon a cluster acts on what it does not hear. All of its members must say the same, or they
/// refuse each other's connections.
struct timing_options {
  /// Each member shows its coordinator that it is there, and hears that it still belongs to it.
  duration heartbeat = std::chrono::seconds{1};
  /// With `quorum = majority`: who was not confirmed for so long owns nothing and serves no strong
  /// cache. At least three heartbeats. When the coordinator dies, the others wait as long before
  /// one of them takes its place.
  duration fence = std::chrono::seconds{4};
  /// How long a near entry of a strong cache may be read after its owner was last heard. 1.2 times
  /// as long can a member that does not answer hold up a write. From 300 ms to a minute.
  duration lease = std::chrono::seconds{3};
  /// A member that is silent for so long is removed. Above `fence` by more than a 20th of it: who
  /// is removed serves nothing any more.
  duration silence = std::chrono::seconds{5};

  /// For members on one fast network: five times as fast, and as many more heartbeats.
  [[nodiscard]] static constexpr timing_options fast() {
    using std::chrono::milliseconds;
    return {milliseconds{200}, milliseconds{700}, milliseconds{500}, milliseconds{1000}};
  }
  [[nodiscard]] static constexpr timing_options normal() { return {}; }
  /// For members far from each other: networks may be away for ten seconds and nobody is removed.
  [[nodiscard]] static constexpr timing_options wan() {
    using std::chrono::seconds;
    return {seconds{2}, seconds{10}, seconds{8}, seconds{15}};
  }

  static constexpr duration least_heartbeat = std::chrono::milliseconds{50};
  static constexpr duration least_lease = std::chrono::milliseconds{300};
  static constexpr duration greatest = std::chrono::minutes{1};
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
  timing_options timing = {};
  /// With `quorum = majority`: the first view forms when so many members have met.
  std::uint32_t bootstrap_expect = 1;
  /// This member's share of the partitions, relative to the others'. 0: owns nothing.
  std::uint32_t weight = 100;
  /// Members of one zone fail together; absent: each member by itself.
  std::string zone = {};
  /// Threads that serve the network.
  std::uint32_t io_threads = 1;
  /// Threads that run loaders, processors and listeners. While some wait for what they `get`, there
  /// are up to 64 more.
  std::uint32_t loader_threads = 4;
  /// Calls of this member that may wait at a time, a 16th of them in each lane; one more fails with
  /// errc::overloaded. Operations on many keys are a call a key, clear() and size() 1024 calls, so
  /// that is the least.
  std::uint32_t max_pending = 65536;
  /// For all that this member holds: entries that it owns, near caches, what it remembers of its
  /// listeners and callers, and what waits to be sent. Absent: the caches' own limits alone.
  ///
  /// Near it the member gives up, in this order: new near copies at other members (from 85 % on),
  /// its own near caches but for a sixteenth (90 %), its coldest entries (95 %), and writes, which
  /// end with errc::out_of_memory (100 %). So leave room: the caches' `max_bytes` and
  /// `near.max_bytes` together below 85 % of it, or what is over is given up all the time. What the
  /// library counts is within a tenth of what the allocator gives out. Above 0. Can be changed at
  /// run time (member::set_memory_limit).
  std::optional<byte_count> memory_limit = std::nullopt;
  /// How long member::leave waits for the others to take over what this member has. Positive.
  duration leave_timeout = std::chrono::seconds{20};
  /// Gets every log line; absent: warnings and errors go to standard error.
  std::function<void(const log_record&)> log = {};
};

}  // namespace kith
