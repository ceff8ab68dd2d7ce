// What an owner asks of the store behind a cache, and what is said of it. The store itself is the
// driver's: it runs the user's writer.
#pragma once

#include <kith/core/bytes.hpp>
#include <kith/core/ids.hpp>
#include <kith/core/time.hpp>
#include <kith/writer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace kith::replica {

/// Whether writes of a cache reach a store. All members agree on it, for owners that never opened
/// the cache.
enum class store_kind : std::uint8_t { none, through, behind };

/// How; the owner's own.
struct store_settings {
  /// A writer that has not answered by then may have written, or may still.
  duration write_timeout = std::chrono::seconds{10};
  /// For so long after that nothing that is loaded of the key is kept.
  duration uncertain_for = std::chrono::seconds{10};

  // Of writes behind.

  /// From a change to its write.
  duration delay = std::chrono::milliseconds{100};
  /// Rows that go to the writer together.
  std::size_t batch_max = 1;
  /// Keys of the lane that may be owed.
  std::size_t queue_max = 4096;
  /// What failed is tried again so much later, twice as late each time up to the longest.
  duration retry_first = std::chrono::milliseconds{100};
  duration retry_longest = std::chrono::seconds{10};
};

/// Names one run of a writer; a run that nobody waits for any more is unknown.
struct write_ticket {
  partition_id partition{};
  std::uint64_t number = 0;
};

struct store_row {
  bytes key;
  /// Absent: the row is to be erased.
  std::optional<bytes> value;
  write_fence fence;
};

/// Run the user's writer and hand the result to replica::on_write_done.
struct run_write {
  write_ticket ticket;
  cache_id cache{};
  std::vector<store_row> rows;
  /// As a load's.
  std::uint32_t depth = 0;
};

struct written {};
/// Nothing was written, and will not be.
struct write_refusal {
  std::string text;
};
/// No writer ran: nothing was written.
struct write_unavailable {
  std::string text;
};
/// It may have been written, or not.
struct write_failure {
  std::string text;
};
using write_result = std::variant<written, write_refusal, write_unavailable, write_failure>;

}  // namespace kith::replica
