// One set of partitions of one member: what it owns of them (replica), what it keeps of others'
// (near), and the calls that wait (router). Whoever holds the lane drives it: a thread with a frame
// or a caller with an operation.
//
// The three machines do not know each other. The lane carries what one emits to the other, until
// all are quiet, and leaves to the driver what only a driver can do. What it emits to one peer
// leaves in the order in which it was emitted.
#pragma once

#include <kith/cluster/view.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>
#include <kith/near/coherence.hpp>
#include <kith/near/gates.hpp>
#include <kith/node/control.hpp>
#include <kith/node/lane_index.hpp>
#include <kith/node/placement.hpp>
#include <kith/node/router.hpp>
#include <kith/node/shipment.hpp>
#include <kith/replica/replica.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/decode.hpp>
#include <kith/wire/membership_messages.hpp>
#include <kith/wire/splitter.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace kith::node {

struct lane_options {
  replica::replica_options replica;
  near::coherence_options near;
  router_options router;
};

/// What this lane says of copies of its partitions, as the owner in `view`.
struct claim_rows {
  cluster::view_key view;
  std::vector<wire::row_claim> claims;
};

using lane_effect = std::variant<wire::send, complete, load_here, process_here, replica::run_load,
                                 replica::run_processor, replica::run_write, replica::change_notice,
                                 claim_rows, pull_view>;

/// What the lane thinks of a message.
enum class verdict : std::uint8_t {
  fine,
  /// The bytes are no message: close the connection.
  malformed,
  /// The peer broke the protocol: close the connection.
  violation,
};

class lane {
 public:
  using outbox = std::vector<lane_effect>;

  lane(std::uint32_t index, const member_id& self, near::gates& gates, const lane_options& options);
  lane(const lane&) = delete;
  lane& operator=(const lane&) = delete;

  void submit(time_point now, call&& what, outbox& out);

  /// See router::cancel.
  void cancel(time_point now, std::uint64_t cancel_id, cancelling how, outbox& out) {
    router_.cancel(now, cancel_id, how, from_router_);
    run(now, out);
  }

  /// A message of the lane's partitions, or about the lane. `sid` is the session it came by.
  [[nodiscard]] verdict on_message(time_point now, const member_id& from, std::uint32_t sid,
                                   const wire::message_frame& frame, outbox& out);

  /// A session with `peer` opened (sid != 0) or ended.
  void on_session(time_point now, const member_id& peer, std::uint32_t sid, outbox& out);
  /// The way to `peer` is full, and open again: see router.
  void on_held_back(const member_id& peer, const std::vector<std::uint64_t>& rids) {
    router_.on_held_back(peer, rids);
  }
  bool on_room(time_point now, const member_id& peer, outbox& out);
  /// `target` may be null: all is where it should be.
  void on_view(time_point now, const cluster::view& installed, const cluster::placement* target,
               outbox& out);
  /// The view is stable: whoever is not in it is fenced, and whoever is has installed it.
  void on_stable(const cluster::view_key& view) { replica_->on_stable(view.number); }
  /// Whether this member is cut off from the majority.
  void on_quorum(time_point now, bool lost, outbox& out);
  /// Whether members are missing that may go on by themselves.
  void on_cut(time_point now, bool cut);
  /// Everything held under the old identity is dropped, but for what the other side of a cut has to
  /// be told.
  void on_identity(time_point now, const member_id& self, outbox& out);
  /// `table` may be null. It must outlive the lane or the next on_identity.
  void open_cache(const replica::cache_settings& settings, near::table* table);
  /// The lane's share of the bytes of a cache, from now on; a lower one is reached in turns.
  void set_cache_bytes(cache_id id, std::uint64_t bytes) { replica_->set_cache_bytes(id, bytes); }
  /// Before an input: how full the member is. Evicts store::evictions_a_turn entries at most.
  void set_memory(time_point at, const store::memory_state& s) { replica_->set_memory(at, s); }

