// The messages by which members agree on views (docs/membership.md). Each names the view of its
// sender, so that a receiver of another view can tell which of the two lags.
//
// A heartbeat of view v is also the acknowledgement of v: there is no other.
#pragma once

#include <kith/core/time.hpp>
#include <kith/wire/opcode.hpp>
#include <kith/wire/view_records.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kith::wire {

/// The name of one attempt to decide on a next view. Round 0 is the oldest member's, without a
/// first phase; every other ballot belongs to the member of that rank (its index in the view).
struct ballot {
  std::uint32_t round = 0;
  std::uint16_t rank = 0;

  friend constexpr auto operator<=>(const ballot&, const ballot&) = default;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.round, self.rank);
  }
};

// --- liveness ---

/// Member to coordinator. `echo` is the newest `sent_at` of the coordinator; it promises to vote
/// for nobody else for a while. Zero: no promise.
struct heartbeat {
  static constexpr opcode code = opcode::heartbeat;
  view_key view;
  ballot promised;
  time_point sent_at{};
  time_point echo{};
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.view, self.promised, fixed(self.sent_at), fixed(self.echo));
  }
};

/// `echo` is the heartbeat's `sent_at`, from which the member counts its fence of length `fence`.
struct heartbeat_ack {
  static constexpr opcode code = opcode::heartbeat_ack;
  view_key view;
  time_point sent_at{};
  time_point echo{};
  duration fence{};
  bool stable = false;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.view, fixed(self.sent_at), fixed(self.echo), self.fence, self.stable);
  }
};

struct ping {
  static constexpr opcode code = opcode::ping;
  view_key view;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.view);
  }
};

struct pong {
  static constexpr opcode code = opcode::pong;
  view_key view;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.view);
  }
};

enum class alert_kind : std::uint8_t { down, refused };
template <>
inline constexpr alert_kind last_enumerator<alert_kind> = alert_kind::refused;

struct alert_item {
  std::uint16_t subject = 0;
  alert_kind kind{};
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.subject, self.kind);
  }
};

/// What the sender suspects: all of it, each time.
struct alert {
  static constexpr opcode code = opcode::alert;
  view_key view;
  std::vector<alert_item> items;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.view, capped(self.items, limits::members));
  }
};

/// The proposer asks an observer to look again at a member that others suspect.
struct reinforce {
  static constexpr opcode code = opcode::reinforce;
  view_key view;
  std::uint16_t subject = 0;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.view, self.subject);
  }
};

// --- the decision ---

struct prepare {
  static constexpr opcode code = opcode::prepare;
  view_key view;
  ballot attempt;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.view, self.attempt);
  }
};

struct promise {
  static constexpr opcode code = opcode::promise;
  view_key view;
  ballot attempt;
  /// The newest attempt that the sender accepted, and its value.
  ballot accepted;
  std::optional<view_change> value;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.view, self.attempt, self.accepted, self.value);
  }
};

struct accept {
  static constexpr opcode code = opcode::accept;
  view_key view;
  ballot attempt;
  view_change value;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.view, self.attempt, self.value);
  }
};

struct accepted {
  static constexpr opcode code = opcode::accepted;
  view_key view;
  ballot attempt;
  time_point sent_at{};
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.view, self.attempt, fixed(self.sent_at));
  }
};

/// The answer to PREPARE or ACCEPT of an attempt that the sender does not vote for, now or ever.
struct nack {
  static constexpr opcode code = opcode::nack;
  view_key view;
  ballot attempt;
  ballot promised;
  /// How long the sender is still bound to its coordinator.
  duration left{};
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.view, self.attempt, self.promised, self.left);
  }
};

/// The decision. `value` is there for those that may not have accepted it.
struct commit {
  static constexpr opcode code = opcode::commit;
  view_key base;
  ballot attempt;
  std::uint64_t hash = 0;
  time_point sent_at{};
  /// `sent_at` of the receiver's ACCEPTED, or zero.
  time_point echo{};
  std::optional<view_change> value;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.base, self.attempt, fixed(self.hash), fixed(self.sent_at), fixed(self.echo),
          self.value);
  }
};

struct view_stable {
  static constexpr opcode code = opcode::view_stable;
  view_key view;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.view);
  }
};

struct pull_view {
  static constexpr opcode code = opcode::pull_view;
  view_key have;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.have);
  }
};

struct full_view {
  static constexpr opcode code = opcode::full_view;
  view_body body;
  std::uint64_t hash = 0;
  time_point sent_at{};
  bool stable = false;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.body, fixed(self.hash), fixed(self.sent_at), self.stable);
  }
};

