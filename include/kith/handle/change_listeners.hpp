// The listeners of one cache in one member, below its types: who they are, and how a change of the
// owner's reaches their queues.
#pragma once

#include <kith/core/listener_queue.hpp>
#include <kith/core/mutex.hpp>
#include <kith/handle/port.hpp>
#include <kith/replica/change_notice.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>
#include <vector>

namespace kith::handle {

/// Thread safety: any thread.
class change_listeners {
 public:
  using queue = listener_queue<replica::change_notice>;

  /// `level` tells the owner's machines what is wanted.
  explicit change_listeners(std::shared_ptr<replica::watch_level> level)
      : level_{std::move(level)} {}

  void add(std::shared_ptr<queue> listener, replica::watching wants) KITH_EXCLUDES(mutex_) {
    const mutex_lock lock{mutex_};
    all_.push_back({std::move(listener), wants});
    set_level();
  }
  /// When this returns, the listener does not run, unless it is the caller.
  void remove(const std::shared_ptr<queue>& listener) KITH_EXCLUDES(mutex_) {
    {
      const mutex_lock lock{mutex_};
      std::erase_if(all_, [&](const one& each) { return each.listener == listener; });
      set_level();
    }
    listener->close();
  }

  /// May hold a lane's lock: calls nobody.
  void note(const replica::change_notice& what) {
    const std::size_t size = what.key.size() + (what.value ? what.value->size() : 0);
    for (const one& each : listeners()) each.listener->push(what, size);
  }
  void tell(port& by) {
    for (const one& each : listeners()) {
      if (!each.listener->begin()) continue;
      if (!by.post_turns([told = each.listener] { return told->run(); })) each.listener->abandon();
    }
  }

 private:
  struct one {
    std::shared_ptr<queue> listener;
    replica::watching wants;
  };

  /// A copy: a queue's mutex is not taken under this one.
  [[nodiscard]] std::vector<one> listeners() KITH_EXCLUDES(mutex_) {
    const mutex_lock lock{mutex_};
    return all_;
  }
  void set_level() KITH_REQUIRES(mutex_) {
    auto most = replica::watching::nothing;
    for (const one& each : all_) most = std::max(most, each.wants);
    level_->store(most, std::memory_order_relaxed);
  }

  const std::shared_ptr<replica::watch_level> level_;
  mutex mutex_;
  std::vector<one> all_ KITH_GUARDED_BY(mutex_);
};

}  // namespace kith::handle
