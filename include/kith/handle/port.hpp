// How a handle reaches its member, whichever driver runs it: real threads and sockets (net/) or
// virtual time (sim/). The one place where the typed face and the machines meet.
#pragma once

#include <kith/cluster/view.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/log.hpp>
#include <kith/core/time.hpp>
#include <kith/near/cell.hpp>
#include <kith/near/gates.hpp>
#include <kith/node/call.hpp>
#include <kith/node/hooks.hpp>
#include <kith/node/sights.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <typeindex>
#include <vector>

namespace kith::handle {

/// Makes one thread wait for one completion.
class waiter {
 public:
  virtual ~waiter() = default;
  virtual void wait() = 0;
  /// From any thread; the last thing that touches the waiter.
  virtual void signal() noexcept = 0;
};

class port {
 public:
  virtual ~port() = default;

  /// Agrees on the cache with the cluster and sets the binding's id. Blocks. Throws kith::error:
  /// config_mismatch (names the field), timed_out, closed.
  virtual void open(const node::open_request& request) = 0;

  /// This member's share of the cache `name`, from now on; it is reached in steps. Any thread.
  /// Throws kith::error(closed).
  virtual void set_cache_bytes(const std::string& name, std::uint64_t max_bytes) = 0;

  /// Starts a call; its completion is told exactly once.
  virtual void submit(node::call&& what) = 0;
  /// The same for many: what goes to one owner goes in one frame.
  virtual void submit_many(std::vector<node::call>&& calls) = 0;

  /// Ends a call that waits, with operation_aborted; what is over stays as it was. Any thread.
  virtual void cancel(partition_id p, std::uint64_t cancel_id, node::cancelling how) = 0;

  /// Ends the fill number `rid`. The lane checks its token once more; if it still holds and there
  /// is a draft, the draft enters the near cache and the followers get it, else they ask again.
  virtual void settle(partition_id p, std::uint64_t rid, near::counted_cell draft) = 0;

  /// What all handles of one cache of this member share (state_table.hpp). An opening begins, and
  /// ends when the members have agreed on the cache or not.
  virtual std::shared_ptr<void> begin_opening(
      const std::string& name, std::type_index types,
      const std::function<std::shared_ptr<void>()>& make) = 0;
  virtual void end_opening(const std::string& name, bool agreed) = 0;

  /// What the key's lane knows of it. Takes the lane's lock; a member that is closed knows nothing.
  [[nodiscard]] virtual node::key_sight look_at_key(const node::key_place& of) const = 0;
  /// Takes each lane's lock for a moment.
  [[nodiscard]] virtual node::owned_share owned_of(cache_id cache) const = 0;

  /// Who owns what, as this member knows; null before the first view.
  [[nodiscard]] virtual std::shared_ptr<const cluster::view> view() const = 0;

  /// A waiter for the calling thread. Throws kith::error(would_deadlock) on a thread that has to
  /// serve the call, and kith::error(closed) after a fork.
  virtual std::unique_ptr<waiter> make_waiter() = 0;

  /// Runs `turn`, which does not throw, where it may block, and as long as it returns true again,
  /// behind what waits there then. Whoever asks has one such job at a time. False: the member is
  /// closed, and it will not run.
  virtual bool post_turns(std::function<bool()> turn) = 0;
  virtual void report(const log_record& record) = 0;

  /// Where handlers run that name no executor.
  [[nodiscard]] virtual boost::asio::any_io_executor executor() = 0;
  [[nodiscard]] virtual time_point now() const = 0;
  [[nodiscard]] virtual near::gates& gates() = 0;
  /// How long a lease of a strong cache lasts.
  [[nodiscard]] virtual duration lease() const = 0;
  /// How often members show that they belong to the cluster.
  [[nodiscard]] virtual duration heartbeat() const = 0;
  /// Only a side with a majority of the members goes on.
  [[nodiscard]] virtual bool needs_majority() const = 0;
  /// The hash of the cluster's name, as handshakes have it.
  [[nodiscard]] virtual std::uint64_t cluster_hash() const = 0;
  [[nodiscard]] virtual bool closed() const = 0;
};

}  // namespace kith::handle
