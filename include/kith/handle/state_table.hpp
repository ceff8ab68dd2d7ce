// What all handles of one cache of one member share, by the cache's name. A state stays once an
// opening of it has succeeded; when all that were under way have failed, the next one begins anew
// with its own options.
#pragma once

#include <kith/error.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <typeindex>
#include <utility>

namespace kith::handle {

/// Not synchronised.
class state_table {
 public:
  /// The state of the cache `name`, made by `make` for the first; ended() has to follow. Throws
  /// kith::error(config_mismatch) when it was opened with other types.
  std::shared_ptr<void> begin(const std::string& name, std::type_index types,
                              const std::function<std::shared_ptr<void>()>& make) {
    const auto known = states_.find(name);
    if (known == states_.end()) {
      return states_.emplace(name, shared{types, make(), 1}).first->second.state;
    }
    if (known->second.types != types) {
      throw error{errc::config_mismatch, "key or value: others than when " + name + " was opened"};
    }
    ++known->second.opening;
    return known->second.state;
  }

  /// The opening that began has ended: the members agreed on the cache, or not.
  void end(const std::string& name, bool agreed) {
    const auto known = states_.find(name);
    if (known == states_.end()) return;  // forgotten meanwhile
    shared& of = known->second;
    --of.opening;
    of.agreed = of.agreed || agreed;
    if (!of.agreed && of.opening == 0) states_.erase(known);
  }

  /// All states; the table is empty then.
  [[nodiscard]] std::map<std::string, std::shared_ptr<void>> take() {
    std::map<std::string, std::shared_ptr<void>> all;
    for (auto& [name, of] : states_) all.emplace(name, std::move(of.state));
    states_.clear();
    return all;
  }

 private:
  struct shared {
    std::type_index types;
    std::shared_ptr<void> state;
    std::size_t opening = 0;
    bool agreed = false;
  };

  std::map<std::string, shared> states_;
};

}  // namespace kith::handle
