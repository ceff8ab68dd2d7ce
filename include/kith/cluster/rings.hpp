// Who observes whom. A pure function of the list of members, so that all members of a view agree.
//
// There are K = min(9, n - 1) rings. Ring r is a circle of all members ordered by a stable hash of
// (member, r). On each ring a member is observed by the one before it; where that one observes it
// already, by the next one further back. So each member has exactly K different observers (with up
// to ten members: everybody else), one liar has one voice among K however small the cluster is, and
// the cut filter counts observers. A member observes K others on average.
//
// A join or a leave changes at most one observer of each other member: the newcomer takes one place
// and the others move up. As the newcomer observes K members on average, 2K edges are new.
//
// Cost: O(K n log n) to build, about half a millisecond for 1000 members.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/stable_hash.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace kith::cluster {

/// The most observers a member has.
inline constexpr std::size_t ring_count_max = 9;

class rings {
 public:
  rings() = default;
  /// Requires different members, fewer than 65535.
  explicit rings(std::span<const member_id> oldest_first);

  /// K: the number of observers of each member.
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::span<const member_id> members() const { return members_; }
  /// The position of `member` in the list, or empty when it is not there.
  [[nodiscard]] std::optional<std::uint16_t> find(const member_id& member) const;

  /// The observers of the member at `position`, as positions, in the order of the rings.
  [[nodiscard]] std::span<const std::uint16_t> observers_at(std::uint16_t position) const {
    return std::span{observers_}.subspan(position * count_, count_);
  }
  /// The observers of `member`, in the order of the rings. Empty when it is not there.
  [[nodiscard]] std::vector<member_id> observers_of(const member_id& member) const;
  /// Whom `self` observes, oldest first. Empty when it is not there.
  [[nodiscard]] std::vector<member_id> subjects_of(const member_id& self) const;

 private:
  void build_ring(std::size_t ring, std::span<const std::uint64_t> hashes);
  [[nodiscard]] bool observes(std::uint16_t observer, std::uint16_t subject,
                              std::size_t rings_done) const;

  std::size_t count_ = 0;
  std::vector<member_id> members_;
  std::vector<std::uint16_t> by_id_;  // positions, ordered by identity
  /// Row m holds the observers of member m. Invariant: different, and none is m.
  std::vector<std::uint16_t> observers_;
};

// --- implementation ---

inline rings::rings(std::span<const member_id> oldest_first)
    : members_{oldest_first.begin(), oldest_first.end()} {
  const std::size_t size = members_.size();
  KITH_ASSERT(size < 0xFFFF);
  count_ = size == 0 ? 0 : std::min(ring_count_max, size - 1);
  by_id_.resize(size);
  for (std::size_t m = 0; m < size; ++m) by_id_[m] = static_cast<std::uint16_t>(m);
  std::sort(by_id_.begin(), by_id_.end(),
            [this](std::uint16_t a, std::uint16_t b) { return members_[a] < members_[b]; });
  for (std::size_t i = 1; i < size; ++i) KITH_ASSERT(members_[by_id_[i - 1]] < members_[by_id_[i]]);

  observers_.resize(size * count_);
  std::vector<std::uint64_t> hashes;
  hashes.reserve(size);
  for (const member_id& member : members_) {
    const std::uint64_t name = stable_hash_combine(stable_hash_word(member.high), member.low);
    hashes.push_back(stable_hash_combine(name, member.incarnation));
  }
  for (std::size_t ring = 0; ring < count_; ++ring) build_ring(ring, hashes);
}

inline void rings::build_ring(std::size_t ring, std::span<const std::uint64_t> hashes) {
  const std::size_t size = members_.size();
  // Ties of the hash are settled by the identity, so by_id_ gives the second key.
  std::vector<std::pair<std::uint64_t, std::uint16_t>> circle;
  circle.reserve(size);
  for (std::size_t rank = 0; rank < size; ++rank) {
    const std::uint64_t place = stable_hash_combine(hashes[by_id_[rank]], ring);
    circle.emplace_back(place, static_cast<std::uint16_t>(rank));
  }
  std::sort(circle.begin(), circle.end());
  for (std::size_t at = 0; at < size; ++at) {
    const std::uint16_t subject = by_id_[circle[at].second];
    std::size_t back = at;
    std::uint16_t observer = subject;
    do {  // ends: of the size - 1 others at most count_ - 1 observe already
      back = (back == 0 ? size : back) - 1;
      observer = by_id_[circle[back].second];
    } while (observes(observer, subject, ring));
    observers_[subject * count_ + ring] = observer;
  }
}

inline bool rings::observes(std::uint16_t observer, std::uint16_t subject,
                            std::size_t rings_done) const {
  const auto known = observers_at(subject).first(rings_done);
  return std::find(known.begin(), known.end(), observer) != known.end();
}

inline std::optional<std::uint16_t> rings::find(const member_id& member) const {
  const auto at = std::lower_bound(
      by_id_.begin(), by_id_.end(), member,
      [this](std::uint16_t position, const member_id& id) { return members_[position] < id; });
  if (at == by_id_.end() || members_[*at] != member) return std::nullopt;
  return *at;
}

inline std::vector<member_id> rings::observers_of(const member_id& member) const {
  std::vector<member_id> result;
  const auto position = find(member);
  if (!position) return result;
  for (const std::uint16_t observer : observers_at(*position)) {
    result.push_back(members_[observer]);
  }
  return result;
}

inline std::vector<member_id> rings::subjects_of(const member_id& self) const {
  std::vector<member_id> result;
  const auto position = find(self);
  if (!position) return result;
  for (std::size_t m = 0; m < members_.size(); ++m) {
    const auto subject = static_cast<std::uint16_t>(m);
    if (observes(*position, subject, count_)) result.push_back(members_[m]);
  }
  return result;
}

}  // namespace kith::cluster