  /// Ends the fill `rid`, whose answer is decoded: see port::settle.
  void settle(time_point now, std::uint64_t rid, const near::counted_cell& draft, outbox& out);
  void on_load_done(time_point now, const replica::load_ticket& ticket,
                    replica::load_result&& result, outbox& out);
  void on_processor_done(time_point now, const replica::processor_ticket& ticket,
                         replica::processor_result&& result, outbox& out);
  void on_write_done(time_point now, const replica::write_ticket& ticket,
                     replica::write_result&& result, outbox& out);
  void on_loaded_here(time_point now, std::uint64_t rid, replica::load_result&& loaded,
                      outbox& out);
  void on_processed_here(time_point now, std::uint64_t rid, replica::processor_result&& result,
                         outbox& out) {
    look_at_gates();
    router_.on_processed_here(now, rid, std::move(result), from_router_);
    run(now, out);
  }

  void on_timeout(time_point now, outbox& out);
  [[nodiscard]] time_point next_timeout() const;

  /// The member is about to leave: from now on nothing is kept near.
  void retire(time_point now, outbox& out) {
    near_->retire(now, from_near_);
    run(now, out);
  }
  void fail_all(time_point now, errc why, outbox& out);
  /// What stores are owed is written without delay.
  void hurry_writes(time_point now, outbox& out) {
    replica_->hurry_writes(now);
    on_timeout(now, out);
  }

  [[nodiscard]] const replica::replica& owned() const { return *replica_; }
  [[nodiscard]] const near::coherence& near() const { return *near_; }
  [[nodiscard]] const router& calls() const { return router_; }
  [[nodiscard]] const shipment& shipped() const { return shipment_; }

 private:
  template <class Message, class Handle>
  verdict decoded(const wire::message_frame& frame, Handle&& handle);
  verdict on_data(time_point now, const member_id& from, const wire::message_frame& frame);
  verdict on_coherence(time_point now, const member_id& from, std::uint32_t sid,
                       const wire::message_frame& frame);
  verdict on_copies(time_point now, const member_id& from, const wire::message_frame& frame);
  /// What control last said of this member's standing in its view.
  void look_at_gates() { replica_->set_standing(gates_.coordinator(), gates_.fenced()); }
  void run(time_point now, outbox& out);
  /// True: the router has got something to do.
  bool ship(time_point now);
  void scan(time_point now, cache_id cache, scan_turn& turn) const;
  /// False: the call has to go to the owner.
  [[nodiscard]] bool answer_from_copy(time_point now, const call& what, outbox& out);

  void carry(time_point, wire::send&& one, outbox& out) { out.push_back(std::move(one)); }
  void carry(time_point now, ask_here&& one, outbox& out);
  void carry(time_point now, complete&& one, outbox& out);
  void carry(time_point, load_here&& one, outbox& out) { out.push_back(std::move(one)); }
  void carry(time_point, process_here&& one, outbox& out) { out.push_back(std::move(one)); }
  void carry(time_point now, unused_ticket&& one, outbox& out);
  void carry(time_point, pull_view&& one, outbox& out) { out.push_back(one); }
  void carry(time_point now, replica::answer_get&& one, outbox& out);
  void carry(time_point now, replica::answer_mutate&& one, outbox& out);
  void carry(time_point now, replica::answer_count&& one, outbox& out);
  void carry(time_point now, replica::run_load&& one, outbox& out);
  void carry(time_point now, replica::run_processor&& one, outbox& out);
  void carry(time_point now, replica::run_write&& one, outbox& out);
  void carry(time_point now, replica::own_mutation&& one, outbox& out);
  void carry(time_point now, replica::pull_view&& one, outbox& out);
  void carry(time_point, replica::claim_row&& one, outbox&) { note_claim(one); }
  void note_claim(const replica::claim_row& one);
  void carry(time_point now, near::serve&& one, outbox& out);
  void carry(time_point now, near::reissue&& one, outbox& out);
  void carry(time_point now, near::retry&& one, outbox& out);
  void carry(time_point now, near::refuse&& one, outbox& out);
  void carry(time_point now, near::pull_view&& one, outbox& out);

