// Where partitions are and where they should be, as a member's lanes are told of each view.
#pragma once

#include <kith/cluster/target.hpp>
#include <kith/cluster/view.hpp>
#include <kith/core/ids.hpp>
#include <kith/replica/row.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace kith::node {

/// The target of the views that a member installs. While a view changes nothing but rows, it stays:
/// what has begun to move goes on to where it was to go.
class placements {
 public:
  [[nodiscard]] std::shared_ptr<const cluster::placement> of(const cluster::view& installed);

 private:
  std::shared_ptr<const cluster::placement> last_;
  cluster::view_key at_;
  std::vector<cluster::member_record> members_;
};

/// One partition's row. `target` may be null: all is where it should be.
[[nodiscard]] replica::row row_of(const cluster::view& of, const cluster::placement* target,
                                  partition_id p);
/// How many copies the caches of the view have.
[[nodiscard]] std::vector<replica::cache_copies> copies_in(const cluster::view& of);

// --- implementation ---

inline std::shared_ptr<const cluster::placement> placements::of(const cluster::view& installed) {
  const bool next = installed.key.branch == at_.branch && installed.key.number == at_.number.next();
  const bool same = last_ != nullptr && next && members_ == installed.members &&
                    last_->width == cluster::width_of(installed);
  if (!same) last_ = std::make_shared<const cluster::placement>(cluster::target_of(installed));
  at_ = installed.key;
  members_ = installed.members;
  return last_;
}

inline replica::row row_of(const cluster::view& of, const cluster::placement* target,
                           partition_id p) {
  const cluster::partition_row& told = of.rows[index_of(p)];
  const auto id_of = [&](std::uint16_t member) {
    return member == cluster::unowned ? member_id{} : of.members[member].id;
  };
  replica::row made{id_of(told.owner), told.epoch, told.inherits};
  for (const std::uint16_t backup : told.backups) made.backups.push_back(id_of(backup));
  if (target == nullptr) {
    made.wanted = made.backups;
    return made;
  }
  for (const std::uint16_t wanted : target->row(p)) made.wanted.push_back(id_of(wanted));
  made.heir = id_of(target->owner(p));
  return made;
}

inline std::vector<replica::cache_copies> copies_in(const cluster::view& of) {
  std::vector<replica::cache_copies> all;
  for (const cluster::cache_record& cache : of.caches) {
    const std::size_t copies = cluster::copies_of(cache);
    std::size_t sync = 0;
    auto store = replica::store_kind::none;
    for (const cluster::cache_field& field : cache.options) {
      if (field.name == "backups") sync = std::min(copies, cluster::parts::copies_in(field.value));
      if (field.name == "write" && field.value == "through") store = replica::store_kind::through;
      if (field.name == "write" && field.value == "behind") store = replica::store_kind::behind;
    }
    all.push_back({cache.id, static_cast<std::uint8_t>(sync),
                   static_cast<std::uint8_t>(copies - sync), store, cluster::is_strong(cache)});
  }
  return all;
}

}  // namespace kith::node
