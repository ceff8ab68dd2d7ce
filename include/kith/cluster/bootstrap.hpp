// How a member without a view gets one: it finds others, and joins their cluster, or founds one.
//
// The driver binds the member's address before start(). Then of any two members at least one finds
// the other, and two foundings are rare:
//   1. Dial all candidates; ask every peer that answers to let this member join.
//   2. Somebody has a view: join there, and found nothing while that peer lives.
//   3. Nobody listens anywhere: found a cluster at once. While a source of candidates has not told
//      its own, wait for it as in 5.
//   4. Others gather too: the lowest address founds. Answering `gathering` to a lower address is a
//      promise to wait for it; so each pair is ordered by whichever message came first.
//   5. Whoever accepts and says nothing (a stopped process) is waited for, 3 s in all.
// Two clusters that come to be anyhow meet by probing (merge.hpp).
//
// With quorum = majority the first view needs exactly `expect` members. The lowest id proposes the
// set; each member agrees to one set at a time, and the proposer alone counts. A member that agreed
// is bound until the proposer withdraws or another process stands at the proposer's address.
#pragma once

#include <kith/cluster/membership_counters.hpp>
#include <kith/cluster/membership_effects.hpp>
#include <kith/cluster/membership_options.hpp>
#include <kith/core/time.hpp>
#include <kith/wire/membership_messages.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace kith::cluster {

class bootstrap {
 public:
  /// A first view is to be made, of these members, this one being the first.
  struct founding {
    std::vector<member_record> members;
    std::uint32_t branch = 0;
  };

  bootstrap(const membership_options& options, membership_counters& counters)
      : expect_{options.quorum == quorum_mode::majority ? options.bootstrap_expect : 1},
        timers_{options.timers},
        candidates_wanted_{options.candidates},
        extent_{options.extent},
        counters_{counters} {}

  /// `hints`: where members of the last view were. `branch` is drawn for a founding.
  void start(time_point now, const member_record& self, view_number seen, std::uint32_t branch,
             const std::vector<endpoint>& hints, outbox& out);
  void stop() { active_ = false; }
  /// Dials the new ones, and forgets those that are gone and did not answer.
  void set_candidates(std::vector<endpoint> candidates, discovered extent, outbox& out);

  void on_link_up(time_point now, const member_id& peer, const std::optional<endpoint>& dialled,
                  outbox& out);
  void on_link_down(time_point now, const member_id& peer, outbox& out);
  void on_dial_failed(const endpoint& where, dial_failure why);
  void on_join(time_point now, const member_id& from, const wire::join& request, outbox& out);
  void on_join_wait(time_point now, const member_id& from, const wire::join_wait& answer);
  void on_redirect(time_point now, const member_id& from, const wire::redirect& answer,
                   outbox& out);
  void on_gather(time_point now, const member_id& from, const wire::gather& message, outbox& out);
  void on_timeout(time_point now, outbox& out);

  [[nodiscard]] std::optional<founding> decide(time_point now, outbox& out);

  [[nodiscard]] bool active() const { return active_; }
  [[nodiscard]] bool joining() const { return active_ && !target_.nobody(); }
  [[nodiscard]] time_point next_timeout() const;
  /// The others that asked this member while it had no view.
  [[nodiscard]] std::vector<wire::join> waiting_joins() const;

 private:
  enum class place : std::uint8_t { dialled, absent, unreachable, linked };
  struct candidate {
    endpoint where;
    place state = place::dialled;
  };
  enum class peer_stage : std::uint8_t { unknown, gathering, in_cluster };
  struct peer {
    member_id id;
    peer_stage stage = peer_stage::unknown;
    time_point heard{};
    endpoint address;
    std::optional<wire::join> request;
  };

  peer& peer_of(const member_id& id);
  [[nodiscard]] bool linked(const member_id& id) const;
  void dial_candidates(time_point now, outbox& out);
  void ask(const member_id& other, outbox& out) const;
  void mark(const endpoint& where, place state);
  [[nodiscard]] bool found_cluster(time_point now) const;
  [[nodiscard]] bool must_wait(time_point now) const;
  [[nodiscard]] bool all_answered() const;
  [[nodiscard]] std::optional<founding> decide_gathered(outbox& out);
  void withdraw(outbox& out);
  void propose(outbox& out) const;

