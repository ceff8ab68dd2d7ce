// One member's part in its cluster: it finds the others, agrees with them on numbered views, says
// who owns what, notices who is gone, and knows until when it may act without asking.
//
// The driver pushes inputs and carries out the effects, in order. The machine has no clock, socket
// or thread. The parts do the work; this class joins them:
//
//   bootstrap   how a member without a view gets one        consensus   the decision on the next
//   view authority   promises, fences, freshness                 coordinator what the next view
//   will hold detector, cut filter   who is gone                      merge       two clusters that
//   meet
//
// Invariants (docs/membership.md): two members' views of one key are equal (I12); the number of a
// member's views only grows (I13); a fence lies within the authority of one coordinator (I15).
#pragma once

#include <kith/cluster/authority.hpp>
#include <kith/cluster/bootstrap.hpp>
#include <kith/cluster/consensus.hpp>
#include <kith/cluster/coordinator.hpp>
#include <kith/cluster/cut_filter.hpp>
#include <kith/cluster/failure_detector.hpp>
#include <kith/cluster/membership_counters.hpp>
#include <kith/cluster/membership_effects.hpp>
#include <kith/cluster/membership_options.hpp>
#include <kith/cluster/merge.hpp>
#include <kith/cluster/rings.hpp>
#include <kith/cluster/view.hpp>
#include <kith/core/random.hpp>
#include <kith/core/time.hpp>
#include <kith/wire/decode.hpp>
#include <kith/wire/membership_messages.hpp>
#include <kith/wire/splitter.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace kith::cluster {

enum class member_role : std::uint8_t {
  idle,         ///< Before start().
  discovering,  ///< Looks for others.
  joining,      ///< A coordinator has queued this member.
  follower,
  candidate,  ///< Tries to commit the next view because all older members are gone.
  coordinator,
  left,
};

class membership {
 public:
  /// `random` decides delays and branches only.
  membership(membership_options options, random_source random);
  membership(const membership&) = delete;
  membership& operator=(const membership&) = delete;

  // Inputs. `now` never goes back.

  /// The member's address is bound.
  void start(time_point now, outbox& out);
  /// Asks that the others take what this member has. Answered by drained{}, once, when they have,
  /// or when there is nobody who could.
  void drain(time_point now, outbox& out);
  /// Answered by left{}, at the latest after `leave_limit`.
  void leave(time_point now, outbox& out);
  /// What this member says of partitions that it owns in `view`; nothing if that is not the present
  /// one. Not repeated: the rows of a later view show what became of it.
  void claim_rows(time_point now, const view_key& view, std::vector<wire::row_claim> claims,
                  outbox& out);
  /// Answered by cache_opened{}, once for each identity of this member. The last request of a name
  /// is the one that counts.
  void open_cache(time_point now, const cache_request& request, outbox& out);
  /// A handshake with `peer` is complete. `dialled`: where this side dialled, if it did.
  void on_link_up(time_point now, const member_id& peer, const std::optional<endpoint>& dialled,
                  outbox& out);
  void on_link_down(time_point now, const member_id& peer, loss how, outbox& out);
  void on_dial_failed(time_point now, const endpoint& where, dial_failure why, outbox& out);
  /// An error: the bytes are no message, or one that no honest member sends. Close the link.
  [[nodiscard]] wire::decode_error on_message(time_point now, const member_id& from,
                                              const wire::message_frame& frame, outbox& out);
  /// Any frame arrived from `from`, of whatever plane.
  void on_contact(time_point now, const member_id& from);
  /// `from` spoke of an epoch that this member's view does not know.
  void on_newer_view(time_point now, const member_id& from, outbox& out) {
    if (view_) pull(now, from, out);
  }
  void on_timeout(time_point now, outbox& out);
  /// When on_timeout is due; `never` when nothing waits.
  [[nodiscard]] time_point next_timeout() const;
  /// What discovery found, from now on: the first candidates_max of it.
  void set_candidates(time_point now, std::vector<endpoint> candidates, discovered extent,
                      outbox& out);

  // Queries.

