// What one member knows of one key, for people: cache::explain.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/endpoint.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/key_events.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/handle/port.hpp>
#include <kith/near/cell_store.hpp>
#include <kith/near/gates.hpp>
#include <kith/node/sights.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kith {

/// What one member knew of one key at the moment it was asked: where the key lives, what the near
/// cache has of it, what the owner has where that is this member, and what happened to it lately.
/// Absent parts are not known here. Plain values; to_string() writes them in lines.
struct explanation {
  struct near_entry {
    kith::version version;
    /// A read that names no bound of its own would be served it now: it is in force, `age` is
    /// within the cache's `near.max_staleness`, and the partition is not suspect.
    bool alive = false;
    /// Absent: it does not expire.
    std::optional<duration> ttl_left;
  };
  struct owned_entry {
    bool present = false;
    /// The entry's; where there is none, the partition's newest.
    kith::version version;
  };
  struct event {
    duration ago{};
    key_event what = key_event::fill_begun;
    kith::version version;
  };

  partition_id partition{};
  std::uint64_t key_hash = 0;
  /// 0: this member holds no view, and knows no owner.
  std::uint64_t view_number = 0;
  std::optional<endpoint> owner;
  /// In which the owner got the partition.
  kith::epoch epoch;

  /// How old what this member knows of the owner and of the coordinator is; absent: it has heard of
  /// neither, as where nothing of the partition was read.
  std::optional<duration> age;
  /// The owner's stream has a gap or no connection: no near entry of the partition is served.
  bool suspect = false;
  std::optional<near_entry> near;

  /// Where this member is the owner.
  std::optional<owned_entry> owned;
  /// Then also: the members that may keep it in their near caches.
  std::vector<endpoint> listeners;

  /// Oldest first; those of the lane's last hundred or so that concern the key.
  std::vector<event> events;
};

/// key=value, a line for each part.
[[nodiscard]] inline std::string to_string(const explanation& of) {
  const auto milliseconds = [](duration time) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) +
           "ms";
  };
  std::string text = "partition=" + std::to_string(index_of(of.partition)) +
                     " key_hash=" + std::to_string(of.key_hash) +
                     " view=" + std::to_string(of.view_number) +
                     " owner=" + (of.owner ? to_string(*of.owner) : "none") +
                     " epoch=" + std::to_string(of.epoch.view.value()) + '.' +
                     std::to_string(of.epoch.branch) + '\n';
  text += "near age=" + (of.age ? milliseconds(*of.age) : "unknown") +
          " suspect=" + (of.suspect ? "yes" : "no");
  if (of.near) {
    text += " version=" + to_string(of.near->version) +
            " alive=" + (of.near->alive ? "yes" : "no") +
            " ttl_left=" + (of.near->ttl_left ? milliseconds(*of.near->ttl_left) : "unlimited");
  } else {
    text += " entry=none";
  }
  text += '\n';
  if (of.owned) {
    text += std::string{"owned present="} + (of.owned->present ? "yes" : "no") +
            " version=" + to_string(of.owned->version) + " listeners=";
    for (std::size_t i = 0; i < of.listeners.size(); ++i) {
      text += (i > 0 ? "," : "") + to_string(of.listeners[i]);
    }
    text += '\n';
  }
  for (const explanation::event& one : of.events) {
    text += "event=" + std::string{to_string(one.what)} + " ago=" + milliseconds(one.ago) +
            " version=" + to_string(one.version) + '\n';
  }
  return text;
}

namespace handle {

[[nodiscard]] inline explanation explain_key(port& from, const node::key_place& key,
                                             const std::optional<near::cell_store::sight>& seen,
                                             duration max_staleness) {
  explanation of;
  const time_point now = from.now();
  of.key_hash = key.hash;
  of.partition = key.partition;
  const std::shared_ptr<const cluster::view> view = from.view();
  if (view != nullptr) {
    of.view_number = view->key.number.value();
    of.epoch = view->epoch_of(of.partition);
    if (const auto* owner = view->owner_of(of.partition)) of.owner = owner->address;
  }
  const near::permit known = from.gates().permit_for(of.partition);
  if (known.fresh > near::never_heard) of.age = now - known.fresh;
  of.suspect = known.suspect;
  if (seen) {
    const bool in_force = seen->alive && now < seen->expires;
    of.near = {seen->version, in_force && known.allows(now, max_staleness), std::nullopt};
    if (seen->expires < never) of.near->ttl_left = seen->expires - now;
  }
  const node::key_sight in_lane = from.look_at_key(key);
  if (in_lane.owned) of.owned = {in_lane.owned->present, in_lane.owned->version};
  for (const member_id& id : in_lane.listeners) {
    const auto at = view == nullptr ? std::nullopt : view->find(id);
    if (at) of.listeners.push_back(view->members[*at].address);
  }
  for (const key_event_record& one : in_lane.events) {
    of.events.push_back({now - one.at, one.what, one.version});
  }
  return of;
}

}  // namespace handle

}  // namespace kith