  std::size_t expect_;
  membership_timers timers_;
  std::vector<endpoint> candidates_wanted_;
  discovered extent_;
  membership_counters& counters_;

  bool active_ = false;
  member_record self_;
  view_number seen_;
  std::uint32_t branch_ = 0;
  time_point started_{};
  /// When the wait for those that say nothing ends; `never` once it has.
  time_point deadline_ = never;
  time_point retry_at_ = never;
  duration retry_{};
  std::vector<candidate> candidates_;
  std::vector<peer> peers_;  // by id
  std::vector<endpoint> followed_;
  /// The coordinator that has queued this member.
  member_id target_;

  /// As proposer of a first view: to whom, and who agreed.
  std::vector<member_record> proposal_;
  std::vector<member_id> agreed_;
  /// As one who agreed.
  std::optional<member_record> bound_to_;
};

// --- implementation ---

inline void bootstrap::start(time_point now, const member_record& self, view_number seen,
                             std::uint32_t branch, const std::vector<endpoint>& hints,
                             outbox& out) {
  active_ = true;
  self_ = self;
  seen_ = seen;
  branch_ = branch;
  started_ = now;
  deadline_ = now + timers_.discover;
  retry_ = timers_.join_retry;
  retry_at_ = now + retry_;
  candidates_.clear();
  peers_.clear();
  target_ = {};
  proposal_.clear();
  agreed_.clear();
  bound_to_.reset();
  for (const auto* list : {&std::as_const(candidates_wanted_), &hints}) {
    for (const endpoint& where : *list) {
      const bool known =
          std::ranges::find(candidates_, where, &candidate::where) != candidates_.end();
      if (where != self_.address && !known) candidates_.push_back({where});
    }
  }
  for (const candidate& c : candidates_) out.push_back(dial{c.where});
}

inline void bootstrap::set_candidates(std::vector<endpoint> candidates, discovered extent,
                                      outbox& out) {
  const std::vector<endpoint> before = std::exchange(candidates_wanted_, std::move(candidates));
  extent_ = extent;
  if (!active_) return;
  const auto in = [](const std::vector<endpoint>& list, const endpoint& where) {
    return std::ranges::find(list, where) != list.end();
  };
  std::erase_if(candidates_, [&](const candidate& c) {
    return c.state != place::linked && in(before, c.where) && !in(candidates_wanted_, c.where);
  });
  for (const endpoint& where : candidates_wanted_) {
    const bool known =
        std::ranges::find(candidates_, where, &candidate::where) != candidates_.end();
    if (where == self_.address || known) continue;
    candidates_.push_back({where});
    out.push_back(dial{where});
  }
}

inline bootstrap::peer& bootstrap::peer_of(const member_id& id) {
  const auto at = std::ranges::lower_bound(peers_, id, {}, &peer::id);
  if (at != peers_.end() && at->id == id) return *at;
  peer fresh;
  fresh.id = id;
  return *peers_.insert(at, std::move(fresh));
}

inline bool bootstrap::linked(const member_id& id) const {
  return std::ranges::binary_search(peers_, id, {}, &peer::id);
}

inline void bootstrap::ask(const member_id& other, outbox& out) const {
  post(out, other, wire::join{self_, seen_});
}

inline void bootstrap::mark(const endpoint& where, place state) {
  for (candidate& c : candidates_) {
    if (c.where == where) c.state = state;
  }
}

inline void bootstrap::on_link_up(time_point now, const member_id& other,
                                  const std::optional<endpoint>& dialled, outbox& out) {
  peer_of(other).heard = now;
  if (dialled) {
    mark(*dialled, place::linked);
    peer_of(other).address = *dialled;
  }
  ask(other, out);
}

