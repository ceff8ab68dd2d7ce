// Which connection leads to which member, for every thread that has something to send.
//
// A peer has at most one link: an open connection that its packets take. While there is none,
// packets without a session wait, within bounds, for the dial that the first of them asks for.
//
// The mutex is a leaf: packets are handed to connections after it was let go.
#pragma once

#include <kith/core/endpoint.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/mutex.hpp>
#include <kith/net/connection.hpp>
#include <kith/wire/packet.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace kith::net {

struct link_limits {
  /// What waits for a member that is being dialled; beyond it packets are dropped and counted.
  std::size_t waiting_packets = 4096;
  std::size_t waiting_bytes = std::size_t{8} << 20;
};

/// Connections that got packets and are not flushed yet. A thread fills one while it holds a lane
/// and flushes it after: nothing is written under a lane's lock, and many packets share a write.
class touched {
 public:
  void add(std::shared_ptr<connection> which) {
    for (const auto& each : connections_) {
      if (each == which) return;
    }
    connections_.push_back(std::move(which));
  }
  void flush() {
    for (const auto& each : connections_) each->flush();
    connections_.clear();
  }

 private:
  std::vector<std::shared_ptr<connection>> connections_;
};

class link_table {
 public:
  explicit link_table(const link_limits& limits) : limits_{limits} {}

  enum class pushed : std::uint8_t {
    /// With the link, or waiting for it.
    taken,
    /// Waiting, and nobody dials yet: dial.
    dial,
    /// A request that has to wait for room on the link: it is left as it was.
    full,
    /// No way to the member, its queue is full, or the packet's session is over.
    dropped,
  };

  /// Any thread, also with a lane's lock held.
  pushed push(const member_id& to, wire::packet&& packet, touched& written) KITH_EXCLUDES(mutex_);

  /// Where `member` is dialled.
  void set_address(const member_id& member, const endpoint& where) KITH_EXCLUDES(mutex_);
  [[nodiscard]] std::optional<endpoint> address(const member_id& member) const
      KITH_EXCLUDES(mutex_);
  [[nodiscard]] std::shared_ptr<connection> find(const member_id& member) const
      KITH_EXCLUDES(mutex_);
  [[nodiscard]] std::vector<member_id> linked() const KITH_EXCLUDES(mutex_);

  /// The links, and where their peers listen: what is not known is where the connection comes from.
  [[nodiscard]] std::vector<std::pair<endpoint, std::shared_ptr<connection>>> links() const
      KITH_EXCLUDES(mutex_);

  /// Of the home thread: packets of `peer` take `link` from now on. Returns those that waited: they
  /// leave after what the machines say first on a new session.
  [[nodiscard]] std::vector<wire::packet> set_link(const member_id& peer,
                                                   std::shared_ptr<connection> link)
      KITH_EXCLUDES(mutex_);
  void count_dropped() { dropped_.fetch_add(1, std::memory_order_relaxed); }
  /// Of the home thread: the dial of `peer` ended without a link. What waited is dropped.
  void give_up(const member_id& peer) KITH_EXCLUDES(mutex_);
  /// Of the home thread. Takes the link from the peer; its address stays.
  void remove_link(const member_id& peer) KITH_EXCLUDES(mutex_);
  void forget(const member_id& peer) KITH_EXCLUDES(mutex_);
  void clear() KITH_EXCLUDES(mutex_);

  [[nodiscard]] std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct peer {
    std::shared_ptr<connection> link;
    std::vector<wire::packet> waiting;
    std::size_t waiting_bytes = 0;
    std::optional<endpoint> where;
    bool dialling = false;
  };

  const link_limits limits_;
  mutable mutex mutex_;
  std::map<member_id, peer> peers_ KITH_GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> dropped_{0};
};

// --- implementation ---

inline link_table::pushed link_table::push(const member_id& to, wire::packet&& packet,
                                           touched& written) {
  std::shared_ptr<connection> link;
  {
    const mutex_lock lock{mutex_};
    const auto found = peers_.find(to);
    if (found != peers_.end()) link = found->second.link;
    if (!link) {
      const bool hopeless = found == peers_.end() || packet.sid != 0 ||
                            (!found->second.where && !found->second.dialling) ||
                            found->second.waiting.size() >= limits_.waiting_packets ||
                            found->second.waiting_bytes + packet.payload.size() >
                                limits_.waiting_bytes;
      if (hopeless) {
        count_dropped();
        return pushed::dropped;
      }
      found->second.waiting_bytes += packet.payload.size();
      found->second.waiting.push_back(std::move(packet));
      return std::exchange(found->second.dialling, true) ? pushed::taken : pushed::dial;
    }
  }
  const connection::pushed result = link->push(std::move(packet));
  if (result == connection::pushed::gone) {
    count_dropped();
    return pushed::dropped;
  }
  written.add(std::move(link));
  return result == connection::pushed::full ? pushed::full : pushed::taken;
}

inline std::vector<wire::packet> link_table::set_link(const member_id& to,
                                                      std::shared_ptr<connection> link) {
  const mutex_lock lock{mutex_};
  peer& mine = peers_[to];
  mine.link = std::move(link);
  mine.dialling = false;
  mine.waiting_bytes = 0;
  return std::exchange(mine.waiting, {});
}

inline void link_table::give_up(const member_id& to) {
  const mutex_lock lock{mutex_};
  const auto found = peers_.find(to);
  if (found == peers_.end()) return;
  dropped_.fetch_add(found->second.waiting.size(), std::memory_order_relaxed);
  found->second.waiting = {};
  found->second.waiting_bytes = 0;
  found->second.dialling = false;
}

inline void link_table::remove_link(const member_id& to) {
  const mutex_lock lock{mutex_};
  const auto found = peers_.find(to);
  if (found == peers_.end()) return;
  found->second.link.reset();
  if (!found->second.where && !found->second.dialling) peers_.erase(found);
}

inline void link_table::set_address(const member_id& to, const endpoint& where) {
  const mutex_lock lock{mutex_};
  peers_[to].where = where;
}

inline std::optional<endpoint> link_table::address(const member_id& to) const {
  const mutex_lock lock{mutex_};
  const auto found = peers_.find(to);
  return found == peers_.end() ? std::nullopt : found->second.where;
}

inline std::shared_ptr<connection> link_table::find(const member_id& to) const {
  const mutex_lock lock{mutex_};
  const auto found = peers_.find(to);
  return found == peers_.end() ? nullptr : found->second.link;
}

inline std::vector<member_id> link_table::linked() const {
  const mutex_lock lock{mutex_};
  std::vector<member_id> found;
  for (const auto& [id, each] : peers_) {
    if (each.link) found.push_back(id);
  }
  return found;
}

inline std::vector<std::pair<endpoint, std::shared_ptr<connection>>> link_table::links() const {
  const mutex_lock lock{mutex_};
  std::vector<std::pair<endpoint, std::shared_ptr<connection>>> found;
  for (const auto& [id, each] : peers_) {
    if (each.link) found.emplace_back(each.where.value_or(each.link->remote()), each.link);
  }
  return found;
}

inline void link_table::forget(const member_id& to) {
  const mutex_lock lock{mutex_};
  const auto found = peers_.find(to);
  if (found == peers_.end()) return;
  found->second.where.reset();
  if (!found->second.link && !found->second.dialling) peers_.erase(found);
}

inline void link_table::clear() {
  const mutex_lock lock{mutex_};
  peers_.clear();
}

}  // namespace kith::net
