// A cluster in one thread on virtual time, for tests of kith and of services that use it.
//
//   kith::sim::cluster cluster({.members = 3, .seed = 42});
//   cluster.run_until_stable();
//   auto flags = cluster.cache<std::string, std::string>(0, "flags");
//   flags.put("dark-mode", "on");     // blocking calls let virtual time pass until they are done
//   cluster.crash(1);
//
// The members are the real machines on a simulated network; the same seed gives the same run.
// Not thread-safe: one thread, no real I/O, no sleeping.
#pragma once

#include <kith/cache.hpp>
#include <kith/codec_boost.hpp>
#include <kith/core/random.hpp>
#include <kith/core/time.hpp>
#include <kith/error.hpp>
#include <kith/handle/port.hpp>
#include <kith/options.hpp>
#include <kith/sim/host.hpp>
#include <kith/sim/network.hpp>
#include <kith/sim/scheduler.hpp>

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

namespace kith::sim {

struct cluster_options {
  std::size_t members = 3;
  std::uint64_t seed = 1;
  /// Tells snapshots of near caches apart, and nothing else: hosts meet those that they reach.
  std::uint64_t name_hash = 0;
  kith::quorum quorum = kith::quorum::none;
  network_options network = {};
  kith::cluster::membership_timers timers = {};
  node::lane_options lane = {};
  /// Each member is told where this many of the first members are.
  std::size_t seeds = 16;
  /// A load takes between the two.
  duration load_least = std::chrono::microseconds{200};
  duration load_most = std::chrono::milliseconds{5};
  /// One in so many loads takes an hour. 0: none.
  std::uint64_t load_hang_every = 0;
  /// Every other caller takes up to so long to decode what its near cache may keep.
  duration decode_most{};
  /// Members' clocks are too fast or too slow by up to so many millionths.
  std::uint32_t clock_drift_ppm = 0;
  /// False: the hosts exist but none has been started.
  bool start = true;
  /// How long run_until_stable may take.
  duration stable_limit = std::chrono::seconds{60};
  /// How long a member waits for a cache to be agreed on.
  duration open_limit = std::chrono::seconds{30};
};

class cluster {
 public:
  explicit cluster(const cluster_options& options);
  cluster(const cluster&) = delete;
  cluster& operator=(const cluster&) = delete;
  ~cluster() { stop(); }

  /// A handle of member `index` to a cache; opens it. Blocks in virtual time. Throws kith::error.
  template <class Key, class Value>
  [[nodiscard]] kith::cache<Key, Value> cache(std::size_t index, const std::string& name,
                                              cache_options<Key, Value> options = {}) {
    return kith::cache<Key, Value>::open(port_of(index), name, std::move(options), salts_.next());
  }

  /// Starts a member that is not running, as a new one.
  void start(std::size_t index);
  /// The process is killed: its peers' connections are reset.
  void crash(std::size_t index);
  /// The machine dies: its peers hear nothing.
  void crash_silently(std::size_t index);
  /// No load that begins from now on hangs.
  void end_hangs() { options_.load_hang_every = 0; }
  void pause(std::size_t index, duration length) { hosts_[index]->pause(length); }
  /// A pause in which the member's own clock stands still.
  void freeze(std::size_t index, duration length) { hosts_[index]->freeze(length); }
  /// Leaves in order and returns when it has left.
  void leave(std::size_t index);

  /// The two members no longer reach each other.
  void cut(std::size_t a, std::size_t b);
  /// Nothing from `from` reaches `to`.
  void cut_one_way(std::size_t from, std::size_t to);
  /// Ends all cuts.
  void heal();

  void run_for(duration length);
  /// Runs until all running members hold one view of exactly themselves, and partitions and their
  /// copies are where they should be. Throws std::runtime_error,
  /// with the views that they have, when that takes longer than `stable_limit`.
  void run_until_stable();
  [[nodiscard]] bool stable() const;
  [[nodiscard]] static bool settled(const kith::cluster::view& in);
  /// Which views the running members have, and how many each, in words.
  [[nodiscard]] std::string views_held() const;
  /// Runs until `done` holds or `limit` has passed; returns whether it holds.
  bool run_until(const std::function<bool()>& done, duration limit);

  /// Of the newest view among the running members.
  [[nodiscard]] std::uint64_t view_number() const { return newest_view().number.value(); }
  [[nodiscard]] kith::cluster::view_key newest_view() const;
  /// True when so many members of the newest view are gone that no further view can be decided
  /// with quorum = majority.
  [[nodiscard]] bool quorum_lost() const;
  [[nodiscard]] std::size_t size() const { return hosts_.size(); }
  /// How much longer one member's clock may take for what is `length` on another's.
  [[nodiscard]] duration clock_error(duration length) const {
    const std::int64_t most = options_.clock_drift_ppm;
    return duration{length.count() / (1'000'000 - most) * 2 * most};
  }
  [[nodiscard]] sim::host& host(std::size_t index) { return *hosts_[index]; }
  [[nodiscard]] sim::network& network() { return network_; }
  [[nodiscard]] scheduler& time() { return time_; }
  [[nodiscard]] std::shared_ptr<handle::port> port_of(std::size_t index);

  [[nodiscard]] static endpoint address_of(std::size_t index) {
    return {"host-" + std::to_string(index), 5801};
  }

  /// Ends every member, and runs the handlers of what was still asked: who asks with handlers that
  /// die before the cluster calls this while they live. No event happens afterwards.
  void stop();

  /// Lets one event happen; false when there is none.
  bool step();

  /// For checkers: called behind every event, and before a member's machines end.
  void after_each_event(std::function<void()> look) { after_event_ = std::move(look); }
  /// Members that have installed a view since the last call, sorted.
  [[nodiscard]] std::set<std::size_t> take_changed() { return std::exchange(changed_, {}); }
  /// Every view that a member has installed since the last call, in their order.
  struct installed_view {
    std::size_t member = 0;
    member_id as;
    std::shared_ptr<const kith::cluster::view> view;
  };
  [[nodiscard]] std::vector<installed_view> take_installs() { return std::exchange(installs_, {}); }
  void on_end_of_life(std::function<void(sim::host&)> told) { end_of_life_ = std::move(told); }

 private:
  class member_port;

  cluster_options options_;
  scheduler time_;
  sim::network network_;
  random_source ids_;
  random_source salts_;
  random_source loads_;
  random_source hangs_;
  random_source decodes_;
  boost::asio::io_context handlers_;
  std::vector<std::unique_ptr<sim::host>> hosts_;
  std::vector<std::shared_ptr<member_port>> ports_;
  std::vector<std::pair<host_index, host_index>> cuts_;
  std::map<endpoint, host_index> by_address_;
  std::set<std::size_t> changed_;
  std::vector<installed_view> installs_;
  /// Members that started or ended, and views that were installed: between two of these, what is
  /// not stable stays so.
  std::uint64_t changes_ = 0;
  std::function<void()> after_event_;
  std::function<void(sim::host&)> end_of_life_;
};

}  // namespace kith::sim

#include <kith/sim/cluster_port.hpp>
#include <kith/sim/cluster_run.hpp>
