// Typed caches over a runtime whose every option the tests choose, which the façade does not allow.
#pragma once

#include <kith/cache.hpp>
#include <kith/codec_boost.hpp>
#include <kith/member_port.hpp>
#include <kith/net/runtime.hpp>

#include <memory>
#include <string>
#include <utility>

namespace net_test {

/// One member in this process.
class real_member {
 public:
  explicit real_member(kith::net::runtime_options options)
      : runtime_{kith::net::runtime::make(std::move(options))},
        port_{std::make_shared<kith::member_port>(runtime_)} {
    runtime_->start();
  }
  ~real_member() { stop(); }
  real_member(const real_member&) = delete;
  real_member& operator=(const real_member&) = delete;

  void stop() {
    runtime_->stop();
    port_->forget_states();
  }

  template <class Key, class Value>
  [[nodiscard]] kith::cache<Key, Value> cache(const std::string& name,
                                              kith::cache_options<Key, Value> options = {}) {
    return kith::cache<Key, Value>::open(port_, name, std::move(options), 1);
  }
  [[nodiscard]] kith::net::runtime& runtime() { return *runtime_; }

 private:
  std::shared_ptr<kith::net::runtime> runtime_;
  std::shared_ptr<kith::member_port> port_;
};

/// Whether its view has that many members.
[[nodiscard]] inline bool sees(real_member& one, std::size_t members) {
  const auto view = one.runtime().view();
  return view && view->size() == members;
}

}  // namespace net_test