inline void bootstrap::on_link_down(time_point now, const member_id& gone, outbox& out) {
  const auto at = std::ranges::lower_bound(peers_, gone, {}, &peer::id);
  if (at == peers_.end() || at->id != gone) return;
  // Whoever stood there may listen again: the next round of dials will tell.
  mark(at->address, place::unreachable);
  peers_.erase(at);
  if (target_ == gone) {
    target_ = {};
    retry_at_ = now;
  }
  const auto proposed = [&](const member_record& m) { return m.id == gone; };
  if (std::ranges::any_of(proposal_, proposed)) withdraw(out);
}

inline void bootstrap::on_dial_failed(const endpoint& where, dial_failure why) {
  mark(where, why == dial_failure::unreachable ? place::unreachable : place::absent);
}

inline void bootstrap::on_join(time_point now, const member_id& from, const wire::join& request,
                               outbox& out) {
  peer& other = peer_of(from);
  other.stage = peer_stage::gathering;
  other.heard = now;
  other.address = request.self.address;
  other.request = request;
  mark(request.self.address, place::linked);
  // Another process at the proposer's address: the proposer is dead, its proposal with it.
  if (bound_to_ && bound_to_->address == request.self.address && bound_to_->id != from) {
    bound_to_.reset();
  }
  post(out, from, wire::join_wait{wire::join_stage::gathering, self_.address});
}

inline void bootstrap::on_join_wait(time_point now, const member_id& from,
                                    const wire::join_wait& answer) {
  if (!linked(from)) return;
  peer& other = peer_of(from);
  other.heard = now;
  other.address = answer.address;
  mark(answer.address, place::linked);
  if (answer.stage == wire::join_stage::gathering) {
    other.stage = peer_stage::gathering;
    return;
  }
  other.stage = peer_stage::in_cluster;
  target_ = from;
  retry_ = timers_.join_retry;
}

inline void bootstrap::on_redirect(time_point now, const member_id& from,
                                   const wire::redirect& answer, outbox& out) {
  if (!linked(from)) return;
  peer& other = peer_of(from);
  other.stage = peer_stage::in_cluster;
  other.heard = now;
  // The peer has not heard yet that its coordinator was an earlier life of this member.
  if (answer.coordinator.same_object(self_.id)) return;
  if (target_ == from) target_ = {};
  if (linked(answer.coordinator)) {
    if (target_ != answer.coordinator) ask(answer.coordinator, out);
    return;
  }
  if (std::ranges::find(followed_, answer.address) != followed_.end()) return;
  followed_.push_back(answer.address);
  out.push_back(dial{answer.address});
}

inline void bootstrap::dial_candidates(time_point now, outbox& out) {
  // By then the driver must have given a dial up; a link may also have ended before it was
  // reported.
  const bool overdue = now - started_ > 2 * timers_.discover;
  for (const candidate& c : candidates_) {
    if (c.state == place::linked || (c.state == place::dialled && !overdue)) continue;
    out.push_back(dial{c.where});
  }
}

inline void bootstrap::on_timeout(time_point now, outbox& out) {
  if (now >= deadline_) deadline_ = never;
  if (!active_ || now < retry_at_) return;
  followed_.clear();
  if (target_.nobody()) {
    dial_candidates(now, out);
    for (const peer& p : peers_) ask(p.id, out);
  } else {
    ask(target_, out);
  }
  if (!proposal_.empty()) propose(out);
  // While others gather, each second counts; a cluster that lets one wait is asked less often.
  const bool gathering = now - started_ < 2 * timers_.discover;
  retry_ = gathering ? timers_.join_retry : std::min(retry_ * 3 / 2, timers_.join_retry_max);
  retry_at_ = now + retry_;
  if (now - started_ < timers_.join_limit || target_.nobody()) return;
  target_ = {};
  started_ = now;
}

inline bool bootstrap::found_cluster(time_point now) const {
  return !target_.nobody() || std::ranges::any_of(peers_, [&](const peer& p) {
    return p.stage == peer_stage::in_cluster && now - p.heard < timers_.discover;
  });
}

inline bool bootstrap::must_wait(time_point now) const {
  return std::ranges::any_of(peers_, [&](const peer& p) {
    return p.stage == peer_stage::gathering && p.address < self_.address &&
           now - p.heard < timers_.discover;
  });
}

