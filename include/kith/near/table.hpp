// What a lane sees of one cache's near cache, whatever its types. All calls come with the lane's
// lock held; the table's own lock is a leaf. Destructors of keys and values may run inside these
// calls: they must not call kith.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/near/cell.hpp>

#include <cstdint>

namespace kith::near {

/// Newer than every version: what invalidates whatever is there.
inline constexpr version newest_version{{view_number{UINT64_MAX}, UINT32_MAX},
                                        sequence{UINT64_MAX}};

enum class install_result : std::uint8_t {
  installed,
  /// The near cache has the key in a newer version; or in this one, and there may be no room.
  newer_present,
  /// The charge is above the whole budget, or the policy did not want it.
  no_room,
  /// Too many keys of equal hash.
  crowded,
};

class table {
 public:
  table() = default;
  table(const table&) = delete;
  table& operator=(const table&) = delete;
  virtual ~table() = default;

  /// Keeps `added`, whose place names hash, charge and expiry, under the present generation of its
  /// partition. It takes the place of an entry of its key that is not newer.
  virtual install_result install(time_point now, const counted_cell& added) = 0;

  /// Erases every entry with this hash whose version is below `bound`.
  virtual void erase_older(std::uint64_t key_hash, version bound) = 0;

  /// Drops the cache's entries of `p`, in O(1): they are invisible at once and reclaimed later.
  virtual void clear(partition_id p) = 0;

  /// Drops the cache's entries that have the tag, of whatever partition, in O(1), and with them a
  /// few that do not (tag_epochs.hpp).
  virtual void end_tag(std::uint64_t tag) = 0;

  /// A partition was flushed or cleared: entries that are dead take up memory.
  virtual void expect_dead() = 0;

  /// Looks at `slots_max` slots and frees what is dead or expired. Returns whether there is more to
  /// look at since the last expect_dead().
  virtual bool reclaim(time_point now, std::uint32_t slots_max) = 0;

  // With or without a lane's lock; any thread.

  /// What the entries are charged.
  [[nodiscard]] virtual std::uint64_t bytes() const = 0;
  /// Evicts entries of `bytes` in all, but leaves a near_part_kept-th of the limit, and takes
  /// `removals_max` entries at most. Returns how many left.
  virtual std::size_t shrink(time_point now, std::uint64_t bytes, std::size_t removals_max) = 0;
};

}  // namespace kith::near