  [[nodiscard]] const member_id& self() const { return self_.id; }
  [[nodiscard]] const std::shared_ptr<const view>& current() const { return view_; }
  /// Nobody while this member has no view.
  [[nodiscard]] member_id coordinator_id() const {
    return view_ ? view_->oldest().id : member_id{};
  }
  [[nodiscard]] member_role role() const { return role_; }
  [[nodiscard]] bool needs_majority() const { return majority(); }
  [[nodiscard]] bool stable() const { return view_ != nullptr && stable_; }
  /// Until when this member may act as the view says. `never` with quorum = none.
  [[nodiscard]] time_point fence(time_point now) const;
  /// The newest time of which this member knows that its view was still the cluster's. Value-
  /// initialised when it knows none.
  [[nodiscard]] time_point freshness(time_point now) const;
  [[nodiscard]] const membership_counters& counters() const { return counters_; }

 private:
  struct past_view {
    view_key key;
    /// The step that ended it, if this member knows it.
    std::optional<view_change> change;
    ballot attempt;
  };
  /// What came with a view.
  struct arrival {
    commit_origin origin = commit_origin::other;
    /// Null: unknown.
    const view_change* change = nullptr;
    ballot attempt{};
    /// The new coordinator's send time, to be echoed.
    time_point coordinator_time{};
    /// This member's own send time that the new coordinator has answered.
    time_point echo{};
  };
  struct pending_cache {
    cache_request request;
    bool settled = false;
  };
  static constexpr std::size_t past_views_max = 64;
  static constexpr std::size_t past_changes_max = 8;
  static constexpr int hurried_beats_max = 5;
  static constexpr std::uint64_t number_jump_max = std::uint64_t{1} << 32;

  [[nodiscard]] bool majority() const { return options_.quorum == quorum_mode::majority; }
  [[nodiscard]] bool coordinating() const { return view_ && self_index_ == 0; }
  [[nodiscard]] bool linked(const member_id& peer) const;
  [[nodiscard]] merge_side side() const { return {view_->key, view_->size(), self_.id}; }

  // membership_links.hpp: coming, going, links, other clusters, the registry.
  void discover(time_point now, const std::vector<endpoint>& hints, outbox& out);
  void found_if_decided(time_point now, outbox& out);
  void start_over(time_point now, std::vector<endpoint> hints, outbox& out);
  void go_left(outbox& out);
  void on_join(time_point now, const member_id& from, const wire::join& m, outbox& out);
  void on_redirect(time_point now, const member_id& from, const wire::redirect& m, outbox& out);
  void on_leave(const member_id& from, const wire::leave& m);
  void on_kick(time_point now, const member_id& from, const wire::kick& m, outbox& out);
  void on_merge_offer(time_point now, const member_id& from, const wire::merge_offer& m,
                      outbox& out);
  void on_merge_yield(time_point now, const member_id& from, const wire::merge_yield& m,
                      outbox& out);
  void on_merge_confirm(time_point now, const member_id& from, const wire::merge_confirm& m,
                        outbox& out);
  void greet_stranger(const member_id& peer, outbox& out);
  [[nodiscard]] bool forlorn(time_point now) const;
  void ask_oldest(outbox& out);
  void probe(time_point now, outbox& out);
  void on_open_cache(time_point now, const member_id& from, const wire::open_cache& m, outbox& out);
  void on_cache_refused(const wire::cache_refused& m, outbox& out);
  void settle_caches(time_point now, outbox& out);

  // membership_rows.hpp: what is said of partitions, and given up before leaving.
  void on_report_rows(time_point now, const member_id& from, const wire::report_rows& m,
                      outbox& out);
  void ask_for_drain(outbox& out);
  [[nodiscard]] bool nothing_to_take() const;
  void tell_if_drained(outbox& out);

  // membership_liveness.hpp: heartbeats, pings, alerts, stability.
  void beat(time_point now, outbox& out);
  void on_heartbeat(time_point now, const member_id& from, const wire::heartbeat& m, outbox& out);
  [[nodiscard]] bool about_to_go(time_point now, std::uint16_t index) const;
  void on_heartbeat_ack(time_point now, const member_id& from, const wire::heartbeat_ack& m,
                        outbox& out);
  void on_ping(time_point now, const member_id& from, const wire::ping& m, outbox& out);
  void on_pong(time_point now, const member_id& from, const wire::pong& m, outbox& out);
  [[nodiscard]] wire::decode_error on_alert(time_point now, const member_id& from,
                                            const wire::alert& m, outbox& out);
  [[nodiscard]] wire::decode_error on_reinforce(time_point now, const wire::reinforce& m);
  void on_view_stable(time_point now, const member_id& from, const wire::view_stable& m,
                      outbox& out);
  void watch(time_point now, outbox& out);
  void send_alerts(time_point now, outbox& out);
  void ask_observers(time_point now, outbox& out);
  void judge_silence(time_point now, outbox& out);
  void take_census(time_point now, outbox& out);
  void judge_census(time_point now);
  void on_unreached(time_point now, const endpoint& where);
  void end_census(time_point now);
  void become_stable(outbox& out);
  void stabilise(time_point now, outbox& out);
  [[nodiscard]] bool counts_itself() const { return decision_.promised_to() == 0; }

