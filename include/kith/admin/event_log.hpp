// The last changes of a member's cluster, as its page lists them, and the members that are gone.
// Bounded; any thread.
#pragma once

#include <kith/core/endpoint.hpp>
#include <kith/core/mutex.hpp>
#include <kith/events.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kith::admin {

/// Milliseconds since 1970: for people, not for measuring.
[[nodiscard]] inline std::int64_t wall_clock_ms() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

struct event {
  /// Grows by one with each event of this log.
  std::uint64_t serial = 0;
  std::int64_t time_ms = 0;
  /// began, joined, gone, gained, lost, missed.
  std::string_view what;
  std::uint64_t view = 0;
  /// Who joined or is gone.
  std::optional<endpoint> member;
  /// Of partitions gained or lost, of views missed.
  std::uint64_t count = 0;
};

struct gone_member {
  endpoint address;
  std::int64_t time_ms = 0;
};

class event_log {
 public:
  static constexpr std::size_t events_max = 256;
  static constexpr std::size_t gone_max = 64;

  /// From here on is listened; `view` is the newest one then.
  void begin(std::uint64_t view) KITH_EXCLUDES(mutex_) {
    const mutex_lock lock{mutex_};
    add("began", view, std::nullopt, 0);
  }
  void on_view(const view_event& told) KITH_EXCLUDES(mutex_);

  /// The newest last.
  [[nodiscard]] std::vector<event> events() const KITH_EXCLUDES(mutex_) {
    const mutex_lock lock{mutex_};
    return {events_.begin(), events_.end()};
  }
  /// Those that have not joined again, the newest last.
  [[nodiscard]] std::vector<gone_member> gone() const KITH_EXCLUDES(mutex_) {
    const mutex_lock lock{mutex_};
    return {gone_.begin(), gone_.end()};
  }

 private:
  void add(std::string_view what, std::uint64_t view, std::optional<endpoint> member,
           std::uint64_t count) KITH_REQUIRES(mutex_);

  mutable kith::mutex mutex_;
  std::uint64_t serial_ KITH_GUARDED_BY(mutex_) = 0;
  std::deque<event> events_ KITH_GUARDED_BY(mutex_);
  std::deque<gone_member> gone_ KITH_GUARDED_BY(mutex_);
};

// --- implementation ---

inline void event_log::add(std::string_view what, std::uint64_t view,
                           std::optional<endpoint> member, std::uint64_t count) {
  events_.push_back({++serial_, wall_clock_ms(), what, view, std::move(member), count});
  if (events_.size() > events_max) events_.pop_front();
}

/// Who left comes first: a process that began anew at its address has left and joined.
inline void event_log::on_view(const view_event& told) {
  const mutex_lock lock{mutex_};
  if (told.missed != 0) return add("missed", told.number, std::nullopt, told.missed);
  for (const endpoint& one : told.left) {
    add("gone", told.number, one, 0);
    gone_.push_back({one, events_.back().time_ms});
    if (gone_.size() > gone_max) gone_.pop_front();
  }
  for (const endpoint& one : told.joined) {
    add("joined", told.number, one, 0);
    std::erase_if(gone_, [&](const gone_member& each) { return each.address == one; });
  }
  if (!told.gained.empty()) add("gained", told.number, std::nullopt, told.gained.size());
  if (!told.lost.empty()) add("lost", told.number, std::nullopt, told.lost.size());
}

}  // namespace kith::admin
