// Finds answers that are older than they should be, from outside and without a word from the cache:
// a read that began after a write was acknowledged, and yet shows an earlier revision.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace catalog {

class ledger {
 public:
  using clock = std::chrono::steady_clock;

  /// The write that made `revision` of the key was acknowledged at `when`. In the order of time.
  void acknowledged(std::size_t key, std::int64_t revision, clock::time_point when) {
    known_[key].push_back({revision, when});
  }

  /// How old an answer was that showed `revision` to a read which began at `began`: the time since
  /// the first acknowledged write that it should have shown. Empty: it was as new as it must be.
  [[nodiscard]] std::optional<clock::duration> age(std::size_t key, std::int64_t revision,
                                                   clock::time_point began) const {
    const auto found = known_.find(key);
    if (found == known_.end()) return std::nullopt;
    for (const write& one : found->second) {
      if (one.when >= began) break;
      if (one.revision > revision) return began - one.when;
    }
    return std::nullopt;
  }

 private:
  struct write {
    std::int64_t revision;
    clock::time_point when;
  };

  std::unordered_map<std::size_t, std::vector<write>> known_;
};

}  // namespace catalog
