// What the views machine asks its driver to do, in order.
#pragma once

#include <kith/cluster/view.hpp>
#include <kith/core/endpoint.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/log.hpp>
#include <kith/wire/packet.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace kith::cluster {

/// To a member of a view: dial its address if there is no link. To anybody else: drop it then.
struct send {
  member_id to;
  wire::packet packet;
};
/// Answered by on_link_up or on_dial_failed.
struct dial {
  endpoint where;
};
struct close {
  member_id peer;
};
/// Members and table are agreed; roles that need the past to be over wait for view_stable.
struct view_installed {
  std::shared_ptr<const view> installed;
};
struct view_stable {
  view_key key;
};

enum class cache_outcome : std::uint8_t { opened, mismatch, refused };
/// `field`: which option differs, when the outcome is a mismatch.
struct cache_opened {
  std::string name;
  cache_id id{};
  cache_outcome outcome = cache_outcome::opened;
  std::string field;
};
/// This member was removed or its side gave way: it goes on as a new member. All links close, all
/// data is dropped, before the effects that follow.
struct identity_changed {
  member_id self;
};
/// The answer to drain(): nothing is here that others could still take.
struct drained {};
struct left {};
struct log {
  log_record record;
};

using effect = std::variant<send, dial, close, view_installed, view_stable, cache_opened,
                            identity_changed, drained, left, log>;
using outbox = std::vector<effect>;

enum class dial_failure : std::uint8_t {
  refused,        ///< Nobody listens there.
  unreachable,    ///< No answer: says nothing about the process.
  wrong_cluster,  ///< Somebody else's process.
  self,           ///< The address is this member's own.
};

struct cache_request {
  std::string name;
  std::vector<cache_field> options;
};

template <class Message>
void post(outbox& out, const member_id& to, const Message& message) {
  out.push_back(send{to, wire::make_packet(message)});
}

}  // namespace kith::cluster
