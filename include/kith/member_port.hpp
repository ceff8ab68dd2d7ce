// How the handles of a program reach its member: blocking calls wait on the calling thread, and the
// first handle of a cache makes what all of them share.
#pragma once

#include <kith/core/mutex.hpp>
#include <kith/error.hpp>
#include <kith/handle/port.hpp>
#include <kith/handle/state_table.hpp>
#include <kith/net/clock.hpp>
#include <kith/net/runtime.hpp>
#include <kith/net/worker_pool.hpp>
#include <kith/node/lane_index.hpp>
#include <kith/node/lane_sights.hpp>
#include <kith/node/sights.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

namespace kith {

/// Blocks a thread until it is signalled.
class thread_waiter final : public handle::waiter {
 public:
  void wait() override {
    const mutex_lock lock{mutex_};
    while (!signalled_) changed_.wait(mutex_);
  }
  /// Signalled under the lock: the waiting thread may destroy this as soon as it has the lock.
  void signal() noexcept override {
    const mutex_lock lock{mutex_};
    signalled_ = true;
    changed_.notify_one();
  }
  [[nodiscard]] bool signalled() {
    const mutex_lock lock{mutex_};
    return signalled_;
  }

 private:
  mutex mutex_;
  condition_variable changed_;
  bool signalled_ KITH_GUARDED_BY(mutex_) = false;
};

/// The same for a loader, which may wait for another one: while it does, another thread may run it.
class loader_waiter final : public handle::waiter {
 public:
  explicit loader_waiter(std::unique_ptr<net::worker_pool::waiting_job> job)
      : job_{std::move(job)} {}

  void wait() override {
    if (!thread_.signalled()) job_->begin();
    thread_.wait();
  }
  void signal() noexcept override { thread_.signal(); }

 private:
  std::unique_ptr<net::worker_pool::waiting_job> job_;
  thread_waiter thread_;
};

class member_port final : public handle::port {
 public:
  explicit member_port(std::shared_ptr<net::runtime> of) : runtime_{std::move(of)} {}

  [[nodiscard]] net::runtime& runtime() const { return *runtime_; }

  void open(const node::open_request& request) override {
    runtime_->open(request);
  }
  void set_cache_bytes(const std::string& name, std::uint64_t max_bytes) override {
    runtime_->set_cache_bytes(name, max_bytes);
  }
  void submit(node::call&& what) override { runtime_->submit(std::move(what)); }
  void submit_many(std::vector<node::call>&& calls) override {
    runtime_->submit_many(std::move(calls));
  }
  void cancel(partition_id p, std::uint64_t cancel_id, node::cancelling how) override {
    runtime_->cancel(p, cancel_id, how);
  }
  void settle(partition_id p, std::uint64_t rid, near::counted_cell draft) override {
    runtime_->settle(p, rid, draft);
  }

  std::shared_ptr<void> begin_opening(const std::string& name, std::type_index types,
                                      const std::function<std::shared_ptr<void>()>& make) override
      KITH_EXCLUDES(mutex_) {
    require_alive();
    const mutex_lock lock{mutex_};
    return states_.begin(name, types, make);
  }
  void end_opening(const std::string& name, bool agreed) override KITH_EXCLUDES(mutex_) {
    const mutex_lock lock{mutex_};
    states_.end(name, agreed);
  }

  std::unique_ptr<handle::waiter> make_waiter() override {
    require_alive();
    if (runtime_->on_serving_thread()) {
      throw error{errc::would_deadlock, "a blocking call on a thread that serves the network"};
    }
    if (!runtime_->workers().on_one_of_them()) return std::make_unique<thread_waiter>();
    auto job = runtime_->workers().try_wait();
    if (job == nullptr) {
      throw error{errc::would_deadlock, "as many loaders as may wait for each other already"};
    }
    return std::make_unique<loader_waiter>(std::move(job));
  }

  node::key_sight look_at_key(const node::key_place& of) const override {
    node::key_sight seen;
    runtime_->read_lane(node::lane_of(of.partition), [&](const node::lane& in) {
      seen = node::look_at_key(in, net::now(), of);
    });
    return seen;
  }
  node::owned_share owned_of(cache_id cache) const override {
    node::owned_share all;
    runtime_->for_each_lane([&](const node::lane& each) { node::add_share(all, each, cache); });
    return all;
  }
  std::shared_ptr<const cluster::view> view() const override {
    return runtime_->in_child() ? nullptr : runtime_->view();
  }
  bool post_turns(std::function<bool()> turn) override {
    return !runtime_->closed() && runtime_->workers().post_turns(std::move(turn));
  }
  void report(const log_record& record) override { runtime_->write_log(record); }
  boost::asio::any_io_executor executor() override {
    return runtime_->handler_executor();
  }
  time_point now() const override { return net::now(); }
  near::gates& gates() override { return runtime_->gates(); }
  duration lease() const override { return runtime_->lease(); }
  duration heartbeat() const override { return runtime_->heartbeat(); }
  bool needs_majority() const override { return runtime_->needs_majority(); }
  std::uint64_t cluster_hash() const override { return runtime_->cluster_hash(); }
  bool closed() const override { return runtime_->closed(); }

  /// The states hold the port, and the port the states: the member breaks the ring at its end.
  void forget_states() KITH_EXCLUDES(mutex_) {
    if (runtime_->in_child()) return;
    std::map<std::string, std::shared_ptr<void>> over;
    const mutex_lock lock{mutex_};
    over = states_.take();
  }

 private:
  /// Before any lock: in a forked child somebody may hold it who is not there.
  void require_alive() const {
    if (runtime_->closed()) throw error{errc::closed};
  }

  std::shared_ptr<net::runtime> runtime_;
  mutex mutex_;
  handle::state_table states_ KITH_GUARDED_BY(mutex_);
};

}  // namespace kith
