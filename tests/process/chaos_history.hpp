// What the processes of a chaos run write down, a line an event, and read back by the judge. Times
// are nanoseconds of CLOCK_BOOTTIME, which all processes of a machine share.
//
//   invoked KEY VALUE TIME              a write is about to begin; an erase has the value 0
//   put KEY VALUE TIMES OK VERSION EPOCHS
//   erase KEY 0 TIMES OK VERSION EPOCHS
//   read KEY VALUE TIMES OK VERSION FOUND EPOCHS
//   near|owned KEY VALUE VERSION FOUND  read when all had healed
//   view NUMBER BRANCH HASH LOST...     the process has a new view, in which these partitions begin
//                                       with nothing: all who had them are gone
//   hits N                              near hits of the process until now
//
// TIMES are the invocation and the answer, VERSION is view, branch and sequence. EPOCHS are those
// of the key's partition in the process's view before and after the operation.
//
// A line goes to the system before the write that it announces begins, and at the latest with some
// hundred others: a SIGKILL loses the tail of what was answered, and no write.
#pragma once

#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>

namespace chaos {

class history {
 public:
  explicit history(const std::string& path)
      : descriptor_{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)} {
    if (descriptor_ < 0) throw std::runtime_error{"cannot write " + path};
  }
  ~history() {
    flush();
    ::close(descriptor_);
  }
  history(const history&) = delete;
  history& operator=(const history&) = delete;

  enum class when : std::uint8_t { soon, now };
  void add(const std::string& line, when written = when::soon) {
    const std::lock_guard lock{mutex_};
    buffer_ += line;
    buffer_ += '\n';
    if (written == when::now || buffer_.size() > buffer_bytes) write_out();
  }
  void flush() {
    const std::lock_guard lock{mutex_};
    write_out();
  }

 private:
  static constexpr std::size_t buffer_bytes = 16 << 10;

  void write_out() {
    const char* from = buffer_.data();
    for (std::size_t left = buffer_.size(); left > 0;) {
      const ssize_t written = ::write(descriptor_, from, left);
      if (written <= 0) break;  // a full disk: the judge sees a torn line
      from += written;
      left -= static_cast<std::size_t>(written);
    }
    buffer_.clear();
  }

  const int descriptor_;
  std::mutex mutex_;
  std::string buffer_;
};

[[nodiscard]] inline std::string text_of(kith::time_point when) {
  return std::to_string(when.time_since_epoch().count());
}
[[nodiscard]] inline std::string text_of(const kith::epoch& of) {
  return std::to_string(of.view.value()) + ' ' + std::to_string(of.branch);
}
[[nodiscard]] inline std::string text_of(const kith::version& of) {
  return text_of(of.epoch) + ' ' + std::to_string(of.seq.value());
}

inline std::istream& operator>>(std::istream& in, kith::time_point& when) {
  kith::duration::rep count = 0;
  in >> count;
  when = kith::time_point{kith::duration{count}};
  return in;
}
inline std::istream& read(std::istream& in, kith::epoch& of) {
  std::uint64_t view = 0;
  in >> view >> of.branch;
  of.view = kith::view_number{view};
  return in;
}
inline std::istream& read(std::istream& in, kith::version& of) {
  std::uint64_t seq = 0;
  read(in, of.epoch) >> seq;
  of.seq = kith::sequence{seq};
  return in;
}

}  // namespace chaos
