// The promises of an eventual cache, checked against what clients were told. Each rule has a number
// that failures cite.
//
//   E1 staleness  a read returns nothing older than what was acknowledged max_staleness before it
//                 was invoked, on the reader's line of views
//   E2 presence   a read finds what was acknowledged by then, unless it was erased, or lost with
//                 all who had it
//   E3 session    one member reads a key in versions that never fall within an epoch, its own
//                 writes included
//   E4 once       sums of one counter are all different as long as no owner was lost without its
//                 copies, and no sum is higher than the number of additions that were under way
//                 since an owner began with nothing
//   E5 database   a read-through value is not older than the row whose erase was acknowledged
//                 max_staleness before the read
//   E6 epoch      no value is of an epoch that was over at its reader when the read was invoked,
//                 unless later owners began with copies of it
//   E8 held       a read returns nothing older than what an owner was seen to hold max_staleness
//                 before it was invoked, in the epoch that still runs, and no value that was gone
//                 there by then. Beyond E1 this counts what nobody acknowledged, which a copy
//                 need not have
//   E1, E2, E5 and the rules of conditions.hpp go on over changes of owners by which nothing is
//   lost (terms.hpp)
//   I12, I13      views of one key are equal; a life's view numbers only grow
//   A1            see authority_oracle.hpp
//   V1            see value_oracle.hpp
//   T1            see causal_oracle.hpp
#pragma once

#include <kith/cluster/view.hpp>
#include <kith/codec.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>
#include <kith/options.hpp>
#include <kith/sim/authority_oracle.hpp>
#include <kith/sim/cluster.hpp>
#include <kith/sim/history.hpp>
#include <kith/sim/terms.hpp>
#include <kith/sim/vouching.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace kith::sim {

struct checker_options {
  duration max_staleness = std::chrono::seconds{3};
  kith::quorum quorum = kith::quorum::none;
  /// Synchronous copies of the caches.
  std::size_t register_copies = 0;
  std::size_t counter_copies = 0;
  std::size_t row_copies = 0;
  std::size_t token_copies = 0;
  /// Owners evict: E2 says nothing, and E4 and E8 say nothing of what is gone.
  bool evictions = false;
  /// Reads may be answered by copies: E8 says nothing.
  bool backup_reads = false;
};

class checker {
 public:
  checker(cluster& watched, const checker_options& options)
      : cluster_{watched},
        options_{options},
        max_staleness_{options.max_staleness},
        evictions_{options.evictions} {
    if (options.quorum == kith::quorum::majority) authority_.emplace(watched);
  }

  /// After every event: views.
  void look();
  /// Before a member's machines end.
  void end_of_life(sim::host& over);

  void invoked_add(std::uint32_t key);
  /// Whatever the answer was. Behind check(): an epoch that begins in the event of the answer may
  /// hold the addition already.
  void answered_add(std::uint32_t key) {
    look();
    ++adds_answered_[key];
  }
  /// An answered operation on a register or a counter.
  void check(const record& op);
  /// A row of the database was written and the erase of its key acknowledged.
  void wrote_row(const record& erase, std::int64_t row);
  void check_row(const record& read);
  /// Who vouches for what the operation may be told, at its start.
  void note_vouchers(record& op) const;
  /// max_staleness before the read was invoked.
  [[nodiscard]] time_point bound_of(const record& read) const;
  /// The newest row that a read has to know of by its bound.
  [[nodiscard]] std::optional<std::int64_t> row_owed_to(const record& read) const;
  [[nodiscard]] std::int64_t row_owed(std::size_t member, std::uint32_t key) const;

