// The slow plane of one member: its views and the caches that it opened. Control knows names,
// addresses and agreements; lanes know numbers. What it decides reaches the lanes as values.
//
// Who drives it: the driver, on one strand. It never waits for a lane, and no lane waits for it.
#pragma once

#include <kith/cluster/membership.hpp>
#include <kith/cluster/missing_members.hpp>
#include <kith/cluster/quorum_watch.hpp>
#include <kith/core/endpoint.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/random.hpp>
#include <kith/core/time.hpp>
#include <kith/node/hooks.hpp>
#include <kith/node/lane_index.hpp>
#include <kith/node/placement.hpp>
#include <kith/replica/options.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace kith::node {

/// Tell every lane who owns what from now on, and who should.
struct install_view {
  std::shared_ptr<const cluster::view> view;
  std::shared_ptr<const cluster::placement> target;
};
/// Tell every lane about a cache; its share of the bytes is a lane's.
struct open_in_lanes {
  replica::cache_settings settings;
  std::shared_ptr<cache_hooks> hooks;
};
/// Tell every lane its share of a cache's bytes, which has changed.
struct resize_in_lanes {
  cache_id cache{};
  std::uint64_t max_bytes = 0;
};
/// Every lane forgets what it holds: this member goes on under another identity.
struct reset_lanes {
  member_id self;
};
/// Tell every lane, and those who read near entries, whether this member is cut off from the
/// majority of its cluster (quorum = majority).
struct tell_quorum {
  bool lost = false;
};
/// Tell every lane whether members are missing that may go on by themselves.
struct tell_cut {
  bool cut = false;
};
/// A waiting open() has its answer.
struct open_answered {
  std::string name;
  std::optional<errc> failure;
  std::string field;
};

using control_effect =
    std::variant<cluster::send, cluster::dial, cluster::close, install_view, open_in_lanes,
                 resize_in_lanes, reset_lanes, tell_quorum, tell_cut, open_answered,
                 cluster::view_stable, cluster::drained, cluster::left, log_record>;

class control {
 public:
  using outbox = std::vector<control_effect>;

  control(const cluster::membership_options& options, random_source random)
      : membership_{options, random}, quorum_{options.timers.fence, 2 * options.timers.heartbeat} {}

  void start(time_point now, outbox& out);
  /// Answered by drained{}, when the others have what this member had.
  void drain(time_point now, outbox& out);
  void leave(time_point now, outbox& out);
  void on_candidates(time_point now, std::vector<endpoint> candidates, cluster::discovered extent,
                     outbox& out);
  /// Lets go the typed sides of all caches, which hold the driver. Nothing but the end may follow.
  void forget_caches() { caches_.clear(); }

  /// Answered by open_answered, at once where the view knows the cache.
  void open(time_point now, const open_request& request, outbox& out);
  /// This member's share of a cache from now on, also under later identities. Nothing happens for a
  /// cache that is not open.
  void set_cache_bytes(const std::string& name, std::uint64_t max_bytes, outbox& out);
  void on_link_up(time_point now, const member_id& peer, std::optional<endpoint> dialled,
                  outbox& out);
  void on_link_down(time_point now, const member_id& peer, cluster::loss how, outbox& out);
  void on_dial_failed(time_point now, const endpoint& where, cluster::dial_failure how,
                      outbox& out);
  /// Anything but none: the link is to be closed.
  [[nodiscard]] wire::decode_error on_message(time_point now, const member_id& from,
                                              const wire::message_frame& frame, outbox& out);
  void on_contact(time_point now, const member_id& from) { membership_.on_contact(now, from); }
  /// A lane heard of a newer view from `from`.
  void on_newer_view(time_point now, const member_id& from, outbox& out);
  /// What lanes say of copies, of the view that they were told.
  void on_claims(time_point now, const cluster::view_key& view, std::vector<wire::row_claim> claims,
                 outbox& out);
  void on_timeout(time_point now, outbox& out);

