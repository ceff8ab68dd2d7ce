// What the coordinator collects for the next view, and when a view is stable. Every member keeps
// one, so that whoever becomes the oldest knows what was removed since the last stable view.
//
// VIEW_STABLE(v) waits until all members of v have acknowledged it, the last grants to everyone
// removed since the last stable view have ended (V3, authority.hpp), and, after a view that the
// coordinator before may have committed, its own grants have ended too (V4).
#pragma once

#include <kith/cluster/authority.hpp>
#include <kith/cluster/membership_counters.hpp>
#include <kith/cluster/membership_options.hpp>
#include <kith/cluster/membership_table.hpp>
#include <kith/cluster/row_claims.hpp>
#include <kith/cluster/view.hpp>
#include <kith/core/time.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace kith::cluster {

/// How this member learned of the view that it installs.
enum class commit_origin : std::uint8_t {
  first,     ///< There was no view before.
  own,       ///< This member's own attempt.
  takeover,  ///< An attempt of another member than the coordinator.
  other,     ///< The coordinator's, or unknown.
};

class coordinator {
 public:
  enum class join_answer : std::uint8_t { queued, full };

  coordinator(const membership_timers& timers, membership_counters& counters)
      : timers_{timers}, counters_{counters}, claims_{counters} {}

  /// `old` is null for a first view. `oldest_left`: the change says that the old oldest gave itself
  /// up.
  void on_install(time_point now, const view* old, const view& current, commit_origin origin,
                  bool oldest_left);

  /// This member is another now: what was asked of it concerns nobody.
  void on_start_over();

  [[nodiscard]] join_answer on_join(time_point now, const wire::join& request);
  void on_link_down(const member_id& peer);
  void on_leave(const member_id& member) { insert_id(leaves_, member); }
  void on_drain(const member_id& member) { insert_id(drains_, member); }
  [[nodiscard]] row_claims& claims() { return claims_; }
  /// False when the registry is full.
  [[nodiscard]] bool on_open(time_point now, const view& current, const wire::open_cache& request);
  /// The next view is to come even if nothing else changes: somebody promised another's ballot and
  /// cannot be granted a fence before it.
  void ask_for_next_view() { refresh_ = true; }

  /// It is of no use where it is: in another branch, or out of reach of this coordinator.
  void on_strayed(const member_id& member) { insert_id(strayed_, member); }
  /// They were too many to be removed: look again later.
  void forget_strayed(time_point now) {
    strayed_.clear();
    ack_deadline_ = now + timers_.ack_timeout;
  }
  [[nodiscard]] bool strayed(const member_id& member) const {
    return std::binary_search(strayed_.begin(), strayed_.end(), member);
  }

  void on_ack(time_point now, std::uint16_t member);
  [[nodiscard]] bool may_be_stable(time_point now, time_point removed_until) const;
  void on_stable();
  [[nodiscard]] bool stable() const { return stable_; }

  /// What the next view is to be, or nothing if nothing is due. `cut` is sorted.
  [[nodiscard]] std::optional<change_plan> plan(time_point now, const view& current,
                                                std::span<const member_id> cut);
  /// For a takeover: who goes, and nothing else.
  [[nodiscard]] change_plan takeover_plan(const view& current,
                                          std::span<const member_id> cut) const;

  /// A tick came late: what the members sent meanwhile may be waiting unread.
  void on_late_tick(time_point now) {
    ack_deadline_ = std::max(ack_deadline_, now + timers_.fence);
    for (time_point& heard : heard_) heard = now;
  }
  /// Forgets deadlines that have passed and mean nothing more.
  void on_tick(time_point now) {
    if (now >= quiet_until_) quiet_until_ = {};
  }
  /// When plan() may have something new.
  [[nodiscard]] time_point next_plan(const view& current) const;
  /// When may_be_stable() becomes true by the passing of time alone.
  [[nodiscard]] time_point stable_at(time_point removed_until) const {
    if (stable_ || !all_acked()) return never;
    return std::max(quiet_until_, removed_until);
  }
  /// When the member was last heard in this view, by its heartbeats.
  [[nodiscard]] time_point heard(std::uint16_t member) const { return heard_[member]; }
  [[nodiscard]] bool all_acked() const { return acked_.count() == heard_.size(); }
  [[nodiscard]] bool nobody_waits() const { return joins_.empty() && leaves_.empty(); }

  static void insert_id(std::vector<member_id>& ids, const member_id& id) {
    const auto at = std::lower_bound(ids.begin(), ids.end(), id);
    if (at == ids.end() || *at != id) ids.insert(at, id);
  }

 private:
  struct waiting_join {
    member_record record;
    view_number seen;
    time_point since;
  };