  /// What was done to the key in the epoch `from` is done in the epoch `to` too, of a cache with so
  /// many synchronous copies.
  [[nodiscard]] bool kept(std::uint32_t key, const epoch& from, const epoch& to,
                          std::size_t sync) const {
    return terms_.kept(partition_of_key(key), from, to, sync);
  }
  [[nodiscard]] const checker_options& options() const { return options_; }
  /// The view in which the key's owner is that the member knows: the side on which it is answered.
  [[nodiscard]] kith::cluster::view_key side_of(std::size_t member, std::uint32_t key) const {
    record op;
    op.member = member;
    op.key = key;
    acknowledged seen;
    set_side(op, seen);
    return seen.side;
  }
  /// One of the two views came out of the other.
  [[nodiscard]] bool comparable(const kith::cluster::view_key& a,
                                const kith::cluster::view_key& b) const {
    return lineage_.leads(a, b) || lineage_.leads(b, a);
  }
  /// The epoch of the key's partition, as the member knows it.
  [[nodiscard]] std::optional<epoch> epoch_at(std::size_t member, std::uint32_t key) const {
    const kith::cluster::view* view = view_of(member);
    if (view == nullptr) return std::nullopt;
    return view->epoch_of(partition_of_key(key));
  }
  [[nodiscard]] bool owns(std::size_t member, std::uint32_t key) const {
    const kith::cluster::view* view = view_of(member);
    const auto* owner = view == nullptr ? nullptr : view->owner_of(partition_of_key(key));
    return owner != nullptr && owner->id == cluster_.host(member).control().self();
  }
  [[nodiscard]] kith::cluster::view_key view_key_of(std::size_t member) const {
    const kith::cluster::view* view = view_of(member);
    return view == nullptr ? kith::cluster::view_key{} : view->key;
  }
  /// The epoch that the member of an operation knows when it is told; absent: it is another by now.
  [[nodiscard]] std::optional<epoch> epoch_told(const record& op) const {
    return moved(op) ? std::nullopt : epoch_at(op.member, op.key);
  }
  /// The epoch of the key's partition began with what earlier ones left.
  [[nodiscard]] bool inherits(std::uint32_t key, const epoch& in) const {
    return terms_.inherits(partition_of_key(key), in);
  }
  void invoked_erase(std::uint32_t key) { erase_invoked_[key] = cluster_.time().now(); }

  [[nodiscard]] const std::vector<violation>& violations() const { return violations_; }
  [[nodiscard]] std::uint64_t checks() const { return checks_; }
  [[nodiscard]] std::uint64_t views_seen() const { return hashes_.size(); }
  /// Owners that began with copies.
  [[nodiscard]] std::size_t passages() const { return terms_.passages(); }

 private:
  struct acknowledged {
    time_point at;
    kith::version version;
    /// The owner's view when it acknowledged: the side on which the write counts.
    kith::cluster::view_key side;
    member_id owner;
    /// Nothing that was erased is owed.
    bool present = true;
    std::int64_t value = 0;
    /// The epoch that ran at the reader when it was told.
    epoch in{};
  };

  void fail(const std::string& rule, const record& op, const std::string& more);
  void check_read(const record& op);
  // held_values.hpp
  void look_at_owners(std::uint32_t key);
  void note_held(std::deque<acknowledged>& all, const acknowledged& seen) const;
  void check_held(const record& op);
  enum class of_cache : std::uint8_t { registers, rows };
  void check_session(const record& op, of_cache in);
  void check_epoch(const record& op);
  void check_sum(const record& op);
  void acknowledge(const record& op);
  /// What the reader's line of views owes it: acknowledged by `by`, comparable with the reader, and
  /// not lost by a change of owners of a cache with so many synchronous copies.
  [[nodiscard]] std::optional<acknowledged> owed(const std::vector<acknowledged>& all,
                                                 const record& read, std::size_t sync) const;
  [[nodiscard]] bool lost(const acknowledged& write, const record& read, std::size_t sync) const {
    const kith::cluster::view* view = view_of(read.member);
    return view != nullptr && lost_at(*view, write.version, read.key, sync);
  }
  [[nodiscard]] bool lost_at(const kith::cluster::view& now, const version& write,
                             std::uint32_t key, std::size_t sync) const {
    const partition_id p = partition_of_key(key);
    const epoch runs = now.epoch_of(p);
    return write.epoch < runs && !terms_.kept(p, write.epoch, runs, sync);
  }
  [[nodiscard]] const kith::cluster::view* view_of(std::size_t member) const;
  /// The member went over to another cluster meanwhile: what it read is the old one's.
  [[nodiscard]] bool moved(const record& op) const {
    sim::host& host = cluster_.host(op.member);
    return !host.running() || host.control().self() != op.as;
  }
  [[nodiscard]] bool same_line(const kith::cluster::view_key& wrote, const record& read) const;
  [[nodiscard]] bool owes(const acknowledged& write, const record& read) const;
  /// Sets the owner of the key as the writer knows it, and the view in which that owner is.
  void set_side(const record& op, acknowledged& write) const;
  [[nodiscard]] static partition_id partition_of_key(std::uint32_t key);

