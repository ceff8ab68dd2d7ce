// What owners have said of their partitions' copies in the present view, until the coordinator
// makes the next one of it (membership_table.hpp).
//
// A claim is bound to its view: it is the word of who owns the partition in it, and its indices are
// that view's. So every install forgets them all, and owners say again what is not in the new rows.
// Only the newest claim about a member of a row counts, and one new owner is enough.
#pragma once

#include <kith/cluster/membership_counters.hpp>
#include <kith/cluster/membership_table.hpp>
#include <kith/cluster/view.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>
#include <kith/wire/membership_messages.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace kith::cluster {

class row_claims {
 public:
  explicit row_claims(membership_counters& counters) : counters_{counters} {}

  /// What the member at `sender` of the present view says. Takes what it may say.
  void on_claims(time_point now, const view& current, std::uint16_t sender,
                 std::span<const wire::row_claim> claims);
  /// Of another view, or not for this member to judge.
  void on_others_claims(std::size_t claims) { counters_.claims_ignored += claims; }
  void forget() { claims_.clear(); }

  [[nodiscard]] bool empty() const { return claims_.empty(); }
  /// When the first of them came. Requires: not empty.
  [[nodiscard]] time_point since() const { return since_; }
  /// A write waits until one of them is in a view.
  [[nodiscard]] bool urgent() const;
  /// By partition, and in the order in which they came.
  [[nodiscard]] std::vector<wire::row_claim> all() const;

 private:
  /// A row has no more members than this to speak of: those that leave it and those that come.
  static constexpr std::size_t claims_of_row_max = 2 * wire::backups_max + 1;

  [[nodiscard]] bool take(const view& current, std::uint16_t sender, const wire::row_claim& claim);

  membership_counters& counters_;
  /// Invariant: no entry is empty, or has two claims about one member.
  std::map<partition_id, std::vector<wire::row_claim>> claims_;
  time_point since_{};
};

// --- implementation ---

inline void row_claims::on_claims(time_point now, const view& current, std::uint16_t sender,
                                  std::span<const wire::row_claim> claims) {
  const bool none = claims_.empty();
  for (const wire::row_claim& claim : claims) {
    ++(take(current, sender, claim) ? counters_.claims_taken : counters_.claims_ignored);
  }
  if (none) since_ = now;
}

/// False for what its sender may not say, and for what the row says already, but for one thing.
inline bool row_claims::take(const view& current, std::uint16_t sender,
                             const wire::row_claim& claim) {
  const partition_row& row = current.rows[index_of(claim.partition)];
  if (row.owner != sender || !parts::may_claim(row, claim, current.size())) return false;
  std::vector<wire::row_claim>& made = claims_[claim.partition];
  const bool hands_over = claim.kind == wire::claim_kind::hand_over;
  std::erase_if(made, [&](const wire::row_claim& earlier) {
    return earlier.member == claim.member || (hands_over && earlier.kind == claim.kind);
  });
  partition_row after = row;
  parts::take_claim(after, claim);
  // Of a member that is in no row its owner may have claimed the contrary, in a view that is being
  // decided: it waits for that member until the next view says that it need not.
  const bool news = after != row || !made.empty() || claim.kind == wire::claim_kind::out_of_sync;
  const bool taken = news && made.size() < claims_of_row_max;
  if (taken) made.push_back(claim);
  if (made.empty()) claims_.erase(claim.partition);
  return taken;
}

inline bool row_claims::urgent() const {
  return std::ranges::any_of(claims_, [](const auto& made) {
    return std::ranges::any_of(made.second, [](const wire::row_claim& claim) {
      return claim.kind == wire::claim_kind::out_of_sync;
    });
  });
}

inline std::vector<wire::row_claim> row_claims::all() const {
  std::vector<wire::row_claim> all;
  for (const auto& [partition, made] : claims_) all.insert(all.end(), made.begin(), made.end());
  return all;
}

}  // namespace kith::cluster
