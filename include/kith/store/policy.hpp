// Who leaves when the budget is full. A policy sees handles, hashes and charges, never keys or
// values, so each one is a small file without templates, and a shard takes any of them.
//
// The order of calls: a shard stores the newcomer, tells the policy (on_insert), and then asks for
// victims until it fits. So admission needs no call of its own: a policy that does not want the
// newcomer names it as the victim. Policies that the literature writes as "evict, then insert" hold
// the newcomer back until the next one comes (see sieve.hpp).
//
// Deterministic: what a policy answers depends on the calls it got and on its construction alone.
#pragma once

#include <kith/store/handle.hpp>
#include <kith/store/removal.hpp>

#include <cstdint>

namespace kith::store {

/// What a policy may know of an entry.
struct entry_facts {
  /// The stable hash of the key: for a frequency sketch or a list of ghosts.
  std::uint64_t hash = 0;
  std::uint64_t charge = 0;
};

class policy {
 public:
  policy() = default;
  policy(const policy&) = delete;
  policy& operator=(const policy&) = delete;
  virtual ~policy() = default;

  /// The budget is now `bytes`; called before any entry comes, and whenever it changes.
  virtual void on_limit(std::uint64_t bytes) = 0;

  /// `at` names a new entry. It was unknown, or removed, before.
  virtual void on_insert(handle at, entry_facts facts) = 0;

  /// The entry was read.
  virtual void on_access(handle at) = 0;

  /// The entry has a new value, and perhaps a new charge.
  virtual void on_update(handle at, entry_facts facts) = 0;

  /// The entry is gone. removal::evicted follows a victim() that named it; other causes come at any
  /// time and say nothing about its worth.
  virtual void on_erase(handle at, removal cause) = 0;

  /// The entry to remove next: any live one, the newcomer included. Requires that there is one. The
  /// caller removes it at once.
  [[nodiscard]] virtual handle victim() = 0;

  // For who lists entries by their worth. A policy that knows less says nothing.

  /// A read of the entry, which is live, was noted since it was last judged.
  [[nodiscard]] virtual bool read_lately(handle) const { return false; }
  /// The entry that is judged next, where a policy judges one after the other in the order of their
  /// coming: those before it were judged and spared. no_handle: it begins with the oldest.
  [[nodiscard]] virtual handle judged_next() const { return no_handle; }

  /// Nothing is live: what is remembered for each handle may go.
  virtual void trim() {}
  /// What is remembered for each handle.
  [[nodiscard]] virtual std::uint64_t bytes() const { return 0; }
};

}  // namespace kith::store