  cluster& cluster_;
  checker_options options_;
  duration max_staleness_;
  bool evictions_;
  lineage lineage_;
  terms terms_;
  /// The newest view of each identity.
  std::map<member_id, std::shared_ptr<const kith::cluster::view>> views_;
  std::optional<authority_oracle> authority_;
  std::map<kith::cluster::view_key, std::uint64_t> hashes_;
  std::map<std::size_t, std::pair<member_id, kith::cluster::view_key>> installed_;
  /// The last view of an identity that is over, and when it ended.
  std::map<member_id, std::pair<kith::cluster::view_key, time_point>> ended_;
  std::map<std::uint32_t, std::vector<acknowledged>> registers_;
  std::map<std::uint32_t, std::vector<acknowledged>> rows_;
  /// What owners were seen to hold of the registers: when first, in which view, and who.
  std::map<std::uint32_t, std::deque<acknowledged>> held_;
  /// When an erase of a key that may still land was invoked last.
  std::map<std::uint32_t, time_point> erase_invoked_;
  /// By time of the answer.
  std::map<std::tuple<of_cache, member_id, std::uint32_t>, std::vector<acknowledged>> seen_;
  std::map<std::pair<std::uint32_t, epoch>, std::map<std::int64_t, kith::cluster::view_key>> sums_;
  std::map<std::uint32_t, std::int64_t> adds_invoked_;
  std::map<std::uint32_t, std::int64_t> adds_answered_;
  /// Additions that were answered before the epoch began, and are not in its sum.
  std::map<std::pair<std::uint32_t, epoch>, std::int64_t> adds_before_;
  std::vector<violation> violations_;
  std::uint64_t checks_ = 0;
};

// --- implementation ---

inline partition_id checker::partition_of_key(std::uint32_t key) {
  return partition_of(key_hash<std::uint32_t>(key));
}

inline const kith::cluster::view* checker::view_of(std::size_t member) const {
  sim::host& host = cluster_.host(member);
  return host.running() ? host.control().membership().current().get() : nullptr;
}

inline void checker::look() {
  for (cluster::installed_view& one : cluster_.take_installs()) {
    terms_.look(*one.view);
    std::shared_ptr<const kith::cluster::view>& last = views_[one.as];
    if (last != nullptr && last->key < one.view->key) terms_.follow(*last, *one.view);
    last = std::move(one.view);
  }
  for (const std::size_t i : cluster_.take_changed()) {
    const kith::cluster::view* view = view_of(i);
    if (view == nullptr) continue;
    auto& [self, last] = installed_[i];
    const member_id now_self = cluster_.host(i).control().self();
    if (self == now_self && last == view->key) continue;
    if (authority_) authority_->installed(view->key);
    const auto [known, fresh] = hashes_.emplace(view->key, view->hash);
    for (const auto& [key, invoked] : adds_invoked_) {
      const epoch began = view->epoch_of(partition_of_key(key));
      adds_before_.emplace(std::pair{key, began}, adds_answered_[key]);
    }
    if (!fresh && known->second != view->hash) {
      violations_.push_back(
          {"I12: two views of number " + std::to_string(view->key.number.value()) + " differ"});
    }
    if (self != now_self) ended_.emplace(self, std::pair{last, cluster_.time().now()});
    if (self == now_self) {
      if (view->key.number <= last.number) {
        violations_.push_back({"I13: a member's view number fell"});
      }
      lineage_.follow(cluster_.time().now(), last, view->key);
    }
    self = now_self;
    last = view->key;
  }
  if (authority_) authority_->look(violations_);
}

inline void checker::end_of_life(sim::host& over) {
  const auto& view = over.control().membership().current();
  if (view == nullptr) return;
  ended_.emplace(over.control().self(), std::pair{view->key, cluster_.time().now()});
}

/// The first of a key: no addition was answered before the epochs that run now.
inline void checker::invoked_add(std::uint32_t key) {
  if (adds_invoked_[key]++ > 0) return;
  for (std::size_t i = 0; i < cluster_.size(); ++i) {
    const std::optional<epoch> runs = epoch_at(i, key);
    if (runs) adds_before_.emplace(std::pair{key, *runs}, 0);
  }
}

