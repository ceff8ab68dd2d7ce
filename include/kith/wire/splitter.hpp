// Bytes of a connection, however they were cut, to whole messages. Refuses what is not one, before
// it allocates anything for it: a body's buffer grows with the bytes that arrive.
//
// Invariant: unfinished messages are at most limits::fragmented_messages, each within the cap of
// its kind, and hold at most limits::fragment_bytes in all. They, and the one that was handed out
// last, are paid for out of the member's decode_budget.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/time.hpp>
#include <kith/wire/decode_budget.hpp>
#include <kith/wire/frame.hpp>
#include <kith/wire/limits.hpp>
#include <kith/wire/opcode.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

namespace kith::wire {

/// One received message. `payload` points into the splitter and is valid until the next call.
struct message_frame {
  std::uint8_t code = 0;
  std::uint16_t flags = 0;
  std::uint64_t rid = 0;
  partition_id partition{};
  /// 0 where the sender bound the message to no session.
  std::uint32_t sid = 0;
  byte_view payload;
};

class splitter {
 public:
  /// `said` is the checksum that frames' checksums begin with: that of the handshake.
  explicit splitter(std::uint8_t version, std::shared_ptr<decode_budget> memory = nullptr,
                    std::uint32_t said = 0)
      : version_{version}, said_{said}, memory_{std::move(memory)} {}

  /// Takes bytes of the connection, in order. Throws nothing, as next(): what there is no memory
  /// for ends the connection.
  void feed(byte_view received, time_point now = {}) noexcept;

  /// True when `frame` is the next whole message; false when more bytes are needed or the
  /// connection is to be closed (see error()). Earlier frames' payloads become invalid.
  [[nodiscard]] bool next(message_frame& frame) noexcept;

  [[nodiscard]] frame_error error() const { return error_; }

  /// Bytes that wait for the rest of a frame or of a message.
  [[nodiscard]] std::size_t waiting_bytes() const {
    return partial_bytes() + fragment_bytes_;
  }

  /// Bytes of the frame that is arriving, and the number of frames that arrived whole: by these a
  /// driver sees whether a slow peer makes progress.
  [[nodiscard]] std::size_t partial_bytes() const { return buffer_.size() - consumed_; }
  [[nodiscard]] std::uint64_t frames() const { return frames_; }
  /// When the first frame arrived of the message that has been unfinished for longest.
  [[nodiscard]] std::optional<time_point> oldest_unfinished() const {
    return unfinished_.empty() ? std::nullopt : std::optional{unfinished_.front().began};
  }

 private:
  struct unfinished {
    std::uint32_t number = 0;
    frame_header first;
    std::uint32_t sid = 0;
    time_point began;
    bytes payload;
  };

  enum class step { message, again, wait };

  step take_frame(message_frame& frame);
  step take_fragment(const frame_header& header, std::uint32_t number, message_frame& frame);
  step refuse(frame_error why) {
    error_ = why;
    return step::wait;
  }
  void compact();

  std::uint8_t version_;
  std::uint32_t said_;
  frame_error error_ = frame_error::none;
  bytes buffer_;
  std::size_t consumed_ = 0;
  std::uint64_t frames_ = 0;
  time_point fed_{};
  decode_share memory_;
  /// In the order in which they began.
  std::vector<unfinished> unfinished_;
  std::size_t fragment_bytes_ = 0;
  bytes whole_;
};

// --- implementation ---

inline void splitter::feed(byte_view received, time_point now) noexcept {
  fed_ = now;
  try {
    buffer_.insert(buffer_.end(), received.begin(), received.end());
  } catch (const std::bad_alloc&) {
    error_ = frame_error::no_memory;
  }
}

inline bool splitter::next(message_frame& frame) noexcept {
  memory_.give(whole_.size());
  whole_ = {};  // a large one is not kept
  try {
    while (error_ == frame_error::none) {
      const step result = take_frame(frame);
      if (result != step::again) return result == step::message;
    }
  } catch (const std::bad_alloc&) {
    error_ = frame_error::no_memory;
  }
  return false;
}

inline splitter::step splitter::take_frame(message_frame& frame) {
  const std::size_t available = buffer_.size() - consumed_;
  if (available < header_bytes) {
    compact();
    return step::wait;
  }
  frame_header header;
  const frame_error wrong = read_header(buffer_.data() + consumed_, header);
  if (wrong != frame_error::none) return refuse(wrong);
  if (header.version != version_) return refuse(frame_error::bad_version);
  if (available < header_bytes + header.length) {
    compact();
    return step::wait;
  }
  const std::byte* at = buffer_.data() + consumed_ + header_bytes;
  const std::size_t covered = header.length - checksum_bytes;
  std::uint32_t sum = 0;
  std::memcpy(&sum, at + covered, checksum_bytes);
  if (sum != crc32c({at, covered}, said_)) return refuse(frame_error::bad_body_checksum);
  consumed_ += header_bytes + header.length;
  ++frames_;

  const std::byte* end = at + covered;
  std::uint32_t sid = 0;
  std::uint32_t number = 0;
  if ((header.flags & flag::has_sid) != 0) {
    std::memcpy(&sid, at, 4);
    at += 4;
  }
  if ((header.flags & flag::fragment) != 0) {
    std::memcpy(&number, at, 4);
    at += 4;
  }
  frame = {header.code, header.flags, header.rid, static_cast<partition_id>(header.partition), sid,
           byte_view{at, end}};
  if ((header.flags & flag::fragment) == 0) return step::message;
  return take_fragment(header, number, frame);
}

inline splitter::step splitter::take_fragment(const frame_header& header, std::uint32_t number,
                                              message_frame& frame) {
  const bool more = (header.flags & flag::more) != 0;
  auto found = std::find_if(unfinished_.begin(), unfinished_.end(),
                            [number](const unfinished& u) { return u.number == number; });
  if (found == unfinished_.end()) {
    if (!more) return refuse(frame_error::bad_fragment);
    if (unfinished_.size() == limits::fragmented_messages) return refuse(frame_error::over_budget);
    unfinished_.push_back({number, header, frame.sid, fed_, {}});
    found = unfinished_.end() - 1;
  }
  const frame_header& first = found->first;
  if (first.code != header.code || first.rid != header.rid ||
      first.partition != header.partition || found->sid != frame.sid) {
    return refuse(frame_error::bad_fragment);
  }
  static_assert(limits::frame_bytes <= limits::control_bytes);  // one frame is within any cap
  if (found->payload.size() + frame.payload.size() > payload_cap(header.code)) {
    return refuse(frame_error::too_long);
  }
  if (fragment_bytes_ + frame.payload.size() > limits::fragment_bytes) {
    return refuse(frame_error::over_budget);
  }
  if (!memory_.take(frame.payload.size())) return refuse(frame_error::no_memory);
  found->payload.insert(found->payload.end(), frame.payload.begin(), frame.payload.end());
  fragment_bytes_ += frame.payload.size();
  if (more) return step::again;
  fragment_bytes_ -= found->payload.size();
  whole_ = std::move(found->payload);
  unfinished_.erase(found);
  frame.payload = whole_;
  return step::message;
}

inline void splitter::compact() {
  if (consumed_ == 0) return;
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(consumed_));
  consumed_ = 0;
}

}  // namespace kith::wire
