// Loads of a cache whose loader takes many keys, gathered on one thread while it carries out what
// belongs together: the frames of one receive, or the calls of one get_many. At the end each
// cache's go to its loader, as many keys a call as it takes.
//
// Not for several threads: each has its own.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/node/hooks.hpp>
#include <kith/replica/effect.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace kith::net {

/// Keys that one call of a loader is to load. Copies are cheap.
struct load_batch {
  using told = std::function<void(replica::load_result&&)>;

  std::shared_ptr<node::cache_hooks> hooks;
  std::vector<bytes> keys;
  /// For each key where its result goes.
  std::vector<told> done;
  /// The highest of the loads'.
  std::uint32_t depth = 0;

  /// Runs the loader. Whatever it does, every key gets one result.
  void run() {
    if (keys.size() == 1) return done.front()(hooks->load(keys.front()));
    std::vector<replica::load_result> results = hooks->load_many(keys);
    for (std::size_t i = 0; i < done.size(); ++i) {
      done[i](i < results.size() ? std::move(results[i])
                                 : replica::load_result{replica::not_found{}});
    }
  }
  void fail(const char* why) {
    for (const told& each : done) each(replica::load_failure{why});
  }
};

class load_gathering {
 public:
  /// While one lives, loads are kept for take().
  class scope {
   public:
    explicit scope(load_gathering& of) : of_{of} { ++of_.open_; }
    ~scope() { --of_.open_; }
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;

   private:
    load_gathering& of_;
  };
  [[nodiscard]] bool open() const { return open_ > 0; }

  void add(cache_id cache, const std::shared_ptr<node::cache_hooks>& hooks, bytes&& key,
           std::uint32_t depth, load_batch::told done) {
    std::vector<load_batch>& batches = waiting_[cache];
    if (batches.empty() || batches.back().keys.size() >= hooks->load_many_max()) {
      batches.push_back({hooks, {}, {}, 0});
    }
    load_batch& last = batches.back();
    last.keys.push_back(std::move(key));
    last.done.push_back(std::move(done));
    last.depth = std::max(last.depth, depth);
  }

  [[nodiscard]] bool empty() const { return waiting_.empty(); }
  [[nodiscard]] std::vector<load_batch> take() {
    std::vector<load_batch> all;
    for (auto& [cache, batches] : std::exchange(waiting_, {})) {
      for (load_batch& each : batches) all.push_back(std::move(each));
    }
    return all;
  }

 private:
  int open_ = 0;
  std::map<cache_id, std::vector<load_batch>> waiting_;
};

}  // namespace kith::net
