// SIEVE (Yazhuo Zhang, Juncheng Yang, Yao Yue, Ymir Vigfusson, K. V. Rashmi: "SIEVE is Simpler
// than LRU", NSDI 2024).
//
// Entries stand in a queue by age and never change places. A hit sets the entry's `visited` mark. A
// hand walks from old to new: it clears marks it meets and evicts the first entry without one; one
// step newer it stays until the next eviction. Past the newest it starts again at the oldest.
// So popular entries stay where they are, and new ones are judged soon ("quick demotion").
//
// The paper evicts before it inserts; a shard inserts before it evicts (policy.hpp). With the
// newcomer in the queue the hand, once at the newest end, would evict each newcomer at once, for
// ever. So the newcomer waits outside the queue until the next one comes; victims are taken from
// the queue, and from outside only if it is empty.
//
// An entry that is dead, as its owner knows, leaves when the hand meets it, whatever its mark says:
// it was popular, and nobody can read it any more. The hand does not go out to look for one.
//
// Known weakness, the paper's own: where every entry is read once more soon after it came and then
// never again, the hand stays just behind the newest, and the rest of the queue is never judged.
//
// Cost: O(1); victim() is O(1) amortised, each step beyond the first clears a mark that a hit set.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/store/policy.hpp>

#include <cstdint>
#include <functional>
#include <utility>

namespace kith::store {

class sieve final : public policy {
 public:
  /// `dead` is asked of marked entries that the hand meets; empty: none is.
  explicit sieve(std::function<bool(handle)> dead = {}) : dead_{std::move(dead)} {}

  void on_limit(std::uint64_t) override {}
  inline void on_insert(handle at, entry_facts) override;
  void on_access(handle at) override {
    // Read first: marks of popular entries are set already, and their lines stay clean.
    if (bool& visited = visited_[at]; !visited) visited = true;
  }
  void on_update(handle at, entry_facts) override { on_access(at); }
  inline void on_erase(handle at, removal) override;
  [[nodiscard]] inline handle victim() override;
  [[nodiscard]] bool read_lately(handle at) const override { return visited_[at]; }
  [[nodiscard]] handle judged_next() const override { return hand_; }
  void trim() override {
    nodes_.trim();
    visited_.trim();
  }
  [[nodiscard]] std::uint64_t bytes() const override { return nodes_.bytes() + visited_.bytes(); }

 private:
  struct node {
    handle newer = no_handle;
    handle older = no_handle;
  };

  void push(handle at);
  [[nodiscard]] bool spared(handle at) { return visited_[at] && !(dead_ && dead_(at)); }

  const std::function<bool(handle)> dead_;
  handle_map<node> nodes_;
  /// Apart from the nodes: hits touch these alone, a byte an entry.
  handle_map<bool> visited_;
  /// The newest entry, not yet in the queue; no_handle when it was erased, or none came.
  handle newcomer_ = no_handle;
  handle newest_ = no_handle;
  handle oldest_ = no_handle;
  /// Where the search for a victim goes on; no_handle: at the oldest.
  handle hand_ = no_handle;
};

// --- implementation ---

inline void sieve::on_insert(handle at, entry_facts) {
  nodes_.cover(at);
  visited_.cover(at);
  nodes_[at] = {};
  visited_[at] = false;
  if (newcomer_ != no_handle) push(newcomer_);
  newcomer_ = at;
}

inline void sieve::push(handle at) {
  nodes_[at].older = newest_;
  if (newest_ == no_handle) {
    oldest_ = at;
  } else {
    nodes_[newest_].newer = at;
  }
  newest_ = at;
}

inline void sieve::on_erase(handle at, removal) {
  if (at == newcomer_) {
    newcomer_ = no_handle;
    return;
  }
  const node gone = nodes_[at];
  if (hand_ == at) hand_ = gone.newer;
  (gone.newer == no_handle ? newest_ : nodes_[gone.newer].older) = gone.older;
  (gone.older == no_handle ? oldest_ : nodes_[gone.older].newer) = gone.newer;
}

inline handle sieve::victim() {
  if (oldest_ == no_handle) {
    KITH_ASSERT(newcomer_ != no_handle);
    return newcomer_;
  }
  if (hand_ == no_handle) hand_ = oldest_;
  while (spared(hand_)) {
    visited_[hand_] = false;
    const handle newer = nodes_[hand_].newer;
    hand_ = newer == no_handle ? oldest_ : newer;
  }
  return hand_;
}

}  // namespace kith::store
