// What a replica has counted, in a file that is mapped into its memory: the kernel keeps the pages
// when the process is killed, so that the replica which is started again counts on where the dead
// one stopped, and the sum over all replicas misses nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace catalog {

struct counters {
  using count = std::atomic<std::uint64_t>;
  static_assert(count::is_always_lock_free, "the file must hold nothing but the numbers");

  /// Answers to GET /package/NAME, by what it took to give them.
  count near{0};
  count owner{0};
  count database{0};
  /// Answers that no such package exists.
  count absent{0};
  /// Reads that ended with an error.
  count failed{0};
  count writes{0};
  /// SELECTs of a package that this process sent to the database: for its own readers, and as the
  /// owner for those of other replicas.
  count selects{0};
  /// The most that an answer from the near cache can have been behind the owner, in nanoseconds.
  count oldest_near_ns{0};
};

class counters_file {
 public:
  /// Opens or makes the file. Throws std::system_error.
  explicit counters_file(const std::string& path);
  ~counters_file();
  counters_file(const counters_file&) = delete;
  counters_file& operator=(const counters_file&) = delete;

  [[nodiscard]] counters& get() { return *mapped_; }

 private:
  counters* mapped_ = nullptr;
};

}  // namespace catalog
