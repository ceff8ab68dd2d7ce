// Typed caches over a runtime, for its tests: as the façade does it, without its options.
#pragma once

#include <kith/cache.hpp>
#include <kith/codec_boost.hpp>
#include <kith/core/mutex.hpp>
#include <kith/handle/port.hpp>
#include <kith/net/runtime.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

namespace net_test {

class blocked_thread final : public kith::handle::waiter {
 public:
  void wait() override {
    const kith::mutex_lock lock{mutex_};
    while (!signalled_) changed_.wait(mutex_);
  }
  // Under the lock to the end: the waiting thread destroys this as soon as it has the lock.
  void signal() noexcept override {
    const kith::mutex_lock lock{mutex_};
    signalled_ = true;
    changed_.notify_one();
  }

 private:
  kith::mutex mutex_;
  kith::condition_variable changed_;
  bool signalled_ KITH_GUARDED_BY(mutex_) = false;
};

class runtime_port final : public kith::handle::port {
 public:
  explicit runtime_port(std::shared_ptr<kith::net::runtime> of) : runtime_{std::move(of)} {}

  void open(const kith::node::open_request& request) override { runtime_->open(request); }
  void submit(kith::node::call&& what) override { runtime_->submit(std::move(what)); }
  void submit_many(std::vector<kith::node::call>&& calls) override {
    runtime_->submit_many(std::move(calls));
  }
  void settle(kith::partition_id p, std::uint64_t rid, kith::near::counted_cell draft) override {
    runtime_->settle(p, rid, draft);
  }
  std::shared_ptr<void> shared_state(const std::string& name, std::type_index types,
                                     const std::function<std::shared_ptr<void>()>& make) override {
    const auto known = states_.find(name);
    if (known != states_.end()) return known->second.second;
    return states_.emplace(name, std::pair{types, make()}).first->second.second;
  }
  std::unique_ptr<kith::handle::waiter> make_waiter() override {
    if (runtime_->on_serving_thread()) throw kith::error{kith::errc::would_deadlock};
    return std::make_unique<blocked_thread>();
  }
  boost::asio::any_io_executor executor() override {
    return runtime_->handler_context().get_executor();
  }
  kith::time_point now() const override { return kith::net::now(); }
  kith::near::gates& gates() override { return runtime_->gates(); }
  bool closed() const override { return runtime_->closed(); }

  void forget() { states_.clear(); }

 private:
  std::shared_ptr<kith::net::runtime> runtime_;
  std::map<std::string, std::pair<std::type_index, std::shared_ptr<void>>> states_;
};

/// One member in this process.
class real_member {
 public:
  explicit real_member(kith::net::runtime_options options)
      : runtime_{kith::net::runtime::make(std::move(options))},
        port_{std::make_shared<runtime_port>(runtime_)} {
    runtime_->start();
  }
  ~real_member() { stop(); }
  real_member(const real_member&) = delete;
  real_member& operator=(const real_member&) = delete;

  void stop() {
    runtime_->stop();
    port_->forget();
  }

  template <class Key, class Value>
  [[nodiscard]] kith::cache<Key, Value> cache(const std::string& name,
                                              kith::cache_options<Key, Value> options = {}) {
    return kith::cache<Key, Value>::open(port_, name, std::move(options), 1);
  }
  [[nodiscard]] kith::net::runtime& runtime() { return *runtime_; }

 private:
  std::shared_ptr<kith::net::runtime> runtime_;
  std::shared_ptr<runtime_port> port_;
};

}  // namespace net_test
