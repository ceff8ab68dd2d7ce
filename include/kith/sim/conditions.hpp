// The promises of conditional writes and removals of one cache, checked against what clients were
// told:
//
//   C1 one successor  of two compare_and_put from one version at most one succeeds
//   C2 one put        between two put_if_absent of a key that succeed in one epoch, a removal of it
//                     was under way (where owners evict, this says nothing)
//   C3 gone           what was acknowledged before a removal was invoked is not read when the
//                     removal was acknowledged max_staleness ago, unless it was lost with all who
//                     had it
//
// A clear is a removal of all keys. A removal that failed may take effect at any time after.
#pragma once

#include <kith/cluster/view.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/sim/history.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace kith::sim {

class conditions {
 public:
  /// Where an operation on a key is done: in an epoch, on a side of the cluster.
  struct place {
    epoch in;
    kith::cluster::view_key side;
  };
  /// Of the keys, as the remover's member knows them; absent keys are not removed.
  using places = std::map<std::uint32_t, place>;

  /// `kept(key, from, to)`: what was done to the key at one place is done at the other too.
  using keeps = std::function<bool(std::uint32_t, const place&, const place&)>;

  conditions(bool evictions, keeps kept) : evictions_{evictions}, kept_{std::move(kept)} {}

  /// Returns the removal's number.
  std::size_t begin_removal(time_point now, places keys) {
    removals_.push_back({now, never, std::move(keys)});
    return removals_.size() - 1;
  }
  /// `keys`: by now; where epochs changed, it is not known which one lost the key.
  void end_removal(time_point now, std::size_t number, bool failed, const places& keys);

  /// Answered operations. `in`: the epoch in which they were applied, where that is known.
  void put_if_absent(const record& op, const std::optional<epoch>& in);
  void compare_and_put(const record& op, const version& expected, const std::optional<place>& done);
  /// `now`: as its reader knows it.
  void read(const record& op, const std::optional<place>& now);

  [[nodiscard]] const std::vector<violation>& violations() const { return violations_; }

 private:
  struct removal {
    time_point invoked;
    time_point answered;
    places keys;
    std::set<std::uint32_t> certain{};
  };
  struct success {
    time_point invoked;
    time_point answered;
  };

  [[nodiscard]] bool removed_between(std::uint32_t key, time_point from, time_point to) const;
  void fail(const char* rule, const record& op, const std::string& more);

  bool evictions_;
  keeps kept_;
  std::vector<removal> removals_;
  std::map<std::pair<std::uint32_t, version>, std::vector<place>> bases_;
  std::map<std::pair<std::uint32_t, epoch>, std::vector<success>> puts_;
  /// When a value was acknowledged; values are unique.
  std::map<std::int64_t, time_point> born_;
  std::vector<violation> violations_;
};

// --- implementation ---

inline void conditions::fail(const char* rule, const record& op, const std::string& more) {
  violations_.push_back({std::string{rule} + ": key " + std::to_string(op.key) + " member " +
                         std::to_string(op.member) + " value " + std::to_string(op.value) + ": " +
                         more});
}

inline void conditions::end_removal(time_point now, std::size_t number, bool failed,
                                    const places& keys) {
  if (failed) return;
  removal& over = removals_[number];
  over.answered = now;
  for (auto& [key, where] : over.keys) {
    const auto after = keys.find(key);
    if (after == keys.end() || after->second.in != where.in) continue;
    where.side = after->second.side;
    over.certain.insert(key);
  }
}

inline bool conditions::removed_between(std::uint32_t key, time_point from, time_point to) const {
  for (const removal& one : removals_) {
    if (one.keys.contains(key) && one.invoked <= to && one.answered >= from) return true;
  }
  return false;
}

inline void conditions::put_if_absent(const record& op, const std::optional<epoch>& in) {
  if (op.failed || !op.yes) return;
  born_[op.value] = op.answered;
  if (!in || evictions_) return;
  std::vector<success>& all = puts_[{op.key, *in}];
  for (const success& other : all) {
    if (removed_between(op.key, std::min(other.invoked, op.invoked),
                        std::max(other.answered, op.answered))) {
      continue;
    }
    fail("C2", op, "another one succeeded in this epoch, and nothing removed the key");
  }
  all.push_back({op.invoked, op.answered});
}

inline void conditions::compare_and_put(const record& op, const version& expected,
                                        const std::optional<place>& done) {
  if (op.failed || !op.yes) return;
  born_[op.value] = op.answered;
  if (!done) return;
  std::vector<place>& all = bases_[{op.key, expected}];
  const bool again = std::ranges::any_of(all, [&](const place& before) {
    return kept_(op.key, before, *done) || kept_(op.key, *done, before);
  });
  all.push_back(*done);
  if (!again) return;
  fail("C1", op,
       "another one succeeded from version " + std::to_string(expected.epoch.view.value()) + "/" +
           std::to_string(expected.seq.value()));
}

inline void conditions::read(const record& op, const std::optional<place>& now) {
  if (op.failed || !op.yes) return;
  const auto born = born_.find(op.value);
  if (born == born_.end()) return;
  for (const removal& one : removals_) {
    if (one.answered == never || one.answered >= op.bound) continue;
    if (one.invoked <= born->second || !one.certain.contains(op.key)) continue;
    const place& removed = one.keys.at(op.key);
    if (removed.in < op.version.epoch) continue;
    if (!now || !kept_(op.key, removed, *now)) continue;
    return fail("C3", op, "it was removed before");
  }
}

}  // namespace kith::sim
