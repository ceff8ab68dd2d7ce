// Files by descriptor, for what streams cannot do: mapping and locking them.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace catalog {

[[noreturn]] inline void throw_errno(const std::string& what) {
  throw std::system_error{errno, std::generic_category(), what};
}

class file {
 public:
  /// Opens or makes it for reading and writing. Throws std::system_error.
  explicit file(const std::string& path)
      : descriptor_{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)} {
    if (descriptor_ < 0) throw_errno(path);
  }
  ~file() { ::close(descriptor_); }
  file(const file&) = delete;
  file& operator=(const file&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }

  /// Waits until no other process holds the lock; it ends with this object, or with the process.
  void lock() const {
    while (::flock(descriptor_, LOCK_EX) != 0) {
      if (errno != EINTR) throw_errno("flock");
    }
  }

 private:
  int descriptor_;
};

}  // namespace catalog
