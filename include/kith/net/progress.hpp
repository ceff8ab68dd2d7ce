// Whether a peer that is connected also gets anywhere: the deadlines against those who hold a
// connection open and say nothing, or a byte a second.
//
// The reader notes what arrived, the I/O thread's timer asks. They may be two threads: the fields
// are single atomics, and a verdict from a mixture of old and new ones is at worst one check late.
#pragma once

#include <kith/core/time.hpp>
#include <kith/net/connection_options.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace kith::net {

class progress {
 public:
  /// The connection opened.
  void begin(time_point now) { last_frame_.store(count(now), std::memory_order_relaxed); }

  /// `received` bytes arrived; the session has taken `frames` in all and holds `partial` bytes of
  /// the next one. `unfinished`: when the oldest message began of which some frames are not there.
  void note(time_point now, std::size_t received, std::uint64_t frames, std::size_t partial,
            std::optional<time_point> unfinished = std::nullopt) {
    unfinished_since_.store(unfinished ? count(*unfinished) : 0, std::memory_order_relaxed);
    const bool whole = frames != frames_;
    frames_ = frames;
    if (whole) last_frame_.store(count(now), std::memory_order_relaxed);
    if (partial == 0) {
      partial_since_.store(0, std::memory_order_relaxed);
    } else if (whole || partial_since_.load(std::memory_order_relaxed) == 0) {
      partial_bytes_.store(partial, std::memory_order_relaxed);
      partial_since_.store(count(now), std::memory_order_relaxed);
    } else {
      partial_bytes_.fetch_add(received, std::memory_order_relaxed);
    }
  }

  /// When the last whole frame arrived.
  [[nodiscard]] time_point last_frame() const {
    return time_point{duration{last_frame_.load(std::memory_order_relaxed)}};
  }

  /// Why the connection is to be closed, if it is.
  [[nodiscard]] std::optional<close_reason> overdue(time_point now,
                                                    const connection_options& options) const {
    if (now - last_frame() > options.idle) return close_reason::idle;
    const duration::rep oldest = unfinished_since_.load(std::memory_order_relaxed);
    if (oldest != 0 && now - time_point{duration{oldest}} > options.message_time) {
      return close_reason::stalled;
    }
    const duration::rep since = partial_since_.load(std::memory_order_relaxed);
    if (since == 0) return std::nullopt;
    const duration age = now - time_point{duration{since}};
    if (age > options.frame_time) return close_reason::stalled;
    if (age <= options.progress_grace) return std::nullopt;
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(age).count();
    const std::size_t wanted =
        options.progress_bytes * static_cast<std::size_t>(milliseconds) / 1000;
    if (partial_bytes_.load(std::memory_order_relaxed) >= wanted) return std::nullopt;
    return close_reason::stalled;
  }

 private:
  static duration::rep count(time_point t) { return t.time_since_epoch().count(); }

  std::uint64_t frames_ = 0;  // of the reader alone
  std::atomic<duration::rep> last_frame_{0};
  /// 0: no frame has begun.
  std::atomic<duration::rep> partial_since_{0};
  std::atomic<std::size_t> partial_bytes_{0};
  /// 0: no message has begun.
  std::atomic<duration::rep> unfinished_since_{0};
};

}  // namespace kith::net