  [[nodiscard]] time_point next_timeout() const { return membership_.next_timeout(); }
  [[nodiscard]] const cluster::membership& membership() const { return membership_; }
  [[nodiscard]] cluster::membership& membership() { return membership_; }
  /// Until when this member's view was surely the cluster's (coherence: freshness). A member alone
  /// is its cluster: nobody can have gone on without it.
  [[nodiscard]] time_point freshness(time_point now) const {
    const auto& view = membership_.current();
    return view != nullptr && view->size() == 1 ? never : membership_.freshness(now);
  }
  /// Until when this member is surely one, and has what its view says (coherence: strong caches).
  [[nodiscard]] time_point fence(time_point now) const { return membership_.fence(now); }
  [[nodiscard]] const member_id& self() const { return membership_.self(); }
  /// Caches that the cluster has not agreed on yet.
  [[nodiscard]] std::size_t opening() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(caches_, [](const opened_cache& c) { return !c.agreed; }));
  }

 private:
  struct opened_cache {
    open_request request;
    bool agreed = false;
    /// By any cluster that this member was in.
    bool ever_agreed = false;
    cache_id id{};
  };

  void translate(time_point now, outbox& out);
  void look_at_quorum(time_point now, outbox& out);
  void carry(time_point now, cluster::cache_opened&& answer, outbox& out);
  static void bind(const opened_cache& cache, outbox& out);
  void carry(time_point now, cluster::identity_changed&& changed, outbox& out);
  void carry(time_point now, cluster::log&& line, outbox& out);
  void carry(time_point now, cluster::view_installed&& changed, outbox& out);
  void carry(time_point, cluster::view_stable&& one, outbox& out) { out.push_back(one); }
  void carry(time_point, cluster::send&& one, outbox& out) { out.push_back(std::move(one)); }
  void carry(time_point, cluster::dial&& one, outbox& out) { out.push_back(std::move(one)); }
  void carry(time_point, cluster::close&& one, outbox& out) { out.push_back(one); }
  /// Nobody asks for it yet.
  void carry(time_point, cluster::drained&& one, outbox& out) { out.push_back(one); }
  void carry(time_point, cluster::left&& one, outbox& out) { out.push_back(one); }

  cluster::membership membership_;
  cluster::quorum_watch quorum_;
  cluster::missing_members missing_;
  placements placements_;
  /// By name.
  std::vector<opened_cache> caches_;
  cluster::outbox effects_;
};

// --- implementation ---

inline void control::start(time_point now, outbox& out) {
  membership_.start(now, effects_);
  translate(now, out);
}

inline void control::drain(time_point now, outbox& out) {
  membership_.drain(now, effects_);
  translate(now, out);
}

inline void control::leave(time_point now, outbox& out) {
  membership_.leave(now, effects_);
  translate(now, out);
}

inline void control::on_candidates(time_point now, std::vector<endpoint> candidates,
                                   cluster::discovered extent, outbox& out) {
  membership_.set_candidates(now, std::move(candidates), extent, effects_);
  translate(now, out);
}

inline void control::open(time_point now, const open_request& request, outbox& out) {
  const auto at = std::ranges::lower_bound(
      caches_, request.agreed.name, {},
      [](const opened_cache& c) -> const std::string& { return c.request.agreed.name; });
  if (at == caches_.end() || at->request.agreed.name != request.agreed.name) {
    caches_.insert(at, {request});
  } else if (at->agreed || at->request.binding == request.binding) {
    // This process has agreed on it, or another of its threads is about to.
    const std::string field =
        cluster::differing_option(request.agreed.options, at->request.agreed.options);
    if (!field.empty()) {
      out.push_back(open_answered{request.agreed.name, errc::config_mismatch, field});
      return;
    }
    const bool bound = at->agreed && at->request.binding == request.binding;
    const std::uint64_t share = at->request.max_bytes;
    at->request = request;
    if (bound) at->request.max_bytes = share;  // it may have been changed since
    if (at->agreed) {
      if (!bound) bind(*at, out);
      out.push_back(open_answered{request.agreed.name, std::nullopt, {}});
      return;
    }
  } else {
    // An attempt before this one was given up.
    at->request = request;
  }
  membership_.open_cache(now, request.agreed, effects_);
  translate(now, out);
}

[[nodiscard]] constexpr std::uint64_t lane_share(std::uint64_t bytes) {
  return std::max<std::uint64_t>(1, bytes / lane_count);
}

inline void control::set_cache_bytes(const std::string& name, std::uint64_t max_bytes,
                                     outbox& out) {
  for (opened_cache& cache : caches_) {
    if (cache.request.agreed.name != name) continue;
    cache.request.max_bytes = max_bytes;
    if (cache.agreed) out.push_back(resize_in_lanes{cache.id, lane_share(max_bytes)});
  }
}

inline void control::on_link_up(time_point now, const member_id& peer,
                                std::optional<endpoint> dialled, outbox& out) {
  membership_.on_link_up(now, peer, std::move(dialled), effects_);
  translate(now, out);
}

inline void control::on_link_down(time_point now, const member_id& peer, cluster::loss how,
                                  outbox& out) {
  membership_.on_link_down(now, peer, how, effects_);
  translate(now, out);
}

inline void control::on_dial_failed(time_point now, const endpoint& where,
                                    cluster::dial_failure how, outbox& out) {
  membership_.on_dial_failed(now, where, how, effects_);
  translate(now, out);
}

