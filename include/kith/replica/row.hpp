// What a view says of one partition, as the lane that may own it or keep a copy of it has to know:
// who has it, and who should.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/replica/store_write.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace kith::replica {

struct row {
  /// Nobody: nobody owns it.
  member_id owner{};
  kith::epoch began;
  /// The owner began with what the partition had, of which it kept a copy.
  bool inherits = false;
  /// Who holds all that was ever acknowledged, by position; nobody where there is none. A cache of
  /// k copies is held at positions 0 to k-1.
  std::vector<member_id> backups{};
  /// Where the copies should be, by position, and who should be the owner; of interest to the owner
  /// alone. Nobody as heir: the owner stays.
  std::vector<member_id> wanted{};
  member_id heir{};

  [[nodiscard]] std::optional<std::uint8_t> position_of(const member_id& who) const {
    const auto at = std::ranges::find(backups, who);
    if (at == backups.end()) return std::nullopt;
    return static_cast<std::uint8_t>(at - backups.begin());
  }
  [[nodiscard]] member_id at(std::size_t position) const {
    return position < backups.size() ? backups[position] : member_id{};
  }
};

/// How many copies of a cache there are beside its owner's. A write is answered when the first
/// `sync` of them have it; `async` more are told and not waited for. And whether it has a store.
struct cache_copies {
  cache_id cache{};
  std::uint8_t sync = 0;
  std::uint8_t async = 0;
  store_kind store = store_kind::none;
  /// A write is answered, and seen, when no reader can have an older value.
  bool strong = false;

  [[nodiscard]] std::uint8_t all() const { return static_cast<std::uint8_t>(sync + async); }
};

}  // namespace kith::replica
