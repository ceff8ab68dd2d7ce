// How handles reach a simulated member: blocking calls let virtual time pass. Its lives, which each
// have a port.
#pragma once

#include <kith/core/assert.hpp>
#include <kith/core/time.hpp>
#include <kith/handle/state_table.hpp>
#include <kith/node/lane_index.hpp>
#include <kith/node/lane_sights.hpp>
#include <kith/node/sights.hpp>
#include <kith/sim/cluster.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

namespace kith::sim {

/// One life of one member: after a crash its handles answer `closed`.
class cluster::member_port final : public handle::port {
 public:
  member_port(cluster& in, sim::host& of) : cluster_{&in}, host_{&of} {}

  /// The states hold the port, and the port the states: here the ring breaks.
  void close() {
    closed_ = true;
    static_cast<void>(states_.take());
  }

  void open(const node::open_request& request) override {
    const std::string& name = request.agreed.name;
    if (closed_) throw error{errc::closed};
    host_->open(request);
    const auto answered = [&] { return closed_ || host_->answer_of(name).has_value(); };
    const bool done = cluster_->run_until(answered, cluster_->options_.open_limit);
    if (closed_) throw error{errc::closed};
    if (!done) throw error{errc::timed_out, "opening the cache " + name};
    const node::open_answered answer = *host_->answer_of(name);
    if (answer.failure) throw error{*answer.failure, answer.field};
  }

  void submit(node::call&& what) override {
    if (closed_) return refuse(std::move(what));
    host_->submit(std::move(what));
  }
  void submit_many(std::vector<node::call>&& calls) override {
    if (!closed_) return host_->submit_many(std::move(calls));
    for (node::call& one : calls) refuse(std::move(one));
  }
  void cancel(partition_id p, std::uint64_t cancel_id, node::cancelling how) override {
    if (!closed_) host_->cancel(p, cancel_id, how);
  }
  void set_cache_bytes(const std::string& name, std::uint64_t max_bytes) override {
    if (closed_) throw error{errc::closed};
    host_->set_cache_bytes(name, max_bytes);
  }
  void settle(partition_id p, std::uint64_t rid, near::counted_cell draft) override {
    if (!closed_) host_->settle(p, rid, std::move(draft));
  }

  std::shared_ptr<void> begin_opening(const std::string& name, std::type_index types,
                                      const std::function<std::shared_ptr<void>()>& make) override {
    return states_.begin(name, types, make);
  }
  void end_opening(const std::string& name, bool agreed) override { states_.end(name, agreed); }

  std::unique_ptr<handle::waiter> make_waiter() override {
    if (closed_) throw error{errc::closed};
    return std::make_unique<pump>(*cluster_);
  }
  node::key_sight look_at_key(const node::key_place& of) const override {
    if (closed_) return {};
    return node::look_at_key(*host_->lanes()[node::lane_of(of.partition)], now(), of);
  }
  node::owned_share owned_of(cache_id cache) const override {
    node::owned_share all;
    if (closed_) return all;
    for (const auto& each : host_->lanes()) node::add_share(all, *each, cache);
    return all;
  }
  std::shared_ptr<const kith::cluster::view> view() const override {
    return closed_ ? nullptr : host_->control().membership().current();
  }
  bool post_turns(std::function<bool()> turn) override {
    if (closed_) return false;
    take_turns(*cluster_, std::move(turn));
    return true;
  }
  void report(const log_record&) override {}
  boost::asio::any_io_executor executor() override { return cluster_->handlers_.get_executor(); }
  time_point now() const override { return host_->now(); }
  near::gates& gates() override { return host_->gates(); }
  duration lease() const override { return host_->options().lane.replica.lease; }
  duration heartbeat() const override { return host_->options().membership.timers.heartbeat; }
  bool needs_majority() const override {
    return host_->options().membership.quorum == kith::cluster::quorum_mode::majority;
  }
  std::uint64_t cluster_hash() const override { return cluster_->options_.name_hash; }
  bool closed() const override { return closed_; }

 private:
  static void take_turns(cluster& in, std::function<bool()> turn) {
    in.time().after(duration{}, [&in, turn = std::move(turn)] {
      if (turn()) take_turns(in, turn);
    });
  }

  /// Lets events happen until it is signalled. Every call ends by its own deadline: one that does
  /// not is lost, and ends the run here, for it would not end otherwise.
  class pump final : public handle::waiter {
   public:
    explicit pump(cluster& in) : cluster_{in} {}
    void wait() override {
      const time_point lost = cluster_.time().now() + lost_after;
      while (!signalled_ && cluster_.step()) KITH_ASSERT(cluster_.time().now() < lost);
      KITH_ASSERT(signalled_);
    }
    void signal() noexcept override { signalled_ = true; }

   private:
    /// Longer than any call of a simulation and any standstill of its member.
    static constexpr std::chrono::hours lost_after{1};

    cluster& cluster_;
    bool signalled_ = false;
  };

  static void refuse(node::call&& what) {
    node::outcome result;
    result.error = errc::closed;
    if (what.done != nullptr) what.done->complete(std::move(result));
  }

  cluster* cluster_;
  sim::host* host_;
  bool closed_ = false;
  handle::state_table states_;
};

inline std::shared_ptr<handle::port> cluster::port_of(std::size_t index) { return ports_[index]; }

inline void cluster::start(std::size_t index) {
  ++changes_;
  member_id id;
  id.high = ids_.next();
  id.low = ids_.next() | 1;
  id.incarnation = 1;
  const std::uint64_t seed = ids_.next();
  network_.reboot(static_cast<host_index>(index));
  ports_[index] = std::make_shared<member_port>(*this, *hosts_[index]);
  hosts_[index]->start(id, seed);
}

inline void cluster::crash(std::size_t index) {
  if (end_of_life_) end_of_life_(*hosts_[index]);
  ports_[index]->close();
  hosts_[index]->crash(false);
  ++changes_;
}

inline void cluster::crash_silently(std::size_t index) {
  if (end_of_life_) end_of_life_(*hosts_[index]);
  ports_[index]->close();
  hosts_[index]->crash(true);
  ++changes_;
}

}  // namespace kith::sim