inline void checker::fail(const std::string& rule, const record& op, const std::string& more) {
  const auto ms = [](time_point t) {
    return std::to_string(t.time_since_epoch().count() / 1'000'000);
  };
  violations_.push_back({rule + ": key " + std::to_string(op.key) + " member " +
                         std::to_string(op.member) + " invoked " + ms(op.invoked) +
                         " ms answered " + ms(op.answered) + " ms version " +
                         std::to_string(op.version.epoch.view.value()) + "/" +
                         std::to_string(op.version.seq.value()) + " value " +
                         std::to_string(op.value) + ": " + more});
}

/// Two sides of a cluster that was cut in two owe each other nothing. A reader that lags behind its
/// own line does owe, unless its coordinator is alive and lags with it, or went on to another line:
/// then they are a side. So they are for max_staleness after such a coordinator died or gave up:
/// the reader has its echo, and cannot know.
inline bool checker::same_line(const kith::cluster::view_key& wrote, const record& read) const {
  const kith::cluster::view* view = view_of(read.member);
  if (view == nullptr) return false;
  if (lineage_.leads(wrote, view->key)) return true;
  if (!lineage_.leads(view->key, wrote)) return false;
  for (std::size_t i = 0; i < cluster_.size(); ++i) {
    const kith::cluster::view* other = view_of(i);
    if (other == nullptr || cluster_.host(i).control().self() != view->oldest().id) continue;
    if (other->key == view->key) return false;
    return lineage_.leads(wrote, other->key) || lineage_.leads(other->key, wrote);
  }
  const auto over = ended_.find(view->oldest().id);
  if (over == ended_.end()) return true;
  const auto& [last, when] = over->second;
  const bool wrote_there = lineage_.leads(wrote, last) || lineage_.leads(last, wrote);
  return (last != view->key && wrote_there) || when < read.bound;
}

/// The view of the owner that the writer knows, the last one if it is dead by now; or the writer's
/// own.
inline void checker::set_side(const record& op, acknowledged& write) const {
  const kith::cluster::view* view = view_of(op.member);
  if (view == nullptr) return;
  write.side = view->key;
  const auto* owner = view->owner_of(partition_of_key(op.key));
  if (owner == nullptr) return;
  write.owner = owner->id;
  const auto last = views_.find(owner->id);
  if (last != views_.end()) write.side = last->second->key;
  for (std::size_t i = 0; i < cluster_.size(); ++i) {
    const kith::cluster::view* other = view_of(i);
    if (other != nullptr && cluster_.host(i).control().self() == owner->id) write.side = other->key;
  }
}

/// A read that began on one side and ended on the other, after a merge, may have been answered on
/// either.
inline bool checker::owes(const acknowledged& write, const record& read) const {
  const bool from_start =
      lineage_.leads(write.side, read.asked_in) || lineage_.leads(read.asked_in, write.side);
  if (!from_start || !same_line(write.side, read)) return false;
  // Acknowledged in a view that the reader's line had left: by an owner that lags, or by those who
  // stayed behind as another side.
  const kith::cluster::view* view = view_of(read.member);
  const std::optional<time_point> left = lineage_.left(write.side, view->key);
  return !left || write.at < *left || view->contains(write.owner);
}

inline void checker::note_vouchers(record& op) const {
  const kith::cluster::view* view = view_of(op.member);
  if (view == nullptr) return;
  op.coordinator = view->oldest().id;
  const auto* owner = view->owner_of(partition_of_key(op.key));
  if (owner != nullptr) op.owner = owner->id;
}

/// Counted on the reader's own clock: while that stands still, nothing grows old for it. And on the
/// clocks of those who vouch, when it asked or by now (vouching.hpp).
inline time_point checker::bound_of(const record& read) const {
  const host_clock& clock = cluster_.host(read.member).clock();
  const time_point by = clock.first(clock.at(read.invoked) - max_staleness_);
  record now = read;
  note_vouchers(now);
  std::set<member_id> vouch{read.owner, read.coordinator, now.owner, now.coordinator};
  vouch.erase(read.as);
  // Each of them counts max_staleness or less, and the coordinator its promises before that.
  const duration error = cluster_.clock_error(max_staleness_ + vouched_longest);
  return by - stood_still(cluster_, vouch, by) - error;
}

