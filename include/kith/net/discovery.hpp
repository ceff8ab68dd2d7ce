// Asks where other members may be, again and again as long as the member runs. Each source has a
// thread of its own, for any of them may block, and one that hangs must not keep the others from
// telling; it is asked again `interval` after it has answered.
//
// What all say goes to the home thread as one list, whenever it has changed: first what is known
// without asking, then names, file and the user's function, in the order of the options.
#pragma once

#include <kith/cluster/membership_options.hpp>
#include <kith/core/endpoint.hpp>
#include <kith/core/log.hpp>
#include <kith/discovery.hpp>
#include <kith/net/addresses.hpp>
#include <kith/net/discovery_source.hpp>
#include <kith/net/log_sink.hpp>
#include <kith/net/lookup.hpp>
#include <kith/net/worker_pool.hpp>
#include <kith/options.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace kith::net {

class discovery : public std::enable_shared_from_this<discovery> {
 public:
  /// On the home thread.
  using heard = std::function<void(std::vector<endpoint>, cluster::discovered)>;

  /// `known` comes first in what is told. `home` and `log` outlive it. Throws
  /// kith::error(overloaded) where the system starts no more threads.
  discovery(boost::asio::io_context& home, std::vector<endpoint> known,
            const discovery_options& options, lookup_function lookup, const log_sink& log);
  discovery(const discovery&) = delete;
  discovery& operator=(const discovery&) = delete;

  /// What is known without asking.
  [[nodiscard]] const std::vector<endpoint>& known() const { return known_; }
  /// Whether there is more to come.
  [[nodiscard]] cluster::discovered extent() const {
    return asked_.empty() ? cluster::discovered::whole : cluster::discovered::part;
  }
  /// On the home thread. `owner` has to live while a source is being asked: it holds `home`.
  void begin(std::weak_ptr<void> owner, heard on_heard);
  /// Asks nobody any more, and gives those who are being asked `grace` to end. The number that did
  /// not: see worker_pool::stop. Not on one of its own threads.
  std::size_t stop(std::chrono::milliseconds grace);
  [[nodiscard]] bool on_own_thread() const { return workers_ && workers_->on_one_of_them(); }
  [[nodiscard]] const discovery_counters& counters() const { return counters_; }

 private:
  using answer = discovery_source::answer;
  struct asked {
    asked(boost::asio::io_context& home, std::string name, discovery_source::said_function say,
          discovery_source::nobody if_nobody)
        : source{std::move(name), std::move(say), if_nobody}, timer{home} {}

    /// Of the one job that asks it.
    discovery_source source;
    // Of the home thread.
    boost::asio::steady_timer timer;
    std::optional<answer> last;
  };

  void add(std::string name, discovery_source::said_function say,
           discovery_source::nobody if_nobody = discovery_source::nobody::is_trouble);
  void ask(asked& whom);
  void take(asked& from, answer what);
  void tell();

  boost::asio::io_context& home_;
  std::vector<endpoint> known_;
  const duration interval_;
  const lookup_function lookup_;
  const log_sink& log_;
  discovery_counters counters_;
  std::vector<std::unique_ptr<asked>> asked_;
  /// Absent where nobody is to be asked.
  std::optional<worker_pool> workers_;
  std::atomic<bool> stopped_{false};

  // Of the home thread.
  std::weak_ptr<void> owner_;
  heard on_heard_;
  std::pair<std::vector<endpoint>, cluster::discovered> told_;
  bool cut_ = false;
};

// --- implementation ---

