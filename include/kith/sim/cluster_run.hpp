// A simulated cluster's life: members come and go, links are cut, time passes (cluster.hpp).
#pragma once

#include <kith/cluster/target.hpp>
#include <kith/cluster/view.hpp>
#include <kith/sim/cluster.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace kith::sim {

/// As often at the limits as between them.
[[nodiscard]] inline std::int64_t drawn_drift(random_source& random, std::uint32_t most) {
  const auto limit = static_cast<std::int64_t>(most);
  const std::uint64_t shape = random.below(4);
  if (shape < 2) return shape == 0 ? limit : -limit;
  return static_cast<std::int64_t>(random.below(2 * std::uint64_t{most} + 1)) - limit;
}

inline cluster::cluster(const cluster_options& options)
    : options_{options},
      time_{options.seed},
      network_{time_, options.seed ^ 0x6E65740000000001u, options.network},
      ids_{options.seed ^ 0x6964730000000002u},
      salts_{options.seed ^ 0x73616C7400000003u},
      loads_{options.seed ^ 0x6C6F616400000004u},
      hangs_{options.seed ^ 0x68616E6700000006u},
      decodes_{options.seed ^ 0x6465636F00000005u} {
  std::vector<endpoint> all;
  random_source drifts{options.seed ^ 0x6472696674000007u};
  for (std::size_t i = 0; i < options.members; ++i) {
    all.push_back(address_of(i));
    by_address_[all.back()] = static_cast<host_index>(i);
  }
  for (std::size_t i = 0; i < options.members; ++i) {
    host_options each;
    each.membership.self.address = all[i];
    each.membership.self.weight = 100;
    each.membership.candidates = all;
    each.membership.candidates.resize(std::min(options.seeds, all.size()));
    each.clock_gains_ppm = drawn_drift(drifts, options.clock_drift_ppm);
    each.membership.timers = options.timers;
    each.membership.quorum = options.quorum == kith::quorum::majority
                                 ? kith::cluster::quorum_mode::majority
                                 : kith::cluster::quorum_mode::none;
    each.membership.bootstrap_expect = options.members;
    each.lane = options.lane;
    each.find = [this](const endpoint& where) -> std::optional<host_index> {
      const auto found = by_address_.find(where);
      if (found == by_address_.end()) return std::nullopt;
      return found->second;
    };
    each.view_changed = [this, i](const std::shared_ptr<const kith::cluster::view>& installed) {
      ++changes_;
      changed_.insert(i);
      installs_.push_back({i, hosts_[i]->control().self(), installed});
    };
    each.load_time = [this] {
      const std::uint64_t every = options_.load_hang_every;
      if (every > 0 && hangs_.below(every) == 0) return duration{std::chrono::hours{1}};
      const auto span =
          static_cast<std::uint64_t>((options_.load_most - options_.load_least).count());
      return options_.load_least + duration{loads_.below(span + 1)};
    };
    each.decode_time = [this] {
      if (options_.decode_most <= duration{} || decodes_.below(2) == 0) return duration{};
      return duration{decodes_.below(static_cast<std::uint64_t>(options_.decode_most.count()))};
    };
    each.tick_delay = [] { return duration{}; };
    hosts_.push_back(std::make_unique<sim::host>(time_, network_, std::move(each)));
    ports_.push_back(nullptr);
  }
  // All hosts are on the network before the first one dials.
  for (std::size_t i = 0; options.start && i < options.members; ++i) start(i);
}

inline void cluster::stop() {
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (hosts_[i]->running()) crash(i);
  }
  handlers_.restart();
  handlers_.poll();
  // Events may hold caches, whose near entries are counted at their hosts.
  time_.drop_all();
}

inline void cluster::leave(std::size_t index) {
  hosts_[index]->leave();
  const bool left = run_until([&] { return hosts_[index]->has_left(); }, options_.stable_limit);
  if (!left) throw std::runtime_error{"the member could not leave"};
  crash(index);
}

inline void cluster::cut(std::size_t a, std::size_t b) {
  cut_one_way(a, b);
  cut_one_way(b, a);
}

