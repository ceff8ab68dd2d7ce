// The part of membership.hpp about the partition table: what this member says of its partitions,
// and how it gives up what it has before it leaves.
#pragma once

#include <kith/cluster/membership.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace kith::cluster {

// --- claims ---

inline void membership::claim_rows(time_point now, const view_key& view,
                                   std::vector<wire::row_claim> claims, outbox& out) {
  if (!view_ || view != view_->key) return;
  if (coordinating()) return desk_.claims().on_claims(now, *view_, self_index_, claims);
  for (std::size_t at = 0; at < claims.size(); at += wire::row_claims_max) {
    const auto some =
        std::span{claims}.subspan(at).first(std::min(claims.size() - at, wire::row_claims_max));
    post(out, view_->oldest().id, wire::report_rows{view, {some.begin(), some.end()}});
  }
}

inline void membership::on_report_rows(time_point now, const member_id& from,
                                       const wire::report_rows& m, outbox& out) {
  if (!same_view(now, from, m.view, out) || !coordinating()) {
    return desk_.claims().on_others_claims(m.claims.size());
  }
  desk_.claims().on_claims(now, *view_, *view_->find(from), m.claims);
}

// --- drain ---

inline void membership::drain(time_point now, outbox& out) {
  if (draining_ || leaving_ || role_ == member_role::left) return;
  draining_ = true;
  tell_if_drained(out);
  if (!draining_) return;
  ask_for_drain(out);
  if (coordinating()) consider(now, out);
}

/// Said again with each heartbeat, until the view says that this member has no weight.
inline void membership::ask_for_drain(outbox& out) {
  if (!draining_ || view_->members[self_index_].weight == 0) return;
  if (coordinating()) {
    desk_.on_drain(self_.id);
  } else {
    post(out, view_->oldest().id, wire::leave{view_->key, wire::leaving::drain});
  }
}

/// Without weight nothing new comes here: what is empty then stays so.
inline bool membership::nothing_to_take() const {
  if (!view_) return true;
  bool others = false;
  for (std::uint16_t i = 0; i < view_->size(); ++i) {
    others = others || (i != self_index_ && view_->members[i].weight != 0);
  }
  if (!others) return true;
  if (view_->members[self_index_].weight != 0) return false;
  return std::ranges::none_of(view_->rows, [this](const partition_row& row) {
    return row.owner == self_index_ ||
           std::ranges::find(row.backups, self_index_) != row.backups.end();
  });
}

inline void membership::tell_if_drained(outbox& out) {
  if (!draining_ || !nothing_to_take()) return;
  draining_ = false;
  out.push_back(drained{});
}

}  // namespace kith::cluster
