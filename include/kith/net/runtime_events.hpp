// How a runtime's listeners hear of changes and views (runtime.hpp).
#pragma once

#include <kith/core/listener_queue.hpp>
#include <kith/events.hpp>
#include <kith/net/runtime.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace kith::net {

/// Views that wait for one listener; more are left out, and counted for it.
inline constexpr std::size_t view_events_max = 64;

/// With the lane's lock held.
inline void runtime::note_changes(node::lane::outbox& effects) {
  for (node::lane_effect& effect : effects) {
    const auto* one = std::get_if<replica::change_notice>(&effect);
    if (one == nullptr) continue;
    if (const auto hooks = hooks_of(one->cache)) hooks->note_change(*one);
  }
}

inline void runtime::carry(lane_slot&, replica::change_notice&& one) {
  if (const auto hooks = hooks_of(one.cache)) hooks->tell_listeners();
}

inline void runtime::add_view_listener(std::shared_ptr<listener_queue<view_event>> listener) {
  const mutex_lock lock{view_mutex_};
  view_listeners_.push_back(std::move(listener));
}

inline void runtime::remove_view_listener(
    const std::shared_ptr<listener_queue<view_event>>& listener) {
  const mutex_lock lock{view_mutex_};
  std::erase(view_listeners_, listener);
}

inline void runtime::tell_view(const cluster::view& installed) {
  const view_event event = told_.follow(installed, control_.self());
  std::vector<std::shared_ptr<listener_queue<view_event>>> listeners;
  {
    const mutex_lock lock{view_mutex_};
    listeners = view_listeners_;
  }
  for (const auto& each : listeners) {
    each->push(event, 0);
    if (each->begin() && !workers_.post_turns([each] { return each->run(); })) each->abandon();
  }
}

[[nodiscard]] inline subscription listen_to_views(const std::shared_ptr<runtime>& to,
                                                  std::function<void(const view_event&)> listener) {
  listener_queue<view_event>::options made;
  made.events_max = view_events_max;
  made.tell = listener;
  made.tell_lost = [listener](std::uint64_t count) {
    view_event event;
    event.missed = count;
    listener(event);
  };
  made.failed = [to = std::weak_ptr{to}](const std::string& why) {
    if (const auto runs = to.lock()) {
      runs->count_listener_failure();
      runs->write_log({log_level::error, "listener threw", {{"of", "views"}, {"what", why}}});
    }
  };
  const auto added = std::make_shared<listener_queue<view_event>>(std::move(made));
  to->add_view_listener(added);
  return subscription{[to = std::weak_ptr{to}, added] {
    if (const auto runs = to.lock()) runs->remove_view_listener(added);
    added->close();
  }};
}

}  // namespace kith::net
