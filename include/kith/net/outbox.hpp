// What waits to be written to one peer, and the order in which it leaves.
//
// Three classes: control messages first; then the small messages of the lanes, in the order in
// which they were pushed (an invalidation must never fall behind the reply that relies on it); then
// long messages, cut into fragments only when they are about to be written, one fragment a batch
// while anything small waits. So a large value delays a heartbeat by one batch at most, and a
// stream of small messages never starves a large one.
//
// No I/O and no lock of its own: the connection guards it.
//
// Invariant: at most outbox_limits::interleaved long messages are begun at a time, which keeps
// their bytes at the receiver within wire::limits::fragment_bytes.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/net/fifo.hpp>
#include <kith/node/lane_index.hpp>
#include <kith/wire/data_messages.hpp>
#include <kith/wire/frame.hpp>
#include <kith/wire/limits.hpp>
#include <kith/wire/opcode.hpp>
#include <kith/wire/packet.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace kith::net {

struct outbox_limits {
  /// Above this the peer is congested: no request of it is taken on. Counts what this member
  /// answers and tells, not what it asks.
  std::size_t soft_bytes = std::size_t{8} << 20;
  /// This member's own requests: from here on they are held back, and nobody's fault.
  std::size_t request_bytes = std::size_t{8} << 20;
  /// Above this the connection is closed. Counts what the peer did not ask for and is not held
  /// back: invalidations, control messages.
  std::size_t hard_bytes = std::size_t{32} << 20;
  /// The same for everything, replies and requests included.
  std::size_t total_bytes = std::size_t{96} << 20;
  /// Bytes that one write gathers, about; two long fragments.
  std::size_t batch_bytes = std::size_t{128} << 10;
  /// Long messages whose fragments may alternate.
  static constexpr std::size_t interleaved =
      wire::limits::fragment_bytes / wire::limits::message_bytes;
};

class outbox {
 public:
  explicit outbox(const outbox_limits& limits) : limits_{limits} {}

  /// Bytes of the handshake: they leave before any packet.
  void push_raw(byte_view raw) { raw_.insert(raw_.end(), raw.begin(), raw.end()); }

  void push(wire::packet&& packet);

  /// Appends the next batch of frames to `target`; false when nothing waits. `cutter` is empty
  /// before the session is open: then only the handshake's bytes leave.
  bool gather(wire::frame_cutter* cutter, bytes& target);

  [[nodiscard]] bool empty() const { return raw_.empty() && bytes_ == 0; }
  [[nodiscard]] std::size_t waiting_bytes() const { return bytes_; }
  /// Those of which a part has left included.
  [[nodiscard]] std::size_t waiting_messages() const {
    return control_.size() + small_.size() + long_.size() + begun_.size();
  }
  [[nodiscard]] bool congested() const { return answer_bytes() > limits_.soft_bytes; }
  /// False: the request is to wait until has_request_slack().
  [[nodiscard]] bool takes_request() const { return request_bytes_ < limits_.request_bytes; }
  /// Well below the bound: who waited is told so once for many packets.
  [[nodiscard]] bool has_request_slack() const {
    return request_bytes_ <= limits_.request_bytes / 2;
  }
  [[nodiscard]] bool has_answer_slack() const { return answer_bytes() <= limits_.soft_bytes / 2; }
  [[nodiscard]] bool overflowing() const {
    return unsolicited_bytes_ > limits_.hard_bytes || bytes_ > limits_.total_bytes;
  }
  void clear();

 private:
  enum class counted : std::uint8_t { in, out };
  /// A long message of which a part may be written.
  struct begun {
    wire::packet packet;
    std::size_t offset = 0;
    std::uint32_t number = 0;
  };

  static std::size_t charge(const wire::packet& packet) {
    return packet.payload.size() + wire::header_bytes + sizeof(wire::packet);
  }
  [[nodiscard]] std::size_t answer_bytes() const { return bytes_ - request_bytes_; }
  /// Counts `packet` in, or out again.
  void account(const wire::packet& packet, counted where);
  void gather_small(fifo<wire::packet>& queue, const wire::frame_cutter& cutter, bytes& target);
  bool gather_fragment(wire::frame_cutter& cutter, bytes& target);

  outbox_limits limits_;
  bytes raw_;
  fifo<wire::packet> control_;
  fifo<wire::packet> small_;
  fifo<wire::packet> long_;
  std::vector<begun> begun_;
  std::size_t turn_ = 0;
  std::size_t bytes_ = 0;
  std::size_t request_bytes_ = 0;
  std::size_t unsolicited_bytes_ = 0;
};

// --- implementation ---

inline void outbox::push(wire::packet&& packet) {
  account(packet, counted::in);
  if (wire::frame_cutter::needs_fragments(packet)) return long_.push(std::move(packet));
  const auto plane = wire::plane_of(static_cast<std::uint8_t>(packet.code));
  (plane == wire::plane::control ? control_ : small_).push(std::move(packet));
}

inline void outbox::account(const wire::packet& packet, counted where) {
  const auto count = [&](std::size_t& sum) {
    where == counted::in ? sum += charge(packet) : sum -= charge(packet);
  };
  const wire::opcode kind = wire::kind_of(packet.code, packet.payload);
  count(bytes_);
  if (wire::is_request(kind)) {
    count(request_bytes_);
  } else if (!wire::is_reply(kind)) {
    count(unsolicited_bytes_);
  }
}

inline bool outbox::gather(wire::frame_cutter* cutter, bytes& target) {
  const std::size_t before = target.size();
  target.insert(target.end(), raw_.begin(), raw_.end());
  raw_.clear();
  if (cutter != nullptr) {
    gather_small(control_, *cutter, target);
    gather_small(small_, *cutter, target);
    // At least one fragment a batch, however much is small; more while there is room.
    while (gather_fragment(*cutter, target) && target.size() < limits_.batch_bytes) {
    }
  }
  return target.size() > before;
}

inline void outbox::gather_small(fifo<wire::packet>& queue, const wire::frame_cutter& cutter,
                                 bytes& target) {
  while (!queue.empty() && target.size() < limits_.batch_bytes) {
    const wire::packet packet = queue.pop();
    cutter.cut(packet, 0, 0, target);
    account(packet, counted::out);
  }
}

inline bool outbox::gather_fragment(wire::frame_cutter& cutter, bytes& target) {
  while (!long_.empty() && begun_.size() < outbox_limits::interleaved) {
    begun_.push_back({long_.pop(), 0, cutter.next_fragment()});
  }
  if (begun_.empty()) return false;
  turn_ = (turn_ + 1) % begun_.size();
  begun& next = begun_[turn_];
  next.offset = cutter.cut(next.packet, next.offset, next.number, target);
  if (next.offset == next.packet.payload.size()) {
    account(next.packet, counted::out);
    begun_.erase(begun_.begin() + static_cast<std::ptrdiff_t>(turn_));
  }
  return true;
}

inline void outbox::clear() {
  raw_ = {};
  control_.clear();
  small_.clear();
  long_.clear();
  begun_.clear();
  bytes_ = request_bytes_ = unsolicited_bytes_ = 0;
}

}  // namespace kith::net
