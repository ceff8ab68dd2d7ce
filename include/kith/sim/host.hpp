// One simulated process: a node and what its driver has in real life, on virtual time. It gives the
// node's machines their inputs one at a time and carries out what they want: frames through real
// sessions over the simulated network, dials, loads, timers.
//
// A host can crash (everything is gone; a later start is a new member), pause (nothing runs, what
// arrives waits), freeze (the same, and its clock stands still) and starve (timers are late).
#pragma once

#include <kith/core/endpoint.hpp>
#include <kith/core/hash_map.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/random.hpp>
#include <kith/core/stable_hash.hpp>
#include <kith/core/time.hpp>
#include <kith/near/gates.hpp>
#include <kith/node/control.hpp>
#include <kith/node/hooks.hpp>
#include <kith/node/lane.hpp>
#include <kith/node/lane_index.hpp>
#include <kith/sim/host_clock.hpp>
#include <kith/sim/network.hpp>
#include <kith/sim/scheduler.hpp>
#include <kith/store/pressure.hpp>
#include <kith/wire/packet.hpp>
#include <kith/wire/session.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace kith::sim {

struct host_options {
  std::string cluster = "sim";
  cluster::membership_options membership;
  node::lane_options lane;
  /// The network knows hosts by number; machines know addresses.
  std::function<std::optional<host_index>(const endpoint&)> find;
  /// How long a load takes, drawn for each.
  std::function<duration()> load_time;
  /// How long a caller takes to decode what may be kept, drawn for each.
  std::function<duration()> decode_time;
  /// This host's member installs a view; for checkers.
  std::function<void(const std::shared_ptr<const cluster::view>&)> view_changed;
  /// How late a timer runs, drawn for each.
  std::function<duration()> tick_delay;
  /// By how many millionths its clock is too fast.
  std::int64_t clock_gains_ppm = 0;
  /// How long the loser of two connections to one peer is still read.
  duration drain_time = std::chrono::seconds{1};
  /// Packets that wait for a dialled connection, a peer.
  std::size_t waiting_packets_max = 4096;
};

/// What a host counted beside its machines.
struct host_counters {
  std::uint64_t frames = 0;
  std::uint64_t malformed = 0;
  /// Either side's: the one that sees it may be the other one than what was damaged came to.
  std::uint64_t damaged_handshakes = 0;
  std::uint64_t violations = 0;
  std::uint64_t dropped_packets = 0;
  /// Packets of its machines to itself: they have shorter ways.
  std::uint64_t to_itself = 0;
  std::uint64_t sessions = 0;
  std::uint64_t duplicate_sessions = 0;
};

/// What a host holds at present beside its machines.
struct host_occupancy {
  /// To one peer, those that will be closed not counted.
  std::size_t links_most = 0;
  std::size_t connections = 0;
  std::size_t dials = 0;
  /// For one peer that is being dialled, and for how many.
  std::size_t packets_most = 0;
  std::size_t peers_waited_for = 0;
  std::size_t inputs = 0;
  std::size_t decoding = 0;
};

class host final : public endpoint_events {
 public:
  host(scheduler& time, network& net, host_options options);
  host(const host&) = delete;
  host& operator=(const host&) = delete;

  /// The process starts, as a new member.
  void start(const member_id& id, std::uint64_t seed);
  /// The process ends at once. `silently`: its machine is dead too and answers nothing.
  void crash(bool silently);
  void pause(duration length) { stand(length, clock_meanwhile::runs); }
  void freeze(duration length) { stand(length, clock_meanwhile::stands); }
  /// The member's memory is so short, until the next call or the end of its process.
  void press(const store::memory_state& state);
  /// Asks the others to take what it has; `has_drained` tells when they have.
  void drain();
  [[nodiscard]] bool has_drained() const { return drained_; }
  /// The view in which it had nothing then; null: it was in none.
  [[nodiscard]] const std::shared_ptr<const cluster::view>& drained_in() const {
    return drained_in_;
  }
  /// Leaves in order; `running` stays true until the others agreed.
  void leave();