  /// A ticket's number has the identity under which it was given in its highest bits: each replica
  /// counts from the beginning, and a load may end after this member has become another.
  static constexpr unsigned life_shift = 48;
  static constexpr std::uint64_t number_mask = (std::uint64_t{1} << life_shift) - 1;

  const std::uint32_t index_;
  const lane_options options_;
  std::uint64_t life_ = 0;
  member_id self_;
  near::gates& gates_;

  router::outbox from_router_;
  replica::outbox from_replica_;
  near::outbox from_near_;

  /// Made anew for each identity; never empty.
  std::optional<replica::replica> replica_;
  std::optional<near::coherence> near_;
  router router_;
  shipment shipment_;
  bool cut_ = false;
  /// The installed view; its members, sorted, and their places in it.
  cluster::view_key view_;
  std::vector<member_id> members_;
  std::vector<std::pair<member_id, std::uint16_t>> numbers_;
  /// Since the lane's driver was told last.
  std::vector<wire::row_claim> claims_;
};

// --- implementation ---

inline lane::lane(std::uint32_t index, const member_id& self, near::gates& gates,
                  const lane_options& options)
    : index_{index},
      options_{options},
      self_{self},
      gates_{gates},
      replica_{std::in_place, self, options.replica},
      near_{std::in_place, self, gates, options.near},
      router_{self, *near_, from_near_, options.router} {
  KITH_ASSERT(options.replica.lane == index && options.near.lane == index);
}

inline void lane::submit(time_point now, call&& what, outbox& out) {
  KITH_ASSERT(lane_of(what.partition) == index_);
  if (what.kind == call_kind::scan) {
    scan(now, what.cache->current_id(), *what.scan);
    return out.push_back(complete{what.done, {}});
  }
  look_at_gates();
  if (what.backup && answer_from_copy(now, what, out)) return;
  router_.submit(now, std::move(what), from_router_);
  run(now, out);
}

inline void lane::on_session(time_point now, const member_id& peer, std::uint32_t sid,
                             outbox& out) {
  look_at_gates();
  // The reader first: its subscriptions are the first that the owner hears of in a session.
  near_->on_session(now, peer, sid, from_near_);
  replica_->on_session(now, peer, sid, from_replica_);
  run(now, out);
  router_.on_session(now, peer, from_router_);
  run(now, out);
}

inline bool lane::on_room(time_point now, const member_id& peer, outbox& out) {
  const bool more = router_.on_room(now, peer, from_router_);
  run(now, out);
  return more;
}

inline void lane::on_view(time_point now, const cluster::view& installed,
                          const cluster::placement* target, outbox& out) {
  look_at_gates();
  view_ = installed.key;
  members_.clear();
  numbers_.clear();
  for (std::uint16_t i = 0; i < installed.size(); ++i) {
    members_.push_back(installed.members[i].id);
    numbers_.emplace_back(installed.members[i].id, i);
  }
  std::ranges::sort(members_);
  std::ranges::sort(numbers_);
  shipment_.on_view(installed);
  replica_->on_caches(copies_in(installed));
  replica_->on_view(now, installed.key.number, members_, from_replica_);
  near_->on_view(members_, from_near_);
  for (std::uint32_t i = index_; i < partition_count; i += lane_count) {
    const auto p = static_cast<partition_id>(i);
    const replica::row row = row_of(installed, target, p);
    replica_->on_row(now, p, row, from_replica_);
    near_->on_ownership(now, p, row.owner, row.began, from_near_);
    run(now, out);
    router_.on_ownership(p, row.owner, row.began);
  }
  router_.retry_moved(now, from_router_);
  run(now, out);
}

inline void lane::on_identity(time_point now, const member_id& self, outbox& out) {
  self_ = self;
  life_ = (life_ + 1) & 0xFFFF;
  from_replica_.clear();
  from_near_.clear();
  claims_.clear();
  shipment_.load(now, replica_->take_dirty(now));
  cut_ = false;
  replica_.emplace(self, options_.replica);
  near_.emplace(self, gates_, options_.near);
  for (std::uint32_t i = index_; i < partition_count; i += lane_count) {
    gates_.flush(static_cast<partition_id>(i));
  }
  replica_->on_quorum(gates_.is_cut_off());
  router_.on_identity(now, self, *near_, from_router_);
  run(now, out);
}

