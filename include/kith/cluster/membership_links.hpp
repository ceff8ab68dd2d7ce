// The part of membership.hpp that comes and goes: links, founding, joining, leaving, being removed,
// other clusters, and the registry of caches.
#pragma once

#include <kith/cluster/membership.hpp>

namespace kith::cluster {

// --- coming and going ---

inline void membership::start(time_point now, outbox& out) {
  KITH_ASSERT(role_ == member_role::idle);
  discover(now, {}, out);
}

inline void membership::discover(time_point now, const std::vector<endpoint>& hints, outbox& out) {
  role_ = member_role::discovering;
  bootstrap_.start(now, self_, majority() ? view_number{} : seen_, younger_branch(), hints, out);
  found_if_decided(now, out);
}

inline void membership::found_if_decided(time_point now, outbox& out) {
  if (!bootstrap_.active()) return;
  role_ = bootstrap_.joining() ? member_role::joining : member_role::discovering;
  const auto founding = bootstrap_.decide(now, out);
  if (!founding) return;
  const std::vector<wire::join> waiting = bootstrap_.waiting_joins();
  ++counters_.births;
  note(out, log_level::info, "cluster founded");
  // Above every view that this member was in: its number never goes back.
  const view_number number = majority() ? view_number{1} : seen_.next();
  install(now, make_first_view({number, founding->branch}, founding->members),
          {.origin = commit_origin::first}, out);
  for (const member_record& member : founding->members) {
    if (member.id != self_.id) send_full_view(now, member.id, out);
  }
  for (const wire::join& request : waiting) on_join(now, request.self.id, request, out);
  consider(now, out);
}

/// This life is over: removed by the others, or given up for another cluster.
inline void membership::start_over(time_point now, std::vector<endpoint> hints, outbox& out) {
  if (leaving_) return go_left(out);
  note(out, log_level::warning, "starts over as a new member");
  if (view_) {
    for (const member_record& member : view_->members) {
      if (member.id != self_.id && hints.size() < 8) hints.push_back(member.address);
    }
  }
  ++counters_.kicked;
  ++self_.id.incarnation;
  view_.reset();
  past_.clear();
  links_.clear();
  stable_ = false;
  allegiance_ = allegiance{options_.timers.fence};
  authority_ = authority{options_.timers.fence};
  desk_.on_start_over();
  detector_.reset();
  cut_.reset();
  beat_at_ = probe_at_ = attempt_at_ = heir_at_ = never;
  for (pending_cache& cache : caches_) cache.settled = false;
  out.push_back(identity_changed{self_.id});
  tell_if_drained(out);
  discover(now, hints, out);
}

inline void membership::go_left(outbox& out) {
  role_ = member_role::left;
  view_.reset();
  bootstrap_.stop();
  out.push_back(left{});
}

inline void membership::leave(time_point now, outbox& out) {
  if (leaving_ || role_ == member_role::left) return;
  leaving_ = true;
  leave_at_ = now + options_.timers.leave_limit;
  if (!view_ || view_->size() == 1) return go_left(out);
  if (!coordinating()) {
    return post(out, view_->oldest().id, wire::leave{view_->key, wire::leaving::go});
  }
  desk_.on_leave(self_.id);
  consider(now, out);
}

inline void membership::on_leave(const member_id& from, const wire::leave& m) {
  if (!coordinating() || !view_->contains(from) || m.view != view_->key) return;
  if (m.how == wire::leaving::drain) {
    desk_.on_drain(from);
  } else {
    desk_.on_leave(from);
  }
}

inline void membership::on_join(time_point now, const member_id& from, const wire::join& m,
                                outbox& out) {
  if (m.self.id != from) {
    // Identity belongs to the connection.
    out.push_back(close{from});
    return;
  }
  if (bootstrap_.active()) return bootstrap_.on_join(now, from, m, out);
  if (!view_) return;
  if (view_->contains(from)) return send_full_view(now, from, out);
  if (!coordinating()) {
    return post(out, from, wire::redirect{view_->oldest().id, view_->oldest().address});
  }
  wire::join request = m;
  const bool far = m.seen.value() > view_->key.number.value() + number_jump_max;
  if (majority() || far) request.seen = {};
  if (desk_.on_join(now, request) == coordinator::join_answer::queued) {
    post(out, from, wire::join_wait{wire::join_stage::queued, self_.address});
  }
}

inline void membership::on_redirect(time_point now, const member_id& from, const wire::redirect& m,
                                    outbox& out) {
  if (bootstrap_.active()) return bootstrap_.on_redirect(now, from, m, out);
  // A stranger's follower names its coordinator: there the merge is to be offered.
  if (!coordinating() || majority() || view_->contains(m.coordinator)) return;
  if (linked(m.coordinator)) {
    post(out, m.coordinator, wire::merge_offer{view_->key, view_->size()});
  } else {
    out.push_back(dial{m.address});
  }
}

inline void membership::on_kick(time_point now, const member_id& from, const wire::kick& m,
                                outbox& out) {
  if (!view_) return;
  const member_id& oldest = view_->oldest().id;
  bool valid = false;
  if (m.why == wire::kick_reason::dissolved) {
    // It may be a view that this member has not got yet, and said in a later life.
    valid = from.same_object(oldest) && from >= oldest && m.ended.branch == view_->key.branch &&
            m.ended.number >= view_->key.number;
  } else {
    valid = m.ended == view_->key && m.view.number > view_->key.number &&
            (majority() || from == oldest || !allegiance_.bound(now));
  }
  // With a side of its own it is no lost member but the other half of a merge.
  const bool leads =
      coordinating() && !majority() && authority_.fresh(now) + options_.timers.fence > now;
  if (!valid || leads) return;
  std::vector<endpoint> hints;
  if (m.refuge.port != 0) hints.push_back(m.refuge);
  start_over(now, std::move(hints), out);
}

// --- links ---

inline void membership::on_link_up(time_point now, const member_id& peer,
                                   const std::optional<endpoint>& dialled, outbox& out) {
  if (role_ == member_role::idle || role_ == member_role::left) return;
  coordinator::insert_id(links_, peer);
  if (bootstrap_.active()) {
    bootstrap_.on_link_up(now, peer, dialled, out);
    return found_if_decided(now, out);
  }
  if (!view_) return;
  if (view_->contains(peer)) detector_->on_link_up(now, peer);
  if (dialled) {
    // Another process stands where a member was: that member is as gone as if nobody listened.
    for (const member_record& member : view_->members) {
      if (member.address == *dialled && member.id != peer && member.id != self_.id) {
        detector_->on_link_lost(now, member.id, loss::refused);
      }
    }
    if (!view_->contains(peer)) on_unreached(now, *dialled);
  }
  if (!view_->contains(peer)) greet_stranger(peer, out);
  consider(now, out);
}

inline void membership::on_link_down(time_point now, const member_id& peer, loss how, outbox& out) {
  std::erase(links_, peer);
  if (bootstrap_.active()) {
    bootstrap_.on_link_down(now, peer, out);
    return found_if_decided(now, out);
  }
  if (!view_) return;
  desk_.on_link_down(peer);
  detector_->on_link_lost(now, peer, how);
  if (!majority() && peer == view_->oldest().id) allegiance_.release();
}

inline void membership::on_dial_failed(time_point now, const endpoint& where, dial_failure why,
                                       outbox& out) {
  if (bootstrap_.active()) {
    bootstrap_.on_dial_failed(where, why);
    return found_if_decided(now, out);
  }
  if (!view_) return;
  on_unreached(now, where);
  if (why != dial_failure::refused && why != dial_failure::wrong_cluster) return;
  for (const member_record& member : view_->members) {
    if (member.address == where && member.id != self_.id) {
      detector_->on_link_lost(now, member.id, loss::refused);
    }
  }
}

// --- other clusters ---

/// A coordinator without quorum offers to merge. Anybody else says where it stands: who knows that
/// view to be over answers with a kick.
inline void membership::greet_stranger(const member_id& peer, outbox& out) {
  if (!majority() && coordinating()) {
    post(out, peer, wire::merge_offer{view_->key, view_->size()});
  } else {
    post(out, peer, wire::ping{view_->key});
  }
}

/// Does this member know of nobody who could tell it that it is out? All others of its view may be
/// gone, or here again under other identities.
inline bool membership::forlorn(time_point now) const {
  if (coordinating()) return majority() && authority_.until(now, counts_itself()) <= now;
  return now - coordinator_heard_ > 2 * options_.timers.fence;
}

/// Who has dissolved a view says so in its next life, to those who missed it.
inline void membership::ask_oldest(outbox& out) {
  const member_record& oldest = view_->oldest();
  const auto later = std::ranges::find_if(
      links_, [&](const member_id& id) { return id.same_object(oldest.id) && id > oldest.id; });
  if (later != links_.end()) return greet_stranger(*later, out);
  if (!linked(oldest.id)) out.push_back(dial{oldest.address});
}

inline void membership::probe(time_point now, outbox& out) {
  const duration period = options_.timers.probe;
  const auto jitter = random_.below(static_cast<std::uint64_t>(period.count() / 4 + 1));
  probe_at_ = now + period + duration{static_cast<duration::rep>(jitter)};
  const bool leads = coordinating() && !majority();
  if (!leads && !forlorn(now)) return;
  if (!leads && !majority()) ask_oldest(out);
  for (const endpoint& where : merge_.next_probes(*view_, candidates_)) {
    if (where != self_.address) out.push_back(dial{where});
  }
  std::size_t greetings = merge::probes_at_a_time;
  for (const member_id& peer : links_) {
    if (greetings == 0) break;
    if (view_->contains(peer)) continue;
    --greetings;
    greet_stranger(peer, out);
  }
}

inline void membership::on_merge_offer(time_point now, const member_id& from,
                                       const wire::merge_offer& m, outbox& out) {
  if (!view_ || majority() || leaving_) return;
  if (view_->contains(from) && m.mine.branch != view_->key.branch) note_strayed(now, from);
  if (!coordinating()) {
    return post(out, from, wire::redirect{view_->oldest().id, view_->oldest().address});
  }
  switch (merge_.on_offer(now, side(), from, m)) {
    case merge::reply::none: return;
    case merge::reply::next_view: return desk_.ask_for_next_view();
    case merge::reply::yield: return post(out, from, wire::merge_yield{view_->key, m.mine});
    case merge::reply::counter_offer:
      return post(out, from, wire::merge_offer{view_->key, view_->size()});
  }
}

inline void membership::on_merge_yield(time_point now, const member_id& from,
                                       const wire::merge_yield& m, outbox& out) {
  if (!coordinating() || majority() || leaving_ || !merge_.on_yield(now, side(), m)) return;
  ++counters_.merges_confirmed;
  post(out, from, wire::merge_confirm{view_->key, m.mine, self_.address});
}

inline void membership::on_merge_confirm(time_point now, const member_id& from,
                                         const wire::merge_confirm& m, outbox& out) {
  if (!coordinating() || majority() || from == self_.id) return;
  if (!merge_.on_confirm(side(), m)) return;
  ++counters_.merges_dissolved;
  dissolved_ = wire::kick{wire::kick_reason::dissolved, m.mine, view_->key, m.address};
  for (const member_record& member : view_->members) {
    if (member.id != self_.id) post(out, member.id, *dissolved_);
  }
  start_over(now, {m.address}, out);
}

// --- the registry ---

inline void membership::open_cache(time_point now, const cache_request& request, outbox& out) {
  const auto known = std::ranges::find(caches_, request.name,
                                       [](const pending_cache& c) { return c.request.name; });
  pending_cache& cache = known == caches_.end() ? caches_.emplace_back() : *known;
  cache = {request, false};
  if (!view_) return;
  settle_caches(now, out);
  if (cache.settled) return;
  const wire::open_cache message{request.name, request.options};
  if (coordinating()) {
    on_open_cache(now, self_.id, message, out);
    consider(now, out);
  } else {
    post(out, view_->oldest().id, message);
  }
}

inline void membership::on_open_cache(time_point now, const member_id& from,
                                      const wire::open_cache& m, outbox& out) {
  if (!coordinating() || !view_->contains(from)) return;
  if (desk_.on_open(now, *view_, m)) return;
  if (from == self_.id) return on_cache_refused({m.name}, out);
  post(out, from, wire::cache_refused{m.name});
}

inline void membership::on_cache_refused(const wire::cache_refused& m, outbox& out) {
  for (pending_cache& cache : caches_) {
    if (cache.settled || cache.request.name != m.name) continue;
    cache.settled = true;
    out.push_back(cache_opened{m.name, {}, cache_outcome::refused, {}});
  }
}

/// The name of an option in which the two differ, or empty.
[[nodiscard]] inline std::string differing_option(const std::vector<cache_field>& mine,
                                                  const std::vector<cache_field>& agreed) {
  for (const cache_field& field : mine) {
    const auto at = std::ranges::find(agreed, field.name, &cache_field::name);
    if (at == agreed.end() || at->value != field.value) return field.name;
  }
  for (const cache_field& field : agreed) {
    if (std::ranges::find(mine, field.name, &cache_field::name) == mine.end()) return field.name;
  }
  return {};
}

/// The view holds the registry, so each member judges by itself what it asked for.
inline void membership::settle_caches(time_point now, outbox& out) {
  for (pending_cache& cache : caches_) {
    if (cache.settled) continue;
    const cache_record* agreed = view_->find_cache(cache.request.name);
    if (agreed == nullptr) {
      const wire::open_cache message{cache.request.name, cache.request.options};
      if (coordinating()) static_cast<void>(desk_.on_open(now, *view_, message));
      continue;
    }
    cache.settled = true;
    const std::string field = differing_option(cache.request.options, agreed->options);
    const auto outcome = field.empty() ? cache_outcome::opened : cache_outcome::mismatch;
    if (!field.empty()) ++counters_.cache_mismatches;
    out.push_back(cache_opened{cache.request.name, agreed->id, outcome, field});
  }
}

}  // namespace kith::cluster