  void note_removed(const view* old, const view& current, commit_origin origin, bool oldest_left);
  [[nodiscard]] time_point joins_due() const;
  [[nodiscard]] time_point claims_due(const view& current) const;
  void plan_drains(const view& current, change_plan& plan) const;
  void take_joins(time_point now, const view& current, change_plan& plan);
  bool take_join(time_point now, const view& current, const waiting_join& join, change_plan& plan);
  [[nodiscard]] bool silent(time_point now, std::uint16_t member) const {
    return now - heard_[member] > timers_.heartbeat * 3 / 2;
  }

  membership_timers timers_;
  membership_counters& counters_;

  // What waits.
  std::vector<waiting_join> joins_;
  std::vector<member_id> leaves_;
  /// Members of the present view that are to have weight 0.
  std::vector<member_id> drains_;
  std::vector<member_id> strayed_;
  std::vector<cache_record> caches_;
  time_point caches_since_{};
  row_claims claims_;
  bool refresh_ = false;

  // The present view.
  vote_set acked_;
  std::vector<time_point> heard_;
  time_point ack_deadline_ = never;
  bool stable_ = false;
  time_point quiet_until_{};
  /// Removed since the last stable view; and whether all of them were coordinators that left.
  std::size_t removed_ = 0;
  bool only_leaver_ = true;
};

// --- implementation ---

inline void coordinator::note_removed(const view* old, const view& current, commit_origin origin,
                                      bool oldest_left) {
  if (old == nullptr) {
    // A joiner does not know who was removed before.
    removed_ = 0;
    only_leaver_ = origin == commit_origin::first;
    return;
  }
  for (std::size_t i = 0; i < old->members.size(); ++i) {
    if (current.contains(old->members[i].id)) continue;
    ++removed_;
    // Whoever was the oldest and gave itself up dropped its fence at that moment. Any other leaver
    // may not have heard yet.
    only_leaver_ = only_leaver_ && i == 0 && oldest_left && removed_ == 1;
  }
}

inline void coordinator::on_install(time_point now, const view* old, const view& current,
                                    commit_origin origin, bool oldest_left) {
  note_removed(old, current, origin, oldest_left);
  const bool new_oldest = old == nullptr || old->oldest().id != current.oldest().id;
  if (new_oldest && origin == commit_origin::other && !only_leaver_) {
    quiet_until_ = now + lengthened(timers_.fence);
    ++counters_.quiet_time_after_leave;
  }
  stable_ = false;
  acked_.reset(current.members.size());
  heard_.assign(current.members.size(), now);
  ack_deadline_ = now + timers_.ack_timeout;
  refresh_ = false;
  std::erase_if(joins_, [&](const waiting_join& j) { return current.contains(j.record.id); });
  strayed_.clear();
  std::erase_if(leaves_, [&](const member_id& id) { return !current.contains(id); });
  std::erase_if(drains_, [&](const member_id& id) { return !current.contains(id); });
  claims_.forget();
  std::erase_if(caches_, [&](const cache_record& c) { return current.find_cache(c.name); });
}

inline void coordinator::on_start_over() {
  joins_.clear();
  leaves_.clear();
  drains_.clear();
  strayed_.clear();
  caches_.clear();
  claims_.forget();
  removed_ = 0;
}

inline coordinator::join_answer coordinator::on_join(time_point now, const wire::join& request) {
  for (waiting_join& waiting : joins_) {
    if (!waiting.record.id.same_object(request.self.id)) continue;
    waiting.record = request.self;
    waiting.seen = request.seen;
    return join_answer::queued;
  }
  if (joins_.size() >= joins_waiting_max) {
    ++counters_.joins_refused;
    return join_answer::full;
  }
  joins_.push_back({request.self, request.seen, now});
  return join_answer::queued;
}

inline void coordinator::on_link_down(const member_id& peer) {
  std::erase_if(joins_, [&](const waiting_join& j) { return j.record.id == peer; });
}

inline bool coordinator::on_open(time_point now, const view& current,
                                 const wire::open_cache& request) {
  const auto same_name = [&](const cache_record& c) { return c.name == request.name; };
  if (current.find_cache(request.name) || std::ranges::any_of(caches_, same_name)) return true;
  if (current.caches.size() + caches_.size() >= wire::limits::caches) return false;
  if (caches_.empty()) caches_since_ = now;
  caches_.push_back({cache_id{}, request.name, request.options});
  return true;
}

inline void coordinator::on_ack(time_point now, std::uint16_t member) {
  acked_.add(member);
  heard_[member] = now;
}

inline bool coordinator::may_be_stable(time_point now, time_point removed_until) const {
  return !stable_ && all_acked() && now >= removed_until && now >= quiet_until_;
}

inline void coordinator::on_stable() {
  stable_ = true;
  removed_ = 0;
  only_leaver_ = true;
  quiet_until_ = {};
}

inline time_point coordinator::joins_due() const {
  if (joins_.empty()) return never;
  const bool many = joins_.size() > joins_many;
  return joins_.front().since + (many ? timers_.join_batch_long : timers_.join_batch);
}