inline void lane::on_quorum(time_point now, bool lost, outbox& out) {
  replica_->on_quorum(lost);
  replica_->on_cut(now, cut_ || lost);
  router_.on_quorum(now, lost, from_router_);
  run(now, out);
}

inline void lane::on_cut(time_point now, bool cut) {
  cut_ = cut;
  replica_->on_cut(now, cut_ || gates_.is_cut_off());
}

inline void lane::open_cache(const replica::cache_settings& settings, near::table* table) {
  replica_->open_cache(settings);
  if (table == nullptr) return;
  near_->detach(settings.id);
  if (settings.strong) return near_->attach_strong(settings.id, *table, settings.max_staleness);
  near_->attach(settings.id, *table, settings.max_staleness);
}

inline void lane::settle(time_point now, std::uint64_t rid, const near::counted_cell& draft,
                         outbox& out) {
  if (draft) {
    near_->install(now, rid, draft, from_near_);
  } else {
    near_->abandon(rid, from_near_);
  }
  run(now, out);
}

inline void lane::on_load_done(time_point now, const replica::load_ticket& ticket,
                               replica::load_result&& result, outbox& out) {
  if (ticket.number >> life_shift != life_) return;
  look_at_gates();
  replica_->on_load_done(now, {ticket.partition, ticket.number & number_mask}, std::move(result),
                         from_replica_);
  run(now, out);
}

inline void lane::on_processor_done(time_point now, const replica::processor_ticket& ticket,
                                    replica::processor_result&& result, outbox& out) {
  if (ticket.number >> life_shift != life_) return;
  look_at_gates();
  replica_->on_processor_done(now, {ticket.partition, ticket.number & number_mask},
                              std::move(result), from_replica_);
  run(now, out);
}

inline void lane::on_write_done(time_point now, const replica::write_ticket& ticket,
                                replica::write_result&& result, outbox& out) {
  if (ticket.number >> life_shift != life_) return;
  look_at_gates();
  replica_->on_write_done(now, {ticket.partition, ticket.number & number_mask}, std::move(result),
                          from_replica_);
  run(now, out);
}

inline void lane::on_loaded_here(time_point now, std::uint64_t rid, replica::load_result&& loaded,
                                 outbox& out) {
  router_.on_loaded_here(now, rid, std::move(loaded), from_router_);
  run(now, out);
}

inline void lane::on_timeout(time_point now, outbox& out) {
  look_at_gates();
  replica_->on_timeout(now, from_replica_);
  near_->on_timeout(now, from_near_);
  router_.on_timeout(now, from_router_);
  run(now, out);
}

inline time_point lane::next_timeout() const {
  return std::min({replica_->next_timeout(), near_->next_timeout(), router_.next_timeout(),
                   shipment_.next_timeout()});
}

inline void lane::fail_all(time_point now, errc why, outbox& out) {
  router_.fail_all(why, from_router_);
  run(now, out);
}

inline bool lane::ship(time_point now) {
  while (std::optional<call> next = shipment_.next(now)) {
    router_.submit(now, std::move(*next), from_router_);
  }
  return !from_router_.empty();
}

inline void lane::run(time_point now, outbox& out) {
  while (!from_replica_.empty() || !from_near_.empty() || !from_router_.empty() || ship(now)) {
    const auto carry_all = [&](auto& box) {
      for (auto& effect : std::exchange(box, {})) {
        std::visit([&](auto& one) { carry(now, std::move(one), out); }, effect);
      }
    };
    carry_all(from_replica_);
    carry_all(from_near_);
    carry_all(from_router_);
  }
  for (replica::change_notice& one : replica_->take_notices()) out.push_back(std::move(one));
  if (!claims_.empty()) out.push_back(claim_rows{view_, std::exchange(claims_, {})});
}

