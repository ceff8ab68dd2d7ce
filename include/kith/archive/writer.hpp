// The writing half of the archive, without the types: a position in a sink, kept in a register
// while serialize() runs, and the counts that a reader will check.
#pragma once

#include <kith/archive/layout.hpp>
#include <kith/core/byte_sink.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>

namespace kith::archive {

/// Refuses to write what no reader accepts.
#if defined(__GNUC__)
[[gnu::noinline, gnu::cold]]
#endif
[[noreturn]] inline void
throw_unreadable(const char* why) {
  throw std::length_error{why};
}

class writer {
 public:
  explicit writer(byte_sink& sink) : sink_{&sink}, at_{sink.position()}, limit_{sink.limit()} {}
  writer(const writer&) = delete;
  writer& operator=(const writer&) = delete;
  /// Hands what was written to the sink.
  void finish() { sink_->finish(at_); }

  void put_raw(const void* data, std::size_t size) {
    make_room(size);
    if (size != 0) std::memcpy(at_, data, size);
    at_ += size;
  }
  void put_count(std::uint64_t count) {
    make_room(varint_bytes_max);
    put_count_in_room(count);
  }
  /// A count and the `size` bytes of its items, with one look at the room.
  void put_block(std::uint64_t count, const void* data, std::size_t size) {
    make_room(varint_bytes_max + size);
    put_count_in_room(count);
    if (size != 0) std::memcpy(at_, data, size);
    at_ += size;
  }

 protected:
  [[nodiscard]] std::size_t written() const {
    return static_cast<std::size_t>(at_ - sink_->view().data());
  }
  void enter() {
    if (depth_ >= depth_max) throw_unreadable("kith: the value is nested too deep to be read back");
    ++depth_;
  }
  void leave() { --depth_; }
  void count_weightless() {
    if (++weightless_ > weightless_items_max) {
      throw_unreadable("kith: the value holds too many empty items to be read back");
    }
  }

 private:
  void make_room(std::size_t size) {
    if (static_cast<std::size_t>(limit_ - at_) < size) {
      at_ = sink_->grow(at_, size);
      limit_ = sink_->limit();
    }
  }

  void put_count_in_room(std::uint64_t count) {
    if (count < 0x80) {
      *at_++ = static_cast<std::byte>(count);
    } else {
      at_ = write_varint(at_, count);
    }
  }

  byte_sink* sink_;
  std::byte* at_;
  std::byte* limit_;
  unsigned depth_ = 0;
  std::uint64_t weightless_ = 0;
};

}  // namespace kith::archive