  // membership_decisions.hpp and membership_views.hpp: proposing, voting; installing, catching up.
  [[nodiscard]] bool same_view(time_point now, const member_id& from, const view_key& key,
                               outbox& out);
  void note_strayed(time_point now, const member_id& member);
  [[nodiscard]] bool known_past(const view_key& key) const;
  [[nodiscard]] bool bound(time_point now, std::uint16_t rank) const;
  void consider(time_point now, outbox& out);
  void consider_as_coordinator(time_point now, outbox& out);
  void consider_as_heir(time_point now, outbox& out);
  void attempt(time_point now, change_plan plan, outbox& out);
  [[nodiscard]] std::vector<member_id> sorted_cut() const;
  [[nodiscard]] std::vector<member_id> credible_cut(time_point now) const;
  [[nodiscard]] bool leaves_a_quorum(const std::vector<member_id>& cut) const;
  [[nodiscard]] std::optional<change_plan> coordinator_plan(time_point now,
                                                            const std::vector<member_id>& cut);
  [[nodiscard]] bool outdated(const std::vector<member_id>& cut) const;
  void begin_prepare(time_point now, outbox& out);
  void begin_accept(time_point now, view_change value, outbox& out);
  [[nodiscard]] change_plan plan_anew(time_point now);
  [[nodiscard]] view_change make_value(change_plan plan);
  void send_attempt(outbox& out, bool again);
  void retry_attempt(time_point now, outbox& out);
  void schedule_retry(time_point now);
  [[nodiscard]] wire::decode_error on_prepare(time_point now, const member_id& from,
                                              const wire::prepare& m, outbox& out);
  [[nodiscard]] wire::decode_error on_promise(time_point now, const member_id& from,
                                              const wire::promise& m, outbox& out);
  [[nodiscard]] wire::decode_error on_accept(time_point now, const member_id& from,
                                             const wire::accept& m, outbox& out);
  void on_accepted(time_point now, const member_id& from, const wire::accepted& m, outbox& out);
  void on_nack(time_point now, const member_id& from, const wire::nack& m, outbox& out);
  [[nodiscard]] wire::decode_error on_commit(time_point now, const member_id& from,
                                             const wire::commit& m, outbox& out);
  void refuse(time_point now, const member_id& to, const ballot& attempt, consensus::vote why,
              outbox& out);
  void commit(time_point now, outbox& out);
  void count_rows(const view& old, const view& next, const view_change& value);
  void send_commits(time_point now, const view& old, const view_change& value,
                    const vote_set& votes, const ballot& attempt, outbox& out);
  void install(time_point now, view next, const arrival& how, outbox& out);
  [[nodiscard]] std::optional<view> successor(const view_change& value);
  void remember(const view_change* change, const ballot& attempt);
  void pull(time_point now, const member_id& from, outbox& out);
  void on_pull_view(time_point now, const member_id& from, const wire::pull_view& m, outbox& out);
  [[nodiscard]] wire::decode_error on_full_view(time_point now, const member_id& from,
                                                const wire::full_view& m, outbox& out);
  void send_full_view(time_point now, const member_id& to, outbox& out);
  [[nodiscard]] std::uint32_t younger_branch();

  wire::decode_error dispatch(time_point now, const member_id& from,
                              const wire::message_frame& frame, outbox& out);
  void note(outbox& out, log_level level, std::string event) const;

  const membership_options options_;
  std::vector<endpoint> candidates_;
  random_source random_;
  membership_counters counters_;

  member_record self_;
  member_role role_ = member_role::idle;
  std::vector<member_id> links_;  // sorted
  std::vector<pending_cache> caches_;
  bool leaving_ = false;
  /// Asked to be drained, and not told yet that it is.
  bool draining_ = false;
  time_point leave_at_ = never;
  /// The highest view of any life of this member.
  view_number seen_;

