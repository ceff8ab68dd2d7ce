// The decision on the view that follows one view: single-decree Paxos, voted by the members of the
// view before. This machine is one member's part in one decision, as acceptor and as proposer; it
// sends nothing and knows no time. Who may vote now (the promise window) is the caller's to say.
//
// Ballot 0 belongs to the oldest member and needs no first phase: nobody can have accepted anything
// before. Every other ballot belongs to the member of its rank and starts with PREPARE.
//
// A quorum is more than half of the members, or exactly half with the oldest among them (dynamic
// linear voting: any two such sets share a member).
//
// With quorum_mode::none there is no agreement to reach: a proposer commits what all members that
// it keeps have accepted, and the promises bind nobody.
#pragma once

#include <kith/cluster/view.hpp>
#include <kith/core/assert.hpp>
#include <kith/wire/membership_messages.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace kith::cluster {

using wire::ballot;

enum class quorum_mode : std::uint8_t { none, majority };

/// Does `votes` of `members`, with the oldest among them or not, decide?
[[nodiscard]] constexpr bool is_quorum(std::size_t votes, bool with_oldest, std::size_t members) {
  return 2 * votes > members || (2 * votes == members && with_oldest);
}

/// A set of members of one view, by index.
class vote_set {
 public:
  void reset(std::size_t members) {
    votes_.assign(members, false);
    count_ = 0;
  }
  void add(std::uint16_t index) {
    if (!votes_[index]) ++count_;
    votes_[index] = true;
  }
  [[nodiscard]] bool has(std::uint16_t index) const { return votes_[index]; }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] bool quorum() const {
    return !votes_.empty() && is_quorum(count_, votes_[0], votes_.size());
  }
  [[nodiscard]] bool tie() const { return 2 * count_ == votes_.size(); }

 private:
  std::vector<bool> votes_;
  std::size_t count_ = 0;
};

class consensus {
 public:
  enum class stage : std::uint8_t { idle, preparing, accepting };
  /// bound: the voter is still bound to its coordinator. passed: it promised a higher attempt.
  enum class vote : std::uint8_t { given, bound, passed };

  /// Attempts may rise by at most this much at a time: nobody uses up all ballots at once.
  static constexpr std::uint32_t round_jump_max = 1u << 16;

  /// Starts the decision on the view that follows one of `members` members.
  void on_view(quorum_mode mode, std::uint16_t self, std::size_t members);

  // The voter.

  /// Of a ballot that is no valid one of the sender at `rank`: ignore the message.
  [[nodiscard]] bool plausible(const ballot& attempt, std::uint16_t rank) const;
  [[nodiscard]] vote on_prepare(const ballot& attempt, bool bound);
  [[nodiscard]] vote on_accept(const ballot& attempt, const view_change& value, bool bound);

  [[nodiscard]] const ballot& promised() const { return promised_; }
  /// Whom this member promised to: it echoes to nobody else until the next view (rule V2).
  [[nodiscard]] std::uint16_t promised_to() const { return owner(promised_); }
  [[nodiscard]] const std::optional<view_change>& accepted_value() const { return accepted_value_; }
  [[nodiscard]] const ballot& accepted() const { return accepted_; }

  // The proposer.

  [[nodiscard]] stage proposing() const { return stage_; }
  [[nodiscard]] const ballot& attempt() const { return attempt_; }
  [[nodiscard]] const view_change& value() const { return *value_; }
  [[nodiscard]] const vote_set& votes() const { return votes_; }
  [[nodiscard]] bool ballot_zero_used() const { return ballot_zero_used_; }

  /// The oldest member's first attempt.
  void propose_first(view_change value);
  /// Another attempt, above all that this member has seen.
  void prepare();
  /// `quorum = none`: a value of this member's own, without a first phase.
  void propose_unvoted(view_change value);
  /// True when the answer completes a quorum; then ask inherited() and call propose().
  [[nodiscard]] bool on_promise(std::uint16_t from, const ballot& attempt, const ballot& accepted,
                                const std::optional<view_change>& value);
  /// The value that must be proposed, if any member had accepted one.
  [[nodiscard]] const std::optional<view_change>& inherited() const { return inherited_; }
  void propose(view_change value);
  /// True when the answer decides.
  [[nodiscard]] bool on_accepted(std::uint16_t from, const ballot& attempt);
  /// Notes a higher attempt of another; the own attempt, if it was the one refused, is over.
  void on_nack(const ballot& attempt, const ballot& promised);
  void give_up() { stage_ = stage::idle; }

  void assert_invariants() const;

 private:
  static std::uint16_t owner(const ballot& b) { return b.round == 0 ? 0 : b.rank; }
  void start(stage next, std::optional<view_change> value);
  [[nodiscard]] bool decided() const;