inline wire::decode_error control::on_message(time_point now, const member_id& from,
                                              const wire::message_frame& frame, outbox& out) {
  const wire::decode_error wrong = membership_.on_message(now, from, frame, effects_);
  translate(now, out);
  return wrong;
}

inline void control::on_newer_view(time_point now, const member_id& from, outbox& out) {
  membership_.on_newer_view(now, from, effects_);
  translate(now, out);
}

inline void control::on_claims(time_point now, const cluster::view_key& view,
                               std::vector<wire::row_claim> claims, outbox& out) {
  membership_.claim_rows(now, view, std::move(claims), effects_);
  translate(now, out);
}

inline void control::on_timeout(time_point now, outbox& out) {
  membership_.on_timeout(now, effects_);
  translate(now, out);
}

inline void control::translate(time_point now, outbox& out) {
  // An answer may make membership emit more: go on until nothing is left.
  while (!effects_.empty()) {
    for (cluster::effect& effect : std::exchange(effects_, {})) {
      std::visit([&](auto& one) { carry(now, std::move(one), out); }, effect);
    }
  }
  if (membership_.needs_majority()) look_at_quorum(now, out);
}

inline void control::look_at_quorum(time_point now, outbox& out) {
  std::optional<time_point> fresh;
  if (membership_.current() != nullptr) fresh = freshness(now);
  if (!quorum_.look(now, fresh)) return;
  out.push_back(tell_quorum{quorum_.lost()});
  const char* const what =
      quorum_.lost() ? "cut off from the majority" : "no longer cut off from the majority";
  out.push_back(log_record{log_level::warning, what, {{"member", to_string(self())}}});
}

inline void control::carry(time_point, cluster::cache_opened&& answer, outbox& out) {
  const auto at = std::ranges::find(caches_, answer.name,
                                    [](const opened_cache& c) { return c.request.agreed.name; });
  if (at == caches_.end()) return;
  open_answered told{answer.name, std::nullopt, answer.field};
  if (answer.outcome == cluster::cache_outcome::opened) {
    at->agreed = at->ever_agreed = true;
    at->id = answer.id;
    bind(*at, out);
  } else {
    const bool mismatch = answer.outcome == cluster::cache_outcome::mismatch;
    told.failure = mismatch ? errc::config_mismatch : errc::overloaded;
    if (at->ever_agreed) {
      at->request.binding->refused.store(mismatch, std::memory_order_release);
      out.push_back(log_record{log_level::error,
                               "the cluster refuses a cache that is open here",
                               {{"cache", answer.name}, {"field", answer.field}}});
    } else {
      caches_.erase(at);
    }
  }
  out.push_back(std::move(told));
}

/// The handles' calls may go out, and the lanes serve the cache.
inline void control::bind(const opened_cache& cache, outbox& out) {
  const open_request& request = cache.request;
  request.binding->refused.store(false, std::memory_order_release);
  request.binding->id.store(static_cast<std::uint32_t>(cache.id), std::memory_order_release);
  replica::cache_settings settings;
  settings.id = cache.id;
  settings.name = request.agreed.name;
  settings.max_bytes = lane_share(request.max_bytes);
  settings.ttl = request.ttl;
  settings.life = request.life;
  settings.store = request.store;
  settings.max_staleness = request.binding->max_staleness;
  settings.strong = request.binding->strong;
  settings.near_local = request.binding->near_local;
  settings.has_loader = request.binding->has_loader;
  settings.watched = request.binding->watched;
  settings.reads_cut_off = request.binding->reads_cut_off;
  settings.writes_cut_off = request.binding->writes_cut_off;
  settings.tells_dirty = request.binding->tells_dirty;
  settings.tells_values = request.binding->tells_values;
  out.push_back(open_in_lanes{std::move(settings), request.hooks});
}

inline void control::carry(time_point, cluster::identity_changed&& changed, outbox& out) {
  out.push_back(reset_lanes{changed.self});
  missing_.forget();
  // The cluster that this member joins next may know its caches under other numbers, or not at all:
  // membership asks again.
  for (opened_cache& cache : caches_) {
    cache.agreed = false;
    cache.request.binding->id.store(0, std::memory_order_release);
  }
}

inline void control::carry(time_point, cluster::log&& line, outbox& out) {
  out.push_back(std::move(line.record));
}

inline void control::carry(time_point, cluster::view_installed&& changed, outbox& out) {
  const bool cut = missing_.any();
  missing_.on_view(changed.installed);
  if (missing_.any() != cut) out.push_back(tell_cut{!cut});
  auto target = placements_.of(*changed.installed);
  out.push_back(install_view{std::move(changed.installed), std::move(target)});
}

}  // namespace kith::node