inline bool coordinator::take_join(time_point now, const view& current, const waiting_join& join,
                                   change_plan& plan) {
  for (std::uint16_t i = 0; i < current.size(); ++i) {
    const member_record& member = current.members[i];
    const bool older_life = member.id.same_object(join.record.id);
    if (!older_life && member.address != join.record.address) continue;
    if (older_life && member.id >= join.record.id) return false;
    const bool goes =
        std::ranges::any_of(plan.removed, [i](const wire::removal& r) { return r.member == i; });
    if (goes) continue;
    // A port has one process: who holds the address now has taken the place of one that is silent.
    // One that is not silent shares the address by a mistake; the newcomer waits.
    if (!older_life && (!silent(now, i) || i == 0)) return false;
    plan.removed.push_back({i, wire::departure::superseded});
    ++counters_.joins_superseding;
  }
  const auto twin = [&](const member_record& added) {
    return added.address == join.record.address;
  };
  if (std::ranges::any_of(plan.added, twin)) return false;
  plan.added.push_back(join.record);
  return true;
}

inline void coordinator::take_joins(time_point now, const view& current, change_plan& plan) {
  const std::size_t room = wire::limits::members - current.members.size();
  for (const waiting_join& join : joins_) {
    if (plan.added.size() >= std::min(joins_per_view, room)) break;
    if (take_join(now, current, join, plan)) {
      plan.next.number = std::max(plan.next.number, join.seen);
    }
  }
}

inline change_plan coordinator::takeover_plan(const view& current,
                                              std::span<const member_id> cut) const {
  change_plan plan;
  plan.next = current.key;
  for (std::uint16_t i = 0; i < current.size(); ++i) {
    const member_id& id = current.members[i].id;
    const auto in = [&id](const auto& ids) {
      return std::binary_search(ids.begin(), ids.end(), id);
    };
    if (in(cut) || in(strayed_)) {
      plan.removed.push_back({i, wire::departure::failed});
    } else if (in(leaves_)) {
      plan.removed.push_back({i, wire::departure::left});
    }
  }
  return plan;
}

/// Those that have weight still, and are not on their way out.
inline void coordinator::plan_drains(const view& current, change_plan& plan) const {
  for (const member_id& id : drains_) {
    const std::uint16_t member = *current.find(id);
    const bool goes =
        std::ranges::find(plan.removed, member, &wire::removal::member) != plan.removed.end();
    if (!goes && current.members[member].weight != 0) plan.reweighed.push_back({member, 0});
  }
}

/// A strong cache serves what moved only in a stable view: one after the other would not let any
/// become stable. What a copy that is lost holds up does not wait for that.
inline time_point coordinator::claims_due(const view& current) const {
  if (claims_.empty()) return never;
  const bool waits = !stable_ && has_strong_cache(current) && !claims_.urgent();
  return claims_.since() + (waits ? timers_.ack_timeout : timers_.row_batch);
}

inline std::optional<change_plan> coordinator::plan(time_point now, const view& current,
                                                    std::span<const member_id> cut) {
  if (now >= ack_deadline_) {
    for (std::uint16_t i = 1; i < current.size(); ++i) {
      if (acked_.has(i)) continue;
      on_strayed(current.members[i].id);
      ++counters_.ack_timeouts;
    }
    ack_deadline_ = never;
  }
  change_plan plan = takeover_plan(current, cut);
  if (now >= joins_due()) {
    take_joins(now, current, plan);
    // Who could not be taken waits for another batch, behind the others.
    if (plan.added.empty()) {
      for (waiting_join& join : joins_) join.since = now;
    }
  }
  if (!caches_.empty() && now >= caches_since_ + timers_.cache_batch) {
    std::uint32_t next = 1;
    for (const cache_record& known : current.caches) {
      next = std::max(next, static_cast<std::uint32_t>(known.id) + 1);
    }
    plan.caches = caches_;
    for (cache_record& cache : plan.caches) cache.id = static_cast<cache_id>(next++);
  }
  // The last one to leave stays until it is alone.
  if (plan.removed.size() == current.members.size() && plan.added.empty()) {
    plan.removed.erase(plan.removed.begin());
  }
  plan_drains(current, plan);
  const bool claims_due = now >= this->claims_due(current);
  if (plan.removed.empty() && plan.added.empty() && plan.caches.empty() && plan.reweighed.empty() &&
      !claims_due && !refresh_) {
    return std::nullopt;
  }
  plan.claims = claims_.all();
  return plan;
}

inline time_point coordinator::next_plan(const view& current) const {
  time_point next = std::min(joins_due(), ack_deadline_);
  if (!caches_.empty()) next = std::min(next, caches_since_ + timers_.cache_batch);
  return std::min(next, claims_due(current));
}

}  // namespace kith::cluster