/// Of a member of the view: of others nothing is to be said.
inline void lane::note_claim(const replica::claim_row& one) {
  const auto member = std::ranges::lower_bound(numbers_, std::pair{one.member, std::uint16_t{0}});
  if (member == numbers_.end() || member->first != one.member) return;
  claims_.push_back({one.partition, one.kind, member->second, one.position});
}

// What goes out.

inline void lane::carry(time_point now, complete&& one, outbox& out) {
  if (one.done == nullptr || shipment_.take(now, one)) return;
  out.push_back(std::move(one));
}
inline void lane::carry(time_point now, unused_ticket&& one, outbox& out) {
  const wire::return_ticket message{one.ticket};
  if (one.owner == self_) return replica_->on_return_ticket(now, self_, message, from_replica_);
  const auto lowest = static_cast<partition_id>(index_);
  out.push_back(wire::send{one.owner, wire::make_packet(message, lowest)});
}
inline void lane::carry(time_point, replica::run_load&& one, outbox& out) {
  one.ticket.number |= life_ << life_shift;
  out.push_back(std::move(one));
}
inline void lane::carry(time_point, replica::run_processor&& one, outbox& out) {
  one.ticket.number |= life_ << life_shift;
  out.push_back(std::move(one));
}
inline void lane::carry(time_point, replica::run_write&& one, outbox& out) {
  one.ticket.number |= life_ << life_shift;
  out.push_back(std::move(one));
}
inline void lane::carry(time_point, replica::pull_view&& one, outbox& out) {
  out.push_back(pull_view{one.from});
}
inline void lane::carry(time_point, near::pull_view&& one, outbox& out) {
  out.push_back(pull_view{one.from});
}

// What goes from one machine to another.

inline void lane::carry(time_point now, ask_here&& one, outbox&) {
  router_.visit_request(one.rid, [&](const pending_call& waiting, const auto& message) {
    const partition_id p = waiting.what.partition;
    using message_type = std::remove_cvref_t<decltype(message)>;
    bool fine = false;
    if constexpr (std::is_same_v<message_type, wire::get>) {
      fine = replica_->on_get(now, self_, one.rid, p, message, from_replica_);
    } else if constexpr (std::is_same_v<message_type, wire::mutate>) {
      fine = replica_->on_mutate(now, self_, one.rid, p, message, from_replica_);
    } else {
      fine = replica_->on_count(now, self_, one.rid, p, message, from_replica_);
    }
    KITH_ASSERT(fine);
  });
}
inline void lane::carry(time_point now, replica::answer_get&& one, outbox&) {
  one.reply.value = one.value;
  const bool fine = router_.on_get_reply(now, self_, one.rid, one.reply, from_router_, one.thrown);
  KITH_ASSERT(fine);
}
inline void lane::carry(time_point now, replica::answer_mutate&& one, outbox&) {
  one.reply.result = one.result;
  router_.on_mutate_reply(now, self_, one.rid, one.reply, from_router_);
}
inline void lane::carry(time_point now, replica::answer_count&& one, outbox&) {
  router_.on_count_reply(now, self_, one.rid, one.reply, from_router_);
}
inline void lane::carry(time_point now, replica::own_mutation&& one, outbox&) {
  near_->on_own_mutation(now, one.partition, one.epoch, one.entry);
}
inline void lane::carry(time_point, near::serve&& one, outbox&) {
  router_.on_served(std::move(one), from_router_);
}
inline void lane::carry(time_point now, near::refuse&& one, outbox&) {
  router_.on_refused(now, std::move(one), from_router_);
}
inline void lane::carry(time_point now, near::reissue&& one, outbox&) {
  router_.on_reissue(now, one.waiter, from_router_);
}
inline void lane::carry(time_point now, near::retry&& one, outbox&) {
  router_.on_reissue(now, one.rid, from_router_);
}

}  // namespace kith::node

#include <kith/node/lane_reads.hpp>
#include <kith/node/lane_messages.hpp>