  [[nodiscard]] bool running() const { return node_ != nullptr; }
  [[nodiscard]] bool paused() const { return paused_; }
  [[nodiscard]] bool has_left() const { return left_; }
  [[nodiscard]] host_index index() const { return index_; }
  [[nodiscard]] const host_counters& counters() const { return counters_; }
  [[nodiscard]] const host_options& options() const { return options_; }
  [[nodiscard]] host_occupancy held() const;
  /// Bytes of near entries above the bounds of their caches.
  [[nodiscard]] std::uint64_t near_bytes_over() const;

  [[nodiscard]] time_point now() const { return clock_.at(time_.now()); }
  [[nodiscard]] const host_clock& clock() const { return clock_; }
  /// True for every identity that it has or had.
  [[nodiscard]] bool has_been(const member_id& who) const { return identities_.contains(who); }

  void set_tick_delay(std::function<duration()> drawn) { options_.tick_delay = std::move(drawn); }
  /// A second connection to a peer, as when both sides dial at once.
  void dial_again(const endpoint& where) { dial(where, {}); }

  // The machines, for ports and checkers. Require running().
  [[nodiscard]] node::control& control() { return node_->control; }
  [[nodiscard]] node::lane& lane(partition_id p) { return *node_->lanes[node::lane_of(p)]; }
  [[nodiscard]] const std::vector<std::unique_ptr<node::lane>>& lanes() { return node_->lanes; }
  [[nodiscard]] near::gates& gates() { return gates_; }
  /// The number of a cache in this member's cluster; absent where the member has not opened it.
  [[nodiscard]] std::optional<cache_id> cache_named(const std::string& name) const;

  // The port's side. Inputs of a paused host wait until it goes on.
  void submit(node::call&& what);
  /// What goes to one owner goes in one frame.
  void submit_many(std::vector<node::call>&& calls);
  void cancel(partition_id p, std::uint64_t cancel_id, node::cancelling how);
  void settle(partition_id p, std::uint64_t rid, near::counted_cell draft);
  void open(const node::open_request& request);
  void set_cache_bytes(const std::string& name, std::uint64_t max_bytes);
  /// The answer to an open() of this name, once there is one.
  [[nodiscard]] std::optional<node::open_answered> answer_of(const std::string& name) const;

  inline void on_bytes(std::uint64_t connection, byte_view received) override;
  inline void on_lost(std::uint64_t connection, loss_kind how) override;
  inline void on_accept(std::uint64_t connection) override;
  inline void on_dialled(std::uint64_t dial, dial_result result, std::uint64_t connection) override;

 private:
  struct machines {
    machines(const cluster::membership_options& options, std::uint64_t seed)
        : control{options, random_source{seed}} {}
    node::control control;
    std::vector<std::unique_ptr<node::lane>> lanes;
  };
  struct connection {
    wire::session session;
    std::optional<endpoint> dialled;
    /// Whose packets wait for it, until it opens or fails.
    member_id wanted{};
    bool announced = false;
    /// It is, or was, what the machines know as the session with its peer.
    bool was_link = false;
    /// It lost against another one and will be closed by this side.
    bool draining = false;
  };
  struct pending_dial {
    endpoint where;
    /// Whose packets wait for it; nobody: control asked.
    member_id peer;
  };

  enum class clock_meanwhile : std::uint8_t { runs, stands };
  void stand(duration length, clock_meanwhile clock);
  /// Runs `input` now, or when the host goes on.
  void when_awake(std::function<void()> input);
  void after_input();
  void arm();
  void note_due(const node::lane& of);
  void on_wake();

  void dial(const endpoint& where, const member_id& peer);
  void send(const member_id& to, const wire::packet& packet);
  void read_bytes(std::uint64_t id, byte_view received);
  void flush(std::uint64_t id);
  void close(std::uint64_t id);
  [[nodiscard]] bool wins(const connection& one, const connection& other);
  void opened(std::uint64_t id);
  void take_as_link(std::uint64_t id);
  void drain_others(const member_id& peer, std::uint64_t winner);
  void promote(const member_id& peer);
  void lost_link(const member_id& peer);
  void drop_waiting(const member_id& peer);
  void take_frames(std::uint64_t id);
  [[nodiscard]] bool take_frame(connection& from, const wire::message_frame& frame);
  [[nodiscard]] bool take_batch(connection& from, const wire::message_frame& frame);
  [[nodiscard]] bool take_items(connection& from, const wire::batch& all);
  void tell_lanes_of_session(const member_id& peer, std::uint32_t sid);
  [[nodiscard]] wire::session_config session_config(wire::session_role role);