// --- coming and going ---

struct join {
  static constexpr opcode code = opcode::join;
  member_record self;
  /// The highest view that this member object was ever in: the next one is to be above it.
  view_number seen;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.self, self.seen);
  }
};

/// gathering: I have no view either. queued: you will be in the next view or a later one.
enum class join_stage : std::uint8_t { gathering, queued };
template <>
inline constexpr join_stage last_enumerator<join_stage> = join_stage::queued;

struct join_wait {
  static constexpr opcode code = opcode::join_wait;
  join_stage stage{};
  endpoint address;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.stage, self.address);
  }
};

/// The coordinator is another.
struct redirect {
  static constexpr opcode code = opcode::redirect;
  member_id coordinator;
  endpoint address;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.coordinator, self.address);
  }
};

/// drain: I am about to go: give me weight 0, so that the others take what I have. go: the next
/// view is to be without me.
enum class leaving : std::uint8_t { drain, go };
template <>
inline constexpr leaving last_enumerator<leaving> = leaving::go;

struct leave {
  static constexpr opcode code = opcode::leave;
  view_key view;
  leaving how = leaving::go;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.view, self.how);
  }
};

/// removed: view `view` is without you. dissolved: our side gives way to the cluster at `refuge`.
enum class kick_reason : std::uint8_t { removed, dissolved };
template <>
inline constexpr kick_reason last_enumerator<kick_reason> = kick_reason::dissolved;

struct kick {
  static constexpr opcode code = opcode::kick;
  kick_reason why{};
  view_key view;
  /// The view of the receiver that this ends.
  view_key ended;
  endpoint refuge;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.why, self.view, self.ended, self.refuge);
  }
};

enum class gather_stage : std::uint8_t { proposed, agreed, refused, withdrawn };
template <>
inline constexpr gather_stage last_enumerator<gather_stage> = gather_stage::withdrawn;

/// The first view of a cluster that waits for `bootstrap_expect` members: proposed to exactly
/// `members`, all of which must agree.
struct gather {
  static constexpr opcode code = opcode::gather;
  gather_stage stage{};
  std::uint32_t branch = 0;
  std::vector<member_record> members;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.stage, self.branch, capped(self.members, limits::members));
  }
};

// --- two sides that meet ---

struct merge_offer {
  static constexpr opcode code = opcode::merge_offer;
  view_key mine;
  std::uint32_t size = 0;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.mine, self.size);
  }
};

struct merge_yield {
  static constexpr opcode code = opcode::merge_yield;
  view_key mine;
  view_key yours;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.mine, self.yours);
  }
};

struct merge_confirm {
  static constexpr opcode code = opcode::merge_confirm;
  view_key mine;
  view_key yours;
  /// Where the sender's coordinator, the sender, is to be joined.
  endpoint address;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.mine, self.yours, self.address);
  }
};

// --- the partition table ---

/// What the owner of a partition says of another member. in_sync: it holds all at `position`, and
/// the owner waits for it from now on. out_of_sync: it does not keep up and is to leave the row.
/// hand_over: it holds all and is to be the owner.
enum class claim_kind : std::uint8_t { in_sync, out_of_sync, hand_over };
template <>
inline constexpr claim_kind last_enumerator<claim_kind> = claim_kind::hand_over;

struct row_claim {
  partition_id partition{};
  claim_kind kind{};
  std::uint16_t member = 0;
  std::uint8_t position = 0;

  friend bool operator==(const row_claim&, const row_claim&) = default;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.partition, self.kind, self.member, self.position);
  }
};

inline constexpr std::size_t row_claims_max = 1024;

/// Owner to coordinator: what the next view's rows are to say. Members are indices into `view`.
struct report_rows {
  static constexpr opcode code = opcode::report_rows;
  view_key view;
  std::vector<row_claim> claims;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(self.view, capped(self.claims, row_claims_max));
  }
};

// --- the registry ---

struct open_cache {
  static constexpr opcode code = opcode::open_cache;
  std::string name;
  std::vector<cache_field> options;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(capped(self.name, limits::name_bytes), capped(self.options, cache_fields_max));
  }
};

/// The registry is full. A cache that was opened is in the next view instead.
struct cache_refused {
  static constexpr opcode code = opcode::cache_refused;
  std::string name;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit(capped(self.name, limits::name_bytes));
  }
};

}  // namespace kith::wire