  quorum_mode mode_ = quorum_mode::none;
  std::uint16_t self_ = 0;
  std::size_t members_ = 0;

  /// Invariant: accepted_value_ is there iff something was accepted, then accepted_ <= promised_.
  ballot promised_;
  ballot accepted_;
  std::optional<view_change> accepted_value_;

  stage stage_ = stage::idle;
  ballot attempt_;
  std::uint32_t highest_round_ = 0;
  bool ballot_zero_used_ = false;
  vote_set votes_;
  std::optional<view_change> value_;
  ballot inherited_from_;
  std::optional<view_change> inherited_;
};

// --- implementation ---

inline void consensus::on_view(quorum_mode mode, std::uint16_t self, std::size_t members) {
  *this = consensus{};
  mode_ = mode;
  self_ = self;
  members_ = members;
  votes_.reset(members);
}

inline bool consensus::plausible(const ballot& attempt, std::uint16_t rank) const {
  if (attempt.round == 0) return attempt.rank == 0 && rank == 0;
  return attempt.rank == rank &&
         attempt.round <= std::max(promised_.round, highest_round_) + round_jump_max;
}

inline consensus::vote consensus::on_prepare(const ballot& attempt, bool bound) {
  if (attempt < promised_) return vote::passed;
  // The same PREPARE again gets the same answer, whatever the window says by now.
  if (attempt != promised_ && bound) return vote::bound;
  promised_ = attempt;
  highest_round_ = std::max(highest_round_, attempt.round);
  return vote::given;
}

inline consensus::vote consensus::on_accept(const ballot& attempt, const view_change& value,
                                            bool bound) {
  if (mode_ == quorum_mode::majority && attempt < promised_) return vote::passed;
  const bool again = accepted_value_ && attempt == accepted_;
  if (!again && bound) return vote::bound;
  if (mode_ == quorum_mode::majority) promised_ = attempt;
  highest_round_ = std::max(highest_round_, attempt.round);
  if (!again) accepted_value_ = value;
  accepted_ = attempt;
  assert_invariants();
  return vote::given;
}

inline void consensus::start(stage next, std::optional<view_change> value) {
  stage_ = next;
  value_ = std::move(value);
  votes_.reset(members_);
}

inline void consensus::propose_first(view_change value) {
  KITH_ASSERT(self_ == 0 && !ballot_zero_used_);
  ballot_zero_used_ = true;
  attempt_ = {};
  start(stage::accepting, std::move(value));
}

inline void consensus::prepare() {
  highest_round_ = std::max(highest_round_, promised_.round) + 1;
  attempt_ = {highest_round_, self_};
  inherited_.reset();
  inherited_from_ = {};
  start(stage::preparing, std::nullopt);
}

inline void consensus::propose_unvoted(view_change value) {
  KITH_ASSERT(mode_ == quorum_mode::none);
  attempt_ = {++highest_round_, self_};
  start(stage::accepting, std::move(value));
}

inline bool consensus::on_promise(std::uint16_t from, const ballot& attempt, const ballot& accepted,
                                  const std::optional<view_change>& value) {
  if (stage_ != stage::preparing || attempt != attempt_) return false;
  if (value && (!inherited_ || accepted > inherited_from_)) {
    inherited_ = value;
    inherited_from_ = accepted;
  }
  votes_.add(from);
  return votes_.quorum();
}

inline void consensus::propose(view_change value) {
  KITH_ASSERT(stage_ == stage::preparing && votes_.quorum());
  KITH_ASSERT(!inherited_ || value == *inherited_);
  start(stage::accepting, std::move(value));
}

inline bool consensus::decided() const {
  if (mode_ == quorum_mode::majority) return votes_.quorum();
  std::size_t next_removed = 0;
  const auto& removed = value_->removed;
  for (std::uint16_t i = 0; i < members_; ++i) {
    if (next_removed < removed.size() && removed[next_removed].member == i) {
      ++next_removed;
    } else if (!votes_.has(i)) {
      return false;
    }
  }
  return true;
}

inline bool consensus::on_accepted(std::uint16_t from, const ballot& attempt) {
  if (stage_ != stage::accepting || attempt != attempt_) return false;
  votes_.add(from);
  return decided();
}

inline void consensus::on_nack(const ballot& attempt, const ballot& promised) {
  if (promised.round > highest_round_ && promised.round - highest_round_ <= round_jump_max) {
    highest_round_ = promised.round;
  }
  if (stage_ != stage::idle && attempt == attempt_ && promised > attempt_) give_up();
}

inline void consensus::assert_invariants() const {
  KITH_ASSERT(mode_ == quorum_mode::none || !accepted_value_ || accepted_ <= promised_);
  KITH_ASSERT(stage_ != stage::accepting || value_.has_value());
}

}  // namespace kith::cluster
