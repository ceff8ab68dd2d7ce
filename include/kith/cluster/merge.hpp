// How two clusters of one name become one again, with quorum = none: after two foundings, or after
// a network that was cut. OFFER, YIELD, CONFIRM, each naming both exact views (rule N2):
//
//   1. A coordinator that finds a stranger offers it a merge.
//   2. The side that loses (fewer members, then the younger branch, then the higher id) yields.
//   3. The other confirms, while it is still in the view that was named, and from then on does not
//      dissolve itself until its next view.
//   4. The loser dissolves if it is still in the view that it named and has confirmed nothing in
//   it.
//   5. A side that confirmed and whose loser went elsewhere asks for a view with nothing new in it,
//      or it could never yield itself.
//
// Sizes may be stale by then; 3 and 4 keep both sides from dissolving into each other.
//
// It also remembers where lost members were: they are probed as the candidates are.
#pragma once

#include <kith/cluster/view.hpp>
#include <kith/core/endpoint.hpp>
#include <kith/core/random.hpp>
#include <kith/core/time.hpp>
#include <kith/wire/membership_messages.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

namespace kith::cluster {

/// One side of a merge, as far as it decides who survives.
struct merge_side {
  view_key key;
  std::uint32_t size = 0;
  member_id coordinator;
};

/// True when `mine` gives way to `other`. Of two different sides exactly one does.
[[nodiscard]] inline bool gives_way(const merge_side& mine, const merge_side& other) {
  const auto strength = [](const merge_side& side) {
    return std::tuple{~side.size, side.key.branch, side.coordinator};
  };
  return strength(mine) > strength(other);
}

class merge {
 public:
  enum class reply : std::uint8_t { none, yield, counter_offer, next_view };

  void on_install(const view* old, const view& current);

  [[nodiscard]] reply on_offer(time_point now, const merge_side& mine, const member_id& from,
                               const wire::merge_offer& offer) const;
  /// True: send CONFIRM.
  [[nodiscard]] bool on_yield(time_point now, const merge_side& mine,
                              const wire::merge_yield& yield);
  /// True: this side dissolves into that of the sender.
  [[nodiscard]] bool on_confirm(const merge_side& mine, const wire::merge_confirm& confirm) const;

  /// The next few addresses to look for strangers at, out of `candidates` and the lost members';
  /// the first time all of them.
  [[nodiscard]] std::vector<endpoint> next_probes(const view& current,
                                                  const std::vector<endpoint>& candidates);

  /// The next time is a first time again.
  void look_at_all() { first_round_ = true; }

  /// How long a loser has to come, once confirmed.
  static constexpr duration patience = std::chrono::seconds{4};
  static constexpr std::size_t lost_max = 64;
  static constexpr std::size_t probes_at_a_time = 8;

 private:
  bool confirmed_ = false;
  time_point confirmed_at_{};
  std::vector<endpoint> lost_;
  std::size_t next_ = 0;
  bool first_round_ = true;
};

// --- implementation ---

inline void merge::on_install(const view* old, const view& current) {
  confirmed_ = false;
  if (old == nullptr) return;
  for (const member_record& member : old->members) {
    if (current.contains(member.id)) continue;
    if (std::ranges::find(lost_, member.address) == lost_.end()) lost_.push_back(member.address);
  }
  if (lost_.size() > lost_max) lost_.erase(lost_.begin(), lost_.end() - lost_max);
}

inline merge::reply merge::on_offer(time_point now, const merge_side& mine, const member_id& from,
                                    const wire::merge_offer& offer) const {
  if (offer.mine.branch == mine.key.branch && offer.mine.number == mine.key.number) {
    return reply::none;
  }
  if (!gives_way(mine, {offer.mine, offer.size, from})) return reply::counter_offer;
  if (!confirmed_) return reply::yield;
  return now - confirmed_at_ < patience ? reply::none : reply::next_view;
}

inline bool merge::on_yield(time_point now, const merge_side& mine,
                            const wire::merge_yield& yield) {
  if (yield.yours != mine.key) return false;
  confirmed_ = true;
  confirmed_at_ = now;
  return true;
}

inline bool merge::on_confirm(const merge_side& mine, const wire::merge_confirm& confirm) const {
  return confirm.yours == mine.key && !confirmed_;
}

inline std::vector<endpoint> merge::next_probes(const view& current,
                                                const std::vector<endpoint>& candidates) {
  std::set<endpoint> known;
  for (const member_record& member : current.members) known.insert(member.address);
  std::vector<endpoint> strangers;
  for (const auto* list : {&std::as_const(lost_), &candidates}) {
    for (const endpoint& where : *list) {
      if (known.insert(where).second) strangers.push_back(where);
    }
  }
  if (first_round_ || strangers.size() <= probes_at_a_time) {
    first_round_ = false;
    return strangers;
  }
  std::vector<endpoint> chosen;
  for (std::size_t i = 0; i < probes_at_a_time; ++i) {
    chosen.push_back(strangers[next_++ % strangers.size()]);
  }
  return chosen;
}

}  // namespace kith::cluster
