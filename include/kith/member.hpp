// A member: this process's part in its cluster. It owns its threads and sockets, finds the others,
// serves its share of the partitions, and gives out handles to caches.
//
//   kith::member member({.cluster = "shop"});
//   auto products = member.cache<std::string, product>("products", {.ttl = 10min});
//
// Its destructor leaves the cluster in order. Handles may outlive it: their calls answer `closed`.
// So do those of a forked child, which keeps the sockets until it ends or executes another program.
#pragma once

#include <kith/cache.hpp>
#include <kith/codec_boost.hpp>
#include <kith/discovery.hpp>
#include <kith/error.hpp>
#include <kith/events.hpp>
#include <kith/handle/port.hpp>
#include <kith/member_stats.hpp>
#include <kith/net/system_random.hpp>
#include <kith/options.hpp>
#include <kith/stats.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kith {

class member_port;
namespace net {
class runtime;
struct runtime_options;
}  // namespace net

class member {
 public:
  /// Binds, starts the threads and begins to look for others; does not wait for them.
  ///
  /// Throws kith::error(invalid_option), which names the field: an address that cannot be bound, a
  /// bind that other machines can reach without `insecure`, a number out of range.
  explicit member(member_options options = {});
  /// Leaves at once: owners that have copies take over its partitions, and what has no copy is lost
  /// (leave() loses nothing). What it owes stores (write_mode::behind) it writes before, for 5 s at
  /// most. When this returns, every async call has ended and
  /// its handler was called, or posted to the executor that it names. Not from one of the member's
  /// own threads. In a forked child it does nothing: the member is the parent's.
  ~member();
  member(const member&) = delete;
  member& operator=(const member&) = delete;

  /// Leaves so that nothing is lost: the others take over its partitions and copies, while it goes
  /// on serving; then it ends as by its destructor, and every later call gets errc::closed. True:
  /// they have all. False: they did not within member_options::leave_timeout, or it has left
  /// before.
  ///
  /// Blocks. Not from one of the member's own threads. A rolling restart by it loses no entry as
  /// long as one member with weight stays.
  bool leave();

  /// A handle to the cache `name`, which exists on all members once one has opened it. Opening it
  /// again gives another handle to the same; its local options are those of the first time.
  ///
  /// Blocks until the cluster agreed. Throws kith::error: invalid_option (names the field),
  /// config_mismatch (another member opened it differently; names the field), timed_out, closed,
  /// would_deadlock.
  template <class Key, class Value>
  [[nodiscard]] kith::cache<Key, Value> cache(const std::string& name,
                                              cache_options<Key, Value> options = {}) {
    return kith::cache<Key, Value>::open(port(), name, std::move(options), net::system_random());
  }

  /// Where this member listens.
  [[nodiscard]] const endpoint& address() const;
  /// Of the newest view that this member holds; 0 before the first. No message.
  [[nodiscard]] std::uint64_t view_number() const;
  /// The members of that view, oldest first.
  [[nodiscard]] std::vector<endpoint> members() const;

  /// Changes member_options::memory_limit; absent: the caches' own limits alone. A lower one is
  /// reached in bounded steps, while the member serves. Any thread; does not block.
  ///
  /// Throws kith::error(invalid_option) for 0.
  void set_memory_limit(std::optional<byte_count> limit);

  /// What this member has counted and holds, apart from its caches (cache::stats). No message;
  /// any thread, also one that serves the network. Empty in a forked child.
  ///
  /// Cost: some microseconds (bench/stats.cpp); each lane's lock is held for about one.
  [[nodiscard]] member_stats stats() const;
  /// Calls `visit` once for each metric of the member and of each cache that it has opened; see
  /// docs/operations.md.
  void visit_stats(const metric_visitor& visit) const;

  /// Calls `listener` for each view that is installed from now on, in their order, on a worker
  /// thread where it may block; what it throws is logged and counted. For a slow one 64 views wait;
  /// those beyond are left out until it has caught up, and it is told how many
  /// (view_event::missed). It hears of a view when this member acts by it already. Throws
  /// kith::error(invalid_argument) without a function.
  [[nodiscard]] subscription on_view(std::function<void(const view_event&)> listener);

  /// The driver, for tools and tests; not part of the stable face.
  [[nodiscard]] net::runtime& runtime() { return *runtime_; }

 private:
  static void require(bool holds, const std::string& field) {
    if (!holds) throw error{errc::invalid_option, field};
  }
  static void require_allowed(const discovery_options& where);
  static void require_allowed(const timing_options& timing);
  [[nodiscard]] std::shared_ptr<handle::port> port() const;
  [[nodiscard]] static net::runtime_options runtime_options_of(member_options&& options);

  std::shared_ptr<net::runtime> runtime_;
  std::shared_ptr<member_port> port_;
  duration leave_timeout_;
};

}  // namespace kith

// Defined: the program has these bodies once, in a file of its own.
#ifndef KITH_SEPARATE_COMPILATION
#include <kith/src.hpp>
#endif