inline void cluster::cut_one_way(std::size_t from, std::size_t to) {
  cuts_.emplace_back(static_cast<host_index>(from), static_cast<host_index>(to));
  network_.cut(cuts_.back().first, cuts_.back().second);
}

inline void cluster::heal() {
  for (const auto& [from, to] : std::exchange(cuts_, {})) network_.uncut(from, to);
}

inline bool cluster::step() {
  handlers_.restart();
  handlers_.poll();
  if (time_.idle()) return false;
  time_.step();
  handlers_.restart();
  handlers_.poll();
  if (after_event_) after_event_();
  return true;
}

inline void cluster::run_for(duration length) {
  const time_point end = time_.now() + length;
  while (time_.next_event() <= end && step()) {
  }
  time_.run_until(end);
}

inline bool cluster::run_until(const std::function<bool()>& done, duration limit) {
  const time_point end = time_.now() + limit;
  while (!done()) {
    if (time_.next_event() > end || !step()) return false;
  }
  return true;
}

inline bool cluster::stable() const {
  const kith::cluster::view* agreed = nullptr;
  std::size_t running = 0;
  for (const auto& one : hosts_) {
    if (!one->running()) continue;
    ++running;
    const auto& view = one->control().membership().current();
    if (view == nullptr) return false;
    if (agreed == nullptr) agreed = view.get();
    if (view->hash != agreed->hash || view->key != agreed->key) return false;
    if (!view->contains(one->control().self())) return false;
  }
  return agreed == nullptr || (agreed->size() == running && settled(*agreed));
}

/// Every partition is where it should be, and so are its copies.
inline bool cluster::settled(const kith::cluster::view& in) {
  const kith::cluster::placement target = kith::cluster::target_of(in);
  for (std::uint32_t i = 0; i < partition_count; ++i) {
    const auto p = static_cast<partition_id>(i);
    std::vector<std::uint16_t> row = in.rows[i].backups;
    row.resize(std::max(row.size(), target.width), kith::cluster::unowned);
    if (in.rows[i].owner != target.owner(p) || !std::ranges::equal(row, target.row(p))) {
      return false;
    }
  }
  return true;
}

inline std::string cluster::views_held() const {
  std::map<std::string, std::size_t> held;
  for (const auto& one : hosts_) {
    if (!one->running()) continue;
    const auto& view = one->control().membership().current();
    if (view == nullptr) {
      ++held["none"];
      continue;
    }
    std::string name = std::to_string(view->key.number.value()) + '.' +
                       std::to_string(view->key.branch) + " of " + std::to_string(view->size());
    if (!view->contains(one->control().self())) name += " without it";
    if (!settled(*view)) name += " with moves to come";
    ++held[name];
  }
  std::string all;
  for (const auto& [name, count] : held) {
    all += (all.empty() ? "" : ", ") + std::to_string(count) + " have " + name;
  }
  return all;
}

inline void cluster::run_until_stable() {
  std::optional<std::uint64_t> looked;
  const auto now_stable = [&] { return std::exchange(looked, changes_) != changes_ && stable(); };
  if (!run_until(now_stable, options_.stable_limit)) {
    throw std::runtime_error{"the members did not agree on one view in time: " + views_held()};
  }
}

inline kith::cluster::view_key cluster::newest_view() const {
  kith::cluster::view_key newest;
  for (const auto& one : hosts_) {
    if (!one->running()) continue;
    const auto& view = one->control().membership().current();
    if (view != nullptr) newest = std::max(newest, view->key);
  }
  return newest;
}

inline bool cluster::quorum_lost() const {
  const kith::cluster::view_key key = newest_view();
  std::shared_ptr<const kith::cluster::view> newest;
  std::set<member_id> alive;
  for (const auto& one : hosts_) {
    if (!one->running()) continue;
    alive.insert(one->control().self());
    const auto& view = one->control().membership().current();
    if (view != nullptr && view->key == key) newest = view;
  }
  if (newest == nullptr) return true;
  std::size_t left = 0;
  for (const auto& member : newest->members) left += alive.contains(member.id) ? 1 : 0;
  const bool half = 2 * left == newest->size() && alive.contains(newest->oldest().id);
  return 2 * left < newest->size() || (2 * left == newest->size() && !half);
}

}  // namespace kith::sim
