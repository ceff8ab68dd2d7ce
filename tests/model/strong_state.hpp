// The strong near cache: the state of the model, its scopes and the rules that it may leave out.
//
// One partition, three members, one or two keys. Member v owns the partition in view v, and the
// next one holds its backup; each view removes the owner before it. The network loses, reorders
// and, where a scope says so, repeats. Time is abstract: a lease or a fence may lapse at its holder
// at any moment, and its grantor counts it as lapsed only after that, which the longer time on the
// grantor's clock ensures.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <optional>

#include "sets.hpp"

namespace model::strong {

enum class rule : byte {
  fill_minds_poison,          // F4
  followers_mind_poison,      // F5
  applied_then_acknowledged,  // R1
  acknowledgement_has_seq,    // R1
  loss_is_no_acknowledgement,
  reply_of_own_epoch,  // E1
  backup_minds_epoch,  // B1
  answer_waits_for_readers,
  answer_waits_for_backup,
  pending_is_hidden,
  pending_is_not_kept,
  get_registers,
  lease_counts_from_sending,
  hit_minds_lease,
  lapse_drops_entries,
  hit_minds_fence,
  owner_minds_fence,
  active_after_stable,
  view_waits_for_fences,
  promoted_in_sync,
  count
};

inline constexpr int members = 3;
inline constexpr byte nothing = 15;  // no near entry
inline constexpr int messages_max = 10;

struct scope {
  int writes = 2;
  int leases = 2;         // gets and renewals
  int views = 1;          // changes
  bool late = false;      // views may be agreed before old fences end
  bool minority = false;  // view 1 removes member 2, which is cut off with the owner
  bool duplicates = false;
  std::optional<rule> without = std::nullopt;
};

/// A version is its view times four, and the sequence within it.
constexpr byte version_of(int view, int seq) { return static_cast<byte>(view * 4 + seq); }

enum class kind : byte {
  none,
  get,
  kept,
  unkept,
  invalidate,
  acknowledge,
  copy,
  copied,
  renew,
  renewed
};

struct message {
  kind what = kind::none;
  byte from = 0;
  byte to = 0;
  byte view = 0;
  byte key = 0;
  byte version = 0;
  byte lease = 0;
  auto operator<=>(const message&) const = default;
};

struct fill {
  byte lease = 0;  // names the get; 0 is none
  byte poison = 0;
  byte in_window = 0;  // the lease that it asks for has not run out since its sending
  byte floor = 0;
  byte joined = 0;
  byte join_floor = 0;
};

struct write {
  byte version = 0;  // 0 is none
  set readers = 0;   // whose acknowledgement is missing
  byte backup = 0;
};

struct entry {
  byte stored = 0;
  byte visible = 0;
  byte near = nothing;
  byte unapplied = 0;  // an invalidation that was acknowledged first
  fill filling = {};
  write pending = {};
};

template <int Keys>
struct member {
  byte crashed = 0;
  byte fenced_in = 1;  // its fence has not run out
  byte view = 0;
  byte active = 0;
  byte lease = 0;                          // the newest that it counts on; 0 is none
  byte renewal = 0;                        // the one that it asked for
  std::array<byte, members> granted = {};  // as an owner, the newest to each
  std::array<entry, Keys> keys = {};
};

template <int Keys>
struct state {
  byte stale = 0;
  byte view = 0;
  byte writes = 0;
  byte leases = 0;
  std::array<byte, Keys> settled = {};  // the newest version that was answered or read
  std::array<member<Keys>, members> at = {};
  byte size = 0;
  std::array<message, messages_max> network = {};
};

}  // namespace model::strong