inline discovery::discovery(boost::asio::io_context& home, std::vector<endpoint> known,
                            const discovery_options& options, lookup_function lookup,
                            const log_sink& log)
    : home_{home},
      known_{std::move(known)},
      interval_{options.interval},
      lookup_{std::move(lookup)},
      log_{log} {
  for (const endpoint& seed : options.seeds) {
    if (known_addresses(seed.host).empty()) {
      add("seed " + to_string(seed), [seed] { return std::vector{seed}; });
    } else {
      known_.push_back(seed);
    }
  }
  for (const endpoint& here : loopback_candidates(options)) known_.push_back(here);
  for (const endpoint& name : options.dns) {
    add("dns " + to_string(name), [name] { return std::vector{name}; },
        discovery_source::nobody::is_answer);
  }
  if (!options.file.empty()) {
    add("file " + options.file, members_in_file(options.file, log_, counters_));
  }
  if (options.custom) add("custom", options.custom);
  if (asked_.empty()) return;
  worker_limits limits;
  limits.threads = limits.queue = asked_.size();
  limits.substitutes = 0;
  limits.field = "discovery";
  limits.thread_name = "kith-find-";
  workers_.emplace(limits);
}

inline void discovery::add(std::string name, discovery_source::said_function say,
                           discovery_source::nobody if_nobody) {
  asked_.push_back(std::make_unique<asked>(home_, std::move(name), std::move(say), if_nobody));
}

inline void discovery::begin(std::weak_ptr<void> owner, heard on_heard) {
  owner_ = std::move(owner);
  on_heard_ = std::move(on_heard);
  told_ = {known_, extent()};
  for (const auto& each : asked_) ask(*each);
}

inline void discovery::ask(asked& whom) {
  std::shared_ptr<void> its_owner = owner_.lock();
  if (stopped_ || !its_owner) return;
  // Refused only by a pool that has stopped: each source has its place.
  static_cast<void>(workers_->post([self = shared_from_this(), owner = std::move(its_owner),
                                    &whom]() mutable {
    answer said = whom.source.ask(self->lookup_);
    boost::asio::post(self->home_, [self, &whom, said = std::move(said)]() mutable {
      self->take(whom, std::move(said));
    });
    // Whoever was left behind may be the last that holds both, and the timers are of home_.
    self.reset();
    owner.reset();
  }));
}

inline void discovery::take(asked& from, answer what) {
  if (stopped_) return;
  counters_.asked.fetch_add(1, std::memory_order_relaxed);
  if (!what.trouble.empty()) counters_.troubled.fetch_add(1, std::memory_order_relaxed);
  const std::string before = from.last ? from.last->trouble : std::string{};
  if (what.trouble != before) {
    const bool ended = what.trouble.empty();
    log_.write({ended ? log_level::info : log_level::warning,
                ended ? "discovery works again" : "discovery failed",
                {{"source", from.source.name()}, {"why", ended ? before : what.trouble}}});
  }
  from.last = std::move(what);
  tell();
  from.timer.expires_after(interval_);
  from.timer.async_wait([self = shared_from_this(), &from](const boost::system::error_code& error) {
    if (!error) self->ask(from);
  });
}

inline void discovery::tell() {
  std::pair<std::vector<endpoint>, cluster::discovered> now{{}, cluster::discovered::whole};
  std::set<endpoint> seen;
  const auto add = [&](const std::vector<endpoint>& list) {
    for (const endpoint& where : list) {
      if (seen.insert(where).second) now.first.push_back(where);
    }
  };
  add(known_);
  for (const auto& each : asked_) {
    if (!each->last || !each->last->trouble.empty()) now.second = cluster::discovered::part;
    if (each->last) add(each->last->found);
  }
  std::size_t found = now.first.size();
  for (const auto& each : asked_) found += each->last ? each->last->left_out : 0;
  const bool cut = found > cluster::candidates_max;
  if (cut && !cut_) {
    log_.write({log_level::warning,
                "members left out of discovery",
                {{"found", std::to_string(found)},
                 {"kept", std::to_string(cluster::candidates_max)}}});
  }
  cut_ = cut;
  if (now.first.size() > cluster::candidates_max) now.first.resize(cluster::candidates_max);
  if (now == told_) return;
  told_ = now;
  on_heard_(std::move(now.first), now.second);
}

inline std::size_t discovery::stop(std::chrono::milliseconds grace) {
  stopped_ = true;
  return workers_ ? workers_->stop(grace) : 0;
}

}  // namespace kith::net