  // The present view. Invariant: view_->members[self_index_].id == self_.id.
  std::shared_ptr<const view> view_;
  std::uint16_t self_index_ = 0;
  bool stable_ = false;
  std::deque<past_view> past_;

  bootstrap bootstrap_;
  coordinator desk_;
  merge merge_;
  /// What this member told those whom it led, in an earlier life.
  std::optional<wire::kick> dissolved_;
  allegiance allegiance_;
  authority authority_;
  consensus decision_;
  std::optional<failure_detector> detector_;
  std::optional<cut_filter> cut_;

  /// What this member suspects in this view, by index.
  std::vector<wire::alert_item> alerts_;
  /// When each member was last heard, by any frame.
  std::vector<time_point> contacts_;
  time_point beat_at_ = never;
  /// Heartbeats of this view that were sent early, for a coordinator without authority.
  int hurried_beats_ = 0;
  time_point probe_at_ = never;
  /// When the coordinator was last heard in this view.
  time_point coordinator_heard_{};
  /// When this member last asked all others whether they are there, in this view.
  std::optional<time_point> census_at_;
  int censuses_ = 0;
  /// Since when a member has been bound to another's ballot, seen by the coordinator.
  time_point strayed_since_{};
  bool authority_held_ = false;

  /// The next view, as the value that this member last voted for or proposed makes it.
  std::optional<view> successor_;
  /// The cut that the running attempt is about, sorted.
  std::vector<member_id> attempt_cut_;
  time_point attempt_at_ = never;
  time_point heir_at_ = never;
  duration retry_{};
  /// `sent_at` of this member's newest ACCEPTED; and when the running ACCEPT was first sent.
  time_point accepted_sent_{};
  time_point accept_sent_{};
  /// `sent_at` of each member's ACCEPTED.
  std::vector<time_point> accepted_at_;
  member_id pulled_from_;
  time_point pulled_at_{};
};

}  // namespace kith::cluster

#include <kith/cluster/membership_decisions.hpp>
#include <kith/cluster/membership_links.hpp>
#include <kith/cluster/membership_liveness.hpp>
#include <kith/cluster/membership_rows.hpp>
#include <kith/cluster/membership_views.hpp>

