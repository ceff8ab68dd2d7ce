// What an owner says of changes to those who listen in its own process, and how it knows whether
// anybody does.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/events.hpp>

#include <atomic>
#include <cstdint>
#include <optional>

namespace kith::replica {

/// What the listeners of a cache want to hear.
enum class watching : std::uint8_t { nothing, keys, values };
/// Written by whoever adds and removes listeners, read at each change.
using watch_level = std::atomic<watching>;

struct change_notice {
  cache_id cache{};
  partition_id partition{};
  /// Absent: the partition came to this owner, which knows nothing of what was before.
  std::optional<entry_change> what;
  bytes key;
  kith::version version;
  std::optional<bytes> value;
};

}  // namespace kith::replica