inline bool bootstrap::all_answered() const {
  return extent_ == discovered::whole &&
         std::ranges::all_of(candidates_,
                             [](const candidate& c) {
                               return c.state == place::absent || c.state == place::linked;
                             }) &&
         std::ranges::all_of(peers_, [](const peer& p) { return p.stage != peer_stage::unknown; });
}

inline std::optional<bootstrap::founding> bootstrap::decide(time_point now, outbox& out) {
  if (!active_ || found_cluster(now)) return std::nullopt;
  if (expect_ > 1) return decide_gathered(out);
  const bool late = now >= started_ + timers_.discover;
  if (must_wait(now) || (!all_answered() && !late)) return std::nullopt;
  if (late) ++counters_.births_after_wait;
  return founding{{self_}, branch_};
}

inline std::optional<bootstrap::founding> bootstrap::decide_gathered(outbox& out) {
  std::vector<member_record> known{self_};
  for (const peer& p : peers_) {
    if (p.stage == peer_stage::gathering && p.request) known.push_back(p.request->self);
  }
  std::ranges::sort(known, {}, &member_record::id);
  const bool lowest = known.front().id == self_.id;
  if (!proposal_.empty()) {
    if (!lowest) withdraw(out);
    if (!proposal_.empty() && agreed_.size() + 1 == proposal_.size()) {
      ++counters_.births_gathered;
      return founding{proposal_, branch_};
    }
    return std::nullopt;
  }
  if (!lowest || known.size() < expect_ || bound_to_) return std::nullopt;
  known.resize(expect_);
  proposal_ = std::move(known);
  agreed_.clear();
  propose(out);
  return std::nullopt;
}

inline void bootstrap::propose(outbox& out) const {
  for (const member_record& member : proposal_) {
    if (member.id == self_.id) continue;
    post(out, member.id, wire::gather{wire::gather_stage::proposed, branch_, proposal_});
  }
}

inline void bootstrap::withdraw(outbox& out) {
  ++counters_.gather_withdrawn;
  for (const member_record& member : proposal_) {
    if (member.id == self_.id) continue;
    post(out, member.id, wire::gather{wire::gather_stage::withdrawn, branch_, {}});
  }
  proposal_.clear();
  agreed_.clear();
  // Another branch: an agreement to the old proposal that is still under way counts for nothing.
  ++branch_;
}

inline void bootstrap::on_gather(time_point now, const member_id& from, const wire::gather& message,
                                 outbox& out) {
  using enum wire::gather_stage;
  peer_of(from).heard = now;
  if (message.stage == agreed) {
    const auto same = [&](const member_record& m) { return m.id == from; };
    if (message.branch == branch_ && std::ranges::any_of(proposal_, same) &&
        std::ranges::find(agreed_, from) == agreed_.end()) {
      agreed_.push_back(from);
    }
  } else if (message.stage == refused) {
    if (message.branch == branch_ && !proposal_.empty()) withdraw(out);
  } else if (message.stage == withdrawn) {
    if (bound_to_ && bound_to_->id == from) bound_to_.reset();
  } else {
    const auto& set = message.members;
    const bool fits = set.size() == expect_ && set.front().id == from &&
                      std::ranges::find(set, self_.id, &member_record::id) != set.end();
    if (fits && !proposal_.empty()) withdraw(out);
    const bool free = !bound_to_ || bound_to_->id == from;
    if (fits && free) bound_to_ = set.front();
    post(out, from, wire::gather{fits && free ? agreed : refused, message.branch, {}});
  }
}

inline std::vector<wire::join> bootstrap::waiting_joins() const {
  std::vector<wire::join> waiting;
  for (const peer& p : peers_) {
    if (p.stage == peer_stage::gathering && p.request) waiting.push_back(*p.request);
  }
  return waiting;
}

inline time_point bootstrap::next_timeout() const {
  if (!active_) return never;
  return std::min(retry_at_, deadline_);
}

}  // namespace kith::cluster