namespace kith::cluster {

// --- implementation ---

inline membership::membership(membership_options options, random_source random)
    : options_{std::move(options)},
      candidates_{options_.candidates},
      random_{random},
      self_{options_.self},
      bootstrap_{options_, counters_},
      desk_{options_.timers, counters_},
      allegiance_{options_.timers.fence},
      authority_{options_.timers.fence} {
  KITH_ASSERT(!self_.id.nobody());
}

inline bool membership::linked(const member_id& peer) const {
  return std::binary_search(links_.begin(), links_.end(), peer);
}

inline void membership::note(outbox& out, log_level level, std::string event) const {
  log_record record{level, std::move(event), {{"member", to_string(self_.id)}}};
  if (view_) record.fields.emplace_back("view", std::to_string(view_->key.number.value()));
  out.push_back(log{std::move(record)});
}

inline time_point membership::fence(time_point now) const {
  if (!view_) return {};
  if (!majority()) return never;
  return coordinating() ? authority_.until(now, counts_itself()) : allegiance_.fence();
}

inline time_point membership::freshness(time_point now) const {
  if (!view_) return {};
  return coordinating() ? authority_.fresh(now) : allegiance_.fresh();
}

inline void membership::on_contact(time_point now, const member_id& from) {
  if (!view_) return;
  detector_->on_contact(now, from);
  if (const auto index = view_->find(from)) contacts_[*index] = now;
  if (census_at_ && !desk_.strayed(from)) cut_->on_heard(now, from);
}

inline wire::decode_error membership::on_message(time_point now, const member_id& from,
                                                 const wire::message_frame& frame, outbox& out) {
  if (role_ == member_role::idle || role_ == member_role::left) return wire::decode_error::none;
  on_contact(now, from);
  const wire::decode_error error = dispatch(now, from, frame, out);
  if (error != wire::decode_error::none) return error;
  found_if_decided(now, out);
  consider(now, out);
  return error;
}

inline wire::decode_error membership::dispatch(time_point now, const member_id& from,
                                               const wire::message_frame& frame, outbox& out) {
  const auto take = [&]<class Message>(Message message, auto&& handle) {
    const wire::decode_error error = wire::decode(frame.payload, message);
    if (error != wire::decode_error::none) return error;
    if constexpr (std::is_void_v<decltype(handle(message))>) {
      handle(message);
      return wire::decode_error::none;
    } else {
      return handle(message);
    }
  };
#define KITH_ON(name, call) \
  case wire::opcode::name: return take(wire::name{}, [&](const wire::name& m) { return call; })
  switch (static_cast<wire::opcode>(frame.code)) {
    KITH_ON(heartbeat, on_heartbeat(now, from, m, out));
    KITH_ON(heartbeat_ack, on_heartbeat_ack(now, from, m, out));
    KITH_ON(ping, on_ping(now, from, m, out));
    KITH_ON(pong, on_pong(now, from, m, out));
    KITH_ON(alert, on_alert(now, from, m, out));
    KITH_ON(reinforce, on_reinforce(now, m));
    KITH_ON(join, on_join(now, from, m, out));
    KITH_ON(join_wait, bootstrap_.on_join_wait(now, from, m));
    KITH_ON(redirect, on_redirect(now, from, m, out));
    KITH_ON(prepare, on_prepare(now, from, m, out));
    KITH_ON(promise, on_promise(now, from, m, out));
    KITH_ON(nack, on_nack(now, from, m, out));
    KITH_ON(accept, on_accept(now, from, m, out));
    KITH_ON(accepted, on_accepted(now, from, m, out));
    KITH_ON(commit, on_commit(now, from, m, out));
    KITH_ON(view_stable, on_view_stable(now, from, m, out));
    KITH_ON(leave, on_leave(from, m));
    KITH_ON(pull_view, on_pull_view(now, from, m, out));
    KITH_ON(full_view, on_full_view(now, from, m, out));
    KITH_ON(kick, on_kick(now, from, m, out));
    KITH_ON(merge_offer, on_merge_offer(now, from, m, out));
    KITH_ON(merge_yield, on_merge_yield(now, from, m, out));
    KITH_ON(merge_confirm, on_merge_confirm(now, from, m, out));
    KITH_ON(open_cache, on_open_cache(now, from, m, out));
    KITH_ON(cache_refused, on_cache_refused(m, out));
    KITH_ON(report_rows, on_report_rows(now, from, m, out));
    case wire::opcode::gather:
      return take(wire::gather{}, [&](const wire::gather& m) {
        if (bootstrap_.active()) bootstrap_.on_gather(now, from, m, out);
      });
    default: return wire::decode_error::out_of_range;
  }
#undef KITH_ON
}

inline void membership::on_timeout(time_point now, outbox& out) {
  if (role_ == member_role::idle || role_ == member_role::left) return;
  if (now >= leave_at_) return go_left(out);
  if (now > next_timeout() + std::chrono::milliseconds{500}) desk_.on_late_tick(now);
  bootstrap_.on_timeout(now, out);
  found_if_decided(now, out);
  if (!view_) return;
  desk_.on_tick(now);
  watch(now, out);
  if (now >= beat_at_) beat(now, out);
  if (now >= probe_at_) probe(now, out);
  stabilise(now, out);
  retry_attempt(now, out);
  consider(now, out);
}

inline time_point membership::next_timeout() const {
  if (role_ == member_role::idle || role_ == member_role::left) return never;
  time_point next = std::min(leave_at_, bootstrap_.next_timeout());
  if (!view_) return next;
  next = std::min({next, beat_at_, probe_at_, detector_->next_timeout(), cut_->next_timeout()});
  const bool idle = decision_.proposing() == consensus::stage::idle;
  if (!idle || attempt_at_ != never) next = std::min(next, attempt_at_);
  if (coordinating()) {
    if (idle && attempt_at_ == never) next = std::min(next, desk_.next_plan(*view_));
    next = std::min(next, desk_.stable_at(majority() ? authority_.removed_until() : time_point{}));
  } else if (idle) {
    next = std::min(next, heir_at_);
  }
  return next;
}

inline void membership::set_candidates(time_point now, std::vector<endpoint> candidates,
                                       discovered extent, outbox& out) {
  if (candidates.size() > candidates_max) candidates.resize(candidates_max);
  candidates_ = candidates;
  bootstrap_.set_candidates(std::move(candidates), extent, out);
  found_if_decided(now, out);
  // Whoever is new is looked for at the next timeout, and not when its turn comes.
  merge_.look_at_all();
  if (view_) probe_at_ = std::min(probe_at_, now);
}

}  // namespace kith::cluster
