// Snapshots of near caches in a simulated run (workload.hpp): what a member had near is validated
// later, by it or another one, and then read by clients as anything else, so that every rule about
// what is read judges what owners called "not modified".
#pragma once

#include <kith/error.hpp>
#include <kith/options.hpp>
#include <kith/sim/workload.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace kith::sim {

inline void workload::save_or_warm() {
  if (options_.warm_every == 0 || warming_.below(options_.warm_every) != 0 || open_.empty()) return;
  // Registers are written several times a second, the others are still true more often.
  constexpr std::array caches{&handles::registers, &handles::rows, &handles::rows,
                              &handles::tokens, &handles::tokens};
  const std::size_t which = warming_.below(caches.size());
  const auto drawn = [&] {
    return std::next(open_.begin(), static_cast<std::ptrdiff_t>(warming_.below(open_.size())));
  };
  std::vector<std::string>& saved = snapshots_[which];
  const auto from = drawn();
  const auto to = drawn();
  if (saved.empty() || warming_.below(2) == 0) {
    std::ostringstream out;
    if (((*from->second).*caches[which]).save_near(out) == 0) return;
    // Young ones are still true, old ones are not.
    constexpr std::size_t most = 4;
    if (saved.size() < most) saved.emplace_back();
    saved[warming_.below(saved.size())] = std::move(out).str();
  }
  host& at = cluster_.host(to->first);
  if (!at.running() || at.paused() || cluster_.port_of(to->first)->closed()) return;
  const std::shared_ptr<handles> with = to->second;
  warm((*with).*caches[which], saved[warming_.below(saved.size())]);
}

inline void workload::warm(const register_cache& cache, const std::string& snapshot) {
  std::istringstream in{snapshot};
  try {
    // As behind a restart, when nothing is near.
    if (warming_.below(2) == 0) {
      cache.set_near_max_bytes(1);
      cache.set_near_max_bytes(near_options{}.max_bytes);
    }
    cache.warm_near(in, {.timeout = std::chrono::seconds{1}});
  } catch (const error&) {
    // It crashed meanwhile.
  }
}

}  // namespace kith::sim