  void run(node::control::outbox& effects);
  void run(node::lane& in, node::lane::outbox& effects);
  void carry(cluster::send&& one) { send(one.to, one.packet); }
  void carry(cluster::dial&& one) { dial(one.where, {}); }
  void carry(cluster::close&& one);
  void carry(node::install_view&& one);
  void carry(cluster::view_stable&& one);
  void carry(node::open_in_lanes&& one);
  void carry(node::resize_in_lanes&& one);
  void carry(node::reset_lanes&& one);
  void carry(node::tell_quorum&& one);
  void carry(node::tell_cut&& one);
  void carry(node::open_answered&& one) { answers_[one.name] = std::move(one); }
  void carry(cluster::drained&&) {
    drained_ = true;
    drained_in_ = control().membership().current();
  }
  void carry(cluster::left&&) { left_ = true; }
  void carry(log_record&&) {}
  void carry(node::lane&, wire::send&& one);
  /// Between these two, what the lanes send is gathered and leaves in batches.
  void begin_batch() { gathered_.emplace(); }
  void end_batch();
  void carry(node::lane&, node::complete&& one);
  /// Callers that are still decoding are done.
  void end_decoding();
  void carry(node::lane& in, node::load_here&& one);
  /// Runs the processor a little later, then `done(lane, result, outbox)`.
  template <class Done>
  void process_later(node::lane& in, replica::run_processor&& job, Done done);
  void carry(node::lane& in, node::process_here&& one);
  void carry(node::lane& in, replica::change_notice&& one);
  void carry(node::lane& in, replica::run_load&& one);
  void carry(node::lane& in, replica::run_processor&& one);
  void carry(node::lane& in, replica::run_write&& one);
  void carry(node::lane&, node::claim_rows&& one);
  void carry(node::lane&, node::pull_view&& one);
  [[nodiscard]] std::shared_ptr<node::cache_hooks> hooks_of(cache_id id) const;

  scheduler& time_;
  network& network_;
  host_options options_;
  host_index index_;
  host_clock clock_;
  std::set<member_id> identities_;
  near::gates gates_;
  std::unique_ptr<machines> node_;
  /// One more at every start: what was scheduled for an earlier life does nothing.
  std::uint64_t life_ = 0;
  std::uint64_t random_seed_ = 0;
  std::uint64_t last_decoding_ = 0;
  std::uint32_t next_sid_ = 0;
  bool paused_ = false;
  bool left_ = false;
  bool drained_ = false;
  std::shared_ptr<const cluster::view> drained_in_;
  std::deque<std::function<void()>> waiting_inputs_;
  std::optional<std::vector<wire::send>> gathered_;
  time_point armed_for_ = never;
  /// What each lane said when it had its last input: an event concerns one lane or none.
  std::vector<time_point> lanes_due_;

  // Never walked: their order depends on the hash.
  hash_map<member_id, std::uint64_t> links_;
  hash_map<member_id, std::deque<wire::packet>> waiting_packets_;
  // Ordered, because they are walked.
  std::map<std::uint64_t, std::shared_ptr<connection>> connections_;
  std::map<std::uint64_t, pending_dial> dials_;
  /// Where the others are.
  std::shared_ptr<const cluster::view> view_;
  std::map<std::string, node::open_answered> answers_;
  std::map<cache_id, std::shared_ptr<node::cache_hooks>> hooks_;
  std::map<std::string, cache_id> cache_ids_;
  std::map<std::uint64_t, node::complete> decoding_;
  host_counters counters_;
};

}  // namespace kith::sim

#include <kith/sim/host_held.hpp>
#include <kith/sim/host_links.hpp>
#include <kith/sim/host_machines.hpp>
