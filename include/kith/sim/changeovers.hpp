// Chooses the moments of the fault `changeover`, in which the owner of a partition and some of its
// copies die within seconds: while a copy is being made, in a member that is a successor or is to
// be one, and between a claim and the view that answers it. From time to time it waits for such a
// moment; behind a strike, often at once for the next one, when those who are left make new copies.
//
// What it looks at is the owner's feeds. They say nothing that is not drawn or seen here, so that
// an entry has all that is needed to strike again (fault_entry.hpp).
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/random.hpp>
#include <kith/core/time.hpp>
#include <kith/replica/feed_out.hpp>
#include <kith/sim/cluster.hpp>
#include <kith/sim/fault_entry.hpp>
#include <kith/sim/fault_plan.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace kith::sim {

class changeovers {
 public:
  /// `interval`: the mean time between two of them.
  changeovers(cluster& on, duration interval, random_source random)
      : cluster_{on}, interval_{interval}, random_{random} {}

  /// The first moment of faults.
  void start() { rest(); }
  /// Behind every event: what strikes now, if its moment has come. `left`: by then it should be
  /// over.
  [[nodiscard]] std::optional<fault_entry> look(duration left);

 private:
  enum class moment : std::uint8_t {
    /// A copy is being made.
    round,
    /// In a member that is in the row: it has what it had before, and a part of the new.
    round_in_row,
    /// Who has all was claimed, and the view does not show it yet.
    claim,
  };
  /// A feed for which the moment has come.
  struct chance {
    host_index owner = 0;
    partition_id partition{};
    member_id to;
  };

  void rest();
  void wait_for_moment();
  [[nodiscard]] bool fits(const replica::feed_out& feed) const;
  void look_at(host_index owner, std::vector<chance>& into);
  [[nodiscard]] std::vector<host_index> holders_of(const chance& found);
  [[nodiscard]] fault_entry draw(const chance& found, duration left);
  [[nodiscard]] duration milliseconds(std::uint64_t least, std::uint64_t most) {
    return std::chrono::milliseconds{random_.between(least, most)};
  }

  cluster& cluster_;
  duration interval_;
  random_source random_;
  time_point from_ = never;
  moment awaited_ = moment::round;
  /// The one that was found, and the events that it is given still.
  std::optional<chance> found_;
  std::uint64_t events_left_ = 0;
};

// --- implementation ---

inline void changeovers::rest() {
  const auto mean = static_cast<std::uint64_t>(interval_.count());
  from_ = cluster_.time().now() + duration{static_cast<std::int64_t>(random_.below(2 * mean))};
  wait_for_moment();
}

inline void changeovers::wait_for_moment() {
  constexpr std::array<moment, 4> some{moment::round, moment::round_in_row, moment::round_in_row,
                                       moment::claim};
  awaited_ = some[random_.below(some.size())];
  found_.reset();
}

inline bool changeovers::fits(const replica::feed_out& feed) const {
  const bool making =
      feed.stage == replica::feed_stage::copying || feed.stage == replica::feed_stage::closing;
  switch (awaited_) {
    case moment::round: return making;
    case moment::round_in_row: return making && feed.position.has_value();
    case moment::claim: return feed.stage == replica::feed_stage::in_sync && feed.claimed;
  }
  return false;
}

inline void changeovers::look_at(host_index owner, std::vector<chance>& into) {
  for (const auto& lane : cluster_.host(owner).lanes()) {
    // A round that goes on waits for an acknowledgement.
    if (awaited_ != moment::claim && lane->owned().feed_bytes() == 0) continue;
    lane->owned().each_feed([&](partition_id partition, const replica::feed_out& feed) {
      if (fits(feed)) into.push_back({owner, partition, feed.to});
    });
  }
}

inline std::optional<fault_entry> changeovers::look(duration left) {
  if (cluster_.time().now() < from_) return std::nullopt;
  if (!found_) {
    std::vector<chance> all;
    // To find claims takes longer: members take turns then.
    const std::uint64_t turn = cluster_.time().events() % cluster_.size();
    for (host_index owner = 0; owner < cluster_.size(); ++owner) {
      if (awaited_ == moment::claim && owner != turn) continue;
      if (cluster_.host(owner).running()) look_at(owner, all);
    }
    if (all.empty()) return std::nullopt;
    found_ = all[random_.below(all.size())];
    events_left_ = random_.below(2) == 0 ? 0 : random_.below(40);
  }
  if (events_left_-- > 0) return std::nullopt;
  const fault_entry strikes = draw(*found_, left);
  random_.below(2) == 0 ? wait_for_moment() : rest();
  return strikes;
}

/// Who has, or is about to have, a copy; as the owner knows it.
inline std::vector<host_index> changeovers::holders_of(const chance& found) {
  sim::host& owner = cluster_.host(found.owner);
  std::vector<host_index> holders;
  if (!owner.running()) return holders;
  const auto& view = owner.control().membership().current();
  for (host_index i = 0; i < cluster_.size(); ++i) {
    if (i == found.owner || !cluster_.host(i).running()) continue;
    const member_id& who = cluster_.host(i).control().self();
    const auto index = view != nullptr ? view->find(who) : std::nullopt;
    const bool in_row =
        index && std::ranges::count(view->rows[index_of(found.partition)].backups, *index) > 0;
    if (in_row || who == found.to) holders.push_back(i);
  }
  return holders;
}

inline fault_entry changeovers::draw(const chance& found, duration left) {
  fault_entry one{.which = fault::changeover};
  std::vector<host_index> holders = holders_of(found);
  const std::uint64_t with = random_.below(holders.size() + 1);
  one.side.push_back(found.owner);
  for (std::uint64_t i = 0; i < with; ++i) {
    const std::size_t at = i + random_.below(holders.size() - i);
    std::swap(holders[i], holders[at]);
    one.side.push_back(holders[i]);
  }
  // The owner is the first in most cases.
  if (random_.below(4) == 0) std::ranges::reverse(one.side);
  constexpr duration latest = std::chrono::seconds{6};
  duration later{};
  for (std::size_t i = 0; i < one.side.size(); ++i) {
    one.after.push_back(std::min(later, latest));
    later += random_.below(2) == 0 ? milliseconds(0, 20) : milliseconds(0, 3'000);
  }
  one.silently = random_.below(3) == 0;
  one.length = std::min(milliseconds(100, random_.below(4) == 0 ? 30'000 : 6'000), left);
  return one;
}

}  // namespace kith::sim