inline std::optional<checker::acknowledged> checker::owed(const std::vector<acknowledged>& all,
                                                          const record& read,
                                                          std::size_t sync) const {
  const time_point by = read.bound;
  std::optional<acknowledged> newest;
  if (moved(read)) return newest;
  for (const acknowledged& one : all) {
    if (one.at >= by || !owes(one, read) || lost(one, read, sync)) continue;
    if (!newest || one.version > newest->version) newest = one;
  }
  return newest;
}

inline void checker::check_read(const record& op) {
  ++checks_;
  const auto found = registers_.find(op.key);
  if (found == registers_.end()) return;
  const std::optional<acknowledged> must = owed(found->second, op, options_.register_copies);
  if (!must) return;
  if (op.yes) {
    if (op.version < must->version) {
      fail("E1", op,
           "acknowledged was version " + std::to_string(must->version.epoch.view.value()) + "/" +
               std::to_string(must->version.seq.value()));
    }
    return;
  }
  const kith::cluster::view* view = view_of(op.member);
  if (!must->present || evictions_ || view == nullptr) return;
  const auto erased = erase_invoked_.find(op.key);
  if (erased != erase_invoked_.end() && erased->second + std::chrono::seconds{10} > must->at)
    return;
  fail("E2", op, "absent, though a put was acknowledged");
}

inline void checker::check_session(const record& op, of_cache in) {
  std::vector<acknowledged>& seen = seen_[{in, op.self, op.key}];
  if (op.kind == operation_kind::read) {
    // Only what was answered before this read began binds it.
    const std::optional<epoch> runs = epoch_at(op.member, op.key);
    for (const acknowledged& one : seen) {
      if (one.at >= op.invoked || one.version.epoch != op.version.epoch) continue;
      // A successor may have less than what was read before it.
      if (!runs || *runs != op.began || one.in != *runs) continue;
      if (op.version < one.version) {
        return fail("E3", op,
                    "this member had seen sequence " + std::to_string(one.version.seq.value()));
      }
    }
  }
  seen.push_back({op.answered,
                  op.version,
                  {},
                  {},
                  true,
                  op.value,
                  epoch_at(op.member, op.key).value_or(epoch{})});
}

inline void checker::check_epoch(const record& op) {
  // What a ticket's holder loaded itself has no version.
  if (moved(op) || op.version == version{} || op.version.epoch >= op.began) return;
  if (terms_.inherited(partition_of_key(op.key), op.version.epoch, op.began)) return;
  fail("E6", op, "the epoch was " + std::to_string(op.began.view.value()) + " already");
}

inline void checker::check_sum(const record& op) {
  look();
  const partition_id p = partition_of_key(op.key);
  const epoch kept = terms_.kept_root(p, op.version.epoch, options_.counter_copies);
  const kith::cluster::view_key side = side_of(op.member, op.key);
  const auto [known, fresh] = sums_[{op.key, kept}].emplace(op.value, side);
  if (!fresh && !evictions_ && comparable(known->second, side)) {
    fail("E4", op, "this sum was given twice");
  }
  const epoch root = terms_.root(p, op.version.epoch);
  const std::int64_t most = adds_invoked_[op.key] - adds_before_[{op.key, root}];
  if (op.value > most) {
    fail("E4", op, "only " + std::to_string(most) + " additions were under way");
  }
}

inline void checker::acknowledge(const record& op) {
  registers_[op.key].push_back(
      {op.answered, op.version, {}, {}, op.kind != operation_kind::erase, op.value});
  set_side(op, registers_[op.key].back());
}

inline void checker::check(const record& op) {
  if (op.kind != operation_kind::add) look_at_owners(op.key);
  if (op.failed) return;
  switch (op.kind) {
    case operation_kind::read:
      check_read(op);
      if (!op.yes) break;
      check_held(op);
      check_session(op, of_cache::registers);
      check_epoch(op);
      break;
    case operation_kind::write:
    case operation_kind::erase:
      acknowledge(op);
      check_session(op, of_cache::registers);
      break;
    case operation_kind::add: check_sum(op); break;
    case operation_kind::put_if_absent:
    case operation_kind::compare_and_put: break;  // conditions.hpp
  }
}

}  // namespace kith::sim

#include <kith/sim/checker_rows.hpp>
#include <kith/sim/held_values.hpp>
