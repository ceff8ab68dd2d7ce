// The invalidation stream of one partition from its owner to one member, and its repair. All of
// these carry the session's number: none may outlive its connection.
//
// Messages about a lane rather than a partition name the lane by its lowest partition in the
// frame's header.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/wire/field.hpp>
#include <kith/wire/limits.hpp>
#include <kith/wire/opcode.hpp>

#include <cstdint>
#include <vector>

namespace kith::wire {

/// Which entries of the partition and cache a mutation concerns: those of one key, all, or those
/// that have one tag.
enum class scope : std::uint8_t { key, cache, tag };
template <>
inline constexpr scope last_enumerator<scope> = scope::tag;

/// One mutation, as a holder of near entries has to know it.
struct invalidation {
  sequence seq;
  cache_id cache{};
  wire::scope scope = wire::scope::key;
  /// Of the key or the tag; 0 for the whole cache.
  std::uint64_t hash = 0;

  friend bool operator==(const invalidation&, const invalidation&) = default;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.seq, self.cache, self.scope, fixed(self.hash));
  }
};

/// Entries `first`, `first`+1, ... of the stream.
struct invalidate {
  static constexpr opcode code = opcode::invalidate;

  kith::epoch epoch;
  stream_number first;
  std::vector<invalidation> entries;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.epoch, self.first, capped(self.entries, limits::batch_items));
  }
};

/// Stands for all entries up to and including `n`: drop everything of the partition.
struct invalidate_all {
  static constexpr opcode code = opcode::invalidate_all;

  kith::epoch epoch;
  stream_number n;
  sequence seq;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.epoch, self.n, self.seq);
  }
};

/// The member applied everything up to and including `up_to`.
struct invalidate_ack {
  static constexpr opcode code = opcode::invalidate_ack;

  kith::epoch epoch;
  stream_number up_to;
  /// It holds nothing of the partition and waits for nothing: end the subscription.
  bool no_interest = false;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.epoch, self.up_to, self.no_interest);
  }
};

struct stream_position {
  partition_id partition{};
  kith::epoch epoch;
  stream_number n;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.partition, self.epoch, self.n);
  }
};

/// Member to owner, once a second while it holds entries of the lane: "echo this time".
struct beat {
  static constexpr opcode code = opcode::beat;

  time_point sent_at;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(fixed(self.sent_at));
  }
};

/// Owner to member, behind the invalidations of the lane: the newest time that the member sent, and
/// every partition of which the member has not acknowledged all.
struct digest {
  static constexpr opcode code = opcode::digest;

  /// False when the member has sent no beat in this session.
  bool has_echo = false;
  time_point echo;
  /// From the echoed time on the member has a lease: the owner completes no write of a strong cache
  /// that the member did not acknowledge until that has lapsed.
  bool leases = false;
  std::vector<stream_position> behind;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.has_echo, fixed(self.echo), self.leases, capped(self.behind, limits::batch_items));
  }
};

struct replay_request {
  static constexpr opcode code = opcode::replay_request;

  kith::epoch epoch;
  stream_number from;
  stream_number to;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.epoch, self.from, self.to);
  }
};

/// The entries asked for, from `first` on; or, where the owner no longer has them (`too_old`), the
/// position at which to start anew with nothing.
struct replay {
  static constexpr opcode code = opcode::replay;

  kith::epoch epoch;
  bool too_old = false;
  stream_number first;
  sequence seq;
  std::vector<invalidation> entries;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.epoch, self.too_old, self.first, self.seq,
          capped(self.entries, limits::batch_items));
  }
};

/// The first message of a new session from a member that holds entries of the owner's lane: where
/// its streams stand. Partitions that it leaves out are no longer subscribed.
struct subscribe {
  static constexpr opcode code = opcode::subscribe;

  std::vector<stream_position> positions;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(capped(self.positions, limits::batch_items));
  }
};

/// The owner's answer for one partition: the stream goes on up to `n` (what was lost follows), or
/// starts anew behind `n` with nothing (`reset`).
struct subscribed {
  static constexpr opcode code = opcode::subscribed;

  kith::epoch epoch;
  bool reset = false;
  stream_number n;
  sequence seq;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.epoch, self.reset, self.n, self.seq);
  }
};

}  // namespace kith::wire
