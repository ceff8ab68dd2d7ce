// The typed side of a cache as the machines and the driver see it: opaque bytes in, opaque bytes
// out, and what its opening asks for.
#pragma once

#include <kith/cluster/membership_effects.hpp>
#include <kith/core/bytes.hpp>
#include <kith/core/time.hpp>
#include <kith/near/table.hpp>
#include <kith/node/call.hpp>
#include <kith/replica/change_notice.hpp>
#include <kith/replica/effect.hpp>
#include <kith/replica/options.hpp>
#include <kith/replica/store_write.hpp>
#include <kith/stats.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kith::node {

/// The typed side of one cache, for the machines. Called by the driver with no lock held; `load`,
/// `load_many`, `process` and `write` may run the user's code and block.
class cache_hooks {
 public:
  virtual ~cache_hooks() = default;
  /// What this member counted of the cache. Any thread, no lock held.
  virtual void visit_stats(const metric_visitor& visit) const = 0;
  virtual replica::load_result load(byte_view key) noexcept = 0;
  /// A result for each of `keys`, in their order.
  virtual std::vector<replica::load_result> load_many(const std::vector<bytes>& keys) noexcept {
    return std::vector<replica::load_result>(keys.size());
  }
  /// How many keys load_many takes at a time; 0: it is not to be called.
  [[nodiscard]] virtual std::size_t load_many_max() const { return 0; }
  virtual replica::processor_result process(const replica::run_processor& job) noexcept = 0;
  virtual replica::write_result write(const replica::run_write&) noexcept {
    return replica::write_unavailable{"the owner of the key has no writer"};
  }
  /// Queues the change for its listeners. With the lane's lock held, so that they hear of a key's
  /// changes in their order: it calls nobody.
  virtual void note_change(const replica::change_notice&) {}
  /// Has the listeners told of what is queued, elsewhere.
  virtual void tell_listeners() {}
  /// Null when the cache keeps no near entries.
  virtual near::table* near_table() = 0;
};

/// A cache as its handle wants it opened.
struct open_request {
  cluster::cache_request agreed;
  std::shared_ptr<cache_binding> binding;
  std::shared_ptr<cache_hooks> hooks;
  std::uint64_t max_bytes = 0;
  std::optional<duration> ttl;
  replica::lifetime_settings life = {};
  replica::store_settings store = {};
};

}  // namespace kith::node
