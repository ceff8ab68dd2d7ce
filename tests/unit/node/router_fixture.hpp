// What the tests of the router share: a router that asks other members, over a near side that does
// not matter, or over one that keeps entries.
#pragma once

#include <kith/near/coherence.hpp>
#include <kith/near/gates.hpp>
#include <kith/node/router.hpp>

#include "who.hpp"

#include <support/near_reader.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

namespace kith::test {

using namespace std::chrono_literals;

/// Those of a kind, in their order.
template <class Effect>
[[nodiscard]] std::vector<Effect> all_of(const node::router::outbox& out) {
  std::vector<Effect> found;
  for (const node::router_effect& effect : out) {
    if (const auto* one = std::get_if<Effect>(&effect)) found.push_back(*one);
  }
  return found;
}

/// The member `self`, which asks about one partition that is `other`'s as often as not.
struct router_caller {
  explicit router_caller(partition_id asked, node::router_options options = {})
      : where{asked},
        near{self, gates, near_options(asked)},
        machine{self, near, from_near, options} {
    binding->name = "words";
    binding->id.store(1);
  }

  void own(member_id owner, std::uint64_t view) {
    near.on_ownership(now, where, owner, epoch{view_number{view}}, from_near);
    machine.on_ownership(where, owner, epoch{view_number{view}});
    machine.retry_moved(now, out);
  }
  [[nodiscard]] node::call call(node::call_kind kind) const {
    node::call what;
    what.kind = kind;
    what.cache = binding;
    what.partition = where;
    what.deadline = now + 5s;
    return what;
  }

  const partition_id where;
  time_point now{1s};
  near::gates gates;
  near::coherence near;
  near::outbox from_near;
  node::router::outbox out;
  node::router machine;
  std::shared_ptr<node::cache_binding> binding = std::make_shared<node::cache_binding>();

 private:
  static near::coherence_options near_options(partition_id of) {
    near::coherence_options options;
    options.lane = index_of(of) % options.lanes;
    return options;
  }
};

/// A router over the near side of a lane whose keys are another member's.
struct near_caller {
  explicit near_caller(node::router_options options = {})
      : machine{near_reader::self, reader.lane, reader.out, options} {
    binding->name = "words";
    binding->id = static_cast<std::uint32_t>(near_reader::cache);
    machine.on_ownership(reader.key.partition, near_reader::owner, reader.term);
  }

  /// About the reader's key; `ids` is the number by which it can be cancelled.
  [[nodiscard]] node::call call(node::call_kind kind, duration timeout = 1s) {
    node::call what;
    what.kind = kind;
    what.cache = binding;
    what.partition = reader.key.partition;
    what.key_hash = reader.key.hash;
    what.key = to_bytes(reader.key.text);
    what.timeout = timeout;
    what.deadline = reader.now + timeout;
    what.cancel_id = ++ids;
    return what;
  }
  template <class Effect>
  [[nodiscard]] std::vector<Effect> all() const {
    return all_of<Effect>(out);
  }

  near_reader reader;
  std::uint64_t ids = 0;
  std::shared_ptr<node::cache_binding> binding = std::make_shared<node::cache_binding>();
  node::router machine;
  node::router::outbox out;
};

}  // namespace kith::test
