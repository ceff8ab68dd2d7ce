// The last things that a machine did about keys: a small ring for who asks why a key is as it is.
// Not a log: it is overwritten, and nothing depends on it.
#pragma once

#include <kith/core/ids.hpp>
#include <kith/core/ordinal.hpp>
#include <kith/core/time.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace kith {

enum class key_event : std::uint8_t {
  // As a reader.
  fill_begun,
  fill_joined,
  fill_kept,
  fill_refused,
  invalidated,
  near_flushed,
  near_cleared,
  near_tag_ended,
  write_answered,
  call_timed_out,
  // As the owner.
  write_applied,
  load_begun,
  load_ended,
  cleared,
  tag_ended,
};

[[nodiscard]] constexpr std::string_view to_string(key_event what) {
  switch (what) {
    case key_event::fill_begun: return "fill_begun";
    case key_event::fill_joined: return "fill_joined";
    case key_event::fill_kept: return "fill_kept";
    case key_event::fill_refused: return "fill_refused";
    case key_event::invalidated: return "invalidated";
    case key_event::near_flushed: return "near_flushed";
    case key_event::near_cleared: return "near_cleared";
    case key_event::near_tag_ended: return "near_tag_ended";
    case key_event::write_answered: return "write_answered";
    case key_event::call_timed_out: return "call_timed_out";
    case key_event::write_applied: return "write_applied";
    case key_event::load_begun: return "load_begun";
    case key_event::load_ended: return "load_ended";
    case key_event::cleared: return "cleared";
    case key_event::tag_ended: return "tag_ended";
  }
  return "unknown";
}

struct key_event_record {
  time_point at;
  key_event what = key_event::fill_begun;
  /// Value-initialised: of all caches.
  cache_id cache{};
  partition_id partition{};
  /// Absent: of all keys of the partition.
  std::optional<std::uint64_t> key_hash;
  kith::version version;
};

/// Recording is one store of 64 bytes; memory grows to 8 KB with the first records.
class key_events {
 public:
  static constexpr std::size_t capacity = 128;

  void record(const key_event_record& one) {
    if (ring_.size() < capacity) {
      ring_.push_back(one);
    } else {
      ring_[next_] = one;
    }
    next_ = (next_ + 1) % capacity;
  }

  /// Calls `visit` for what concerns the key, oldest first.
  template <class Visit>
  void for_key(cache_id cache, std::uint64_t hash, Visit&& visit) const {
    const std::size_t first = ring_.size() < capacity ? 0 : next_;
    for (std::size_t i = 0; i < ring_.size(); ++i) {
      const key_event_record& one = ring_[(first + i) % ring_.size()];
      const bool of_cache = one.cache == cache || one.cache == cache_id{};
      const bool of_key =
          one.partition == partition_of(hash) && one.key_hash.value_or(hash) == hash;
      if (of_cache && of_key) visit(one);
    }
  }

 private:
  std::vector<key_event_record> ring_;
  std::size_t next_ = 0;
};

}  // namespace kith
