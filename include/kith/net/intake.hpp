// The requests of one peer that this member took on and has not answered: how many there may be,
// and those that are put aside while the peer does not read what it was answered.
//
// Any thread. Invariant: at most intake_limits::requests requests of about intake_limits::bytes.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/mutex.hpp>
#include <kith/net/fifo.hpp>
#include <kith/wire/limits.hpp>
#include <kith/wire/splitter.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace kith::net {

struct intake_limits {
  /// Requests of one connection that wait for their answer; one more is told to come again.
  std::size_t requests = wire::limits::in_flight_requests;
  /// Their bytes; the last one may pass it.
  std::size_t bytes = wire::limits::in_flight_bytes;
};

class intake {
 public:
  /// A request with bytes of its own.
  struct parked {
    std::uint8_t code = 0;
    std::uint64_t rid = 0;
    partition_id partition{};
    bytes payload;

    [[nodiscard]] wire::message_frame frame() const {
      return {code, 0, rid, partition, 0, payload};
    }
  };

  explicit intake(const intake_limits& limits) : limits_{limits} {}

  [[nodiscard]] bool full() const {
    return requests_.load(std::memory_order_relaxed) >= limits_.requests ||
           bytes_.load(std::memory_order_relaxed) >= limits_.bytes;
  }
  /// A request of `size` bytes waits, and waits no more.
  void begin(std::size_t size) {
    requests_.fetch_add(1, std::memory_order_relaxed);
    bytes_.fetch_add(size, std::memory_order_relaxed);
  }
  void end(std::size_t size) {
    requests_.fetch_sub(1, std::memory_order_relaxed);
    bytes_.fetch_sub(size, std::memory_order_relaxed);
  }
  [[nodiscard]] std::size_t requests() const { return requests_.load(std::memory_order_relaxed); }

  /// Puts the request aside; it counts as waiting until it is taken out.
  void park(const wire::message_frame& request) KITH_EXCLUDES(mutex_) {
    begin(request.payload.size());
    const mutex_lock lock{mutex_};
    parked_.push({request.code, request.rid, request.partition, to_bytes(request.payload)});
    any_parked_.store(true, std::memory_order_relaxed);
  }
  /// What was put aside first.
  [[nodiscard]] std::optional<parked> take_parked() KITH_EXCLUDES(mutex_) {
    const mutex_lock lock{mutex_};
    if (parked_.empty()) return std::nullopt;
    parked first = parked_.pop();
    any_parked_.store(!parked_.empty(), std::memory_order_relaxed);
    end(first.payload.size());
    return first;
  }
  /// True the first time: a peer is complained of once.
  [[nodiscard]] bool first_refusal() { return !refused_.exchange(true, std::memory_order_relaxed); }
  [[nodiscard]] bool has_parked() const { return any_parked_.load(std::memory_order_relaxed); }

 private:
  const intake_limits limits_;
  std::atomic<std::size_t> requests_{0};
  std::atomic<std::size_t> bytes_{0};
  std::atomic<bool> any_parked_{false};
  std::atomic<bool> refused_{false};
  mutex mutex_;
  fifo<parked> parked_ KITH_GUARDED_BY(mutex_);
};

}  // namespace kith::net
