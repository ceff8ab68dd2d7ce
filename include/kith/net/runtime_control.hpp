// A runtime's control: its strand is the home thread (runtime.hpp). Here are the links' news, the
// control messages, and what control's effects mean.
#pragma once

#include <kith/net/runtime.hpp>

#include <boost/asio/post.hpp>

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace kith::net {

template <class Input>
void runtime::turn(Input&& input) {
  KITH_ASSERT(!in_control_);
  in_control_ = true;
  node::control::outbox effects;
  input(control_, now(), effects);
  gates_.set_standing(control_.freshness(now()), control_.fence(now()));
  for (node::control_effect& effect : effects) {
    std::visit([this](auto& one) { this->carry(std::move(one)); }, effect);
  }
  control_written_.flush();
  {
    const mutex_lock lock{view_mutex_};
    membership_counters_ = control_.membership().counters();
  }
  in_control_ = false;
  control_wake_->arm(control_.next_timeout());
}

inline void runtime::on_control_due() {
  turn([this](node::control& machine, time_point now, node::control::outbox& out) {
    // Any frame is a sign of life, also one that another thread gave to a lane.
    links_.report_contacts([&](const member_id& peer) { machine.on_contact(now, peer); });
    machine.on_timeout(now, out);
  });
  log_.tick();  // a heartbeat passes here at the latest
}

// The links' news.

inline void runtime::tell_session(const member_id& peer, std::uint32_t sid) {
  forget_requests(peer, sid);
  drive_all([&](node::lane& machine, time_point now, node::lane::outbox& out) {
    machine.on_session(now, peer, sid, out);
  });
}

inline void runtime::on_link_up(const member_id& peer, std::uint32_t sid,
                                const std::optional<endpoint>& dialled) {
  counters_.links_up.fetch_add(1, std::memory_order_relaxed);
  tell_session(peer, sid);
  turn([&](node::control& machine, time_point now, node::control::outbox& out) {
    machine.on_link_up(now, peer, dialled, out);
  });
}

inline void runtime::count_close(close_reason why) {
  const auto count = [](std::atomic<std::uint64_t>& which) {
    which.fetch_add(1, std::memory_order_relaxed);
  };
  count(counters_.links_down);
  if (why == close_reason::stalled) count(counters_.closed_stalled);
  if (why == close_reason::too_long) count(counters_.closed_too_long);
  if (why == close_reason::no_memory) count(counters_.closed_no_memory);
  if (why == close_reason::overflow) count(counters_.closed_overflow);
}

inline void runtime::on_link_down(const member_id& peer, close_reason why) {
  count_close(why);
  if (is_fault(why)) {
    log_.write_about_peer({log_level::warning,
                           "link closed",
                           {{"peer", to_string(peer)}, {"why", std::string{to_string(why)}}}});
  }
  tell_session(peer, 0);
  turn([&](node::control& machine, time_point now, node::control::outbox& out) {
    machine.on_link_down(now, peer, cluster::loss::reset, out);
  });
}

inline void runtime::on_dial_found(const member_id& peer, const endpoint& where) {
  turn([&](node::control& machine, time_point now, node::control::outbox& out) {
    machine.on_link_up(now, peer, where, out);
  });
}

/// What a failed dial says about the member that was thought to be there.
[[nodiscard]] inline cluster::dial_failure meaning_of(const dial_failure& failure) {
  using wire::verdict_status;
  if (failure.result == dial_result::refused) return cluster::dial_failure::refused;
  if (failure.result != dial_result::not_a_peer) return cluster::dial_failure::unreachable;
  if (failure.verdict == verdict_status::own_identity) return cluster::dial_failure::self;
  const bool refused =
      failure.verdict != verdict_status::welcome && failure.verdict != verdict_status::busy;
  const bool stranger = failure.closed == close_reason::protocol_violation;
  return refused || stranger ? cluster::dial_failure::wrong_cluster
                             : cluster::dial_failure::unreachable;
}

inline void runtime::on_dial_failed(const dial_failure& failure) {
  counters_.dials_failed.fetch_add(1, std::memory_order_relaxed);
  // What waited for the link is lost; whoever waits for an answer asks again.
  if (!failure.member.nobody() && !links_.find(failure.member)) tell_session(failure.member, 0);
  // Another member that answered has its own link_up, which says all there is to say.
  if (failure.where.port == 0 || failure.result == dial_result::other_member) return;
  turn([&](node::control& machine, time_point now, node::control::outbox& out) {
    machine.on_dial_failed(now, failure.where, meaning_of(failure), out);
  });
}

// Messages. On the thread that reads, which may not be home.

inline void runtime::take_control(connection& from, const wire::message_frame& frame) {
  const auto take = [this](connection& by, const wire::message_frame& message) {
    wire::decode_error wrong = wire::decode_error::none;
    turn([&](node::control& machine, time_point now, node::control::outbox& out) {
      machine.on_contact(now, by.peer());
      wrong = machine.on_message(now, by.peer(), message, out);
    });
    if (wrong != wire::decode_error::none) on_bad_message(by, node::verdict::malformed);
  };
  if (threads_.home().get_executor().running_in_this_thread()) return take(from, frame);
  boost::asio::post(threads_.home(), [take, held = from.shared_from_this(), copy = frame,
                                      payload = to_bytes(frame.payload)]() mutable {
    copy.payload = payload;
    take(*held, copy);
  });
}

// Effects.

inline void runtime::carry(cluster::close&& one) {
  control_written_.flush();
  links_.drop(one.peer, close_reason::local);
}

inline void runtime::carry(cluster::view_stable&& one) {
  drive_all(
      [&](node::lane& machine, time_point, node::lane::outbox&) { machine.on_stable(one.key); });
}

inline void runtime::carry(node::install_view&& one) {
  std::vector<std::pair<member_id, endpoint>> members;
  for (const auto& member : one.view->members) members.emplace_back(member.id, member.address);
  // Addresses first: the lanes send to new owners at once.
  links_.set_members(members);
  {
    const mutex_lock lock{view_mutex_};
    view_ = one.view;
  }
  drive_all([&](node::lane& machine, time_point now, node::lane::outbox& out) {
    machine.on_view(now, *one.view, one.target.get(), out);
  });
  tell_view(*one.view);
}

inline std::shared_ptr<const cluster::view> runtime::view() const {
  const mutex_lock lock{view_mutex_};
  return view_;
}

inline member_id runtime::self() const {
  const mutex_lock lock{view_mutex_};
  return self_;
}

inline cluster::membership_counters runtime::membership_counters() const {
  const mutex_lock lock{view_mutex_};
  return membership_counters_;
}

inline void runtime::carry(node::open_in_lanes&& one) {
  {
    const mutex_lock lock{hooks_mutex_};
    hooks_[one.settings.id] = one.hooks;
  }
  drive_all([&](node::lane& machine, time_point, node::lane::outbox&) {
    machine.open_cache(one.settings, one.hooks->near_table());
  });
}

inline void runtime::carry(node::reset_lanes&& one) {
  {
    const mutex_lock lock{view_mutex_};
    self_ = one.self;
  }
  links_.restart(one.self);
  for (const auto& each : lanes_) {
    const mutex_lock lock{each->mutex};
    each->waiting.clear();  // their connections are closed
  }
  drive_all([&](node::lane& machine, time_point now, node::lane::outbox& out) {
    machine.on_identity(now, one.self, out);
  });
  // The lanes have let go of the tables that these hold.
  std::map<cache_id, std::shared_ptr<node::cache_hooks>> hooks;
  const mutex_lock lock{hooks_mutex_};
  hooks.swap(hooks_);
}

inline void runtime::carry(node::tell_quorum&& one) {
  gates_.cut_off.store(one.lost, std::memory_order_release);
  drive_all([&](node::lane& machine, time_point now, node::lane::outbox& out) {
    machine.on_quorum(now, one.lost, out);
  });
}

inline void runtime::carry(node::tell_cut&& one) {
  drive_all([&](node::lane& machine, time_point now, node::lane::outbox&) {
    machine.on_cut(now, one.cut);
  });
}

inline void runtime::carry(cluster::drained&&) {
  if (!std::exchange(has_drained_, true)) drained_.set_value();
}

inline void runtime::carry(cluster::left&&) {
  if (!std::exchange(has_left_, true)) left_.set_value();
}

// Opening caches.

inline void runtime::open(const node::open_request& request) {
  if (on_serving_thread()) throw error{errc::would_deadlock, "opening a cache"};
  if (closed()) throw error{errc::closed};
  const std::string& name = request.agreed.name;
  const auto wait = std::make_shared<open_wait>();
  std::future<node::open_answered> answer = wait->answer.get_future();
  boost::asio::post(threads_.home(), [this, wait, request] {
    opens_.emplace(request.agreed.name, wait);
    if (closed()) return fail_opens();
    turn([&](node::control& machine, time_point now, node::control::outbox& out) {
      machine.open(now, request, out);
    });
  });
  if (answer.wait_for(options_.open_time) != std::future_status::ready) {
    boost::asio::post(threads_.home(), [this, wait] {
      std::erase_if(opens_, [&](const auto& each) { return each.second == wait; });
    });
    throw error{errc::timed_out, "opening the cache " + name};
  }
  const node::open_answered told = answer.get();
  if (told.failure) throw error{*told.failure, told.field};
}

inline void runtime::carry(node::open_answered&& one) {
  const auto [first, last] = opens_.equal_range(one.name);
  for (auto each = first; each != last; ++each) each->second->answer.set_value(one);
  opens_.erase(first, last);
}

inline void runtime::fail_opens() {
  for (const auto& [name, wait] : std::exchange(opens_, {})) {
    wait->answer.set_value({name, errc::closed, {}});
  }
}

}  // namespace kith::net
