// What the reader's side of a lane asks its driver to do.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/near/cell.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/packet.hpp>

#include <cstdint>
#include <variant>
#include <vector>

namespace kith::near {

/// A follower's answer. No value: the key is absent. ref_from<V> gives the cell its type back.
struct serve {
  std::uint64_t waiter = 0;
  counted_cell value;
  kith::version version;
};

/// A follower may not take its leader's result: it begins again.
struct reissue {
  std::uint64_t waiter = 0;
};

/// The leader of this request lost its fill: its get goes out again, under a new rid.
struct retry {
  std::uint64_t rid = 0;
};

/// A follower shares its leader's failure.
struct refuse {
  std::uint64_t waiter = 0;
  wire::get_status status = wire::get_status::load_failed;
  bytes text;
};

/// Somebody spoke of a higher epoch than mine.
struct pull_view {
  member_id from;
};

using effect = std::variant<wire::send, serve, reissue, retry, refuse, pull_view>;
using outbox = std::vector<effect>;

}  // namespace kith::near
