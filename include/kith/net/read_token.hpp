// Who reads a connection: the holder of the token, whichever thread it is. The I/O thread may leave
// word that it wants the token; the holder then wakes it on release.
#pragma once

#include <atomic>
#include <cstdint>

namespace kith::net {

class read_token {
 public:
  /// True: the caller reads now, and sees all that earlier holders did.
  [[nodiscard]] bool take() {
    state seen = state::free;
    return state_.compare_exchange_strong(seen, state::held, std::memory_order_acquire,
                                          std::memory_order_relaxed);
  }

  /// The same, but where another thread reads, its release() returns true.
  [[nodiscard]] bool take_or_ask() {
    state seen = state::free;
    while (!state_.compare_exchange_weak(seen, seen == state::free ? state::held : state::wanted,
                                         std::memory_order_acquire, std::memory_order_relaxed)) {
    }
    return seen == state::free;
  }

  /// True: somebody asked meanwhile.
  [[nodiscard]] bool release() {
    return state_.exchange(state::free, std::memory_order_acq_rel) == state::wanted;
  }

 private:
  enum class state : std::uint8_t { free, held, wanted };

  std::atomic<state> state_{state::free};
};

}  // namespace kith::net
